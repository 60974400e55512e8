"""The HTTP side of central: API, health and pages in one ASGI app. It knows nothing but the ``Queries`` that it is given."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from central.api import health, models, problems, routes
from central.api.live import Key, Live
from central.api.outlook import OutlookKeeper
from central.core.city import CityNow, Queries
from central.web import pages

INTERVAL_S: Final = 2.0
DESCRIPTION: Final = """\
What the city knows of its shelters: power, batteries, and what became of every reading. Read-only.

Times are UTC, ISO 8601; steps are aligned to midnight in Tokyo. Power is positive when it feeds the building: PV
generation, battery discharge, grid import; `load_w = pv_w + battery_w + grid_w`. `null` means "no good, fresh value",
never zero. Every error is `application/problem+json` and says what is wrong, where, and what to try.
"""
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def utc_ms() -> int:
    """The wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


class SecurityHeaders:
    """Adds ``SECURITY_HEADERS`` to every answer. Plain ASGI, so that streams pass through untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


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
) -> FastAPI:
    """Make the app.

    ``ready`` tells for each part of the service ``ok`` or what it lacks. Before the server waits for its connections to
    end, call ``app.state.live.close()``: event streams never end by themselves.
    """
    live = Live(queries.now, epoch=secrets.token_hex(4), interval_s=interval_s, clock=clock)
    live.add(routes.STREAM, render_json, event="changes", raw=True)
    outlook = OutlookKeeper(queries, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(live.run(), name="live"), tasks.create_task(outlook.run(), name="outlook")]
            try:
                yield
            finally:
                live.close()
                for task in running:
                    task.cancel()

    app = FastAPI(
        title=f"{city_name_en}: shelter energy",
        description=DESCRIPTION,
        version=version,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # Both docs pages load scripts from elsewhere; the pages here load nothing from elsewhere.
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.live = live
    app.state.outlook = outlook
    problems.install(app)
    app.include_router(health.router(queries, live, ready))
    app.include_router(routes.router(queries, live, clock))
    pages.install(app, pages.Pages(queries, live, outlook, clock, city_name, city_name_en))
    app.add_middleware(GZipMiddleware, minimum_size=1_000)
    app.add_middleware(SecurityHeaders)
    _describe_errors(app)
    return app


def _describe_errors(app: FastAPI) -> None:
    """Errors are problem+json in the document too, not the framework's own shape."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        document = make()
        for path in document["paths"].values():
            for operation in path.values():
                answers = operation.get("responses", {})
                for status, said in answers.items():
                    if int(status) >= HTTPStatus.BAD_REQUEST and problems.MEDIA_TYPE in said.get("content", {}):
                        said["content"].pop("application/json", None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to change its document
