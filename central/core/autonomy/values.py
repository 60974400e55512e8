"""What the estimate of autonomy takes and gives: plain values with units in their names.

Powers are positive; energy is in Wh at the battery's cells; hours count from the moment of the estimate. ``None``
means "not known", never zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Samples = NDArray[np.float32]
"""Scenarios: half the memory of ``Floats``, and exact enough for what nobody knows better."""

HOURS_OF_DAY: Final = 24
HOURS_OF_WEEK: Final = 168
_RATIO_MAX: Final = 10.0
"""A plant that gives more than this many times what its size allows under a clear sky is registered wrongly."""
TOKYO_MS: Final = 9 * 3_600_000
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence for people, in both languages."""

    ja: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where modules stand. Tilt from level, azimuth clockwise from north, both in degrees."""

    latitude: float
    longitude: float
    tilt_deg: float
    azimuth_deg: float
    peak_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLoad:
    """What one load tier takes. Tier 1 is the most critical."""

    tier: int
    typical_w: tuple[float, ...]
    """Mean of each hour, Tokyo time: 24 values from midnight, or 168 from Monday's midnight."""
    now_w: float | None = None
    """Mean of the last hour, if it is measured."""

    def __post_init__(self) -> None:
        if self.tier < 1:
            raise ValueError(f"tiers count from 1, got {self.tier}")
        if len(self.typical_w) not in {HOURS_OF_DAY, HOURS_OF_WEEK}:
            raise ValueError(f"tier {self.tier}: want 24 or 168 hours, got {len(self.typical_w)}")
        wrong = [value for value in (*self.typical_w, self.now_w or 0.0) if not 0 <= value < math.inf]
        if wrong:
            raise ValueError(f"tier {self.tier}: a load must be 0 W or more, got {wrong[0]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterEnergy:
    """What the city knows of one shelter's energy at one moment."""

    site: str
    soc_pct: float | None
    """``None``: no fresh, good reading."""
    capacity_wh: float | None
    """Of the battery when it was new."""
    usable_share: float = 1.0
    """State of health: what is left of ``capacity_wh``, 0 to 1."""
    floor_pct: float = 5.0
    """The battery gives nothing below this."""
    charge_w: float = math.inf
    discharge_w: float = math.inf
    inverter_w: float
    backup_w: float
    """Rating of the secured output when the grid is gone; often a third of the inverter's."""
    efficiency: float = 0.97
    """Of the battery, one way."""
    own_use_w: float = 40.0
    conversion_loss: float = 0.025
    """Of the power through the inverter."""
    tiers: tuple[TierLoad, ...]
    """In their order, the first being the most critical."""
    load_level: float = 1.0
    """How the last days' loads compare with the typical ones: people move in, and it rises."""
    load_spread: float = 0.15
    """Standard deviation of an hour's load around the typical one, as a share of it."""
    peak_factor: float = 1.15
    """Highest minute of a half hour, as a multiple of its mean: what the inverter must carry."""
    recent_days: tuple[float | None, ...] = ()
    """PV energy of each day as a share of the clear sky's, oldest first, yesterday last. ``None``: not measured."""
    today_ratio: float | None = None
    """The same for today so far."""
    today_share: float = 0.0
    """How much of today's clear-sky energy has passed, 0 to 1."""
    outlook: tuple[float | None, ...] = ()
    """What is announced: the ratio to expect of today's rest, tomorrow and so on (about 0.15 under a typhoon).

    ``None``, or no entry: nothing is announced, and the recent days speak. A nearby announcement outweighs them.
    """

    def __post_init__(self) -> None:
        numbers = [tier.tier for tier in self.tiers]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"{self.site}: tiers must stand in their order and once each, got {numbers}")
        for name, value, low, high in (
            ("soc_pct", self.soc_pct, 0, 100),
            ("usable_share", self.usable_share, 0, 1),
            ("floor_pct", self.floor_pct, 0, 100),
            ("efficiency", self.efficiency, 0.1, 1),
            ("conversion_loss", self.conversion_loss, 0, 0.9),
            ("today_share", self.today_share, 0, 1),
            ("load_spread", self.load_spread, 0, 5),
            ("today_ratio", self.today_ratio, 0, _RATIO_MAX),
            *(("recent_days", ratio, 0, _RATIO_MAX) for ratio in self.recent_days),
            *(("outlook", ratio, 0, _RATIO_MAX) for ratio in self.outlook),
        ):
            if value is not None and not low <= value <= high:
                raise ValueError(f"{self.site}: {name} must be {low} to {high}, got {value}")
        for name, value in (
            ("capacity_wh", self.capacity_wh),
            ("charge_w", self.charge_w),
            ("discharge_w", self.discharge_w),
            ("inverter_w", self.inverter_w),
            ("backup_w", self.backup_w),
            ("load_level", self.load_level),
            ("own_use_w", self.own_use_w),
        ):
            if value is not None and not value >= 0:
                raise ValueError(f"{self.site}: {name} must be 0 or more, got {value}")

    @property
    def usable_wh(self) -> float:
        """Energy between empty and full cells, as they are today."""
        return (self.capacity_wh or 0.0) * self.usable_share

    def only(self, tiers_max: int) -> ShelterEnergy:
        """The same shelter with its first ``tiers_max`` tiers alone."""
        return replace(self, tiers=self.tiers[:tiers_max])


class Unknown(StrEnum):
    """Why no hours can be stated."""

    NO_SOC = "no_soc"
    NO_CAPACITY = "no_capacity"
    NO_LOAD = "no_load"


class Note(StrEnum):
    """What a reader should know about hours that are stated."""

    SUN_NOT_COUNTED = "sun_not_counted"
    """PV was not measured on any recent day: it may be broken, so nothing is expected of it."""
    FEW_DAYS = "few_days"
    """So few measured days that a general spread of weather stands in."""
    POWER_SHORT = "power_short"
    """What ends it is in most cases the inverter's rating, not the energy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Autonomy:
    """How long a shelter's loads last without the grid until they first go dark; with the next sun they may come back.

    An hour equal to ``horizon_h`` means "that or longer".
    """

    site: str
    horizon_h: float
    p10_h: float | None = None
    """Nine times out of ten it lasts longer than this."""
    p50_h: float | None = None
    p90_h: float | None = None
    lasting_share: float | None = None
    """Share of scenarios in which the loads last to the horizon."""
    unknown: Unknown | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Which quantiles of the scenarios are shown as P10, P50 and P90.

    A forecast that was found too sure in the past shows wider ones: see ``calibration.learnt``.
    """

    low: float = 0.10
    mid: float = 0.50
    high: float = 0.90

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.mid < self.high <= 1:
            raise ValueError(f"want 0 <= low < mid < high <= 1, got {self.low}, {self.mid}, {self.high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """How far and how finely the estimate looks."""

    hours: int = 72
    step_min: int = 30
    scenarios: int = 200
    seed: int = 1
    levels: Levels = Levels()

    def __post_init__(self) -> None:
        if not 1 <= self.hours <= 24 * 30:
            raise ValueError(f"hours must be 1 to 720, got {self.hours}")
        if self.step_min not in {5, 10, 15, 20, 30, 60}:
            raise ValueError(f"step_min must be 5, 10, 15, 20, 30 or 60, got {self.step_min}")
        if not 10 <= self.scenarios <= 10_000:
            raise ValueError(f"scenarios must be 10 to 10000, got {self.scenarios}")

    @property
    def steps(self) -> int:
        """Number of steps."""
        return self.hours * 60 // self.step_min

    @property
    def step_ms(self) -> int:
        """Length of a step."""
        return self.step_min * 60_000

    @property
    def step_h(self) -> float:
        """Length of a step."""
        return self.step_min / 60
