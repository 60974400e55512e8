"""An administrator's drill: backup under way, the machine is lost, restore on an empty one, nothing is missing."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from central.store.base import StoreRow
from edge_agent.io.outbox_audit import AuditedEntry, audit
from tests.deploy.parts import WHO, Administrator, city_broker
from tests.e2e.parts import HERE, Parts
from tests.e2e.test_tls import meter
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.mosquitto, pytest.mark.timeout(240)]


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    here = Parts(tmp_path)
    yield here
    await here.end()


def delivered(path: Path) -> list[AuditedEntry]:
    return [entry for entry in audit(path) if entry.is_delivered]


def rows_of_box(path: Path) -> set[tuple[str, int]]:
    return {(row.device, row.at_ms) for entry in audit(path) for row in entry.rows}


def rows_of_city(rows: list[StoreRow]) -> set[tuple[str, int]]:
    return {(row.device, row.at_ms) for row in rows}


async def test_what_was_acknowledged_after_the_backup_comes_again_on_the_new_machine(
    tmp_path: Path, parts: Parts
) -> None:
    old, secret, file = Administrator(tmp_path / "old"), tmp_path / "passphrase", tmp_path / "backup.tar"
    old.folder.mkdir()
    secret.write_text("とても長い合言葉をここに置く")

    def prepare() -> tuple[dict[str, Path], dict[str, Path]]:
        old.set_up()
        old.says("keys", "new", *WHO)
        return old.files("central"), old.files(HERE)

    for_central, for_box = await asyncio.to_thread(prepare)
    with city_broker(tmp_path / "mosquitto", old.keys) as broker:

        def mqtt(files: dict[str, Path]) -> dict[str, Any]:
            tls = {name: str(path) for name, path in files.items()}
            return {"host": "127.0.0.1", "port": broker.port, "tls": tls}

        async with meter() as device_port:
            parts.data, outbox = old.data, parts.folder / HERE / "outbox.sqlite"
            central = await parts.central(mqtt(for_central))
            edge = await parts.edge(mqtt(for_box), device_port, outbox={"keep_delivered_h": 1})
            await eventually(lambda: outbox.exists() and len(delivered(outbox)) > 20, what="readings are acknowledged")
            said = await asyncio.to_thread(old.says, "backup", "--out", file, "--passphrase-file", secret)
            assert "NOT INSIDE" not in said.output
            at_backup = len(delivered(outbox))
            await eventually(lambda: len(delivered(outbox)) > at_backup + 40, what="more is acknowledged after it")
            await central.kill()
            keys = (await asyncio.to_thread(old.says, "keys", "export")).output
            shutil.rmtree(old.data)

            new = Administrator(tmp_path / "new")
            await asyncio.to_thread(new.says, "restore", file, "--passphrase-file", secret, *WHO)
            listed = json.loads((await asyncio.to_thread(new.says, "sites", "list", "--json")).output)
            assert {site["id"] for site in listed} >= {HERE}
            assert (await asyncio.to_thread(new.says, "keys", "export")).output == keys, "shelters obey the same key"
            parts.data = new.data
            kept = {(row.device, row.at_ms) for entry in delivered(outbox) for row in entry.rows}
            assert len(kept - rows_of_city(await parts.rows(HERE))) > 40, "the backup does not have what came after it"
            central = await parts.central(mqtt(for_central))

            async def whole() -> bool:
                return rows_of_city(await parts.rows(HERE)) >= {
                    (row.device, row.at_ms) for entry in delivered(outbox) for row in entry.rows
                }

            await eventually(whole, timeout_s=60, what=f"everything is here again; {central.tail()}")
            await edge.stop(10)
            await central.stop(10)
        missing = rows_of_box(outbox) - rows_of_city(await parts.rows(HERE))
        waiting = {(row.device, row.at_ms) for entry in audit(outbox) if not entry.is_delivered for row in entry.rows}
        assert missing <= waiting, "nothing is lost but what the outbox still holds"
        book = json.loads((await asyncio.to_thread(new.says, "audit", "list", "--json")).output)["entries"]
        assert [one["action"] for one in book].count("restored") == 1
