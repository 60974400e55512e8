"""The form of a profile file. Unknown keys are faults; what the file says is checked as far as one entry can be.

What needs the whole file (names that appear twice, registers that clash) is checked in load.py.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from contract.points import BatteryState, InverterState
from device_profiles.model import Confidence, Group, Table, ValueType, WordOrder

Address = Annotated[int, Field(ge=0, le=0xFFFF)]
Word = Annotated[int, Field(ge=0, le=0xFFFF)]
StateName = str | int

STATE_NAMES: dict[str, dict[str, int]] = {
    "inverter.state": {state.name.lower(): state.value for state in InverterState},
    "battery.state": {state.name.lower(): state.value for state in BatteryState},
}
"""Points whose states have names. Every other state point knows 0 and 1."""


class Strict(BaseModel):
    """No unknown key, no number that is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Names(Strict):
    """What people call the device family."""

    ja: str
    en: str


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


class Defaults(Strict):
    """What holds for every entry of the file that does not say otherwise."""

    table: Table = Table.HOLDING
    word_order: WordOrder = WordOrder.BIG
    sentinels: dict[ValueType, list[int]] = {}
    source: str = ""


class Probe(Strict):
    """A register that is read once while the device is being learnt."""

    table: Table | None = None
    address: Address
    type: ValueType = ValueType.U16


class Repeat(Strict):
    """The entry stands for several, ``{n}`` in its name counting from 1, ``step`` registers apart."""

    to: int = Field(ge=1, le=64)
    step: int = Field(ge=1)
    count: Probe | None = None
    """Register that tells how many there are; when it cannot be read, all are taken."""


class Coding(Strict):
    """How a number is kept; shared by register entries and SunSpec entries."""

    scale: float = 1
    offset: float = 0
    absolute: bool = False
    bit: int | None = Field(default=None, ge=0, le=63)
    mask: int | None = Field(default=None, ge=1)
    states: dict[int, StateName] | None = None
    group: Group = Group.FAST
    confidence: Confidence = Confidence.DOCUMENTED
    source: str | None = None
    note: str = ""

    @field_validator("scale")
    @classmethod
    def _scale_is_not_zero(cls, scale: float) -> float:
        if scale == 0:
            raise ValueError("scale 0 would turn every value into 0")
        return scale

    @model_validator(mode="after")
    def _one_way_to_pick_bits(self) -> Self:
        if self.bit is not None and self.mask is not None:
            raise ValueError("give either bit or mask, not both")
        return self

    @property
    def bits(self) -> int | None:
        """The mask, however it was written."""
        return self.mask if self.bit is None else 1 << self.bit


class Place(Strict):
    """Another place of a point; what is not given is as at the first one."""

    table: Table | None = None
    address: Address
    type: ValueType | None = None
    scale: float | None = None
    sentinels: list[int] | None = None


class Condition(Strict):
    """A state point that reads this state."""

    point: str
    reads: StateName


class PointSpec(Coding):
    """One point and where it stands."""

    table: Table | None = None
    address: Address
    type: ValueType
    word_order: WordOrder | None = None
    scale_factor: Address | None = None
    sentinels: list[int] | None = None
    absent_while: Condition | None = None
    """Not available while that point reads so, whatever stands in the registers."""
    guard: str | None = None
    repeat: Repeat | None = None
    otherwise: list[Place] = []
    """Where the point stands on devices that do not have this register, in the order of preference."""


class ControlSpec(PointSpec):
    """A register that steers the device."""

    range: tuple[float, float]
    readback: str
    """Point that proves the write, or ``self`` for the register itself."""

    @field_validator("range")
    @classmethod
    def _range_is_a_range(cls, given: tuple[float, float]) -> tuple[float, float]:
        if given[0] >= given[1]:
            raise ValueError(f"want [low, high] with low below high, got {list(given)}")
        return given


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
    """One sign by which the family is known on an unknown bus. All signs of a profile must hold."""

    table: Table | None = None
    address: Address
    type: ValueType = ValueType.U16
    length: int = Field(default=1, ge=1, le=125)
    equals: list[int] | None = None
    starts_with: list[str] | None = None
    contains: list[str] | None = None
    between: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _exactly_one_test(self) -> Self:
        tests = [t for t in (self.equals, self.starts_with, self.contains, self.between) if t is not None]
        if len(tests) != 1:
            raise ValueError("give exactly one of equals, starts_with, contains, between")
        return self


class Variant(Strict):
    """Points that a variant of the family does not have. ``*`` stands for any rest of a name."""

    when: Probe
    equals: list[int]
    drop: list[str] = Field(min_length=1)


class Reference(Strict):
    """The device that the simulator plays: texts, registers that never change, values at the start."""

    texts: dict[Literal["model", "serial", "firmware"], str] = {}
    registers: dict[Table, dict[Address, Word]] = {}
    values: dict[str, float] = {}


class Only(Strict):
    """Which instances of a repeating group an entry is for."""

    point: str
    equals: list[int] | None = None
    starts_with: list[str] | None = None

    @model_validator(mode="after")
    def _exactly_one_test(self) -> Self:
        if (self.equals is None) == (self.starts_with is None):
            raise ValueError("give exactly one of equals, starts_with")
        return self


class SunPoint(Coding):
    """One of our points by its SunSpec name. Type, place, scale factor and sentinel come from the model."""

    point: str
    percent_of: str | None = None
    """The value is a percentage of this rating, ``model.point``, read while the device is being learnt."""


class SunControl(SunPoint):
    """A SunSpec point that steers the device."""

    range: tuple[float, float]
    readback: str


class Section(Strict):
    """Entries for each instance of a repeating group; the first section whose ``only`` holds takes an instance."""

    only: Only | None = None
    points: dict[str, SunPoint] = {}
    totals: dict[str, SunPoint] = {}
    """Points that add up this section's instances; ``scale: -1`` takes them off."""


class ModelSpec(Strict):
    """What we take from some SunSpec models of one layout."""

    ids: list[int] = Field(min_length=1)
    points: dict[str, SunPoint] = {}
    controls: dict[str, SunControl] = {}
    group: str | None = None
    sections: list[Section] = []
    unless: list[int] = []
    """Not used when the chain has one of these models."""


class MakerSpec(Strict):
    """Where one maker differs."""

    reverse: list[str] = []
    """Points whose sign is the other way round."""
    falling: list[str] = []
    """Counters that run from 0 downwards, as two's complement."""
    drop: list[str] = []
    """Points that this maker's devices do not tell as we mean them."""


class ChainLink(Strict):
    """One model of the simulator's reference device."""

    model: int
    values: dict[str, float | str] = {}
    instances: list[dict[str, float | str]] = []


class SunSpecSpec(Strict):
    """How a SunSpec device is walked and what is taken from its models, in the order of preference."""

    bases: list[Address]
    models: list[ModelSpec]
    makers: dict[str, MakerSpec] = {}
    chain: list[ChainLink] = []


class ProfileSpec(Strict):
    """A whole profile file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,40}$")
    names: Names
    source: str = Field(min_length=3)
    confidence: Confidence
    notes: str = ""
    limits: LimitsSpec = LimitsSpec()
    defaults: Defaults = Defaults()
    identity: Identity = Identity()
    detect: list[Detect] = []
    variants: list[Variant] = []
    points: dict[str, PointSpec] = {}
    sums: dict[str, list[str]] = {}
    controls: dict[str, ControlSpec] = {}
    sunspec: SunSpecSpec | None = None
    reference: Reference = Reference()

    @model_validator(mode="after")
    def _has_points(self) -> Self:
        if not self.points and self.sunspec is None:
            raise ValueError("a profile needs points, or a sunspec section")
        return self
