"""What the estimate learns from the past of a shelter: the usual load of each hour, each day's share of the clear sky.

Pure: stored hours and days in, values for ``ShelterEnergy`` out.

A load has two habits: that of its week, learnt from all weeks that are given, and that of its last days. When school
is out, or people have moved in, the last days know better. Which one is believed is decided by which would have
foretold each of the last three days better from what was known before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from central.core.autonomy.values import HOURS_OF_DAY, HOURS_OF_WEEK, Floats

Hours = NDArray[np.int64]

_CLEAR_MIN_WH: Final = 1.0
_PROBE_DAYS: Final = 3
_LAST_DAYS: Final = 4
_SPREAD_GENERAL: Final = 0.2
_SPREAD_MIN: Final = 0.03
_LOAD_MIN_W: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadHabit:
    """The load as it usually is. ``typical_w`` has 168 hours from Monday's midnight, Tokyo time."""

    typical_w: tuple[float, ...]
    spread: float
    """Standard deviation of an hour around what was foretold for it, as a share of that."""
    of_last_days: bool
    """The last days foretell better than the weeks do."""
    hours: int
    """Measured hours that it is learnt from."""


def load_habit(hours_w: Sequence[float | None], *, first_hour_of_week: int) -> LoadHabit | None:
    """Learn from hourly means, oldest first; ``None`` in it is an hour without a good reading.

    An hour of the week that was never measured gets the mean of that hour on other days, else of all hours. Returns
    ``None`` when nothing was measured.
    """
    if not 0 <= first_hour_of_week < HOURS_OF_WEEK:
        raise ValueError(f"first_hour_of_week must be 0 to 167, got {first_hour_of_week}")
    measured = np.array([math.nan if value is None else value for value in hours_w], dtype=np.float64)
    good = np.isfinite(measured)
    if not good.any():
        return None
    slots: Hours = (first_hour_of_week + np.arange(len(measured), dtype=np.int64)) % HOURS_OF_WEEK
    of_week, of_last = _errors(measured, slots)
    of_last_days = bool(len(of_last)) and float(np.mean(of_last**2)) < float(np.mean(of_week**2))
    errors = of_last if of_last_days else of_week
    spread = float(np.sqrt(np.mean(errors**2))) if len(errors) else _SPREAD_GENERAL
    typical = _last_days(measured, slots) if of_last_days else _week(measured, slots)
    return LoadHabit(
        typical_w=tuple(typical.tolist()),
        spread=max(_SPREAD_MIN, spread),
        of_last_days=of_last_days,
        hours=int(good.sum()),
    )


def _errors(measured: Floats, slots: Hours) -> tuple[Floats, Floats]:
    """How far each habit missed each hour of the last days, as a share of what it foretold."""
    of_week: list[Floats] = []
    of_last: list[Floats] = []
    for back in range(_PROBE_DAYS, 0, -1):
        start = len(measured) - back * HOURS_OF_DAY
        if start < HOURS_OF_DAY or not np.isfinite(measured[:start]).any():
            continue
        day = slice(start, start + HOURS_OF_DAY)
        for habit, errors in ((_week, of_week), (_last_days, of_last)):
            told = np.maximum(habit(measured[:start], slots[:start])[slots[day]], _LOAD_MIN_W)
            missed = measured[day] / told - 1
            errors.append(missed[np.isfinite(missed)])
    none = np.zeros(0)
    return (np.concatenate(of_week) if of_week else none), (np.concatenate(of_last) if of_last else none)


def _week(measured: Floats, slots: Hours) -> Floats:
    """Mean of each hour of the week."""
    typical = _by_hour(measured, slots)
    good = np.isfinite(measured)
    counts = np.bincount(slots[good], minlength=HOURS_OF_WEEK)
    sums = np.bincount(slots[good], weights=measured[good], minlength=HOURS_OF_WEEK)
    seen = counts > 0
    typical[seen] = sums[seen] / counts[seen]
    return typical


def _last_days(measured: Floats, slots: Hours) -> Floats:
    """Mean of each hour over the last days, the same for every day of the week."""
    recent = measured[-_LAST_DAYS * HOURS_OF_DAY :]
    if not np.isfinite(recent).any():
        return _by_hour(measured, slots)
    return _by_hour(recent, slots[-len(recent) :])


def _by_hour(measured: Floats, slots: Hours) -> Floats:
    """Mean of each hour of the day, laid over a week."""
    good = np.isfinite(measured)
    typical = np.full(HOURS_OF_WEEK, float(measured[good].mean()))
    hours = slots % HOURS_OF_DAY
    for hour in range(HOURS_OF_DAY):
        same = measured[good & (hours == hour)]
        if len(same):
            typical[hour::HOURS_OF_DAY] = same.mean()
    return typical


def day_ratios(measured_wh: Sequence[float | None], clear_wh: Sequence[float]) -> tuple[float | None, ...]:
    """PV energy of each day as a share of the clear sky's.

    Give ``None`` for a day that was not measured wholly, or on which PV was held back (battery full without the grid,
    or an export limit): such a day says nothing of the sky.
    """
    return tuple(
        None if measured is None or clear < _CLEAR_MIN_WH else max(0.0, measured) / clear
        for measured, clear in zip(measured_wh, clear_wh, strict=True)
    )
