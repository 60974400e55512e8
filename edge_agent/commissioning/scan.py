"""Looking for Modbus units on a network or a serial line. It reads and never writes, and keeps a slow pace.

One request at a time for each host, and never more than ``rate`` connections or requests a second over all of them.
What was found so far is in ``Scanner.found`` at any moment, also after a cancellation.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from device_profiles.codec import decode_text
from device_profiles.identify import Identified
from device_profiles.load import Profile
from device_profiles.model import Block
from edge_agent.commissioning.identify import ReadingLine, identify_unit
from edge_agent.commissioning.ports import UNITS, Questions
from edge_agent.io.bus import (
    BadAnswer,
    BusError,
    DeviceRefused,
    GatewaySilent,
    LineAddress,
    LinkDown,
    RtuAddress,
    RtuOverTcpAddress,
    TcpAddress,
)
from edge_agent.io.bus import Unreachable as UnreachableError

RATE_DEFAULT: Final = 20.0
TIMEOUT_S_DEFAULT: Final = 0.8
IDENTIFY_TIMEOUT_S: Final = 2.0
WORKERS: Final = 32
"""Hosts that are looked at side by side."""
_HANG_UPS_MAX: Final = 2
_REFUSED: Final = os.strerror(errno.ECONNREFUSED)

MakeLine = Callable[[LineAddress], ReadingLine]
NetworkAddress = type[TcpAddress] | type[RtuOverTcpAddress]


class PortState(StrEnum):
    """What a port that can be opened turned out to be."""

    ANSWERS = "answers"
    NO_UNIT = "no_unit"
    """It takes the connection, but none of the units that were asked answers."""
    HUNG_UP = "hung_up"
    """It takes the connection and closes it: most often somebody else has the only one."""
    GATEWAY_SILENT = "gateway_silent"
    """A gateway that says that none of the units behind it answers."""
    GARBLED = "garbled"
    """Something answers, but not as Modbus: another speed or parity, or another service."""


@dataclass(slots=True)
class UnitFound:
    """A unit that answered."""

    unit: int
    identified: Identified | None = None
    same_as: int | None = None
    """The device answers to several unit numbers: this is the one it was identified by."""
    mute_as: int | None = None
    """Refuses everything, as this unit does; whether it is the same device can't be known, so it is not counted."""
    error: str = ""
    """Why it could not be identified."""

    @property
    def is_counted(self) -> bool:
        """Whether it is a device of its own, as far as can be told."""
        return self.same_as is None and self.mute_as is None


@dataclass(slots=True)
class PortFound:
    """A port that could be opened."""

    address: LineAddress
    units: list[UnitFound] = field(default_factory=list)
    is_done: bool = False
    """Whether all units were asked."""
    hang_ups: int = 0
    gateway_answers: int = 0
    garbled: int = 0

    @property
    def state(self) -> PortState:
        """What it turned out to be."""
        if self.units:
            return PortState.ANSWERS
        if self.garbled:
            return PortState.GARBLED
        if self.gateway_answers:
            return PortState.GATEWAY_SILENT
        return PortState.HUNG_UP if self.hang_ups else PortState.NO_UNIT

    @property
    def is_gateway(self) -> bool:
        """Whether several devices stand behind it, or it said that one does not answer."""
        return bool(self.gateway_answers) or sum(each.is_counted for each in self.units) > 1


@dataclass(slots=True)
class Found:
    """Everything seen so far."""

    ports: list[PortFound] = field(default_factory=list)
    shut: list[str] = field(default_factory=list)
    """Hosts that are there but refuse the connection."""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Serial ports that cannot be opened, and why."""
    done: int = 0
    total: int = 0
    """Connections and units that are to be tried; grows with the ports that are found."""

    @property
    def units(self) -> int:
        """Devices found; one that answers to several numbers counts once."""
        return sum(each.is_counted for port in self.ports for each in port.units)


class Pace:
    """Gives turns, never more than ``rate`` a second."""

    def __init__(
        self,
        rate: float,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.turns = 0
        self._step_s = 1 / rate
        self._now, self._sleep = now, sleep
        self._free_at = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = self._now()
        at = max(now, self._free_at)
        self._free_at = at + self._step_s
        self.turns += 1
        if at > now:
            await self._sleep(at - now)


class PacedLine:
    """A line whose every connection and request waits for its turn."""

    def __init__(self, line: ReadingLine, pace: Pace) -> None:
        self._line, self._pace = line, pace

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._line.requests

    @requests.setter
    def requests(self, count: int) -> None:
        self._line.requests = count

    async def connect(self) -> None:
        """Be ready to ask. Raises Unreachable."""
        await self._pace.turn()
        await self._line.connect()

    async def read(self, block: Block, unit: int, *, timeout_s: float) -> tuple[int, ...]:
        """The words of a block. Raises BusError."""
        await self._pace.turn()
        return await self._line.read(block, unit, timeout_s=timeout_s)

    async def identify(self, unit: int, *, timeout_s: float) -> Mapping[int, str]:
        """The texts of device identification. Raises LinkDown."""
        await self._pace.turn()
        return await self._line.identify(unit, timeout_s=timeout_s)

    def close(self) -> None:
        """Give the line back."""
        self._line.close()


class Scanner:
    """One scan. ``tell`` is called after each step, with the place that is being looked at."""

    def __init__(
        self,
        profiles: Sequence[Profile],
        asked: Questions,
        make_line: MakeLine,
        *,
        pace: Pace,
        timeout_s: float = TIMEOUT_S_DEFAULT,
        identify_timeout_s: float = IDENTIFY_TIMEOUT_S,
        is_identifying: bool = True,
        network_address: NetworkAddress = TcpAddress,
        tell: Callable[[Found, str], None] = lambda _found, _place: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.found = Found()
        self._profiles, self._asked, self._make_line = profiles, asked, make_line
        self._pace, self._now, self._tell = pace, now, tell
        self._timeout_s, self._identify_timeout_s = timeout_s, identify_timeout_s
        self._is_identifying = is_identifying
        self._network_address = network_address

    async def network(self, hosts: Sequence[tuple[str, tuple[int, ...]]]) -> None:
        """Look at these ports of these hosts; hosts side by side, one request at a time for each."""
        self.found.total += sum(len(ports) for _, ports in hosts)
        waiting = iter(hosts)

        async def work() -> None:
            for host, ports in waiting:
                for port in ports:
                    await self._look_at(self._network_address(host=host, port=port))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(WORKERS, len(hosts))):
                tasks.create_task(work())

    async def serial(self, port: str, settings: Iterable[tuple[int, str]]) -> None:
        """Try a serial line with these speeds and parities until somebody answers."""
        for baudrate, parity in settings:
            address = RtuAddress(port=port, baudrate=baudrate, parity=parity)
            self.found.total += 1
            found = await self._look_at(address)
            if found is None or found.units:
                return

    async def _look_at(self, address: LineAddress) -> PortFound | None:
        """Everything about one port; None when it cannot be opened."""
        line = PacedLine(self._make_line(address), self._pace)
        try:
            try:
                await line.connect()
            except UnreachableError as error:
                self._note_closed(address, str(error))
                return None
            found = PortFound(address)
            self.found.ports.append(found)
            await self._ask_units(found, line)
            found.is_done = True
            return found
        finally:
            line.close()
            self._step(str(address))

    def _note_closed(self, address: LineAddress, error: str) -> None:
        if isinstance(address, RtuAddress):
            self.found.faults.append((address.port, error))
        elif error.endswith(_REFUSED) and address.host not in self.found.shut:
            self.found.shut.append(address.host)

    def _step(self, place: str) -> None:
        self.found.done += 1
        self._tell(self.found, place)

    async def _ask_units(self, port: PortFound, line: ReadingLine) -> None:
        is_serial = not isinstance(port.address, TcpAddress)
        # 0 is a call to all on a serial line, and what is above 247 is nobody's number there.
        of = tuple(each for each in self._asked.of if not is_serial or each[0] in UNITS)
        left = len(of)
        self.found.total += left
        try:
            for unit, blocks in of:
                # One lost frame on a serial line must not hide a device.
                asked = [*blocks] * (2 if is_serial and unit in self._asked.usual else 1)
                if await self._is_there(port, line, unit, asked):
                    found = UnitFound(unit)
                    port.units.append(found)
                    self._tell(self.found, f"{port.address} {unit}")
                    if self._is_identifying:
                        await self._identify(port, found, line)
                left -= 1
                self._step(f"{port.address} {unit}")
                if port.hang_ups >= _HANG_UPS_MAX and not port.units:
                    return
        finally:
            self.found.total -= left

    async def _is_there(self, port: PortFound, line: ReadingLine, unit: int, blocks: Iterable[Block]) -> bool:
        for block in blocks:
            started = self._now()
            try:
                await line.read(block, unit, timeout_s=self._timeout_s)
            except DeviceRefused:
                return True
            except GatewaySilent:
                port.gateway_answers += 1
                return False
            except BadAnswer:
                port.garbled += 1
            except UnreachableError:
                port.hang_ups += 1
                return False
            except LinkDown as error:
                is_early = self._now() - started < self._timeout_s / 2
                if "closed the connection" in str(error) or is_early:
                    port.hang_ups += 1
                    return False
            else:
                return True
        return False

    async def _identify(self, port: PortFound, found: UnitFound, line: ReadingLine) -> None:
        try:
            for other in port.units:
                if other.identified is not None and await self._is_same(line, found.unit, other.identified):
                    found.same_as = other.unit
                    return
            found.identified = await identify_unit(
                line, found.unit, self._profiles, timeout_s=self._identify_timeout_s, is_there=True
            )
            if not found.identified.answered:
                mute = (each for each in port.units if each.identified and not each.identified.answered)
                first = next(mute)
                found.mute_as = None if first is found else first.unit
        except LinkDown as error:
            found.error = str(error)

    async def _is_same(self, line: ReadingLine, unit: int, known: Identified) -> bool:
        """Whether this unit tells the serial number of a device that is known already."""
        first = known.proposals[0] if known.proposals else None
        serial = first.identity.get("serial") if first is not None else None
        if first is None or first.device_map is None or not serial:
            return False
        where = next(each for each in first.device_map.identity if each.point == "serial")
        block = Block(where.table, where.address, where.width)
        try:
            words = await line.read(block, unit, timeout_s=self._identify_timeout_s)
        except BusError:
            return False
        return decode_text(where, {(where.table, where.address + n): word for n, word in enumerate(words)}) == serial
