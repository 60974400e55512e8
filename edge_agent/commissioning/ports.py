"""How an unknown line is asked: which units, by which registers, at which speed, and how long it takes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from device_profiles.load import Profile
from device_profiles.model import Block, Table
from device_profiles.signs import block_of, object_of

UNITS: Final = range(1, 248)
"""Units that the standard knows."""
BAUDRATES: Final = (9_600, 19_200, 115_200, 38_400, 57_600, 4_800, 2_400)
PARITIES: Final = ("N", "E", "O")
_ANY: Final = Block(Table.HOLDING, 0, 1)


@dataclass(frozen=True, slots=True)
class Pacing:
    """What the most delicate of all families stands: before it is known who answers, everybody may be that one."""

    connect_delay_s: float
    request_interval_s: float


def strictest(profiles: Sequence[Profile]) -> Pacing:
    """The pacing that every one of these families stands."""
    return Pacing(
        max((each.limits.connect_delay_s for each in profiles), default=0.0),
        max((each.limits.request_interval_s for each in profiles), default=0.0),
    )


def ports_of(profiles: Sequence[Profile]) -> tuple[int, ...]:
    """TCP ports where the families listen, those of most families first."""
    return _by_count(port for profile in profiles for port in profile.ports)


def units_of(profiles: Sequence[Profile]) -> tuple[int, ...]:
    """Units that the families usually have, those of most families first."""
    return _by_count(unit for profile in profiles for unit in profile.units)


def _by_count(numbers: object) -> tuple[int, ...]:
    counted = Counter(numbers)  # type: ignore[call-overload]
    return tuple(sorted(counted, key=lambda each: (-counted[each], each)))


def probes_of(profiles: Sequence[Profile], unit: int) -> tuple[Block, ...]:
    """Registers to ask a unit for, to see whether it is there: one of each table that the families of this unit use.

    Any answer will do, a refusal too; but some meters stay silent when they are asked for a table they do not have.
    """
    found: dict[Table, Block] = {}
    for profile in profiles:
        if unit not in profile.units:
            continue
        signs = [block_of(sign) for sign in profile.detect if object_of(sign) is None]
        fields = [Block(each.table, each.address, each.width) for each in profile.fields[:1]]
        for block in (signs or fields)[:1]:
            found.setdefault(block.table, block)
    return tuple(found[table] for table in (Table.HOLDING, Table.INPUT, Table.COIL, Table.DISCRETE) if table in found)


@dataclass(frozen=True, slots=True)
class Questions:
    """The units to try on a line and what each is asked."""

    of: tuple[tuple[int, tuple[Block, ...]], ...]
    usual: frozenset[int] = frozenset()
    """Units that a family usually has, or that somebody named: worth a second try where frames get lost."""

    @property
    def count(self) -> int:
        """Requests when nobody answers."""
        return sum(len(blocks) for _, blocks in self.of)


def questions(profiles: Sequence[Profile], *, units: Sequence[int] = (), all_units: bool = False) -> Questions:
    """The given units, else the families' own, and with ``all_units`` all others after them (one question each)."""
    usual = tuple(units) or units_of(profiles)
    asked = [(unit, probes_of(profiles, unit) or (_ANY,)) for unit in usual]
    if all_units:
        asked += [(unit, (_ANY,)) for unit in UNITS if unit not in usual]
    return Questions(tuple(asked), frozenset(usual))


def settings(*, baudrate: int | None, parity: str | None, try_all: bool) -> tuple[tuple[int, str], ...]:
    """Speeds and parities to try on a serial line, the usual first. What was given stays as given."""
    if not try_all:
        return ((baudrate or BAUDRATES[0], parity or "N"),)
    speeds = (baudrate,) if baudrate else BAUDRATES
    return tuple((speed, each) for speed in speeds for each in ((parity,) if parity else PARITIES))


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a scan takes."""

    sweep_s: float
    """To knock at every address."""
    port_s: float
    """For each port that listens, at most, until all units were asked. Ports are looked at side by side."""
    serial_s: float
    """For the serial lines, at most."""


def estimate(
    connections: int, serial_tries: int, asked: Questions, pacing: Pacing, *, rate: float, timeout_s: float
) -> Estimate:
    """How long it takes when nobody answers; identifying takes some seconds more for each unit that does."""
    silence_s = asked.count * (timeout_s + pacing.request_interval_s)
    return Estimate(
        sweep_s=connections / rate,
        port_s=asked.count * (timeout_s + pacing.connect_delay_s + 1 / rate),
        serial_s=serial_tries * 2 * silence_s,
    )
