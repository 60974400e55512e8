"""A shelter's past by the hour, and what is learnt from it: habits of load, days of sun. Pure.

An hour counts as measured when at least half of its readings are there and good. What was not measured is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from central.core.autonomy.learning import LoadHabit, load_habit
from central.core.autonomy.values import HOUR_MS, HOURS_OF_DAY, HOURS_OF_WEEK, TOKYO_MS, Floats, Samples
from central.core.city import Sample

HISTORY_DAYS: Final = 28
DAY_MS: Final = HOURS_OF_DAY * HOUR_MS
SECURED_SHARE_MIN: Final = 0.5
"""Of the hours in which the building was measured, so many must also be of the secured output to learn from it."""
SECURED_MIN_W: Final = 10.0
"""A secured output that never gave more than this reports nothing while the grid is there."""
_FULL_PCT: Final = 97.0
_NO_EXPORT_W = 500.0
"""What a plant that may not feed in still exchanges with the grid while it holds back."""
_DAY_SEEN_MIN: Final = 0.9
"""Of a day's clear-sky energy, what must have been watched to judge the day by it."""
_TODAY_SEEN_MIN: Final = 0.02
_RATIO_MAX: Final = 3.0
"""A day of more than this many clear skies is one of wrongly registered modules, or of a wrong meter."""
_CLEAR_MIN_W: Final = 1.0


class Row(IntEnum):
    """What is kept of every hour: a row of ``PastDay.hours``."""

    BUILDING_W = 0
    """Mean load of the whole building."""
    SECURED_W = 1
    """Mean load on the secured output."""
    PV_W = 2
    HELD = 3
    """1: PV may have been held back (battery full without the grid), so the hour says nothing of the sky."""
    CURTAILED = 4
    """1: the same with the grid: the battery was full, and next to nothing went out or came in."""


@dataclass(frozen=True, slots=True)
class PastDay:
    """One day in Tokyo. ``hours`` has a row for each ``Row`` and 24 columns."""

    day: int
    """Since 1970."""
    hours: Samples

    @property
    def is_whole(self) -> bool:
        """Whether the load of every hour is there, so that nothing new will come."""
        return not np.isnan(self.hours[Row.BUILDING_W]).any()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sunshine:
    """A shelter's sun, as ``ShelterEnergy`` wants it."""

    recent_days: tuple[float | None, ...]
    today_ratio: float | None
    today_share: float


def day_of(at_ms: int) -> int:
    """The day in Tokyo of a moment, since 1970."""
    return (at_ms + TOKYO_MS) // DAY_MS


def start_of(day: int) -> int:
    """A day's midnight in Tokyo, UTC milliseconds."""
    return day * DAY_MS - TOKYO_MS


def hours_of(samples: Sequence[Sample], *, first_day: int, days: int) -> Floats:
    """Hourly samples as days × 24 means; NaN where less than half of the usual readings are good."""
    found = np.full(days * HOURS_OF_DAY, np.nan)
    usual = max((sample.count for sample in samples), default=0)
    for sample in samples:
        place = (sample.at_ms - start_of(first_day)) // HOUR_MS
        if sample.value is not None and 0 <= place < len(found) and 2 * sample.count >= usual:
            found[place] = sample.value
    return found.reshape(days, HOURS_OF_DAY)


def held_back(islanded: Floats, soc_pct: Floats) -> Floats:
    """1 for hours in which the grid was gone and the battery full, else 0. ``islanded`` is the share of the hour."""
    with np.errstate(invalid="ignore"):
        return ((islanded > 0) & (soc_pct >= _FULL_PCT)).astype(np.float64)


def is_ever_full(soc_pct: Floats) -> bool:
    """Whether the battery was full in some hour."""
    with np.errstate(invalid="ignore"):
        return bool((soc_pct >= _FULL_PCT).any())


def curtailed(soc_pct: Floats, grid_w: Floats) -> Floats:
    """1 where the battery is full and the grid gives and takes next to nothing, as where no export is allowed; else 0.

    Whoever has no PV buys: so a dead inverter beside a full battery is not taken for one that holds back.
    """
    with np.errstate(invalid="ignore"):
        return ((soc_pct >= _FULL_PCT) & (np.abs(grid_w) <= _NO_EXPORT_W)).astype(np.float64)


def line_of(days: Mapping[int, PastDay], row: Row, *, from_day: int, to_day: int) -> Floats:
    """One row of ``from_day`` <= day < ``to_day``, hour by hour; NaN for days that are not there."""
    gap = np.full(HOURS_OF_DAY, np.nan)
    return np.concatenate([days[day].hours[row] if day in days else gap for day in range(from_day, to_day)])


def is_secured_known(days: Mapping[int, PastDay], *, today: int) -> bool:
    """Whether the secured output was measured well enough to learn from it what an outage leaves on."""
    first = today - HISTORY_DAYS
    secured = line_of(days, Row.SECURED_W, from_day=first, to_day=today + 1)
    building = line_of(days, Row.BUILDING_W, from_day=first, to_day=today + 1)
    with np.errstate(invalid="ignore"):
        telling = int((secured >= SECURED_MIN_W).sum())
    return telling > 0 and telling >= SECURED_SHARE_MIN * int(np.isfinite(building).sum())


def habit_of(days: Mapping[int, PastDay], row: Row, *, now_ms: int) -> LoadHabit | None:
    """The habit of a load from the last four weeks and the whole hours of today; ``None``: never measured."""
    today = day_of(now_ms)
    first = min((day for day in days if day >= today - HISTORY_DAYS), default=today)
    line = line_of(days, row, from_day=first, to_day=today + 1)
    whole = (now_ms - start_of(first)) // HOUR_MS
    # 1970-01-01 was a Thursday; hour 0 is Monday's first.
    first_hour = (first + 3) * HOURS_OF_DAY % HOURS_OF_WEEK
    return load_habit(np.maximum(line[:whole], 0).tolist(), first_hour_of_week=first_hour)


def last_hour_w(days: Mapping[int, PastDay], row: Row, *, now_ms: int) -> float | None:
    """Mean of the last whole hour, if it was measured."""
    at = now_ms // HOUR_MS * HOUR_MS - HOUR_MS
    day = days.get(day_of(at))
    if day is None:
        return None
    value = float(day.hours[row][(at - start_of(day.day)) // HOUR_MS])
    return max(0.0, value) if np.isfinite(value) else None


def sunshine(days: Mapping[int, PastDay], clear_w: Floats, *, first_day: int, now_ms: int) -> Sunshine:
    """Each day's sun as a share of the clear sky. ``clear_w``: days × 24 from ``first_day`` to today."""
    today = day_of(now_ms)
    recent = [
        _ratio(days.get(day), clear_w[day - first_day], seen_min=_DAY_SEEN_MIN)[0] for day in range(first_day, today)
    ]
    so_far = clear_w[today - first_day].copy()
    so_far[(now_ms - start_of(today)) // HOUR_MS :] = 0
    ratio, seen_wh = _ratio(days.get(today), so_far, seen_min=_DAY_SEEN_MIN)
    whole_wh = float(clear_w[today - first_day].sum())
    share = min(1.0, seen_wh / whole_wh) if whole_wh > _CLEAR_MIN_W else 0.0
    if ratio is None or share < _TODAY_SEEN_MIN:
        return Sunshine(recent_days=tuple(recent), today_ratio=None, today_share=0.0)
    return Sunshine(recent_days=tuple(recent), today_ratio=ratio, today_share=share)


def _ratio(day: PastDay | None, clear_w: Floats, *, seen_min: float) -> tuple[float | None, float]:
    """Measured sun of the hours that were watched, and how much clear sky these had, Wh."""
    whole_wh = float(clear_w.sum())
    if day is None or whole_wh < _CLEAR_MIN_W:
        return None, 0.0
    pv_w = day.hours[Row.PV_W].astype(np.float64)
    # Standby draw at night is no negative sun, and what comes later today is not known yet.
    watched = np.isfinite(pv_w) & ~(day.hours[Row.HELD] > 0) & (clear_w > 0)
    seen_wh = float(clear_w[watched].sum())
    if seen_wh < seen_min * whole_wh:
        return None, 0.0
    ratio = float(np.maximum(pv_w[watched], 0).sum()) / seen_wh
    return (ratio, seen_wh) if ratio <= _RATIO_MAX else (None, 0.0)
