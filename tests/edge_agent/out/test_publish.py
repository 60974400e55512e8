"""The way out at a real broker: outages on both sides, nothing missing, the newest first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiomqtt
import pytest
from structlog.testing import capture_logs

from contract.messages import DeviceStatus, Event, EventKind, Status, Telemetry
from contract.topics import Channel, topic
from contract.wire import decode_status, seqs_of
from edge_agent.core.backfill import Pace
from edge_agent.io.broker import MqttLink
from edge_agent.io.outbox import Outbox
from edge_agent.io.outbox_audit import audit
from edge_agent.io.outbox_file import EVENT
from edge_agent.io.system_clock import system_clock
from edge_agent.publish import Publisher, publish
from edge_agent.recorder import Recorder
from tests.edge_agent.out.support import SITE, City, taken
from tests.support import Mosquitto, MqttClient, eventually, running_mosquitto

pytestmark = pytest.mark.mosquitto


class Shelter:
    """An outbox, its recorder and its publisher, as one process would have them."""

    def __init__(self, path: Path, port: int, *, deaf_ms: int = 300_000, link: type[MqttLink] = MqttLink) -> None:
        self.outbox = Outbox.open(path, keep_delivered=True)
        self.clock = system_clock(self.outbox.durable_ms)
        self.recorder = Recorder(self.outbox, self.clock)
        self._at_ms = self.outbox.durable_ms
        self.devices: list[DeviceStatus] = []
        self.publisher = Publisher(
            self.outbox,
            link(host="127.0.0.1", port=port, client_id=SITE),
            site=SITE,
            status=lambda: Status(online=True, agent="test", interval_s=5, devices=self.devices),
            clock=self.clock,
            pace=Pace(patience_ms=1_000),
            deaf_ms=deaf_ms,
        )
        self.task = asyncio.create_task(self.publisher.run())

    def record(self, value: float = 1.0) -> int:
        # A reading is known by its millisecond: no two in the same one.
        self._at_ms = max(self._at_ms + 1, self.clock.now_ms())
        self.recorder.record([taken(self._at_ms, value)])
        return self.outbox.next_seq - 1

    async def stop(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        self.outbox.close()


@contextlib.asynccontextmanager
async def city_at(port: int) -> AsyncIterator[City]:
    city = City()
    task = asyncio.create_task(city.serve(port))
    try:
        yield city
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def is_drained(shelter: Shelter, city: City) -> Callable[[], bool]:
    def drained() -> bool:
        shelter.outbox.flush()
        return shelter.outbox.status().waiting == 0 and bool(city.messages)

    return drained


async def test_a_killed_broker_and_a_restarted_agent_lose_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    async with city_at(mosquitto.port) as city:
        shelter = Shelter(path, mosquitto.port)
        for n in range(20):
            shelter.record(n)
            await asyncio.sleep(0.01)
        await eventually(lambda: city.has(shelter.outbox.epoch, range(1, 10)), what="live entries arrive")
        mosquitto.kill()
        for n in range(200):
            shelter.record(n % 90)
        shelter.recorder.tell(EventKind.GRID_LOST, at_ms=shelter.clock.now_ms())
        await shelter.stop()
        shelter = Shelter(path, mosquitto.port)
        for n in range(100):
            shelter.record(n % 90)
        await shelter.stop()
        mosquitto.start()
        before, visits = len(city.messages), city.visits
        await eventually(lambda: city.visits > visits, what="the city listens again")
        shelter = Shelter(path, mosquitto.port)
        live = shelter.record(55)
        await eventually(lambda: city.has(shelter.outbox.epoch, [live]), timeout_s=5, what="the newest arrives")
        await eventually(is_drained(shelter, city), what="everything arrives")
        kinds = [type(message) for message in city.messages[before:]]
        first_history = next(i for i, m in enumerate(city.messages[before:]) if isinstance(m, Telemetry) and m.columns)
        assert kinds.index(Event) < first_history, "events go before history"
        numbers = [seqs_of(m)[-1][1] for m in city.messages[before:] if isinstance(m, Telemetry)]
        assert live in numbers[:2]
        await shelter.stop()
    accepted = {(row.at_ms, row.slots) for entry in audit(path) for row in entry.rows}
    assert accepted == {(at_ms, rows[0].slots) for (_, at_ms), rows in city.rows.items()}
    assert all(entry.is_delivered for entry in audit(path))


async def test_live_entries_are_not_delayed_while_history_drains(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with city_at(mosquitto.port) as city:
        shelter = Shelter(tmp_path / "outbox.sqlite", mosquitto.port)
        shelter.task.cancel()
        await asyncio.gather(shelter.task, return_exceptions=True)
        assert shelter.outbox._db is not None
        shelter.outbox._db.execute("PRAGMA synchronous = OFF")
        now_ms = shelter.clock.now_ms()
        for n in range(5_000):
            shelter.recorder.record([taken(now_ms - 5_000 * (5_000 - n), n % 90)])
        shelter.task = asyncio.create_task(shelter.publisher.run())
        await eventually(lambda: bool(city.messages), what="connected")
        while shelter.outbox.status().waiting > 500:
            live = shelter.record(3)
            await eventually(lambda seq=live: city.has(shelter.outbox.epoch, [seq]), timeout_s=2, what="live entry")
        await eventually(is_drained(shelter, city), what="everything arrives")
        batches = [m for m in city.messages if isinstance(m, Telemetry) and m.columns]
        assert len(batches) >= 3
        await shelter.stop()


async def test_the_status_says_online_then_goodbye_and_the_will_speaks_for_the_dead(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    seen: list[Status] = []

    async def watch() -> None:
        async with MqttClient("127.0.0.1", mosquitto.port) as client:
            await client.subscribe(topic(SITE, Channel.STATUS), qos=1)
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                seen.append(decode_status(message.payload))

    watcher = asyncio.create_task(watch())
    async with city_at(mosquitto.port):
        shelter = Shelter(tmp_path / "outbox.sqlite", mosquitto.port)
        shelter.record()
        await eventually(lambda: len(seen) == 1, what="online")
        assert seen[0].online
        assert seen[0].outbox is not None
        assert (seen[0].agent, seen[0].clock, seen[0].outbox.epoch) == ("test", "known", shelter.outbox.epoch)
        last = shelter.record()
        await shelter.stop()
        await eventually(lambda: len(seen) == 2, what="goodbye")
        assert not seen[1].online
        assert seen[1].outbox is not None
        assert seen[1].outbox.next_seq == last + 1
        assert seen[1].outbox.waiting == 0, "the newest was sent and acknowledged on the way out"
        shelter = Shelter(tmp_path / "outbox.sqlite", mosquitto.port)
        await eventually(lambda: len(seen) == 3, what="online again")
        # The connection dies without a goodbye: the broker speaks the will.
        client = MqttClient("127.0.0.1", mosquitto.port, identifier=SITE)
        async with client:
            await eventually(lambda: len(seen) >= 4, what="the will")
            assert not seen[3].online
            assert seen[3].at_ms == 0
        await eventually(lambda: seen[-1].online, what="back")
        await shelter.stop()
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)


async def test_bad_and_foreign_acknowledgements_are_counted_and_stop_nothing(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    shelter = Shelter(tmp_path / "outbox.sqlite", mosquitto.port)
    async with MqttClient("127.0.0.1", mosquitto.port) as client:
        await eventually(lambda: shelter.publisher.stats.connects == 1, what="connected")
        await eventually(lambda: shelter.publisher.stats.connects == 1 and shelter.publisher._delivery.connected)
        for payload in (b"", b"{", b"[1]", b'{"e":1}', b'{"e":"other","a":[[1,5]]}', b'{"e":"x","a":[[5,1]]}'):
            await client.publish(topic(SITE, Channel.ACK), payload, qos=1)
        seq = shelter.record()
        await eventually(lambda: shelter.publisher.stats.acks_bad == 5, what="bad ones are counted")
        await eventually(lambda: shelter.publisher.stats.acks_foreign == 1, what="foreign ones are counted")
        assert shelter.outbox.entry(seq) is not None
        good = b'{"e":"%s","a":[[1,99]]}' % shelter.outbox.epoch.encode()
        await client.publish(topic(SITE, Channel.ACK), good, qos=1)
        await eventually(lambda: shelter.publisher.stats.acks == 2, what="the good one arrives")
        shelter.outbox.flush()
        assert shelter.outbox.status().waiting == 0
    await shelter.stop()


class Forgetful(MqttLink):
    """A link whose connecting swallows a cancellation, as asyncio.wait_for does now and then before Python 3.12."""

    def client(self, will: aiomqtt.Will, hear: Callable[[bytes], None]) -> aiomqtt.Client:
        class Client(aiomqtt.Client):
            async def __aenter__(self) -> Client:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(10)
                return self

            async def __aexit__(self, *_: object) -> None:
                return None

        return Client("127.0.0.1")


async def test_a_cancellation_that_a_library_forgets_still_ends_the_publisher(tmp_path: Path) -> None:
    shelter = Shelter(tmp_path / "outbox.sqlite", 1, link=Forgetful)
    await asyncio.sleep(0.05)
    shelter.task.cancel()
    await asyncio.wait([shelter.task], timeout=2)
    assert shelter.task.cancelled()
    shelter.outbox.close()


async def test_a_city_that_never_answers_makes_the_agent_connect_anew(mosquitto: Mosquitto, tmp_path: Path) -> None:
    shelter = Shelter(tmp_path / "outbox.sqlite", mosquitto.port, deaf_ms=300)
    shelter.record()
    await eventually(lambda: shelter.publisher.stats.connects >= 3, what="connected again and again")
    async with city_at(mosquitto.port) as city:
        await eventually(is_drained(shelter, city), what="a city that is back gets everything")
    await shelter.stop()


async def test_an_event_that_can_not_be_read_does_not_stop_the_others(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with city_at(mosquitto.port) as city:
        shelter = Shelter(tmp_path / "outbox.sqlite", mosquitto.port)
        first = shelter.record()
        shelter.outbox.put(EVENT, b'{"k":"of a version that is not born yet"}', at_ms=shelter.clock.now_ms())
        last = shelter.record()
        await eventually(lambda: city.has(shelter.outbox.epoch, [first, last]), what="the others")
        assert shelter.publisher.stats.connects == 1
        assert shelter.outbox.entry(first + 1) is not None, "it stays"
        await shelter.stop()


async def test_a_broker_that_refuses_is_told_once_with_what_to_check_and_not_pestered(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    extra = f"allow_anonymous false\npassword_file {passwords}"
    with running_mosquitto(tmp_path / "broker", extra) as broker, capture_logs() as logs:
        shelter = Shelter(tmp_path / "outbox.sqlite", broker.port)
        shelter.record()
        await eventually(lambda: bool(logs), what="told")
        await asyncio.sleep(1.5)
        told = [entry for entry in logs if entry["log_level"] == "error"]
        assert len(told) == 1
        assert "password_file" in told[0]["event"]
        assert "uthori" in told[0]["error"]
        broker.stop()
        attempts = (tmp_path / "broker" / "mosquitto.log").read_text().count("not authorised")
        assert attempts == 1
        await shelter.stop()


async def test_two_agents_of_one_name_do_not_throw_each_other_out_as_fast_as_they_can(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    def ended() -> int:
        return sum(entry["event"] == "no connection to the broker" for entry in logs)

    with capture_logs() as logs:
        shelters = [Shelter(tmp_path / f"{n}.sqlite", mosquitto.port) for n in range(2)]
        # One that is thrown out while it subscribes notices when that wait is over.
        await eventually(lambda: ended() > 0, timeout_s=20, what="one says that it was thrown out")
        await asyncio.sleep(3)
        for shelter in shelters:
            await shelter.stop()
    assert ended() <= 2 * 2, "each says it once a reason"


async def test_a_wrong_address_is_tried_again_and_can_be_cancelled(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path / "outbox.sqlite")
    link = MqttLink(host="127.0.0.1", port=1, client_id=SITE)
    task = asyncio.create_task(
        publish(outbox, link, site=SITE, status=lambda: Status(online=True), clock=system_clock(0))
    )
    await asyncio.sleep(0.5)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    outbox.close()
