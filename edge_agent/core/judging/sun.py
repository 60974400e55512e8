"""Where the sun stands, and the most that it can give: bounds for a plausibility check, good to about half a degree.

Position after the low-precision formulae of the Astronomical Almanac. Without the site's position all of Japan is
taken: "dark" means dark everywhere from Yonaguni to Nemuro, "light" means light everywhere.
"""

from __future__ import annotations

import math
from typing import Final

from edge_agent.core.judging.series import Place

_J2000_S: Final = 946_728_000.0
_CORNERS: Final = ((24.3, 122.9), (24.3, 131.3), (31.0, 130.0), (36.0, 138.0), (45.5, 141.9), (43.3, 145.8))
"""Latitude and longitude of Japan's ends, in degrees."""
CLOUD_EDGE: Final = 1.3
"""Bright clouds beside the sun add to it for minutes."""


def elevation_deg(at_s: float, latitude_deg: float, longitude_deg: float) -> float:
    """Height of the sun over the horizon. ``at_s``: UTC seconds."""
    days = (at_s - _J2000_S) / 86_400
    mean_deg = 280.460 + 0.9856474 * days
    anomaly = math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(mean_deg + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439 - 4e-7 * days)
    right_ascension = math.atan2(math.cos(tilt) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(tilt) * math.sin(ecliptic))
    sidereal_deg = 280.46062 + 360.98564737 * days + longitude_deg
    hour_angle = math.radians(sidereal_deg) - right_ascension
    latitude = math.radians(latitude_deg)
    sine = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(
        hour_angle
    )
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def elevations_deg(at_s: float, place: Place) -> tuple[float, float]:
    """The lowest and the highest that the sun can stand at a site whose position may not be known."""
    if place.latitude_deg is not None and place.longitude_deg is not None:
        here = elevation_deg(at_s, place.latitude_deg, place.longitude_deg)
        return here, here
    heights = [elevation_deg(at_s, latitude, longitude) for latitude, longitude in _CORNERS]
    return min(heights), max(heights)


def most_w_per_m2(elevation: float) -> float:
    """The most that can fall on a surface that faces the sun, bright clouds included."""
    if elevation < -6:
        return 0.0
    height = max(elevation, 0.1)
    air_mass = 1 / (math.sin(math.radians(height)) + 0.50572 * (height + 6.07995) ** -1.6364)
    beam: float = 1_353 * 0.7 ** (air_mass**0.678)
    return CLOUD_EDGE * (beam + 0.1 * beam + 60)
