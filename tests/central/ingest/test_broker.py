"""The connection to a real broker: a session that persists, acknowledgements, and a pause instead of a loss."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from central.broker import Broker, BrokerAddress, TlsFiles
from central.core.ledger import Ledger
from central.core.live import LiveView
from central.inbox import Inbox
from central.ingest import Ingest
from central.store import records as kept
from central.store.base import StoreError
from central.store.sqlite import SqliteStore
from contract.messages import Status
from contract.topics import Channel, topic
from contract.wire import decode_ack, encode
from tests.central.ingest.parts import NOW, SITE, live_message, site
from tests.support import Mosquitto, MqttClient, eventually, free_port

pytestmark = pytest.mark.mosquitto


class Switch:
    """Stands for the records: keeps nothing, and can be turned off."""

    def __init__(self) -> None:
        self.off = False

    async def save_batch(self, batch: kept.Batch) -> None:
        if self.off:
            raise StoreError("turned off")


class City:
    """Inbox, broker connection and intake."""

    def __init__(self, store: SqliteStore, port: int, *, messages_max: int = 1_000) -> None:
        self.inbox = Inbox(messages_max=messages_max)
        self.broker = Broker(BrokerAddress(port=port), self.inbox)
        self.keeper = Switch()
        self.live = LiveView()
        self.ingest = Ingest(
            self.inbox,
            store,
            self.keeper,
            live=self.live,
            ledger=Ledger(),
            send=self.broker.acknowledge,
            now=lambda: NOW,
            linger_s=0.01,
        )
        self.ingest.set_sites([site(SITE)])

    @contextlib.asynccontextmanager
    async def running(self, *, subscribed: bool = True) -> AsyncIterator[City]:
        tasks = [asyncio.create_task(self.broker.run()), asyncio.create_task(self.ingest.run())]
        try:
            if subscribed:
                async with asyncio.timeout(10):
                    await self.broker.subscribed.wait()
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class Shelter:
    """An edge that sends and notes what is acknowledged."""

    def __init__(self, port: int) -> None:
        self.client = MqttClient("127.0.0.1", port, max_inflight_messages=1_000)
        self.client.pending_calls_threshold = 10_000
        self.acked: set[int] = set()

    async def send(self, *seqs: int) -> None:
        await asyncio.gather(
            *(self.client.publish(topic(SITE, Channel.TELEMETRY), live_message(seq), qos=1) for seq in seqs)
        )

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            for first, last in decode_ack(message.payload).ranges:
                self.acked |= set(range(first, last + 1))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Shelter]:
        async with self.client:
            await self.client.subscribe(topic(SITE, Channel.ACK), 1)
            listening = asyncio.create_task(self.listen())
            try:
                yield self
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "telemetry.sqlite")
    yield opened
    await opened.close()


async def test_entries_are_acknowledged_to_the_shelter(mosquitto: Mosquitto, store: SqliteStore) -> None:
    async with City(store, mosquitto.port).running() as city, Shelter(mosquitto.port).running() as shelter:
        await shelter.send(*range(1, 301))
        await eventually(lambda: shelter.acked == set(range(1, 301)), what="all are acknowledged")
        assert await store.count_rows() == 300
        assert city.ingest.counts.messages == 300


async def test_a_retained_status_is_there_at_once(mosquitto: Mosquitto, store: SqliteStore) -> None:
    async with Shelter(mosquitto.port).running() as shelter:
        await shelter.client.publish(
            topic(SITE, Channel.STATUS), encode(Status(online=True, at_ms=NOW)), qos=1, retain=True
        )
        async with City(store, mosquitto.port).running() as city:
            await eventually(lambda: city.live.status(SITE)[0] is not None, what="the status is known")


async def test_the_broker_keeps_what_comes_while_the_city_is_away(mosquitto: Mosquitto, store: SqliteStore) -> None:
    async with Shelter(mosquitto.port).running() as shelter:
        async with City(store, mosquitto.port).running():
            pass
        await shelter.send(*range(1, 101))
        async with City(store, mosquitto.port).running():
            await eventually(lambda: shelter.acked == set(range(1, 101)), what="what waited is acknowledged")


async def test_a_broker_that_comes_late_or_goes_is_waited_for(tmp_path: Path, store: SqliteStore) -> None:
    late = Mosquitto(tmp_path / "late", free_port())
    async with City(store, late.port).running(subscribed=False) as city:
        await eventually(lambda: "no connection to the broker" in city.broker.trouble, what="the trouble shows")
        late.start()
        try:
            await eventually(city.broker.subscribed.is_set, timeout_s=20, what="it subscribes")
            assert city.broker.trouble == ""
            late.kill()
            await eventually(lambda: not city.broker.subscribed.is_set(), timeout_s=20, what="the loss shows")
            assert "no connection" in city.broker.trouble
            late.start()
            async with Shelter(late.port).running() as shelter:
                await eventually(city.broker.subscribed.is_set, timeout_s=20, what="it subscribes again")
                await shelter.send(1)
                await eventually(lambda: shelter.acked == {1}, what="it works again")
        finally:
            late.stop()


async def test_a_full_inbox_leaves_the_rest_with_the_broker_and_nothing_is_lost(
    mosquitto: Mosquitto, store: SqliteStore
) -> None:
    city = City(store, mosquitto.port, messages_max=50)
    city.keeper.off = True
    async with city.running(), Shelter(mosquitto.port).running() as shelter:
        await shelter.send(1)
        await eventually(lambda: bool(city.ingest.trouble.records), what="the intake is stuck")
        await shelter.send(*range(2, 501))
        await eventually(lambda: city.inbox.is_full, what="the inbox is full")
        await asyncio.sleep(0.3)
        assert 50 <= len(city.inbox) <= 60, "it stops reading at once"
        assert shelter.acked == set()
        city.keeper.off = False
        await eventually(lambda: shelter.acked == set(range(1, 501)), timeout_s=20, what="all are acknowledged")
        assert await store.count_rows() == 500


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (BrokerAddress(tls=TlsFiles(ca_file=Path("absent-ca.pem"))), "absent-ca.pem"),
        (BrokerAddress(host="a" * 64 + ".example"), "a" * 64),
    ],
)
async def test_an_address_that_can_not_work_is_told_and_ends_nothing(address: BrokerAddress, said: str) -> None:
    broker = Broker(address, Inbox())
    running = asyncio.create_task(broker.run())
    await eventually(broker.tried.is_set, what="it was tried")
    assert said in broker.trouble
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
