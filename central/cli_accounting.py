"""``shelter-central report`` and ``month``: statements, the year's CO2, the disaster record; months that are closed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from central.cli_asking import AsJson, By, Config, Data, Why, fail, lang_of, settings_of

if TYPE_CHECKING:
    from central.accounting import Accountant
    from central.core.city import Site
    from central.reports.desk import ReportDesk
    from central.reports.files import AnyReport
    from central.reports.paper import Paper

report = typer.Typer(no_args_is_help=True, help="Statements and reports on energy, as HTML, CSV, JSON or text.")
month = typer.Typer(no_args_is_help=True, help="Months of energy: how they stand, close, correct, count anew.")
T = TypeVar("T")
_TOKYO = timezone(timedelta(hours=9))


class Form(StrEnum):
    """How a report is written."""

    HTML = "html"
    CSV = "csv"
    JSON = "json"


Month = Annotated[str, typer.Option("--month", help="Month in Tokyo, as 2026-10.")]
Year = Annotated[int, typer.Option("--year", help="Fiscal year, April to March: 2026 is April 2026 to March 2027.")]
OneSite = Annotated[str | None, typer.Option("--site", help="One shelter's id; without it the whole city.")]
As = Annotated[Form, typer.Option("--format", help="html prints on A4, csv is for a spreadsheet, json for programs.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write; without it standard output.")]
ReportLang = Annotated[str, typer.Option("--lang", help="ja or en.")]


@dataclass(frozen=True, slots=True)
class _Office:
    """What the commands work with."""

    desk: ReportDesk
    accountant: Accountant
    sites: list[Site]
    city: dict[str, str]


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

    _put(data, config, form, out, lang, lambda desk: desk.monthly(month_, site), paper)


@report.command("yearly")
def yearly(
    year: Year, form: As = Form.HTML, out: Out = None, lang: ReportLang = "ja", data: Data = None, config: Config = None
) -> None:
    """The CO2 report of a fiscal year, by shelter and by month.

    The emission factor comes from the table of the settings (accounting.factors) with its source; one that nobody has
    checked is marked as unverified (未確認).

    Example:

        shelter-central report yearly --year 2026 --data var/central -o co2-2026.html
    """
    from central.reports.yearly import yearly as paper

    _put(data, config, form, out, lang, lambda desk: desk.yearly(year), paper)


@report.command("disaster")
def disaster(
    year: Year, form: As = Form.HTML, out: Out = None, lang: ReportLang = "ja", data: Data = None, config: Config = None
) -> None:
    """The record of a fiscal year that subsidies ask for: outages, energy delivered islanded, days open, drills.

    Example:

        shelter-central report disaster --year 2026 --data var/central -o disaster-2026.html
    """
    from central.reports.yearly import disaster as paper

    _put(data, config, form, out, lang, lambda desk: desk.disaster(year), paper)


@report.command("completeness")
def completeness(
    month_: Month,
    form: As = Form.HTML,
    out: Out = None,
    lang: ReportLang = "ja",
    data: Data = None,
    config: Config = None,
) -> None:
    """How well a month's half hours are known, the worst shelter first.

    Example:

        shelter-central report completeness --month 2026-10 --data var/central --format csv
    """
    from central.reports.monthly import completeness as paper

    _put(data, config, form, out, lang, lambda desk: desk.completeness(month_), paper)


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

    at_ms = _moment(at)
    found = _do(data, config, lambda office: trace_of(office.desk.rows, office.sites, site, at_ms))
    typer.echo(json.dumps(found, ensure_ascii=False) if as_json else as_text(found), nl=True)


@month.command("list")
def list_months(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List months of which anything is counted, and whether they are closed."""

    async def work(office: _Office) -> list[dict[str, Any]]:
        from central.core.accounting.closing import first_fault

        entries = await office.desk.rows.entries()
        return [
            {
                "month": name,
                "state": state.value,
                "entries": len(own := [one for one in entries if one.month == name]),
                "sha256": own[-1].hash if own else "",
                "fault": first_fault(own),
            }
            for name, state in (await office.desk.months()).items()
        ]

    found = _do(data, config, work)
    if as_json:
        typer.echo(json.dumps({"months": found}, ensure_ascii=False))
        return
    for one in found:
        typer.echo(
            f"{one['month']}  {one['state']:<10} {one['sha256'][:16]}{'  ' + one['fault'] if one['fault'] else ''}"
        )
    if not found:
        typer.echo("nothing is counted yet: a running service counts every half hour", err=True)


@month.command("close")
def close(
    month_: Month,
    by: By,
    why: Annotated[str, typer.Option("--why", help="A remark for the book.")] = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Close a month: its figures stand from now on, with their digest in the book of decisions.

    What comes late afterwards waits beside them: shelter-central month correct takes it over, with a reason.

    Example:

        shelter-central month close --month 2026-10 --by 佐藤 --data var/central
    """

    async def work(office: _Office) -> str:
        entry = await office.desk.close(month_, by=by, why=why)
        known = [one.known_share for one in entry.after.values()]
        return (
            f"{month_} is closed: {len(entry.after)} shelters, "
            f"{sum(known) / len(known):.2%} of half hours measured, SHA-256 {entry.hash}"
        )

    typer.echo(_do(data, config, work))


@month.command("correct")
def correct(
    month_: Month,
    by: By,
    why: Why,
    site: Annotated[list[str] | None, typer.Option("--site", help="A shelter's id; may be repeated.")] = None,
    add_kwh: Annotated[
        float,
        typer.Option("--add-kwh", help="Energy to add to what one shelter's bill counts; below zero: to take off."),
    ] = 0.0,
    prices: Annotated[
        bool, typer.Option("--prices", help="Take prices and tax over from the table as it is now.")
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Correct a closed month by the data that came late, or by hand. Before and after stand in the month's record.

    Examples:

        shelter-central month correct --month 2026-10 --by 佐藤 --why 通信復旧後のデータ反映 --data var/central

        shelter-central month correct --month 2026-10 --site E0000000001111 --add-kwh -12.5 --by 佐藤 --why 計器誤差
    """

    async def work(office: _Office) -> str:
        entry = await office.desk.correct(
            month_, by=by, why=why, sites=site or (), adjust_wh=round(add_kwh * 1_000), takes_prices=prices
        )
        before, after = (sum(one.billed_wh for one in told.values()) / 1_000 for told in (entry.before, entry.after))
        return (
            f"{month_} is corrected (entry {entry.n}): {len(entry.after)} shelters, "
            f"{before:,.3f} kWh before, {after:,.3f} kWh after, SHA-256 {entry.hash}"
        )

    typer.echo(_do(data, config, work))


@month.command("recount")
def recount(
    month_: Month,
    site: OneSite = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Read a month's counters from the store again and count it anew; for data that was imported, or before closing.

    Example:

        shelter-central month recount --month 2026-10 --data var/central
    """

    async def work(office: _Office) -> tuple[int, int]:
        from central.core.accounting.halfhours import day_of, days_of_month, is_month

        if not is_month(month_):
            fail(f"--month {month_!r}: want YYYY-MM, such as 2026-10", code=2)
        chosen = [one for one in office.sites if site is None or one.id == site]
        if not chosen:
            fail(f"{site or 'the registry'}: no such shelter (shelter-central sites list names all)", code=2)
        today = day_of(_now())
        days = [day for day in days_of_month(month_) if day <= today]
        changed = 0
        with typer.progressbar(length=len(chosen) * len(days), label=month_, file=sys.stderr) as bar:
            for one in chosen:
                for day in days:
                    changed += await office.accountant.count_day(one, day)
                    bar.update(1)
        return len(chosen), changed

    count, changed = _do(data, config, work)
    typer.echo(f"{month_}: {count} shelters read, {changed} days changed")


@month.command("exchanged")
def exchanged(
    site: Annotated[str, typer.Option("--site", help="A shelter's id.")],
    device: Annotated[str, typer.Option("--device", help="Its name in the shelter's site file, such as meter.")],
    at: Annotated[str, typer.Option("--at", help="When, in Tokyo: 2026-10-03T10:20.")],
    by: By,
    why: Why,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say that a meter or an inverter was exchanged, so that the new one's past is not taken for energy.

    A counter that falls, or leaps, is seen by itself, and so is another serial number in a commissioning report. This
    is for the rest. The day is counted anew; of a closed month that waits for a correction.

    Example:

        shelter-central month exchanged --site E0000000001111 --device meter --at 2026-10-03T10:20 --by 佐藤 --why 交換
    """
    at_ms = _moment(at)

    async def work(office: _Office) -> int:
        found = next((one for one in office.sites if one.id == site), None)
        if found is None:
            fail(f"{site}: no such shelter (shelter-central sites list names all)", code=2)
        return await office.accountant.exchanged(found, device, at_ms, by=by, why=why)

    typer.echo(f"{site} {device}: exchanged at {at}; {_do(data, config, work)} days changed")


def _put(
    data: Path | None,
    config: Path | None,
    form: Form,
    out: Path | None,
    lang: str,
    make: Callable[[ReportDesk], Awaitable[AnyReport]],
    paper: Callable[..., Paper],
) -> None:
    """Make a report and write it."""
    from central.reports.files import csv_file, html_file, json_file
    from central.web.catalogue import Lang

    chosen = Lang(lang_of(lang))

    async def work(office: _Office) -> bytes:
        made = await make(office.desk)
        if form is Form.JSON:
            return json_file(made).encode()
        sheet = paper(made, chosen, city=office.city[chosen.value])
        return csv_file(sheet) if form is Form.CSV else html_file(sheet).encode()

    body = _do(data, config, work)
    if out is None:
        sys.stdout.buffer.write(body)
        return
    try:
        out.write_bytes(body)
    except OSError as error:
        fail(f"{out}: {error.strerror or error} (name another file with --out)", code=1)
    typer.echo(f"{out}: {len(body):,} bytes", err=True)


def _do(data: Path | None, config: Path | None, work: Callable[[_Office], Awaitable[T]]) -> T:
    """Run on the records and the store, beside a running service or without one."""
    from central.core.accounting.closing import MonthError
    from central.core.accounting.days import DayError
    from central.host import StartError
    from central.reports.desk import NoSuchError
    from central.settings import SettingsError
    from central.store.base import StoreError

    async def run() -> T:
        async with _office(data, config) as office:
            return await work(office)

    try:
        return asyncio.run(run())
    except (MonthError, SettingsError) as error:
        fail(str(error), code=2)
    except NoSuchError as error:
        fail(str(error.args[0]), code=2)
    except (StoreError, StartError, DayError) as error:
        fail(str(error), code=1)


@asynccontextmanager
async def _office(data: Path | None, config: Path | None) -> AsyncIterator[_Office]:
    from central.accounting import Accountant
    from central.app import open_store
    from central.core.incidents import incidents_of
    from central.host import make_folder
    from central.reports.desk import ReportDesk
    from central.reports.tables import load_tables
    from central.store.records import Records

    settings = settings_of(data, config)
    tables = load_tables(settings.accounting)
    make_folder(settings)
    records = await Records.open(settings.records_address)
    try:
        store = await open_store(settings)
        try:
            sites = await records.sites()
            book = await records.decisions.book()
            incidents = incidents_of(entry.decision for entry in book)
            desk = ReportDesk(records.energy, tables, sites=lambda: sites, incidents=incidents.values, now=_now)
            accountant = Accountant(store, records.energy, lambda: sites, _now)
            yield _Office(desk, accountant, sites, {"ja": settings.city.name, "en": settings.city.name_en})
        finally:
            await store.close()
    finally:
        await records.close()


def _moment(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text!r}: want a moment in Tokyo such as 2026-10-01T12:30", code=2)
    at = at if at.tzinfo else at.replace(tzinfo=_TOKYO)
    return round(at.timestamp() * 1_000)


def _now() -> int:
    return time.time_ns() // 1_000_000
