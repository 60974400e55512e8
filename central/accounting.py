"""Counts energy from the store's counter readings, half hour by half hour, and keeps it in the records.

Every half hour the end of it is read for each shelter. Days of open months that are not wholly measured are read again
from time to time, since a shelter that was cut off sends its data later; so the figures follow the data that is there,
whatever the order in which it came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from central.core.accounting.counters import NEAR_MS, Readings, thinned
from central.core.accounting.days import (
    Beside,
    DayError,
    SiteDay,
    count_days,
    encode_day,
    is_whole,
    joined,
    pack_readings,
    unpack_readings,
)
from central.core.accounting.exchanges import Exchange, Serials, changed, moment_in, spans_of
from central.core.accounting.flows import COUNTERS, STATE_POINT, Counter, Evidence, Rated, Sources, sources_of, speaking
from central.core.accounting.halfhours import (
    DAY_MS,
    HALF_HOUR_MS,
    SLOTS,
    day_of,
    half_hour_of,
    slot_of,
    start_of_day,
)
from central.core.audit import SYSTEM, Action, Decision
from central.core.city import Aggregate, Sample, Site
from central.store.accounting import EnergyRows
from central.store.base import StoreError, TelemetryStore
from contract.points import InverterState

log = structlog.get_logger(__name__)
EVERY_S: Final = 60.0
SETTLE_MS: Final = 120_000
"""A half hour is counted so long after its end: its last reading and the first one after have come by then."""
READING_STEP_MS: Final = 1_000
"""The store is asked for readings second by second, so their times are known to the second."""
LATE_DAYS: Final = 45
"""So far back days that are not wholly measured are read again."""
AGAIN_MS: Final = 12 * 3_600_000
AGAIN_TODAY_MS: Final = HALF_HOUR_MS
MENDS_AT_ONCE: Final = 40
"""Days of shelters read again in one pass: others ask the store too."""
ISLANDED_POINT: Final = "inverter.islanded"
BY_SERIAL: Final = "試運転報告の製造番号が変わりました / another serial number in the commissioning report"
HELD_BACK: Final = frozenset({InverterState.LIMITED, InverterState.ISLANDED})


@dataclass(slots=True)
class _Told:
    """What is told of one half hour beside its energy."""

    islanded_s: int = 0
    is_held: bool = False
    faulty: set[str] = field(default_factory=set)
    """Devices that reported a fault in it."""


class Accountant:
    """Counts. ``sites``: the registry; ``now``: UTC milliseconds."""

    def __init__(
        self,
        store: TelemetryStore,
        rows: EnergyRows,
        sites: Callable[[], Iterable[Site]],
        now: Callable[[], int],
        *,
        serials: Callable[[str], Awaitable[Sequence[Serials]]] | None = None,
    ) -> None:
        self._store = store
        self.rows = rows
        self._sites = sites
        self._now = now
        self._read_ms: dict[str, int] = {}
        """Up to which half hour a shelter is counted."""
        self._tried_ms: dict[tuple[str, int], int] = {}
        """When a day was last read whole."""
        self._wanted: deque[tuple[Site, int]] = deque()
        self._planned_ms = 0
        self._serials = serials
        self._newest_ms: dict[str, int] = {}
        """The newest counter reading that was read of a shelter; 0: it is known, and none was in the stretch."""
        self._reports: dict[str, int] = {}
        """How many of a shelter's reports were looked at for exchanged devices."""

    async def run(self) -> None:
        """Count for ever. What can't be read now is read in the next pass."""
        while True:
            try:
                await self.follow()
                await self.mend()
            except (StoreError, DayError) as error:
                log.warning("energy_not_counted", error=str(error))
            await asyncio.sleep(EVERY_S)

    async def follow(self) -> int:
        """Count the half hours that have ended since the last pass; returns the number of shelters counted.

        Raises:
            StoreError: store or records are away; what was counted until then stays.
        """
        now_ms = self._now()
        until_ms = half_hour_of(now_ms - SETTLE_MS)
        ended_ms = until_ms - HALF_HOUR_MS
        counted = 0
        timely: dict[str, bool] = {}
        for site in self._sites():
            from_ms = self._read_ms.get(site.id, until_ms - HALF_HOUR_MS)
            if from_ms >= until_ms:
                continue
            await self.count(site, from_ms - NEAR_MS, min(now_ms, until_ms + NEAR_MS))
            self._read_ms[site.id] = until_ms
            if site.id in self._newest_ms:
                timely[site.id] = self._newest_ms[site.id] >= ended_ms
            counted += 1
            await asyncio.sleep(0)
        # Judged soon after its end alone: a service that was away says nothing of the shelters' links.
        if timely and now_ms - until_ms < HALF_HOUR_MS:
            await self.rows.note_links(ended_ms, timely)
        return counted

    async def mend(self, *, at_once: int = MENDS_AT_ONCE) -> int:
        """Read days again that are not wholly measured, the newest first; returns how many were read.

        Raises:
            StoreError: store or records are away.
        """
        if not self._wanted and self._now() - self._planned_ms >= HALF_HOUR_MS:
            self._planned_ms = self._now()
            for site in self._sites():
                await self._look_for_exchanges(site)
            self._wanted.extend(await self._plan(self._planned_ms))
        mended = 0
        while self._wanted and mended < at_once:
            await self.count_day(*self._wanted.popleft())
            mended += 1
            await asyncio.sleep(0)
        return mended

    async def _plan(self, now_ms: int) -> list[tuple[Site, int]]:
        """The days that should be read again."""
        ended_ms = now_ms - SETTLE_MS - HALF_HOUR_MS
        today = day_of(now_ms)
        passed = slot_of(ended_ms) + 1 if day_of(ended_ms) == today else 0
        kept = {
            (one.site, one.day): is_whole(one, passed if one.day == today else SLOTS)
            for one in await self.rows.days(today - LATE_DAYS, today)
        }
        wanted = []
        for day in range(today, today - LATE_DAYS - 1, -1):
            again_ms = AGAIN_TODAY_MS if day == today else AGAIN_MS
            for site in self._sites():
                tried_ms = self._tried_ms.get((site.id, day))
                # Yesterday is read whole once in any case: history that came within a half hour says more.
                if kept.get((site.id, day)) and (tried_ms is not None or day != today - 1):
                    continue
                if tried_ms is None or now_ms - tried_ms >= again_ms:
                    wanted.append((site, day))
        self._tried_ms = {key: at_ms for key, at_ms in self._tried_ms.items() if key[1] >= today - LATE_DAYS}
        return wanted

    async def exchanged(self, site: Site, device: str, at_ms: int, *, by: str, why: str) -> int:
        """Note that a device was exchanged, and count its day anew; returns the number of days that changed.

        Raises:
            StoreError: store or records are away.
        """
        one = Exchange(site=site.id, device=device, at_ms=at_ms, by=by, why=why)
        detail = {"device": device, "exchanged_ms": at_ms}
        await self.rows.add_exchange(
            one,
            Decision(at_ms=self._now(), by=by, action=Action.DEVICE_EXCHANGED, why=why, site=site.id, detail=detail),
        )
        return await self.count_day(site, day_of(at_ms))

    async def _look_for_exchanges(self, site: Site) -> None:
        """By the serial numbers of commissioning reports, when a new one has come."""
        if self._serials is None:
            return
        reports = await self._serials(site.id)
        if len(reports) == self._reports.get(site.id):
            return
        known = await self.rows.exchanges(site.id)
        for span in spans_of(reports):
            if any(one.device == span.device and span.from_ms <= one.at_ms <= span.to_ms for one in known):
                continue
            points = {row.device: row.points for row in await self._store.latest(site.id)}
            point = next((each for each in COUNTERS if each in points.get(span.device, ())), None)
            if point is None:
                continue
            readings = await self._readings(site.id, (span.device, point), span.from_ms, span.to_ms)
            moment = moment_in(readings, span)
            if moment is not None:
                await self.exchanged(site, span.device, moment, by=SYSTEM, why=BY_SERIAL)
        self._reports[site.id] = len(reports)

    async def count_day(self, site: Site, day: int) -> int:
        """Read a whole day of a shelter from the store and count it; returns the number of days that changed."""
        self._tried_ms[site.id, day] = self._now()
        start_ms = start_of_day(day)
        return await self.count(site, start_ms - NEAR_MS, min(self._now(), start_ms + DAY_MS + NEAR_MS))

    async def count(self, site: Site, from_ms: int, to_ms: int) -> int:
        """Read a stretch of a shelter's counters and count every day that it has a share in.

        Returns:
            How many days changed.
        """
        newest = await self._store.latest(site.id)
        points: dict[str, set[str]] = {}
        for row in newest:
            points.setdefault(row.device, set()).update(row.points)
        sources = sources_of(points)
        fresh = {counter: await self._readings(site.id, counter, from_ms, to_ms) for counter in sources.counters()}
        if fresh:
            self._newest_ms[site.id] = max((int(each.at_ms[-1]) for each in fresh.values() if len(each)), default=0)
        if not any(len(readings) for readings in fresh.values()):
            return 0
        beside = await self._beside(site.id, points, from_ms, to_ms)
        rated = Rated(pv_kw=site.pv_kw, inverter_kw=site.inverter_kw, battery_kwh=site.battery_kwh)
        return await self._save(site.id, sources, rated, fresh, beside, from_ms, to_ms)

    async def _save(
        self,
        site: str,
        sources: Sources,
        rated: Rated,
        fresh: Mapping[Counter, Readings],
        beside: Mapping[int, Mapping[int, _Told]],
        from_ms: int,
        to_ms: int,
    ) -> int:
        first, last = day_of(from_ms), day_of(to_ms)
        # Over a gap the days on its other side are counted anew too, and those see one more day beyond.
        before, after = await self.rows.neighbours(site, first, last)
        before, after = first if before is None else before, last if after is None else after
        beyond, behind = await self.rows.neighbours(site, before, after)
        kept = await self.rows.evidence(site, before if beyond is None else beyond, after if behind is None else behind)
        moments = changed(await self.rows.exchanges(site))
        old = {day: unpack_readings(packed) for day, packed in kept.items()}
        all_readings = {
            counter: thinned(readings, max_w=rated.max_w(counter[1]), changed_ms=moments.get(counter[0], ()))
            for counter, readings in joined([*old.values(), fresh]).items()
        }
        stands = {one.day: one for one in await self.rows.days(before, after, site=site)}
        stands |= {one.day: one for one in await self.rows.late_days(before, after, site=site)}
        days = count_days(
            site,
            Evidence(readings=all_readings, changed_ms=moments),
            speaking(sources, all_readings, start_of_day(first), start_of_day(last + 1)),
            rated,
            first_day=before,
            days=after - before + 1,
            beside={day: _told(stands.get(day), beside.get(day, {})) for day in range(before, after + 1)},
        )
        altered = [
            one
            for one in days
            # Of a day of which nothing is known yet there is nothing to keep.
            if (encode_day(one) != encode_day(stands[one.day]) if one.day in stands else one.worst().strip("-"))
        ]
        packed = {}
        for day in range(first, last + 1):
            start_ms = start_of_day(day)
            of_day = {c: each.between(start_ms, start_ms + DAY_MS) for c, each in all_readings.items()}
            new = pack_readings(of_day)
            if any(len(each) for each in of_day.values()) and kept.get(day) != new:
                packed[site, day] = new
        if not altered and not packed:
            return 0
        late = await self.rows.save(altered, packed, counted_ms=self._now())
        if late:
            log.warning("closed_month_differs", site=site, days=late)
        return len(altered)

    async def _readings(self, site: str, counter: Counter, from_ms: int, to_ms: int) -> Readings:
        device, point = counter
        found = await self._series(site, device, point, from_ms, to_ms, READING_STEP_MS, Aggregate.LAST)
        return Readings.of((one.at_ms, one.value) for one in found if one.value is not None)

    async def _beside(
        self, site: str, points: Mapping[str, set[str]], from_ms: int, to_ms: int
    ) -> dict[int, dict[int, _Told]]:
        """Day → half hour → what is told beside its energy."""
        found: dict[int, dict[int, _Told]] = {}
        start_ms = half_hour_of(from_ms)
        for device in sorted(device for device, named in points.items() if ISLANDED_POINT in named):
            alone = await self._series(site, device, ISLANDED_POINT, start_ms, to_ms, HALF_HOUR_MS, Aggregate.MEAN)
            for one in alone:
                told = found.setdefault(day_of(one.at_ms), {}).setdefault(slot_of(one.at_ms), _Told())
                told.islanded_s = max(told.islanded_s, round((one.value or 0.0) * HALF_HOUR_MS / 1_000))
        for device in sorted(device for device, named in points.items() if STATE_POINT in named):
            states = await self._series(site, device, STATE_POINT, start_ms, to_ms, HALF_HOUR_MS, Aggregate.MAX)
            for one in states:
                told = found.setdefault(day_of(one.at_ms), {}).setdefault(slot_of(one.at_ms), _Told())
                told.is_held = told.is_held or one.value in HELD_BACK
                if one.value == InverterState.FAULT:
                    told.faulty.add(device)
        return found

    async def _series(
        self, site: str, device: str, point: str, from_ms: int, to_ms: int, step_ms: int, aggregate: Aggregate
    ) -> list[Sample]:
        return await self._store.series(
            site,
            device,
            point,
            from_ms=from_ms,
            to_ms=to_ms,
            step_ms=step_ms,
            aggregate=aggregate,
            origin_ms=start_of_day(0),
        )


def _told(stands: SiteDay | None, new: Mapping[int, _Told]) -> Beside:
    """What is told beside a day's energy: what was known, and what was read now instead of it."""
    islanded = dict(stands.beside.islanded_s) if stands else {}
    limited = set(stands.beside.limited) if stands else set()
    faults = {device: set(slots) for device, slots in stands.beside.faults.items()} if stands else {}
    for slot, told in new.items():
        islanded.pop(slot, None)
        limited.discard(slot)
        for slots in faults.values():
            slots.discard(slot)
        if told.islanded_s:
            islanded[slot] = told.islanded_s
        if told.is_held and 0 <= slot < SLOTS:
            limited.add(slot)
        for device in told.faulty:
            faults.setdefault(device, set()).add(slot)
    return Beside(
        islanded, frozenset(limited), {device: frozenset(slots) for device, slots in sorted(faults.items()) if slots}
    )
