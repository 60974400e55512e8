"""The switch on the page of a running agent: turned on the phone, done by the plant, kept from the city."""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp import ClientSession, CookieJar

from contract.steering import Mode, Source
from edge_agent.config import load_config
from edge_agent.io.state_file import load, state_path
from tests.edge_agent.judging.wire import shelter
from tests.edge_agent.page.test_in_agent import agent, opened
from tests.support import eventually


async def test_it_is_turned_on_the_phone_and_the_plant_follows(tmp_path: Path) -> None:
    async with shelter(tmp_path, "goodwe-et") as at:
        at.config["steering"] = {}
        at.simulated.world.soc_pct = 55.0
        at.simulated.world.touch()
        async with agent(tmp_path, at) as url, ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
            await opened(client, url)

            async def text(path: str) -> str:
                async with client.get(f"{url}{path}") as answer:
                    assert answer.status == 200
                    return await answer.text()

            async def is_watching() -> bool:
                return "停電すれば自動で" in await text("/mode?lang=ja") and "55 %" in await text("/mode")

            await eventually(is_watching, what="the shelter's state", timeout_s=30)
            assert "何も指示していません" in await text("/mode")
            found = re.search(r'name="token" value="([0-9a-f]{64})"', await text("/mode/backup"))
            assert found is not None
            async with client.post(f"{url}/mode", data={"token": found[1], "position": "backup"}) as answer:
                assert str(answer.url).endswith("/mode")

            async def is_local() -> bool:
                return "現地スイッチの位置を保ちます" in await text("/mode")

            await eventually(is_local, what="the switch to be taken", timeout_s=30)

            async def is_written() -> bool:
                at.simulated.advance(int(at.simulated.world.at_ms + 2_000))
                return "動作確認済み" in await text("/mode")

            await eventually(is_written, what="the plant to follow", timeout_s=60)
            assert at.simulated.world.flows.battery_w < 0, "it is charged"
            config = load_config(tmp_path / "site.yaml")
            memory = load(state_path(config.outbox.path))
            assert memory is not None
            assert (memory.kept.mode, memory.kept.source) == (Mode.BACKUP, Source.LOCAL_SWITCH)
