"""Disaster mode through the whole house: a decision, the broker, real agents, plants that obey or lie, receipts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from central.keys import make_key
from central.settings import load
from contract.signing import public_pem
from edge_agent.app import run_site
from edge_agent.config import load_config
from edge_agent.io.system_clock import wall_ms
from simulator.files import EdgeSettings, Network, write_site
from simulator.fleet import SiteSpec, build
from simulator.planted import Planted
from simulator.run import Fleet, WorldClock, build_fleet
from simulator.scenario import Scenario
from tests.central.app.test_incident_life import ask, shelter_words
from tests.central.app.test_service import service
from tests.central.fleet import prepare
from tests.support import Mosquitto, eventually, free_port

QUIET = Scenario(title="quiet", about="nothing happens", lasts="1h")


def plants(specs: Sequence[SiteSpec], prefix: str, planted: Sequence[Planted] = ()) -> tuple[Fleet, Network]:
    network = Network(prefix=prefix, inverter_port=free_port(), gateway_port=free_port(), link_port=free_port())
    clock = WorldClock(start_ms=wall_ms() // 1000 * 1000, started_s=asyncio.get_running_loop().time())
    return build_fleet(specs, QUIET, seed=7, clock=clock, network=network, planted=planted), network


@asynccontextmanager
async def open_fleet(fleet: Fleet) -> AsyncIterator[None]:
    await fleet.open()
    running = asyncio.create_task(fleet.run())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await fleet.close()


@asynccontextmanager
async def agent(config: Path) -> AsyncIterator[None]:
    running = asyncio.create_task(run_site(load_config(config)))
    try:
        yield
        assert not running.done()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.mark.mosquitto
@pytest.mark.e2e
@pytest.mark.timeout(300)
async def test_the_city_says_backup_only_of_plants_that_do_it(mosquitto: Mosquitto, tmp_path: Path) -> None:
    data = tmp_path / "data"
    honest, late, liar = specs = build(3, 7, ["goodwe-et"])
    await prepare(data, [spec.id for spec in specs], verified=[spec.id for spec in specs])
    pem = public_pem(make_key(load(None, {}, {}, data=data).key_path, replace=False).public)
    true, network = plants((honest, late), "127.0")
    false, elsewhere = plants((liar,), "127.1", [Planted.WRITE_IGNORED])
    settings = EdgeSettings(mqtt_host="127.0.0.1", mqtt_port=mosquitto.port, interval_s=0.5, city_key_pem=pem)
    homes = {
        honest.id: write_site(tmp_path / "honest", honest, network.host(0), network, settings),
        late.id: write_site(tmp_path / "late", late, network.host(1), network, settings),
        liar.id: write_site(tmp_path / "liar", liar, elsewhere.host(0), elsewhere, settings),
    }
    async with open_fleet(true), open_fleet(false), agent(homes[honest.id]), agent(homes[liar.id]):
        with service(data, mosquitto.port) as central:

            async def shown(site: str) -> dict[str, object]:
                url = f"{central.said['url']}api/v1/sites/{site}"
                async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
                    return dict((await http.get(url, headers=central.headers)).json())

            opened = await ask(data, "incident", "open", "--city", "--mode", "backup", "--by", "田中", "--why", "台風")
            incident = str(opened["id"])
            await ask(data, "incident", "confirm", incident, "--by", "佐藤", "--why", "確認", code=3)

            async def are(words: dict[str, str]) -> bool:
                return await asyncio.to_thread(shelter_words, central, incident) == words

            await eventually(
                lambda: are({honest.id: "obeys", liar.id: "crew", late.id: "no_answer"}), timeout_s=90, what="two ends"
            )
            (crew,) = (await ask(data, "crew", "list"))["shelters"]
            assert crew["cause"] == "write_ignored"
            assert [site.world.controls.backup for site in true.sites] == [True, False]
            assert (await shown(honest.id))["mode"] == "backup"
            assert (await shown(liar.id))["mode"] is None
            # Cut off when the order was given; it takes the newest when it comes.
            async with agent(homes[late.id]):
                await eventually(
                    lambda: are({honest.id: "obeys", liar.id: "crew", late.id: "obeys"}), timeout_s=90, what="all ends"
                )
                assert [site.world.controls.backup for site in true.sites] == [True, True]
                await ask(data, "incident", "stand-down", incident, "--by", "田中", "--why", "解消", code=3)

                async def all_back() -> bool:
                    return [(await shown(spec.id))["mode"] for spec in (honest, late)] == ["normal", "normal"]

                await eventually(all_back, timeout_s=90, what="both are back")
                await eventually(
                    lambda: [site.world.controls.backup for site in true.sites] == [False, False],
                    timeout_s=60,
                    what="plants too",
                )
