"""The query language (4.9), patterns and places (4.10): by value, over HTTP, and with whatever anybody might send."""

from __future__ import annotations

import asyncio
import math
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.ngsi import geo, pattern, query
from central.core.ngsi.values import Attr, Entity, Kind, NgsiError
from tests.central.ngsi.parts import V1, Here, town

CHARGE = "stateOfChargePercent"


def entity(**attrs: object) -> Entity:
    made = {name: Attr(value=value, unit_code="P1", observed_ms=1_795_489_805_000) for name, value in attrs.items()}
    return Entity(id="urn:ngsi-ld:T:1", type="T", attrs=made)


ONE = entity(
    n=5.0,
    word="open",
    yes=True,
    many=["a", "b"],
    at={"@type": "DateTime", "@value": "2026-11-24T03:00:00Z"},
    box={"L1": 101.7, "in": {"x": "y"}},
)


def holds(q: str) -> bool:
    return query.read(q, str).holds(ONE)


@pytest.mark.parametrize(
    ("q", "fits"),
    [
        ("n==5", True),
        ("n!=5", False),
        ("n>4.9", True),
        ("n>=5;n<=5", True),
        ("n<5", False),
        ("n==1..5", True),
        ("n==6..9", False),
        ("n!=6..9", True),
        ("n==1,5,9", True),
        ("n!=1,9", True),
        ('word=="open"', True),
        ('word=="open","full"', True),
        ('word!="open"', False),
        ("word~=^op", True),
        ('word~="n$"', True),
        ("word!~=^op", False),
        ("yes==true", True),
        ("yes==false", False),
        ("yes==1", False),
        ('many=="b"', True),
        ('many=="c"', False),
        ("at>2026-11-24T02:00:00Z", True),
        ("at==2026-11-24T12:00:00+09:00", True),
        ("at<2026-11-24T02:00:00Z", False),
        ("n.observedAt>2026-11-24T00:00:00Z", True),
        ('n.unitCode=="P1"', True),
        ("box[L1]>100", True),
        ('box[in.x]=="y"', True),
        ("box[L2]>0", False),
        ("n", True),
        ("other", False),
        ("other==1", False),
        ("other!=1", False),
        ("n==4|n==5", True),
        ("n==4|n==5;yes==false", False),
        ("(n==4|n==5);yes==true", True),
        ("n==5|n==4;yes==false", True),
        ('n=="5"', False),
        ("word>1", False),
        ('word=="a;b|c(d)"', False),
    ],
)
def test_4_9_what_a_query_means(q: str, fits: bool) -> None:
    assert holds(q) is fits


@pytest.mark.parametrize(
    "q",
    [
        *("", ";", "n==", "==", "==5", "n==5;", "(n==5", "n==5)", "n=5", "n===5", "n==open", '"n"==5', "n==nan"),
        *("n==1e999", "n==1..", "n.a.b==1", "n~=(a+)+$", "n~=a{3}", "n>1,2", "n==2026-11-24T99:00:00Z"),
        *("(" * 11 + "n" + ")" * 11, ";".join(["n"] * 51), "n" * 2_001),
    ],
)
def test_4_9_what_is_no_query_is_refused_with_a_reason(q: str) -> None:
    with pytest.raises(NgsiError, match=r"q: |pattern: ") as caught:
        query.read(q, str)
    assert caught.value.kind in {"BadRequestData", "TooComplexQuery"}


@settings(max_examples=400)
@given(st.text(alphabet='n.w[]()"\\|;,=<>!~ 015eT:-*+?^$', max_size=60))
def test_any_text_is_a_query_or_is_refused(q: str) -> None:
    try:
        found = query.read(q, str)
    except NgsiError:
        return
    assert found.holds(ONE) in {True, False}
    assert query.names_of(found)


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", ".", "[ab]", "[^a]"]), st.sampled_from(["", "*", "+", "?"])), max_size=6
    ),
    st.booleans(),
    st.booleans(),
    st.text(alphabet="abc", max_size=12),
)
def test_patterns_mean_what_regular_expressions_mean(
    atoms: list[tuple[str, str]], at_start: bool, at_end: bool, text: str
) -> None:
    told = ("^" if at_start else "") + "".join(one + more for one, more in atoms) + ("$" if at_end else "")
    if told:
        assert pattern.compiled(told).fits(text) is (re.search(told, text) is not None), told


def test_no_pattern_takes_long() -> None:
    slow = pattern.compiled("a*" * 99 + "b")
    before = time.process_time()
    assert not slow.fits("a" * 5_000)
    assert time.process_time() - before < 2


@pytest.mark.parametrize("told", ["", "(a)", "a{2}", "*", "a**", "[z-a]", "[", "a)", "x" * 201])
def test_patterns_that_are_not_understood_are_refused(told: str) -> None:
    with pytest.raises(NgsiError, match="pattern"):
        pattern.compiled(told)


def haversine_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the vectors of both places: another way to the same number."""
    a, b = (
        (math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat))
        for lon, lat in ((math.radians(place[0]), math.radians(place[1])) for place in (one, other))
    )
    return 6_371_008.8 * math.atan2(math.dist((0, 0, 0), cross(a, b)), sum(x * y for x, y in zip(a, b, strict=True)))


def cross(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


places = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


@given(places, places)
def test_4_10_distances_agree_with_another_formula(one: tuple[float, float], other: tuple[float, float]) -> None:
    assert geo.distance_m(one, other) == pytest.approx(haversine_m(one, other), abs=0.5)


def test_4_10_a_known_distance() -> None:
    # One degree of latitude on the mean sphere.
    assert geo.distance_m((140.0, 35.0), (140.0, 36.0)) == pytest.approx(111_195.1, abs=0.1)


@settings(max_examples=200)
@given(st.floats(139.9, 140.3), st.floats(35.5, 35.8), st.sampled_from([1.0, 500.0, 2_000.0, 30_000.0]))
def test_4_10_near_is_what_is_not_further(longitude: float, latitude: float, limit_m: float) -> None:
    place = (140.1, 35.6)
    told = Attr(kind=Kind.GEO, value={"type": "Point", "coordinates": [longitude, latitude]})
    one = Entity(id="urn:x:1", type="T", attrs={"location": told})
    is_near = haversine_m(place, (longitude, latitude)) <= limit_m
    if abs(haversine_m(place, (longitude, latitude)) - limit_m) > 0.01:
        assert geo.read(f"near;maxDistance=={limit_m}", "Point", list(place)).holds(one) is is_near
        assert geo.read(f"near;minDistance=={limit_m}", "Point", list(place)).holds(one) is not is_near


SQUARE = "[[[140,35],[141,35],[141,36],[140,36],[140,35]],[[140.4,35.4],[140.6,35.4],[140.6,35.6],[140.4,35.4]]]"


@pytest.mark.parametrize(
    ("relation", "place", "fits"),
    [
        ("within", (140.1, 35.1), True),
        ("within", (139.9, 35.1), False),
        ("within", (140.55, 35.45), False),
        ("within", (140.0, 35.5), True),
        ("intersects", (140.1, 35.1), True),
        ("disjoint", (140.1, 35.1), False),
        ("disjoint", (139.9, 35.1), True),
        ("contains", (140.1, 35.1), False),
        ("equals", (140.1, 35.1), False),
        ("overlaps", (140.1, 35.1), False),
    ],
)
def test_4_10_points_and_a_polygon_with_a_hole(relation: str, place: tuple[float, float], fits: bool) -> None:
    told = Attr(kind=Kind.GEO, value={"type": "Point", "coordinates": list(place)})
    one = Entity(id="urn:x:1", type="T", attrs={"location": told})
    assert geo.read(relation, "Polygon", SQUARE).holds(one) is fits
    assert geo.read(relation, "MultiPolygon", f"[{SQUARE}]").holds(one) is fits


async def test_4_10_places_over_http(here: Here) -> None:
    sites = {f"urn:ngsi-ld:Building:{one.id}": one for one in (now.site for now in here.queries.now().sites)}
    centre = next(iter(sites.values()))
    point = f"[{centre.longitude},{centre.latitude}]"
    asked = {"type": "Building", "geometry": "Point", "coordinates": point}
    near = await here.ids(georel="near;maxDistance==2000", **asked)
    far = await here.ids(georel="near;minDistance==2000", **asked)
    place = (centre.longitude, centre.latitude)
    assert near == {id_ for id_, one in sites.items() if haversine_m(place, (one.longitude, one.latitude)) <= 2_000}
    assert 1 < len(near) < 100
    assert near | far == set(sites)
    ring = "[[[140.1,35.5],[140.2,35.5],[140.2,35.6],[140.1,35.6],[140.1,35.5]]]"
    inside = await here.ids(type="Building", georel="within", geometry="Polygon", coordinates=ring)
    assert inside == {id_ for id_, x in sites.items() if 140.1 <= x.longitude <= 140.2 and 35.5 <= x.latitude <= 35.6}
    assert await here.ids(georel="equals", **asked) == {f"urn:ngsi-ld:Building:{centre.id}"}


@pytest.mark.parametrize(
    "asked",
    [
        {"georel": "near", "geometry": "Point", "coordinates": "[140,35]"},
        {"georel": "near;maxDistance==-1", "geometry": "Point", "coordinates": "[140,35]"},
        {"georel": "near;maxDistance==nan", "geometry": "Point", "coordinates": "[140,35]"},
        {"georel": "near;maxDistance==9", "geometry": "Polygon", "coordinates": SQUARE},
        {"georel": "beside", "geometry": "Point", "coordinates": "[140,35]"},
        {"georel": "within", "geometry": "Circle", "coordinates": "[140,35]"},
        {"georel": "within", "geometry": "Polygon", "coordinates": "[[[140,35],[141,35],[141,36]]]"},
        {"georel": "within", "geometry": "Polygon", "coordinates": "[[1]]"},
        {"georel": "equals", "geometry": "Point", "coordinates": "[35,140]"},
        {"georel": "equals", "geometry": "Point", "coordinates": "[" * 3_000},
        {"georel": "equals", "geometry": "Point", "coordinates": '["a","b"]'},
        {"georel": "equals", "geometry": "Point"},
        {"geometry": "Point", "coordinates": "[140,35]"},
    ],
)
async def test_4_10_wrong_places_are_refused(here: Here, asked: dict[str, str]) -> None:
    answer = await here.get("/entities", type="Building", **asked)
    assert answer.status_code in {400, 403}, answer.text


async def test_4_9_queries_over_http(here: Here) -> None:
    levels = {now.site.id: now.soc_pct for now in here.queries.now().sites}
    low = await here.ids(type="ShelterEnergyStatus", q=f"{CHARGE}<40")
    assert low == {
        f"urn:ngsi-ld:ShelterEnergyStatus:{id_}" for id_, pct in levels.items() if pct is not None and pct < 40
    }
    assert 0 < len(low) < 182
    islanded = await here.ids(type="ShelterEnergyStatus", q='powerState=="islanded"')
    assert len(islanded) == 2
    either = await here.ids(type="ShelterEnergyStatus", q=f'({CHARGE}<40|powerState=="islanded");loadPower>0')
    assert either == low | islanded
    building = "urn:ngsi-ld:Building:E0000000001111"
    linked = await here.ids(q=f"refBuilding=={building}|refTargetDevice=={building}")
    assert len(linked) == 4, "two devices, the status and the meter"
    assert await here.ids(q="refBuilding==urn:ngsi-ld:Building:nowhere") == set()
    assert (await here.get("/entities", q="(")).json()["detail"].startswith("q: want")


NAMES = (
    "type id idPattern attrs q georel geometry coordinates limit offset count options pick omit timerel timeAt lastN"
)
ASKED = st.dictionaries(
    st.sampled_from(NAMES.split()),
    st.one_of(st.text(max_size=30), st.sampled_from(["Building", "Point", "[140,35]", "near;maxDistance==5", "1"])),
    max_size=6,
)


async def test_no_question_is_a_fault_of_ours(tmp_path: Path) -> None:
    async with town(tmp_path, shelters=1) as here:
        answers: list[dict[str, str]] = []

        @settings(max_examples=150, database=None)
        @given(ASKED)
        def draw(asked: dict[str, str]) -> None:
            answers.append(asked)

        await asyncio.to_thread(draw)
        for asked in answers:
            for path in ("/entities", "/temporal/entities"):
                answer = await here.client.get(V1 + path, params=asked)
                assert answer.status_code in {200, 206, 400, 403, 404}, (asked, answer.text)
