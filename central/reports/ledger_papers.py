"""Plans and assets on paper, as lists to fill in, and what is wrong in such a list. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from central.core.accounting.assets import Asset, Reported, Restriction
from central.core.accounting.lists import Fault
from central.core.city import Site
from central.reports.ledger_words import FIELDS
from central.reports.ledgers import AssetReport, PlanReport
from central.reports.names import name_of, synthetic, year_words
from central.reports.paper import DASH, Align, Column, Paper, Table, kwh, yen
from central.reports.words import Says
from central.web import figures
from central.web.catalogue import Lang
from central.web.sheet import sheet

_NUMBERS: Final = frozenset({"rating", "count", "cost_yen", "life_years"})
_KEPT: Final = (*("acquired", "cost_yen", "programme", "life_years", "basis", "restricted_until", "disposed", "note"),)
"""Columns that paper has as the list has them."""
_CODES: Final = frozenset({"id", "site", "serial", "acquired", "restricted_until", "disposed"})


def plan(report: PlanReport, lang: Lang, *, city: str) -> Paper:
    """The plan of a fiscal year, a line a shelter."""
    says = Says(lang)
    planned = [site for site in report.sites if any((site.id, month) in report.plans_wh for month in report.months)]
    columns = (
        Column(says("site")),
        Column(says("site_id"), Align.CODE),
        *(Column(_month(month, says), Align.NUMBER) for month in report.months),
        Column(says("plan_sum"), Align.NUMBER),
    )
    rows = tuple(_plan_row(report, site, lang) for site in planned)
    said = {month for _, month in report.plans_wh}
    sums = [
        sum(report.plans_wh.get((site.id, month), 0) for site in planned) if month in said else None
        for month in report.months
    ]
    year_wh = sum(wh or 0 for wh in sums)
    return Paper(
        kind=f"plan-{report.fiscal_year}",
        lang=lang,
        title=says("plan_paper"),
        subtitle=year_words(report.fiscal_year, says),
        city=city,
        made=says("made", at=figures.date_time(report.at_ms, lang)),
        warnings=synthetic(planned, says),
        pairs=(
            (says("plan_planned"), f"{len(planned):,} / {len(report.sites):,}"),
            (says("plan_sum"), kwh(year_wh)),
        ),
        tables=(
            Table(
                heading=says("by_site"),
                columns=columns,
                rows=rows,
                total=(says("total"), "", *(kwh(wh) for wh in sums), kwh(year_wh)) if rows else (),
                note="" if rows else says("plan_none"),
            ),
        ),
        notes=(says("note_plan_source"), says("note_plan_closed")),
        notes_heading=says("notes"),
        signatures=(says("sign_supplier"), says("sign_manager"), says("sign_head")),
        is_wide=True,
    )


def plan_list(report: PlanReport, lang: Lang) -> bytes:
    """The list to fill in: every shelter, with the plan that stands."""
    says = Says(lang)
    header = [says("site_id"), says("site"), *(_month(month, says) for month in report.months)]
    return sheet(
        header,
        (
            [
                site.id,
                name_of(site, lang),
                *(_plain_kwh(report.plans_wh.get((site.id, month))) for month in report.months),
            ]
            for site in report.sites
        ),
    )


def assets(report: AssetReport, lang: Lang, *, city: str) -> Paper:
    """The ledger, and how it fits what technicians reported."""
    says = Says(lang)
    names = {one.id: name_of(one, lang) for one in report.sites}
    warnings = [*synthetic(report.sites, says)]
    if any(not limit.is_verified for one, limit in report.assets if not one.disposed):
        warnings.append(says("warn_lives"))
    if report.not_in_ledger:
        warnings.append(says("warn_missing_assets", n=len(report.not_in_ledger)))
    columns = (
        *(Column(says(f"a_{name}"), _align(name)) for name in FIELDS[:2]),
        Column(says("a_facility")),
        *(Column(says(f"a_{name}"), _align(name)) for name in FIELDS[2:]),
    )
    sheet_ = Table(
        heading=says("assets_list"),
        columns=columns,
        rows=tuple(_asset_row(one, limit, names, says) for one, limit in report.assets),
    )
    return Paper(
        kind="assets",
        lang=lang,
        title=says("assets_paper"),
        subtitle=says("as_of", at=figures.date_time(report.at_ms, lang)),
        city=city,
        made=says("made", at=figures.date_time(report.at_ms, lang)),
        warnings=tuple(warnings),
        pairs=((says("assets_n"), f"{len(report.assets):,}"),),
        tables=(
            _on_paper(sheet_, says, note="" if report.assets else says("assets_none")),
            *((_missing(report.not_in_ledger, names, says),) if report.not_in_ledger else ()),
            *((_strange(report.not_reported, names, says),) if report.not_reported else ()),
        ),
        notes=(says("note_restricted"), says("note_lives")),
        notes_heading=says("notes"),
        signatures=(says("sign_manager"), says("sign_head")),
        is_wide=True,
        sheet=sheet_,
    )


def _on_paper(full: Table, says: Says, *, note: str) -> Table:
    """The ledger with columns that belong together in one, or it would not fit on a sheet laid across."""
    heads = ["id", "site", "facility", *FIELDS[2:]]

    def row(cells: Sequence[str]) -> tuple[str, ...]:
        told = dict(zip(heads, cells, strict=True))
        make = " ".join(told[name] for name in ("maker", "model", "serial") if told[name] != DASH) or DASH
        rating = " ".join(told[name] for name in ("rating", "unit") if told[name] != DASH) or DASH
        return (
            told["id"],
            f"{told['facility']} {told['site']}",
            f"{told['name']}（{told['kind']}）" if says.lang is Lang.JA else f"{told['name']} ({told['kind']})",
            make,
            rating if told["count"] == "1" else f"{rating} ×{told['count']}",
            *(told[name] for name in _KEPT),
        )

    columns = (
        Column(says("a_id"), Align.CODE),
        Column(says("a_facility")),
        Column(says("a_name")),
        Column(says("a_make")),
        Column(says("a_rating")),
        *(Column(says(f"a_{name}"), Align.TEXT if name == "restricted_until" else _align(name)) for name in _KEPT),
    )
    return Table(heading=full.heading, columns=columns, rows=tuple(row(cells) for cells in full.rows), note=note)


def asset_list(found: Iterable[Asset], sites: Iterable[Site], lang: Lang) -> bytes:
    """The list to fill in: what is entered stands in it, what follows from it does not."""
    says = Says(lang)
    names = {one.id: name_of(one, lang) for one in sites}
    header = [
        *(says(f"a_{name}") for name in FIELDS[:2]),
        says("a_facility"),
        *(says(f"a_{name}") for name in FIELDS[2:]),
    ]
    return sheet(header, (_cells(one, names.get(one.site, ""), says) for one in found))


def fault_lines(faults: Sequence[Fault], lang: Lang) -> list[str]:
    """What is wrong in a list, in words."""
    says = Says(lang)
    return [
        (says("line", n=one.line) if one.line else says("the_file"))
        + ": "
        + says(f"wrong_{one.wrong.value}", column=_heading(one.column, says), value=one.value)
        for one in faults
    ]


def _heading(column: str, says: Says) -> str:
    """A column that is missing has no heading of its own."""
    return says(f"a_{column}") if column in FIELDS else column


def _month(month: str, says: Says) -> str:
    return says("plan_months", y=int(month[:4]), m=int(month[5:]))


def _plan_row(report: PlanReport, site: Site, lang: Lang) -> tuple[str, ...]:
    own = [report.plans_wh.get((site.id, month)) for month in report.months]
    return (name_of(site, lang), site.id, *(kwh(wh) for wh in own), kwh(sum(wh or 0 for wh in own)))


def _plain_kwh(wh: int | None) -> str:
    return "" if wh is None else f"{(Decimal(wh) / 1_000).normalize():f}"


def _align(name: str) -> Align:
    return Align.NUMBER if name in _NUMBERS else Align.CODE if name in _CODES else Align.TEXT


def _cells(one: Asset, facility: str, says: Says) -> list[str]:
    """What was entered, in the order of the list's columns."""
    said: dict[str, str] = {name: "" if (value := getattr(one, name)) is None else str(value) for name in FIELDS}
    said["kind"] = says(f"kind_{one.kind.value}")
    return [said["id"], said["site"], facility, *(said[name] for name in FIELDS[2:])]


def _asset_row(one: Asset, limit: Restriction, names: dict[str, str], says: Says) -> tuple[str, ...]:
    """What was entered, with years and end as they follow."""
    cells = dict(zip(FIELDS[2:], _cells(one, "", says)[3:], strict=True))
    cells["cost_yen"] = yen(one.cost_yen)
    cells["life_years"] = DASH if limit.years is None else str(limit.years)
    basis = limit.basis
    cells["basis"] = basis if limit.is_verified or not basis else says("a_unverified", text=basis)
    if limit.until and not limit.is_entered:
        cells["restricted_until"] = says(
            "a_worked_out_verified" if limit.is_verified else "a_worked_out", until=limit.until
        )
    elif limit.until and not limit.is_verified:
        cells["restricted_until"] = says("a_unverified", text=limit.until)
    return (one.id, one.site, names.get(one.site, one.site), *(cells[name] or DASH for name in FIELDS[2:]))


def _missing(found: Sequence[Reported], names: dict[str, str], says: Says) -> Table:
    keys = ("a_facility", "a_site", "a_device", "a_kind", "a_maker", "a_model", "a_serial")
    rows = tuple(
        (
            names.get(one.site, one.site),
            one.site,
            one.device,
            says(f"kind_{one.kind.value}"),
            one.maker or DASH,
            one.model or DASH,
            one.serial or DASH,
        )
        for one in found
    )
    return Table(heading=says("assets_missing"), columns=tuple(Column(says(key)) for key in keys), rows=rows)


def _strange(found: Sequence[Asset], names: dict[str, str], says: Says) -> Table:
    keys = ("a_id", "a_facility", "a_kind", "a_name", "a_serial")
    rows = tuple(
        (one.id, names.get(one.site, one.site), says(f"kind_{one.kind.value}"), one.name, one.serial) for one in found
    )
    return Table(heading=says("assets_strange"), columns=tuple(Column(says(key)) for key in keys), rows=rows)
