"""What the commands about energy have in common: their options, the room they work in, and how they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from central.cli_asking import fail, settings_of

if TYPE_CHECKING:
    from central.accounting import Accountant
    from central.core.city import Site
    from central.reports.desk import ReportDesk
    from central.reports.ledgers import LedgerDesk

T = TypeVar("T")
_TOKYO = timezone(timedelta(hours=9))
Month = Annotated[str, typer.Option("--month", help="Month in Tokyo, as 2026-10.")]
OneSite = Annotated[str | None, typer.Option("--site", help="One shelter's id; without it the whole city.")]


@dataclass(frozen=True, slots=True)
class Office:
    """What the commands work with."""

    desk: ReportDesk
    ledgers: LedgerDesk
    accountant: Accountant
    sites: list[Site]
    city: dict[str, str]


def do(data: Path | None, config: Path | None, work: Callable[[Office], Awaitable[T]]) -> T:
    """Run on the records and the store, beside a running service or without one."""
    from central.core.accounting.closing import MonthError
    from central.core.accounting.days import DayError
    from central.host import StartError
    from central.reports.desk import NoSuchError
    from central.reports.ledger_papers import fault_lines
    from central.reports.ledgers import ListError
    from central.settings import SettingsError
    from central.store.base import StoreError
    from central.web.catalogue import Lang

    async def run() -> T:
        async with office_of(data, config) as office:
            return await work(office)

    try:
        return asyncio.run(run())
    except (MonthError, SettingsError) as error:
        fail(str(error), code=2)
    except ListError as error:
        fail("\n".join(["nothing was taken:", *fault_lines(error.faults, Lang.EN)]), code=2)
    except NoSuchError as error:
        fail(str(error.args[0]), code=2)
    except (StoreError, StartError, DayError) as error:
        fail(str(error), code=1)


@asynccontextmanager
async def office_of(data: Path | None, config: Path | None) -> AsyncIterator[Office]:
    """The room of energy, opened for one command on the records and the store that the settings name."""
    from central.accounting import Accountant
    from central.app import open_store
    from central.core.incidents import incidents_of
    from central.host import make_folder
    from central.reports.desk import ReportDesk
    from central.reports.devices import ReportedDevices
    from central.reports.ledgers import LedgerDesk
    from central.reports.tables import load_tables
    from central.reports.waiting import held_back
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
            desk = ReportDesk(
                records.energy,
                records.ledgers,
                tables,
                sites=lambda: sites,
                incidents=incidents.values,
                now=now_ms,
                waiting=lambda: held_back(records),
            )
            accountant = Accountant(store, records.energy, lambda: sites, now_ms)
            devices = ReportedDevices(records)
            ledgers = LedgerDesk(records.ledgers, records.energy, sites=lambda: sites, devices=devices.of, now=now_ms)
            yield Office(desk, ledgers, accountant, sites, {"ja": settings.city.name, "en": settings.city.name_en})
        finally:
            await store.close()
    finally:
        await records.close()


def moment_ms(text: str) -> int:
    """A moment, of Tokyo unless it says otherwise, as UTC milliseconds; ends the command when it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text!r}: want a moment in Tokyo such as 2026-10-01T12:30", code=2)
    at = at if at.tzinfo else at.replace(tzinfo=_TOKYO)
    return round(at.timestamp() * 1_000)


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000
