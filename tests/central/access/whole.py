"""The service's app with every room open, as ``central/app.py`` opens them; nothing runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from fastapi import FastAPI

from central.api import autonomy
from central.api.app import create_app
from central.api.desk import Desk
from central.api.headers import known_hosts
from central.forecast import Forecast
from central.rooms import House, open_rooms
from central.settings import load
from central.store.sqlite import SqliteStore
from contract.signing import Signer
from tests.central.control.parts import house
from tests.central.fake import FakeQueries

TOKEN = "m" * 43


@asynccontextmanager
async def opened(folder: Path, options: Mapping[str, object] = MappingProxyType({})) -> AsyncIterator[FastAPI]:
    """All rooms over a small city. ``options``: settings by their dotted names."""
    settings = load(None, {}, options, data=folder)
    url = settings.http.public_url or ""
    async with house(folder, signer=Signer.new(), run=False) as here:
        store = await SqliteStore.open(folder / "telemetry.sqlite")
        try:
            desk = Desk(here.control, here.live)
            queries = FakeQueries.of_city(3)
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
                    alert_desk=None,
                    token=TOKEN,
                    now=here.clock,
                ),
                app,
            )
            yield app
        finally:
            await store.close()
