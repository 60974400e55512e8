"""Where each shelter's dot stands: an equirectangular projection that keeps distances right in the middle of the city.

Pure: places in degrees go in, places on a drawing come out, the same ones every time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from central.core.city import Site

WIDTH: Final = 720.0
HEIGHT_MIN: Final = 420.0
HEIGHT_MAX: Final = 800.0
MARGIN: Final = 52.0
APART: Final = 15.0
"""Dots are pushed at least so far apart, so that each one can be seen."""
ROUNDS_MAX: Final = 60
REACH: Final = 46.0
"""A shelter's ground reaches so far, or to half way to the next shelter of another ward."""
LABEL_REACH: Final = 110.0
LABEL_HALF: Final = (72.0, 18.0)
"""Half of the width and height that a ward's name takes."""
LABEL_STEP: Final = 18.0
LABEL_COVER: Final = 60.0
"""Each dot that a name lies on counts like so much distance from the ward's middle."""
CORNERS: Final = 12
TONES: Final = 4
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
    """One ward: its label at the middle of its shelters, and the path of its ground around them."""

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


@lru_cache(maxsize=32)
def draw(sites: tuple[Site, ...]) -> CityMap:
    """Lay out the map of the given shelters, of the city or of one ward. Kept, because it takes longer than the rest
    of a page together.
    """
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
    tones = _tones({ward: [places[site.id] for site in group] for ward, group in members.items()})
    others = {ward: [places[site.id] for site in sites if site.ward != ward] for ward in members}
    labels: list[Spot] = []
    for ward, group in members.items():
        labels.append(_label([places[site.id] for site in group], others[ward], labels))
    return tuple(
        WardArea(
            name=ward,
            name_en=group[0].ward_en.removesuffix(" Ward") or ward,
            label=label,
            ground="".join(_ground(places[site.id], others[ward]) for site in group),
            tone=tones[ward],
        )
        for (ward, group), label in zip(members.items(), labels, strict=True)
    )


def _tones(members: Mapping[str, Sequence[Spot]]) -> dict[str, int]:
    """A tone for each ward, other than its neighbours' as far as there are enough."""
    tones: dict[str, int] = {}
    for ward, spots in members.items():
        taken = [
            tone
            for other, tone in tones.items()
            if any(math.dist((a.x, a.y), (b.x, b.y)) < 2 * REACH for a in spots for b in members[other])
        ]
        tones[ward] = min(range(TONES), key=lambda tone: (taken.count(tone), tone))
    return tones


def _ground(spot: Spot, others: Sequence[Spot]) -> str:
    """A round patch around a shelter, cut half way to every near shelter of another ward."""
    turn = 2 * math.pi / CORNERS
    patch = [(REACH * math.cos(n * turn), REACH * math.sin(n * turn)) for n in range(CORNERS)]
    for other in others:
        dx, dy = other.x - spot.x, other.y - spot.y
        apart = math.hypot(dx, dy)
        if 0 < apart < 2 * REACH:
            patch = _cut(patch, dx / apart, dy / apart, apart / 2)
    return _path([(round(spot.x + x), round(spot.y + y)) for x, y in patch])


def _path(corners: Sequence[tuple[int, int]]) -> str:
    """A closed path in whole steps from corner to corner, which takes a third of the letters of whole places."""
    if not corners:
        return ""
    steps = [f"{b[0] - a[0]} {b[1] - a[1]}" for a, b in pairwise(corners) if a != b]
    return f"M{corners[0][0]} {corners[0][1]}l{' '.join(steps)}z".replace(" -", "-")


def _cut(patch: list[tuple[float, float]], nx: float, ny: float, limit: float) -> list[tuple[float, float]]:
    """What of a patch lies before the line ``x * nx + y * ny = limit``."""
    kept: list[tuple[float, float]] = []
    for n, (x, y) in enumerate(patch):
        before_x, before_y = patch[n - 1]
        here, before = x * nx + y * ny - limit, before_x * nx + before_y * ny - limit
        if (here < 0) != (before < 0):
            part = before / (before - here)
            kept.append((before_x + (x - before_x) * part, before_y + (y - before_y) * part))
        if here < 0:
            kept.append((x, y))
    return kept


def _label(own: Sequence[Spot], others: Sequence[Spot], taken: Sequence[Spot]) -> Spot:
    """Where a ward's name stands: on its own ground, on few dots and on no other name, near the middle."""
    x = sum(spot.x for spot in own) / len(own)
    y = sum(spot.y for spot in own) / len(own)
    wide, high = LABEL_HALF
    left, right = min(spot.x for spot in own), max(spot.x for spot in own)
    top, bottom = min(spot.y for spot in own), max(spot.y for spot in own)
    near = [
        spot
        for spot in others
        if left - 2 * wide < spot.x < right + 2 * wide and top - 2 * REACH < spot.y < bottom + 2 * REACH
    ]

    def inside(at: float) -> float:
        return min(max(at, LABEL_REACH), WIDTH - LABEL_REACH)

    def cost(spot: Spot) -> float:
        covered = sum(abs(one.x - spot.x) < wide and abs(one.y - spot.y) < high for one in (*own, *near))
        named = sum(abs(one.x - spot.x) < 2 * wide and abs(one.y - spot.y) < 2 * high for one in taken)
        here = min(math.dist((one.x, one.y), (spot.x, spot.y)) for one in own)
        there = min((math.dist((one.x, one.y), (spot.x, spot.y)) for one in near), default=math.inf)
        strange = here > REACH or there < here
        return math.dist((x, y), (spot.x, spot.y)) + LABEL_COVER * covered + 1_000 * (named + strange)

    steps = [Spot(inside(x), y)] + [
        Spot(inside(left + across * LABEL_STEP), top + down * LABEL_STEP)
        for across in range(int((right - left) / LABEL_STEP) + 1)
        for down in range(-1, int((bottom - top) / LABEL_STEP) + 2)
    ]
    best = min(steps, key=cost)
    return Spot(round(best.x, 1), round(best.y, 1))


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
