"""A stand-in for the weather agency's server on loopback: feeds, telegrams, conditions, and faults on request."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


def feed_of(urls: Iterable[str]) -> bytes:
    """A feed that names these, newest first."""
    entries = "".join(f"<entry><title>x</title><id>{url}</id></entry>" for url in urls)
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>{entries}</feed>'.encode()


@dataclass
class Agency:
    """What it serves: path → body. ``hits``: requests by path; ``kept``: those answered by "not modified"."""

    base: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    fails: dict[str, int] = field(default_factory=dict)
    """Path → how many times it answers 503."""
    packed: dict[str, bytes] = field(default_factory=dict)
    """Path → body as it travels, said to be gzip."""
    hits: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    agents: set[str] = field(default_factory=set)

    def telegram(self, type_: str, data: bytes, *, n: int = 0, office: str = "010000", day: str = "20260921") -> str:
        """Serve a telegram; its address."""
        path = f"/data/{day}0130{n:02d}_0_{type_}_{office}.xml"
        self.bodies[path] = data
        return self.base + path

    def publish(self, *urls: str, name: str = "eqvol") -> None:
        """A feed that names these."""
        self.bodies[f"/feed/{name}.xml"] = feed_of(urls)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.hits[path] += 1
        self.agents.add(request.headers.get("User-Agent", ""))
        if self.fails.get(path, 0) > 0:
            self.fails[path] -= 1
            return web.Response(status=503)
        if path == "/moved.xml":
            return web.Response(status=302, headers={"Location": f"{self.base}/elsewhere.xml"})
        if path in self.packed:
            return web.Response(body=self.packed[path], headers={"Content-Encoding": "gzip"})
        body = self.bodies.get(path)
        if body is None:
            return web.Response(status=404)
        mark = f'"{hash(body)}"'
        if request.headers.get("If-None-Match") == mark:
            self.kept += 1
            return web.Response(status=304, headers={"ETag": mark})
        headers = {"ETag": mark, "Content-Encoding": "gzip"}
        return web.Response(body=gzip.compress(body), headers=headers, content_type="application/xml")


@asynccontextmanager
async def running() -> AsyncIterator[Agency]:
    agency = Agency()
    app = web.Application()
    app.router.add_get("/{path:.*}", agency.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        agency.base = f"http://{host}:{port}"
        yield agency
    finally:
        await runner.cleanup()
