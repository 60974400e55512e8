"""The battery: direction, voltage, current and state of charge against each other and against time."""

from __future__ import annotations

from statistics import median
from typing import Final

from contract.points import BatteryState
from edge_agent.core.judging.finding import Finding, Judged, found, judged, not_judged
from edge_agent.core.judging.powers import BATTERY, battery_sign_holds
from edge_agent.core.judging.runs import Run, steady_runs
from edge_agent.core.judging.series import Row, Series, listed, mostly

SOC: Final = "battery.soc_pct"
VOLTAGE: Final = "battery.voltage_v"
CURRENT: Final = "battery.current_a"
STATE: Final = "battery.state"
RESERVE: Final = "battery.reserve_soc_pct"
CAPACITY: Final = "battery.capacity_wh"
DIRECTION_W_MIN: Final = 200.0
_VI_W_MIN: Final = 300.0
_VI_A_MIN: Final = 1.5
_VI_TOLERANCE: Final = 0.15
_SOC_LOW_PCT: Final = 10.0
"""A tenth of anything up to 100 % is no more than this."""
_SOC_HIGH_PCT: Final = 90.0
_UNDER_RESERVE_PCT: Final = 8.0
_SOC_MOVE_PCT_MIN: Final = 3.0

_LFP_V: Final = (2.5, 3.65)
_NMC_V: Final = (3.0, 4.25)
_LOW_VOLTAGE_CELLS: Final = range(13, 17)
_HIGH_VOLTAGE_CELLS: Final = range(24, 400)
"""Cells in a row: one 48 V pack, or a stack of modules."""


def fits_chemistry(voltage_v: float) -> bool:
    """Whether a whole number of lithium cells (iron phosphate or nickel manganese cobalt) can have this voltage."""
    return any(
        low * cells <= voltage_v <= high * cells
        for low, high in (_LFP_V, _NMC_V)
        for cells in (*_LOW_VOLTAGE_CELLS, *_HIGH_VOLTAGE_CELLS)
    )


def judge_battery(series: Series) -> list[Judged]:
    """Direction, voltage and state of charge of every battery."""
    result: list[Judged] = []
    for device in series.givers(BATTERY):
        if series.typical(device, BATTERY) is None:
            result += [not_judged(kind, device, "no_value", points=BATTERY) for kind in _KINDS]
            continue
        result += [_direction(series, device), _voltage(series, device), _charge(series, device)]
    return result


_KINDS: Final = ("battery_direction", "battery_voltage", "soc")


def _direction(series: Series, device: str) -> Judged:
    kind = "battery_direction"
    if STATE not in series.points[device]:
        return not_judged(kind, device, "no_point", points=STATE)
    rows = [row for row in series.together(device, BATTERY, STATE) if abs(row[0]) >= DIRECTION_W_MIN]
    told = [row for row in rows if int(row[1]) in (BatteryState.CHARGING, BatteryState.DISCHARGING)]
    if not told:
        if rows and battery_sign_holds(series, device):
            return judged(kind, device, ())
        return not_judged(kind, device, "state_silent" if rows else "battery_idle", limit_w=DIRECTION_W_MIN)

    def opposes(row: Row) -> bool:
        return (row[0] > 0) is (int(row[1]) == BatteryState.CHARGING)

    if not mostly(told, opposes):
        return judged(kind, device, ())
    shown = round(median(row[0] for row in told))
    if battery_sign_holds(series, device):
        return judged(kind, device, [found("battery_state", device, shown=shown, state=int(told[-1][1]))])
    return judged(kind, device, [found("battery_sign", device, **turned(shown))])


def _voltage(series: Series, device: str) -> Judged:
    kind = "battery_voltage"
    volts = series.typical(device, VOLTAGE)
    if volts is None:
        return not_judged(kind, device, "no_point", points=VOLTAGE)
    if volts and not fits_chemistry(volts):
        return judged(kind, device, [found(kind, device, point=VOLTAGE, shown=volts, likely=_tenfold(volts))])
    rows = [
        row
        for row in series.together(device, BATTERY, VOLTAGE, CURRENT)
        if abs(row[0]) >= _VI_W_MIN and row[1] and row[2] and max(abs(row[2]), abs(row[0] / row[1])) >= _VI_A_MIN
    ]
    if not rows:
        why = "battery_idle" if CURRENT in series.points[device] else "no_point"
        return not_judged(kind, device, why, limit_w=_VI_W_MIN, points=CURRENT)
    if mostly(rows, lambda row: row[0] * row[2] < 0):
        facts: dict[str, str | float] = {
            "point": CURRENT,
            "shown": median(r[2] for r in rows),
            "likely": -median(r[2] for r in rows),
        }
        return judged(kind, device, [found("battery_current", device, **facts)])
    if not mostly(rows, lambda row: abs(row[1] * row[2] / row[0] - 1) > _VI_TOLERANCE):
        return judged(kind, device, ())
    return judged(kind, device, [_power_is_not_v_times_i(series, device, rows)])


def _power_is_not_v_times_i(series: Series, device: str, rows: list[Row]) -> Finding:
    ratio = median(row[1] * row[2] / row[0] for row in rows)
    power, volts, amperes = (median(row[n] for row in rows) for n in range(3))
    # A current that is ten times off is a scale; a voltage that is a quarter off is a module that is missing.
    if 0.3 < ratio < 3 or not fits_chemistry(volts):
        return found("battery_voltage", device, point=VOLTAGE, shown=volts, likely=round(volts / ratio, 1))
    if not fits_chemistry(volts / ratio):
        return found("battery_current", device, point=CURRENT, shown=amperes, likely=round(power / volts, 1))
    doubtful = [VOLTAGE, CURRENT] if battery_sign_holds(series, device) else [BATTERY, VOLTAGE, CURRENT]
    return found("battery_product", device, point=listed(doubtful), ratio=ratio)


def _tenfold(volts: float) -> float:
    return next((round(v, 1) for v in (volts * 10, volts / 10, volts * 100, volts / 100) if fits_chemistry(v)), volts)


def _charge(series: Series, device: str) -> Judged:
    soc = series.typical(device, SOC)
    if soc is None:
        return not_judged("soc", device, "no_value", points=SOC)
    contradiction = _too_low_to_be_true(series, device, soc)
    if contradiction is not None:
        return judged("soc", device, [contradiction])
    capacity = series.last(device, CAPACITY)
    run = max(steady_runs(series, device, BATTERY, SOC), key=lambda each: abs(each.energy_wh), default=None)
    if capacity is None or not capacity:
        return not_judged("soc", device, "no_point", points=CAPACITY)
    expected = 0.0 if run is None else -run.energy_wh / capacity * 100
    # Near its upper end a battery counts anew.
    if run is None or abs(expected) < _SOC_MOVE_PCT_MIN or run.first > _SOC_HIGH_PCT:
        return not_judged("soc", device, "watch_short", wanted=f"{_SOC_MOVE_PCT_MIN:g} %")
    return judged("soc", device, _moved(device, run, expected, soc))


def _moved(device: str, run: Run, expected: float, soc: float) -> list[Finding]:
    share = run.moved / expected
    if share < -0.3:
        return [found("battery_sign", device, **turned(run.energy_wh / run.hours))]
    if share <= 0.2 and soc <= _SOC_LOW_PCT + 0.5:
        return [found("soc_scale", device, point=SOC, shown=soc, likely=soc * 10)]
    if share < 0.2:
        return [found("soc_stands", device, point=SOC, moved=round(run.moved, 1), expected=round(expected, 1))]
    return []


def turned(power_w: float) -> dict[str, str | float]:
    """Facts of a battery whose power has the wrong sign."""
    return {"point": BATTERY, "how": "×-1", "shown": round(power_w), "likely": round(-power_w)}


def _too_low_to_be_true(series: Series, device: str, soc: float) -> Finding | None:
    """A state of charge far under the reserve while nobody charges: a tenth of what it is, or a battery forgotten."""
    if soc > _SOC_LOW_PCT or series.is_islanded:
        return None
    power = series.typical(device, BATTERY) or 0.0
    state = series.last(device, STATE)
    reserve = series.last(device, RESERVE)
    is_full = state == BatteryState.FULL
    is_under = reserve is not None and soc < reserve - _UNDER_RESERVE_PCT and power > -DIRECTION_W_MIN / 4
    if not (is_full or is_under):
        return None
    return found("soc_scale", device, point=SOC, shown=soc, likely=round(soc * 10, 1))
