"""Carries the accounted energy over to where Grafana reads it: half hours and days as the statements have them.

The records say which days were counted anew: half hours that ended, history that came late, a correction of a closed
month. Each of them is written again, and so is every day of its month, for they add up to the statement together. How
far it has come stands beside the rows, so that after a start only what changed since is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from central.accounting import SETTLE_MS
from central.core.accounting.closing import standing
from central.core.accounting.days import SiteDay
from central.core.accounting.halfhours import (
    day_of,
    days_of_month,
    fiscal_year_of,
    half_hour_of,
    month_of_day,
    months_of_fiscal_year,
    peak_window,
)
from central.core.accounting.months import MonthFigures
from central.core.city import Site
from central.core.rollups.accounted import SavedCo2, carried_row, day_rows, half_rows, highest_before, unknown_day
from central.core.rollups.rows import RollupRow, tags_of
from central.store.accounting import CountedDay, EnergyRows
from central.store.influx_rollups import RollupStore

OVERLAP_MS: Final = 300_000
"""Who counts says when before it is kept, so what is kept a little later has an older time."""
DAYS_PER_TURN: Final = 1_000
"""Days of single shelters between two notes of how far it has come."""
DAYS_PER_PASS: Final = 4_000
"""So many are written at once when years are to be carried over: the rest comes with the next minutes."""
ROWS_PER_WRITE: Final = 5_000
MISSED_DAYS: Final = 45
"""After a stand-still so many days are looked at for shelters of which nothing is counted."""

Due = dict[tuple[str, str], set[int]]
"""Month and shelter → the days of which the half hours are due; its days are due in any case."""


class EnergyRollup:
    """Writes accounted half hours and days.

    Args:
        rows: what was counted.
        store: where it goes.
        sites: the registry.
        target_w: the demand that a shelter is held under now, if one is set.
        saved_co2: fiscal year → its emission factor.
        now: UTC milliseconds.
    """

    def __init__(
        self,
        rows: EnergyRows,
        store: RollupStore,
        *,
        sites: Callable[[], Iterable[Site]],
        now: Callable[[], int],
        target_w: Callable[[str], float | None] = lambda _site: None,
        saved_co2: Callable[[int], SavedCo2 | None] = lambda _year: None,
    ) -> None:
        self._rows = rows
        self._store = store
        self._sites = sites
        self._now = now
        self._target_w = target_w
        self._saved_co2 = saved_co2
        self._carried_ms = -1
        self._day = 0
        """The day up to which shelters without a counted day were looked for."""
        self._done: dict[tuple[str, int], int] = {}
        """Days that were written lately, and when they had been counted."""
        self._settled: set[tuple[str, int]] = set()
        """Entries of months that were written lately."""
        self._other_factors: set[int] = set()
        """Fiscal years of which the days were told with another emission factor than the one that holds now."""
        self._names: dict[str, set[tuple[str, str]]] = {}
        """Under which wards and names a shelter's days are there."""

    async def follow(self) -> int:
        """Write what was counted since the last time; returns the number of days of shelters.

        Raises:
            StoreError: what was written until then stays, the rest is still due.
        """
        if self._carried_ms < 0:
            await self._remember()
        await self._tell_factors()
        since_ms = max(0, self._carried_ms - OVERLAP_MS)
        changed = [
            one
            for one in await self._rows.counted_since(since_ms)
            if self._done.get((one.site, one.day)) != one.counted_ms
        ]
        sites = {site.id: site for site in self._sites()}
        whole = {site.id for site in sites.values() if self._names.get(site.id) != {_name(site)}}
        if whole:
            await self._write(_due(one for one in await self._rows.counted_since(0) if one.site in whole), sites)
        changed = changed[:DAYS_PER_PASS]
        for first in range(0, len(changed), DAYS_PER_TURN):
            turn = changed[first : first + DAYS_PER_TURN]
            await self._write(_due(one for one in turn if one.site not in whole), sites)
            await self._note(turn)
        settled = {one for one in await self._rows.settled_since(since_ms) if one not in self._settled}
        await self._write({(month, site): set() for month, _ in settled for site in sites}, sites)
        self._settled |= settled
        await self._tell_missing(sites)
        for site in whole:
            await self._drop_names(sites[site])
        return len(changed)

    async def _remember(self) -> None:
        carried_ms = await self._store.carried_ms()
        self._names = {site: set(names) for site, names in (await self._store.energy_names()).items()}
        for year, told in (await self._store.energy_factors()).items():
            saved = self._saved_co2(year)
            if saved is not None and (saved.kg_per_kwh, saved.verified) != told:
                self._other_factors.add(year)
        today = day_of(self._now())
        self._day = max(today - MISSED_DAYS, day_of(carried_ms)) if carried_ms else today
        if not carried_ms:
            # Nothing is there yet, so nothing has another name.
            self._names = {site.id: {_name(site)} for site in self._sites()} | self._names
        self._carried_ms = carried_ms

    async def _tell_factors(self) -> None:
        """After a start with another table of factors. Oldest months first: the newest one says that all is done."""
        for year in sorted(self._other_factors):
            sites = {site.id: site for site in self._sites()}
            counted = await self._rows.counted_months()
            for month in months_of_fiscal_year(year):
                if month in counted:
                    await self._write({(month, site): set() for site in sites}, sites)
            self._other_factors.discard(year)

    async def _drop_names(self, site: Site) -> None:
        """Rows have the ward and the name of their shelter. Those of another ward or name, which would count beside the
        ones that are written now, go when all of these are there."""
        for ward, name in self._names.get(site.id, set()) - {_name(site)}:
            await self._store.forget_energy(site.id, ward=ward, name=name)
        self._names[site.id] = {_name(site)}

    async def _note(self, turn: Sequence[CountedDay]) -> None:
        counted_ms = max(self._carried_ms, turn[-1].counted_ms)
        if counted_ms > self._carried_ms:
            await self._store.write([carried_row(counted_ms, self._now())])
            self._carried_ms = counted_ms
        self._done |= {(one.site, one.day): one.counted_ms for one in turn}
        self._done = {key: at_ms for key, at_ms in self._done.items() if at_ms >= counted_ms - OVERLAP_MS}

    async def _tell_missing(self, sites: Mapping[str, Site]) -> None:
        """Of a shelter of which a day was not counted at all, that it was not."""
        today = day_of(self._now())
        for day in range(self._day, today):
            month = month_of_day(day)
            counted = {one.site for one in await self._rows.days(day, day)}
            await self._write({(month, site): {day} for site in sites if site not in counted}, sites)
            self._day = day + 1

    # --- Writing -----------------------------------------------------------------------------------------------------

    async def _write(self, due: Due, sites: Mapping[str, Site]) -> None:
        """The newest months first."""
        rows: list[RollupRow] = []
        for month in sorted({month for month, _ in due}, reverse=True):
            entries = await self._rows.entries(month)
            closed = standing(entries) if entries else None
            before = days_of_month(peak_window(month)[0]).start, days_of_month(month).start - 1
            peaks_wh = await self._rows.peaks(*before)
            for site in sorted(site for one, site in due if one == month and site in sites):
                if closed is not None and site not in closed:
                    continue  # It is in no statement of that month.
                figures = closed[site] if closed is not None else None
                before_wh = peaks_wh.get(site)
                rows += await self._site_rows(sites[site], month, due[month, site], closed=figures, before_wh=before_wh)
                if len(rows) >= ROWS_PER_WRITE:
                    await self._store.write(rows)
                    rows = []
                await asyncio.sleep(0)
        await self._store.write(rows)

    async def _site_rows(
        self, site: Site, month: str, due: Iterable[int], *, closed: MonthFigures | None, before_wh: int | None
    ) -> list[RollupRow]:
        numbers = days_of_month(month)
        known: dict[int, SiteDay] = {
            one.day: one for one in await self._rows.days(numbers.start, numbers.stop - 1, site=site.id)
        }
        known |= {day: unknown_day(site.id, day) for day in due if day not in known}
        if not known:
            if closed is None:
                return []
            known = {numbers[-1]: unknown_day(site.id, numbers[-1])}
        until_ms = half_hour_of(self._now() - SETTLE_MS)
        today = day_of(self._now())
        days = list(known.values())
        rows = day_rows(site, days, closed=closed, until_ms=until_ms, saved=self._saved_co2(fiscal_year_of(month)))
        for day in due:
            rows += half_rows(
                site,
                known[day],
                until_ms=until_ms,
                before_wh=highest_before(days, day, before_wh),
                target_w=self._target_w(site.id) if day == today else None,
            )
        return rows


def _due(days: Iterable[CountedDay]) -> Due:
    due: Due = {}
    for one in days:
        due.setdefault((month_of_day(one.day), one.site), set()).add(one.day)
    return due


def _name(site: Site) -> tuple[str, str]:
    tags = tags_of(site)
    return tags["ward"], tags["name"]
