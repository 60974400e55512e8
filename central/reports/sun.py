"""When the sun stands high enough for a plant to give something, by place and day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from central.core.accounting.halfhours import HALF_HOUR_MS, SLOTS, start_of_day
from central.core.accounting.operation import SUN_SHARE
from central.core.autonomy.values import Plane
from central.core.city import Site
from central.solar import clear_sky_w

_PLACES_PER_DEGREE: Final = 10
"""The sun is the same within a tenth of a degree, half a minute more or less."""
_FULL_SUN_SHARE: Final = 1_000


def sunny_of(sites: Iterable[Site], days: range) -> dict[str, Mapping[int, Sequence[int]]]:
    """Shelter → day → half hours with sun, rising."""
    places = {
        one.id: (round(one.latitude * _PLACES_PER_DEGREE), round(one.longitude * _PLACES_PER_DEGREE)) for one in sites
    }
    known = {place: _at(place, days) for place in set(places.values())}
    return {site: known[place] for site, place in places.items()}


def _at(place: tuple[int, int], days: range) -> dict[int, Sequence[int]]:
    latitude, longitude = (each / _PLACES_PER_DEGREE for each in place)
    level = Plane(latitude=latitude, longitude=longitude, tilt_deg=0.0, azimuth_deg=180.0, peak_w=1.0)
    power = clear_sky_w([level], start_ms=start_of_day(days.start), steps=len(days) * SLOTS, step_ms=HALF_HOUR_MS)[0]
    bright = (power >= SUN_SHARE).reshape(len(days), SLOTS)
    return {day: bright[n].nonzero()[0].tolist() for n, day in enumerate(days)}
