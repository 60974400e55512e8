"""How a port behaves beside answering: manners, framings, a serial line, identification, exceptions."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.framer import FramerType

from device_profiles.load import load
from device_profiles.model import Table
from simulator.conversation import Framing
from simulator.faults import Fault, FaultKind
from simulator.manners import Manners, manners_of, told_otherwise
from simulator.server import DevicePort, SerialPort
from simulator.unit import IllegalAddressError

HOST = "127.0.0.1"


@dataclass
class Shelf:
    """Registers 0 to 9 of every table, each holding ten times its address."""

    words: dict[int, int] = field(default_factory=lambda: {n: 10 * n for n in range(10)})
    objects: dict[int, str] = field(default_factory=dict)
    fault: Fault | None = None

    def read(self, table: Table, address: int, count: int) -> list[int]:
        if not 0 <= address <= address + count <= 10:
            raise IllegalAddressError
        return [self.words[n] for n in range(address, address + count)]

    def write(self, table: Table, address: int, words: Sequence[int]) -> None:
        self.read(table, address, len(words))
        self.words |= {address + n: word for n, word in enumerate(words)}


@asynccontextmanager
async def opened(
    unit: Shelf | None = None, manners: Manners | None = None, framing: Framing = Framing.TCP
) -> AsyncIterator[DevicePort]:
    door = DevicePort(HOST, 0, {1: unit or Shelf()}, manners, framing)
    await door.open()
    try:
        yield door
    finally:
        await door.close()


@asynccontextmanager
async def client_of(
    door: DevicePort, timeout_s: float = 5.0, framer: FramerType = FramerType.SOCKET
) -> AsyncIterator[AsyncModbusTcpClient]:
    client = AsyncModbusTcpClient(HOST, port=door.port, framer=framer, timeout=timeout_s, retries=0, reconnect_delay=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


def asked(transaction: int, address: int, count: int = 1, unit: int = 1, function: int = 3) -> bytes:
    return struct.pack(">HHHBBHH", transaction, 0, 6, unit, function, address, count)


async def answer_to(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Transaction and the rest of one answer."""
    async with asyncio.timeout(5):
        transaction, _, length = struct.unpack(">HHH", await reader.readexactly(6))
        return transaction, await reader.readexactly(length)


async def is_hung_up_on(reader: asyncio.StreamReader) -> bool:
    """Whether the other side ends the connection without a word."""
    async with asyncio.timeout(5):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def test_every_function_that_reads_or_writes() -> None:
    shelf = Shelf()
    async with opened(shelf) as door, client_of(door) as client:
        assert (await client.read_holding_registers(1, count=2)).registers == [10, 20]
        assert (await client.read_input_registers(1, count=2)).registers == [10, 20]
        assert (await client.read_coils(0, count=2)).bits[:2] == [False, True]
        assert (await client.read_discrete_inputs(0, count=2)).bits[:2] == [False, True]
        assert (await client.write_register(3, 7)).registers == [7]
        assert (await client.write_registers(4, [8, 9])).count == 2
        assert (await client.write_coil(6, True)).bits[0] is True
        assert (await client.write_coils(7, [True, False])).count == 2
        assert (await client.mask_write_register(address=3, and_mask=0b0101, or_mask=0b1000)).or_mask == 0b1000
        both = await client.readwrite_registers(read_address=3, read_count=1, write_address=9, values=[5])
        assert both.registers == [0b1101]
    assert shelf.words == {0: 0, 1: 10, 2: 20, 3: 13, 4: 8, 5: 9, 6: 1, 7: 1, 8: 0, 9: 5}


@pytest.mark.parametrize(
    ("function", "address", "count", "code"), [(3, 9, 2, 2), (3, 0, 0, 3), (3, 0, 126, 3), (65, 0, 1, 1), (43, 0, 1, 1)]
)
async def test_what_cannot_be_answered_is_refused_with_its_code(
    function: int, address: int, count: int, code: int
) -> None:
    async with opened() as door:
        reader, writer = await asyncio.open_connection(HOST, door.port)
        writer.write(asked(7, address, count, function=function))
        transaction, rest = await answer_to(reader)
        writer.close()
    assert (transaction, rest) == (7, bytes([1, function | 0x80, code]))


async def test_requests_that_come_together_are_all_answered_in_order() -> None:
    async with opened() as door:
        reader, writer = await asyncio.open_connection(HOST, door.port)
        writer.write(asked(1, 1) + asked(2, 2)[:5])
        writer.write(asked(2, 2)[5:])
        assert [(await answer_to(reader))[0] for _ in range(2)] == [1, 2]
        writer.close()


async def test_who_talks_nonsense_is_hung_up_on() -> None:
    async with opened() as door:
        reader, writer = await asyncio.open_connection(HOST, door.port)
        writer.write(b"GET / HTTP/1.1\r\n" * 60)
        assert await is_hung_up_on(reader)


async def test_one_client_too_many_is_hung_up_on() -> None:
    async with opened(manners=Manners(clients_max=1)) as door, client_of(door) as first:
        assert not (await first.read_holding_registers(0)).isError()
        reader, writer = await asyncio.open_connection(HOST, door.port)
        assert await is_hung_up_on(reader)
        writer.close()
        assert not (await first.read_holding_registers(0)).isError()


async def test_the_first_request_after_connecting_is_swallowed() -> None:
    manners = told_otherwise(Manners(), swallows_first=True)
    async with opened(manners=manners) as door:
        reader, writer = await asyncio.open_connection(HOST, door.port)
        writer.write(asked(1, 1))
        writer.write(asked(2, 2))
        assert (await answer_to(reader))[0] == 2
        writer.close()


async def test_late_answers_leave_when_the_next_request_has_come() -> None:
    async with opened(manners=Manners(is_late=True)) as door:
        reader, writer = await asyncio.open_connection(HOST, door.port)
        for transaction in (1, 2, 3):
            writer.write(asked(transaction, transaction))
        first, second = await answer_to(reader), await answer_to(reader)
        writer.close()
    assert first == (1, bytes([1, 3, 2, 0, 10]))
    assert second == (2, bytes([1, 3, 2, 0, 20]))


async def test_slow_answers_keep_their_own_transaction_and_order() -> None:
    shelf = Shelf(fault=Fault(kind=FaultKind.SLOW, delay_s=0.05))
    async with opened(shelf) as door:
        reader, writer = await asyncio.open_connection(HOST, door.port)
        writer.write(asked(1, 1) + asked(2, 2))
        assert [(await answer_to(reader))[0] for _ in range(2)] == [1, 2]
        writer.close()


async def test_a_gateway_says_that_a_unit_does_not_answer() -> None:
    async with opened(manners=Manners(missing_unit=11)) as door, client_of(door) as client:
        assert (await client.read_holding_registers(0, device_id=9)).exception_code == 11
        assert not (await client.read_holding_registers(0, device_id=1)).isError()


async def test_rtu_frames_over_tcp() -> None:
    async with opened(framing=Framing.RTU) as door, client_of(door, framer=FramerType.RTU) as client:
        assert (await client.read_holding_registers(1, count=2)).registers == [10, 20]
        assert (await client.write_register(3, 7)).registers == [7]
        assert (await client.read_holding_registers(20)).exception_code == 2


async def test_a_serial_line_of_its_own() -> None:
    line = SerialPort({1: Shelf(), 2: Shelf({n: n for n in range(10)})})
    await line.open()
    client = AsyncModbusSerialClient(line.path, baudrate=9600, timeout=5, retries=0, reconnect_delay=0)
    try:
        assert await client.connect()
        assert (await client.read_holding_registers(1, count=2, device_id=1)).registers == [10, 20]
        assert (await client.read_holding_registers(1, count=2, device_id=2)).registers == [1, 2]
    finally:
        client.close()
        await line.close()


async def test_identification_is_answered_by_who_has_it() -> None:
    shelf = Shelf(objects={0: "Maker", 1: "Code", 2: "1.0", 5: "Model"})
    async with opened(shelf) as door, client_of(door) as client:
        basic = await client.read_device_information(read_code=1)
        assert basic.information == {0: b"Maker", 1: b"Code", 2: b"1.0"}
        regular = await client.read_device_information(read_code=2)
        assert regular.information[5] == b"Model"
        one = await client.read_device_information(read_code=4, object_id=5)
        assert one.information == {5: b"Model"}
        assert (await client.read_device_information(read_code=4, object_id=9)).exception_code == 2
        shelf.objects = {}
        assert (await client.read_device_information(read_code=1)).exception_code == 1


def test_a_family_has_its_own_manners() -> None:
    huawei = manners_of(load("huawei-sun2000"))
    assert (huawei.clients_max, huawei.swallow_within_s) == (1, 1.0)
    assert manners_of(load("sdm630")) == Manners()
    assert told_otherwise(huawei, clients_max=0, is_gateway=True).missing_unit == 11
