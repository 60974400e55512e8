"""Which of the published shelters somebody asks for: by ward, by need, by distance from a place. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    """``fit``: open, and what is needed is there, as far as known. ``others``: of the same ward, closed or unknown, or
    without what is needed."""

    fit: tuple[Found, ...]
    others: tuple[Found, ...]


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
    """The shelters that fit, the best first, then the others. With a place the nearest ones only, by distance."""
    found = [
        Found(shelter=one, km=distance_km(one.latitude, one.longitude, wish.place) if wish.place else None)
        for one in shelters
        if not wish.ward or one.ward == wish.ward
    ]
    found.sort(key=lambda each: (each.km or 0.0, _rank(each.shelter, wish.needs), each.shelter.ward, each.shelter.name))
    fit = tuple(each for each in found if _fits(each.shelter, wish.needs))
    others = tuple(each for each in found if not _fits(each.shelter, wish.needs))
    return Answer(fit=fit[:NEAREST_MAX], others=others[:NEAREST_MAX]) if wish.place else Answer(fit=fit, others=others)


def _fits(shelter: Shown, needs: frozenset[Service]) -> bool:
    return shelter.is_open and all(shelter.readiness(need) in {Readiness.READY, Readiness.NOT_KNOWN} for need in needs)


def _rank(shelter: Shown, needs: frozenset[Service]) -> tuple[int, int]:
    order = (Openness.OPEN, Openness.FULL, Openness.UNKNOWN, None, Openness.CLOSED)
    unsure = sum(shelter.readiness(need) is not Readiness.READY for need in needs)
    return order.index(shelter.opening), unsure
