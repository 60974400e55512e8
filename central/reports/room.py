"""The room of energy accounting: counts in the background, and serves statements as pages, files and JSON."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import FastAPI

from central.accounting import Accountant
from central.api import accounting as api
from central.core.city import Site
from central.core.incidents import Incident
from central.reports.desk import ReportDesk
from central.reports.tables import load_tables
from central.settings import Settings
from central.store.base import TelemetryStore
from central.store.records import Records
from central.web import statement_day, statements
from central.web.catalogue import Lang
from central.web.render import Renderer


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
    desk = ReportDesk(records.energy, tables, sites=sites, incidents=incidents, now=now)
    city = {Lang.JA: settings.city.name, Lang.EN: settings.city.name_en}
    app.include_router(statements.router(statements.StatementPages(desk, renderer, city)))
    app.include_router(statement_day.router(statement_day.DayPages(desk, renderer)))
    app.include_router(api.router(desk))
    return Accountant(store, records.energy, sites, now).run
