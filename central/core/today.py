"""Energy since midnight in Tokyo, from the mean powers of five-minute steps. Pure.

Steps are finer than what a battery or the grid connection takes to turn around, so import and export, charge and
discharge do not cancel out. A step that lacks a value adds nothing; how many steps were known is counted beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from central.core.city import Sample

STEP_MS: Final = 300_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
TOKYO_OFFSET_MS: Final = 9 * HOUR_MS
SETTLE_MS: Final = 2 * HOUR_MS
"""So long a step without a value is asked for again: a shelter that was cut off sends it later."""
WHOLE: Final = 0.95
"""Part of the day's steps that have to be known for a shelter to count as complete."""


class Power(StrEnum):
    """A power that is added up; the value is its point."""

    PV = "pv.power_w"
    LOAD = "load.power_w"
    GRID = "grid.power_w"
    BATTERY = "battery.power_w"


class Flow(StrEnum):
    """One direction of a power."""

    PV = "pv"
    LOAD = "load"
    IMPORT = "import"
    EXPORT = "export"
    CHARGE = "charge"
    DISCHARGE = "discharge"


_FLOWS: Final[Mapping[Power, tuple[Flow, Flow | None]]] = {
    Power.PV: (Flow.PV, None),
    Power.LOAD: (Flow.LOAD, None),
    Power.GRID: (Flow.IMPORT, Flow.EXPORT),
    Power.BATTERY: (Flow.DISCHARGE, Flow.CHARGE),
}
"""Where positive and negative power go. A generator that takes a little at night has generated nothing."""

Lines = Mapping[Power, Sequence[Sequence[Sample]]]
"""Power → one line of step means for each device that has a share in it."""


@dataclass(frozen=True, slots=True)
class DaySum:
    """What one shelter's steps add up to."""

    wh: Mapping[Flow, float] = field(default_factory=dict)
    steps: Mapping[Power, int] = field(default_factory=dict)
    """Steps in which the power was known."""

    def __add__(self, other: DaySum) -> DaySum:
        """Both together."""
        return DaySum(
            {flow: self.wh.get(flow, 0.0) + other.wh.get(flow, 0.0) for flow in {*self.wh, *other.wh}},
            {power: self.steps.get(power, 0) + other.steps.get(power, 0) for power in {*self.steps, *other.steps}},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyToday:
    """All shelters' energy since midnight. ``complete``: of how many the power was known nearly all of the time."""

    from_ms: int
    at_ms: int
    sites: int
    wh: Mapping[Flow, float]
    complete: Mapping[Power, int]

    def known_wh(self, flow: Flow) -> float | None:
        """Energy of a flow; ``None``: nobody told of it today."""
        return self.wh.get(flow)


def midnight_ms(at_ms: int) -> int:
    """The midnight in Tokyo that began the day."""
    return at_ms - (at_ms + TOKYO_OFFSET_MS) % DAY_MS


def step_of(at_ms: int) -> int:
    """The beginning of a moment's step."""
    return at_ms - at_ms % STEP_MS


def add_steps(lines: Lines, *, from_ms: int, to_ms: int) -> DaySum:
    """Add up whole steps from ``from_ms`` on; the last one counts as far as it has gone by ``to_ms``."""
    wh: dict[Flow, float] = {}
    steps: dict[Power, int] = {}
    for power, devices in lines.items():
        known = _totals(devices)
        for at_ms in range(from_ms, to_ms, STEP_MS):
            watts = known.get(at_ms)
            if watts is None:
                continue
            steps[power] = steps.get(power, 0) + 1
            more, less = _FLOWS[power]
            hours = min(STEP_MS, to_ms - at_ms) / HOUR_MS
            wh[more] = wh.get(more, 0.0) + max(watts, 0.0) * hours
            if less is not None:
                wh[less] = wh.get(less, 0.0) + max(-watts, 0.0) * hours
    return DaySum(wh, steps)


def settled_ms(lines: Lines, *, from_ms: int, now_ms: int) -> int:
    """Up to which step nothing will change any more: every power is known, or was waited for long enough.

    Of a shelter that was never heard nothing is settled: its day may come all at once.
    """
    known = [_totals(devices) for devices in lines.values() if devices]
    if not known:
        return from_ms
    at_ms = from_ms
    while at_ms + STEP_MS <= now_ms and (
        at_ms + SETTLE_MS <= now_ms or all(line.get(at_ms) is not None for line in known)
    ):
        at_ms += STEP_MS
    return at_ms


def _totals(devices: Sequence[Sequence[Sample]]) -> dict[int, float | None]:
    """Step → sum over all devices; not known where one of them is not."""
    found: dict[int, float | None] = {}
    counted: dict[int, int] = {}
    for line in devices:
        for sample in line:
            if sample.value is not None:
                found[sample.at_ms] = (found.get(sample.at_ms) or 0.0) + sample.value
                counted[sample.at_ms] = counted.get(sample.at_ms, 0) + 1
    return {at_ms: watts for at_ms, watts in found.items() if counted[at_ms] == len(devices)}


def all_shelters(sums: Iterable[DaySum], *, from_ms: int, at_ms: int) -> EnergyToday:
    """The city's day."""
    found = list(sums)
    whole = WHOLE * max(1, -(-(at_ms - from_ms) // STEP_MS))
    total = DaySum()
    for one in found:
        total += one
    return EnergyToday(
        from_ms=from_ms,
        at_ms=at_ms,
        sites=len(found),
        wh=total.wh,
        complete={power: sum(one.steps.get(power, 0) >= whole for one in found) for power in Power},
    )
