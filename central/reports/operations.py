"""How well a month is known, and how well plants, links and devices worked, on paper. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from central.core.accounting.counters import LETTERS
from central.core.accounting.operation import Operation, TroubleKind
from central.core.accounting.plans import Against
from central.core.accounting.reporting import CompletenessReport, StatementLine
from central.core.city import Site
from central.reports.names import month_words, name_of, state_words, synthetic, ward_of
from central.reports.paper import DASH, Align, Column, Paper, Table, hours, kwh, percent, share_percent
from central.reports.words import Says
from central.web import figures
from central.web.catalogue import Lang


def completeness(report: CompletenessReport, lang: Lang, *, city: str) -> Paper:
    """How well the month is known and how well everything worked; what is known worst comes first."""
    says = Says(lang)
    keys = ("known", "plant_share", "link_share", "faults_n", "faults_h", "silent_n", "silent_h")
    columns = (
        Column(says("site")),
        Column(says("site_id"), Align.CODE),
        Column(says("ward"), Align.CODE),
        *(Column(says(key), Align.NUMBER) for key in keys),
        *(Column(says(f"q_{letter}"), Align.NUMBER) for letter in LETTERS),
        Column(says("q_odd"), Align.NUMBER),
    )
    rows = tuple(
        (
            name_of(site, lang),
            site.id,
            ward_of(site, lang),
            percent(one.known_share),
            *shares(report.operations.get(site.id)),
            *_sums(report.operations.get(site.id)),
            *(f"{one.slots.get(letter, 0):,}" for letter in LETTERS),
            f"{one.odd:,}",
        )
        for site, one in report.lines
    )
    sites = [site for site, _ in report.lines]
    return Paper(
        kind=f"completeness-{report.month}",
        lang=lang,
        title=says("completeness"),
        subtitle=month_words(report.month, says),
        city=city,
        made=says("made", at=figures.date_time(report.at_ms, lang)),
        warnings=synthetic(sites, says),
        pairs=(
            (says("facility"), says("city_all", n=len(report.lines))),
            (says("known").removesuffix(" %"), f"{percent(report.known_share)} %"),
            *_city_pairs(list(report.operations.values()), says),
            (says("state_col"), state_words(report.state, says)),
        ),
        tables=(
            Table(heading=says("by_site"), columns=columns, rows=rows),
            troubles(report.operations.values(), sites, says),
        ),
        notes=(says("note_exact"), says("note_plant"), says("note_link"), says("note_trouble")),
        notes_heading=says("notes"),
        is_wide=True,
    )


def shares(one: Operation | None) -> tuple[str, str]:
    """Availability of plant and link in percent."""
    plant, link = (one.plant_share, one.link_share) if one else (None, None)
    return DASH if plant is None else percent(plant), DASH if link is None else percent(link)


def against_plan(one: Against | None, *, is_over: bool = True) -> tuple[str, str, str]:
    """Plan, difference and share of the plan. Before the month is over it can't be compared."""
    if one is None:
        return DASH, DASH, DASH
    if not is_over:
        return kwh(one.plan_wh), DASH, DASH
    return kwh(one.plan_wh), kwh(one.difference_wh), share_percent(one.share)


def worked(line: StatementLine, says: Says, *, is_over: bool) -> Table:
    """Plan and availability of one shelter's month."""
    plan, difference, share = against_plan(line.plan, is_over=is_over)
    plant, link = shares(line.operation)
    rows = [(says("plant_share"), plant), (says("link_share"), link)]
    if line.plan is not None:
        rows = [(says("plan"), plan), (says("plan_diff"), difference), (says("plan_share"), share), *rows]
    return Table(
        heading=says("worked"),
        columns=(Column(says("what")), Column(says("value"), Align.NUMBER)),
        rows=tuple(rows),
    )


def troubles(operations: Iterable[Operation | None], sites: Sequence[Site], says: Says) -> Table:
    """Devices that reported faults or did not answer, the longest first."""
    names = {one.id: name_of(one, says.lang) for one in sites}
    found = [(each, one.site) for one in operations if one is not None for each in one.troubles]
    found.sort(key=lambda pair: (-pair[0].ms, pair[1], pair[0].device))
    rows = tuple(
        (
            names.get(site, site),
            site,
            each.device,
            says(f"trouble_{each.kind.value}"),
            f"{each.count:,}",
            hours(each.ms / 1_000),
        )
        for each, site in found
    )
    columns = (
        Column(says("site")),
        Column(says("site_id"), Align.CODE),
        Column(says("device"), Align.CODE),
        Column(says("what")),
        Column(says("times"), Align.NUMBER),
        Column(says("length_h"), Align.NUMBER),
    )
    return Table(heading=says("troubles"), columns=columns, rows=rows, note="" if rows else says("none"))


def _sums(one: Operation | None) -> tuple[str, ...]:
    if one is None:
        return (DASH,) * 4
    found: list[str] = []
    for kind in TroubleKind:
        count, ms = one.of(kind)
        found += (f"{count:,}", hours(ms / 1_000))
    return tuple(found)


def _city_pairs(found: Sequence[Operation], says: Says) -> tuple[tuple[str, str], ...]:
    """All shelters together."""
    sunny, seen = sum(one.sunny for one in found), sum(one.seen for one in found)
    plant = percent(1 - sum(one.down for one in found) / sunny) if sunny else DASH
    link = percent(sum(one.timely for one in found) / seen) if seen else DASH
    names = (says(key).removesuffix(" %") for key in ("plant_share", "link_share"))
    return tuple((name, f"{share} %") for name, share in zip(names, (plant, link), strict=True))
