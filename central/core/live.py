"""The live view: the city from the newest rows and statuses, in memory.

Taking a row keeps a reference to it and nothing else; what a screen shows is worked out when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from central.core.city import CityNow, HoursNow, PointNow, Site, SiteNow, SiteState
from central.core.figures import SITE_DEVICE, Figures, Seen, figures
from central.core.ledger import INTERVAL_DEFAULT_MS
from central.core.stages import UNPROVEN, SiteProof
from central.core.steering import UNSTEERED, SteeringNow
from central.store.base import StoreRow
from contract.messages import MILLIS_MAX, Status
from contract.readings import QUALITIES, Quality

INTERVALS_FRESH: Final = 3
SLOW_INTERVAL_MAX_MS: Final = 60_000
"""Slow points come this seldom at most; a longer pause between two rows was an outage."""
FORGET_MS: Final = 86_400_000
"""Rows so much older than the newest of their site are of a layout that is no longer used."""
CACHE_MS: Final = 1_000
INTERVAL_MIN_MS: Final = 1_000
INTERVAL_MAX_MS: Final = 3_600_000
"""What a shelter may say of its interval is held between these: it decides how long a value passes for fresh."""


@dataclass(slots=True)
class _Newest:
    """The newest row of one device and shape, and how far apart its rows come."""

    row: StoreRow
    heard_ms: int
    """When it was read, but not later than when it came: a shelter's clock may be fast."""
    pause_ms: int = 0
    pause_before_ms: int = 0

    @property
    def usual_pause_ms(self) -> int:
        """The shorter of the last two: now and then a row of another shape of the device takes this one's turn."""
        return min(self.pause_ms, self.pause_before_ms or self.pause_ms, SLOW_INTERVAL_MAX_MS)

    def fresh_for_ms(self, interval_ms: float, device_heard_ms: int) -> float:
        """Three usual pauses. A row that came once, beside newer ones of its device, is of slow points whose pause is
        not known yet: the next one is due within the longest there is.
        """
        if not self.pause_ms and self.heard_ms < device_heard_ms:
            return SLOW_INTERVAL_MAX_MS + INTERVALS_FRESH * interval_ms
        return INTERVALS_FRESH * max(interval_ms, self.usual_pause_ms)


@dataclass(slots=True)
class _Shelter:
    rows: dict[tuple[str, tuple[str, ...]], _Newest] = field(default_factory=dict)
    heard_ms: int = 0
    """Of the newest row, dark ones too: when it was read, but not later than when it came."""
    read_ms: int = 0
    """Time of the newest row in which a device answered."""
    status: Status | None = None
    status_received_ms: int = 0

    @property
    def interval_ms(self) -> float:
        interval_s = self.status.interval_s if self.status else 0
        if interval_s <= 0:
            return INTERVAL_DEFAULT_MS
        return min(max(interval_s * 1_000, INTERVAL_MIN_MS), INTERVAL_MAX_MS)

    @property
    def fresh_for_ms(self) -> float:
        return INTERVALS_FRESH * self.interval_ms


class LiveView:
    """What the city knows now. ``update`` is called for every row of the city, so it does next to nothing."""

    def __init__(self) -> None:
        self._sites: dict[str, Site] = {}
        self._shelters: dict[str, _Shelter] = {}
        self._proofs: Mapping[str, SiteProof] = {}
        self._steering: Callable[[str, int], SteeringNow] = lambda _site, _now_ms: UNSTEERED
        self._hours: Mapping[str, HoursNow] = {}
        self._city: CityNow | None = None

    def set_sites(self, sites: Iterable[Site]) -> None:
        """Take the registry as it is now. A shelter that is gone from it is not shown any more."""
        self._sites = {site.id: site for site in sorted(sites, key=lambda site: site.id)}
        self._city = None

    def set_proofs(self, proofs: Mapping[str, SiteProof]) -> None:
        """Take what is proven of each shelter now; one that is not named has no report."""
        self._proofs = dict(proofs)
        self._city = None

    def set_hours(self, hours: Mapping[str, HoursNow]) -> None:
        """Take how long each shelter's loads last, as last worked out."""
        self._hours = dict(hours)
        self._city = None

    def proof(self, site: str) -> SiteProof:
        """What is proven of a shelter."""
        return self._proofs.get(site, UNPROVEN)

    def sites(self) -> Sequence[Site]:
        """The registry, by id."""
        return tuple(self._sites.values())

    def steered_by(self, steering: Callable[[str, int], SteeringNow]) -> None:
        """Ask this of every shelter's modes: site and time → what it has proven and what is wanted of it."""
        self._steering = steering
        self._city = None

    def update(self, rows: Iterable[StoreRow], received_ms: int = MILLIS_MAX) -> None:
        """Take rows, late ones too: only the newest of each device and shape is kept."""
        shelters = self._shelters
        for row in rows:
            shelter = shelters.get(row.site)
            if shelter is None:
                shelter = shelters[row.site] = _Shelter()
            key = (row.device, row.points)
            newest = shelter.rows.get(key)
            at_ms = row.at_ms
            heard_ms = min(at_ms, received_ms)
            if newest is None:
                shelter.rows[key] = _Newest(row, heard_ms)
            elif at_ms > newest.row.at_ms:
                newest.pause_before_ms = newest.pause_ms
                newest.pause_ms = at_ms - newest.row.at_ms
                newest.row = row
                newest.heard_ms = heard_ms
            else:
                continue
            # What was heard "later" than now was heard before the city's clock was set back.
            if not heard_ms <= shelter.heard_ms <= received_ms:
                shelter.heard_ms = heard_ms
            if at_ms > shelter.read_ms and len(row.bad) != 1:
                shelter.read_ms = at_ms

    def set_status(self, site: str, status: Status, received_ms: int) -> Status:
        """Take a status. A last will says "offline" and nothing else, so what was known before stays; returns both."""
        shelter = self._shelters.setdefault(site, _Shelter())
        before = shelter.status
        if before is not None and not status.online and not status.at_ms and status.outbox is None:
            status = msgspec.structs.replace(before, online=False)
        shelter.status = status
        shelter.status_received_ms = received_ms
        return status

    def interval_ms(self, site: str) -> float:
        """How often a site reads its fast points, as it says."""
        shelter = self._shelters.get(site)
        return shelter.interval_ms if shelter else INTERVAL_DEFAULT_MS

    def status(self, site: str) -> tuple[Status | None, int]:
        """A site's newest status and when it was received."""
        shelter = self._shelters.get(site)
        return (shelter.status, shelter.status_received_ms) if shelter else (None, 0)

    def device_with(self, site: str, point: str) -> str | None:
        """The device that has a point: in the order of the headline figures, one that is gone for long last."""
        shelter = self._shelters.get(site)
        if shelter is None:
            return None
        rows = [newest.row for newest in shelter.rows.values()]
        inverters = {row.device for row in rows if "inverter.state" in row.points}
        forget_ms = shelter.heard_ms - FORGET_MS

        def place(row: StoreRow) -> tuple[bool, bool, bool, str]:
            return row.at_ms < forget_ms, row.device != SITE_DEVICE, row.device in inverters, row.device

        found = [row for row in rows if point in row.points]
        return min(found, key=place).device if found else None

    def city(self, now_ms: int) -> CityNow:
        """The whole city, not older than a second; shelters in the order of their ids and without their points."""
        if self._city is None or not 0 <= now_ms - self._city.at_ms < CACHE_MS:
            self._city = _add_up([self._site(site, now_ms) for site in self._sites.values()], now_ms)
        return self._city

    def site(self, site_id: str, now_ms: int) -> SiteNow | None:
        """One shelter with all its points; ``None`` when it is not registered."""
        site = self._sites.get(site_id)
        return self._site(site, now_ms, with_points=True) if site else None

    def _site(self, site: Site, now_ms: int, *, with_points: bool = False) -> SiteNow:
        shelter = self._shelters.get(site.id)
        if shelter is None:
            return SiteNow(
                site=site,
                state=SiteState.NEVER_SEEN,
                proof=self._proofs.get(site.id, UNPROVEN),
                steering=self._steering(site.id, now_ms),
                hours=self._hours.get(site.id),
            )
        seen = _seen(shelter, now_ms)
        found = figures(seen, site)
        status = shelter.status
        dark = _dark(seen, status)
        return SiteNow(
            site=site,
            state=_state(shelter, found, dark, now_ms),
            last_reading_ms=shelter.read_ms or None,
            pv_w=found.pv_w,
            load_w=found.load_w,
            grid_w=found.grid_w,
            battery_w=found.battery_w,
            soc_pct=found.soc_pct,
            reserve_pct=found.reserve_pct,
            stored_wh=found.stored_wh,
            devices_dark=dark,
            points=_points(seen) if with_points else (),
            status=status,
            proof=self._proofs.get(site.id, UNPROVEN),
            steering=self._steering(site.id, now_ms),
            hours=self._hours.get(site.id),
        )


def _seen(shelter: _Shelter, now_ms: int) -> list[Seen]:
    """Newest rows and whether each is fresh.

    A row is fresh for three of its own usual pauses, as slow points come seldom, but not longer than its device and
    its shelter are: who has fallen silent has no fresh value of any kind. A silent device that the shelter does not
    name any more is not waited for: it was renamed or taken away.
    """
    forget_ms = shelter.heard_ms - FORGET_MS
    rows = [newest for newest in shelter.rows.values() if newest.row.at_ms >= forget_ms]
    devices: dict[str, tuple[int, float]] = {}
    for newest in rows:
        pause_ms = max(shelter.interval_ms, newest.usual_pause_ms)
        heard_ms, shortest_ms = devices.get(newest.row.device, (0, pause_ms))
        devices[newest.row.device] = (max(heard_ms, newest.heard_ms), min(shortest_ms, pause_ms))
    fresh = {
        device
        for device, (heard_ms, pause_ms) in devices.items()
        if _is_within(shelter.fresh_for_ms, shelter.heard_ms, now_ms)
        and _is_within(INTERVALS_FRESH * pause_ms, heard_ms, now_ms)
    }
    seen = [
        Seen(
            newest.row,
            fresh=newest.row.device in fresh
            and _is_within(
                newest.fresh_for_ms(shelter.interval_ms, devices[newest.row.device][0]), newest.heard_ms, now_ms
            ),
        )
        for newest in rows
    ]
    known = {SITE_DEVICE, *(device.id for device in shelter.status.devices)} if shelter.status else set()
    if len(known) <= 1:
        return seen
    return [one for one in seen if one.fresh or one.row.device in known]


def _is_within(limit_ms: float, heard_ms: int, now_ms: int) -> bool:
    """Whether something was heard not long ago. Nothing was heard in the future: then the clock was set back."""
    return -limit_ms <= now_ms - heard_ms <= limit_ms


def _state(shelter: _Shelter, found: Figures, dark: Sequence[str], now_ms: int) -> SiteState:
    status = shelter.status
    if not shelter.heard_ms and status is None:
        return SiteState.NEVER_SEEN
    # A will that arrives after its agent came back by another connection is outrun by that agent's readings.
    if status is not None and not status.online and shelter.heard_ms <= shelter.status_received_ms:
        return SiteState.OFFLINE
    if not _is_within(shelter.fresh_for_ms, shelter.heard_ms, now_ms):
        return SiteState.STALE
    if found.islanded:
        return SiteState.ISLANDED
    return SiteState.FAULT if found.fault or dark else SiteState.ON_GRID


def _dark(seen: Sequence[Seen], status: Status | None) -> tuple[str, ...]:
    """Devices that do not answer: by their newest row, or by the status for those of which there is no fresh row."""
    newest: dict[str, Seen] = {}
    for one in seen:
        known = newest.get(one.row.device)
        if known is None or one.row.at_ms > known.row.at_ms:
            newest[one.row.device] = one
    dark = {device for device, one in newest.items() if one.fresh and len(one.row.bad) == 1 and device != SITE_DEVICE}
    if status is not None and status.online:
        dark |= {
            device.id
            for device in status.devices
            if not device.online and not (device.id in newest and newest[device.id].fresh)
        }
    return tuple(sorted(dark))


def _points(seen: Sequence[Seen]) -> tuple[PointNow, ...]:
    found: dict[tuple[str, str], PointNow] = {}
    for one in sorted(seen, key=lambda one: one.row.at_ms):
        row = one.row
        reasons = _reasons(row)
        for point, value in zip(row.points, row.values, strict=True):
            quality = Quality.GOOD if value is not None else reasons.get(point, Quality.NOT_AVAILABLE)
            found[row.device, point] = PointNow(
                row.device, point, value, quality if one.fresh else Quality.STALE, row.at_ms
            )
    return tuple(found[key] for key in sorted(found))


def _reasons(row: StoreRow) -> Mapping[str, Quality]:
    if not row.bad:
        return {}
    if row.bad in QUALITIES:
        return dict.fromkeys(row.points, QUALITIES[row.bad])
    pairs = (part.partition("=") for part in row.bad.split())
    return {point: QUALITIES.get(code, Quality.NOT_AVAILABLE) for point, _, code in pairs}


def _add_up(sites: Sequence[SiteNow], now_ms: int) -> CityNow:
    counts: dict[SiteState, int] = {}
    for site in sites:
        counts[site.state] = counts.get(site.state, 0) + 1
    known = {
        name: [value for value in (getattr(site, name) for site in sites) if value is not None]
        for name in ("pv_w", "load_w", "grid_w", "battery_w", "stored_wh")
    }
    return CityNow(
        at_ms=now_ms,
        sites=tuple(sites),
        counts=counts,
        pv_w=sum(known["pv_w"]),
        load_w=sum(known["load_w"]),
        grid_w=sum(known["grid_w"]),
        stored_wh=sum(known["stored_wh"]),
        reporting={name: len(values) for name, values in known.items() if name != "battery_w"},
    )
