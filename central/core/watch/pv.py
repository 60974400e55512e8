"""Whether a plant gives what its sky allows: against the clear sky, and against its neighbours. Pure.

Neighbours share their weather, so their comparison finds what is small; it is blind to what befalls all of them. The
clear sky is blind to clouds, so only days that were clear in the city count there. What a day brought is compared with
the clear sky of the same hours, as far as they were measured; a plant's clear sky ends at its inverter's rating.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from central.core.autonomy.values import Floats

NEIGHBOURS: Final = 10
NEIGHBOURS_MIN: Final = 4
"""With fewer of them nothing is compared."""
WINDOW_DAYS: Final = 14
NEAR_DAYS: Final = 7
"""The neighbours' comparison looks at so many days."""
FRESH_DAYS: Final = 2
"""A plant that was mended is fine again when the last days say so."""
NEAR_DAYS_MIN: Final = 4
NEAR_SUN_MIN: Final = 1.5
"""The week has to have brought neighbours the sun of so many clear days: under rain bands each has its own share."""
CLEAR_DAYS_MIN: Final = 3
CLEAR_SHARE: Final = 0.78
"""A day was clear when the city's better quarter of plants reached this share of the clear sky."""
SEEN_SHARE: Final = 0.6
"""Of a day's clear sky so much has to have been measured to judge the plant by it."""
NOW_SHARE: Final = 0.10
"""The comparison of this moment wants a clear sky of so much of the peak…"""
NOW_SUN: Final = 0.20
"""…and neighbours that get so much of theirs."""
INVERTER_ROOM: Final = 1.02


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantDays:
    """Judgement of all plants' last days, in the order of the sites. NaN: can't be said."""

    of_neighbours_pct: Floats
    of_clear_sky_pct: Floats


def nearest(
    latitude: Sequence[float], longitude: Sequence[float], peak_w: Sequence[float] | Floats
) -> NDArray[np.int64]:
    """Rows of the nearest plants of each plant, the nearest first; fewer than ``NEIGHBOURS`` in a small city."""
    north = np.radians(np.asarray(latitude, dtype=np.float64))
    east = np.radians(np.asarray(longitude, dtype=np.float64)) * np.cos(north.mean() if len(north) else 0.0)
    distance = (north[:, None] - north[None, :]) ** 2 + (east[:, None] - east[None, :]) ** 2
    np.fill_diagonal(distance, np.inf)
    distance[:, np.asarray(peak_w) <= 0] = np.inf
    most = min(NEIGHBOURS, max(0, int((np.asarray(peak_w) > 0).sum()) - 1))
    return np.argsort(distance, axis=1, kind="stable")[:, :most]


def reachable_w(clear_w: Floats, inverter_w: Sequence[float]) -> Floats:
    """What a plant can give of its clear sky (plants first): its inverter's rating ends it; 0 W: not known."""
    rating = np.array([value * INVERTER_ROOM if value > 0 else np.inf for value in inverter_w])
    return np.asarray(np.minimum(clear_w, rating.reshape(-1, *(1,) * (clear_w.ndim - 1))))


def shares(measured_w: Floats, clear_w: Floats) -> Floats:
    """Share of the clear sky that each plant got on each day. Both: plants × days × hours; NaN: not measured."""
    known = np.isfinite(measured_w) & (clear_w > 0)
    seen = np.where(known, clear_w, 0.0).sum(axis=2)
    got = np.where(known, np.maximum(measured_w, 0.0), 0.0).sum(axis=2)
    enough = (seen > 0) & (seen >= SEEN_SHARE * clear_w.sum(axis=2))
    return np.where(enough, got / np.where(enough, seen, 1.0), np.nan)


def judged(day_shares: Floats, neighbours: NDArray[np.int64]) -> PlantDays:
    """What the last days say of each plant. ``day_shares``: plants × days, yesterday last."""
    days = day_shares[:, -WINDOW_DAYS:]
    near = np.full(len(days), np.nan)
    clear = np.full(len(days), np.nan)
    if len(days):
        expected = _median_of(days, neighbours)
        week = _ratio(days[:, -NEAR_DAYS:], expected[:, -NEAR_DAYS:], NEAR_DAYS_MIN, sun_min=NEAR_SUN_MIN)
        last = _ratio(days[:, -FRESH_DAYS:], expected[:, -FRESH_DAYS:], FRESH_DAYS)
        near = 100 * np.fmax(week, last)
        near[np.isnan(week)] = np.nan
        clear = 100 * _on_clear_days(days)
    return PlantDays(of_neighbours_pct=near, of_clear_sky_pct=clear)


def now_pct(power_w: Floats, clear_w: Floats, peak_w: Floats, neighbours: NDArray[np.int64]) -> Floats:
    """Each plant's share of its clear sky now, against its neighbours' median. NaN in powers: not known."""
    enough = (clear_w > NOW_SHARE * peak_w) & (peak_w > 0)
    share = np.where(enough, np.maximum(power_w, 0.0) / np.where(enough, clear_w, 1.0), np.nan)
    expected = _median_of(share[:, None], neighbours)[:, 0]
    with np.errstate(invalid="ignore"):
        sunny = expected >= NOW_SUN
    return np.where(sunny, 100 * share / np.where(sunny, expected, 1.0), np.nan)


def _median_of(values: Floats, neighbours: NDArray[np.int64]) -> Floats:
    """Median of each plant's neighbours, column by column; NaN with too few of them."""
    around = values[neighbours]
    known = np.isfinite(around).sum(axis=1)
    ordered = np.sort(around, axis=1)  # NaN stand at the end.
    if not ordered.shape[1]:
        return np.full(values.shape, np.nan)
    low = np.take_along_axis(ordered, np.maximum(known - 1, 0)[:, None, :] // 2, axis=1)[:, 0, :]
    high = np.take_along_axis(ordered, known[:, None, :] // 2 % ordered.shape[1], axis=1)[:, 0, :]
    return np.where(known >= NEIGHBOURS_MIN, (low + high) / 2, np.nan)


def _ratio(days: Floats, expected: Floats, days_min: int, *, sun_min: float = 0.0) -> Floats:
    """What was got of what was to be expected, over all days: sunny days weigh more, as they tell more."""
    known = np.isfinite(days) & np.isfinite(expected)
    whole = np.where(known, expected, 0.0).sum(axis=1)
    got = np.where(known, days, 0.0).sum(axis=1)
    enough = (known.sum(axis=1) >= days_min) & (whole > 0) & (whole >= sun_min)
    return np.where(enough, got / np.where(enough, whole, 1.0), np.nan)


def _on_clear_days(days: Floats) -> Floats:
    """Median share on days that were clear in the city; the newest of them alone, if that is better."""
    found = np.full(len(days), np.nan)
    columns = [
        column
        for column in range(days.shape[1])
        if (known := days[np.isfinite(days[:, column]), column]).size >= NEIGHBOURS_MIN
        and np.quantile(known, 0.75) >= CLEAR_SHARE
    ]
    for row, line in enumerate(days[:, columns]):
        known = line[np.isfinite(line)]
        if known.size >= CLEAR_DAYS_MIN:
            found[row] = max(float(np.median(known)), float(known[-1]))
    return found
