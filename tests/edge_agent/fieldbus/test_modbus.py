"""The line against real servers, late answers, wrong answers and garbage."""

from __future__ import annotations

import asyncio
import os
import pty
import random
import termios
import tty
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.model import Block, Table
from edge_agent.io.bus import (
    BusError,
    DeviceRefused,
    GatewaySilent,
    IllegalAddress,
    LinkDown,
    RtuAddress,
    TcpAddress,
    Unreachable,
)
from edge_agent.io.modbus import ModbusLine
from edge_agent.io.strict import ReplyDecoder, StrictRtuFramer, StrictSocketFramer
from tests.edge_agent.fieldbus.parts import lying, serving_rtu, serving_tcp, tcp_reply, unit_of
from tests.support import free_port

H = Table.HOLDING
BLOCK = Block(H, 100, 4)
WORDS = (11, 22, 33, 44)
SEEDED = {(H, 100 + n): word for n, word in enumerate(WORDS)}


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[ModbusLine]:
    line = ModbusLine(TcpAddress(host="127.0.0.1", port=port))
    try:
        yield line
    finally:
        line.close()


async def read(line: ModbusLine, block: Block = BLOCK, unit: int = 1, timeout_s: float = 0.2) -> tuple[int, ...]:
    return await line.read(block, unit, timeout_s=timeout_s)


async def test_all_four_tables_of_a_real_server_are_read() -> None:
    port = free_port()
    seeded = {**SEEDED, (Table.INPUT, 7): 65535, (Table.COIL, 3): 1, (Table.COIL, 4): 0, (Table.DISCRETE, 9): 1}
    async with serving_tcp(port, unit_of(1, seeded)), line_to(port) as line:
        assert await read(line) == WORDS
        assert await read(line, Block(Table.INPUT, 7, 1)) == (65535,)
        assert await read(line, Block(Table.COIL, 3, 2)) == (1, 0)
        assert await read(line, Block(Table.DISCRETE, 9, 1)) == (1,)
        assert line.requests == 4


async def test_a_register_that_is_not_there_is_an_illegal_address() -> None:
    port = free_port()
    async with serving_tcp(port, unit_of(1, SEEDED)), line_to(port) as line:
        with pytest.raises(IllegalAddress, match=r"holding 100\.\.104"):
            await read(line, Block(H, 100, 5))
        assert await read(line) == WORDS


async def test_nobody_listening_is_unreachable_and_says_why() -> None:
    async with line_to(free_port()) as line:
        with pytest.raises(Unreachable, match=r"(?i)refused"):
            await read(line)


async def test_a_late_answer_is_not_taken_for_the_next_one() -> None:
    port = free_port()
    late = [0.4, 0.0]

    async def script(request: bytes) -> Iterable[bytes]:
        await asyncio.sleep(late.pop(0))
        start = int.from_bytes(request[8:10], "big")
        return [tcp_reply(request, range(start, start + 4), tid=1)]  # Both connections begin with transaction 1.

    async with lying(port, script) as got, line_to(port) as line:
        with pytest.raises(LinkDown):
            await read(line, timeout_s=0.15)
        await asyncio.sleep(0.3)
        assert await read(line, Block(H, 500, 4)) == (500, 501, 502, 503)
        assert len(got) == 2


@pytest.mark.parametrize("tid", [0, 2, 65535])
async def test_an_answer_with_another_transaction_number_is_no_value(tid: int) -> None:
    port = free_port()

    async def script(request: bytes) -> Iterable[bytes]:
        return [tcp_reply(request, WORDS, tid=tid)]

    async with lying(port, script), line_to(port) as line:
        with pytest.raises(LinkDown):
            await read(line, timeout_s=0.1)


@pytest.mark.parametrize("asked", [0, 1])
async def test_an_answer_of_another_unit_is_no_value(asked: int) -> None:
    port = free_port()

    async def script(request: bytes) -> Iterable[bytes]:
        return [tcp_reply(request, WORDS, unit=3)]

    async with lying(port, script), line_to(port) as line:
        with pytest.raises(LinkDown):
            await read(line, unit=asked, timeout_s=0.1)


def changed(request: bytes, pdu: bytes) -> bytes:
    return request[:4] + (len(pdu) + 1).to_bytes(2, "big") + request[6:7] + pdu


@pytest.mark.parametrize(
    "pdu",
    [
        b"\x04\x08" + bytes(8),  # Another function.
        b"\x03\x06" + bytes(6),  # Fewer registers than asked.
        b"\x03\x0a" + bytes(10),  # More.
        b"\x03\x08" + bytes(10),  # The byte count and the frame disagree.
        b"\x03\x09" + bytes(9),  # Half a register.
        b"\x03\x08" + bytes(4),  # Cut short.
        b"\x03",
        b"\x84\x02",  # An exception to another function.
        b"\x7b\x01\x02",
        b"",
    ],
)
async def test_an_answer_that_does_not_fit_the_question_is_no_value(pdu: bytes) -> None:
    port = free_port()

    async def script(request: bytes) -> Iterable[bytes]:
        return [changed(request, pdu)]

    async with lying(port, script), line_to(port) as line:
        with pytest.raises(LinkDown):
            await read(line, timeout_s=0.1)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1, IllegalAddress),
        (2, IllegalAddress),
        (4, DeviceRefused),
        (6, DeviceRefused),
        (10, GatewaySilent),
        (11, GatewaySilent),
    ],
)
async def test_an_exception_says_what_to_do_next(code: int, error: type[BusError]) -> None:
    port = free_port()

    async def script(request: bytes) -> Iterable[bytes]:
        return [changed(request, bytes((0x83, code)))]

    async with lying(port, script) as got, line_to(port) as line:
        with pytest.raises(error) as caught:
            await read(line)
        assert caught.type is error
        with pytest.raises(error):
            await read(line)
        assert [request[:2] for request in got] == [b"\0\1", b"\0\2"], "the connection stays"


async def test_an_answer_in_pieces_is_put_together() -> None:
    port = free_port()

    async def script(request: bytes) -> Iterable[bytes]:
        return [bytes((byte,)) for byte in tcp_reply(request, WORDS)]

    async with lying(port, script), line_to(port) as line:
        assert await read(line) == WORDS


async def test_a_device_that_hangs_up_does_not_cost_the_whole_timeout() -> None:
    port = free_port()

    async def script(_: bytes) -> None:
        return None

    async with lying(port, script), line_to(port) as line:
        started = asyncio.get_running_loop().time()
        with pytest.raises(LinkDown, match="closed"):
            await read(line, timeout_s=5)
        assert asyncio.get_running_loop().time() - started < 1


async def test_malformed_replies_never_become_values_and_never_wedge_the_line() -> None:
    """A few thousand broken replies, many in one connection; after them a good device is read at once."""
    port = free_port()
    chance = random.Random(11)
    secret = (0xBEEF, 0xCAFE, 0xF00D, 0xD00F)
    honest = False

    async def script(request: bytes) -> Iterable[bytes] | None:
        if honest:
            return [tcp_reply(request, WORDS)]
        good = tcp_reply(request, secret)
        match chance.randrange(7):
            case 0:
                return [chance.randbytes(chance.randrange(1, 300))]
            case 1:
                return [good[: chance.randrange(1, len(good) - 4)], chance.randbytes(3)]  # TCP has no checksum of ours.
            case 2:
                at = chance.randrange(0, 9)  # Header, unit, function or byte count.
                return [good[:at] + bytes((good[at] ^ (1 << chance.randrange(8)),)) + good[at + 1 :]]
            case 3:
                return [changed(request, bytes((chance.randrange(256),)) + chance.randbytes(chance.randrange(12)))]
            case 4:
                return [tcp_reply(request, secret[: chance.randrange(4)])]
            case 5:
                return [tcp_reply(request, [*secret, *secret])]
            case _:
                return None

    async with lying(port, script), line_to(port) as line:
        for _ in range(2_500):
            with pytest.raises(BusError):
                await asyncio.wait_for(read(line, timeout_s=0.003), 1)
        honest = True
        line.close()
        assert await read(line) == WORDS


def rtu_reply(unit: int, words: Iterable[int]) -> bytes:
    body = b"".join(word.to_bytes(2, "big") for word in words)
    return StrictRtuFramer(ReplyDecoder()).encode(bytes((3, len(body))) + body, unit, 0)


@given(st.binary(max_size=300))
def test_no_bytes_make_a_framer_raise_or_take_more_than_there_is(data: bytes) -> None:
    for framer in (StrictSocketFramer(ReplyDecoder()), StrictRtuFramer(ReplyDecoder())):
        used, reply = framer.handleFrame(data, 1, 7)
        assert 0 <= used <= len(data)
        assert reply is None or reply.dev_id == 1


@given(st.integers(0, 104), st.integers(1, 255))
def test_an_rtu_reply_with_a_flipped_byte_is_no_reply(at: int, flip: int) -> None:
    good = rtu_reply(1, range(50))
    framer = StrictRtuFramer(ReplyDecoder())
    assert framer.handleFrame(good, 1, 0)[1] is not None
    assert framer.handleFrame(good[:at] + bytes((good[at] ^ flip,)) + good[at + 1 :], 1, 0)[1] is None


async def test_requests_keep_their_distance_and_wait_after_connecting() -> None:
    port = free_port()
    async with serving_tcp(port, unit_of(1, SEEDED)):
        address = TcpAddress(host="127.0.0.1", port=port)
        line = ModbusLine(address, connect_delay_s=0.1, request_interval_s=0.05)
        started = asyncio.get_running_loop().time()
        for _ in range(3):
            await read(line)
        assert asyncio.get_running_loop().time() - started >= 0.2
        line.close()


async def test_a_cancellation_that_comes_together_with_the_answer_is_not_lost() -> None:
    port, chance = free_port(), random.Random(3)
    async with serving_tcp(port, unit_of(1, SEEDED)), line_to(port) as line:
        for _ in range(300):
            task = asyncio.create_task(read(line, timeout_s=1))
            await asyncio.sleep(chance.random() * 0.001)
            was_cancelled = task.cancel()
            await asyncio.wait([task], timeout=1)
            assert task.cancelled() is was_cancelled
        assert await read(line) == WORDS


async def test_several_askers_of_one_line_take_turns() -> None:
    port = free_port()
    async with serving_tcp(port, unit_of(1, SEEDED)), line_to(port) as line:
        assert await asyncio.gather(*(read(line, timeout_s=1) for _ in range(20))) == [WORDS] * 20


# --- RTU over a pseudo-terminal pair ----------------------------------------------------------------------------------


@asynccontextmanager
async def joined() -> AsyncIterator[tuple[str, str]]:
    masters, slaves = zip(*(pty.openpty() for _ in range(2)), strict=True)
    for slave in slaves:
        tty.setraw(slave, termios.TCSANOW)
    loop = asyncio.get_running_loop()
    for here, there in (masters, masters[::-1]):
        loop.add_reader(here, lambda here=here, there=there: os.write(there, os.read(here, 1024)))
    try:
        yield os.ttyname(slaves[0]), os.ttyname(slaves[1])
    finally:
        for master in masters:
            loop.remove_reader(master)
        for fd in (*masters, *slaves):
            os.close(fd)


async def test_rtu_units_are_read_and_a_dead_one_does_not_confuse_its_neighbours() -> None:
    other = {(H, 100 + n): 1000 + n for n in range(4)}
    async with joined() as (ours, theirs), serving_rtu(theirs, unit_of(1, SEEDED), unit_of(2, other)):
        line = ModbusLine(RtuAddress(port=ours, baudrate=115_200))
        assert await read(line, timeout_s=1) == WORDS
        with pytest.raises(LinkDown):
            await read(line, unit=9, timeout_s=0.1)
        assert await read(line, unit=2, timeout_s=1) == (1000, 1001, 1002, 1003)
        with pytest.raises(IllegalAddress):
            await read(line, Block(H, 104, 1), timeout_s=1)
        assert await read(line, timeout_s=1) == WORDS
        line.close()


@asynccontextmanager
async def late_slave(device: str, delays_s: list[float]) -> AsyncIterator[None]:
    """A slave whose register 100 + n holds 100 + n, and whose first answers come late, while it takes new questions.

    It answers in the order in which it was asked, however busy the machine is: a serial line has no other.
    """
    loop, fd = asyncio.get_running_loop(), os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    waiting: list[asyncio.TimerHandle] = []
    last_s = 0.0

    def answer() -> None:
        nonlocal last_s
        asked = os.read(fd, 8)
        at, count = int.from_bytes(asked[2:4], "big"), int.from_bytes(asked[4:6], "big")
        reply = rtu_reply(asked[0], range(at, at + count))
        last_s = max(last_s + 0.001, loop.time() + (delays_s.pop(0) if delays_s else 0.01))
        waiting.append(loop.call_at(last_s, os.write, fd, reply))

    loop.add_reader(fd, answer)
    try:
        yield
    finally:
        loop.remove_reader(fd)
        for handle in waiting:
            handle.cancel()
        os.close(fd)


@pytest.mark.parametrize("delays_s", [[0.3], [0.5, 0.5, 0.5]])
@pytest.mark.parametrize(("before", "count"), [(4, 4), (1, 1), (2, 1), (1, 2)])
async def test_a_late_rtu_answer_is_not_taken_for_the_next_one(before: int, count: int, delays_s: list[float]) -> None:
    """RTU has no transaction number: the same unit, function and length, but the registers of the question before."""
    async with joined() as (ours, theirs), late_slave(theirs, list(delays_s)):
        line = ModbusLine(RtuAddress(port=ours, baudrate=115_200))
        with pytest.raises(LinkDown):
            await read(line, Block(H, 100, before), timeout_s=0.1)
        seen = []
        for _ in range(8):
            try:
                seen.append(await read(line, Block(H, 200, count), timeout_s=0.2))
            except LinkDown:
                seen.append(())
        right = tuple(range(200, 200 + count))
        assert right in seen
        assert set(seen) <= {right, ()}
        line.close()


async def test_a_serial_port_that_does_not_exist_is_unreachable() -> None:
    line = ModbusLine(RtuAddress(port="/dev/no-such-port"))
    with pytest.raises(Unreachable, match="no-such-port"):
        await read(line)
