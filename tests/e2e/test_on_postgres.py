"""The service with its records in PostgreSQL: readings arrive, the server is killed and comes back, nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from edge_agent.io.outbox_audit import audit
from tests.e2e.parts import HERE, Parts
from tests.e2e.test_tls import meter
from tests.pg_support import PASSWORD, Postgres, pg_program, running_postgres
from tests.support import Mosquitto, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.mosquitto,
    pytest.mark.timeout(240),
    pytest.mark.skipif(pg_program("initdb") is None, reason="NOT TESTED: postgresql is not installed"),
]


@pytest.fixture
def server() -> Iterator[Postgres]:
    with running_postgres() as started:
        yield started


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    here = Parts(tmp_path)
    yield here
    await here.end()


async def test_a_server_that_is_killed_costs_nothing_but_time(
    tmp_path: Path, parts: Parts, mosquitto: Mosquitto, server: Postgres
) -> None:
    address = (await asyncio.to_thread(server.make_database, "shelter")).partition("//")[2].rpartition("@")[2]
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    records = {
        "records_url": f"postgresql+psycopg://shelter@{address}",
        "records_password_file": str(tmp_path / "password"),
    }
    mqtt, outbox = {"host": "127.0.0.1", "port": mosquitto.port}, tmp_path / HERE / "outbox.sqlite"

    def delivered() -> set[int]:
        return {entry.seq for entry in audit(outbox) if entry.is_delivered} if outbox.exists() else set()

    async with meter() as device_port:
        central = await parts.central(dict(mqtt), **records)
        edge = await parts.edge(mqtt, device_port, outbox={"keep_delivered": True})
        await eventually(lambda: len(delivered()) > 10, timeout_s=60, what=f"readings are kept; {central.tail()}")
        await asyncio.to_thread(server.stop, signal.SIGKILL)
        await eventually(lambda: "store_away" in central.log.read_text(), timeout_s=60, what="it is noticed")
        central.check()
        before = delivered()
        assert (await parts.ask("readyz"))["status"] == "not_ready"
        await eventually(lambda: len(list(audit(outbox))) > len(before) + 10, timeout_s=60, what="readings wait")
        assert delivered() == before, "nothing is acknowledged that could be lost"
        await asyncio.to_thread(server.start)
        await eventually(lambda: len(delivered()) > len(before) + 10, timeout_s=90, what="all goes on by itself")
        await edge.stop(10)
        await central.stop(10)
    kept = {(row.device, row.at_ms) for entry in audit(outbox) if entry.is_delivered for row in entry.rows}
    assert kept <= {(row.device, row.at_ms) for row in await parts.rows(HERE)}
    ((last,),) = server.ask("shelter", f"SELECT max(last_seq) FROM ledger WHERE site = '{HERE}' AND fate = 'arrived'")
    assert last == max(delivered())
