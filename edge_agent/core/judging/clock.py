"""A device's own clock against this machine's, and values that never change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contract.points import POINTS, Kind
from edge_agent.core.judging.bounds import CLOCK
from edge_agent.core.judging.finding import Judged, found, judged, not_judged
from edge_agent.core.judging.series import Series

OFF_S_MAX: Final = 120.0
_NEAR_S: Final = 600.0
_DAY_S: Final = 86_400.0
_UTC_S: Final = -9 * 3_600.0
_UNSET_S: Final = 1_577_836_800.0
"""2020-01-01: no device of these families was put up with an earlier clock."""
FROZEN_SAMPLES_MIN: Final = 6
_FROZEN_S: Final = 600.0
_FINE_READS_MIN: Final = 12
_COARSE_HZ: Final = 1e-3
_HERTZ_MOVED: Final = 0.015
_OTHER_W: Final = 30.0
_OTHER_SHARE: Final = 0.02
_LIVE_MIN: Final = 4
_LIVE: Final = ("power_w", "_current_a", "frequency_hz", "_voltage_v", ".voltage_v", "reactive_power_var")
"""What moves in a working plant, if only in its last digit."""


def judge_clocks(series: Series) -> list[Judged]:
    """Every device that tells the time."""
    result: list[Judged] = []
    for device in series.givers(CLOCK):
        track = series.track(device, CLOCK)
        if not track:
            result.append(not_judged("clock", device, "no_value", points=CLOCK))
            continue
        at_s, clock_s = track[0]
        off_s = clock_s - at_s
        if abs(off_s) <= OFF_S_MAX:
            result.append(judged("clock", device, ()))
            continue
        seen = _seen(off_s, clock_s)
        facts: dict[str, str | float] = {
            "seen": seen,
            "minutes": off_s / 60,
            "hours": off_s / 3_600,
            "days": off_s / _DAY_S,
        }
        result.append(judged("clock", device, [found("clock_off", device, **facts)]))
    return result


def _seen(off_s: float, clock_s: float) -> str:
    if clock_s < _UNSET_S:
        return "unset"
    if abs(off_s - _UTC_S) < _NEAR_S:
        return "utc"
    if abs(off_s - round(off_s / _DAY_S) * _DAY_S) < _NEAR_S and abs(off_s) > _DAY_S / 2:
        return "days"
    return "hours" if abs(off_s) > 5_400 else "minutes"


def judge_frozen(series: Series) -> list[Judged]:
    """Every device with enough of what always moves."""
    result: list[Judged] = []
    for device, points in series.points.items():
        live = {
            point: {value for _, value in series.track(device, point)}
            for point in points
            if point.endswith(_LIVE) and ".max_" not in point and POINTS[point].kind is Kind.GAUGE
        }
        moving = {point: values for point, values in live.items() if values - {0.0}}
        flowing = [point for point in moving if point.endswith(("power_w", "current_a", "frequency_hz"))]
        if len(points) < _LIVE_MIN or not live:
            continue
        counted = max((len(series.track(device, point)) for point in moving), default=0)
        if len(moving) < _LIVE_MIN or len(flowing) < 2:
            result.append(not_judged("frozen", device, "nothing_flows"))
        elif counted < FROZEN_SAMPLES_MIN:
            result.append(not_judged("frozen", device, "few_reads", wanted=str(FROZEN_SAMPLES_MIN)))
        else:
            stands = all(len(values) == 1 for values in moving.values())
            if stands and not _is_proven(series, device, moving):
                result.append(not_judged("frozen", device, "nothing_moves"))
                continue
            facts: dict[str, str | float] = {"points": len(moving), "seconds": round(series.span_s), "reads": counted}
            result.append(judged("frozen", device, [found("frozen", device, **facts)] if stands else []))
    return result


def _is_proven(series: Series, device: str, moving: Mapping[str, set[float]]) -> bool:
    """Whether standing still is odd: a frequency is told finely, another device saw change, or it lasts too long."""
    if series.span_s >= _FROZEN_S:
        return True
    for point, values in moving.items():
        if point.endswith("frequency_hz"):
            hertz = next(iter(values))
            is_fine = abs(hertz * 10 - round(hertz * 10)) > _COARSE_HZ
            if _hertz_moved(series, device) or (is_fine and len(series.track(device, point)) >= _FINE_READS_MIN):
                return True
        for other in series.givers(point):
            seen = [value for _, value in series.track(other, point)] if other != device else []
            if seen and point.endswith("power_w") and max(seen) - min(seen) > _OTHER_W + _OTHER_SHARE * abs(seen[0]):
                return True
    return False


def _hertz_moved(series: Series, device: str) -> bool:
    """Whether another device saw the mains' frequency move by more than a digit."""
    for other, points in series.points.items():
        for point in points:
            if other != device and point.endswith("frequency_hz"):
                seen = [value for _, value in series.track(other, point)]
                if seen and max(seen) - min(seen) > _HERTZ_MOVED:
                    return True
    return False
