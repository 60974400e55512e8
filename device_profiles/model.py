"""What a device's registers mean, as plain values: the language that codec, planner, edge and simulator share.

A profile file (schema.py) becomes a ``DeviceMap`` once the device is known: for most families at once, for SunSpec
after walking its model chain. A map is complete: every field has its absolute address.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from contract.points import POINTS, Kind, Point


class Table(StrEnum):
    """The four address spaces of Modbus."""

    HOLDING = "holding"
    INPUT = "input"
    COIL = "coil"
    DISCRETE = "discrete"


class ValueType(StrEnum):
    """How registers hold a number (or a text)."""

    U16 = "u16"
    S16 = "s16"
    U32 = "u32"
    S32 = "s32"
    U64 = "u64"
    S64 = "s64"
    F32 = "f32"
    F64 = "f64"
    STRING = "string"
    BIT = "bit"
    """One coil or discrete input."""


_WIDTHS: Final = {
    ValueType.U32: 2,
    ValueType.S32: 2,
    ValueType.F32: 2,
    ValueType.U64: 4,
    ValueType.S64: 4,
    ValueType.F64: 4,
}
"""Registers that a value takes; what is not named takes one."""


class WordOrder(StrEnum):
    """Which register of a 32- or 64-bit value comes first; bytes inside a register are always big-endian."""

    BIG = "big"
    LITTLE = "little"


class Group(StrEnum):
    """How often a field is read: fast at every poll, slow with the site's slow interval, once after connecting."""

    FAST = "fast"
    SLOW = "slow"
    ONCE = "once"


class Confidence(StrEnum):
    """How well a fact of a profile is known."""

    RECORDED = "recorded"
    """Agrees with registers recorded from a real device."""
    DOCUMENTED = "documented"
    """Agrees with the maker's document, or with two or more independent programs."""
    UNVERIFIED = "unverified"
    """One source, or sources that disagree."""


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """Neighbouring registers (or bits) that one request reads."""

    table: Table
    start: int
    count: int

    @property
    def end(self) -> int:
        """Address after the last one."""
        return self.start + self.count


Image = Mapping[tuple[Table, int], int]
"""Registers by table and address; bits are 0 or 1. What is missing was not read."""


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Field:
    """One point (or identity text) and where it stands. ``value = raw * scale * 10**scale_factor + offset``.

    ``scale`` carries the unit and the house's sign: -1 for a device that counts battery charge as positive.
    """

    point: str
    table: Table
    address: int
    type: ValueType
    word_order: WordOrder = WordOrder.BIG
    length: int = 1
    """Registers of a string; ignored for numbers."""
    scale: float = 1.0
    offset: float = 0.0
    scale_factor_address: int | None = None
    """Register with a signed power of ten, same table. Always read in the same request as the value."""
    sentinels: frozenset[int] = frozenset()
    """Raw unsigned values that mean "not available"."""
    absolute: bool = False
    mask: int | None = None
    """Bits of the raw value that count, shifted down to bit 0."""
    states: Mapping[int, int] | None = None
    """Raw value → normalised state code; a raw value that is not named is the point's 0 (unknown)."""
    terms: tuple[tuple[int, int], ...] = ()
    """Further addresses of the same type and their sign: a value that the device keeps in parts (charge and discharge
    apart). A part that is "not available" counts as nothing while another part is available."""
    absent_while: tuple[str, int] | None = None
    """State point and its code at which the device has nothing to say here, whatever stands in the registers: a
    battery that is not there has no state of charge, not one of 0 %."""
    guard: str | None = None
    """State point that must read 1 before this field may be asked: its registers make the device hang up otherwise.
    Guarded fields get blocks of their own, after all others."""
    group: Group = Group.FAST
    confidence: Confidence = Confidence.DOCUMENTED
    source: str = ""

    @property
    def width(self) -> int:
        """How many registers (or bits) the value takes."""
        return self.length if self.type is ValueType.STRING else _WIDTHS.get(self.type, 1)

    @property
    def spans(self) -> tuple[Block, ...]:
        """Every stretch of registers that the value is made of, its scale factor's included."""
        width = self.width
        found = [Block(self.table, self.address, width)]
        found += [Block(self.table, address, width) for address, _ in self.terms]
        if self.scale_factor_address is not None:
            found.append(Block(self.table, self.scale_factor_address, 1))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a device stands."""

    registers_max: int = 125
    """Registers in one read request."""
    bits_max: int = 2000
    gap_max: int = 16
    """Unused registers that a request may read along to save another request."""
    holes: tuple[Block, ...] = ()
    """Stretches that must not be read, not even along."""
    connect_delay_s: float = 0.0
    """Wait after connecting before the first request."""
    request_interval_s: float = 0.0
    """Least time between two requests."""
    timeout_s: float = 1.0
    clients_max: int = 0
    """TCP clients at a time; 0 = no known limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """A point that is the sum of others of the same device (strings of a PV generator)."""

    point: str
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRule:
    """What may be written to a control, and which point (or the control itself) proves that it was."""

    control: str
    low: float
    high: float
    readback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMap:
    """Everything needed to read one device."""

    profile: str
    fields: tuple[Field, ...]
    sums: tuple[Sum, ...] = ()
    identity: tuple[Field, ...] = ()
    """Texts: ``model``, ``serial``, ``firmware`` as their ``point``."""
    limits: Limits = field(default_factory=Limits)
    controls: tuple[Field, ...] = ()
    """Registers that steer the device; their points are of ``CONTROLS`` or load tiers. Decoding one reads it back."""
    rules: tuple[ControlRule, ...] = ()
    """One for each control."""


def _control(name: str, unit: str, decimals: int, high: float, *, low: float = 0) -> Point:
    kind = Kind.GAUGE if unit else Kind.STATE
    return Point(name=name, unit=unit, decimals=decimals, low=low, high=high, kind=kind)


CONTROLS: Final[dict[str, Point]] = {
    point.name: point
    for point in (
        _control("control.reserve_soc_pct", "%", 1, 100),
        _control("control.forced_charge_power_w", "W", 0, 2_000_000, low=-2_000_000),
        _control("control.forced_charge_on", "", 0, 1),
        _control("control.backup", "", 0, 1),
        _control("control.export_limit_w", "W", 0, 2_000_000),
        _control("control.export_limit_on", "", 0, 1),
    )
}
"""Controls in the house's words, beside ``tierN.closed``. ``X_on`` says whether the power in ``X_power_w`` or ``X_w``
counts; where a device has no such switch, the power alone counts (0 W of forced charge is none). Forced charge below
zero is a limit of the discharge."""


def point_of(name: str) -> Point:
    """The point or control of this name. Raises ``KeyError``."""
    return POINTS.get(name) or CONTROLS[name]


Discovery = Generator[Block, "tuple[int, ...] | None", DeviceMap]
"""Learning a device's map without I/O: yields a block to read, is sent its words (or None when the device refused
that address), returns the map. Raises ``DiscoveryError`` when the device is not of this family."""


class ProfileError(ValueError):
    """A profile file that cannot be used. The text lists every fault with file, point and reason."""


class DiscoveryError(ValueError):
    """The device that answers is not what the profile describes. The text says what was seen."""
