"""Reports as files: HTML that prints on A4, CSV for a spreadsheet, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from central.core.accounting.days import SiteDay
from central.core.accounting.disasters import DisasterReport
from central.core.accounting.operation import Operation
from central.core.accounting.reporting import (
    CompletenessReport,
    MonthReport,
    YearReport,
)
from central.reports.ledgers import AssetReport, PlanReport
from central.reports.paper import Paper, csv_rows
from central.web.sheet import sheet

AnyReport = MonthReport | YearReport | DisasterReport | CompletenessReport
AnyLedger = PlanReport | AssetReport


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("central.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def html_file(paper: Paper) -> str:
    """One file that needs no other: open it in a browser and print it."""
    css = resources.files("central.web").joinpath("static/paper.css").read_text(encoding="utf-8")
    return _templates().get_template("paper_file.html").render(paper=paper, css=css)


def csv_file(paper: Paper) -> bytes:
    """The first table, with a byte order mark, no cell a formula."""
    return sheet(*csv_rows(paper))


def json_file(report: AnyReport | AnyLedger) -> str:
    """Everything that the report says. Energies in Wh, times in UTC milliseconds, amounts in yen, decimals as text."""
    return json.dumps(as_json(report), ensure_ascii=False, sort_keys=True)


def as_json(report: AnyReport | AnyLedger) -> dict[str, Any]:
    """The report as plain values, with what follows from them."""
    if isinstance(report, PlanReport):
        return _plan(report)
    found: dict[str, Any] = _plain(report)
    found["report"] = type(report).__name__.removesuffix("Report").lower()
    match report:
        case MonthReport():
            found["billed_wh"] = report.billed_wh
            found["wh"] = _plain(report.wh)
            found["amounts"]["total_yen"] = report.amounts.total_yen
            for told, line in zip(found["lines"], report.lines, strict=True):
                told["site"] = line.site.id
                told["name"] = line.site.name
                told["yen"] = line.line.yen
                told["billed_wh"] = line.figures.billed_wh
                told["known_share"] = round(line.figures.known_share, 6)
                told["operation"] = _worked(line.operation)
            found["site"] = report.site.id if report.site else None
        case YearReport():
            found["self_wh"] = report.self_wh
            found["pv_wh"] = report.pv_wh
            found["avoided_t"] = _plain(report.avoided_t)
            for told, year in zip(found["lines"], report.lines, strict=True):
                told["operation"] = _worked(year.operation)
        case DisasterReport():
            for told, each in zip(found["lines"], report.lines, strict=True):
                told["open_days"] = each.open_days
                told["outage_ms"] = each.outage_ms
            found["incidents"] = [
                {
                    "id": one.id,
                    "is_drill": one.wish.is_drill,
                    "from_ms": (one.confirmed or one.declared).at_ms,
                    "to_ms": one.stood_down.at_ms if one.stood_down else None,
                    "sites": sorted(one.sites),
                    "why": one.declared.why,
                }
                for one in report.incidents
            ]
        case AssetReport():
            found["assets"] = [{**_plain(one), "restriction": _plain(limit)} for one, limit in report.assets]
            found["sites"] = [one.id for one in report.sites]
        case CompletenessReport():
            found["known_share"] = round(report.known_share, 6)
            found["operations"] = {site: _worked(one) for site, one in report.operations.items()}
            found["lines"] = [
                {"site": site.id, "name": site.name, **_plain(one), "known_share": round(one.known_share, 6)}
                for site, one in report.lines
            ]
    return found


def _plan(report: PlanReport) -> dict[str, Any]:
    """Plans by shelter and month."""
    plans: dict[str, dict[str, int]] = {}
    for (site, month), wh in sorted(report.plans_wh.items()):
        plans.setdefault(site, {})[month] = wh
    return {"report": "plan", "fiscal_year": report.fiscal_year, "at_ms": report.at_ms, "plans_wh": plans}


def _worked(one: Operation | None) -> dict[str, Any] | None:
    """How well a shelter worked, with the shares that follow."""
    if one is None:
        return None
    told: dict[str, Any] = _plain(one)
    return {**told, "plant_share": one.plant_share, "link_share": one.link_share}


def _plain(value: Any) -> Any:
    """Values that JSON knows."""
    match value:
        case Enum():
            found = value.value
        case Decimal():
            found = str(value)
        case SiteDay():
            found = {"day": value.day, "wh": _plain(value.wh), "marks": _plain(value.marks), "odd": sorted(value.odd)}
        case Mapping():
            found = {str(_plain(key)): _plain(each) for key, each in value.items()}
        case frozenset() | set():
            found = sorted(_plain(each) for each in value)
        case tuple() | list():
            found = [_plain(each) for each in value]
        case _ if dataclasses.is_dataclass(value):
            found = {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
        case _:
            found = value
    return found
