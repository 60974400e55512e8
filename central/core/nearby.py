"""Which of the published shelters somebody asks for: by ward, by need, by distance from a place. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import asin, cos, radians, sin, sqrt
from statistics import fmean
from typing import Final

from central.core.publication import Openness, Readiness, Service, Shown

EARTH_KM: Final = 6_371.0
DIGITS: Final = 3
"""Of a degree: about a hundred metres. Nobody's position is needed more exactly, and fewer answers are kept."""
NEAREST_MAX: Final = 20
NEEDS: Final = (Service.CHARGING, Service.MEDICAL, Service.LIGHT, Service.WATER)
TEXT_CHARS_MAX: Final = 60
_ORDER: Final = (Openness.OPEN, Openness.FULL, Openness.UNKNOWN, None, Openness.CLOSED)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is, or wants to look. ``name`` is as it was found; empty: by coordinates."""

    latitude: float
    longitude: float
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for. Empty: everything."""

    ward: str = ""
    """Japanese name."""
    needs: frozenset[Service] = frozenset()
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One shelter of an answer. ``km``: from the place that was asked for."""

    shelter: Shown
    km: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was found, the best (with a place: the nearest) first."""

    fit: tuple[Found, ...]
    """Open, and what is needed can be used, by fresh data."""
    maybe: tuple[Found, ...]
    """Open, and offers what is needed; nobody can say whether it can be used now."""
    others: tuple[Found, ...]

    def nearest(self, most: int) -> Answer:
        """So many of each kind."""
        return Answer(fit=self.fit[:most], maybe=self.maybe[:most], others=self.others[:most])


def distance_km(latitude: float, longitude: float, other: Place) -> float:
    """Along the great circle."""
    north, east = radians(other.latitude - latitude), radians(other.longitude - longitude)
    chord = sin(north / 2) ** 2 + cos(radians(latitude)) * cos(radians(other.latitude)) * sin(east / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(chord)))


def locate(text: str, shelters: Sequence[Shown]) -> Place | None:
    """A place by coordinates (latitude first), by a ward's name, or by a shelter's; ``None``: there is none such."""
    asked = unicodedata.normalize("NFKC", text[:TEXT_CHARS_MAX]).strip()
    if pair := re.fullmatch(r"([+-]?\d{1,3}(?:\.\d{1,10})?)\s*[,、 ]\s*([+-]?\d{1,3}(?:\.\d{1,10})?)", asked):
        latitude, longitude = round(float(pair[1]), DIGITS), round(float(pair[2]), DIGITS)
        return Place(latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None
    word = asked.casefold()
    if not word:
        return None
    ward = [one for one in shelters if word in {one.ward, one.ward_en.casefold(), one.ward.removesuffix("区")}]
    if ward:
        middle = fmean(one.latitude for one in ward), fmean(one.longitude for one in ward)
        return Place(round(middle[0], DIGITS), round(middle[1], DIGITS), ward[0].ward)
    named = [one for one in shelters if word in one.name.casefold() or word in one.name_en.casefold()]
    if not named:
        return None
    # The shortest name that holds the word is likeliest meant.
    best = min(named, key=lambda one: (len(one.name), one.id))
    return Place(round(best.latitude, DIGITS), round(best.longitude, DIGITS), best.name)


def choose(shelters: Iterable[Shown], wish: Wish) -> Answer:
    """All shelters of the ward, by how well they fit."""
    found = [
        Found(shelter=one, km=distance_km(one.latitude, one.longitude, wish.place) if wish.place else None)
        for one in shelters
        if not wish.ward or one.ward == wish.ward
    ]
    found.sort(key=lambda one: (one.km or 0.0, _ORDER.index(one.shelter.opening), one.shelter.ward, one.shelter.name))
    kinds: dict[_Fit, list[Found]] = {kind: [] for kind in _Fit}
    for each in found:
        kinds[_fit(each.shelter, wish.needs)].append(each)
    return Answer(fit=tuple(kinds[_Fit.YES]), maybe=tuple(kinds[_Fit.MAYBE]), others=tuple(kinds[_Fit.NO]))


class _Fit(Enum):
    YES = 1
    MAYBE = 2
    NO = 3


def _fit(shelter: Shown, needs: frozenset[Service]) -> _Fit:
    states = {shelter.readiness(need) for need in needs}
    if not shelter.is_open or states & {None, Readiness.OFF}:
        return _Fit.NO
    return _Fit.MAYBE if Readiness.NOT_KNOWN in states else _Fit.YES
