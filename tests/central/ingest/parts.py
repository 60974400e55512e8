"""The intake with real stores: what goes in as MQTT messages, and what comes out in stores and acknowledgements."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from central.core.city import Site
from central.core.ledger import Ledger
from central.core.live import LiveView
from central.inbox import Inbox
from central.ingest import Ingest, Keeper
from central.queries import CityQueries
from central.store.base import TelemetryStore
from central.store.records import Records
from central.store.sqlite import SqliteStore
from contract.layouts import Layout
from contract.messages import Ack
from contract.topics import Channel, topic
from contract.wire import Row, encode, history_telemetry, live_telemetry
from tests.support import eventually

SITE = "E0000000001111"
OTHER = "E0000000002111"
NOW = 1_790_000_000_000
METER = Layout("meter", ("grid.power_w", "grid.frequency_hz"))


def site(site_id: str) -> Site:
    return Site(id=site_id, name="学校", ward="中央区", latitude=35.6, longitude=140.1)


def live_message(
    seq: int, *, at_ms: int | None = None, power: int = 100, known: bool = False, epoch: str = "a"
) -> bytes:
    """One entry with one row of the meter."""
    row = Row(METER.id, NOW - 60_000 + seq if at_ms is None else at_ms, (power, 5_000))
    return encode(live_telemetry(epoch, seq, [row], {} if known else {METER.id: METER}))


def history_message(first: int, last: int, *, step_ms: int = 5_000, epoch: str = "a") -> bytes:
    rows = [Row(METER.id, NOW - 3_600_000 + step_ms * number, (number, 5_000)) for number in range(first, last + 1)]
    return encode(history_telemetry(epoch, [(first, last)], rows, {METER.id: METER}))


@dataclass
class Clock:
    """The city's clock, as the test sets it."""

    now_ms: int = NOW

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class House:
    """The intake, its stores and what it told the shelters."""

    inbox: Inbox
    ingest: Ingest
    queries: CityQueries
    store: TelemetryStore
    records: Records
    live: LiveView
    clock: Clock
    said: list[tuple[str, Ack]]

    def tell(self, payload: bytes, channel: Channel = Channel.TELEMETRY, site_id: str = SITE) -> None:
        self.inbox.put(topic(site_id, channel), payload)

    async def settle(self) -> None:
        """Until everything that was told has been dealt with."""
        told = self.ingest.counts.messages + len(self.inbox)
        await eventually(
            lambda: self.ingest.counts.messages >= told and not self.ingest.is_busy, what="all messages dealt with"
        )

    def acked(self, site_id: str = SITE, epoch: str = "a") -> set[int]:
        return {
            number
            for name, ack in self.said
            if (name, ack.epoch) == (site_id, epoch)
            for first, last in ack.ranges
            for number in range(first, last + 1)
        }

    def refused(self) -> dict[str, str]:
        return {number: why for _, ack in self.said for number, why in ack.refused.items()}


@asynccontextmanager
async def running(
    folder: Path,
    *,
    store: TelemetryStore | None = None,
    keeper: Keeper | None = None,
    inbox: Inbox | None = None,
    runs_each: int = 64,
) -> AsyncIterator[House]:
    """An intake over real files, taking messages until the block ends."""
    inbox = inbox or Inbox()
    clock = Clock()
    live = LiveView()
    async with AsyncExitStack() as stack:
        if store is None:
            store = await SqliteStore.open(folder / "telemetry.sqlite")
            stack.push_async_callback(store.close)
        records = await Records.open(folder / "records.sqlite")
        stack.push_async_callback(records.close)
        ledger = Ledger(await records.ledger_tails(runs_each=runs_each), runs_each=runs_each)
        said: list[tuple[str, Ack]] = []

        def send(site_id: str, ack: Ack) -> bool:
            said.append((site_id, ack))
            return True

        ingest = Ingest(inbox, store, keeper or records, live=live, ledger=ledger, send=send, now=clock, linger_s=0.01)
        ingest.intake.newest_ms = ledger.newest_ms()
        ingest.learn(await records.layouts())
        ingest.set_sites([site(SITE), site(OTHER)])
        live.set_sites([site(SITE), site(OTHER)])
        queries = CityQueries(live=live, ledger=ledger, ingest=ingest, store=store, records=records, now=clock)
        taking = asyncio.create_task(ingest.run())
        stack.push_async_callback(_cancelled, taking)
        yield House(inbox, ingest, queries, store, records, live, clock, said)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
