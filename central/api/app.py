"""The HTTP side of central: API, health and pages in one ASGI app. It knows nothing but its ``Queries``."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from central.api import health, incidents, models, problems, routes, stream
from central.api.bodies import BoundedBodies
from central.api.desk import Desk
from central.api.document import complete, public_of
from central.api.gate import Gate, OpenGate
from central.api.headers import HeadAsGet, KnownHosts, SecurityHeaders
from central.api.live import Key, Live
from central.api.outlook import OutlookKeeper
from central.api.today import TodayKeeper
from central.core.city import CityNow, Queries
from central.web import pages

INTERVAL_S: Final = 2.0
DESCRIPTION: Final = """\
What the city knows of its shelters: power, batteries, what became of every reading, and of every order. Whoever asks
signs in (a session's cookie) or sends an API token: `Authorization: Bearer …` (`shelter-central tokens new`).

Times are UTC, ISO 8601; steps are aligned to midnight in Tokyo. Power is positive when it feeds the building: PV
generation, battery discharge, grid import; `load_w = pv_w + battery_w + grid_w`. `null` means "no good, fresh value",
never zero. Every error is `application/problem+json` and says what is wrong, where, and what to try.
"""


def utc_ms() -> int:
    """The wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


class CityApp(FastAPI):
    """The framework's app with our headers around everything, and errors described as what they are."""

    def build_middleware_stack(self) -> ASGIApp:
        """Our headers go outside of all layers, so that an unforeseen fault carries them too."""
        url = self.state.public_url
        inner = BoundedBodies(HeadAsGet(super().build_middleware_stack()))
        return SecurityHeaders(KnownHosts(inner, self.state.hosts, url), is_https=url.startswith("https:"))

    def openapi(self) -> dict[str, Any]:
        """The framework's document, completed (see ``document.complete``)."""
        if self.openapi_schema:
            return self.openapi_schema
        document = super().openapi()
        complete(document, public_of(self.routes))
        return document


def render_json(city: CityNow) -> MutableMapping[Key, str]:
    """The API's stream: one JSON text per shelter and one for the city."""
    texts: dict[Key, str] = {
        (shelter.site.id, "now"): msgspec.json.encode(models.stream_row(shelter)).decode() for shelter in city.sites
    }
    texts["city", "now"] = models.city(city).model_dump_json()
    return texts


def create_app(
    queries: Queries,
    *,
    ready: health.Ready,
    city_name: str = "千葉市",
    city_name_en: str = "Chiba City",
    clock: Callable[[], int] = utc_ms,
    interval_s: float = INTERVAL_S,
    version: str = "1.0.0",
    desk: Desk | None = None,
    token: str = "",
    gate: Gate | None = None,
    public_url: str = "",
    hosts: Collection[str] = (),
) -> FastAPI:
    """Make the app.

    ``ready`` tells for each part of the service ``ok`` or what it lacks. With a ``desk`` incidents are served too.
    ``gate`` tells who asks; without one everybody reads, and the ``token`` lets change. ``public_url``: where people
    reach it, with https they come by it alone; ``hosts``: names under which it is asked, none: under any.

    Before the server waits for its connections to end, call ``app.state.live.close()``: event streams never end by
    themselves.
    """
    live = Live(queries.now, epoch=secrets.token_hex(4), interval_s=interval_s, clock=clock)
    live.add(routes.STREAM, render_json, event="changes", raw=True)
    outlook = OutlookKeeper(queries, clock)
    today = TodayKeeper(queries, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(live.run(), name="live"),
                tasks.create_task(outlook.run(), name="outlook"),
                tasks.create_task(today.run(), name="today"),
            ]
            try:
                yield
            finally:
                live.close()
                for task in running:
                    task.cancel()

    app = CityApp(
        title=f"{city_name_en}: shelter energy",
        description=DESCRIPTION,
        version=version,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # Both docs pages load scripts from elsewhere; the pages here load nothing from elsewhere.
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.public_url, app.state.hosts = public_url, hosts
    app.state.live = live
    app.state.gate = gate or OpenGate(token)
    app.state.outlook = outlook
    app.state.today = today
    problems.install(app)
    app.include_router(health.router(queries, live, ready))
    app.include_router(routes.router(queries, clock))
    app.include_router(stream.router(queries, live))
    if desk is not None:
        app.include_router(incidents.router(desk))
    app.state.pages = pages.Pages(queries, live, outlook, clock, city_name, city_name_en, today=today)
    pages.install(app, app.state.pages)
    app.add_middleware(GZipMiddleware, minimum_size=1_000)
    return app
