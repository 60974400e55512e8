"""The SunSpec section of a profile file: what is taken from which model of the chain."""

# ruff: noqa: RUF012  pydantic gives every object its own copy of a default.

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from device_profiles.schema_base import Address, Coding, Strict
from device_profiles.schema_controls import Writable


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


class SunRegister(SunPoint, Writable):
    """A SunSpec point that may be written. ``point`` is its name in the model."""


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
    registers: dict[str, SunRegister] = {}
    group: str | None = None
    sections: list[Section] = []
    unless: list[int] = []
    """Not used when the chain has one of these models."""


class Differences(Strict):
    """Where a maker, or a family, differs from what the models say."""

    reverse: list[str] = []
    """Points whose sign is the other way round."""
    falling: list[str] = []
    """Counters that run from 0 downwards, as two's complement."""
    drop: list[str] = []
    """Points that this maker's devices do not tell as we mean them."""


class ChainLink(Strict):
    """One model of the simulator's reference device."""

    model: int
    length: int | None = Field(default=None, ge=1, le=2000)
    """Registers after the header, where the device's model is cut short (a model 1 of 65)."""
    values: dict[str, float | str] = {}
    instances: list[dict[str, float | str]] = []


class SunSpecSpec(Differences):
    """How a SunSpec device is walked and what is taken from its models, in the order of preference."""

    bases: list[Address]
    models: list[ModelSpec]
    makers: dict[str, Differences] = {}
    chain: list[ChainLink] = []
