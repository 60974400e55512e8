"""Gathers what rules look at: the live view, devices' points, the last days' energy, the sun, the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import structlog

from central.core.autonomy.values import HOUR_MS, Floats, Plane
from central.core.city import CityNow, PointNow, Queries, SiteNow, SiteState
from central.core.facts import NO_FACTS, Fact, ShelterFacts, newest, values_of
from central.core.habits import DAY_MS, PastDay, Row, curtailed, day_of, line_of, start_of
from central.core.plants import plane_of
from central.core.watch import episodes, pv
from central.core.watch.episodes import Episodes
from central.core.watch.looking import Look
from central.core.watch.readings import Readings
from central.store.base import StoreError
from central.watch.service import ServiceGatherer, ServiceSources
from contract.messages import ClockState
from contract.points import InverterState
from contract.readings import Quality

log = structlog.get_logger(__name__)

HALF_HOUR_MS: Final = 1_800_000
JUDGE_EVERY_MS: Final = HOUR_MS
"""So often the last days are judged anew: late data may have come."""
SUN_UP: Final = 0.01
"""The sun is up when a clear sky would give this share of the peak."""
AWAY: Final = frozenset({SiteState.OFFLINE, SiteState.STALE})


class Targets(Protocol):
    """Knows the demand that each shelter is to stay under, and what the running half hour will come to."""

    def target_w(self, site: str) -> float | None:
        """Mean of half an hour in W; ``None``: no target is set."""
        ...

    def demand_w(self, site: str) -> float | None:
        """The same of the running half hour; ``None``: not known."""
        ...


class Certificates(Protocol):
    """Knows when certificates end."""

    def expiries(self) -> Mapping[str, int]:
        """Shelter → end of its certificate, UTC milliseconds."""
        ...


class NoTargets:
    """No shelter has a target."""

    def target_w(self, site: str) -> float | None:  # noqa: ARG002 - the protocol's
        """None."""
        return None

    def demand_w(self, site: str) -> float | None:  # noqa: ARG002 - the protocol's
        """None."""
        return None


class NoCertificates:
    """No certificate is known."""

    def expiries(self) -> Mapping[str, int]:
        """None."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where readings come from."""

    queries: Queries
    days: Callable[[str], Mapping[int, PastDay]]
    """A shelter's last weeks by the hour."""
    facts: Callable[[], Awaitable[Sequence[Fact]]]
    service: ServiceSources
    reserve_pct: float
    """What the city's orders keep for an outage."""
    targets: Targets
    certificates: Certificates


@dataclass(slots=True)
class _Sky:
    """Plants, their neighbours and their clear sky of the last days and of today."""

    day: int
    planes: tuple[Plane, ...]
    neighbours: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    past_w: Floats
    """Plants × days × hours, what the inverter lets through."""
    today_w: Floats
    """Plants × half hours."""
    sun: Floats
    """Plants × half hours: clear sky of today for one watt of modules."""
    judged: pv.PlantDays | None = None
    judged_ms: int = 0


class Gatherer:
    """Makes one ``Look`` after the other. ``faults`` and ``links`` outlive a restart."""

    def __init__(self, sources: Sources, *, started_ms: int) -> None:
        self._sources = sources
        self.faults = Episodes()
        self.links = Episodes()
        self._sky: _Sky | None = None
        self._service = ServiceGatherer(sources.service, started_ms=started_ms)
        self._up_ms = started_ms
        """Since when shelters can be heard."""

    async def look(self, now_ms: int) -> Look:
        """What is known now."""
        city = self._sources.queries.now()
        service = await self._service.readings(now_ms)
        broker_min = service.broker_down_min
        if broker_min:
            self._up_ms = now_ms
        sky = await self._sky_of(city, now_ms)
        self._count(city, now_ms, is_broker_away=bool(broker_min))
        points = {now.site.id: self._points(now) for now in city.sites}
        pv_now = _pv_now(city, points, sky, now_ms)
        ends = self._sources.certificates.expiries()
        readings = {}
        for row, now in enumerate(city.sites):
            readings[now.site.id] = self._readings(now, points[now.site.id], row, sky, pv_now, ends, now_ms)
            await asyncio.sleep(0)
        return Look(
            at_ms=now_ms,
            wards={now.site.id: now.site.ward for now in city.sites},
            readings=readings,
            service=service,
        )

    # --- One shelter --------------------------------------------------------------------------------------------------

    def _count(self, city: CityNow, now_ms: int, *, is_broker_away: bool) -> None:
        faulty: dict[str, bool | None] = {}
        away: dict[str, bool | None] = {}
        for now in city.sites:
            is_heard = _is_heard(now)
            faulty[now.site.id] = now.state is SiteState.FAULT or bool(now.devices_dark) if is_heard else None
            is_known = not is_broker_away and now.state is not SiteState.NEVER_SEEN
            away[now.site.id] = now.state in AWAY if is_known else None
        self.faults = episodes.followed(self.faults, faulty, now_ms)
        self.links = episodes.followed(self.links, away, now_ms)

    def _points(self, now: SiteNow) -> Sequence[PointNow]:
        """Of a shelter that is heard."""
        detail = self._sources.queries.site_now(now.site.id) if _is_heard(now) else None
        return detail.points if detail is not None else ()

    def _readings(
        self,
        now: SiteNow,
        points: Sequence[PointNow],
        row: int,
        sky: _Sky,
        pv_now: Floats,
        ends: Mapping[str, int],
        now_ms: int,
    ) -> Readings:
        site, is_heard = now.site.id, _is_heard(now)
        outbox = now.status.outbox if now.status is not None and is_heard else None
        target_w = self._sources.targets.target_w(site)
        judged = sky.judged
        end_ms = ends.get(site)
        return Readings(
            silent_min=self._silent_min(now, now_ms),
            link_drops=float(self.links.count(site)),
            pv_now_of_neighbours_pct=_known(pv_now[row]),
            pv_of_neighbours_pct=_known(judged.of_neighbours_pct[row]) if judged else None,
            pv_of_clear_sky_pct=_known(judged.of_clear_sky_pct[row]) if judged else None,
            soh_pct=min(_good(points, "battery.soh_pct"), default=None),
            faults=float(self.faults.count(site)),
            clock_off_s=_clock_off_s(now, points, now_ms) if is_heard else None,
            is_clock_unknown=now.status.clock is ClockState.UNKNOWN if now.status is not None and is_heard else None,
            soc_pct=now.soc_pct,
            # A device that lost its setting says a low one: what the city keeps counts, if it is more.
            reserve_pct=max(self._sources.reserve_pct, now.reserve_pct or 0.0),
            is_sun_up=bool(sky.sun[row, _slot(sky, now_ms)] > SUN_UP),
            is_islanded=now.state is SiteState.ISLANDED if is_heard else None,
            demand_w=self._sources.targets.demand_w(site) if target_w else None,
            target_w=target_w,
            outbox_pct=100 * outbox.bytes / outbox.bytes_max if outbox and outbox.bytes_max else None,
            outbox_age_h=_age_h(outbox.oldest_ms if outbox.waiting else 0, now_ms) if outbox else None,
            certificate_days=(end_ms - now_ms) / DAY_MS if end_ms is not None else None,
        )

    def _silent_min(self, now: SiteNow, now_ms: int) -> float | None:
        if now.state is SiteState.NEVER_SEEN:
            return None
        if now.state not in AWAY:
            return 0.0
        return max(0, now_ms - max(now.last_reading_ms or 0, self._up_ms)) / 60_000

    # --- Sun ----------------------------------------------------------------------------------------------------------

    async def _sky_of(self, city: CityNow, now_ms: int) -> _Sky:
        facts: Mapping[str, ShelterFacts] = {}
        try:
            facts = {site: values_of(named) for site, named in newest(await self._sources.facts()).items()}
        except StoreError as error:
            log.warning("facts_not_read", error=str(error))
        planes = tuple(plane_of(now.site, facts.get(now.site.id, NO_FACTS)) for now in city.sites)
        today = day_of(now_ms)
        if self._sky is None or (self._sky.day, self._sky.planes) != (today, planes):
            ratings_w = [now.site.inverter_kw * 1_000 for now in city.sites]
            self._sky = await asyncio.to_thread(_drawn, planes, ratings_w, today)
        sky = self._sky
        if sky.judged is None or not 0 <= now_ms - sky.judged_ms < JUDGE_EVERY_MS:
            measured_w = (
                np.stack([_measured_w(self._sources.days(now.site.id), today) for now in city.sites])
                if (city.sites)
                else np.zeros((0, pv.WINDOW_DAYS, 24))
            )
            sky.judged = await asyncio.to_thread(lambda: pv.judged(pv.shares(measured_w, sky.past_w), sky.neighbours))
            sky.judged_ms = now_ms
        return sky


def _is_heard(now: SiteNow) -> bool:
    return now.state not in AWAY and now.state is not SiteState.NEVER_SEEN


def _pv_now(city: CityNow, points: Mapping[str, Sequence[PointNow]], sky: _Sky, now_ms: int) -> Floats:
    """Power against the neighbours'. A plant that holds back, or may, says nothing of its modules."""
    power_w = _line([now.pv_w for now in city.sites])
    is_full = curtailed(_line([now.soc_pct for now in city.sites]), _line([now.grid_w for now in city.sites])) > 0
    states = [_good(points[now.site.id], "inverter.state") for now in city.sites]
    is_held = np.array([now.state is SiteState.ISLANDED for now in city.sites], dtype=bool)
    is_held |= np.array([InverterState.LIMITED in state for state in states], dtype=bool)
    peak_w = np.array([plane.peak_w for plane in sky.planes])
    seen_w = np.where(is_held | is_full, np.nan, power_w)
    return pv.now_pct(seen_w, sky.today_w[:, _slot(sky, now_ms)], peak_w, sky.neighbours)


def _drawn(planes: tuple[Plane, ...], ratings_w: Sequence[float], today: int) -> _Sky:
    from central.solar import clear_sky_w  # It takes a second to load, beside the loop.

    days, slots = pv.WINDOW_DAYS, DAY_MS // HALF_HOUR_MS
    past_w, sun = np.zeros((len(planes), days * 24)), np.zeros((len(planes), slots))
    if planes:
        past_w = clear_sky_w(planes, start_ms=start_of(today - days), steps=days * 24, step_ms=HOUR_MS)
        one_watt = [replace(plane, peak_w=1.0) for plane in planes]
        sun = clear_sky_w(one_watt, start_ms=start_of(today), steps=slots, step_ms=HALF_HOUR_MS)
    peaks_w = np.array([plane.peak_w for plane in planes])
    return _Sky(
        day=today,
        planes=planes,
        neighbours=pv.nearest([one.latitude for one in planes], [one.longitude for one in planes], peaks_w),
        past_w=pv.reachable_w(past_w, ratings_w).reshape(len(planes), days, 24),
        today_w=pv.reachable_w(sun * peaks_w[:, None], ratings_w),
        sun=sun,
    )


def _measured_w(days: Mapping[int, PastDay], today: int) -> Floats:
    first = today - pv.WINDOW_DAYS
    power_w = line_of(days, Row.PV_W, from_day=first, to_day=today)
    with np.errstate(invalid="ignore"):
        held = line_of(days, Row.HELD, from_day=first, to_day=today) > 0
        held |= line_of(days, Row.CURTAILED, from_day=first, to_day=today) > 0
    return np.where(held, np.nan, power_w).reshape(pv.WINDOW_DAYS, 24)


def _slot(sky: _Sky, now_ms: int) -> int:
    return min(max(0, now_ms - start_of(sky.day)) // HALF_HOUR_MS, DAY_MS // HALF_HOUR_MS - 1)


def _line(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _age_h(oldest_ms: int, now_ms: int) -> float:
    return max(0, now_ms - oldest_ms) / HOUR_MS if oldest_ms else 0.0


def _good(points: Sequence[PointNow], name: str) -> list[float]:
    """Good and fresh values of a point."""
    return [one.value for one in points if one.point == name and one.value is not None and one.quality is Quality.GOOD]


def _clock_off_s(now: SiteNow, points: Sequence[PointNow], now_ms: int) -> float:
    """The worst clock: readings from the future, or a device that tells another time than the reading's."""
    ahead_ms = max(0, (now.last_reading_ms or 0) - now_ms)
    devices_s = [
        abs(one.value - one.at_ms / 1_000)
        for one in points
        if one.point == "inverter.clock_s" and one.value is not None and one.quality is Quality.GOOD
    ]
    return max(ahead_ms / 1_000, *devices_s, 0.0)
