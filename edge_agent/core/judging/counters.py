"""Energy counters against the powers that they count: direction, rate, and whether they move at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from edge_agent.core.judging.finding import Finding, Judged, found, judged, not_judged
from edge_agent.core.judging.powers import battery_sign_holds
from edge_agent.core.judging.runs import Run, resolution, steady_runs
from edge_agent.core.judging.series import Series

KIND: Final = "counters"
_STEPS_MIN: Final = 4
"""So many of its own steps a counter should have made before it is judged."""
_SAMPLES_MIN: Final = 3
"""Steps between samples in one direction: in a single one the power may have been another meanwhile."""
_RISES_MIN: Final = 3
_STANDS: Final = 0.2
_MOVES: Final = 0.5
_RATE_MAX: Final = 4.0


@dataclass(frozen=True, slots=True)
class Counted:
    """A power and what counts it, in its own direction and against it."""

    power: str
    forward: str
    backward: str = ""


COUNTED: Final = (
    Counted("pv.power_w", "pv.energy_wh"),
    Counted("battery.power_w", "battery.discharge_energy_wh", "battery.charge_energy_wh"),
    Counted("grid.power_w", "grid.import_energy_wh", "grid.export_energy_wh"),
    Counted("load.power_w", "load.energy_wh"),
)


def judge_counters(series: Series) -> list[Judged]:
    """Every device that counts energy."""
    result: list[Judged] = []
    for device, points in series.points.items():
        here = [each for each in COUNTED if each.power in points and {each.forward, each.backward} & points]
        if not here:
            continue
        findings: list[Finding] = []
        wanted: list[float] = []
        was_judged = False
        for counted in here:
            told = _judge(series, device, counted)
            if isinstance(told, float):
                wanted.append(told)
            else:
                was_judged = True
                findings += told
        findings += _falling(series, device, points)
        if was_judged or findings:
            result.append(judged(KIND, device, _once(findings)))
        else:
            step = min(wanted, default=0.0)
            result.append(not_judged(KIND, device, "watch_short", wanted=f"{_STEPS_MIN * step:,.0f} Wh"))
    return result


def _judge(series: Series, device: str, counted: Counted) -> list[Finding] | float:
    """The findings of one power's counters; the coarsest step when too little has flowed to say."""
    run = _longest(steady_runs(series, device, counted.power, counted.forward))
    back = _longest(steady_runs(series, device, counted.power, counted.backward)) if counted.backward else None
    reference = run or back
    if reference is None:
        return _step(series, device, counted.forward)
    is_forward = reference.energy_wh > 0
    right, wrong = (run, back) if is_forward else (back, run)
    name, other = (counted.forward, counted.backward) if is_forward else (counted.backward, counted.forward)
    expected = abs(reference.energy_wh)
    step = _step(series, device, name)
    # A counter that was seen to gain several times is finer than its round numbers say.
    if right is None or right.steps < _SAMPLES_MIN or (expected < _STEPS_MIN * step and right.rises < _RISES_MIN):
        return step
    facts: dict[str, str | float] = {
        "point": name,
        "power": counted.power,
        "expected_wh": round(expected),
        "moved_wh": round(right.moved),
    }
    if right.moved < _STANDS * expected:
        if wrong is not None and wrong.moved > _MOVES * expected:
            return [_turned(series, device, counted, facts | {"other": other})]
        return [found("counters_stand", device, **facts)]
    rate = right.moved / expected
    if not 1 / _RATE_MAX < rate < _RATE_MAX:
        return [found("counter_scale", device, **facts, how=f"×{rate:.2g}")]
    return []


def _turned(series: Series, device: str, counted: Counted, facts: dict[str, str | float]) -> Finding:
    if counted.power == "battery.power_w" and not battery_sign_holds(series, device):
        shown = series.typical(device, counted.power) or 0.0
        return found("battery_sign", device, point=counted.power, shown=round(shown), likely=round(-shown))
    return found("swapped_counters", device, **facts)


def _longest(runs: Iterable[Run]) -> Run | None:
    return max(runs, key=lambda run: abs(run.energy_wh), default=None)


def _step(series: Series, device: str, counter: str) -> float:
    return resolution(value for _, value in series.track(device, counter))


def _falling(series: Series, device: str, points: Iterable[str]) -> list[Finding]:
    result: list[Finding] = []
    for point in sorted(point for point in points if point.endswith("energy_wh")):
        values = [value for _, value in series.track(device, point)]
        for before, after in pairwise(values):
            if after < before:
                result.append(found("counter_falls", device, point=point, before=round(before), after=round(after)))
                break
    return result


def _once(findings: list[Finding]) -> list[Finding]:
    """Counters that all stand are one finding, which names the first."""
    kept: dict[str, Finding] = {}
    for finding in findings:
        kept.setdefault(f"{finding.kind} {'' if finding.kind == 'counters_stand' else finding.facts['point']}", finding)
    return list(kept.values())
