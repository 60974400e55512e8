"""What every answer has in common, whatever made it: its headers, and that HEAD is GET without a body."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from central.api.problems import Problem, answer

STREAM_PATHS: Final = ("/api/v1/stream", "/live/")
"""Answers without end: HEAD of them would wait for ever, so it is refused like any other method."""

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ONLY_HTTPS: Final = "max-age=31536000"
"""Browsers that came by https once come by https alone, for a year."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
PROBES: Final = frozenset({"/healthz", "/readyz"})
"""Whoever watches the service asks these by its address, and they say nothing that a host name changes."""


def known_hosts(public_url: str, allowed: Iterable[str], listening: str) -> frozenset[str]:
    """Host names under which the service may be asked; empty: under any, where the settings name none.

    Commands on its machine come by loopback or by the address on which it listens.
    """
    named = {urlsplit(public_url).hostname or "", *(one.lower() for one in allowed)} - {""}
    return frozenset(named | LOOPBACK | {listening.lower()}) if named else frozenset()


class HeadAsGet:
    """Answers HEAD as GET without its body; monitoring tools ask in this way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        is_stream = path.startswith(STREAM_PATHS) or path.endswith("/stream")
        if scope["type"] != "http" or scope["method"] != "HEAD" or is_stream:
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_without_body)


class KnownHosts:
    """Refuses requests for a host name that is not ours: links and checks of origin rest on it (DNS rebinding)."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], public_url: str) -> None:
        self._app = app
        self._hosts = hosts
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._hosts or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if _name_in(headers.get("host", "")) in self._hosts:
            await self._app(scope, receive, send)
        else:
            await self._refusal(scope["path"], headers.get("accept", ""))(scope, receive, send)

    def _refusal(self, path: str, accept: str) -> Response:
        if "text/html" in accept:
            text = f"このアドレスでは表示できません。 {self._public_url}\nNot served under this address.\n"
            return PlainTextResponse(text, HTTPStatus.MISDIRECTED_REQUEST)
        refused = Problem(
            HTTPStatus.MISDIRECTED_REQUEST,
            "Not this host",
            "The service is not asked under this host name.",
            where="header: Host",
            attempt="Use the address of http.public_url, or name the host in http.allowed_hosts (settings).",
        )
        return answer(refused, path)


def _name_in(host: str) -> str:
    """The name in a Host header, without port and final dot; empty when it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


class SecurityHeaders:
    """Adds ``SECURITY_HEADERS`` to every answer that does not say otherwise. Streams pass through untouched.

    It has to be the outermost layer: the framework answers an unforeseen fault outside of all added middleware.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._headers = SECURITY_HEADERS | ({"Strict-Transport-Security": ONLY_HTTPS} if is_https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
