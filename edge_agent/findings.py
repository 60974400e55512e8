"""What a check means: findings with their place, from what was seen. Pure; the words for them are in says.py."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contract.points import POINTS, Kind
from contract.readings import Quality
from edge_agent.core.judging.bounds import is_implausible
from edge_agent.core.judging.finding import (
    Facts,
    Finding,
    Judged,
    Result,
    Severity,
    Verdict,
    found,
    judged,
    not_judged,
)
from edge_agent.core.judging.meter import LOAD_W_MIN
from edge_agent.core.judging.powers import limit_w
from edge_agent.words import tokyo_time

__all__ = [
    "Balance",
    "Facts",
    "Finding",
    "PointSeen",
    "Result",
    "Severity",
    "Verdict",
    "balance_of",
    "balanced_across",
    "implausible",
    "look_at_points",
    "merged",
    "time_given",
]


@dataclass(frozen=True, slots=True)
class PointSeen:
    """One point as it was read."""

    point: str
    value: float | None
    unit: str
    quality: str
    register: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The site's powers and whether they agree. None: not known, because an input is missing or not there."""

    pv_w: float | None
    battery_w: float | None
    grid_w: float | None
    load_w: float | None
    inverter_w: float | None
    error_w: float | None
    """PV and battery less the inverter's AC terminal."""
    limit_w: float | None
    verdict: str
    """ok, off, load_negative, ct_turned or unknown."""


SUSPECT_POINTS_MIN: Final = 3
SUSPECT_SHARE: Final = 0.5
ZERO_POINTS_MIN: Final = 5


def implausible(point: PointSeen) -> bool:
    """Whether no working device of the family would show this."""
    return is_implausible(point.point, point.value, point.quality)


def look_at_points(device: str, profile: str, points: Sequence[PointSeen], others: Collection[str]) -> list[Finding]:
    """Whether the values of a device that answers fit its profile. ``others``: profiles that could be tried."""
    wrong = [point for point in points if implausible(point)]
    counted = sum(point.quality != Quality.NOT_AVAILABLE for point in points)
    if len(wrong) >= min(SUSPECT_POINTS_MIN, counted) > 0 and len(wrong) >= SUSPECT_SHARE * counted:
        facts: dict[str, str | float] = {"profile": profile, "wrong": len(wrong), "points": len(points)}
        return [found("wrong_profile", device, **facts, others=", ".join(others))]
    gauges = [p.value for p in points if p.value is not None and POINTS[p.point].kind is not Kind.STATE]
    if len(gauges) >= ZERO_POINTS_MIN and not any(gauges):
        return [found("all_zero", device, profile=profile, points=len(gauges), others=", ".join(others))]
    bad = [point.point for point in points if point.value is None or implausible(point)]
    if bad:
        names = ", ".join(bad[:3]) + (" …" if len(bad) > 3 else "")
        return [found("some_bad", device, bad=len(bad), points=len(points), names=names)]
    return []


def balance_of(values: Mapping[str, float | None], *, known: Collection[str]) -> Balance:
    """The balance. ``values``: the site's sums by point; ``known``: points that the plant has at all."""
    load, error, inverter = (values.get(p) for p in ("load.power_w", "balance.error_w", "inverter.power_w"))
    limit = None if inverter is None else limit_w(inverter)
    if load is not None and load < -LOAD_W_MIN:
        verdict = "load_negative"
    elif error is not None and limit is not None:
        verdict = "ok" if abs(error) <= limit else "off"
    else:
        # Without an inverter there is nothing to compare with; a load that is known and positive is all there is.
        verdict = "ok" if load is not None and "balance.error_w" not in known else "unknown"
    return Balance(
        pv_w=values.get("pv.power_w"),
        battery_w=values.get("battery.power_w"),
        grid_w=values.get("grid.power_w"),
        load_w=load,
        inverter_w=inverter,
        error_w=error,
        limit_w=limit,
        verdict=verdict,
    )


_EXPLAIN: Final = ("pv_", "battery_", "inverter_", "wrong_", "swapped_words", "swapped_bytes", "off_by_one")


def balanced_across(every: Sequence[Judged], agreed: Balance) -> list[Judged]:
    """The same with the balance of a plant whose generator, battery and inverter are told by different devices."""
    alone = [each for each in every if each.verdict.kind == "balance"]
    if agreed.error_w is None or agreed.limit_w is None or any(each.verdict.why != "no_inverter" for each in alone):
        return list(every)
    rest = [each for each in every if each not in alone]
    if abs(agreed.error_w) <= agreed.limit_w:
        return [*rest, judged("balance", "", [])]
    if any(f.kind.startswith(_EXPLAIN) and f.severity is not Severity.NOTE for each in rest for f in each.findings):
        return [*rest, not_judged("balance", "", "explained")]
    off = found("balance_off", "", error_w=abs(agreed.error_w), limit_w=agreed.limit_w)
    return [*rest, judged("balance", "", [off])]


_OF_A_LINE: Final = ("dark_unreachable", "dark_no_port")


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """What holds for a whole line is said once, with all of its devices."""
    kept: list[Finding] = []
    for finding in findings:
        last = kept[-1] if kept else None
        is_same = last is not None and finding.kind == last.kind and finding.kind in _OF_A_LINE
        if last is not None and is_same and finding.facts["address"] == last.facts["address"]:
            kept[-1] = Finding(last.kind, last.severity, f"{last.device}, {finding.device}", last.facts)
        else:
            kept.append(finding)
    return kept


def time_given(given_s: float, severity: Severity = Severity.NOTE) -> Finding:
    """That everything was judged by this moment (UTC seconds) and not by the real one."""
    return Finding("time_given", severity, facts={"shown": tokyo_time(given_s)})
