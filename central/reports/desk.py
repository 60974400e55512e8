"""Reads what a report is made of, and has it made beside the loop: a year of the city is some work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from central.core.accounting.closing import (
    MonthEntry,
    MonthError,
    MonthNo,
    adjusted,
    close,
    correct,
    recounted,
    standing,
)
from central.core.accounting.counters import LETTERS, Mark
from central.core.accounting.curtailed import curtailed_wh
from central.core.accounting.days import SiteDay
from central.core.accounting.disasters import DisasterReport, disaster_report
from central.core.accounting.flows import Flow
from central.core.accounting.forgotten import lost_wh
from central.core.accounting.halfhours import (
    DAY_MS,
    bounds_of_fiscal_year,
    bounds_of_month,
    days_of_month,
    fiscal_year_of,
    is_month,
    month_of,
    months_of_fiscal_year,
    peak_window,
)
from central.core.accounting.months import MonthFigures, Terms, month_figures
from central.core.accounting.operation import Operation, added, operation, silences
from central.core.accounting.readiness import Obstacle, obstacles
from central.core.accounting.reporting import (
    CompletenessReport,
    MonthInput,
    MonthReport,
    MonthState,
    YearReport,
    completeness_report,
    figures_of,
    month_report,
    state_of,
    year_report,
)
from central.core.accounting.stretches import stretches
from central.core.city import Site
from central.core.incidents import Incident
from central.reports.tables import Tables
from central.store.accounting import EnergyRows
from central.store.ledgers import LedgerRows

YEARS: Final = range(2000, 2099)
"""Fiscal years that can be asked for."""
WORKED_MONTHS: Final = 24
"""So many months are remembered: a year's report would read a year of half hours each time."""
LOOK_BACK_MS: Final = 60 * DAY_MS
"""An outage that began so long before a period still counts in it."""


class NoSuchError(LookupError):
    """A shelter, month or year that there is nothing of. The text says what to ask for instead."""


class ReportDesk:
    """Makes reports, closes months. Every method may raise ``StoreError``."""

    def __init__(
        self,
        rows: EnergyRows,
        ledgers: LedgerRows,
        tables: Tables,
        *,
        sites: Callable[[], Iterable[Site]],
        incidents: Callable[[], Iterable[Incident]],
        now: Callable[[], int],
        waiting: Callable[[], Awaitable[Mapping[str, int]]] | None = None,
    ) -> None:
        """``waiting``: shelter → time of the oldest reading that waits in its outbox."""
        self.rows = rows
        self.ledgers = ledgers
        self.tables = tables
        self._sites = sites
        self._incidents = incidents
        self._now = now
        self._waiting = waiting
        self._worked: dict[str, tuple[tuple[tuple[int, int], tuple[Site, ...]], dict[str, Operation]]] = {}
        """Month that is over → the state of its days and the shelters then, and how these worked."""

    @property
    def fiscal_year(self) -> int:
        """The one that runs."""
        return fiscal_year_of(month_of(self._now()))

    async def months(self) -> dict[str, MonthState]:
        """Months of which anything is counted, the newest first, and how they stand."""
        entries = await self.rows.entries()
        counted = await self.rows.counted_months()
        closed = {one.month for one in entries}
        return {
            month: state_of([one for one in entries if one.month == month])
            for month in sorted(counted | closed, reverse=True)
        }

    async def monthly(self, month: str, site: str | None = None) -> MonthReport:
        """A month's statement, of the city or of one shelter.

        Raises:
            NoSuchError: no such month has begun, or no such shelter is registered.
        """
        self._check_month(month)
        sites = self.sites()
        if site is not None and site not in {one.id for one in sites}:
            raise NoSuchError(f"{site}: no such shelter (shelter-central sites list names all)")
        numbers = days_of_month(month)
        days = await self.rows.days(numbers.start, numbers.stop - 1)
        late = {one.site for one in await self.rows.late_days(numbers.start, numbers.stop - 1)}
        first = days_of_month(peak_window(month)[0]).start
        peaks = await self.rows.peaks(first, numbers.stop - 1)
        entries = await self.rows.entries(month)
        plans = await self.ledgers.plans(month, month)
        operations = await self._operations(month, [one for one in sites if site in (None, one.id)], days)

        def make() -> MonthReport:
            by_site = _by_site(days)
            pv_kw = {one.id: one.pv_kw for one in sites}
            given = MonthInput(
                month=month,
                sites=sites,
                days=days,
                entries=entries,
                late_sites=frozenset(late),
                peaks_12_wh=peaks,
                curtailed_wh=curtailed_wh(month, by_site, pv_kw),
                at_ms=self._now(),
                plans_wh={of: wh for (of, _), wh in plans.items()},
                operations=operations,
                lost_wh=lost_wh(month, by_site, pv_kw),
            )
            return month_report(given, self.tables.prices, site=site)

        return await asyncio.to_thread(make)

    async def yearly(self, fiscal_year: int) -> YearReport:
        """The CO2 report of a fiscal year.

        Raises:
            NoSuchError: it has not begun.
        """
        months, states = await self._fiscal_year(fiscal_year)
        sites = self.sites()
        found: dict[str, list[Operation]] = {}
        for month in months:
            for of, part in (await self._worked_in(month, sites)).items():
                found.setdefault(of, []).append(part)
        return year_report(
            fiscal_year,
            sites,
            months,
            states,
            self.tables.factors,
            at_ms=self._now(),
            plans_wh=await self.ledgers.plans(min(months), max(months)),
            operations={of: one for of, parts in found.items() if (one := added(parts)) is not None},
            lost_wh=await self._lost(months),
        )

    async def _lost(self, months: Mapping[str, Mapping[str, MonthFigures]]) -> dict[str, dict[Flow, int]]:
        """Shelter → flow → what its counters forgot in these months; only months with such a gap are read."""
        pv_kw = {one.id: one.pv_kw for one in self.sites()}
        found: dict[str, dict[Flow, int]] = {}
        for month, figures in months.items():
            if not any(one.slots.get(LETTERS[Mark.AT_LEAST]) for one in figures.values()):
                continue
            numbers = days_of_month(month)
            days = _by_site(await self.rows.days(numbers.start, numbers.stop - 1))
            for site, lost in (await asyncio.to_thread(lost_wh, month, days, pv_kw)).items():
                own = found.setdefault(site, {})
                for flow, wh in lost.items():
                    own[flow] = own.get(flow, 0) + wh
        return found

    async def disaster(self, fiscal_year: int) -> DisasterReport:
        """The disaster record of a fiscal year.

        Raises:
            NoSuchError: it has not begun.
        """
        months, _ = await self._fiscal_year(fiscal_year)
        from_ms, to_ms = bounds_of_fiscal_year(fiscal_year)
        to_ms = min(to_ms, self._now())
        grid = await self.rows.grid_changes(from_ms - LOOK_BACK_MS, to_ms)
        told = await self.rows.openings(to_ms)
        return disaster_report(
            fiscal_year,
            self.sites(),
            months,
            stretches(grid, from_ms=from_ms, to_ms=to_ms),
            stretches(told, from_ms=from_ms, to_ms=to_ms),
            self._incidents(),
            at_ms=self._now(),
        )

    async def completeness(self, month: str) -> CompletenessReport:
        """How well a month is known.

        Raises:
            NoSuchError: it has not begun.
        """
        self._check_month(month)
        entries = await self.rows.entries(month)
        figures = await self._figures(month, entries)
        sites = self.sites()
        operations = await self._worked_in(month, sites)
        return completeness_report(month, sites, figures, state_of(entries), at_ms=self._now(), operations=operations)

    # --- Months that are closed and corrected -----------------------------------------------------------------------

    async def close(self, month: str, *, by: str, why: str = "", accepts: bool = False) -> MonthEntry:
        """Close a month: from now on its figures stand. ``accepts``: in spite of what is missing, for a reason.

        Raises:
            MonthError: it can't be closed; the text says why.
        """
        if not is_month(month):
            raise MonthError(MonthNo.NO_MONTH, f"month {month!r}: want YYYY-MM, such as 2026-10")
        sites = self.sites()
        now_ms = self._now()
        find = await self._finder(month, sites)

        def decide(days: Sequence[SiteDay], entries: Sequence[MonthEntry]) -> MonthEntry:
            counted = figures_of(month, sites, days, [], at_ms=now_ms) if days else {}
            figures = {site: replace(one, terms=self._terms(site, month)) for site, one in counted.items()}
            return close(month, figures, entries, by=by, why=why, now_ms=now_ms, obstacles=find(days), accepts=accepts)

        return await self.rows.settle(month, decide)

    async def obstacles(self, month: str) -> tuple[Obstacle, ...]:
        """What keeps a month from being closed; nothing while it is not over."""
        if bounds_of_month(month)[1] > self._now():
            return ()
        numbers = days_of_month(month)
        find = await self._finder(month, self.sites())
        days = await self.rows.days(numbers.start, numbers.stop - 1)
        return await asyncio.to_thread(find, days)

    async def _finder(self, month: str, sites: Sequence[Site]) -> Callable[[Sequence[SiteDay]], tuple[Obstacle, ...]]:
        first_days = await self.rows.first_days()
        waiting_ms = await self._waiting() if self._waiting else {}
        names = [one.id for one in sites]
        return lambda days: obstacles(month, days, sites=names, first_days=first_days, waiting_ms=waiting_ms)

    async def correct(
        self,
        month: str,
        *,
        by: str,
        why: str,
        sites: Sequence[str] = (),
        adjust_wh: int = 0,
        takes_prices: bool = False,
    ) -> MonthEntry:
        """Correct a closed month by what was counted since, or add energy to what one shelter's bill counts.

        Args:
            month: the month.
            by: who does it.
            why: why.
            sites: shelters to correct; none: all of which data came late.
            adjust_wh: energy to add to, or take from, the billed energy of the one shelter named.
            takes_prices: take prices and tax over from the table as it is now.

        Raises:
            MonthError: it is open, nothing would change, or the shelters do not fit.
        """
        now_ms = self._now()
        if not is_month(month):
            raise MonthError(MonthNo.NO_MONTH, f"month {month!r}: want YYYY-MM, such as 2026-10")
        if adjust_wh and len(sites) != 1:
            raise MonthError(MonthNo.ONE_SITE, "an adjustment by hand is of one shelter: name it (--site)")

        def decide(days: Sequence[SiteDay], entries: Sequence[MonthEntry]) -> MonthEntry:
            stand = standing(entries)
            unknown = set(sites) - stand.keys()
            if entries and unknown:
                raise MonthError(MonthNo.NOT_IN_IT, f"{', '.join(sorted(unknown))}: not in the closed {month}")
            figures = {}
            for site in sites or stand:
                figures[site] = adjusted(stand[site], adjust_wh)
                if not adjust_wh:
                    now = month_figures(site, month, [one for one in days if one.site == site])
                    figures[site] = recounted(stand[site], now)
                if takes_prices:
                    figures[site] = replace(figures[site], terms=self._terms(site, month))
            return correct(month, figures, entries, by=by, why=why, now_ms=now_ms)

        return await self.rows.settle(month, decide, takes_late=not adjust_wh)

    def _terms(self, site: str, month: str) -> Terms | None:
        return self.tables.prices.terms(site, month)

    def sites(self) -> list[Site]:
        """The registry, by id."""
        return sorted(self._sites(), key=lambda one: one.id)

    async def _fiscal_year(self, year: int) -> tuple[dict[str, Mapping[str, MonthFigures]], dict[str, MonthState]]:
        now_ms = self._now()
        months = months_of_fiscal_year(year) if year in YEARS else ()
        begun = [month for month in months if bounds_of_month(month)[0] < now_ms]
        if not begun:
            raise NoSuchError(f"fiscal year {year} has not begun (it runs from April {year})")
        figures: dict[str, Mapping[str, MonthFigures]] = {}
        states = {}
        for month in begun:
            entries = await self.rows.entries(month)
            states[month] = state_of(entries)
            figures[month] = await self._figures(month, entries)
        return figures, states

    async def _worked_in(self, month: str, sites: Sequence[Site]) -> dict[str, Operation]:
        """How well all shelters worked in a month; of one that is over only when its days have changed since."""
        numbers = days_of_month(month)
        state = await self.rows.state_of_days(numbers.start, numbers.stop - 1)
        known = self._worked.get(month)
        if known is not None and known[0] == (state, tuple(sites)):
            return known[1]
        found = await self._operations(month, sites, await self.rows.days(numbers.start, numbers.stop - 1))
        if bounds_of_month(month)[1] <= self._now():
            self._worked[month] = (state, tuple(sites)), found
            for oldest in sorted(self._worked)[:-WORKED_MONTHS]:
                del self._worked[oldest]
        return found

    async def _operations(self, month: str, sites: Sequence[Site], days: Sequence[SiteDay]) -> dict[str, Operation]:
        """How well shelters worked in a month, up to now."""
        numbers = days_of_month(month)
        from_ms, to_ms = bounds_of_month(month)
        to_ms = min(to_ms, self._now())
        changes = await self.rows.device_changes(from_ms - LOOK_BACK_MS, to_ms)
        links = await self.rows.links(numbers.start, numbers.stop - 1)

        def make() -> dict[str, Operation]:
            # The sun's library takes a second to load, and most commands never need it.
            from central.reports.sun import sunny_of

            sunny = sunny_of(sites, numbers)
            quiet = silences(changes, from_ms=from_ms, to_ms=to_ms)
            by_site: dict[str, list[SiteDay]] = {one.id: [] for one in sites}
            for day in days:
                if day.site in by_site:
                    by_site[day.site].append(day)
            return {
                of: operation(of, own, sunny[of], quiet.get(of, ()), links.get(of, (0, 0)))
                for of, own in by_site.items()
            }

        return await asyncio.to_thread(make)

    async def _figures(self, month: str, entries: Sequence[MonthEntry]) -> dict[str, MonthFigures]:
        if entries:
            return standing(entries)
        numbers = days_of_month(month)
        days = await self.rows.days(numbers.start, numbers.stop - 1)
        return await asyncio.to_thread(figures_of, month, self.sites(), days, [], at_ms=self._now())

    def _check_month(self, month: str) -> None:
        if not is_month(month) or bounds_of_month(month)[0] >= self._now():
            newest = month_of(self._now())
            raise NoSuchError(f"month {month!r}: want a month that has begun, as YYYY-MM; the newest is {newest}")


def _by_site(days: Iterable[SiteDay]) -> dict[str, list[SiteDay]]:
    found: dict[str, list[SiteDay]] = {}
    for one in days:
        found.setdefault(one.site, []).append(one)
    return found
