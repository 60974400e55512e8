"""The counting of bytes, against packets that were written down by hand and against a socket that received them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from contract.layouts import Layout
from contract.topics import Channel, topic
from contract.wire import Row, encode, history_telemetry, live_telemetry
from demo.wiretap import Tally, Wiretap, publish_bytes
from tests.support import MqttClient, eventually, free_port

SITE = "E0000000001111"
NOW_MS = 1_790_000_000_000
METER = Layout("meter", ("grid.power_w", "grid.frequency_hz"))
TELEMETRY = topic(SITE, Channel.TELEMETRY)

# OASIS MQTT 3.1.1, 3.3: type and QoS 1, remaining length, topic with its length, packet id, payload.
BY_HAND = [
    ("a", b"", bytes([0x32, 5, 0, 1]) + b"a" + bytes([0, 1])),
    ("a/b", b"hello", bytes([0x32, 12, 0, 3]) + b"a/b" + bytes([0, 7]) + b"hello"),
    ("市", b"x", bytes([0x32, 8, 0, 3]) + "市".encode() + bytes([0, 1]) + b"x"),
    ("a", bytes(122), bytes([0x32, 0x7F, 0, 1]) + b"a" + bytes([0, 1]) + bytes(122)),
    ("a", bytes(123), bytes([0x32, 0x80, 0x01, 0, 1]) + b"a" + bytes([0, 1]) + bytes(123)),
    ("a", bytes(16_378), bytes([0x32, 0xFF, 0x7F, 0, 1]) + b"a" + bytes([0, 1]) + bytes(16_378)),
    ("a", bytes(16_379), bytes([0x32, 0x80, 0x80, 0x01, 0, 1]) + b"a" + bytes([0, 1]) + bytes(16_379)),
]


@pytest.mark.parametrize(("name", "payload", "packet"), BY_HAND, ids=lambda value: str(len(value)))
def test_a_packet_is_as_long_as_one_written_by_hand(name: str, payload: bytes, packet: bytes) -> None:
    assert publish_bytes(name, payload) == len(packet)


class Peer:
    """Takes one MQTT connection and counts what comes after the CONNECT, byte by byte."""

    def __init__(self) -> None:
        self.received = bytearray()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(2)
        await reader.readexactly(head[1])
        writer.write(bytes([0x20, 2, 0, 0]))
        while chunk := await reader.read(65_536):
            self.received += chunk
        writer.close()


@asynccontextmanager
async def peer(port: int) -> AsyncIterator[Peer]:
    here = Peer()
    server = await asyncio.start_server(here.serve, "127.0.0.1", port)
    try:
        yield here
    finally:
        server.close()


@pytest.mark.parametrize("size", [0, 40, 90, 200, 16_000, 17_000])
async def test_a_real_client_sends_as_many_bytes_as_are_counted(size: int) -> None:
    port = free_port()
    payload = b"x" * size
    async with peer(port) as here:
        client = MqttClient("127.0.0.1", port, identifier="a", timeout=2)
        async with client:
            client._client.publish(TELEMETRY, payload, qos=1)
            wanted = publish_bytes(TELEMETRY, payload)
            await eventually(lambda: len(here.received) >= wanted, what="the packet")
            assert len(here.received) == wanted
            assert here.received.endswith(payload)


def live(seq: int, *, with_layout: bool = True, rows: int = 1) -> bytes:
    found = [Row(METER.id, NOW_MS + n, (100 + n, 5_000)) for n in range(rows)]
    return encode(live_telemetry("a", seq, found, {METER.id: METER} if with_layout else {}))


def history(first: int, last: int) -> bytes:
    rows = [Row(METER.id, NOW_MS + 5_000 * n, (n, 5_000)) for n in range(first, last + 1)]
    return encode(history_telemetry("a", [(first, last)], rows, {}))


def test_live_and_history_are_counted_apart_and_each_reading_once() -> None:
    tap = Wiretap()
    first, second, late = live(101), live(102, with_layout=False, rows=3), history(1, 50)
    for payload in (first, second, late):
        tap.take(TELEMETRY, payload)
    sizes = [publish_bytes(TELEMETRY, payload) for payload in (first, second)]
    assert tap.live == Tally(messages=2, bytes=sum(sizes), readings=2 + 6)
    assert tap.backfill == Tally(messages=1, bytes=publish_bytes(TELEMETRY, late), readings=100)
    assert tap.live.bytes_per_reading == sum(sizes) / 8
    assert tap.unreadable == 0


def test_a_dark_devices_one_code_is_a_reading_of_each_point() -> None:
    tap = Wiretap()
    tap.take(TELEMETRY, live(1))
    tap.take(TELEMETRY, encode(live_telemetry("a", 2, [Row(METER.id, NOW_MS, ("t",))], {})))
    assert tap.live.readings == 4


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        (TELEMETRY, b""),
        (TELEMETRY, b"\xff\xfe"),
        (TELEMETRY, b'{"e":"a","s":1,"t":1,"r":[["abcdef",0,1]]}'),
        ("shelter/v1/nobody/telemetry", live(1)),
        ("other", b"{}"),
        (topic("E0000000002111", Channel.TELEMETRY), live(1, with_layout=False)),
    ],
    ids=["empty", "no text", "unknown layout", "no site", "other topic", "another site's layout"],
)
def test_what_cannot_be_read_is_counted_as_that_and_nothing_else(name: str, payload: bytes) -> None:
    tap = Wiretap()
    tap.take(TELEMETRY, live(1))
    before = tap.live.bytes
    tap.take(name, payload)
    assert (tap.unreadable, tap.live.bytes, tap.live.messages) == (1, before, 1)


def test_before_the_first_reading_there_is_no_figure() -> None:
    assert Tally().bytes_per_reading is None
