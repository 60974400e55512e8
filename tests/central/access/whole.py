"""The service's app with every room open, as ``central/app.py`` opens them; nothing runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI

from central.api import autonomy
from central.api.app import create_app
from central.api.desk import Desk
from central.api.headers import known_hosts
from central.feeds.desk import AlertDesk, Settled
from central.forecast import Forecast
from central.rooms import House, open_rooms
from central.settings import load
from central.store.sqlite import SqliteStore
from contract.signing import Signer
from tests.central.control.parts import House as City
from tests.central.control.parts import house
from tests.central.fake import FakeQueries

TOKEN = "m" * 43


@dataclass
class Whole:
    """The app and what stands behind it."""

    app: FastAPI
    city: City
    queries: FakeQueries


@asynccontextmanager
async def opened(folder: Path, options: Mapping[str, object] = MappingProxyType({})) -> AsyncIterator[FastAPI]:
    """All rooms over a small city. ``options``: settings by their dotted names."""
    async with whole(folder, FakeQueries.of_city(3), options) as made:
        yield made.app


@asynccontextmanager
async def whole(
    folder: Path,
    queries: FakeQueries,
    options: Mapping[str, object] = MappingProxyType({}),
    *,
    settled: Settled | None = None,
    before: Callable[[City], Awaitable[None]] | None = None,
    **more: Any,
) -> AsyncIterator[Whole]:
    """All rooms over a city.

    Args:
        folder: the service's files.
        queries: what the pages show of shelters.
        options: settings by their dotted names.
        settled: rules of alerts from outside.
        before: puts into the records what the rooms find when they open.
        more: which shelters control knows.
    """
    settings = load(None, {}, options, data=folder)
    url = settings.http.public_url or ""
    async with house(folder, signer=Signer.new(), run=False, **more) as here:
        if before is not None:
            await before(here)
        store = await SqliteStore.open(folder / "telemetry.sqlite")
        try:
            desk = Desk(here.control, here.live)
            told, control = here.records.telegrams, here.control
            alerts = AlertDesk(settled, told, control, sites=here.live.sites, now=here.clock) if settled else None
            hosts = known_hosts(url, settings.http.allowed_hosts, settings.http.host)
            app = create_app(queries, ready=dict, clock=here.clock, desk=desk, token=TOKEN, public_url=url, hosts=hosts)
            forecast = Forecast(here.live, store, here.records.facts.newest, now=here.clock, reserve_pct=30.0)
            app.include_router(autonomy.router(forecast, here.records.facts, sites=desk.sites, clock=here.clock))
            await open_rooms(
                House(
                    settings=settings,
                    records=here.records,
                    store=store,
                    queries=queries,
                    live_view=here.live,
                    control=here.control,
                    desk=desk,
                    forecast=forecast,
                    alert_desk=alerts,
                    token=TOKEN,
                    now=here.clock,
                ),
                app,
            )
            yield Whole(app, here, queries)
        finally:
            await store.close()
