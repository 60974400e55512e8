"""The site's own figures, derived from what its devices said in one tick.

One rule for the load, the plan's: ``load.power_w = pv.power_w + battery.power_w + grid.power_w``, summed over all
devices. On a hybrid inverter PV and battery are measured on the DC side, so this load holds the conversion loss; it is
what the sources really have to deliver, which is what an autonomy estimate must count with.

``balance.error_w = pv + battery - inverter`` is the difference to the other way of reckoning (inverter's AC terminal
plus grid): conversion loss plus the errors of the sensors. A wrong sign or a wrong scale shows here at once.

A bad input makes the derived value bad. It is never summed from what happens to be there, and never from an older tick.
One exception is physics: while the inverters say that they are islanded, a dark meter means zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from contract.readings import Quality, Reading

SITE_DEVICE: Final = "site"
LOAD: Final = "load.power_w"
ERROR: Final = "balance.error_w"
PV: Final = "pv.power_w"
BATTERY: Final = "battery.power_w"
GRID: Final = "grid.power_w"
INVERTER: Final = "inverter.power_w"
ISLANDED: Final = "inverter.islanded"
INPUTS: Final = frozenset({PV, BATTERY, GRID, INVERTER, ISLANDED})

ERROR_W_MIN: Final = 500.0
ERROR_SHARE_MAX: Final = 0.15
HYSTERESIS: Final = 0.7
POLLS: Final = 6
"""Polls in a row that must agree before the balance is called off, or right again."""

Values = Mapping[str, Mapping[str, float | None]]
"""Device → input point → its value in this tick; None when it is bad, or when the device did not answer."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Which device gives which input. Sources add up; the grid has one connection point."""

    pv: tuple[str, ...] = ()
    battery: tuple[str, ...] = ()
    inverter: tuple[str, ...] = ()
    islanded: tuple[str, ...] = ()
    grid: tuple[str, ...] = ()
    """In order of preference: meters first, then inverters that carry a meter's value along."""
    unknown: tuple[str, ...] = ()
    """Devices that nobody has met yet, so what they give is not known: no sum is complete without them."""

    @property
    def points(self) -> tuple[str, ...]:
        """The derived points that this plant can have."""
        load = (LOAD,) if self.grid or self.unknown else ()
        error = (ERROR,) if self.inverter and (self.pv or self.battery) else ()
        return load + error


def inputs_of(points: Mapping[str, Iterable[str] | None]) -> Inputs:
    """Sort the devices by what they give. ``points``: device → its points, None while they are not known."""
    known = {device: INPUTS.intersection(names) for device, names in points.items() if names is not None}

    def giving(point: str) -> tuple[str, ...]:
        return tuple(device for device, names in known.items() if point in names)

    grid = giving(GRID)
    inverters = giving(INVERTER)
    return Inputs(
        pv=giving(PV),
        battery=giving(BATTERY),
        inverter=inverters,
        islanded=giving(ISLANDED),
        grid=(*(d for d in grid if d not in inverters), *(d for d in grid if d in inverters)),
        unknown=tuple(device for device, names in points.items() if names is None),
    )


def _sum(values: Values, devices: Sequence[str], point: str) -> float | None:
    total = 0.0
    for device in devices:
        value = values.get(device, {}).get(point)
        if value is None:
            return None
        total += value
    return total


def is_islanded(inputs: Inputs, values: Values) -> bool | None:
    """Whether the grid is gone, by the word of the inverters that answer. None when they do not say, or disagree."""
    said = {values.get(device, {}).get(ISLANDED) for device in inputs.islanded} - {None}
    if said == {1.0}:
        return True
    return False if said == {0.0} else None


def _grid(inputs: Inputs, values: Values) -> float | None:
    for device in inputs.grid:
        value = values.get(device, {}).get(GRID)
        if value is not None:
            return value
    return 0.0 if is_islanded(inputs, values) else None


def derive(inputs: Inputs, values: Values) -> tuple[Reading, ...]:
    """The derived readings of one tick."""
    sources = None if inputs.unknown else _plus(_sum(values, inputs.pv, PV), _sum(values, inputs.battery, BATTERY))
    grid = _grid(inputs, values)
    derived = {LOAD: _plus(sources, grid), ERROR: _plus(sources, _negative(_sum(values, inputs.inverter, INVERTER)))}
    return tuple(_reading(point, derived[point]) for point in inputs.points)


def _plus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _negative(a: float | None) -> float | None:
    return None if a is None else -a


def _reading(point: str, value: float | None) -> Reading:
    return Reading(point, None, Quality.MISSING_INPUT) if value is None else Reading(point, value)


@dataclass(frozen=True, slots=True)
class BalanceWatch:
    """Whether the balance is right, with hysteresis. ``streak`` counts the polls that say otherwise."""

    is_off: bool = False
    streak: int = 0


def watch(state: BalanceWatch, error_w: float | None, through_w: float) -> tuple[BalanceWatch, bool]:
    """Take in one poll; true when the verdict changed. A missing error says nothing either way.

    ``through_w`` is the power that goes through the inverters, so that a big plant may be off by more.
    """
    if error_w is None:
        return state, False
    limit_w = max(ERROR_W_MIN, ERROR_SHARE_MAX * abs(through_w))
    disagrees = abs(error_w) < HYSTERESIS * limit_w if state.is_off else abs(error_w) > limit_w
    if not disagrees:
        return replace(state, streak=0), False
    if state.streak + 1 < POLLS:
        return replace(state, streak=state.streak + 1), False
    return BalanceWatch(is_off=not state.is_off), True


@dataclass(frozen=True, slots=True)
class GridWatch:
    """Whether the grid is there. None until an inverter has said so: unknown is never islanded."""

    islanded: bool | None = field(default=None)


def watch_grid(state: GridWatch, said: bool | None) -> tuple[GridWatch, bool]:
    """Take in one poll; true when the grid was lost or came back. At the start only a lost grid is news."""
    if said is None or said is state.islanded:
        return state, False
    return GridWatch(said), said or state.islanded is not None
