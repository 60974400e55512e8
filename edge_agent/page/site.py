"""The page as a web application, and serving it on one address."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from edge_agent.page import pages_login, pages_mode, pages_start, pages_walk
from edge_agent.page.guard import Handler, entry, headers
from edge_agent.page.handling import told
from edge_agent.page.parts import PARTS, Parts

FORM_BYTES_MAX: Final = 64 * 1024
HANDLING_S_MAX: Final = 60.0
UPLOAD_S_MAX: Final = 300.0
LOGIN_S_MAX: Final = 10.0
"""The one form that strangers may send: whoever dribbles it must not hold a turn for long."""
AT_ONCE_MAX: Final = 24
"""Requests that are worked on side by side; more wait."""
CONNECTIONS_MAX: Final = 64
"""A phone opens six at most. The agent needs its file handles for devices and disk, whoever knocks on the page."""


class PageError(Exception):
    """The page cannot be served. The text says why and what to try."""


def make_app(parts: Parts) -> web.Application:
    """The application."""
    app = web.Application(middlewares=[headers, _bounded(), entry], client_max_size=FORM_BYTES_MAX)
    app[PARTS] = parts
    app.router.add_get("/static/{name}", pages_start.static)
    app.router.add_get("/favicon.ico", pages_start.icon)
    app.router.add_get("/login", pages_login.login)
    app.router.add_post("/login", pages_login.knock)
    app.router.add_post("/logout", pages_login.leave)
    app.router.add_get("/", pages_start.start)
    app.router.add_get("/devices", pages_start.devices)
    app.router.add_get("/devices/{device}", pages_start.device)
    app.router.add_post("/mend", told(pages_start.mend))
    app.router.add_get("/job", pages_start.job)
    app.router.add_post("/job/stop", pages_start.stop)
    app.router.add_post("/job/go", pages_start.go)
    pages_walk.add_routes(app.router)
    pages_mode.add_routes(app.router)

    async def close(_: web.Application) -> None:
        await parts.desk.close()
        await parts.live.pause()

    app.on_cleanup.append(close)
    return app


def _bounded() -> Middleware:
    turns = asyncio.Semaphore(AT_ONCE_MAX)

    @web.middleware
    async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
        limit_s = UPLOAD_S_MAX if request.content_type == "multipart/form-data" else HANDLING_S_MAX
        if request.path == "/login":
            limit_s = LOGIN_S_MAX
        try:
            async with asyncio.timeout(limit_s), turns:
                return await handler(request)
        except TimeoutError:
            raise web.HTTPRequestTimeout from None

    return bounded


def tls_context(cert_file: Path, key_file: Path) -> ssl.SSLContext:
    """For serving with a certificate. Raises PageError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert_file, key_file)
    except (OSError, ssl.SSLError) as error:
        raise PageError(f"{cert_file}, {key_file}: {error}; give the files of one certificate (PEM)") from None
    return context


@asynccontextmanager
async def serving(parts: Parts, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve for the length of a block; the port that is listened on.

    Raises:
        PageError: the address cannot be listened on.
    """
    runner = web.AppRunner(
        make_app(parts), access_log=None, logger=_quiet(), keepalive_timeout=15.0, shutdown_timeout=3.0
    )
    await runner.setup()
    server = runner.server
    assert server is not None

    def visitor() -> asyncio.BaseProtocol:
        return server() if len(server.connections) < CONNECTIONS_MAX else _TurnedAway()

    try:
        listen = parts.listen
        try:
            listener = await asyncio.get_running_loop().create_server(
                visitor, listen.host, listen.port, ssl=tls, backlog=32
            )
        except OSError as error:
            raise PageError(
                f"{listen.url}: {error.strerror or error}; is it an address of this machine, and free?"
            ) from None
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            parts.desk.stop()  # At once: what a test has changed is put back while open pages are said goodbye to.
            listener.close()
    finally:
        await runner.cleanup()


class _TurnedAway(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it at once, so that it costs no more than that."""
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def _quiet() -> logging.Logger:
    """What strangers send that is no HTTP must not fill the disk; our own mistakes are logged in guard.py."""
    quiet = logging.getLogger("edge_agent.page.http")
    quiet.setLevel(logging.CRITICAL)
    return quiet
