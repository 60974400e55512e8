"""The front as deploy/ sets it up, at a real nginx before a real HTTP server like the service's."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from tests.deploy.parts import DEPLOY, Administrator
from tests.support import eventually, find_program, free_port

NGINX = find_program("nginx")
pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="NOT TESTED: nginx is not installed"),
    pytest.mark.timeout(60),
]


@asynccontextmanager
async def service(port: int, name: str) -> AsyncIterator[asyncio.Event]:
    """An HTTP server as the service's own; the event ends its stream."""
    app, go_on = FastAPI(), asyncio.Event()

    @app.get("/who")
    @app.get("/grafana/who")
    async def who(request: Request) -> dict[str, object]:
        told = {key: request.headers.get(key) for key in ("x-forwarded-for", "x-forwarded-proto", "host")}
        return {"name": name, "client": request.client.host if request.client else "", **told}

    @app.post("/upload")
    async def upload(request: Request) -> int:
        return len(await request.body())

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def values() -> AsyncIterator[str]:
            yield "data: 1\n\n"
            await go_on.wait()
            yield "data: 2\n\n"

        return StreamingResponse(values(), media_type="text/event-stream")

    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False, server_header=False))
    serving = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: server.started, timeout_s=15, what="the service listens")
        yield go_on
    finally:
        go_on.set()
        server.should_exit = True
        await serving


class Front:
    """A running nginx: its ports, those of what stands behind it, and the authority of its certificate."""

    def __init__(self, folder: Path, admin: Administrator) -> None:
        self.http, self.https, self.central, self.grafana = (free_port() for _ in range(4))
        self.ca_file = admin.keys / "ca.crt"
        text = (DEPLOY / "nginx" / "front.conf").read_text(encoding="utf-8")
        upstream = (DEPLOY / "nginx" / "upstream.debian.conf").read_text(encoding="utf-8")
        for before, after in {
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.https} ssl;",
            "/etc/nginx/tls/front.": f"{admin.keys}/broker.",
            "/etc/nginx/shelter/upstream.conf": f"{folder}/upstream.conf",
        }.items():
            assert before in text
            text = text.replace(before, after)
        upstream = upstream.replace(":8080", f":{self.central}").replace(":3000", f":{self.grafana}")
        folder.mkdir()
        (folder / "upstream.conf").write_text(upstream, encoding="utf-8")
        (folder / "front.conf").write_text(text, encoding="utf-8")
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        user = "user root;\n" if os.geteuid() == 0 else ""
        main = (
            f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nworker_processes 1;\nevents {{}}\n"
        )
        http = f"http {{\naccess_log off;\n{temporary}include {folder}/front.conf;\n}}\n"
        self.config = folder / "nginx.conf"
        self.config.write_text(main + http, encoding="utf-8")

    def client(self) -> httpx.AsyncClient:
        """Somebody's browser, which believes no other authority."""
        context = ssl.create_default_context(cafile=self.ca_file)
        return httpx.AsyncClient(
            base_url=f"https://localhost:{self.https}", verify=context, trust_env=False, timeout=15
        )


@pytest.fixture
def front(admin: Administrator, tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path / "nginx", admin)
    assert NGINX
    started = subprocess.Popen([NGINX, "-c", str(made.config), "-e", str(tmp_path / "start.log")])
    try:
        deadline = time.monotonic() + 15
        while True:
            with suppress(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{made.http}/front-health", trust_env=False).raise_for_status()
                break
            assert started.poll() is None, (tmp_path / "start.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield made
    finally:
        started.terminate()
        started.wait(timeout=10)


async def test_plain_http_leads_to_tls_and_a_browser_is_told_to_stay_there(front: Front) -> None:
    async with httpx.AsyncClient(trust_env=False) as plain:
        answer = await plain.get(f"http://127.0.0.1:{front.http}/board?x=1", headers={"Host": "shelters.city.example"})
    assert (answer.status_code, answer.headers["location"]) == (308, "https://shelters.city.example/board?x=1")
    async with service(front.central, "central"), front.client() as http:
        assert "max-age=31536000" in (await http.get("/who")).headers["strict-transport-security"]


async def test_the_service_is_told_who_asks_and_nobody_can_pretend(front: Front) -> None:
    async with service(front.central, "central"), front.client() as http:
        told = (await http.get("/who", headers={"X-Forwarded-For": "203.0.113.9", "Host": "localhost"})).json()
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["client"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "https"
    assert told["host"] == "localhost"


async def test_live_values_are_not_held_back(front: Front) -> None:
    async with service(front.central, "central") as go_on, front.client() as http, http.stream("GET", "/stream") as got:
        lines = got.aiter_lines()
        assert await anext(lines) == "data: 1", "while the stream goes on"
        go_on.set()
        assert "data: 2" in [line async for line in lines]


async def test_an_upload_as_large_as_the_service_takes_passes_and_a_larger_one_is_refused(front: Front) -> None:
    async with service(front.central, "central"), front.client() as http:
        assert (await http.post("/upload", content=b"x" * 5_500_000)).json() == 5_500_000
        assert (await http.post("/upload", content=b"x" * 7_000_000)).status_code == 413


async def test_grafana_is_behind_the_same_front_and_a_service_that_is_away_is_told_as_such(front: Front) -> None:
    async with service(front.grafana, "grafana"), front.client() as http:
        assert (await http.get("/grafana/who")).json()["name"] == "grafana"
        assert (await http.get("/who")).status_code == 502
