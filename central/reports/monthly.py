"""A month's statement, and the month's completeness, on paper. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from central.core.accounting.closing import MonthEntry
from central.core.accounting.counters import LETTERS
from central.core.accounting.flows import Flow, PvBasis
from central.core.accounting.halfhours import date_of
from central.core.accounting.months import MonthFigures
from central.core.accounting.prices import Line
from central.core.accounting.readiness import Obstacle
from central.core.accounting.reporting import MonthReport, MonthState, StatementLine
from central.core.city import Site
from central.reports.forgotten import forgotten
from central.reports.names import month_words, name_of, synthetic, ward_of
from central.reports.operations import against_plan, shares, troubles, worked
from central.reports.paper import DASH, Align, Column, Paper, Table, kw_of, kwh, percent, yen
from central.reports.words import Says
from central.web import figures
from central.web.catalogue import Lang

_DAY_FLOWS: Final = (Flow.PV, Flow.EXPORT, Flow.IMPORT, Flow.CHARGE, Flow.DISCHARGE, Flow.LOAD)


def monthly(report: MonthReport, lang: Lang, *, city: str) -> Paper:
    """The statement of the city, a line a shelter, or of one shelter with its days."""
    says = Says(lang)
    one = report.site
    return Paper(
        kind=f"monthly-{report.month}" + (f"-{one.id}" if one else ""),
        lang=lang,
        title=says("monthly"),
        subtitle=month_words(report.month, says),
        city=city,
        made=says("made", at=figures.date_time(report.at_ms, lang)),
        warnings=_warnings(report, says),
        pairs=_pairs(report, says),
        tables=(
            *((_days(report, says),) if one else (_sites(report, says),)),
            *(_of_one(report.lines[0], says, is_over=report.is_over) if one else _of_all(report, says)),
            *forgotten([(line.site, line.lost_wh) for line in report.lines], says),
            *((corrections(report.entries, says),) if report.entries else ()),
            *((_despite(report, says),) if _despite_of(report) else ()),
        ),
        notes=tuple(
            says(key) for key in ("note_self", "note_dc", "note_load", "note_exact", "note_amount", "note_peak")
        )
        + (says("note_plant"), says("note_link"))
        + ((says("note_plan"),) if report.plan else ())
        + ((says("note_curtailed"),) if any(line.curtailed_wh is not None for line in report.lines) else ())
        + (says("note_drills"),),
        notes_heading=says("notes"),
        signatures=(says("sign_supplier"), says("sign_manager"), says("sign_head")),
        is_wide=one is None,
    )


def corrections(entries: tuple[MonthEntry, ...], says: Says) -> Table:
    """Who closed and corrected, when and why."""

    def billed(told: Mapping[str, MonthFigures]) -> tuple[str, str]:
        lines = [Line(figures=one, terms=one.terms) for one in told.values()]
        if not lines:
            return DASH, DASH
        return kwh(sum(one.billed_wh for one in told.values()), 3), yen(sum(line.yen or 0 for line in lines))

    rows = tuple(
        (
            figures.date_time(one.at_ms, says.lang),
            says(one.kind.value),
            one.by,
            one.why or DASH,
            str(len(one.after)),
            *billed(one.before),
            *billed(one.after),
            one.hash[:16],
        )
        for one in entries
    )
    columns = (
        Column(says("when"), Align.CODE),
        Column(says("what")),
        Column(says("who")),
        Column(says("why")),
        Column(says("sites_n"), Align.NUMBER),
        *(Column(says(key), Align.NUMBER) for key in ("before", "before_yen", "after", "after_yen")),
        Column("SHA-256"),
    )
    return Table(heading=says("corrections"), columns=columns, rows=rows)


def obstacle_lines(
    found: Iterable[Obstacle], sites: Sequence[Site], says: Says
) -> tuple[tuple[str, str, str, str, str], ...]:
    """What is missing, a line a shelter: name, id, what, half hours, since when."""
    names = {one.id: name_of(one, says.lang) for one in sites}
    return tuple(
        (
            names.get(one.site, one.site),
            one.site,
            says(f"hurdle_{one.hurdle.value}"),
            says("of_slots", n=f"{one.missing:,}", all=f"{one.due:,}"),
            figures.date_time(one.since_ms, says.lang) if one.since_ms else DASH,
        )
        for one in found
    )


def _despite_of(report: MonthReport) -> list[Obstacle]:
    """What was missing when it was closed, of the shelters that the statement is of."""
    named = {line.site.id for line in report.lines}
    return [one for one in report.entries[0].despite if one.site in named] if report.entries else []


def _despite(report: MonthReport, says: Says) -> Table:
    columns = (
        Column(says("site")),
        Column(says("site_id"), Align.CODE),
        Column(says("what")),
        Column(says("missing_slots"), Align.NUMBER),
        Column(says("known_since"), Align.CODE),
    )
    rows = obstacle_lines(_despite_of(report), [line.site for line in report.lines], says)
    return Table(heading=says("despite"), columns=columns, rows=rows)


def _pairs(report: MonthReport, says: Says) -> tuple[tuple[str, str], ...]:
    amounts = report.amounts
    who = says("city_all", n=len(report.lines))
    if report.site:
        who = f"{name_of(report.site, says.lang)}（{report.site.id}）"
    pairs = [
        (says("facility"), who),
        (says("supplied"), f"{kwh(report.billed_wh, 3)} kWh"),
        (says("net"), f"{yen(amounts.net_yen)} 円" if says.lang is Lang.JA else f"{yen(amounts.net_yen)} yen"),
        (
            says("tax", rate=f"{amounts.tax_rate * 100:f}".rstrip("0").rstrip(".")),
            f"{yen(amounts.tax_yen)} 円" if says.lang is Lang.JA else f"{yen(amounts.tax_yen)} yen",
        ),
        (says("gross"), f"{yen(amounts.total_yen)} 円" if says.lang is Lang.JA else f"{yen(amounts.total_yen)} yen"),
        (says("table"), report.table_version or DASH),
        (says("settled"), _settled(report, says)),
    ]
    if report.plan is not None:
        plan, difference, share = against_plan(report.plan, is_over=report.is_over)
        told = says("plan_is", plan=plan, difference=difference, share=share)
        who = "" if report.site else says("plan_of", n=report.plan.shelters)
        pairs.append((says("plan_pair"), told + who))
    if report.entries:
        pairs.append((says("hash"), report.entries[-1].hash))
    return tuple(pairs)


def _settled(report: MonthReport, says: Says) -> str:
    if not report.entries:
        return says("open")
    first = report.entries[0]
    told = says("entry_closed", at=figures.date_time(first.at_ms, says.lang), by=first.by)
    return f"{told}、{says('corrected')}" if report.state is MonthState.CORRECTED else told


def _warnings(report: MonthReport, says: Says) -> tuple[str, ...]:
    found = [*synthetic([line.site for line in report.lines], says)]
    if not report.amounts.is_verified:
        found.append(says("warn_price"))
    if report.amounts.unpriced:
        found.append(says("warn_unpriced", n=report.amounts.unpriced))
    if report.state is MonthState.OPEN:
        found.append(says("warn_open"))
    if missing := _despite_of(report):
        found.append(says("warn_despite", n=len(missing), why=report.entries[0].why))
    if report.late_sites:
        found.append(says("warn_late", n=len(report.late_sites)))
    return tuple(found)


def _sites(report: MonthReport, says: Says) -> Table:
    numbers = (
        *("pv", "export", "import", "charge", "discharge", "load", "billed", "price", "amount"),
        *("peak", "peak_12", "curtailed", "known", "plant_share", "link_share"),
        *(("plan", "plan_diff", "plan_share") if report.plan else ()),
    )
    columns = (
        Column(says("site")),
        Column(says("site_id"), Align.CODE),
        Column(says("ward"), Align.CODE),
        *(Column(says(key), Align.NUMBER) for key in numbers),
    )
    wh = report.wh
    flows = (Flow.PV, Flow.EXPORT, Flow.IMPORT, Flow.CHARGE, Flow.DISCHARGE, Flow.LOAD)
    held = [line.curtailed_wh for line in report.lines if line.curtailed_wh is not None]
    total = (
        says("total"),
        "",
        "",
        *(kwh(wh.get(flow)) for flow in flows),
        kwh(report.billed_wh, 3),
        "",
        yen(report.amounts.net_yen),
        "",
        "",
        kwh(sum(held)) if held else DASH,
        "",
        "",
        "",
        *(against_plan(report.plan, is_over=report.is_over) if report.plan else ()),
    )
    return Table(
        heading=says("by_site"),
        columns=columns,
        rows=tuple(
            (*_line(line, says.lang), *(against_plan(line.plan, is_over=report.is_over) if report.plan else ()))
            for line in report.lines
        ),
        total=total,
    )


def _line(line: StatementLine, lang: Lang) -> tuple[str, ...]:
    one = line.figures
    return (
        name_of(line.site, lang),
        line.site.id,
        ward_of(line.site, lang),
        *(kwh(one.wh.get(flow)) for flow in _DAY_FLOWS),
        kwh(one.billed_wh, 3),
        f"{line.line.terms.yen_per_kwh}" if line.line.terms else DASH,
        yen(line.line.yen),
        kw_of(one.peak_wh),
        kw_of(line.peak_12_wh),
        kwh(line.curtailed_wh),
        percent(one.known_share),
        *shares(line.operation),
    )


def _of_one(line: StatementLine, says: Says, *, is_over: bool) -> tuple[Table, ...]:
    """What a statement of one shelter says beside its days."""
    return (
        worked(line, says, is_over=is_over),
        troubles([line.operation], [line.site], says),
        _quality(line.figures, says),
    )


def _of_all(report: MonthReport, says: Says) -> tuple[Table, ...]:
    """Devices that failed anywhere, where any did."""
    found = troubles([line.operation for line in report.lines], [line.site for line in report.lines], says)
    return (found,) if found.rows else ()


def _days(report: MonthReport, says: Says) -> Table:
    keys = ("pv", "export", "import", "charge", "discharge", "load", "peak")
    columns = (Column(says("day")), *(Column(says(key), Align.NUMBER) for key in keys))
    rows = []
    for one in report.days:
        on = date_of(one.day)
        day = f"{on.month}/{on.day}" if says.lang is Lang.JA else f"{on.day}/{on.month}"
        energies = (kwh(one.total_wh(flow)) if flow in one.wh else DASH for flow in _DAY_FLOWS)
        rows.append((day, *energies, kw_of(one.peak[0]) if one.peak else DASH))
    figures_ = report.lines[0].figures if report.lines else None
    total = (
        (says("total"), *(kwh(figures_.wh.get(flow)) for flow in _DAY_FLOWS), kw_of(figures_.peak_wh))
        if figures_
        else ()
    )
    return Table(heading=says("by_day"), columns=columns, rows=tuple(rows), total=total)


def _quality(one: MonthFigures, says: Says) -> Table:
    rows = [(says(f"q_{letter}"), f"{one.slots.get(letter, 0):,}") for letter in LETTERS]
    rows += [(says("q_odd"), f"{one.odd:,}"), (says("q_limited"), f"{one.limited:,}")]
    basis = says("note_dc") if one.pv_basis is PvBasis.DC else ""
    return Table(
        heading=says("quality"),
        columns=(Column(says("meaning")), Column(says("slots"), Align.NUMBER)),
        rows=tuple(rows),
        note=basis,
    )
