"""All judgements over one watch, and what remains of them when one finding explains another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from edge_agent.core.judging.battery import judge_battery
from edge_agent.core.judging.clock import judge_clocks, judge_frozen
from edge_agent.core.judging.counters import judge_counters
from edge_agent.core.judging.finding import Finding, Judged, Result, after_one_look
from edge_agent.core.judging.generator import judge_generator
from edge_agent.core.judging.meter import judge_meters
from edge_agent.core.judging.powers import judge_balance
from edge_agent.core.judging.series import Series
from edge_agent.core.judging.views import judge_views

JUDGES: Final[tuple[Callable[[Series], list[Judged]], ...]] = (
    judge_balance,
    judge_battery,
    judge_generator,
    judge_meters,
    judge_views,
    judge_counters,
    judge_clocks,
    judge_frozen,
)
_OF_SOURCES: Final = frozenset(
    {
        "battery_sign",
        "battery_scale",
        "pv_scale",
        "pv_sign",
        "inverter_sign",
        "inverter_scale",
        "balance_off",
        "signedness",
    }
)
"""With one of these the powers do not add up, so the load says nothing of the meter."""
_METER_ORDER: Final = ("crossed_phases", "one_ct_turned", "ct_ratio", "swapped_ct", "load_negative")
"""Mistakes of a meter, the most special first: it explains the others."""
_EXPLAINED_BY: Final = {
    "swapped_counters": ("swapped_ct", "one_ct_turned", "crossed_phases"),
    "counter_scale": ("one_ct_turned", "crossed_phases", "pv_scale", "battery_scale", "ct_ratio"),
    "counters_stand": ("frozen", "one_ct_turned", "crossed_phases", "pv_scale", "battery_scale", "pv_at_night"),
    "battery_state": ("battery_sign",),
    "soc_stands": ("frozen", "battery_scale", "soc_scale"),
    "meters_differ": ("crossed_phases", "one_ct_turned", "ct_ratio", "swapped_ct", "frozen"),
    "phase_power": ("crossed_phases", "ct_ratio"),
    "battery_current": ("battery_scale", "battery_sign"),
    "battery_product": ("battery_scale",),
    "battery_voltage": ("battery_scale",),
    "pv_too_high": ("pv_scale",),
}


def judge(series: Series) -> list[Judged]:
    """Everything that can be judged of a watch."""
    if not series.samples:
        return []
    every = [each for of_topic in JUDGES for each in of_topic(series)]
    if len(series.samples) < 2:
        every = [replace(each, findings=tuple(map(after_one_look, each.findings))) for each in every]
    return settle(every)


def settle(every: Iterable[Judged]) -> list[Judged]:
    """Leave out what another finding explains, and what is said twice."""
    given = list(every)
    findings = [finding for each in given for finding in each.findings]
    kinds = {finding.kind for finding in findings}
    of_device = {(finding.device, finding.kind) for finding in findings}
    said: set[tuple[str, str, object]] = set()

    def stays(finding: Finding) -> bool:
        kind = finding.kind
        if (
            kind in ("swapped_ct", "load_negative")
            and finding.facts.get("seen", "load") == "load"
            and kinds & _OF_SOURCES
        ):
            return False
        if kind == "one_ct_turned" and finding.facts.get("seen") == "load" and kinds & _OF_SOURCES:
            return False
        if kind in _METER_ORDER:
            before = _METER_ORDER[: _METER_ORDER.index(kind)]
            if any((finding.device, other) in of_device for other in before):
                return False
        if any((finding.device, cause) in of_device for cause in _EXPLAINED_BY.get(kind, ())):
            return False
        key = (finding.device, kind, finding.facts.get("point"))
        if key in said:
            return False
        said.add(key)
        return True

    kept: list[Judged] = []
    for each in given:
        left = tuple(finding for finding in each.findings if stays(finding))
        verdict = each.verdict
        if len(left) < len(each.findings) and verdict.result is Result.FAILED and not left:
            verdict = replace(verdict, why="explained")
        kept.append(Judged(verdict, left))
    return kept
