"""The form of a profile file. Unknown keys are faults; what the file says is checked as far as one entry can be.

What needs the whole file (names that appear twice, registers that clash) is checked in checks.py and its neighbours.
"""

# ruff: noqa: RUF012  pydantic gives every object its own copy of a default.

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from device_profiles.model import Confidence, Table, ValueType, WordOrder
from device_profiles.schema_base import Address, Names, Placed, Probe, StateName, Strict, Word
from device_profiles.schema_controls import Alternatives, FaultSpec, RegisterSpec
from device_profiles.schema_sunspec import SunSpecSpec

Port = Annotated[int, Field(ge=1, le=0xFFFF)]
Unit = Annotated[int, Field(ge=0, le=255)]


class Hole(Strict):
    """Registers that must not be read, first and last included."""

    table: Table = Table.HOLDING
    first: Address
    last: Address

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last ({self.last}) is before first ({self.first})")
        return self


class LimitsSpec(Strict):
    """What the device stands; see model.Limits."""

    registers_max: int = Field(default=125, ge=1, le=125)
    bits_max: int = Field(default=2000, ge=1, le=2000)
    gap_max: int = Field(default=16, ge=0, le=125)
    holes: list[Hole] = []
    connect_delay_s: float = Field(default=0, ge=0, le=30)
    request_interval_s: float = Field(default=0, ge=0, le=10)
    timeout_s: float = Field(default=1, gt=0, le=60)
    clients_max: int = Field(default=0, ge=0)
    write_multiple_only: bool = False


class Defaults(Strict):
    """What holds for every entry of the file that does not say otherwise."""

    table: Table = Table.HOLDING
    word_order: WordOrder = WordOrder.BIG
    sentinels: dict[ValueType, list[int]] = {}
    source: str = ""


class DirectionSpec(Strict):
    """Where bits tell which way a value without a reliable sign flows; see model.Direction."""

    address: Address
    plus: int = Field(ge=1, le=0xFFFF)
    minus: int = Field(ge=1, le=0xFFFF)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.plus & self.minus:
            raise ValueError("plus and minus must be different bits")
        return self


class Place(Strict):
    """Another place of a point; what is not given is as at the first one."""

    table: Table | None = None
    address: Address
    type: ValueType | None = None
    scale: float | None = None
    sentinels: list[int] | None = None
    plus: list[Address] | None = None
    minus: list[Address] | None = None
    direction: DirectionSpec | None = None


class Condition(Strict):
    """A state point that reads this state, or a number that reads 0."""

    point: str
    reads: StateName


class PointSpec(Placed):
    """One point and where it stands."""

    absent_while: Condition | None = None
    """Not available while that point reads so, whatever stands in the registers."""
    guard: str | None = None
    otherwise: list[Place] = []
    """Where the point stands on devices that do not have this register, in the order of preference."""
    plus: list[Address] = []
    """Registers of the same type that are added: the device keeps the value in parts."""
    minus: list[Address] = []
    """Registers of the same type that are taken off: it keeps import and export, or charge and discharge, apart."""


class TextSpec(Strict):
    """An identity text of the device."""

    table: Table | None = None
    address: Address
    length: int = Field(ge=1, le=125)


class Identity(Strict):
    """What the device says of itself."""

    model: TextSpec | None = None
    serial: TextSpec | None = None
    firmware: TextSpec | None = None


class Detect(Strict):
    """One sign by which the family is known on an unknown bus: what stands in a register, or what the device says of
    itself by function 43/14. All signs of a profile must hold."""

    table: Table | None = None
    address: Address | None = None
    type: ValueType = ValueType.U16
    length: int = Field(default=1, ge=1, le=125)
    device_id: Literal["vendor", "product", "revision", "model"] | None = None
    equals: list[int] | None = None
    starts_with: list[str] | None = None
    contains: list[str] | None = None
    between: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _one_place_and_one_test(self) -> Self:
        if (self.address is None) == (self.device_id is None):
            raise ValueError("give either address or device_id")
        tests = [t for t in (self.equals, self.starts_with, self.contains, self.between) if t is not None]
        if len(tests) != 1:
            raise ValueError("give exactly one of equals, starts_with, contains, between")
        is_text = self.device_id is not None or self.type is ValueType.STRING
        if is_text != (self.starts_with is not None or self.contains is not None):
            raise ValueError("starts_with and contains are for texts; equals and between are for numbers")
        return self


class Variant(Strict):
    """Points that a variant of the family does not have. ``*`` stands for any rest of a name."""

    when: Probe
    equals: list[int] = []
    refused: bool = False
    """The device does not have that register at all."""
    drop: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_a_test(self) -> Self:
        if not self.equals and not self.refused:
            raise ValueError("give equals (values of the register), refused: true, or both")
        return self


class Reference(Strict):
    """The device that the simulator plays: texts, registers that never change, values at the start."""

    texts: dict[Literal["model", "serial", "firmware"], str] = {}
    registers: dict[Table, dict[Address, Word]] = {}
    values: dict[str, float] = {}


class ProfileSpec(Strict):
    """A whole profile file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,40}$")
    names: Names
    source: str = Field(min_length=3)
    confidence: Confidence
    notes: str = ""
    ports: list[Port] = Field(default=[502], min_length=1)
    """TCP ports where the family listens, the usual one first."""
    units: list[Unit] = Field(default=[1], min_length=1)
    """Unit ids worth trying, the usual one first."""
    models: list[str] = []
    """Model names that it is meant for, as printed on the device."""
    one_register_space: bool = False
    """Reading holding registers (function 3) and input registers (function 4) gives the same."""
    limits: LimitsSpec = LimitsSpec()
    defaults: Defaults = Defaults()
    identity: Identity = Identity()
    detect: list[Detect] = []
    variants: list[Variant] = []
    points: dict[str, PointSpec] = {}
    sums: dict[str, list[str]] = {}
    registers: dict[str, RegisterSpec] = {}
    controls: dict[str, Alternatives] = {}
    faults: dict[str, FaultSpec] = {}
    sunspec: SunSpecSpec | None = None
    reference: Reference = Reference()

    @model_validator(mode="after")
    def _has_points(self) -> Self:
        if not self.points and self.sunspec is None:
            raise ValueError("a profile needs points, or a sunspec section")
        return self
