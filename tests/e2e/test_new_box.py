"""A shelter's first day: the city makes its bundle, the box is commissioned with it, its readings are in the city."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from edge_agent.config import load_config
from tests.deploy.parts import WHO, Administrator, city_broker
from tests.e2e.parts import HERE, Parts
from tests.e2e.test_tls import meter
from tests.edge_agent.fieldbus.test_cli import ended, start
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.mosquitto, pytest.mark.timeout(240)]


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    here = Parts(tmp_path)
    yield here
    await here.end()


async def test_from_the_city_s_zip_to_readings_in_the_city_without_a_file_copied_by_hand(
    tmp_path: Path, parts: Parts
) -> None:
    admin, etc = Administrator(tmp_path / "city"), tmp_path / "etc"
    admin.folder.mkdir()
    await asyncio.to_thread(admin.set_up)
    await asyncio.to_thread(admin.says, "keys", "new", *WHO)
    for_central = await asyncio.to_thread(admin.files, "central")
    with city_broker(tmp_path / "mosquitto", admin.keys) as broker:
        made = ("provision", HERE, "--out", tmp_path, "--port", str(broker.port), *WHO)
        await asyncio.to_thread(admin.says, *made)
        parts.data = admin.data
        tls = {name: str(path) for name, path in for_central.items()}
        central = await parts.central({"host": "127.0.0.1", "port": broker.port, "tls": tls})
        async with meter() as device_port:
            given = ("--dir", etc, "--bundle", tmp_path / f"{HERE}.zip", "--outbox", tmp_path / "var" / "outbox.sqlite")
            device = ("--take", f"meter=sdm630@127.0.0.1:{device_port}/2", "--no-load-step", "--controls", "none")
            walk = await start("commission", *given, *device, "--technician", "T", "--watch", "4", "--yes", lang="C")
            code, out, err = await ended(walk, 120)
            assert code == 1, f"a meter alone proves no shelter: {out}{err}"
            assert "edge.csr" not in out, "no certificate has to be asked for"
            agent = await parts.agent(etc / "site.yaml")

            async def arrived() -> bool:
                return len(await parts.rows(HERE)) > 1

            await eventually(arrived, timeout_s=60, what=f"readings are in the city; {agent.tail()}{central.tail()}")

            async def proven() -> bool:
                try:
                    told = await parts.ask(f"/api/v1/sites/{HERE}/reports")
                except httpx.TransportError:  # A machine with much to do answers later.
                    return False
                return len(told["reports"]) == 1

            await eventually(proven, timeout_s=60, what="the report is in the city")
            await agent.stop(10)
    assert load_config(etc / "site.yaml").steering is not None
