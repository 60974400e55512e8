"""Readings, clocks and a city for the tests of the way out."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiomqtt

from contract.messages import Ack, Event, Telemetry
from contract.ranges import Range, RangeSet
from contract.readings import DeviceReadings, Quality, Reading
from contract.topics import Channel, subscription, topic
from contract.wire import Row, decode_event, decode_telemetry, encode, layouts_in, rows_of, seqs_of
from edge_agent.core.clock import SiteClock, Sync
from edge_agent.io.outbox import Outbox
from edge_agent.io.outbox_audit import audit
from edge_agent.recorder import Recorder
from tests.support import MqttClient

SITE = "E0000000001111"
NOW_MS = 1_790_000_000_000
POINTS = ("pv.power_w", "battery.soc_pct", "grid.power_w", "load.power_w")


class Clocks:
    """Wall and boot clock that move when told."""

    def __init__(self, wall_ms: int = NOW_MS, boot_ms: int = 100_000) -> None:
        self.wall_ms = wall_ms
        self.boot_ms = boot_ms
        self.sync = Sync.UNKNOWN

    def pass_ms(self, ms: int) -> None:
        self.wall_ms += ms
        self.boot_ms += ms

    def clock(self, *, durable_ms: int = 0, boot_id: str = "boot-a") -> SiteClock:
        return SiteClock(
            wall_ms=lambda: self.wall_ms,
            boot_ms=lambda: self.boot_ms,
            boot_id=boot_id,
            sync=lambda: self.sync,
            durable_ms=durable_ms,
        )


def taken(
    at_ms: int, value: float = 1.0, *, device: str = "inverter", points: Sequence[str] = POINTS
) -> DeviceReadings:
    return DeviceReadings(device, at_ms, tuple(Reading(point, value) for point in points))


def dark(at_ms: int, *, device: str = "inverter") -> DeviceReadings:
    return DeviceReadings(device, at_ms, tuple(Reading(point, None, Quality.TIMEOUT) for point in POINTS))


def opened(path: Path, clocks: Clocks | None = None, **options: int | bool) -> tuple[Outbox, Recorder, Clocks]:
    clocks = clocks or Clocks()
    outbox = Outbox.open(path, **options)  # type: ignore[arg-type]
    return outbox, Recorder(outbox, clocks.clock(durable_ms=outbox.durable_ms)), clocks


def telemetry_seqs(path: Path) -> list[int]:
    return [entry.seq for entry in audit(path) if entry.event is None]


def events_in(path: Path) -> list[Event]:
    return [entry.event for entry in audit(path) if entry.event is not None]


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    """Files can't grow beyond a size: the system answers as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class City:
    """Central as the protocol sees it: keeps what arrives, complains of what changes, says what it has."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], list[Row]] = {}
        self.events: dict[tuple[str, int], Event] = {}
        self.layouts: set[str] = set()
        self.seen: dict[tuple[str, int], bytes] = {}
        self.got: dict[str, RangeSet] = {}
        self.messages: list[Telemetry | Event] = []
        self.repeats = 0
        self.visits = 0
        """How often it has connected and subscribed."""

    def telemetry(self, payload: bytes) -> Ack:
        message = decode_telemetry(payload)
        self.messages.append(message)
        self.layouts |= layouts_in(message).keys()
        rows = rows_of(message)
        unknown = {row.layout_id for row in rows} - self.layouts
        if unknown:
            return Ack(epoch=message.epoch, need=sorted(unknown), at_ms=0)
        ranges = seqs_of(message)
        self._take(message.epoch, ranges)
        for row in rows:
            held = self.rows.setdefault((row.layout_id, row.at_ms), [])
            assert not held or held[0].slots == row.slots, "a reading changed on its second way"
            held.append(row)
        return Ack(epoch=message.epoch, ranges=ranges, at_ms=0)

    def event(self, payload: bytes) -> Ack:
        event = decode_event(payload)
        self.messages.append(event)
        key = (event.epoch, event.seq)
        assert self.events.get(key, event) == event, "a number was used for another event"
        self.events[key] = event
        self._take(event.epoch, [(event.seq, event.seq)])
        return Ack(epoch=event.epoch, ranges=[(event.seq, event.seq)], at_ms=0)

    def _take(self, epoch: str, ranges: Sequence[Range]) -> None:
        got = self.got.setdefault(epoch, RangeSet())
        for first, last in ranges:
            self.repeats += sum(1 for seq in range(first, last + 1) if seq in got)
            got.add(first, last)

    def has(self, epoch: str, seqs: Sequence[int]) -> bool:
        got = self.got.get(epoch, RangeSet())
        return all(seq in got for seq in seqs)

    async def serve(self, port: int) -> None:
        """Answer at a real broker, through its restarts, until cancelled."""
        while True:
            try:
                async with MqttClient("127.0.0.1", port, identifier="city", clean_session=False) as client:
                    await client.subscribe(subscription(Channel.TELEMETRY), qos=1)
                    await client.subscribe(subscription(Channel.EVENT), qos=1)
                    self.visits += 1
                    async for message in client.messages:
                        assert isinstance(message.payload, bytes)
                        is_event = message.topic.value.endswith("/event")
                        ack = self.event(message.payload) if is_event else self.telemetry(message.payload)
                        # aiomqtt notices a lost connection here only when the wait is over.
                        await client.publish(topic(SITE, Channel.ACK), encode(ack), qos=1, timeout=0.5)
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)
