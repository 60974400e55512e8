"""Reading a site for a while: every device once a round, its registers kept beside its values."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from contract.points import POINTS
from contract.readings import Reading
from device_profiles.model import Block, DeviceMap, DiscoveryError, Table
from edge_agent.config import BusConfig, SiteConfig
from edge_agent.core.judging.series import Place, Sample, Series
from edge_agent.findings import PointSeen
from edge_agent.io.bus import BadAnswer, DeviceRefused, GatewaySilent, LinkDown, RegisterLine, Unreachable
from edge_agent.poll import Bus, monotonic_ms
from edge_agent.session import DeviceSession

TRIES: Final = 2
"""One lost frame on a serial line is no reason to send somebody up a ladder."""
PERIOD_S: Final = 4.0
READS_MAX: Final = 61
"""An hour's watch still looks once a minute."""

Clock = Callable[[], float]
"""UTC seconds."""
Pause = Callable[[float], Awaitable[object]]
Image = dict[tuple[Table, int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How long to look, and by which clock."""

    watch_s: float = 20.0
    """0: one look."""
    now: Clock = time.time
    pause: Pause = asyncio.sleep

    @property
    def reads(self) -> int:
        """How many rounds."""
        return min(READS_MAX, 1 + round(self.watch_s / PERIOD_S)) if self.watch_s > 0 else 1

    @property
    def period_s(self) -> float:
        """From the beginning of one round to that of the next."""
        return self.watch_s / max(1, self.reads - 1)


@dataclass(slots=True)
class DeviceSeen:
    """One device as it was found."""

    device: str
    bus: str
    address: str
    unit: int
    profile: str
    online: bool = False
    cause: str = ""
    """Why it is dark: unreachable, hung_up, gateway, garbled, refused, wrong_device, silent, fell_silent."""
    error: str = ""
    identity: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    seconds: float = 0.0
    good: int = 0
    """How many of its points have a value."""
    points: list[PointSeen] = field(default_factory=list)
    """As they were read last."""


class Tapped:
    """A line that remembers what it read, unit by unit. Only for reading."""

    def __init__(self, line: RegisterLine) -> None:
        self._line = line
        self.images: dict[int, Image] = {}

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""
        return self._line.requests

    @requests.setter
    def requests(self, count: int) -> None:
        self._line.requests = count

    async def connect(self) -> None:
        """Be ready to ask. Raises Unreachable."""
        await self._line.connect()

    async def read(self, block: Block, unit: int, *, timeout_s: float) -> tuple[int, ...]:
        """The words (or bits) of a block. Raises BusError."""
        words = await self._line.read(block, unit, timeout_s=timeout_s)
        image = self.images.setdefault(unit, {})
        image.update({(block.table, block.start + n): word for n, word in enumerate(words)})
        return words

    async def write(
        self,
        block: Block,
        words: Sequence[int],  # noqa: ARG002
        unit: int,
        *,
        timeout_s: float,  # noqa: ARG002
        multiple: bool = False,  # noqa: ARG002
    ) -> None:
        """Refused: whoever looks does not write. Raises PermissionError."""
        raise PermissionError(f"a check writes nothing ({block.table.value} {block.start}, unit {unit})")

    async def identify(self, unit: int, *, timeout_s: float) -> dict[int, str]:
        """Texts of a device by object number. Raises LinkDown."""
        return await self._line.identify(unit, timeout_s=timeout_s)

    def close(self) -> None:
        """Give the line back."""
        self._line.close()


@dataclass(slots=True)
class Observed:
    """One device while it is watched."""

    bus: Bus
    session: DeviceSession
    line: Tapped
    seen: DeviceSeen
    once: tuple[Reading, ...] = ()
    once_at_s: float = 0.0
    rounds: int = 0
    missed: int = 0
    """Rounds after the first in which it gave no answer, of all its rounds."""
    missed_error: str = ""
    """Why, in the last of them; empty again when it answers."""

    @property
    def image(self) -> Image:
        """Its registers as they were read last."""
        return self.line.images.get(self.session.unit, {})


def observe(config: SiteConfig, buses: Sequence[Bus], lines: Mapping[str, Tapped]) -> list[list[Observed]]:
    """Every device of every bus, not read yet."""
    places: dict[str, BusConfig] = {bus.id: bus for bus in config.buses}
    return [
        [
            Observed(
                bus,
                session,
                lines[bus.id],
                DeviceSeen(session.id, bus.id, places[bus.id].place, session.unit, session.profile_id),
            )
            for session in bus.sessions
        ]
        for bus in buses
    ]


async def first_round(of_bus: Sequence[Observed], waiting: list[str], now: Clock) -> dict[str, dict[str, float]]:
    """Read the devices of a bus one after the other; those of a line that cannot be opened are not tried one by one."""
    values: dict[str, dict[str, float]] = {}
    last: DeviceSeen | None = None
    for each in of_bus:
        if last is not None and last.cause == "unreachable":
            each.seen.cause, each.seen.error = last.cause, last.error
        else:
            await _first_look(each, now)
        waiting.remove(each.session.id)
        if each.seen.online:
            each.rounds += 1
            values[each.session.id] = values_of(each)
        last = each.seen
    return values


async def next_round(of_bus: Sequence[Observed], now: Clock) -> dict[str, dict[str, float]]:
    """Read the devices that answered before once more; one that does not answer now has no values in this round."""
    values: dict[str, dict[str, float]] = {}
    for each in of_bus:
        if not each.seen.online:
            continue
        each.rounds += 1
        error = await _look(each, now)
        each.missed_error = "" if error is None else str(error)
        if error is None:
            values[each.session.id] = values_of(each)
        else:
            each.missed += 1
    return values


async def ask_again(of_bus: Sequence[Observed], now: Clock) -> None:
    """Devices that were silent in the last round get one more question; who is silent still is dark from now on."""
    for each in of_bus:
        if each.seen.online and each.missed_error and await _look(each, now) is not None:
            each.seen.online, each.seen.cause, each.seen.error = False, "fell_silent", each.missed_error
            each.seen.points, each.seen.good = [], 0


async def _first_look(each: Observed, now: Clock) -> None:
    started = time.monotonic()
    for _ in range(TRIES):
        error = await _look(each, now)
        if error is None:
            each.seen.online, each.seen.cause, each.seen.error = True, "", ""
            break
        each.seen.cause, each.seen.error = _cause(error), str(error)
    each.seen.identity = dict(each.session.identity)
    each.seen.seconds = time.monotonic() - started


async def _look(each: Observed, now: Clock) -> Exception | None:
    """Read a device; the error when it could not be read."""
    before = each.line.requests
    try:
        polled = await each.session.poll(each.line, slow=True, now_ms=monotonic_ms())
    except (LinkDown, DeviceRefused, DiscoveryError) as error:
        return error
    finally:
        each.seen.requests += each.line.requests - before
    if polled.once:
        each.once, each.once_at_s = polled.once, now()
    registers = _registers(each.session.map)
    each.seen.points = [point_seen(r, registers.get(r.point, "")) for r in (*polled.readings, *each.once)]
    each.seen.good = sum(point.value is not None for point in each.seen.points)
    return None


def values_of(each: Observed) -> dict[str, float]:
    """The good values of a device as it was read last."""
    return {point.point: point.value for point in each.seen.points if point.value is not None}


def series_of(samples: Sequence[Sample], observed: Sequence[Observed], config: SiteConfig) -> Series:
    """The watch over devices whose values can be trusted to be what they are called."""
    maps = {each.session.id: each.session.map for each in observed if each.session.map is not None}
    kept = set(maps)
    return Series(
        samples=tuple(Sample(s.at_s, {d: v for d, v in s.values.items() if d in kept}) for s in samples),
        points={device: _points_of(known) for device, known in maps.items()},
        place=Place(latitude_deg=config.latitude, longitude_deg=config.longitude, pv_rated_w=config.pv_rated_w),
        sums={device: {s.point: (*s.of, *s.less) for s in known.sums} for device, known in maps.items()},
    )


def _points_of(device: DeviceMap) -> frozenset[str]:
    return frozenset({f.point for f in device.fields} | {s.point for s in device.sums})


def _cause(error: Exception) -> str:
    if "closed the connection" in str(error):
        return "hung_up"
    causes: list[tuple[type[Exception], str]] = [
        (Unreachable, "unreachable"),
        (GatewaySilent, "gateway"),
        (BadAnswer, "garbled"),
        (DeviceRefused, "refused"),
        (DiscoveryError, "wrong_device"),
    ]
    return next((cause for kind, cause in causes if isinstance(error, kind)), "silent")


def _registers(device: DeviceMap | None) -> dict[str, str]:
    if device is None:
        return {}
    places = {
        f.point: f"{f.table.value} {f.address}" + (f"–{f.address + f.width - 1}" if f.width > 1 else "")
        for f in device.fields
    }
    return places | {s.point: "Σ " + "+".join(s.of) for s in device.sums}


def point_seen(reading: Reading, register: str) -> PointSeen:
    """A reading with its unit and where it stands."""
    unit = POINTS[reading.point].unit
    return PointSeen(reading.point, reading.value, unit, reading.quality.value, register)
