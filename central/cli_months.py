"""``shelter-central month``: how months of energy stand, closing, correcting and counting them anew."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from central.cli_asking import AsJson, By, Config, Data, Why, fail
from central.cli_energy import Month, Office, OneSite, do, moment_ms, now_ms

month = typer.Typer(no_args_is_help=True, help="Months of energy: how they stand, close, correct, count anew.")


@month.command("list")
def list_months(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List months of which anything is counted, and whether they are closed."""

    async def work(office: Office) -> list[dict[str, Any]]:
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

    found = do(data, config, work)
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
    why: Annotated[
        str, typer.Option("--why", help="A remark for the book; with --force the reason, which has to be there.")
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Close although half hours are missing; the statement says so.")
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Close a month: its figures stand from now on, with their digest in the book of decisions.

    It is refused while the month runs, and while a shelter that is in operation lacks more than 1 % of its half hours,
    its last two hours, or says that readings of the month wait in its outbox: the refusal names the shelters. What is
    lost for good is closed over with --force and a reason; both stand in the book and on the statement.

    What comes late afterwards waits beside the figures: shelter-central month correct takes it over, with a reason.

    Examples:

        shelter-central month close --month 2026-10 --by 佐藤 --data var/central

        shelter-central month close --month 2026-10 --by 佐藤 --force --why '第一小学校は計測器の故障で復旧不能'
    """

    async def work(office: Office) -> str:
        entry = await office.desk.close(month_, by=by, why=why, accepts=force)
        known = [one.known_share for one in entry.after.values()]
        despite = f", in spite of what {len(entry.despite)} shelters lack" if entry.despite else ""
        return (
            f"{month_} is closed{despite}: {len(entry.after)} shelters, "
            f"{sum(known) / len(known):.2%} of half hours measured, SHA-256 {entry.hash}"
        )

    typer.echo(do(data, config, work))


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

    async def work(office: Office) -> str:
        entry = await office.desk.correct(
            month_, by=by, why=why, sites=site or (), adjust_wh=round(add_kwh * 1_000), takes_prices=prices
        )
        before, after = (sum(one.billed_wh for one in told.values()) / 1_000 for told in (entry.before, entry.after))
        return (
            f"{month_} is corrected (entry {entry.n}): {len(entry.after)} shelters, "
            f"{before:,.3f} kWh before, {after:,.3f} kWh after, SHA-256 {entry.hash}"
        )

    typer.echo(do(data, config, work))


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

    async def work(office: Office) -> tuple[int, int]:
        from central.core.accounting.halfhours import day_of, days_of_month, is_month

        if not is_month(month_):
            fail(f"--month {month_!r}: want YYYY-MM, such as 2026-10", code=2)
        chosen = [one for one in office.sites if site is None or one.id == site]
        if not chosen:
            fail(f"{site or 'the registry'}: no such shelter (shelter-central sites list names all)", code=2)
        today = day_of(now_ms())
        days = [day for day in days_of_month(month_) if day <= today]
        changed = 0
        with typer.progressbar(length=len(chosen) * len(days), label=month_, file=sys.stderr) as bar:
            for one in chosen:
                for day in days:
                    changed += await office.accountant.count_day(one, day)
                    bar.update(1)
        return len(chosen), changed

    count, changed = do(data, config, work)
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
    at_ms = moment_ms(at)

    async def work(office: Office) -> int:
        found = next((one for one in office.sites if one.id == site), None)
        if found is None:
            fail(f"{site}: no such shelter (shelter-central sites list names all)", code=2)
        return await office.accountant.exchanged(found, device, at_ms, by=by, why=why)

    typer.echo(f"{site} {device}: exchanged at {at}; {do(data, config, work)} days changed")
