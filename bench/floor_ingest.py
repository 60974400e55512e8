"""The floor of ingest: the same MQTT client, the same decoder, the same rows on disk, and nothing between.

One table a layout, ``executemany``, a commit at 2,000 messages or a quarter of a second, as central does. No
registry, no check of ranges, no ledger, no live view, no acknowledgement.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec

from contract.messages import Telemetry
from contract.topics import Channel, subscription

BATCH_MESSAGES = 2_000
LINGER_S = 0.25


class Floor:
    """Rows on their way into a SQLite file."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32768", "wal_autocheckpoint=4000"):
            self._db.execute(f"PRAGMA {pragma}")
        self._decoder = msgspec.json.Decoder(Telemetry)
        self._sites: dict[str, int] = {}
        self._inserts: dict[Any, str] = {}
        self._pending: dict[Any, list[tuple[Any, ...]]] = {}
        self.messages = 0
        self.rows = 0

    def take(self, topic: str, payload: bytes) -> None:
        """Decode a message and line its rows up."""
        message = self._decoder.decode(payload)
        for layout_id, (_, points) in message.layouts.items():
            if layout_id not in self._inserts:
                self._create(layout_id, points)
        site, base_ms = self._sites.setdefault(topic, len(self._sites)), message.base_ms
        for row in message.rows:
            self._pending.setdefault(row[0], []).append((site, base_ms + row[1], *row[2:]))  # type: ignore[operator]
        self.messages += 1

    def commit(self) -> None:
        """Put on disk what is lined up."""
        self._db.execute("BEGIN")
        for layout_id, rows in self._pending.items():
            self._db.executemany(self._inserts[layout_id], rows)
            self.rows += len(rows)
        self._db.execute("COMMIT")
        self._pending.clear()

    def _create(self, layout_id: str, points: list[str]) -> None:
        columns = ", ".join(f'"{point}" REAL' for point in points)
        key = "site INTEGER NOT NULL, at_ms INTEGER NOT NULL"
        self._db.execute(f'CREATE TABLE "{layout_id}" ({key}, {columns}, PRIMARY KEY (at_ms, site)) WITHOUT ROWID')
        marks = ", ".join("?" * (len(points) + 2))
        self._inserts[layout_id] = f'INSERT INTO "{layout_id}" VALUES ({marks}) ON CONFLICT DO NOTHING'


async def receive(port: int, path: Path, wanted: int) -> None:
    floor = Floor(path)
    async with aiomqtt.Client(
        "127.0.0.1", port, identifier="floor", clean_session=False, max_inflight_messages=1_000
    ) as client:
        await client.subscribe(subscription(Channel.TELEMETRY), qos=1)
        print("ready {}", flush=True)
        since, lined_up = time.monotonic(), 0
        async for message in client.messages:
            floor.take(message.topic.value, message.payload)
            lined_up += 1
            now = time.monotonic()
            if lined_up >= BATCH_MESSAGES or now - since >= LINGER_S or floor.messages == wanted:
                floor.commit()
                since, lined_up = now, 0
            if floor.messages == wanted:
                break
        print(f"done {floor.rows}", flush=True)
        await asyncio.sleep(60)  # The benchmark reads the CPU clock and ends this process.


def main() -> None:
    port, path, wanted = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    try:
        from uvloop import new_event_loop
    except ImportError:
        new_event_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(receive(port, path, wanted))


if __name__ == "__main__":
    main()
