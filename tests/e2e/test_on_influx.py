"""The service over InfluxDB: the server hangs, is killed and comes back; nothing is lost or acknowledged too early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from central.store.influx import InfluxStore
from central.store.influx_write import InfluxAddress
from demo.audit import accepted, compare
from demo.house import stored
from edge_agent.io.outbox_audit import audit
from tests.e2e.parts import HERE, Parts
from tests.e2e.test_tls import meter
from tests.influx_support import Influx, running_influx
from tests.support import Mosquitto, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.mosquitto, pytest.mark.influx, pytest.mark.timeout(240)]


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[Influx]:
    with running_influx(tmp_path / "influx") as server:
        server.make_database("city", days=400)
        server.make_database("city_rollup")
        yield server


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    here = Parts(tmp_path)
    yield here
    await here.end()


async def test_a_server_that_hangs_and_is_killed_costs_nothing_but_time(
    tmp_path: Path, parts: Parts, mosquitto: Mosquitto, influx: Influx
) -> None:
    (tmp_path / "token").write_text(influx.token + "\n", encoding="utf-8")
    told = {"kind": "influx", "url": influx.url, "org": influx.org, "token_file": str(tmp_path / "token")}
    mqtt, outbox = {"host": "127.0.0.1", "port": mosquitto.port}, tmp_path / HERE / "outbox.sqlite"

    def entries(*, delivered: bool) -> set[int]:
        if not outbox.exists():
            return set()
        return {entry.seq for entry in audit(outbox) if entry.is_delivered is delivered}

    async with meter() as device_port:
        central = await parts.central(dict(mqtt), store=told | {"bucket": "city", "rollup_bucket": "city_rollup"})
        edge = await parts.edge(mqtt, device_port, outbox={"keep_delivered": True})
        await eventually(lambda: len(entries(delivered=True)) > 10, timeout_s=60, what=f"kept; {central.tail()}")
        influx.hang()
        await eventually(lambda: len(entries(delivered=False)) > 5, timeout_s=60, what="readings wait")
        before = entries(delivered=True)
        await eventually(lambda: len(entries(delivered=False)) > 15, timeout_s=60, what="more readings wait")
        assert entries(delivered=True) == before, "nothing is acknowledged that hangs in the store"
        assert (await parts.ask("api/v1/city"))["counts"], "the screens go on"
        await asyncio.to_thread(influx.kill_influx)
        await eventually(lambda: len(entries(delivered=False)) > 25, timeout_s=60, what="still more wait")
        assert entries(delivered=True) == before, "nothing is acknowledged while the store is away"
        await asyncio.to_thread(influx.start_influx)
        await eventually(lambda: len(entries(delivered=True)) > len(before) + 40, timeout_s=90, what="all goes on")
        await edge.stop(10)
        await central.stop(10)
    store = await InfluxStore.open(InfluxAddress(url=influx.url, token=influx.token, bucket="city", org=influx.org))
    try:
        found = await compare(accepted(audit(outbox)), stored(store, HERE))
    finally:
        await store.close()
    assert found.stored >= len(entries(delivered=True))
    assert (found.lost, found.duplicated, found.changed, found.foreign) == (0, 0, 0, 0)
