"""Reading a simulated device as an edge would, and fleets on addresses of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from pymodbus.client import AsyncModbusTcpClient

from contract.readings import Reading
from device_profiles.blocks import plan
from device_profiles.codec import readings
from device_profiles.controls import by_name, planned, words_to_write
from device_profiles.discover import discover
from device_profiles.load import load as load_profile
from device_profiles.model import Block, Control, DeviceMap, Field, Table
from simulator.files import Network
from simulator.run import Fleet, WorldClock, build_fleet
from simulator.scenario import Scenario
from simulator.spec import SiteSpec
from tests.support import own_network

NOON_MS = 1_780_023_600_000
"""2026-05-29 12:00 in Tokyo, a Friday."""


def network() -> Network:
    """Loopback addresses that no other test process uses."""
    return Network(prefix=own_network())


def quiet() -> Scenario:
    return Scenario(title="quiet", about="nothing happens", lasts="1h")


def still_fleet(specs: Sequence[SiteSpec], *, scenario: Scenario | None = None, seed: int = 7) -> Fleet:
    """A fleet whose clock stands at noon: worlds move only when a test moves them."""
    clock = WorldClock(start_ms=NOON_MS, started_s=0.0, speed=1.0)
    return build_fleet(specs, scenario or quiet(), seed=seed, clock=clock, network=network())


@asynccontextmanager
async def opened(fleet: Fleet) -> AsyncIterator[Fleet]:
    await fleet.open()
    try:
        yield fleet
    finally:
        await fleet.close()


@asynccontextmanager
async def client_of(fleet: Fleet, index: int, device: str) -> AsyncIterator[AsyncModbusTcpClient]:
    port = fleet.network.inverter_port if device == "inverter" else fleet.network.gateway_port
    client = AsyncModbusTcpClient(fleet.network.host(index), port=port, timeout=0.5, retries=0, reconnect_delay=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


async def read_block(client: AsyncModbusTcpClient, unit: int, block: Block) -> tuple[int, ...] | None:
    """Words of a block, None when the device refuses it."""
    ask = {
        Table.HOLDING: client.read_holding_registers,
        Table.INPUT: client.read_input_registers,
        Table.COIL: client.read_coils,
        Table.DISCRETE: client.read_discrete_inputs,
    }[block.table]
    answer = await ask(block.start, count=block.count, device_id=unit)
    if answer.isError():
        return None
    words = answer.bits if block.table in {Table.COIL, Table.DISCRETE} else answer.registers
    return tuple(int(word) for word in words[: block.count])


async def discovered(client: AsyncModbusTcpClient, profile: str, unit: int) -> DeviceMap:
    discovery = discover(load_profile(profile))
    try:
        block = next(discovery)
        while True:
            block = discovery.send(await read_block(client, unit, block))
    except StopIteration as end:
        found: DeviceMap = end.value
        return found


async def read_fields(
    client: AsyncModbusTcpClient, unit: int, device_map: DeviceMap, fields: Sequence[Field]
) -> dict[str, Reading]:
    image: dict[tuple[Table, int], int] = {}
    for block in plan(fields, device_map.limits):
        words = await read_block(client, unit, block)
        if words is not None:
            image |= {(block.table, block.start + n): word for n, word in enumerate(words)}
    return {reading.point: reading for reading in readings(fields, image, device_map.sums)}


async def at(fleet: Fleet, seconds: float) -> None:
    """Bring a fleet to some seconds after its start."""
    fleet.clock = replace(fleet.clock, started_s=asyncio.get_running_loop().time() - seconds)
    await fleet.tick()


async def order(
    client: AsyncModbusTcpClient, device_map: DeviceMap, control: Control, given: Mapping[str, float], *, unit: int = 1
) -> None:
    """Write a control's sequence as an edge would, unlocking included."""
    registers = by_name(device_map.registers)
    for step in planned((*control.unlock, *control.on), registers, given):
        register = step.register
        present: dict[tuple[Table, int], int] = {}
        spans = register.field.spans
        for span in spans:
            words = await read_block(client, unit, span)
            present |= {(span.table, span.start + n): word for n, word in enumerate(words or ())}
        block, words = words_to_write(register, step.value, present)
        if block.table is Table.COIL:
            answer = await client.write_coils(block.start, [bool(word) for word in words], device_id=unit)
        else:
            answer = await client.write_registers(block.start, list(words), device_id=unit)
        assert not answer.isError(), f"{control.kind}: {register.name}: {answer}"
