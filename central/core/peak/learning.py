"""The lowest demand that a shelter's battery could have held, learnt from half hours that were. Pure.

A target below it would be broken on the worst day of the year, which is the one that counts. The battery is walked
through the half hours as demand control would use it: it gives what lies above the target, and is filled again by the
sun and, where that is allowed, from the grid while the demand is low. The lowest target of which nothing is broken is
found by halving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.demand import DAY_MS, HALF_HOUR_H, HALF_HOUR_MS, TOKYO_MS, weekday
from contract.shaving import DAYS_A_WEEK, EFFICIENCY, RECHARGE_SHARE

Floats = NDArray[np.float64]
SEASON_DAYS: Final = 45
"""Days of the year so near to today are the same season."""
YEAR_DAYS: Final = 365
DAYS_MIN: Final = 28
"""Of fewer days nothing is proposed: a target has to know workdays, holidays and some weather."""
NEAR: Final = 0.15
"""A season, or a day of the week, in which the demand came so near to the target may pass it another year."""
HIGH: Final = 0.98
"""So many of a season's days of one kind stay under the course of a high day, half hour by half hour."""
QUIET: Final = 0.6
"""A day of the week whose usual peak is under this share of the busiest one's is a quiet one."""
STEPS: Final = 18
HALF_HOURS_A_DAY: Final = DAY_MS // HALF_HOUR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What demand control may use of a battery."""

    usable_wh: float
    """Between the reserve and full."""
    discharge_w: float
    charge_w: float
    recharge_w: float = 0.0
    """From the grid."""

    def __post_init__(self) -> None:
        """Raises ValueError for a size below zero."""
        if min(self.usable_wh, self.discharge_w, self.charge_w, self.recharge_w) < 0:
            raise ValueError("sizes of a battery are never below 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What a shelter's past says."""

    target_w: float
    """The lowest that could have been held by somebody who knew each half hour before it came."""
    without_w: float
    """The highest half hour as it would have been without the battery."""
    days: int
    """With half hours that are known."""


def learn(net_w: Sequence[float | None], store: Store) -> Learnt | None:
    """The lowest target that could have been held; None when too little is known.

    Args:
        net_w: mean net power of half hours in a row, oldest first; None: not known.
        store: the battery.
    """
    line = np.array([np.nan if watts is None else watts for watts in net_w], dtype=np.float64)
    known = np.isfinite(line)
    days = int(known.sum()) // HALF_HOURS_A_DAY
    if days < DAYS_MIN:
        return None
    most_w = max(0.0, float(line[known].max()))
    low_w, high_w = max(0.0, most_w - store.discharge_w), most_w
    for _ in range(STEPS):
        middle_w = (low_w + high_w) / 2
        if depths(line, store, middle_w) is None:
            low_w = middle_w
        else:
            high_w = middle_w
    return Learnt(target_w=min(most_w, high_w), without_w=most_w, days=days)


def depths(line: Floats, store: Store, target_w: float) -> Floats | None:
    """How far below full the battery is after each half hour, in Wh; None when it could not hold the target."""
    over_w = line - target_w
    if np.nanmax(over_w, initial=-1.0) > store.discharge_w:
        return None
    gives_wh = np.where(over_w > 0, over_w * HALF_HOUR_H / EFFICIENCY, 0.0)
    sun_w = np.clip(-line, 0.0, store.charge_w)
    room_w = np.clip(target_w * RECHARGE_SHARE - line, 0.0, min(store.recharge_w, store.charge_w))
    takes_wh = np.where(over_w > 0, 0.0, np.maximum(sun_w, room_w) * HALF_HOUR_H * EFFICIENCY)
    change_wh = np.nan_to_num(gives_wh - takes_wh, nan=0.0)
    found = np.empty_like(line)
    depth_wh = 0.0
    for place, wh in enumerate(change_wh.tolist()):
        depth_wh += wh
        if depth_wh <= 0.0:
            depth_wh = 0.0
        elif depth_wh > store.usable_wh:
            return None
        found[place] = depth_wh
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """When a shelter needs its battery for peaks."""

    keep_pct: list[float]
    """State of charge to keep on each day of the week, Monday first."""


def keep(line: Floats, first_ms: int, now_ms: int, *, target_w: float, reserve_pct: float) -> Kept:
    """What to keep in the battery.

    Days of the week on which the demand ever came near to the target are busy: which of five school days passes it is
    chance. On them the battery is kept full in a season in
    which the demand came near to the target in the year before: how much the worst day took then says little of the
    next one. Else, and on other days, the reserve is enough and the rest serves the building.

    Args:
        line: mean net power of half hours in a row, the first one at a midnight in Tokyo; NaN: not known.
        first_ms: when the first of them began.
        now_ms: the season is that of this day.
        target_w: what is to be held.
        reserve_pct: the shelter's own reserve.
    """
    days = line[: len(line) // HALF_HOURS_A_DAY * HALF_HOURS_A_DAY].reshape(-1, HALF_HOURS_A_DAY)
    starts = first_ms + np.arange(len(days)) * DAY_MS
    away = np.abs(starts - now_ms) / DAY_MS % YEAR_DAYS
    is_season = np.minimum(away, YEAR_DAYS - away) <= SEASON_DAYS
    highest = np.nanmax(np.nan_to_num(days, nan=0.0), axis=1, initial=0.0)
    busy = {weekday(int(at_ms)) for at_ms in starts[highest > target_w * (1 - NEAR)].tolist()}
    is_near = bool((highest[is_season] > target_w * (1 - NEAR)).any())
    return Kept(keep_pct=[100.0 if is_near and number in busy else reserve_pct for number in range(7)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """How a shelter's high days go at this time of the year, by kind of day. Net power, in W."""

    courses_w: list[list[int]]
    """Half hours from midnight in Tokyo, for each kind."""
    kinds: list[int]
    """The kind of each day of the week, Monday first."""


def courses(line: Floats, first_ms: int, now_ms: int) -> Courses | None:
    """How high days go, learnt from the same season; None when too little is known.

    Kinds of days are the shelter's own: days of the week whose usual peak is far below the busiest one's are quiet
    ones, be it Sunday or the Monday on which a centre is shut. Public holidays hide in both, and as a high day is what
    few days pass, they do not matter. It is learnt up to the last Monday, so it changes once a week.

    Args:
        line: mean net power of half hours in a row, the first one at a midnight in Tokyo; NaN: not known.
        first_ms: when the first of them began.
        now_ms: the season is that of this moment.
    """
    days = line[: len(line) // HALF_HOURS_A_DAY * HALF_HOURS_A_DAY].reshape(-1, HALF_HOURS_A_DAY)
    starts = first_ms + np.arange(len(days)) * DAY_MS
    monday_ms = now_ms - (now_ms + TOKYO_MS) % DAY_MS - weekday(now_ms) * DAY_MS
    away = np.abs(starts - monday_ms) / DAY_MS % YEAR_DAYS
    is_whole = np.isfinite(days).all(axis=1)
    usable = is_whole & (starts < monday_ms) & (np.minimum(away, YEAR_DAYS - away) <= SEASON_DAYS)
    days, weekdays = days[usable], np.array([weekday(int(at_ms)) for at_ms in starts[usable].tolist()])
    if len(days) < DAYS_MIN:
        return None
    peaks_w = [float(np.median(days[weekdays == number].max(axis=1, initial=0.0))) for number in range(DAYS_A_WEEK)]
    kinds = [int(peak_w < QUIET * max(peaks_w)) for peak_w in peaks_w]
    of_day = np.array(kinds)[weekdays]
    found = [np.quantile(days[of_day == kind], HIGH, axis=0, method="lower") for kind in sorted(set(kinds))]
    return Courses(courses_w=[[round(watts, -2) for watts in map(int, one)] for one in found], kinds=kinds)
