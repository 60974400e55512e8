"""Where each shelter's dot stands: an equirectangular projection that keeps distances right in the middle of the city.

Pure: places in degrees go in, places on a drawing come out, the same ones every time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from central.core.city import Site

WIDTH: Final = 720.0
HEIGHT_MIN: Final = 420.0
HEIGHT_MAX: Final = 800.0
MARGIN: Final = 34.0
APART: Final = 15.0
"""Dots are pushed at least so far apart, so that each one can be seen."""
ROUNDS_MAX: Final = 60
KM_PER_DEGREE: Final = 111.195
EMPTY_SPAN_KM: Final = 2.0
SCALE_STEPS_KM: Final = (0.5, 1, 2, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on the drawing."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WardArea:
    """One ward: its label at the middle of its shelters, and a line through all of them for its ground."""

    name: str
    name_en: str
    label: Spot
    ground: str
    tone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CityMap:
    """Everything of the map that does not change while the city lives."""

    width: float
    height: float
    spots: dict[str, Spot]
    wards: tuple[WardArea, ...]
    scale_px: float
    scale_km: float


def draw(sites: Sequence[Site]) -> CityMap:
    """Lay out the map of the given shelters."""
    if not sites:
        return CityMap(width=WIDTH, height=HEIGHT_MIN, spots={}, wards=(), scale_px=0, scale_km=0)
    north = max(site.latitude for site in sites)
    south = min(site.latitude for site in sites)
    west = min(site.longitude for site in sites)
    east = max(site.longitude for site in sites)
    narrowing = math.cos(math.radians((north + south) / 2))
    wide_km = max((east - west) * narrowing * KM_PER_DEGREE, EMPTY_SPAN_KM)
    high_km = max((north - south) * KM_PER_DEGREE, EMPTY_SPAN_KM)
    px_per_km = min((WIDTH - 2 * MARGIN) / wide_km, (HEIGHT_MAX - 2 * MARGIN) / high_km)
    height = max(HEIGHT_MIN, high_km * px_per_km + 2 * MARGIN)
    middle = Spot((west + east) / 2, (north + south) / 2)
    places = {
        site.id: Spot(
            WIDTH / 2 + (site.longitude - middle.x) * narrowing * KM_PER_DEGREE * px_per_km,
            height / 2 - (site.latitude - middle.y) * KM_PER_DEGREE * px_per_km,
        )
        for site in sites
    }
    scale_km = max((km for km in SCALE_STEPS_KM if km * px_per_km <= WIDTH / 4), default=SCALE_STEPS_KM[0])
    return CityMap(
        width=WIDTH,
        height=round(height),
        spots=_spread(places),
        wards=_wards(sites, places),
        scale_px=round(scale_km * px_per_km, 1),
        scale_km=scale_km,
    )


def _wards(sites: Sequence[Site], places: dict[str, Spot]) -> tuple[WardArea, ...]:
    members: dict[str, list[Site]] = {}
    for site in sites:
        members.setdefault(site.ward, []).append(site)
    return tuple(
        WardArea(
            name=ward,
            name_en=group[0].ward_en or ward,
            label=_middle(places[site.id] for site in group),
            # A round, very thick pen put down once at each shelter draws the ward's ground.
            ground="".join(f"M{places[site.id].x:.0f} {places[site.id].y:.0f}h0" for site in group),
            tone=number % 3,
        )
        for number, (ward, group) in enumerate(members.items())
    )


def _middle(spots: Iterable[Spot]) -> Spot:
    found = list(spots)
    return Spot(
        round(sum(spot.x for spot in found) / len(found), 1), round(sum(spot.y for spot in found) / len(found), 1)
    )


def _spread(places: dict[str, Spot]) -> dict[str, Spot]:
    """Push dots that cover each other apart; each round moves a pair by half of what is missing."""
    ids = sorted(places)
    xs = [places[one].x for one in ids]
    ys = [places[one].y for one in ids]
    for _ in range(ROUNDS_MAX):
        moved = False
        for i in range(len(ids)):
            for j in range(i + 1, len(ids)):
                dx, dy = xs[j] - xs[i], ys[j] - ys[i]
                if abs(dx) >= APART or abs(dy) >= APART:
                    continue
                apart = math.hypot(dx, dy)
                if apart >= APART:
                    continue
                if apart < 1e-6:  # The same place twice: part them in a direction of their own.
                    dx, dy, apart = math.cos(j), math.sin(j), 1.0
                push = (APART - min(apart, APART) + 0.1) / 2 if apart != 1.0 else APART / 2
                xs[i] -= dx / apart * push
                ys[i] -= dy / apart * push
                xs[j] += dx / apart * push
                ys[j] += dy / apart * push
                moved = True
        if not moved:
            break
    return {one: Spot(round(xs[n], 1), round(ys[n], 1)) for n, one in enumerate(ids)}
