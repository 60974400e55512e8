"""Real Modbus servers on loopback, a scripted liar, and a fake line that is stricter than any device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from contract.messages import EventKind, Severity
from contract.readings import DeviceReadings
from device_profiles.model import Block, Table
from edge_agent.io.bus import DeviceRefused, IllegalAddress, LinkDown

Registers = Mapping[tuple[Table, int], int]


def unit_of(unit: int, registers: Registers) -> SimDevice:
    """A pymodbus device that has these registers and refuses all others."""

    def space(table: Table) -> list[SimData]:
        found = sorted((at, word) for (t, at), word in registers.items() if t is table)
        is_bits = table in (Table.COIL, Table.DISCRETE)
        blocks = []
        for _, run in groupby(enumerate(found), key=lambda pair: pair[1][0] - pair[0]):
            members = [member for _, member in run]
            values = [bool(word) if is_bits else word for _, word in members]
            kind = DataType.BITS if is_bits else DataType.REGISTERS
            blocks.append(SimData(members[0][0], values=values, datatype=kind))
        nothing = SimData(65_535, values=[False], datatype=DataType.BITS) if is_bits else SimData(65_535)
        return blocks or [nothing]

    tables = (Table.COIL, Table.DISCRETE, Table.HOLDING, Table.INPUT)
    coils, discretes, holding, inputs = (space(table) for table in tables)
    return SimDevice(unit, simdata=(coils, discretes, holding, inputs))


@asynccontextmanager
async def serving_tcp(port: int, *units: SimDevice, silent: Collection[int] = ()) -> AsyncIterator[ModbusTcpServer]:
    """A gateway with these units. A unit that is not there, or in ``silent``, does not answer."""

    def muzzle(sending: bool, data: bytes) -> bytes:
        return b"" if sending and (data[6] in silent or data[6] not in known) else data

    known = {unit.id for unit in units}
    server = ModbusTcpServer(list(units), address=("127.0.0.1", port), trace_packet=muzzle)
    await server.serve_forever(background=True)
    try:
        yield server
    finally:
        await server.shutdown()


@asynccontextmanager
async def serving_rtu(device: str, *units: SimDevice) -> AsyncIterator[ModbusSerialServer]:
    """Slaves on a serial line; one that is not there does not answer."""

    def muzzle(sending: bool, data: bytes) -> bytes:
        return b"" if sending and data[0] not in known else data

    known = {unit.id for unit in units}
    server = ModbusSerialServer(list(units), framer=FramerType.RTU, port=device, baudrate=115_200, trace_packet=muzzle)
    await server.serve_forever(background=True)
    try:
        yield server
    finally:
        await server.shutdown()


Script = Callable[[bytes], Awaitable[Iterable[bytes] | None]]
"""Request bytes → what is sent back, piece by piece; None hangs up."""


@asynccontextmanager
async def lying(port: int, script: Script) -> AsyncIterator[list[bytes]]:
    """A TCP server that answers each request as the script says; yields the requests that it got."""
    got: list[bytes] = []
    writers: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers[writer] = asyncio.current_task()
        try:
            while request := await reader.read(512):
                got.append(request)
                pieces = await script(request)
                if pieces is None:
                    break
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writers.pop(writer, None)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield got
    finally:
        server.close()
        tasks = [task for task in writers.values() if task is not None]
        for writer in list(writers):
            writer.close()
        await asyncio.gather(*tasks)
        await server.wait_closed()


def tcp_reply(request: bytes, words: Iterable[int], *, tid: int | None = None, unit: int | None = None) -> bytes:
    """A well-formed reply to a register read."""
    body = b"".join(word.to_bytes(2, "big") for word in words)
    pdu = bytes((request[6] if unit is None else unit, request[7], len(body))) + body
    return (request[:2] if tid is None else tid.to_bytes(2, "big")) + b"\0\0" + len(pdu).to_bytes(2, "big") + pdu


class FakeLine:
    """Units with registers. An address that nobody seeded refuses, a unit that is not there is silent."""

    def __init__(self, units: dict[int, dict[tuple[Table, int], int]]) -> None:
        self.units = units
        self.requests = 0
        self.asked: list[tuple[int, Block]] = []
        self.before: Callable[[int, Block], Awaitable[None]] | None = None
        self.texts: dict[int, str] = {}

    async def connect(self) -> None:
        """Nothing to do."""

    async def read(self, block: Block, unit: int, *, timeout_s: float) -> tuple[int, ...]:
        self.requests += 1
        self.asked.append((unit, block))
        if self.before is not None:
            await self.before(unit, block)
        if unit not in self.units:
            raise LinkDown(f"unit {unit}: no answer")
        registers = self.units[unit]
        keys = [(block.table, at) for at in range(block.start, block.end)]
        if any(key not in registers for key in keys):
            raise IllegalAddress(2, block)
        return tuple(registers[key] for key in keys)

    async def write(
        self, block: Block, words: Sequence[int], unit: int, *, timeout_s: float, multiple: bool = False
    ) -> None:
        self.requests += 1
        registers = self.units[unit]
        keys = [(block.table, at) for at in range(block.start, block.end)]
        if any(key not in registers for key in keys):
            raise DeviceRefused(2, block, is_write=True)
        registers |= dict(zip(keys, words, strict=True))

    async def identify(self, unit: int, *, timeout_s: float) -> dict[int, str]:
        if unit not in self.units:
            raise LinkDown(f"unit {unit}: no answer")
        return dict(self.texts)

    def close(self) -> None:
        """Nothing to do."""


class Notebook:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.entries: list[list[DeviceReadings]] = []
        self.events: list[tuple[EventKind, str, dict[str, object]]] = []
        self.looks = 0

    def record(self, taken: Iterable[DeviceReadings]) -> None:
        self.entries.append(list(taken))

    def look(self) -> None:
        self.looks += 1

    def tell(
        self,
        kind: EventKind,
        *,
        at_ms: int,
        severity: Severity = Severity.INFO,
        device: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> None:
        self.events.append((kind, device, dict(detail or {})))

    def rows(self, device: str) -> list[DeviceReadings]:
        return [row for entry in self.entries for row in entry if row.device == device]

    def kinds(self, device: str = "") -> list[EventKind]:
        return [kind for kind, who, _ in self.events if who == device]
