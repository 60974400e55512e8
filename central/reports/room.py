"""The room of energy accounting: counts in the background, and serves statements as pages, files and JSON."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import FastAPI

from central.accounting import Accountant
from central.api import accounting as api
from central.core.accounting.exchanges import Serials
from central.core.city import Site
from central.core.incidents import Incident
from central.core.stages import ReportRecord
from central.reports.desk import ReportDesk
from central.reports.devices import ReportedDevices
from central.reports.ledgers import LedgerDesk
from central.reports.tables import load_tables
from central.reports.waiting import held_back
from central.settings import Settings
from central.store.base import TelemetryStore
from central.store.records import Records
from central.web import ledgers, statement_day, statements
from central.web.catalogue import Lang
from central.web.render import Renderer
from contract.commissioning import ReportError, read_report


def open_room(
    app: FastAPI,
    settings: Settings,
    records: Records,
    store: TelemetryStore,
    renderer: Renderer,
    *,
    sites: Callable[[], Iterable[Site]],
    incidents: Callable[[], Iterable[Incident]],
    now: Callable[[], int],
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Add the room's routes; returns its loop.

    Raises:
        SettingsError: the file of prices or of factors can't be used.
    """
    tables = load_tables(settings.accounting)
    desk = ReportDesk(
        records.energy,
        records.ledgers,
        tables,
        sites=sites,
        incidents=incidents,
        now=now,
        waiting=lambda: held_back(records),
    )
    city = {Lang.JA: settings.city.name, Lang.EN: settings.city.name_en}
    entered = LedgerDesk(records.ledgers, records.energy, sites=sites, devices=ReportedDevices(records).of, now=now)
    app.include_router(ledgers.router(ledgers.LedgerPages(entered, renderer, city)))
    app.include_router(statements.router(statements.StatementPages(desk, renderer, city)))
    app.include_router(statement_day.router(statement_day.DayPages(desk, renderer)))
    app.include_router(api.router(desk))

    known: dict[str, Serials] = {}

    async def serials(site: str) -> list[Serials]:
        reports = await records.reports(site)
        for one in reports:
            if one.sha256 not in known:
                known[one.sha256] = await _serials(records, one)
        return [known[one.sha256] for one in reports]

    return Accountant(store, records.energy, sites, now, serials=serials).run


async def _serials(records: Records, listed: ReportRecord) -> Serials:
    """Serial numbers of one commissioning report; none where it can't be read."""
    kept = await records.report(listed.sha256)
    try:
        devices = read_report(kept.document.encode()).devices if kept else []
    except ReportError:
        devices = []
    return Serials(listed.at_ms, {each.id: each.identity.get("serial", "") for each in devices})
