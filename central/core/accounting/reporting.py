"""What the reports say, as values: the month's statement, the year's CO2, the disaster record, completeness. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from central.core.accounting.closing import EntryKind, MonthEntry, standing
from central.core.accounting.days import SiteDay
from central.core.accounting.emissions import Factor, FactorTable, avoided_t
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import bounds_of_month
from central.core.accounting.months import MonthFigures, month_figures, total_of
from central.core.accounting.operation import Operation
from central.core.accounting.plans import Against, together
from central.core.accounting.prices import Amounts, Line, PriceTable, amounts_of, lines_of
from central.core.city import Site


class MonthState(StrEnum):
    """Whether a month's figures still change."""

    OPEN = "open"
    """It runs, or waits to be closed: what comes late changes it."""
    CLOSED = "closed"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One shelter in a month's statement."""

    site: Site
    line: Line
    peak_12_wh: int | None
    """Highest import of a half hour in this month and the eleven before."""
    curtailed_wh: int | None
    """An estimate of PV held back; ``None``: it was not."""
    plan: Against | None = None
    """PV energy beside its plan; ``None``: there is no plan."""
    operation: Operation | None = None
    lost_wh: Mapping[Flow, int] = field(default_factory=dict)
    """Estimates of what counters forgot in gaps; without a flow: none did, or nothing can be said."""

    @property
    def figures(self) -> MonthFigures:
        """Its month."""
        return self.line.figures


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """A month's statement, of the city or of one shelter."""

    month: str
    state: MonthState
    at_ms: int
    """When it was made."""
    lines: tuple[StatementLine, ...]
    amounts: Amounts
    entries: tuple[MonthEntry, ...]
    late_sites: tuple[str, ...]
    """Shelters of a closed month of which data came later: their figures here are those that were closed."""
    table_version: str
    site: Site | None = None
    """Of one shelter alone."""
    days: tuple[SiteDay, ...] = ()
    """Of one shelter: its days."""

    @property
    def wh(self) -> Mapping[Flow, int]:
        """Energies of all lines together."""
        return total_of([one.figures for one in self.lines])

    @property
    def billed_wh(self) -> int:
        """What the bill counts."""
        return sum(one.figures.billed_wh for one in self.lines)

    @property
    def plan(self) -> Against | None:
        """PV energy beside the plan, of those shelters that have one."""
        return together(one.plan for one in self.lines)

    @property
    def is_over(self) -> bool:
        """Whether the month had ended: before, its plan can't be compared."""
        return self.at_ms >= bounds_of_month(self.month)[1]

    @property
    def is_synthetic(self) -> bool:
        """Whether simulated shelters are in it."""
        return any(one.site.synthetic for one in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthInput:
    """What a month's statement is made of."""

    month: str
    sites: Sequence[Site]
    days: Sequence[SiteDay]
    entries: Sequence[MonthEntry]
    late_sites: frozenset[str]
    peaks_12_wh: Mapping[str, int]
    curtailed_wh: Mapping[str, int]
    at_ms: int
    plans_wh: Mapping[str, int] = field(default_factory=dict)
    """Shelter → planned PV energy."""
    operations: Mapping[str, Operation] = field(default_factory=dict)
    lost_wh: Mapping[str, Mapping[Flow, int]] = field(default_factory=dict)
    """Shelter → flow → estimate of what its counter forgot in a gap."""


def month_report(given: MonthInput, table: PriceTable, *, site: str | None = None) -> MonthReport:
    """The statement; of one shelter with ``site``. A closed month's figures are those that were closed."""
    figures = figures_of(given.month, given.sites, given.days, given.entries, at_ms=given.at_ms)
    wanted = [one for one in given.sites if (site is None or one.id == site) and one.id in figures]
    lines = lines_of([figures[one.id] for one in wanted], table, closed=bool(given.entries))
    return MonthReport(
        month=given.month,
        state=state_of(given.entries),
        at_ms=given.at_ms,
        lines=tuple(
            StatementLine(
                site=one,
                line=line,
                peak_12_wh=_highest(given.peaks_12_wh.get(one.id), line.figures.peak_wh),
                curtailed_wh=given.curtailed_wh.get(one.id),
                plan=against(given.plans_wh.get(one.id), line.figures),
                operation=given.operations.get(one.id),
                lost_wh=given.lost_wh.get(one.id, {}),
            )
            for one, line in zip(wanted, lines, strict=True)
        ),
        amounts=amounts_of(lines, given.month, table),
        entries=tuple(given.entries),
        late_sites=tuple(one.id for one in wanted if one.id in given.late_sites),
        table_version=table.version,
        site=wanted[0] if site is not None and wanted else None,
        days=tuple(one for one in given.days if one.site == site) if site is not None else (),
    )


def figures_of(
    month: str, sites: Iterable[Site], days: Iterable[SiteDay], entries: Sequence[MonthEntry], *, at_ms: int
) -> dict[str, MonthFigures]:
    """Shelter → its month. Of an open month every registered shelter is in it, counted or not."""
    if entries:
        return standing(entries)
    by_site: dict[str, list[SiteDay]] = {}
    for one in days:
        by_site.setdefault(one.site, []).append(one)
    return {one.id: month_figures(one.id, month, by_site.get(one.id, ()), until_ms=at_ms) for one in sites}


def against(plan_wh: int | None, figures: MonthFigures) -> Against | None:
    """A shelter's month beside its plan."""
    return None if plan_wh is None else Against(plan_wh, figures.wh.get(Flow.PV, 0))


def state_of(entries: Sequence[MonthEntry]) -> MonthState:
    """How a month stands."""
    if not entries:
        return MonthState.OPEN
    is_corrected = any(one.kind is EntryKind.CORRECTED for one in entries)
    return MonthState.CORRECTED if is_corrected else MonthState.CLOSED


def _highest(*found: int | None) -> int | None:
    return max((one for one in found if one is not None), default=None)


# --- The year's CO2 ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class YearLine:
    """One shelter's fiscal year."""

    site: Site
    wh: Mapping[Flow, int]
    self_wh: int
    peak_wh: int | None
    islanded_s: int
    islanded_wh: int
    known_share: float
    """Part of the half hours that were measured (0 to 1)."""
    avoided_t: Decimal | None
    plan: Against | None = None
    """PV energy beside its plan, of those months that are over and have one."""
    operation: Operation | None = None
    lost_wh: Mapping[Flow, int] = field(default_factory=dict)
    """Estimates of what counters forgot in gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YearReport:
    """The CO2 report of a fiscal year, April to March."""

    fiscal_year: int
    at_ms: int
    lines: tuple[YearLine, ...]
    monthly_wh: Mapping[str, tuple[int, int]]
    """Month → PV energy and what of it was used on site."""
    states: Mapping[str, MonthState]
    """Of the months that have begun."""
    factor: Factor | None
    is_own_year: bool
    """Whether the factor is that of the year that the report wants; else an older one stands in."""
    table_version: str
    monthly_plan: Mapping[str, Against] = field(default_factory=dict)
    """Month that is over → PV energy beside the plan, of those shelters that have one."""

    @property
    def plan(self) -> Against | None:
        """PV energy beside the plan, of the months that are over; ``shelters`` counts months of shelters."""
        return together(self.monthly_plan.values())

    @property
    def self_wh(self) -> int:
        """PV energy used on site by all."""
        return sum(one.self_wh for one in self.lines)

    @property
    def pv_wh(self) -> int:
        """PV energy of all."""
        return sum(one.wh.get(Flow.PV, 0) for one in self.lines)

    @property
    def avoided_t(self) -> Decimal | None:
        """Tonnes of CO2 that all together avoided; ``None``: there is no factor."""
        return avoided_t(self.self_wh, self.factor) if self.factor else None


def year_report(
    fiscal_year: int,
    sites: Sequence[Site],
    months: Mapping[str, Mapping[str, MonthFigures]],
    states: Mapping[str, MonthState],
    table: FactorTable,
    *,
    at_ms: int,
    plans_wh: Mapping[tuple[str, str], int] | None = None,
    operations: Mapping[str, Operation] | None = None,
    lost_wh: Mapping[str, Mapping[Flow, int]] | None = None,
) -> YearReport:
    """The report from the months that have begun: month → shelter → figures.

    ``plans_wh``: shelter and month → planned PV energy. ``lost_wh``: shelter → estimates of what its counters forgot.
    """
    plans = {
        (site, month): beside
        for month, figures in months.items()
        if bounds_of_month(month)[1] <= at_ms
        for site, one in figures.items()
        if (beside := against((plans_wh or {}).get((site, month)), one)) is not None
    }
    chosen = table.factor(fiscal_year)
    factor = chosen[0] if chosen else None
    lines = []
    for site in sites:
        own = [figures[site.id] for figures in months.values() if site.id in figures]
        self_wh = sum(one.billed_wh for one in own)
        slots = sum(sum(one.slots.values()) for one in own)
        known = sum(one.known_share * sum(one.slots.values()) for one in own)
        lines.append(
            YearLine(
                site=site,
                wh=total_of(own),
                self_wh=self_wh,
                peak_wh=_highest(*(one.peak_wh for one in own)),
                islanded_s=sum(one.islanded_s for one in own),
                islanded_wh=sum(one.islanded_wh for one in own),
                known_share=known / slots if slots else 0.0,
                avoided_t=avoided_t(self_wh, factor) if factor else None,
                plan=together(plans.get((site.id, month)) for month in months),
                operation=(operations or {}).get(site.id),
                lost_wh=(lost_wh or {}).get(site.id, {}),
            )
        )
    monthly = {month: together(one for (_, of), one in plans.items() if of == month) for month in months}
    return YearReport(
        fiscal_year=fiscal_year,
        at_ms=at_ms,
        lines=tuple(lines),
        monthly_wh={
            month: (
                sum(one.wh.get(Flow.PV, 0) for one in figures.values()),
                sum(one.billed_wh for one in figures.values()),
            )
            for month, figures in months.items()
        },
        states=states,
        factor=factor,
        is_own_year=chosen[1] if chosen else False,
        table_version=table.version,
        monthly_plan={month: one for month, one in monthly.items() if one is not None},
    )


# --- Completeness -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessReport:
    """How well a month's half hours are known, shelter by shelter, the worst first."""

    month: str
    state: MonthState
    at_ms: int
    lines: tuple[tuple[Site, MonthFigures], ...]
    operations: Mapping[str, Operation] = field(default_factory=dict)

    @property
    def known_share(self) -> float:
        """Part of all half hours that were measured (0 to 1)."""
        slots = [(one.known_share, sum(one.slots.values())) for _, one in self.lines]
        total = sum(count for _, count in slots)
        return sum(share * count for share, count in slots) / total if total else 0.0


def completeness_report(
    month: str,
    sites: Sequence[Site],
    figures: Mapping[str, MonthFigures],
    state: MonthState,
    *,
    at_ms: int,
    operations: Mapping[str, Operation] | None = None,
) -> CompletenessReport:
    """The report from a month's figures."""
    lines = [(site, figures[site.id]) for site in sites if site.id in figures]
    lines.sort(key=lambda each: (each[1].known_share, -each[1].odd, each[0].id))
    return CompletenessReport(month=month, state=state, at_ms=at_ms, lines=tuple(lines), operations=operations or {})
