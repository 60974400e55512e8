"""The parts that every section of a profile file is made of: names, places, and how a number is kept."""

from __future__ import annotations

from typing import Annotated, Self

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


class Placed(Coding):
    """A number and the registers where it stands."""

    table: Table | None = None
    address: Address
    type: ValueType
    word_order: WordOrder | None = None
    scale_factor: Address | None = None
    sentinels: list[int] | None = None
    repeat: Repeat | None = None
