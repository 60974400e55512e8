"""``shelter-central report``: statements, the year's CO2, disaster record, completeness, and what a figure rests on."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from central.cli_asking import AsJson, Config, Data, fail, lang_of
from central.cli_energy import Month, Office, OneSite, do, moment_ms

if TYPE_CHECKING:
    from central.reports.files import AnyLedger, AnyReport
    from central.reports.paper import Paper

report = typer.Typer(no_args_is_help=True, help="Statements and reports on energy, as HTML, CSV, JSON or text.")


class Form(StrEnum):
    """How a report is written."""

    HTML = "html"
    CSV = "csv"
    JSON = "json"


Year = Annotated[int, typer.Option("--year", help="Fiscal year, April to March: 2026 is April 2026 to March 2027.")]
As = Annotated[Form, typer.Option("--format", help="html prints on A4, csv is for a spreadsheet, json for programs.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write; without it standard output.")]
ReportLang = Annotated[str, typer.Option("--lang", help="ja or en.")]


@report.command("monthly")
def monthly(
    month_: Month,
    site: OneSite = None,
    form: As = Form.HTML,
    out: Out = None,
    lang: ReportLang = "ja",
    data: Data = None,
    config: Config = None,
) -> None:
    """The month's statement: energy used on site, price, amount, tax, peak demand; a line a shelter.

    An open month's figures still change; close it (shelter-central month close) before it is billed.

    Examples:

        shelter-central report monthly --month 2026-10 --data var/central -o 2026-10.html

        shelter-central report monthly --month 2026-10 --site E0000000001111 --format csv --data var/central
    """
    from central.reports.monthly import monthly as paper

    put(data, config, form, out, lang, lambda office: office.desk.monthly(month_, site), paper)


@report.command("yearly")
def yearly(
    year: Year, form: As = Form.HTML, out: Out = None, lang: ReportLang = "ja", data: Data = None, config: Config = None
) -> None:
    """The CO2 report of a fiscal year, by shelter and by month; PV energy beside its plan, and availability.

    The emission factor comes from the table of the settings (accounting.factors) with its source; one that nobody has
    checked is marked as unverified (未確認).

    Example:

        shelter-central report yearly --year 2026 --data var/central -o co2-2026.html
    """
    from central.reports.yearly import yearly as paper

    put(data, config, form, out, lang, lambda office: office.desk.yearly(year), paper)


@report.command("disaster")
def disaster(
    year: Year, form: As = Form.HTML, out: Out = None, lang: ReportLang = "ja", data: Data = None, config: Config = None
) -> None:
    """The record of a fiscal year that subsidies ask for: outages, energy delivered islanded, days open, drills.

    Example:

        shelter-central report disaster --year 2026 --data var/central -o disaster-2026.html
    """
    from central.reports.yearly import disaster as paper

    put(data, config, form, out, lang, lambda office: office.desk.disaster(year), paper)


@report.command("completeness")
def completeness(
    month_: Month,
    form: As = Form.HTML,
    out: Out = None,
    lang: ReportLang = "ja",
    data: Data = None,
    config: Config = None,
) -> None:
    """How well a month is known, and how well plants, links and devices worked; what is known worst comes first.

    Example:

        shelter-central report completeness --month 2026-10 --data var/central --format csv
    """
    from central.reports.operations import completeness as paper

    put(data, config, form, out, lang, lambda office: office.desk.completeness(month_), paper)


@report.command("plan")
def plan(
    year: Year, form: As = Form.HTML, out: Out = None, lang: ReportLang = "ja", data: Data = None, config: Config = None
) -> None:
    """The plan of PV energy of a fiscal year, as it was entered: shelter-central plan import.

    Example:

        shelter-central report plan --year 2026 --data var/central -o plan-2026.html
    """
    from central.reports.ledger_papers import plan as paper

    put(data, config, form, out, lang, lambda office: office.ledgers.plan(year), paper)


@report.command("assets")
def assets(
    form: As = Form.HTML, out: Out = None, lang: ReportLang = "ja", data: Data = None, config: Config = None
) -> None:
    """The ledger of assets whose disposal a subsidy restricts, and how it fits the commissioning reports.

    Useful lives that nobody entered come from a table of the program, which nobody has checked (未確認).

    Example:

        shelter-central report assets --data var/central -o assets.html
    """
    from central.reports.ledger_papers import assets as paper

    put(data, config, form, out, lang, lambda office: office.ledgers.assets(), paper)


@report.command("trace")
def trace(
    site: Annotated[str, typer.Argument(help="A shelter's id.")],
    at: Annotated[str, typer.Argument(help="A moment in Tokyo, as 2026-10-01T12:30.")],
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """The readings that a half hour's energies come from: device, point, times and values, and the sum again.

    Example:

        shelter-central report trace E0000000001111 2026-10-01T12:30 --data var/central
    """
    from central.reports.trace import as_text, trace_of

    at_ms = moment_ms(at)
    found = do(data, config, lambda office: trace_of(office.desk.rows, office.sites, site, at_ms))
    typer.echo(json.dumps(found, ensure_ascii=False) if as_json else as_text(found), nl=True)


def put(
    data: Path | None,
    config: Path | None,
    form: Form,
    out: Path | None,
    lang: str,
    make: Callable[[Office], Awaitable[AnyReport | AnyLedger]],
    paper: Callable[..., Paper],
) -> None:
    """Make a report and write it."""
    from central.reports.files import csv_file, html_file, json_file
    from central.web.catalogue import Lang

    chosen = Lang(lang_of(lang))

    async def work(office: Office) -> bytes:
        made = await make(office)
        if form is Form.JSON:
            return json_file(made).encode()
        sheet = paper(made, chosen, city=office.city[chosen.value])
        return csv_file(sheet) if form is Form.CSV else html_file(sheet).encode()

    write(do(data, config, work), out)


def write(body: bytes, out: Path | None) -> None:
    """Into a file, or to standard output."""
    if out is None:
        sys.stdout.buffer.write(body)
        return
    try:
        out.write_bytes(body)
    except OSError as error:
        fail(f"{out}: {error.strerror or error} (name another file with --out)", code=1)
    typer.echo(f"{out}: {len(body):,} bytes", err=True)
