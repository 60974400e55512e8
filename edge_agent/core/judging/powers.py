"""Whether PV and battery add up to what the inverter gives, and which mistake would explain it if they do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

from edge_agent.core.balance import ERROR_SHARE_MAX, ERROR_W_MIN
from edge_agent.core.judging.finding import Finding, Judged, found, judged, not_judged
from edge_agent.core.judging.series import Row, Series, mostly

PV: Final = "pv.power_w"
BATTERY: Final = "battery.power_w"
INVERTER: Final = "inverter.power_w"
DC: Final = "inverter.dc_power_w"
BALANCE: Final = "balance"
_LOSS_W: Final = 200.0
_LOSS_SHARE: Final = 0.10
_GAIN_W: Final = 120.0
_GAIN_SHARE: Final = 0.04
"""A mistake is named only when, with it mended, no more than a real converter's loss is left."""
_WRAP: Final = 65_536.0


@dataclass(frozen=True, slots=True)
class Mistake:
    """One way in which a power may be read wrongly: ``mend`` turns what was read into what it would be."""

    kind: str
    point: str
    how: str
    """What was done to the right value, as people write it: × 10, × -1, …"""
    mend: Callable[[float], float]


def _scaled(kind: str, point: str) -> tuple[Mistake, ...]:
    return (
        Mistake(kind, point, "×10", lambda w: w / 10),
        Mistake(kind, point, "×0.1", lambda w: w * 10),
        Mistake(kind, point, "×100", lambda w: w / 100),
        Mistake(kind, point, "×0.01", lambda w: w * 100),
        Mistake(kind, point, "×1000", lambda w: w / 1000),
        Mistake(kind, point, "×0.001", lambda w: w * 1000),
    )


def _unsigned(w: float) -> float:
    return w - _WRAP if w > _WRAP / 2 else w


MISTAKES: Final = (
    Mistake("battery_sign", BATTERY, "×-1", lambda w: -w),
    Mistake("inverter_sign", INVERTER, "×-1", lambda w: -w),
    Mistake("pv_sign", PV, "×-1", lambda w: -w),
    *_scaled("pv_scale", PV),
    *_scaled("pv_scale", DC),
    Mistake("pv_sign", DC, "×-1", lambda w: -w),
    *_scaled("battery_scale", BATTERY),
    *_scaled("inverter_scale", INVERTER),
    Mistake("signedness", BATTERY, "u16", _unsigned),
    Mistake("signedness", INVERTER, "u16", _unsigned),
)


def limit_w(inverter_w: float) -> float:
    """How far PV + battery and the inverter's output may be apart."""
    return max(ERROR_W_MIN, ERROR_SHARE_MAX * abs(inverter_w))


def judge_balance(series: Series) -> list[Judged]:
    """Every inverter that measures its own sources."""
    result: list[Judged] = []
    for device in series.givers(INVERTER):
        points = series.points[device]
        sources: list[str] = [point for point in (PV, BATTERY) if point in points]
        if not sources:
            continue
        if series.is_made_of(device, PV, BATTERY):
            # PV is what the converter takes less the battery: that fits whatever the battery says.
            if DC not in points:
                result.append(not_judged(BALANCE, device, "same_source", points=f"{PV}, {BATTERY}"))
                continue
            sources = [DC]
        rows = series.together(device, *sources, INVERTER)
        if not rows:
            missing = [p for p in (*sources, INVERTER) if series.typical(device, p) is None]
            result.append(not_judged(BALANCE, device, "no_value", points=", ".join(missing)))
            continue
        result.append(judged(BALANCE, device, _of_device(device, (*sources, INVERTER), rows)))
    return result or [not_judged(BALANCE, "", "no_inverter")]


def _of_device(device: str, points: tuple[str, ...], rows: tuple[Row, ...]) -> list[Finding]:
    if not mostly(rows, lambda row: abs(_error(row)) > limit_w(row[-1])):
        return []
    error = median(_error(row) for row in rows)
    through = median(row[-1] for row in rows)
    facts = {"error_w": round(error), "limit_w": round(limit_w(through))}
    explained = [m for m in MISTAKES if m.point in points and _explains(m, points, rows)]
    if not explained:
        return [found("balance_off", device, **facts)]
    best = min(explained, key=lambda m: abs(median(_error(_mended(m, points, row)) for row in rows)))
    at = points.index(best.point)
    shown = median(row[at] for row in rows)
    return [
        found(
            best.kind,
            device,
            point=best.point,
            how=best.how,
            shown=round(shown),
            likely=round(best.mend(shown)),
            **facts,
        )
    ]


def battery_sign_holds(series: Series, device: str) -> bool | None:
    """Whether the balance proves the battery's sign: it fits with this one alone. None: it proves nothing."""
    points = [point for point in (PV, BATTERY, INVERTER) if point in series.points[device]]
    if BATTERY not in points or INVERTER not in points or series.is_made_of(device, PV, BATTERY):
        return None
    rows = series.together(device, *points)
    at = points.index(BATTERY)

    def error_other_way(row: Row) -> float:
        return _error(row) - 2 * row[at]

    as_read = mostly(rows, lambda row: abs(_error(row)) <= limit_w(row[-1]))
    other_way = mostly(rows, lambda row: abs(error_other_way(row)) <= limit_w(row[-1]))
    return as_read if as_read is not other_way else None


def _error(row: Row) -> float:
    return sum(row[:-1]) - row[-1]


def _mended(mistake: Mistake, points: tuple[str, ...], row: Row) -> Row:
    return tuple(
        mistake.mend(value) if point == mistake.point else value for point, value in zip(points, row, strict=True)
    )


def _explains(mistake: Mistake, points: tuple[str, ...], rows: tuple[Row, ...]) -> bool:
    def fits(row: Row) -> bool:
        mended = _mended(mistake, points, row)
        through = max(abs(mended[-1]), abs(sum(mended[:-1])))
        return -_GAIN_W - _GAIN_SHARE * through <= _error(mended) <= _LOSS_W + _LOSS_SHARE * through

    return mostly(rows, fits)
