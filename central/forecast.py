"""Hours left of all shelters, kept fresh: gathers what is known, calculates beside the event loop, keeps the answer.

A refresh comes every few minutes and when somebody asks for something older. The store's past is read bit by bit, the
newest days first: the first answer is there soon, says that it rests on few days, and gets better.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from central.core.autonomy.values import HOUR_MS, Floats, Horizon, Plane
from central.core.city import SiteNow
from central.core.facts import NO_FACTS, Fact, ShelterFacts, newest, values_of
from central.core.habits import HISTORY_DAYS, PastDay, day_of, start_of, sunshine
from central.core.hours import CityHours, ReachNow, ShelterHours, hours_now, hours_of, reach_of, tiers_to_keep
from central.core.live import LiveView
from central.core.lookback import Lookback, look_back
from central.core.plants import Plant, plane_of, plant_of
from central.core.preview import NO_HOURS, Hours
from central.core.rationing import TARGET_H
from central.history import History
from central.store.base import StoreError, TelemetryStore

log = structlog.get_logger(__name__)

FIRST_S: Final = 3.0
"""The first answer waits so long for the shelters to be heard; who asks before has it made at once."""
EVERY_S: Final = 180.0
SOON_S: Final = 10.0
"""Who has just been heard again is not left without hours for longer than this."""
OLD_MS: Final = 300_000
"""Who asks gets an answer that is not older than this, if a new one can be had."""
FILL_S: Final = 20.0
"""Longest time of reading the past between two answers."""
WAIT_S: Final = 20.0
"""Longest wait of somebody who asks."""
ONSET_HOURS_MAX: Final = 168
TARGET_H_MAX: Final = 168


class NotYetError(Exception):
    """Nothing was worked out yet, or not in time. The text says why."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What one calculation rests on."""

    now_ms: int
    sites: Sequence[SiteNow]
    days: Mapping[str, Mapping[int, PastDay]]
    facts: Mapping[str, ShelterFacts]


class Forecast:
    """Keeps the newest hours; ``run`` until cancelled."""

    def __init__(
        self,
        live: LiveView,
        store: TelemetryStore,
        facts: Callable[[], Awaitable[Sequence[Fact]]],
        *,
        now: Callable[[], int],
        reserve_pct: float = 30.0,
        horizon: Horizon | None = None,
    ) -> None:
        self._live = live
        self._facts = facts
        self._now = now
        self._reserve_pct = reserve_pct
        self._horizon = horizon or Horizon(hours=TARGET_H)
        self._history = History(store, live.device_with)
        self._lookback = Lookback()
        self._looked_back_day = 0
        self._known: _Known | None = None
        self._clear: tuple[tuple[int, tuple[Plane, ...]], Floats] | None = None
        self._working = asyncio.Lock()
        self.latest: CityHours | None = None
        self.trouble = ""
        """Why the newest answer rests on less than it could."""

    def hours(self, site: str) -> Hours:
        """Hours at critical load as last worked out, for the preview of an incident."""
        return self.latest.of(site) if self.latest is not None else NO_HOURS

    def days(self, site: str) -> Mapping[int, PastDay]:
        """A shelter's last weeks by the hour, as far as they were read."""
        return self._history.days(site)

    def rations(self) -> dict[str, int]:
        """Shelter → load tiers that rationing would leave on, as last worked out; without a proposal it is left out."""
        found = self.latest.shelters.values() if self.latest is not None else ()
        return {one.site: tiers for one in found if (tiers := tiers_to_keep(one)) is not None}

    async def run(self) -> None:
        """Refresh for ever; a failure is logged, and the last answer stays with its time beside it."""
        await asyncio.sleep(FIRST_S)
        while True:
            more = False
            try:
                await self.refresh()
                more = await self.fill()
                if not more:
                    await self.look_back()
            except StoreError as error:
                log.warning("past_not_read", error=str(error))
            except Exception as error:  # noqa: BLE001 - hours must never end the service
                log.error("hours_failed", error=repr(error))
            if not more:
                await self._pause()

    async def _pause(self) -> None:
        """Until the next answer is due: after ``EVERY_S``, or soon after more is known than went into the last one."""
        for _ in range(round(EVERY_S / SOON_S)):
            await asyncio.sleep(SOON_S)
            if self.is_behind():
                return

    def is_behind(self) -> bool:
        """Whether more is known now than when the hours were last worked out: a charge, or days of the past."""
        known = self._known
        if known is None:
            return False
        without = {now.site.id for now in known.sites if now.soc_pct is None}
        return any(
            (now.soc_pct is not None and now.site.id in without)
            or len(self._history.days(now.site.id)) > len(known.days.get(now.site.id, ()))
            for now in self._sites()
        )

    async def refresh(self) -> CityHours:
        """Work out everything anew."""
        async with self._working:
            known = await self._gather()
            horizon = replace(self._horizon, levels=self._lookback.levels)
            plants, clear_w = await asyncio.to_thread(self._plants, known, horizon)
            found = await asyncio.to_thread(hours_of, plants, clear_w, at_ms=known.now_ms, horizon=horizon)
            found = replace(found, cases=self._lookback.cases)
            self.latest, self._known = found, known
            self._live.set_hours({site: hours_now(one) for site, one in found.shelters.items()})
            return found

    async def fill(self, limit_s: float = FILL_S) -> bool:
        """Read more of the past for at most about so long; returns whether there is more.

        Raises:
            StoreError: it can't be read.
        """
        ends_s = time.monotonic() + limit_s
        return await self._history.fill(self._sites(), self._now(), is_time_up=lambda: time.monotonic() >= ends_s)

    async def look_back(self) -> Lookback:
        """Learn from past days how wide a band to show: once a day, when the past has been read."""
        known, city = self._known, self.latest
        if known is None or city is None or day_of(known.now_ms) == self._looked_back_day:
            return self._lookback
        first_day = day_of(known.now_ms) - HISTORY_DAYS
        plants = list(city.plants.values())

        def work() -> Lookback:
            past_w = self._past_sun(tuple(plane_of(plant.now.site, plant.facts) for plant in plants), first_day)
            days = {plant.now.site.id: self._history.days(plant.now.site.id) for plant in plants}
            return look_back(plants, days, past_w, first_day=first_day, now_ms=known.now_ms)

        async with self._working:
            self._lookback = await asyncio.to_thread(work)
        self._looked_back_day = day_of(known.now_ms)
        log.info("looked_back", cases=self._lookback.cases, levels=str(self._lookback.levels))
        return self._lookback

    async def fresh(self, *, wait_s: float = WAIT_S) -> CityHours:
        """An answer that is not too old; an older one when a new one takes too long.

        Raises:
            NotYetError: there is none at all.
        """
        if self.latest is not None and 0 <= self._now() - self.latest.at_ms <= OLD_MS:
            return self.latest
        try:
            async with asyncio.timeout(wait_s):
                return await self.refresh()
        except TimeoutError:
            if self.latest is None:
                raise NotYetError("the hours are being worked out: ask again in a minute") from None
            return self.latest

    async def shelter(self, site: str, *, target_h: int = TARGET_H) -> ShelterHours | None:
        """One shelter's hours with its tiers rationed for another target; ``None``: not registered.

        Raises:
            NotYetError: nothing was worked out yet.
        """
        city = await self.fresh()
        if target_h == TARGET_H or site not in city.plants:
            return city.shelters.get(site)
        horizon = Horizon(hours=max(TARGET_H, target_h), levels=self._lookback.levels)
        plant = city.plants[site]

        def work() -> CityHours:
            clear_w = self._sun([plant], city.at_ms, horizon)
            return hours_of([plant], clear_w, at_ms=city.at_ms, horizon=horizon, target_h=target_h)

        return (await asyncio.to_thread(work)).shelters[site]

    async def reach(self, *, onset_ms: int, target_pct: float) -> ReachNow:
        """Which shelters can be charged by an onset that lies ahead, within ``ONSET_HOURS_MAX``.

        Raises:
            NotYetError: nothing was worked out yet.
        """
        city = await self.fresh()
        at_ms = self._now()
        horizon = Horizon(hours=max(1, -(-(onset_ms - at_ms) // HOUR_MS)))
        plants = list(city.plants.values())

        def work() -> ReachNow:
            clear_w = self._sun(plants, at_ms, horizon)
            return reach_of(plants, clear_w, at_ms=at_ms, onset_ms=onset_ms, target_pct=target_pct, horizon=horizon)

        return await asyncio.to_thread(work)

    # --- What is known ------------------------------------------------------------------------------------------------

    def _sites(self) -> list[SiteNow]:
        now_ms = self._now()
        found = [self._live.site(site.id, now_ms) for site in self._live.sites()]
        return [one for one in found if one is not None]

    async def _gather(self) -> _Known:
        """A failing store costs the past, not the answer."""
        sites, now_ms = self._sites(), self._now()
        self.trouble = ""
        try:
            await self._history.follow(sites, now_ms)
        except StoreError as error:
            self.trouble = str(error)
            log.warning("past_not_read", error=str(error))
        facts = {site: values_of(named) for site, named in newest(await self._facts()).items()}
        days = {now.site.id: dict(self._history.days(now.site.id)) for now in sites}
        return _Known(now_ms, sites, days, facts)

    # --- Beside the loop ----------------------------------------------------------------------------------------------

    def _plants(self, known: _Known, horizon: Horizon) -> tuple[list[Plant], Floats]:
        first_day = day_of(known.now_ms) - HISTORY_DAYS
        planes = tuple(plane_of(now.site, known.facts.get(now.site.id, NO_FACTS)) for now in known.sites)
        past_w = self._past_sun(planes, first_day)
        plants = []
        for row, now in enumerate(known.sites):
            site = now.site.id
            days = known.days[site]
            try:
                plants.append(
                    plant_of(
                        now,
                        days,
                        sunshine(days, past_w[row], first_day=first_day, now_ms=known.now_ms),
                        known.facts.get(site, NO_FACTS),
                        now_ms=known.now_ms,
                        reserve_pct=self._reserve_pct,
                    )
                )
            except ValueError as error:  # One odd shelter must not cost the others their hours.
                log.warning("shelter_not_estimated", site=site, error=str(error))
        return plants, self._sun(plants, known.now_ms, horizon)

    def _past_sun(self, planes: tuple[Plane, ...], first_day: int) -> Floats:
        """Clear sky of the days that are kept, by shelter, day and hour; calculated once a day."""
        key = (first_day, planes)
        if self._clear is None or self._clear[0] != key:
            steps = (HISTORY_DAYS + 1) * 24
            flat_w = _clear_sky(planes, start_ms=start_of(first_day), steps=steps, step_ms=HOUR_MS)
            self._clear = (key, flat_w.reshape(len(planes), HISTORY_DAYS + 1, 24))
        return self._clear[1]

    @staticmethod
    def _sun(plants: Sequence[Plant], at_ms: int, horizon: Horizon) -> Floats:
        planes = [plane_of(plant.now.site, plant.facts) for plant in plants]
        return _clear_sky(planes, start_ms=at_ms, steps=horizon.steps, step_ms=horizon.step_ms)


def _clear_sky(planes: Sequence[Plane], *, start_ms: int, steps: int, step_ms: int) -> Floats:
    import numpy as np

    from central.solar import clear_sky_w  # It takes a second to load; only who calculates needs it.

    if not planes:
        return np.zeros((0, steps))
    return clear_sky_w(planes, start_ms=start_ms, steps=steps, step_ms=step_ms)
