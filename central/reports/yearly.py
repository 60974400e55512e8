"""The year's CO2 and the disaster record on paper. Pure."""

from __future__ import annotations

from central.core.accounting.disasters import DisasterLine, DisasterReport
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import bounds_of_fiscal_year
from central.core.accounting.reporting import MonthState, YearLine, YearReport
from central.reports.forgotten import forgotten
from central.reports.names import month_words, name_of, state_words, synthetic, ward_of, year_words
from central.reports.operations import against_plan, shares, troubles
from central.reports.paper import DASH, Align, Column, Paper, Table, hours, kw_of, kwh, percent, ratio
from central.reports.words import Says
from central.web import figures
from central.web.catalogue import Lang


def yearly(report: YearReport, lang: Lang, *, city: str) -> Paper:
    """The CO2 report of a fiscal year."""
    says = Says(lang)
    return Paper(
        kind=f"yearly-{report.fiscal_year}",
        lang=lang,
        title=says("yearly"),
        subtitle=year_words(report.fiscal_year, says),
        city=city,
        made=says("made", at=figures.date_time(report.at_ms, lang)),
        warnings=_warnings(report, says),
        pairs=_pairs(report, says),
        tables=(
            _sites(report, says),
            _months(report, says),
            troubles([one.operation for one in report.lines], [one.site for one in report.lines], says),
            *forgotten([(one.site, one.lost_wh) for one in report.lines], says),
        ),
        notes=(
            says("note_co2"),
            says("note_factor_lag", year=report.fiscal_year, lag=report.fiscal_year - 1),
            says("note_self"),
            says("note_exact"),
            says("note_plant"),
            says("note_link"),
            says("note_trouble"),
            *((says("note_plan"),) if report.plan else ()),
        ),
        notes_heading=says("notes"),
        signatures=(says("sign_supplier"), says("sign_manager"), says("sign_head")),
        is_wide=True,
    )


def disaster(report: DisasterReport, lang: Lang, *, city: str) -> Paper:
    """The record of disasters and drills of a fiscal year."""
    says = Says(lang)
    lines = report.lines
    sums = (
        says("total"),
        "",
        "",
        f"{sum(_outages(one) for one in lines):,}",
        hours(sum(one.outage_ms for one in lines) / 1_000),
        hours(sum(one.islanded_s for one in lines)),
        kwh(sum(one.islanded_wh for one in lines)),
        f"{sum(one.open_days for one in lines):,}",
        "",
        "",
    )
    numbers = ("outages", "outage_h", "islanded_h", "islanded_kwh", "open_days", "incidents", "drills")
    by_site = Table(
        heading=says("by_site"),
        columns=(
            Column(says("site")),
            Column(says("site_id"), Align.CODE),
            Column(says("ward"), Align.CODE),
            *(Column(says(key), Align.NUMBER) for key in numbers),
        ),
        rows=tuple(_disaster_line(one, lang) for one in lines),
        total=sums,
    )
    return Paper(
        kind=f"disaster-{report.fiscal_year}",
        lang=lang,
        title=says("disaster"),
        subtitle=year_words(report.fiscal_year, says),
        city=city,
        made=says("made", at=figures.date_time(report.at_ms, lang)),
        warnings=(*synthetic([one.site for one in lines], says), *_running(report.fiscal_year, report.at_ms, says)),
        pairs=((says("facility"), says("city_all", n=len(lines))),),
        tables=(by_site, _outage_list(report, says), _opening_list(report, says), _incident_list(report, says)),
        notes=(says("note_outage"), says("note_open"), says("note_drills")),
        notes_heading=says("notes"),
        signatures=(says("sign_supplier"), says("sign_manager"), says("sign_head")),
        is_wide=True,
    )


def _warnings(report: YearReport, says: Says) -> tuple[str, ...]:
    found = list(synthetic([one.site for one in report.lines], says))
    wanted = report.fiscal_year - 1
    if report.factor is None:
        found.append(says("warn_factor_none", year=wanted))
    else:
        if not report.factor.verified:
            found.append(says("warn_factor"))
        if not report.is_own_year:
            found.append(says("warn_factor_old", wanted=wanted, used=report.factor.fiscal_year))
    found += _running(report.fiscal_year, report.at_ms, says)
    waiting = [month for month, state in report.states.items() if state is MonthState.OPEN]
    if waiting:
        found.append(says("warn_months", months=", ".join(waiting)))
    return tuple(found)


def _running(fiscal_year: int, at_ms: int, says: Says) -> list[str]:
    return [says("warn_running")] if at_ms < bounds_of_fiscal_year(fiscal_year)[1] else []


def _pairs(report: YearReport, says: Says) -> tuple[tuple[str, str], ...]:
    total_t = report.avoided_t
    pairs = [
        (says("facility"), says("city_all", n=len(report.lines))),
        (says("pv"), kwh(report.pv_wh)),
        (says("self"), kwh(report.self_wh)),
        (says("avoided"), DASH if total_t is None else f"{total_t:,.3f} t-CO2"),
    ]
    if report.factor is not None:
        one = report.factor
        value = says(
            "factor_is",
            value=one.t_per_kwh,
            retailer=one.retailer,
            menu=one.menu,
            year=one.fiscal_year,
            kind=says(one.kind.value),
        )
        pairs += [(says("factor"), value), (says("factor_source"), one.source)]
    return tuple(pairs)


def _sites(report: YearReport, says: Says) -> Table:
    numbers: tuple[str, ...] = ("pv", "self", "export", "import", "load", "self_rate", "sufficiency", "peak", "co2")
    numbers += ("known", "plant_share", "link_share")
    if report.plan:
        numbers += ("plan", "plan_diff", "plan_share")
    total = (
        says("total"),
        "",
        "",
        kwh(report.pv_wh),
        kwh(report.self_wh),
        *(kwh(sum(one.wh.get(flow, 0) for one in report.lines)) for flow in (Flow.EXPORT, Flow.IMPORT, Flow.LOAD)),
        ratio(report.self_wh, report.pv_wh),
        ratio(report.self_wh, sum(one.wh.get(Flow.LOAD, 0) for one in report.lines)),
        "",
        DASH if report.avoided_t is None else f"{report.avoided_t:,.3f}",
        "",
        "",
        "",
        *(against_plan(report.plan) if report.plan else ()),
    )
    return Table(
        heading=says("by_site"),
        columns=(
            Column(says("site")),
            Column(says("site_id"), Align.CODE),
            Column(says("ward"), Align.CODE),
            *(Column(says(key), Align.NUMBER) for key in numbers),
        ),
        rows=tuple(
            (*_year_line(one, says.lang), *(against_plan(one.plan) if report.plan else ())) for one in report.lines
        ),
        total=total,
    )


def _year_line(one: YearLine, lang: Lang) -> tuple[str, ...]:
    return (
        name_of(one.site, lang),
        one.site.id,
        ward_of(one.site, lang),
        kwh(one.wh.get(Flow.PV)),
        kwh(one.self_wh),
        *(kwh(one.wh.get(flow)) for flow in (Flow.EXPORT, Flow.IMPORT, Flow.LOAD)),
        ratio(one.self_wh, one.wh.get(Flow.PV, 0)),
        ratio(one.self_wh, one.wh.get(Flow.LOAD, 0)),
        kw_of(one.peak_wh),
        DASH if one.avoided_t is None else f"{one.avoided_t:,.3f}",
        percent(one.known_share),
        *shares(one.operation),
    )


def _months(report: YearReport, says: Says) -> Table:
    rows = tuple(
        (
            month_words(month, says),
            kwh(pv),
            kwh(used),
            ratio(used, pv),
            *(against_plan(report.monthly_plan.get(month)) if report.plan else ()),
            state_words(report.states[month], says),
        )
        for month, (pv, used) in report.monthly_wh.items()
    )
    columns = (
        Column(says("month_col")),
        Column(says("pv"), Align.NUMBER),
        Column(says("self"), Align.NUMBER),
        Column(says("self_rate"), Align.NUMBER),
        *((Column(says(key), Align.NUMBER) for key in ("plan", "plan_diff", "plan_share")) if report.plan else ()),
        Column(says("state_col")),
    )
    return Table(heading=says("by_month"), columns=columns, rows=rows)


def _outages(one: DisasterLine) -> int:
    return sum(not each.is_drill for each in one.outages)


def _disaster_line(one: DisasterLine, lang: Lang) -> tuple[str, ...]:
    return (
        name_of(one.site, lang),
        one.site.id,
        ward_of(one.site, lang),
        f"{_outages(one):,}",
        hours(one.outage_ms / 1_000),
        hours(one.islanded_s),
        kwh(one.islanded_wh),
        f"{one.open_days:,}",
        f"{one.incidents:,}",
        f"{one.drills:,}",
    )


def _outage_list(report: DisasterReport, says: Says) -> Table:
    found = sorted(((each, one.site) for one in report.lines for each in one.outages), key=lambda pair: pair[0].from_ms)
    rows = tuple(
        (
            name_of(site, says.lang),
            figures.date_time(each.from_ms, says.lang),
            says("goes_on") if each.goes_on else figures.date_time(each.to_ms, says.lang),
            hours(each.ms / 1_000),
            says("is_drill") if each.is_drill else "",
        )
        for each, site in found
    )
    columns = (
        Column(says("site")),
        Column(says("from"), Align.CODE),
        Column(says("to"), Align.CODE),
        Column(says("length_h"), Align.NUMBER),
        Column(says("kind_col")),
    )
    return Table(heading=says("outage_list"), columns=columns, rows=rows, note="" if rows else says("none"))


def _opening_list(report: DisasterReport, says: Says) -> Table:
    found = sorted(
        ((each, one.site) for one in report.lines for each in one.openings), key=lambda pair: pair[0].from_ms
    )
    rows = tuple(
        (
            name_of(site, says.lang),
            figures.date_time(each.from_ms, says.lang),
            says("goes_on") if each.goes_on else figures.date_time(each.to_ms, says.lang),
        )
        for each, site in found
    )
    columns = (Column(says("site")), Column(says("from"), Align.CODE), Column(says("to")))
    return Table(heading=says("opening_list"), columns=columns, rows=rows, note="" if rows else says("none"))


def _incident_list(report: DisasterReport, says: Says) -> Table:
    rows = tuple(
        (
            one.id,
            says("is_drill" if one.wish.is_drill else "is_real"),
            figures.date_time((one.confirmed or one.declared).at_ms, says.lang),
            says("goes_on") if one.stood_down is None else figures.date_time(one.stood_down.at_ms, says.lang),
            f"{len(one.sites):,}",
            one.declared.why,
        )
        for one in report.incidents
    )
    columns = (
        Column(says("incident_id")),
        Column(says("kind_col")),
        Column(says("from"), Align.CODE),
        Column(says("to"), Align.CODE),
        Column(says("sites_n"), Align.NUMBER),
        Column(says("reason")),
    )
    return Table(heading=says("incident_list"), columns=columns, rows=rows, note="" if rows else says("none"))
