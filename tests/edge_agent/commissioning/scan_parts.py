"""Devices of every family behind real Modbus doors, which remember what they were asked and must not be written to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from device_profiles.image import template
from device_profiles.load import Profile, load, profile_ids
from device_profiles.model import Image, Table
from edge_agent.commissioning.ports import questions
from edge_agent.commissioning.scan import Pace, Scanner
from edge_agent.io.bus import LineAddress
from edge_agent.io.modbus import ModbusLine
from simulator.faults import Fault
from simulator.manners import Manners
from simulator.server import DevicePort
from simulator.unit import IllegalAddressError, Refusal

PROFILES: tuple[Profile, ...] = tuple(load(profile_id) for profile_id in profile_ids())
HOST = "127.0.0.1"


class Standing:
    """A unit with these registers and no others. A write is remembered and refused."""

    def __init__(self, image: Image, objects: Mapping[int, str] | None = None) -> None:
        self.image = image
        self.objects: Mapping[int, str] = objects or {}
        self.reads: list[tuple[Table, int, int]] = []
        self.writes: list[tuple[Table, int]] = []

    @property
    def fault(self) -> Fault | None:
        return None

    def read(self, table: Table, address: int, count: int) -> list[int]:
        self.reads.append((table, address, count))
        words = [self.image.get((table, at)) for at in range(address, address + count)]
        if None in words:
            raise IllegalAddressError
        return [word for word in words if word is not None]

    def write(self, table: Table, address: int, words: Sequence[int]) -> None:
        self.writes.append((table, address))
        raise Refusal


def reference(profile_id: str) -> Standing:
    """The reference device of a family."""
    return Standing(template(profile_id).image)


@asynccontextmanager
async def listening(units: Mapping[int, Standing], manners: Manners | None = None) -> AsyncIterator[int]:
    """A gateway with these units on a port of its own."""
    door = DevicePort(HOST, 0, units, manners)
    await door.open()
    try:
        yield door.port
    finally:
        await door.close()


def quick_line(address: LineAddress) -> ModbusLine:
    """A line without the waits that only the most delicate devices need."""
    return ModbusLine(address)


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def pace(self, rate: float) -> Pace:
        return Pace(rate, now=self.now, sleep=self.sleep)


def scanner(
    *,
    units: Sequence[int] = (),
    all_units: bool = False,
    profiles: Sequence[Profile] = PROFILES,
    pace: Pace | None = None,
    timeout_s: float = 0.2,
    is_identifying: bool = True,
) -> Scanner:
    """A scanner on real lines whose pace is kept by a clock of its own."""
    return Scanner(
        profiles,
        questions(profiles, units=units, all_units=all_units),
        quick_line,
        pace=pace or Clock().pace(20.0),
        timeout_s=timeout_s,
        identify_timeout_s=1.0,
        is_identifying=is_identifying,
    )
