"""Synthetic devices for orders: a few registers, and the ways in which real ones deceive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from device_profiles.model import (
    Argument,
    Block,
    Control,
    DeviceMap,
    Field,
    Limits,
    Register,
    Table,
    ValueType,
    WordOrder,
    Write,
)
from edge_agent.io.bus import TcpAddress
from edge_agent.io.modbus import ModbusLine
from edge_agent.obey import Obeyer
from simulator.faults import Fault
from simulator.server import DevicePort
from simulator.unit import IllegalAddressError, NoAnswerError, Refusal

Place = tuple[Table, int]
H = Table.HOLDING
RESERVE, MODE, POWER, PASSWORD, TIER, PERCENT_AND_FLAGS = 10, 20, 30, 40, 0, 50


def register(name: str, address: int, low: float, high: float, **more: object) -> Register:
    """A register of the synthetic device."""
    unit, is_stored = str(more.pop("unit", "")), bool(more.pop("is_stored", True))
    values: dict[str, object] = {"table": H, "type": ValueType.U16, **more}
    found = Field(point=name, address=address, **values)  # type: ignore[arg-type]
    return Register(field=found, low=low, high=high, unit=unit, is_stored=is_stored)


REGISTERS = (
    register("reserve", RESERVE, 0, 100, scale=0.1, unit="%"),
    register("mode", MODE, 0, 8),
    register("power", POWER, 0, 100_000, type=ValueType.S32, word_order=WordOrder.LITTLE, unit="W", is_stored=False),
    register("password", PASSWORD, 0, 9_999),
    register("flags", PERCENT_AND_FLAGS, 0, 15, mask=0x0F),
    register("tier1", TIER, 0, 1, table=Table.COIL, type=ValueType.BIT),
)
RESERVE_CONTROL = Control(
    kind="reserve", on=(Write(register="reserve", to=Argument.SOC_PCT),), proof="battery.reserve_soc_pct"
)
CHARGE_CONTROL = Control(
    kind="charge",
    unlock=(Write(register="password", to=1),),
    on=(Write(register="mode", to=2), Write(register="power", to=Argument.POWER_W, settle_s=0.5)),
    off=(Write(register="mode", to=0), Write(register="power", to=0)),
)
FLAGS_CONTROL = Control(
    kind="discharge_block", on=(Write(register="flags", to=5),), off=(Write(register="flags", to=0),)
)
TIER_CONTROL = Control(
    kind="tier1", on=(Write(register="tier1", to=1),), off=(Write(register="tier1", to=0),), interval_s=5
)
FIELDS = (
    Field(point="battery.reserve_soc_pct", table=H, address=RESERVE, type=ValueType.U16, scale=0.1),
    Field(point="battery.soc_pct", table=H, address=60, type=ValueType.U16),
)
MAP = DeviceMap(
    profile="synthetic",
    fields=FIELDS,
    registers=REGISTERS,
    controls=(RESERVE_CONTROL, CHARGE_CONTROL, FLAGS_CONTROL, TIER_CONTROL),
    limits=Limits(timeout_s=0.2),
)


HIDDEN = replace(register("setting", 70, 0, 1_000), is_readable=False)
HIDDEN_CONTROL = Control(
    kind="export_limit",
    on=(Write(register="mode", to=4), Write(register="setting", to=Argument.POWER_W)),
    off=(Write(register="setting", to=0), Write(register="mode", to=0)),
)
MAP_WITH_HIDDEN = replace(MAP, registers=(*REGISTERS, HIDDEN), controls=(*MAP.controls, HIDDEN_CONTROL))
"""With a register that takes writes and refuses to be read."""


def words_at_first() -> dict[Place, int]:
    """Reserve 30 %, mode 0, power 0, flags 0xA0 (of which the upper half is not ours), state of charge 64 %."""
    held = {RESERVE: 300, MODE: 0, POWER: 0, POWER + 1: 0, PASSWORD: 0, PERCENT_AND_FLAGS: 0xA0, 60: 64}
    return {(H, at): word for at, word in held.items()} | {(Table.COIL, TIER): 0}


@dataclass
class Device:
    """A unit of the simulator's server. ``on_write`` may change, refuse or swallow what is written."""

    words: dict[Place, int] = field(default_factory=words_at_first)
    on_write: Callable[[Device, Block, list[int]], list[int] | None] | None = None
    """Words that are stored instead; None stores nothing."""
    on_read: Callable[[Device, Block], None] | None = None
    written: list[tuple[Block, tuple[int, ...]]] = field(default_factory=list)
    is_dark: bool = False
    fault: Fault | None = None

    def read(self, table: Table, address: int, count: int) -> list[int]:
        if self.is_dark:
            raise NoAnswerError
        if self.on_read is not None:
            self.on_read(self, Block(table, address, count))
        keys = [(table, at) for at in range(address, address + count)]
        if any(key not in self.words for key in keys):
            raise IllegalAddressError
        return [self.words[key] for key in keys]

    def write(self, table: Table, address: int, words: Sequence[int]) -> None:
        if self.is_dark:
            raise NoAnswerError
        block = Block(table, address, len(words))
        self.written.append((block, tuple(words)))
        stored = list(words) if self.on_write is None else self.on_write(self, block, list(words))
        if stored is not None:
            self.words |= {(table, address + n): word for n, word in enumerate(stored)}


def refusing(code: int, *addresses: int) -> Callable[[Device, Block, list[int]], list[int]]:
    """Refuse writes to these addresses (to none named: to all)."""

    def refuse(_: Device, block: Block, words: list[int]) -> list[int]:
        if not addresses or block.start in addresses:
            raise Refusal(code)
        return words

    return refuse


async def at_once(seconds: float) -> None:
    """A wait that takes no time."""


@asynccontextmanager
async def serving(device: Device, unit: int = 1) -> AsyncIterator[tuple[DevicePort, ModbusLine]]:
    """The device behind a real Modbus TCP port on loopback, and a line to it."""
    port = DevicePort("127.0.0.1", 0, {unit: device})
    await port.open()
    line = ModbusLine(TcpAddress(host="127.0.0.1", port=port.port))
    try:
        yield port, line
    finally:
        line.close()
        await port.close()


def obeyer(line: ModbusLine, now_ms: Callable[[], int] = lambda: 1_000_000, device_map: DeviceMap = MAP) -> Obeyer:
    """An obeyer that waits for nothing and whose clock stands."""
    return Obeyer(line, 1, device_map, 0.2, device="battery", now_ms=now_ms, sleep=at_once)
