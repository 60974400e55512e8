"""A central service that dies by SIGKILL after its store has a batch and before anything is acknowledged."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from central.alone import Alone
from central.app import Central, log_to_stderr, utc_ms
from central.settings import load
from central.store.records import Batch, Records
from central.store.sqlite import SqliteStore


class Deadly(Records):
    """Dies in the middle of the first batch that has entries: the readings are on disk, the ledger is not."""

    async def save_batch(self, batch: Batch) -> None:
        if batch.ledger:
            os.kill(os.getpid(), signal.SIGKILL)
        await super().save_batch(batch)


async def main(data: Path, mqtt_port: int) -> None:
    log_to_stderr()
    settings = load(None, {}, {"mqtt.port": mqtt_port, "http.port": 0}, data=data)
    store = await SqliteStore.open(settings.telemetry_path)
    records = await Deadly.open(settings.records_address)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = Central(settings, store, records, utc_ms)
        await service.serve(listener, lambda said: print(f"ready {said}", flush=True), Alone(None))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
