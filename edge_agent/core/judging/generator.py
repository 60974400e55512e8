"""The PV generator: dark at night, no more than the sun gives, every string at work."""

from __future__ import annotations

from statistics import median
from typing import Final

from contract.points import TRACKERS_MAX
from edge_agent.core.judging.finding import Finding, Judged, found, judged, not_judged
from edge_agent.core.judging.powers import PV
from edge_agent.core.judging.series import Series, listed, mostly
from edge_agent.core.judging.sun import elevations_deg, most_w_per_m2

NIGHT_DEG: Final = -6.0
NIGHT_W_MAX: Final = 100.0
_DAY_DEG: Final = 20.0
_TRACKER_A_MIN: Final = 1.0
"""What a working string carries at least while another one is judged by it."""
_NOTHING_A: Final = 0.15
_ALIVE_SHARE: Final = 0.4
_PV_W_MIN: Final = 500.0
_VI_TOLERANCE: Final = 0.25
"""Makers round currents to 0.1 A, and take them at other moments than the power."""


def judge_generator(series: Series) -> list[Judged]:
    """Every device with a generator."""
    result: list[Judged] = []
    for device in series.givers(PV):
        result += [_sun(series, device), _strings(series, device), _product(series, device)]
    return result


def _sun(series: Series, device: str) -> Judged:
    watts = series.typical(device, PV)
    if watts is None:
        return not_judged("pv_sun", device, "no_value", points=PV)
    at_s = series.samples[-1].at_s
    low, high = elevations_deg(at_s, series.place)
    facts: dict[str, str | float]
    if high < NIGHT_DEG:
        facts = {"shown": round(watts), "elevation": round(high)}
        return judged("pv_sun", device, [found("pv_at_night", device, **facts)] if watts > NIGHT_W_MAX else [])
    rated = series.place.pv_rated_w
    if rated is not None:
        most = rated * most_w_per_m2(high) / 1_000
        if watts > max(most, NIGHT_W_MAX):
            facts = {
                "shown": round(watts),
                "most": round(most),
                "elevation": round(high),
                "rated": round(rated),
            }
            return judged("pv_sun", device, [found("pv_too_high", device, **facts)])
    if low > _DAY_DEG and not any(value for _, value in series.track(device, PV)):
        return judged("pv_sun", device, [found("pv_dark", device, elevation=round(low))])
    if rated is None:
        return not_judged("pv_sun", device, "pv_size_unknown")
    return judged("pv_sun", device, ())


def _trackers(series: Series, device: str) -> list[str]:
    names = (f"pv{number}" for number in range(1, TRACKERS_MAX + 1))
    wanted = ("voltage_v", "current_a")
    return [name for name in names if all(series.typical(device, f"{name}.{what}") is not None for what in wanted)]


def _strings(series: Series, device: str) -> Judged:
    trackers = _trackers(series, device)
    if len(trackers) < 2:
        return not_judged("strings", device, "one_string")
    amperes = {name: series.typical(device, f"{name}.current_a") or 0.0 for name in trackers}
    volts = {name: series.typical(device, f"{name}.voltage_v") or 0.0 for name in trackers}
    working = [name for name in trackers if amperes[name] >= _TRACKER_A_MIN]
    if not working:
        return not_judged("strings", device, "too_dark")
    usual_v = median(volts[name] for name in working)
    silent = [
        name
        for name in trackers
        if mostly(series.together(device, f"{name}.current_a"), lambda r: abs(r[0]) <= _NOTHING_A)
    ]
    dead = [name for name in silent if volts[name] > _ALIVE_SHARE * usual_v]
    unused = [name for name in silent if name not in dead]
    findings: list[Finding] = []
    for name in dead:
        facts: dict[str, str | float] = {"point": f"{name}.current_a", "volts": volts[name], "others": listed(working)}
        findings.append(found("dead_string", device, **facts))
    if unused:
        findings.append(found("tracker_unused", device, points=listed(unused)))
    return judged("strings", device, findings)


def _product(series: Series, device: str) -> Judged:
    """Power against the voltage and current of the strings."""
    trackers = _trackers(series, device)
    parts = [f"{name}.{what}" for name in trackers for what in ("voltage_v", "current_a")]
    rows = [row for row in series.together(device, PV, *parts) if _product_of(row) >= _PV_W_MIN]
    if not trackers:
        return not_judged("pv_power", device, "no_point", points="pv1.current_a")
    if not rows:
        return not_judged("pv_power", device, "too_dark")
    # Strings in parallel show one current; a family may also list some of its inputs only: then the power is larger.
    ratio = median(row[0] / max(_product_of(row), 1.0) for row in rows)
    if 1 - _VI_TOLERANCE < ratio < 3.0:
        return judged("pv_power", device, ())
    shown = median(row[0] for row in rows)
    product = median(_product_of(row) for row in rows)
    if ratio < 0 and abs(-ratio - 1) < _VI_TOLERANCE:
        return judged("pv_power", device, [found("pv_sign", device, point=PV, how="×-1", shown=shown, likely=-shown)])
    facts: dict[str, str | float] = {
        "point": PV,
        "shown": round(shown),
        "likely": round(product),
        "how": f"×{ratio:.2g}",
    }
    return judged("pv_power", device, [found("pv_scale", device, **facts)])


def _product_of(row: tuple[float, ...]) -> float:
    return sum(volts * amperes for volts, amperes in zip(row[1::2], row[2::2], strict=True))
