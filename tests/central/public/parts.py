"""The public room over a city of the tests: real records, real pages, a clock that the test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from fastapi import FastAPI

from central.api.app import create_app
from central.api.gate import Gate
from central.core.city import SiteNow
from central.core.news import News
from central.core.newsmaking import Look
from central.newsroom import Newsroom
from central.public import room
from central.public.desk import PublicDesk
from central.settings import load
from central.store.records import Records
from contract.steering import GridState
from tests.central.fake import NOW_MS, FakeQueries
from tests.central.ingest.parts import Clock

TOKEN = "m" * 43
MACHINE = {"Authorization": f"Bearer {TOKEN}"}
URL = "https://shelters.city.example"


class Town:
    """The app of this room."""

    def __init__(self, records: Records, queries: FakeQueries, app: FastAPI, desk: PublicDesk, clock: Clock) -> None:
        self.records = records
        self.queries = queries
        self.app = app
        self.desk = desk
        self.clock = clock
        self.ids = list(queries.shelters)

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://city")

    async def say(self, site: str, **form: object) -> httpx.Response:
        """Staff fill the form of a shelter."""
        async with self.client() as client:
            answer = await client.post(f"/public-status/{site}", data=form, headers=MACHINE)
            assert answer.status_code == 303, answer.text
            return answer

    async def news(self) -> list[News]:
        return await self.records.news.after(0, 100)


def on_grid(now: SiteNow) -> SiteNow:
    """A shelter that says that the grid is there."""
    return replace(now, steering=replace(now.steering, grid=GridState.PRESENT))


@asynccontextmanager
async def town(
    folder: Path, shelters: int = 6, *, options: Mapping[str, object] | None = None, gate: Gate | None = None
) -> AsyncIterator[Town]:
    """A city with its public pages; the loop does not run, ``desk.look`` does its work."""
    records = await Records.open(folder / "records.sqlite")
    try:
        queries, clock = FakeQueries.of_city(shelters), Clock()
        clock.now_ms = NOW_MS
        for id_, now in queries.shelters.items():
            queries.shelters[id_] = on_grid(now)
        newsroom = Newsroom(records.news, lambda: Look(city=queries.now()), now=clock)
        await newsroom.load()
        app = create_app(queries, ready=dict, clock=clock, token=TOKEN, gate=gate)
        settings = load(None, {}, {"http.public_url": URL, **(options or {})}, data=folder)
        renderer = app.state.pages.renderer
        desk = await room.open_room(app, settings, records, queries, renderer, newsroom=newsroom, now=clock)
        yield Town(records, queries, app, desk, clock)
    finally:
        await records.close()
