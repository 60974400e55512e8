"""The demonstration's staff open shelters by the city's own API."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import uvicorn

from central.access import FILE
from demo.opening import open_some
from demo.operator import DECLARES
from tests.central.public.parts import TOKEN, town
from tests.support import eventually, free_port


async def test_two_wards_are_open_to_the_public(tmp_path: Path) -> None:
    said: list[str] = []
    async with town(tmp_path, 100) as here:
        port = free_port()
        url = f"http://127.0.0.1:{port}/"
        assert await open_some(url, tmp_path, said.append) == []
        assert "nothing was opened" in said[0]
        server = uvicorn.Server(uvicorn.Config(here.app, host="127.0.0.1", port=port, log_config=None, lifespan="off"))
        task = asyncio.create_task(server.serve())
        await eventually(lambda: server.started, what="the server")
        (tmp_path / FILE).write_text(json.dumps({"url": url, "token": TOKEN, "pid": 0}))
        wards = await open_some(url, tmp_path, said.append)
        server.should_exit = True
        await task
        assert wards == ["中央区", "稲毛区"]
        opened = [one for one in here.desk.told.values() if one.is_open]
        assert len(opened) == 33 + 29
        assert {one.by for one in opened} == {DECLARES}
        assert said[-1] == f"public page: {url}public   (open: 中央区, 稲毛区)"
