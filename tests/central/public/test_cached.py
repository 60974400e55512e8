"""A plain cache in front, as docs/public.md sets it up: the page is there when the service is gone."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.central.public.parts import town
from tests.support import find_program, free_port

pytestmark = pytest.mark.influx
DOCS = Path(__file__).resolve().parents[3] / "docs" / "public.md"
FRAME = """
{user}
pid {folder}/nginx.pid;
worker_processes 1;
daemon off;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{ours}
}}
"""


class Ages:
    """Half a minute lasts a second here; everything else is as the service says it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def quickly(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "max-age=30" in headers.get("cache-control", ""):
                    headers["cache-control"] = headers["cache-control"].replace("max-age=30", "max-age=1")
            await send(message)

        await self._app(scope, receive, quickly)


@asynccontextmanager
async def served(app: ASGIApp, port: int) -> AsyncIterator[None]:
    """The app on a real socket; nobody answers there afterwards."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
            assert not task.done()
        yield
    finally:
        server.should_exit = True
        await task


@contextmanager
def nginx(folder: Path, service: int, port: int) -> Iterator[str]:
    """The configuration of the documentation, with this test's ports and folder."""
    block = re.search(r"```nginx\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    ours = block[1].replace("/var/cache/nginx/shelters", f"{folder}/cache")
    ours = ours.replace("listen 8081", f"listen 127.0.0.1:{port}").replace("127.0.0.1:8080", f"127.0.0.1:{service}")
    assert str(service) in ours
    user = "user root;" if os.geteuid() == 0 else ""
    config, errors = folder / "nginx.conf", folder / "nginx-error.log"
    config.write_text(FRAME.format(user=user, folder=folder, ours=ours))
    program = find_program("nginx")
    assert program
    with (folder / "nginx.log").open("ab") as log:
        command = [program, "-e", str(errors), "-c", str(config), "-p", str(folder)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


async def answering(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """The first answer: nginx takes a moment to listen."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await client.get(path)
            except httpx.ConnectError:
                await asyncio.sleep(0.02)


async def test_the_page_is_served_when_the_service_is_gone(tmp_path: Path) -> None:
    paths = ("/public", "/public/vi", "/public/api/v1/shelters.json")
    service = free_port()
    async with town(tmp_path) as here:
        await here.say(here.ids[0], opening="open", services=["charging"])
        paths = (*paths, f"/public/en/shelters/{here.ids[0]}")
        with nginx(tmp_path, service, free_port()) as url:
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
                async with served(Ages(here.app), service):
                    first = {path: await answering(client, path) for path in paths}
                    assert {answer.headers["x-cache"] for answer in first.values()} == {"MISS"}
                    assert {answer.status_code for answer in first.values()} == {200}
                    plain = await client.get(paths[0], headers={"Accept-Encoding": "identity"})
                    assert plain.text == first[paths[0]].text, "unpacked for who can't"
                    # A session's cookie makes no copy of its own, and does not reach the service.
                    again = await client.get(paths[0], headers={"Cookie": "shelter_session=x"})
                    assert again.headers["x-cache"] in {"HIT", "STALE", "UPDATING"}
                async with asyncio.timeout(20):
                    for path in paths:
                        while (late := await client.get(path)).headers["x-cache"] != "STALE":
                            assert late.status_code == 200, path
                            await asyncio.sleep(0.05)
                        assert (late.status_code, late.text) == (200, first[path].text), path
                assert "11月24日 12:10 現在" in (await client.get("/public")).text, "it says of when it is"
                assert (await client.get("/public/ko")).status_code == 502, "what nobody asked for is not there"
