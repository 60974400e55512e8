"""The sections of a profile file that say what can be ordered of a device, and what its fault codes mean."""

# ruff: noqa: RUF012  pydantic gives every object its own copy of a default.

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from device_profiles.model import Confidence
from device_profiles.schema_base import Names, Placed, Strict


class Writable(Strict):
    """What a register takes. ``range`` is in its unit."""

    range: tuple[float, float]
    unit: str = ""
    stored: bool = True
    """Kept through a power cut, so in memory that wears out."""
    readable: bool = True
    """False for a register that can only be written: reading it is refused, or tells nothing of what was written."""

    @model_validator(mode="after")
    def _range_is_a_range(self) -> Self:
        if self.range[0] > self.range[1]:
            raise ValueError(f"range: want [low, high] with low not above high, got {list(self.range)}")
        return self


class RegisterSpec(Placed, Writable):
    """A register that may be written."""


class Step(Strict):
    """One write of a sequence. ``to`` is a number in the register's unit, or an argument of the control."""

    write: str
    to: float | str
    settle_s: float = Field(default=0, ge=0, le=60)


class ControlSpec(Strict):
    """How one thing is ordered of a device; see model.Control."""

    on: list[Step] = Field(min_length=1)
    off: list[Step] = []
    unlock: list[Step] = []
    proof: str = ""
    interval_s: float = Field(default=60, ge=0, le=86_400)
    refresh_s: float = Field(default=0, ge=0, le=86_400)
    falls_back_s: float = Field(default=0, ge=0, le=86_400)
    by_hand: Names | None = None
    confidence: Confidence | None = None
    """As sure as its registers when it does not say so itself."""
    source: str | None = None
    note: str = ""


def _listed(given: object) -> object:
    return given if isinstance(given, list) else [given]


Alternatives = Annotated[list[ControlSpec], BeforeValidator(_listed), Field(min_length=1)]
"""Ways to order the same thing: the first whose registers all exist on the device is taken."""


class FaultSpec(Strict):
    """What the bits, or the codes, of a fault point mean."""

    bits: dict[int, Names] = {}
    codes: dict[int, Names] = {}
