"""What a device's registers mean, as plain values: the language that codec, planner, edge and simulator share.

A profile file (schema.py) becomes a ``DeviceMap`` once the device is known: for most families at once, for SunSpec
after walking its model chain. A map is complete: every field has its absolute address.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from contract.points import TIERS_MAX


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
    CLOCK3 = "clock3"
    """A wall clock in three registers, a byte each: year since 2000 and month, day and hour, minute and second."""
    CLOCK6 = "clock6"
    """A wall clock in six registers: year, month, day, hour, minute, second."""


_WIDTHS: Final = {
    ValueType.U32: 2,
    ValueType.S32: 2,
    ValueType.F32: 2,
    ValueType.U64: 4,
    ValueType.S64: 4,
    ValueType.F64: 4,
    ValueType.CLOCK3: 3,
    ValueType.CLOCK6: 6,
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


_BEST_FIRST: Final = (Confidence.RECORDED, Confidence.DOCUMENTED, Confidence.UNVERIFIED)


def least_sure(known: Iterable[Confidence]) -> Confidence:
    """The weakest of some facts that stand together; of none, the strongest word."""
    return max(known, key=_BEST_FIRST.index, default=Confidence.RECORDED)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """A register of the same table with one bit for each way. With one set, the raw value's own sign does not count;
    with neither, it does; both at once is nonsense."""

    address: int
    plus: int
    """Mask of the bit that makes the raw value positive."""
    minus: int


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
    """Raw value → normalised state code. A raw value that is not named reads as the state "unknown" (0), and as not
    available where the point is a yes or no."""
    terms: tuple[tuple[int, int], ...] = ()
    """Further addresses of the same type and their sign: a value that the device keeps in parts (charge and discharge
    apart). A part that is "not available" counts as nothing while another part is available."""
    direction: Direction | None = None
    """Bits beside the value that tell which way it flows, on devices whose value has no reliable sign."""
    absent_while: tuple[str, int] | None = None
    """State point and its code (or a number and 0) at which the device has nothing to say here, whatever stands in
    the registers: a battery that is not there has no state of charge, not one of 0 %."""
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
        if self.direction is not None:
            found.append(Block(self.table, self.direction.address, 1))
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
    write_multiple_only: bool = False
    """Writes go by "write multiple" (function 15 or 16), also of a single register."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """A point that is the sum of others of the same device (strings of a PV generator)."""

    point: str
    of: tuple[str, ...]
    less: tuple[str, ...] = ()
    """Points that are taken off: the battery's share of what an inverter has on its DC side."""


class Argument(StrEnum):
    """What a control is told besides on or off."""

    SOC_PCT = "soc_pct"
    """State of charge in per cent: the reserve, or the target of a charge."""
    POWER_W = "power_w"
    """Power in watts, never below 0: how fast to charge, how much to export at most."""


class ControlKind(StrEnum):
    """What can be ordered of a device; beside these, ``tier1`` … ``tier8`` close and open a load tier."""

    RESERVE = "reserve"
    """Keep this state of charge for an outage (``soc_pct``). It has no "off": what was there before is written back."""
    CHARGE = "charge"
    """Charge with ``power_w``, from the grid too, up to ``soc_pct`` where the device has such a target."""
    DISCHARGE_BLOCK = "discharge_block"
    """Give nothing from the battery while the grid is there."""
    BACKUP = "backup"
    """The device's own way of being ready for an outage: kept full, or secured output on; the profile's note says."""
    EXPORT_LIMIT = "export_limit"
    """Feed at most ``power_w`` into the grid."""


ARGUMENTS: Final[Mapping[str, tuple[Argument, ...]]] = {
    ControlKind.RESERVE: (Argument.SOC_PCT,),
    ControlKind.CHARGE: (Argument.POWER_W, Argument.SOC_PCT),
    ControlKind.DISCHARGE_BLOCK: (),
    ControlKind.BACKUP: (),
    ControlKind.EXPORT_LIMIT: (Argument.POWER_W,),
    **{f"tier{n}": () for n in range(1, TIERS_MAX + 1)},
}
"""Every control and the arguments that it can take. A device that has no register for one simply does not take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A register that may be written. ``field.point`` is its name in the profile; bounds are in ``unit``."""

    field: Field
    low: float
    high: float
    unit: str = ""
    is_stored: bool = True
    """Kept through a power cut, so in memory that wears out: written only when it changes."""
    is_readable: bool = True
    """False: what was written cannot be read back, so only the device's behaviour shows whether it was taken."""
    confidence: Confidence = Confidence.DOCUMENTED
    source: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """Its name in the profile."""
        return self.field.point

    @property
    def block(self) -> Block:
        """The registers that hold it."""
        return Block(self.field.table, self.field.address, self.field.width)

    @property
    def tolerance(self) -> float:
        """How far a value read back may be from the one written: half a step of the register."""
        return abs(self.field.scale) / 2 + 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One step of a sequence: put ``to`` (a number in the register's unit, or an argument) into ``register``."""

    register: str
    to: float | Argument
    settle_s: float = 0.0
    """Wait after the write before reading back, or writing the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One thing that can be ordered of a device, and how."""

    kind: str
    on: tuple[Write, ...]
    off: tuple[Write, ...] = ()
    """How to release it; empty where there is nothing to release (a reserve)."""
    unlock: tuple[Write, ...] = ()
    """Written before ``on`` and before ``off``, every time; not read back."""
    proof: str = ""
    """Point that must come to show the (first) argument, when the device tells it apart from the register."""
    interval_s: float = 60.0
    """Least time between two orders of this kind."""
    refresh_s: float = 0.0
    """Write the sequence again this often while it holds, or the device returns to its own ways; 0: it keeps."""
    falls_back_s: float = 0.0
    """After so long without a refresh the device returns to its own ways; 0: it does not, or nobody knows."""
    by_hand_ja: str = ""
    """What a person must do at the device besides (or instead); empty: nothing."""
    by_hand_en: str = ""
    confidence: Confidence = Confidence.DOCUMENTED
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultText:
    """A fault code, or a bit of a fault word, in words."""

    point: str
    code: int
    """The value of the point, or with ``is_bit`` the number of the bit."""
    is_bit: bool
    ja: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMap:
    """Everything needed to read one device."""

    profile: str
    fields: tuple[Field, ...]
    sums: tuple[Sum, ...] = ()
    identity: tuple[Field, ...] = ()
    """Texts: ``model``, ``serial``, ``firmware`` as their ``point``."""
    limits: Limits = field(default_factory=Limits)
    registers: tuple[Register, ...] = ()
    """Registers that may be written."""
    controls: tuple[Control, ...] = ()
    """What can be ordered of this device."""
    faults: tuple[FaultText, ...] = ()
    """Fault codes in words."""


Discovery = Generator[Block, "tuple[int, ...] | None", DeviceMap]
"""Learning a device's map without I/O: yields a block to read, is sent its words (or None when the device refused
that address), returns the map. Raises ``DiscoveryError`` when the device is not of this family."""


class ProfileError(ValueError):
    """A profile file that cannot be used. The text lists every fault with file, point and reason."""


class DiscoveryError(ValueError):
    """The device that answers is not what the profile describes. The text says what was seen."""
