"""``shelter-central public`` against a running service: what it says is public at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import uvicorn
from typer.testing import CliRunner, Result

from central.access import FILE
from central.cli import app
from tests.central.public.parts import TOKEN, town
from tests.support import eventually, free_port


async def test_staff_tell_by_commands(tmp_path: Path) -> None:
    async def run(*arguments: str) -> Result:
        command: Any = ["public", *arguments, "--data", str(tmp_path)]
        return await asyncio.to_thread(CliRunner().invoke, app, command)

    async with town(tmp_path) as here:
        nobody = await run("list")
        assert (nobody.exit_code, "no service runs" in nobody.stderr) == (1, True)
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(here.app, host="127.0.0.1", port=port, log_config=None, lifespan="off"))
        task = asyncio.create_task(server.serve())
        await eventually(lambda: server.started, what="the server")
        url = f"http://127.0.0.1:{port}/"
        (tmp_path / FILE).write_text(json.dumps({"url": url, "token": TOKEN, "pid": 0}))
        site = here.ids[0]
        try:
            told = ("tell", site, "--opening", "open", "--service", "charging", "--note", "ja=正門から", "--by", "田中")
            done = await run(*told, "--json")
            assert done.exit_code == 0, done.output
            assert json.loads(done.stdout)["notes"] == {"ja": "正門から"}
            ward = await run("tell-ward", "中央区", "--opening", "full", "--by", "田中")
            assert (ward.exit_code, ward.stdout.strip()) == (0, "6 changed")
            listed = await run("list", "--ward", "中央区")
            assert listed.stdout.startswith(f"{site}  中央区  full; offers charging; 田中 ")
            assert len(json.loads((await run("list", "--json")).stdout)["statuses"]) == 6
            wrong = await run("tell", site, "--opening", "open", "--note", "正門から", "--by", "田中")
            assert (wrong.exit_code, "LANG=TEXT" in wrong.stderr) == (2, True)
            unknown = await run("tell", "E0000000001119", "--opening", "open", "--by", "田中")
            assert (unknown.exit_code, site in unknown.stderr) == (2, True)
        finally:
            server.should_exit = True
            await task
        entries = await here.records.decisions.book()
        assert {entry.decision.by for entry in entries} == {"田中"}
