"""Geo-queries (clause 4.10): which points are near a point or inside a polygon. Pure.

Distances are along a great circle of a sphere with the Earth's mean radius; in a city that differs from the ellipsoid
by at most half a percent. Coordinates are longitude, latitude. A point on a polygon's edge is inside.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from central.core.ngsi.values import Attr, Entity, Kind, NgsiError

EARTH_M: Final = 6_371_008.8
CORNERS_MAX: Final = 1_000
COORDINATES_CHARS_MAX: Final = 50_000
RELATIONS: Final = ("near", "within", "intersects", "disjoint", "equals", "contains", "overlaps")

Place = tuple[float, float]
"""Longitude and latitude, degrees."""
Ring = tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoQuery:
    """A question about an entity's place."""

    relation: str
    point: Place | None = None
    rings: tuple[tuple[Ring, ...], ...] = ()
    """Polygons, each an outer ring and its holes."""
    max_m: float = math.inf
    min_m: float = 0.0
    attr: str = "location"

    def holds(self, entity: Entity) -> bool:
        """Whether the entity has a place, and it answers the question."""
        place = place_of(entity.attrs.get(self.attr))
        if place is None:
            return False
        if self.relation == "near":
            assert self.point is not None
            return self.min_m <= distance_m(place, self.point) <= self.max_m
        if self.point is not None:
            same = place == self.point
            return {"disjoint": not same, "overlaps": False}.get(self.relation, same)
        inside = any(_in_polygon(place, polygon) for polygon in self.rings)
        # A point never contains, equals or overlaps a polygon.
        return {"within": inside, "intersects": inside, "disjoint": not inside}.get(self.relation, False)


def place_of(attr: Attr | None) -> Place | None:
    """The point of a geo-property."""
    if attr is None or attr.kind is not Kind.GEO:
        return None
    longitude, latitude = attr.value["coordinates"]
    return float(longitude), float(latitude)


def distance_m(one: Place, other: Place) -> float:
    """Along the great circle, metres."""
    (a_lon, a_lat), (b_lon, b_lat) = (tuple(map(math.radians, place)) for place in (one, other))
    half = math.sin((b_lat - a_lat) / 2) ** 2 + math.cos(a_lat) * math.cos(b_lat) * math.sin((b_lon - a_lon) / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(half)))


def read(georel: str, geometry: str, coordinates: object, attr: str = "location") -> GeoQuery:
    """The question as asked: ``near;maxDistance==2000``, ``Point``, ``[140.12,35.6]`` (text or JSON).

    Raises:
        NgsiError: something is missing, unknown or not a place on Earth.
    """
    relation, *limits = (part.strip() for part in georel.split(";"))
    if relation not in RELATIONS:
        raise NgsiError(f"georel: {relation[:30]!r} is unknown", attempt="Use one of " + ", ".join(RELATIONS) + ".")
    if geometry not in {"Point", "Polygon", "MultiPolygon"}:
        raise NgsiError(f"geometry: {geometry[:30]!r} is not supported", attempt="Use Point, Polygon or MultiPolygon.")
    if relation == "near" and geometry != "Point":
        raise NgsiError("georel: near wants geometry Point")
    shape = _json(coordinates)
    point = _place(shape) if geometry == "Point" else None
    rings: tuple[tuple[Ring, ...], ...] = ()
    if geometry != "Point":
        rings = _polygons([shape] if geometry == "Polygon" else shape)
    max_m, min_m = _limits(relation, limits)
    return GeoQuery(relation=relation, point=point, rings=rings, max_m=max_m, min_m=min_m, attr=attr)


def _json(told: object) -> Any:
    if not isinstance(told, str):
        return told
    if len(told) > COORDINATES_CHARS_MAX:
        raise NgsiError(f"coordinates: more than {COORDINATES_CHARS_MAX:,} signs", kind="TooComplexQuery")
    try:
        return json.loads(told)
    except (ValueError, RecursionError):
        raise NgsiError("coordinates: no JSON array", attempt="Write [140.12,35.60]: longitude, latitude.") from None


def _limits(relation: str, limits: Sequence[str]) -> tuple[float, float]:
    if relation != "near":
        if limits:
            raise NgsiError(f"georel: {relation} takes no distance")
        return math.inf, 0.0
    found = {}
    for limit in limits:
        name, _, text = limit.partition("==")
        try:
            metres = float(text)
        except ValueError:
            metres = math.nan
        if name not in {"maxDistance", "minDistance"} or name in found or not 0 <= metres < math.inf:
            raise NgsiError(f"georel: {limit[:40]!r} is no distance", attempt="Write near;maxDistance==2000 (metres).")
        found[name] = metres
    if not found:
        raise NgsiError("georel: near wants maxDistance or minDistance", attempt="Write near;maxDistance==2000.")
    return found.get("maxDistance", math.inf), found.get("minDistance", 0.0)


def _place(told: Any) -> Place:
    numbers = told if isinstance(told, list) and 2 <= len(told) <= 3 else []
    if not numbers or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers):
        raise NgsiError("coordinates: want [longitude,latitude]")
    longitude, latitude = numbers[:2]
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise NgsiError("coordinates: want longitude -180 to 180 and latitude -90 to 90, in this order")
    return float(longitude), float(latitude)


def _polygons(told: Any) -> tuple[tuple[Ring, ...], ...]:
    lists = isinstance(told, list) and told and all(isinstance(one, list) and one for one in told)
    if not lists or not all(isinstance(ring, list) for polygon in told for ring in polygon):
        raise NgsiError("coordinates: want rings of [longitude,latitude], closed", attempt="[[[lon,lat],…,[lon,lat]]]")
    if sum(len(ring) for polygon in told for ring in polygon) > CORNERS_MAX:
        raise NgsiError(f"coordinates: more than {CORNERS_MAX:,} corners", kind="TooComplexQuery")
    polygons = tuple(tuple(tuple(_place(corner) for corner in ring) for ring in polygon) for polygon in told)
    for ring in (ring for polygon in polygons for ring in polygon):
        if len(ring) < 4 or ring[0] != ring[-1]:
            raise NgsiError("coordinates: a ring has at least 4 corners, and the last one is the first")
    return polygons


def _in_polygon(place: Place, polygon: tuple[Ring, ...]) -> bool:
    outer, *holes = polygon
    if not (_on_edge(place, outer) or _in_ring(place, outer)):
        return False
    return not any(_in_ring(place, hole) and not _on_edge(place, hole) for hole in holes)


def _in_ring(place: Place, ring: Ring) -> bool:
    x, y = place
    inside = False
    for (ax, ay), (bx, by) in pairwise(ring):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            inside = not inside
    return inside


def _on_edge(place: Place, ring: Ring) -> bool:
    x, y = place
    for (ax, ay), (bx, by) in pairwise(ring):
        if (
            (bx - ax) * (y - ay) == (by - ay) * (x - ax)
            and min(ax, bx) <= x <= max(ax, bx)
            and min(ay, by) <= y <= max(ay, by)
        ):
            return True
    return False
