"""The room over a small city: a real app, a real store, real records, and a receiver that listens on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from central.api.app import create_app
from central.core.incidents import Incident
from central.core.ngsi.city import Opening
from central.ngsi import entities, subscriptions, temporal
from central.ngsi.entities import Source
from central.ngsi.notifier import Notifier
from central.store.records import Records
from central.store.sqlite import SqliteStore
from tests.central.fake import NOW_MS, FakeQueries

TOKEN = "t" * 43
HOLDER = {"Authorization": f"Bearer {TOKEN}"}
V1 = "/ngsi-ld/v1"
OUR_CONTEXT = "http://city/ngsi-ld/context/shelter-energy/v1.jsonld"
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
REL = "http://www.w3.org/ns/json-ld#context"


def link(url: str) -> dict[str, str]:
    return {"Link": f'<{url}>; rel="{REL}"; type="application/ld+json"'}


@dataclass
class Here:
    """The app, its city, and time that a test moves."""

    app: FastAPI
    client: httpx.AsyncClient
    queries: FakeQueries
    store: SqliteStore
    records: Records
    notifier: Notifier
    openings: dict[str, Opening] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    at_ms: int = NOW_MS

    async def get(self, path: str, **asked: str) -> httpx.Response:
        return await self.client.get(V1 + path, params=asked)

    async def found(self, **asked: str) -> list[dict[str, Any]]:
        answer = await self.get("/entities", **{"limit": "1000", **asked})
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    async def ids(self, **asked: str) -> set[str]:
        return {one["id"] for one in await self.found(**asked)}


@asynccontextmanager
async def town(folder: Path, *, shelters: int = 182, allow: Sequence[str] = ("127.0.0.1",)) -> AsyncIterator[Here]:
    queries = FakeQueries.of_city(shelters)
    records = await Records.open(folder / "records.sqlite")
    store = await SqliteStore.open(folder / "telemetry.sqlite")
    app = create_app(queries, ready=dict, clock=lambda: queries.at_ms, token=TOKEN)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as client:
            here: Here
            source = Source(
                queries.now,
                incidents=lambda: tuple(here.incidents),
                openings=lambda: here.openings,
                since_ms=NOW_MS - 3_600_000,
            )
            notifier = Notifier(source, records.subscriptions, allow, lambda: here.at_ms)
            here = Here(app, client, queries, store, records, notifier)
            await notifier.load()
            app.include_router(temporal.router(source, store, lambda: here.at_ms))
            app.include_router(subscriptions.router(notifier, lambda: here.at_ms))
            app.include_router(entities.router(source))
            yield here
    finally:
        await store.close()
        await records.close()


@dataclass
class Receiver:
    """What came in. ``status``: what is answered."""

    url: str
    came: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    status: int = 200


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A real HTTP server on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.came.append(({key.lower(): value for key, value in self.headers.items()}, json.loads(body)))
            self.send_response(heard.status)
            if heard.status in {301, 302}:
                self.send_header("Location", heard.url + "elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard = Receiver(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
