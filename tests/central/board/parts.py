"""A city with accounts and a board: the real records, gate and pages."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from central.api.desk import Desk
from central.forecast import Forecast
from central.store.sqlite import SqliteStore
from central.web.board import opening
from central.web.board import pages as board
from tests.central.access.parts import Town, town

SCOPE = {"kind": "ward", "wards": "美浜区"}
WISH = {"mode": "backup", "why": "台風15号 接近"}


@dataclass
class Place(Town):
    """A town with a board. ``advised``: incidents whose alert does not stand any more."""

    desk: Desk
    advised: list[str] = field(default_factory=list)


@asynccontextmanager
async def place(folder: Path, **more: Any) -> AsyncIterator[Place]:
    async with town(folder, **more) as made:
        store = await SqliteStore.open(folder / "telemetry.sqlite")
        try:
            city = made.city
            desk = Desk(city.control, city.live)
            here = Place(**vars(made), desk=desk)
            forecast = Forecast(city.live, store, city.records.facts.newest, now=city.clock, reserve_pct=30.0)
            renderer = here.app.state.pages.renderer
            boards = board.BoardPages(desk, forecast, city.records.facts, renderer, advised=lambda: here.advised)
            here.app.include_router(opening.router(opening.Opening(desk, renderer)))
            here.app.include_router(board.router(boards))
            yield here
        finally:
            await store.close()


def form_of(page: str, action: str) -> list[tuple[str, str]]:
    """A form's hidden fields, as a browser would send them."""
    form = page.partition(f'action="{action}')[2].partition("</form>")[0]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return [(name, html.unescape(value)) for name, value in found]


async def sent(client: httpx.AsyncClient, **more: str) -> httpx.Response:
    """Walk the three steps and send the last."""
    page = await client.get(f"/board/new/preview?{urlencode({**SCOPE, **WISH, **more})}")
    assert page.status_code == 200, page.text
    return await post(client, "/board/new", form_of(page.text, "/board/new"))


async def post(client: httpx.AsyncClient, path: str, fields: list[tuple[str, str]]) -> httpx.Response:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return await client.post(path, content=urlencode(fields).encode(), headers=kind)


def id_of(answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].partition("/board/")[2].partition("?")[0])
