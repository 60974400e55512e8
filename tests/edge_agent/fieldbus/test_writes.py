"""Writes and device identification: echoes that must fit, late answers on every kind of line, exception codes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.model import Block, Table
from edge_agent.io.bus import (
    BadAnswer,
    BusError,
    DeviceRefused,
    GatewaySilent,
    IllegalAddress,
    LinkDown,
    RtuAddress,
    RtuOverTcpAddress,
    TcpAddress,
    Unreachable,
    explain,
)
from edge_agent.io.modbus import ModbusLine
from edge_agent.io.questions import identity_of, values_of, writing
from edge_agent.io.strict import ReplyDecoder, StrictRtuFramer
from edge_agent.words_orders import exception_in_words
from simulator.conversation import Framing
from simulator.server import DevicePort
from tests.edge_agent.fieldbus.parts import lying, serving_rtu, serving_tcp, unit_of
from tests.edge_agent.fieldbus.test_modbus import joined
from tests.edge_agent.obey.devices import Device
from tests.support import free_port

H, C = Table.HOLDING, Table.COIL
SEEDED = {(H, 100 + n): n for n in range(20)} | {(C, n): 0 for n in range(20)}


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[ModbusLine]:
    line = ModbusLine(TcpAddress(host="127.0.0.1", port=port))
    try:
        yield line
    finally:
        line.close()


WRITES = [
    (Block(H, 100, 1), (4711,)),
    (Block(H, 103, 4), (1, 65_535, 0, 7)),
    (Block(C, 2, 1), (1,)),
    (Block(C, 3, 10), (1, 0, 1, 1, 0, 0, 1, 0, 1, 1)),
]


@pytest.mark.parametrize("multiple", [False, True])
@pytest.mark.parametrize(("block", "words"), WRITES)
async def test_a_real_server_holds_what_was_written(block: Block, words: tuple[int, ...], multiple: bool) -> None:
    port = free_port()
    async with serving_tcp(port, unit_of(1, SEEDED)), line_to(port) as line:
        await line.write(block, words, 1, timeout_s=1, multiple=multiple)
        assert await line.read(block, 1, timeout_s=1) == words


@pytest.mark.parametrize(("block", "words"), WRITES)
async def test_a_slave_on_a_serial_line_holds_what_was_written(block: Block, words: tuple[int, ...]) -> None:
    async with joined() as (ours, theirs), serving_rtu(theirs, unit_of(1, SEEDED)):
        line = ModbusLine(RtuAddress(port=ours, baudrate=115_200))
        await line.write(block, words, 1, timeout_s=1)
        assert await line.read(block, 1, timeout_s=1) == words
        line.close()


@asynccontextmanager
async def converter(device: Device) -> AsyncIterator[ModbusLine]:
    """RTU frames through TCP, as a transparent serial converter passes them."""
    port = DevicePort("127.0.0.1", 0, {1: device}, framing=Framing.RTU)
    await port.open()
    line = ModbusLine(RtuOverTcpAddress(host="127.0.0.1", port=port.port))
    try:
        yield line
    finally:
        line.close()
        await port.close()


async def test_rtu_through_tcp_reads_writes_and_refuses() -> None:
    device = Device()
    async with converter(device) as line:
        assert await line.read(Block(H, 10, 1), 1, timeout_s=1) == (300,)
        await line.write(Block(H, 30, 2), (5, 6), 1, timeout_s=1)
        assert await line.read(Block(H, 30, 2), 1, timeout_s=1) == (5, 6)
        with pytest.raises(IllegalAddress):
            await line.read(Block(H, 5_000, 1), 1, timeout_s=1)
        with pytest.raises(LinkDown):
            await line.read(Block(H, 10, 1), 9, timeout_s=0.1)
        assert await line.read(Block(H, 10, 1), 1, timeout_s=1) == (300,)


@pytest.mark.parametrize(("table", "count"), [(Table.INPUT, 1), (Table.DISCRETE, 1), (H, 124), (H, 0), (C, 1_969)])
def test_what_can_not_be_written_is_said_before_anything_is_sent(table: Table, count: int) -> None:
    with pytest.raises(ValueError, match=table.value):
        writing(Block(table, 7, count), [0] * count, multiple=False)
    with pytest.raises(ValueError, match="words"):
        writing(Block(H, 7, 2), [1], multiple=False)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=200))
def test_coils_are_packed_as_a_reply_packs_them(bits: list[int]) -> None:
    question = writing(Block(C, 9, len(bits)), bits, multiple=True)
    assert values_of(Block(C, 9, len(bits)), question.body[5:]) == tuple(bits)


def echo(request: bytes, pdu: bytes, *, tid: int | None = None) -> bytes:
    """A reply with this function and body."""
    number = request[:2] if tid is None else tid.to_bytes(2, "big")
    return number + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + request[6:7] + pdu


@pytest.mark.parametrize(
    "change",
    [
        lambda pdu: pdu[:2] + bytes((pdu[2] ^ 1,)) + pdu[3:],  # Another address.
        lambda pdu: pdu[:4] + bytes((pdu[4] ^ 1,)),  # Another value, or another count.
        lambda pdu: bytes((pdu[0] ^ 3,)) + pdu[1:],  # Another function.
        lambda pdu: pdu[:4],  # Too short.
        lambda pdu: pdu + b"\0",  # Too long.
        lambda pdu: b"\x03\x02" + pdu[3:],  # The answer to a reading.
        lambda pdu: b"",
    ],
)
@pytest.mark.parametrize(("block", "words"), WRITES)
async def test_an_echo_that_says_something_else_is_no_confirmation(change, block, words) -> None:  # type: ignore[no-untyped-def]
    port = free_port()

    async def script(request: bytes) -> Iterable[bytes]:
        return [echo(request, change(request[7:12]))]

    async with lying(port, script), line_to(port) as line:
        with pytest.raises(LinkDown) as caught:
            await line.write(block, words, 1, timeout_s=0.1)
        assert not isinstance(caught.value, Unreachable), "it may have been written"


async def test_a_late_echo_is_not_taken_for_that_of_the_next_write() -> None:
    port, late = free_port(), [0.3, 0.0]

    async def script(request: bytes) -> Iterable[bytes]:
        await asyncio.sleep(late.pop(0))
        return [echo(request, request[7:12], tid=1)]

    async with lying(port, script) as got, line_to(port) as line:
        with pytest.raises(LinkDown):
            await line.write(Block(H, 1, 1), (5,), 1, timeout_s=0.1)
        await line.write(Block(H, 1, 1), (6,), 1, timeout_s=1)
        assert len(got) == 2


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    return StrictRtuFramer(ReplyDecoder()).encode(pdu, unit, 0)


async def test_a_late_echo_through_a_converter_is_not_taken_for_that_of_the_next_write() -> None:
    """The converter hands the serial line's late bytes to whoever is connected by then."""
    port = free_port()
    owed: list[bytes] = []

    async def script(request: bytes) -> Iterable[bytes]:
        unit, pdu = request[0], request[1:-2]
        if pdu[0] == 6:
            owed.append(rtu_frame(unit, pdu[:5]))
            return [owed.pop(0)] if len(owed) > 1 else []  # One request behind, for ever.
        count = int.from_bytes(pdu[3:5], "big")
        owed.append(rtu_frame(unit, bytes((3, count * 2)) + bytes(count * 2)))
        return [owed.pop(0)]

    async with lying(port, script):
        line = ModbusLine(RtuOverTcpAddress(host="127.0.0.1", port=port))
        for value in (5, 5, 5, 5):
            with pytest.raises(LinkDown):
                await line.write(Block(H, 1, 1), (value,), 1, timeout_s=0.1)
        line.close()


@pytest.mark.parametrize("code", range(1, 12))
async def test_every_exception_code_is_told_with_advice(code: int) -> None:
    port = free_port()

    async def script(request: bytes) -> Iterable[bytes]:
        return [echo(request, bytes((request[7] | 0x80, code)))]

    async with lying(port, script) as got, line_to(port) as line:
        for asking in (line.read(Block(H, 100, 2), 1, timeout_s=1), line.write(Block(H, 100, 1), (1,), 1, timeout_s=1)):
            with pytest.raises(BusError) as caught:
                await asking
            assert explain(code) in str(caught.value)
            assert isinstance(caught.value, GatewaySilent if code in (10, 11) else DeviceRefused)
        assert len(got) == 2
    for lang in ("ja", "en"):
        said = exception_in_words(code, lang)
        assert said.what
        assert said.remedy


async def test_a_refused_write_is_not_a_missing_register_to_be_hunted() -> None:
    port = free_port()
    async with serving_tcp(port, unit_of(1, SEEDED)), line_to(port) as line:
        with pytest.raises(DeviceRefused, match="writing holding 900") as caught:
            await line.write(Block(H, 900, 1), (1,), 1, timeout_s=1)
        assert not isinstance(caught.value, IllegalAddress)


# --- Device identification --------------------------------------------------------------------------------------------

TEXTS = {0: "Maker", 1: "EM-1", 2: "1.20", 3: "https://example.invalid", 4: "Meter", 5: "EM 1 DIN"}


def objects(texts: dict[int, str]) -> bytes:
    return b"".join(bytes((n, len(text))) + text.encode() for n, text in texts.items())


def identification(request: bytes, *, in_parts: bool, conformity: int = 0x82) -> bytes:
    level, first = request[9], request[10]
    mine = {n: text for n, text in TEXTS.items() if n >= first and n <= (2 if level == 1 else 6)}
    some = dict(list(mine.items())[:1]) if in_parts else mine
    rest = [n for n in mine if n not in some]
    head = bytes((43, 14, level, conformity, 0xFF if rest else 0, rest[0] if rest else 0, len(some)))
    return head + objects(some)


@pytest.mark.parametrize("in_parts", [False, True])
async def test_a_device_says_who_it_is_in_one_answer_or_in_several(in_parts: bool) -> None:
    port = free_port()

    async def script(request: bytes) -> Iterable[bytes]:
        return [echo(request, identification(request, in_parts=in_parts))]

    async with lying(port, script) as got, line_to(port) as line:
        assert await line.identify(1, timeout_s=1) == TEXTS
        assert len(got) == (9 if in_parts else 2)


async def test_a_device_that_knows_the_basic_texts_alone_is_not_asked_for_more() -> None:
    port = free_port()

    async def script(request: bytes) -> Iterable[bytes]:
        return [echo(request, identification(request, in_parts=False, conformity=1))]

    async with lying(port, script) as got, line_to(port) as line:
        assert await line.identify(1, timeout_s=1) == {0: "Maker", 1: "EM-1", 2: "1.20"}
        assert len(got) == 1


async def test_a_device_that_refuses_has_no_texts_and_one_that_never_ends_is_left() -> None:
    port = free_port()
    is_endless = False

    async def script(request: bytes) -> Iterable[bytes]:
        first = request[10]
        body = bytes((43, 14, request[9], 1, 0xFF, first + 1 & 0xFF, 1, first, 1, 65))
        return [echo(request, body if is_endless else b"\xab\x01")]

    async with lying(port, script) as got, line_to(port) as line:
        assert await line.identify(1, timeout_s=1) == {}
        is_endless = True
        assert len(await line.identify(1, timeout_s=1)) == 16
        assert len(got) == 17


async def test_texts_that_are_cut_short_are_a_bad_answer() -> None:
    port = free_port()

    async def script(request: bytes) -> Iterable[bytes]:
        return [echo(request, bytes((43, 14, 1, 1, 0, 0, 1, 0, 9)) + b"short")]

    async with lying(port, script), line_to(port) as line:
        with pytest.raises(BadAnswer, match="cut short"):
            await line.identify(1, timeout_s=1)


async def test_texts_come_along_a_serial_line_too() -> None:
    class Named(Device):
        objects = TEXTS

    async with converter(Named()) as line:
        texts = await line.identify(1, timeout_s=1)
        assert {n: texts[n] for n in (0, 1, 2)} == {n: TEXTS[n] for n in (0, 1, 2)}


@given(st.binary(min_size=6, max_size=60))
def test_no_bytes_make_identification_raise_anything_but_its_own_error(payload: bytes) -> None:
    try:
        part = identity_of(payload)
    except ValueError:
        return
    assert len(part.texts) <= payload[5]


async def test_a_device_that_takes_one_client_is_said_to() -> None:
    line = ModbusLine(TcpAddress(host="127.0.0.1", port=free_port()), clients_max=1)
    with pytest.raises(Unreachable, match="1 client at a time"):
        await line.connect()
    port = free_port()

    async def script(_: bytes) -> None:
        return None

    async with lying(port, script):
        line = ModbusLine(TcpAddress(host="127.0.0.1", port=port), clients_max=1)
        with pytest.raises(LinkDown, match=r"closed the connection .*another program"):
            await line.read(Block(H, 1, 1), 1, timeout_s=1)
        line.close()
