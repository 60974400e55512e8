"""What a shelter knows of its grid, its battery and its plant, from readings with their age. Pure.

Failure to see is told apart from seeing that something is gone: "unknown" is never taken for "lost".

    inverters say   meter sees        the grid is
    islanded        voltage           rejected   there, and the inverter does not take it (yet)
    islanded        no voltage, dark  lost
    connected       anything          present
    they disagree   voltage           rejected
    they disagree   no voltage        lost
    they disagree   dark              unknown
    nothing         voltage or flow   present
    nothing         no voltage        lost
    nothing         dark              meter dark, when any device answers; else unknown
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from contract.points import PHASES, InverterState
from contract.steering import GridState

AGE_MS_MAX: Final = 15_000
"""Older readings say nothing of now."""
LIVE_V: Final = 80.0
"""A phase with so much has voltage; the lowest that a grid of 100 V ever has is 90 V."""
DEAD_V: Final = 20.0
FLOW_W: Final = 50.0
"""So much through the meter does not flow without a grid."""

ISLANDED: Final = "inverter.islanded"
STATE: Final = "inverter.state"
SOC: Final = "battery.soc_pct"
CAPACITY: Final = "battery.capacity_wh"


@dataclass(frozen=True, slots=True)
class Seen:
    """A good value and when it was read, by the clock that nobody sets."""

    value: float
    at_ms: int
    lasts_ms: int = AGE_MS_MAX
    """For so long it says something of now; slow points last longer."""


Sight = Mapping[str, Mapping[str, Seen]]
"""Device → point → its last good value."""
Values = Mapping[str, Mapping[str, float]]
"""Device → point → value, of those that are fresh."""


def fresh(sight: Sight, now_ms: int, *, age_ms_max: int = AGE_MS_MAX) -> dict[str, dict[str, float]]:
    """What is known of now, of devices that answered lately."""
    return {
        device: {point: seen.value for point, seen in points.items() if 0 <= now_ms - seen.at_ms <= seen.lasts_ms}
        for device, points in sight.items()
        if any(0 <= now_ms - seen.at_ms <= min(age_ms_max, seen.lasts_ms) for seen in points.values())
    }


class _Meter(Enum):
    LIVE = auto()
    DEAD = auto()
    SILENT = auto()


def grid_state(values: Values) -> GridState:
    """What the shelter knows of the grid now, by the table above."""
    said = {word for points in values.values() if (word := _islanded(points)) is not None}
    meter = _meter(values.values())
    if said == {False}:
        return GridState.PRESENT
    if said == {True}:
        return GridState.REJECTED if meter is _Meter.LIVE else GridState.LOST
    if said:
        by_meter = {_Meter.LIVE: GridState.REJECTED, _Meter.DEAD: GridState.LOST}
        return by_meter.get(meter, GridState.UNKNOWN)
    by_meter = {_Meter.LIVE: GridState.PRESENT, _Meter.DEAD: GridState.LOST}
    return by_meter.get(meter, GridState.METER_DARK if values else GridState.UNKNOWN)


def _islanded(points: Mapping[str, float]) -> bool | None:
    """What one inverter says; None when it does not say.

    One that is connected by its own word and sees no voltage sleeps, or is dead: it says nothing of the grid.
    """
    flag, state = points.get(ISLANDED), points.get(STATE)
    if flag == 1 or state == InverterState.ISLANDED:
        return True
    if flag != 0:
        return None
    volts = _volts(points, "inverter")
    return None if volts and max(volts) < DEAD_V else False


def _meter(devices: Iterable[Mapping[str, float]]) -> _Meter:
    """The word of whoever measures at the grid connection; one live phase is a grid."""
    found = _Meter.SILENT
    for points in devices:
        volts = _volts(points, "grid")
        if (volts and max(volts) >= LIVE_V) or abs(points.get("grid.power_w", 0.0)) > FLOW_W:
            return _Meter.LIVE
        if volts and max(volts) < DEAD_V:
            found = _Meter.DEAD
    return found


def _volts(points: Mapping[str, float], group: str) -> list[float]:
    return [points[name] for phase in PHASES if (name := f"{group}.{phase}_voltage_v") in points]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The plant as it is now. Power above zero feeds the building; None: not known."""

    grid: GridState = GridState.UNKNOWN
    soc_pct: float | None = None
    """Of all batteries together, by their capacity where all tell it."""
    load_w: float | None = None
    backup_w: float | None = None
    """Through the secured output."""
    room_w: float | None = None
    """What sun and battery could give at most."""
    tiers: tuple[bool | None, ...] = ()
    """Which load tiers are closed, from tier 1 on; None: its relay does not say."""
    values: Values = field(default_factory=dict)


def conditions(values: Values, *, tiers: int = 0) -> Conditions:
    """Conditions from what is fresh; ``tiers`` is how many the site has."""
    every = list(values.values())
    relays = {point: value for points in every for point, value in points.items() if point.startswith("tier")}
    closed = [relays.get(f"tier{n}.closed") for n in range(1, tiers + 1)]
    return Conditions(
        grid=grid_state(values),
        soc_pct=_soc_pct(every),
        load_w=values.get("site", {}).get("load.power_w"),
        backup_w=_sum(every, "backup.power_w"),
        room_w=_room_w(every),
        tiers=tuple(None if value is None else value == 1 for value in closed),
        values=values,
    )


def _soc_pct(devices: Iterable[Mapping[str, float]]) -> float | None:
    batteries = [points for points in devices if SOC in points]
    if not batteries:
        return None
    sizes = [points.get(CAPACITY, 0.0) for points in batteries]
    if not all(sizes):
        sizes = [1.0] * len(batteries)
    return sum(points[SOC] * size for points, size in zip(batteries, sizes, strict=True)) / sum(sizes)


def _room_w(devices: Iterable[Mapping[str, float]]) -> float | None:
    most = _sum(devices, "battery.max_discharge_power_w")
    return None if most is None else most + (_sum(devices, "pv.power_w") or 0.0)


def _sum(devices: Iterable[Mapping[str, float]], point: str) -> float | None:
    found = [points[point] for points in devices if point in points]
    return sum(found) if found else None
