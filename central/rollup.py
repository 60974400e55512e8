"""The roll-up loops: write what Grafana shows beside the raw readings. They run where InfluxDB is the store.

Each minute: the city as the pages show it, what has happened, and what was accounted since (``rollup_energy.py``).
Each half hour: what the day says of every shelter's plant, for which only its newest hours are read. A shelter that was
cut off sends its readings later: its days are worked out again from their beginning when they are here, and days of
which too little is known are looked at again for two weeks. A row that is written again replaces itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from central.core.city import Aggregate, Sample, Site
from central.core.facts import NO_FACTS, Fact, newest, values_of
from central.core.incidents import Incident
from central.core.live import LiveView
from central.core.news import News
from central.core.orders import Standing
from central.core.plants import plane_of
from central.core.rollups.energy import (
    HALF_HOUR_MS,
    HALVES,
    NEEDED,
    BatteryDay,
    Half,
    day_row,
    days_between,
    halves_of,
)
from central.core.rollups.events import began_row, daily_row, event_rows
from central.core.rollups.now import MINUTE_MS, now_rows
from central.core.today import DAY_MS, HOUR_MS, STEP_MS, TOKYO_OFFSET_MS, Power, midnight_ms
from central.rollup_energy import EnergyRollup
from central.store.base import StoreError, TelemetryStore
from central.store.influx_rollups import RollupStore

log = structlog.get_logger(__name__)

SETTLE_MS: Final = 120_000
"""A half hour is added up so long after its end: the last readings are on their way."""
LATE_DAYS: Final = 14
AGAIN_MS: Final = 6 * 3_600_000
WHOLE_PCT: Final = 99.0
"""A day of which so much is known is not looked at again by itself."""
FIRST_DAYS: Final = 400
"""So far back days are filled in that are in the store and were never rolled up."""
OVERLAP_MS: Final = 2 * HOUR_MS
"""Of today so much is read again with each half hour: what came a little late is in it."""
DAYS_PER_PASS: Final = 400
"""Days of single shelters in one pass: other questions get their turn in between."""
DAILY_LATE_MS: Final = 300_000
"""After a start in the middle of a day its line has the time of the start."""
NEWS_PER_PASS: Final = 1_000
BEHIND_MS: Final = 600_000
"""An outbox whose oldest entry is older than this holds the past back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the loop asks. ``news_after``: number and limit → news in their order."""

    live: LiveView
    store: TelemetryStore
    facts: Callable[[], Awaitable[Sequence[Fact]]]
    news_after: Callable[[int, int], Awaitable[Sequence[News]]]
    latest_news: Callable[[], int]
    incidents: Callable[[], Iterable[Incident]]
    standings: Callable[[int], Sequence[Standing]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was read of a shelter's day up to a half hour."""

    day_ms: int
    until_ms: int
    halves: Sequence[Half]
    battery: BatteryDay


@dataclass(slots=True)
class _State:
    due: set[tuple[str, int]] = field(default_factory=set)
    """Shelter and midnight of days to read from their beginning."""
    grown: set[tuple[str, int]] = field(default_factory=set)
    """Of which only the newest half hours are to be read."""
    known: dict[str, _Known] = field(default_factory=dict)
    """Shelter → its newest day."""
    looked_ms: dict[tuple[str, int], int] = field(default_factory=dict)
    behind_ms: dict[str, int] = field(default_factory=dict)
    """Shelter → the oldest moment that its outbox has held back."""
    day_ms: int = 0
    """The midnight of the day that was reported last."""
    halves_ms: int = 0
    """The half hour up to which today was worked out."""
    news: int = -1


class Rollup:
    """Writes roll-ups; ``run`` until cancelled."""

    def __init__(
        self, sources: Sources, store: RollupStore, *, now: Callable[[], int], energy: EnergyRollup | None = None
    ) -> None:
        self._from = sources
        self._energy = energy
        self._store = store
        self._now = now
        self._state = _State()
        self._done_ms = {"minute": 0, "days": 0} | ({"energy": 0} if energy else {})
        self._clear: dict[tuple[str, int], tuple[float, ...]] = {}

    async def run(self) -> None:
        """The loops side by side, so that adding up a day never leaves a hole in the minutes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._again_and_again("minute", self.minute), name="rollups-minute")
                tasks.create_task(self._again_and_again("days", self.follow), name="rollups-days")
                if self._energy is not None:
                    tasks.create_task(self._again_and_again("energy", self._energy.follow), name="rollups-energy")
        finally:
            await self._store.close()

    def done_ms(self) -> int:
        """When the slowest of the loops last ended a turn well; 0: not since the start."""
        return min(self._done_ms.values())

    async def _again_and_again(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """At each full minute; a failure is logged, and the next turn goes on where it was."""
        while True:
            try:
                await work()
                self._done_ms[name] = self._now()
            except StoreError as error:
                log.warning("rollups_not_written", error=str(error))
            except Exception as error:  # noqa: BLE001 - graphs must never end the service
                log.error("rollups_failed", error=repr(error))
            await asyncio.sleep((MINUTE_MS - self._now() % MINUTE_MS) / 1_000)

    # --- Each minute -------------------------------------------------------------------------------------------------

    async def minute(self) -> None:
        """Write the city as it is now, and what has happened since.

        Raises:
            StoreError: nothing, or only a part, was written; the next minute writes again.
        """
        now_ms = self._now()
        rows = now_rows(
            self._from.live.city(now_ms),
            incidents=self._from.incidents(),
            standings=self._from.standings(now_ms),
            at_ms=now_ms,
        )
        today_ms = midnight_ms(now_ms)
        if today_ms != self._state.day_ms:
            rows.append(daily_row(self._from.live.city(now_ms), max(today_ms, now_ms - DAILY_LATE_MS)))
        await self._store.write(rows)
        self._state.day_ms = today_ms
        self._see_outboxes(now_ms)
        await self._tell(now_ms)

    async def _tell(self, now_ms: int) -> None:
        state = self._state
        if state.news < 0:
            await self._store.write([began_row(now_ms)])
            state.news = max(0, self._from.latest_news() - NEWS_PER_PASS)
        while news := await self._from.news_after(state.news, NEWS_PER_PASS):
            sites = {site.id: site for site in self._from.live.sites()}
            await self._store.write(event_rows(news, sites))
            state.news = news[-1].n

    def _see_outboxes(self, now_ms: int) -> None:
        """What an outbox held back is due when it has been delivered."""
        for site in self._from.live.sites():
            status, _ = self._from.live.status(site.id)
            oldest_ms = status.outbox.oldest_ms if status and status.outbox and status.outbox.waiting else 0
            held_ms = self._state.behind_ms.get(site.id)
            if oldest_ms and oldest_ms < now_ms - BEHIND_MS:
                self._state.behind_ms[site.id] = min(oldest_ms, held_ms or oldest_ms)
            elif held_ms is not None:
                del self._state.behind_ms[site.id]
                first_ms = max(held_ms, now_ms - FIRST_DAYS * DAY_MS)
                self._state.due |= {(site.id, day_ms) for day_ms in days_between(first_ms, now_ms)}

    # --- Each half hour ----------------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Work out today when a half hour has ended, and whatever else is due, the newest days first.

        Raises:
            StoreError: what was written until then stays; the rest is still due.
        """
        now_ms = self._now()
        state = self._state
        half_ms = (now_ms - SETTLE_MS) // HALF_HOUR_MS * HALF_HOUR_MS
        if half_ms > state.halves_ms:
            today = midnight_ms(half_ms - 1)
            if not state.halves_ms:
                await self._remember(now_ms)
            state.grown |= {(site.id, today) for site in self._from.live.sites()}
            await self._look_back(now_ms)
            state.halves_ms = half_ms
        sites = {site.id: site for site in self._from.live.sites()}
        for one in sorted(state.due | state.grown, key=lambda one: (-one[1], one[0]))[:DAYS_PER_PASS]:
            # Taken out before: what comes meanwhile makes it due again.
            whole = one in state.due
            state.due.discard(one)
            state.grown.discard(one)
            try:
                if one[0] in sites:
                    await self.day(sites[one[0]], one[1], whole=whole)
            except BaseException:
                (state.due if whole else state.grown).add(one)
                raise
            await asyncio.sleep(0)

    async def _remember(self, now_ms: int) -> None:
        """After a start: days that were never worked out are due, and the last one that was, for it ended since."""
        state = self._state
        known = await self._store.known_days(from_ms=now_ms - FIRST_DAYS * DAY_MS, to_ms=now_ms)
        state.looked_ms |= {one: one[1] + DAY_MS for one in known}
        oldest: dict[str, int] = {}
        newest_day: dict[str, int] = {}
        for site_id, day_ms in known:
            oldest[site_id] = min(day_ms, oldest.get(site_id, day_ms))
            newest_day[site_id] = max(day_ms, newest_day.get(site_id, day_ms))
        state.due |= set(newest_day.items())
        for site in self._from.live.sites():
            first_ms = oldest.get(site.id)
            if first_ms is None:
                first_ms = await self._first_reading_ms(site, now_ms)
            if first_ms is not None:
                days = days_between(first_ms, now_ms)
                state.due |= {(site.id, day_ms) for day_ms in days if (site.id, day_ms) not in known}

    async def _first_reading_ms(self, site: Site, now_ms: int) -> int | None:
        """Of a shelter that was never rolled up. The server counts every row of it: once in its life."""
        device = self._from.live.device_with(site.id, Power.LOAD)
        if device is None:
            return None
        samples = await self._from.store.series(
            site.id,
            device,
            Power.LOAD,
            from_ms=now_ms - FIRST_DAYS * DAY_MS,
            to_ms=now_ms,
            step_ms=DAY_MS,
            aggregate=Aggregate.COUNT,
            origin_ms=-TOKYO_OFFSET_MS,
        )
        return samples[0].at_ms if samples else None

    async def _look_back(self, now_ms: int) -> None:
        """Days with gaps are due again now and then."""
        state = self._state
        first_ms = midnight_ms(now_ms) - LATE_DAYS * DAY_MS
        state.looked_ms = {one: at_ms for one, at_ms in state.looked_ms.items() if one[1] >= first_ms}
        known = await self._store.known_days(from_ms=first_ms, to_ms=now_ms)
        for (site, day_ms), pct in known.items():
            if pct < WHOLE_PCT and now_ms - state.looked_ms.get((site, day_ms), 0) >= AGAIN_MS:
                state.due.add((site, day_ms))

    # --- One day of one shelter --------------------------------------------------------------------------------------

    async def day(self, site: Site, day_ms: int, *, whole: bool = True) -> None:
        """Read one day of a shelter and write what it says. Not ``whole``: what was read of it before is taken over.

        Raises:
            StoreError: it could not be read or written.
        """
        now_ms = self._now()
        points = self._devices(site.id, now_ms)
        to_ms = min(day_ms + DAY_MS, now_ms)
        known = self._state.known.get(site.id)
        before = known if known is not None and known.day_ms == day_ms and not whole else None
        from_ms = max(day_ms, before.until_ms - OVERLAP_MS) if before else day_ms
        lines = {
            power: [
                await self._series(site.id, device, power, from_ms, to_ms)
                for device in self._speakers(site.id, power, points)
            ]
            for power in NEEDED
        }
        soc = [
            await self._series(site.id, device, "battery.soc_pct", from_ms, to_ms)
            for device in points.get("battery.soc_pct", ())
        ]
        halves = [half for half in before.halves if half.at_ms < from_ms] if before else []
        halves += halves_of(lines, soc, day_ms=day_ms, now_ms=now_ms - SETTLE_MS)
        self._state.looked_ms[site.id, day_ms] = now_ms
        if not halves:
            return
        battery = await self._battery(site.id, points, from_ms, to_ms)
        if before:
            battery = battery.or_else(before.battery)
        if known is None or day_ms >= known.day_ms:
            until_ms = (to_ms - SETTLE_MS) // HALF_HOUR_MS * HALF_HOUR_MS
            self._state.known[site.id] = _Known(day_ms=day_ms, until_ms=until_ms, halves=halves, battery=battery)
        clear_w = await self._clear_sky_w(site, day_ms)
        row = day_row(site, halves, day_ms=day_ms, now_ms=now_ms - SETTLE_MS, clear_sky_w=clear_w, battery=battery)
        await self._store.write([row])

    def _devices(self, site: str, now_ms: int) -> Mapping[str, list[str]]:
        now = self._from.live.site(site, now_ms)
        found: dict[str, list[str]] = {}
        for point in now.points if now else ():
            found.setdefault(point.point, []).append(point.device)
        return found

    def _speakers(self, site: str, power: Power, points: Mapping[str, list[str]]) -> Sequence[str]:
        """Several devices have a share in the generation; of the others one speaks for the shelter."""
        if power is Power.PV:
            return points.get(power, ())
        device = self._from.live.device_with(site, power)
        return [device] if device else ()

    async def _series(
        self, site: str, device: str, point: str, from_ms: int, to_ms: int, step_ms: int = STEP_MS
    ) -> list[Sample]:
        return await self._from.store.series(
            site,
            device,
            point,
            from_ms=from_ms,
            to_ms=to_ms,
            step_ms=step_ms,
            aggregate=Aggregate.MEAN if step_ms == STEP_MS else Aggregate.LAST,
            origin_ms=-TOKYO_OFFSET_MS,
        )

    async def _battery(self, site: str, points: Mapping[str, list[str]], day_ms: int, to_ms: int) -> BatteryDay:
        async def last(point: str) -> dict[str, float]:
            found = {}
            for device in points.get(point, ()):
                samples = await self._series(site, device, point, day_ms, to_ms, DAY_MS)
                if samples and samples[-1].value is not None:
                    found[device] = samples[-1].value
            return found

        soh = await last("battery.soh_pct")
        given = await last("battery.discharge_energy_wh")
        holds = await last("battery.capacity_wh")
        both = [given[device] / holds[device] for device in given if holds.get(device)]
        return BatteryDay(soh_pct=min(soh.values(), default=None), cycles=max(both, default=None))

    async def _clear_sky_w(self, site: Site, day_ms: int) -> tuple[float, ...]:
        """Of all shelters at once, once a day."""
        if (site.id, day_ms) not in self._clear:
            if len(self._clear) > 10_000:
                self._clear.clear()
            facts = {id_: values_of(named) for id_, named in newest(await self._from.facts()).items()}
            sites = self._from.live.sites()
            planes = [plane_of(one, facts.get(one.id, NO_FACTS)) for one in sites]
            from central.solar import clear_sky_w  # It takes a second to load; only who calculates needs it.

            power_w = await asyncio.to_thread(clear_sky_w, planes, start_ms=day_ms, steps=HALVES, step_ms=HALF_HOUR_MS)
            self._clear |= {(one.id, day_ms): tuple(row.tolist()) for one, row in zip(sites, power_w, strict=True)}
        return self._clear.get((site.id, day_ms), ())
