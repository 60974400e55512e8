"""Stretches of a watch in which a power kept its direction, and what a counter did in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from edge_agent.core.judging.series import Series

STEADY_RATIO_MAX: Final = 3.0
"""Two neighbouring powers further apart than this: what happened between them is not known."""
GAP_S_MAX: Final = 120.0
"""Between two samples further apart anything may have happened."""
_NOTHING_W: Final = 20.0
FLOAT_STEP: Final = 2.0**-23
"""Relative step of a 32-bit float: a counter kept in one moves coarsely when it has grown."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch with one direction of power."""

    energy_wh: float
    """Integral of the power, with its sign."""
    first: float
    """The counter at its beginning."""
    moved: float
    """What the counter gained."""
    hours: float
    steps: int = 1
    """Between so many neighbouring samples."""
    rises: int = 0
    """How often the counter was seen to have gained."""


def steady_runs(series: Series, device: str, power: str, counter: str, *, of: str = "") -> list[Run]:
    """The stretches of a power and a counter of one device (the power may be another device's: ``of``)."""
    rows: list[tuple[float, float, float]] = []
    for sample in series.samples:
        watts = sample.values.get(of or device, {}).get(power)
        count = sample.values.get(device, {}).get(counter)
        if watts is not None and count is not None:
            rows.append((sample.at_s, watts, count))
    runs: list[Run] = []
    current: Run | None = None
    for (at_s, watts, count), (then_s, later_w, later) in pairwise(rows):
        if then_s - at_s > GAP_S_MAX or not _is_steady(watts, later_w):
            current = None
            continue
        hours = (then_s - at_s) / 3600
        energy = (watts + later_w) / 2 * hours
        if current is None:
            current = Run(energy, count, later - count, hours, 1, int(later > count))
            runs.append(current)
        else:
            current = Run(
                current.energy_wh + energy,
                current.first,
                current.moved + later - count,
                current.hours + hours,
                current.steps + 1,
                current.rises + (later > count),
            )
            runs[-1] = current
    return runs


def _is_steady(one: float, other: float) -> bool:
    if one * other <= 0:
        return False
    low, high = sorted((abs(one), abs(other)))
    return low > _NOTHING_W and high <= STEADY_RATIO_MAX * low


def resolution(values: Iterable[float]) -> float:
    """The coarsest step a counter may have: the greatest power of ten that divides all values, or a float's own."""
    whole = [round(value) for value in values]
    step = 1.0
    while step < 100_000 and all(value % (step * 10) == 0 for value in whole):
        step *= 10
    return max(step, *(abs(value) * FLOAT_STEP for value in whole)) if whole else step
