"""The map keeps places and distances; a chart never bridges a gap."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.city import Fate, Sample, Stretch
from central.web import chart, citymap
from tests.central.fake import make_sites

HOUR_MS = chart.HOUR_MS


def test_every_shelter_has_a_spot_inside_of_the_drawing_and_apart_from_the_others() -> None:
    drawn = citymap.draw(tuple(make_sites()))
    spots = list(drawn.spots.values())
    assert len(spots) == 182
    assert all(0 < spot.x < drawn.width and 0 < spot.y < drawn.height for spot in spots)
    nearest = min(math.dist((a.x, a.y), (b.x, b.y)) for n, a in enumerate(spots) for b in spots[:n])
    assert nearest > 0.7 * citymap.APART


def test_a_kilometre_is_as_long_east_as_north() -> None:
    base = make_sites(1)[0]
    km = 1 / citymap.KM_PER_DEGREE
    sites = [
        replace(base, id="middle", latitude=35.6, longitude=140.1),
        replace(base, id="north", latitude=35.6 + 8 * km, longitude=140.1),
        replace(base, id="east", latitude=35.6, longitude=140.1 + 8 * km / math.cos(math.radians(35.636))),
    ]
    spots = citymap.draw(tuple(sites)).spots
    north, east = spots["middle"].y - spots["north"].y, spots["east"].x - spots["middle"].x
    assert north > 0
    assert east == pytest.approx(north, rel=0.002)
    drawn = citymap.draw(tuple(sites))
    assert drawn.scale_px / drawn.scale_km == pytest.approx(north / 8, rel=0.002)


def test_neighbouring_wards_have_grounds_of_their_own_tone() -> None:
    wards = {ward.name: ward for ward in citymap.draw(tuple(make_sites())).wards}
    assert len(wards) == 6
    assert wards["稲毛区"].tone != wards["花見川区"].tone
    assert all(ward.ground.startswith("M") for ward in wards.values())


def test_a_wards_name_stands_on_its_own_ground_on_few_dots_and_on_no_other_name() -> None:
    sites = make_sites()
    drawn = citymap.draw(tuple(sites))
    wide, high = citymap.LABEL_HALF
    for ward in drawn.wards:
        label = ward.label
        assert wide <= label.x <= drawn.width - wide
        near = min(sites, key=lambda one: math.dist((drawn.spots[one.id].x, drawn.spots[one.id].y), (label.x, label.y)))
        assert near.ward == ward.name
        covered = [
            spot for spot in drawn.spots.values() if abs(spot.x - label.x) < wide and abs(spot.y - label.y) < high
        ]
        assert len(covered) <= 3, ward.name
        others = [other.label for other in drawn.wards if other is not ward]
        assert not any(abs(label.x - o.x) < 2 * wide and abs(label.y - o.y) < 2 * high for o in others)


@given(st.lists(st.tuples(st.floats(35.4, 35.8), st.floats(139.9, 140.4)), max_size=12))
@settings(max_examples=50, deadline=None)
def test_any_places_can_be_drawn_also_the_same_one_twice(places: list[tuple[float, float]]) -> None:
    base = make_sites(1)[0]
    sites = [
        replace(base, id=str(n), latitude=lat, longitude=lon) for n, (lat, lon) in enumerate([*places, *places[:2]])
    ]
    drawn = citymap.draw(tuple(sites))
    assert drawn.spots.keys() == {site.id for site in sites}
    assert all(math.isfinite(spot.x) and math.isfinite(spot.y) for spot in drawn.spots.values())
    assert citymap.draw.__wrapped__(tuple(sites)) == drawn


def samples(*values: float | None) -> list[Sample]:
    return [Sample(n * HOUR_MS, value, 1) for n, value in enumerate(values)]


def test_a_gap_breaks_the_line_and_a_lone_value_is_a_dot() -> None:
    drawn = chart.draw(
        {"a": samples(1_000, 2_000, None, 3_000, None, 0, 1_000)}, from_ms=0, to_ms=6 * HOUR_MS, scale=0.001
    )
    assert drawn is not None
    assert re.sub(r"[\d. -]+", "", drawn.paths["a"]) == "MLMhML"
    assert "h0" in drawn.paths["a"]


def test_nothing_at_all_is_no_chart() -> None:
    assert chart.draw({"a": samples(None, None)}, from_ms=0, to_ms=HOUR_MS) is None


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=30))
def test_every_value_is_inside_and_the_lines_are_as_many_as_the_runs(values: list[float | None]) -> None:
    drawn = chart.draw({"a": samples(*values)}, from_ms=0, to_ms=30 * HOUR_MS)
    runs = sum(value is not None and (n == 0 or values[n - 1] is None) for n, value in enumerate(values))
    if drawn is None:
        assert runs == 0
        return
    assert drawn.paths["a"].count("M") == runs
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ (-?[\d.]+)", drawn.paths["a"])]
    assert all(-0.1 <= y <= chart.HEIGHT + 0.1 for y in heights)
    assert 2 <= len(drawn.rows) <= 9
    assert drawn.rows[0].at == 100.0


def test_hours_are_tokyo_hours() -> None:
    midnight_ms = 1_795_446_000_000
    texts = [tick.text for tick in chart.hours(midnight_ms - HOUR_MS, midnight_ms + 23 * HOUR_MS)]
    assert texts == ["0:00", "3:00", "6:00", "9:00", "12:00", "15:00", "18:00", "21:00"]


def test_the_bar_of_a_promise_covers_the_day() -> None:
    cuts = [0, 7, 8, 20, 24]
    stretches = [
        Stretch(from_ms=a * HOUR_MS, to_ms=b * HOUR_MS, fate=fate)
        for a, b, fate in zip(cuts, cuts[1:], [Fate.ARRIVED, Fate.LOST, Fate.ARRIVED, Fate.WAITING], strict=False)
    ]
    bands = chart.bands(stretches, from_ms=0, to_ms=24 * HOUR_MS)
    assert bands[0].x == 0
    assert bands[-1].x + bands[-1].width == pytest.approx(chart.WIDTH, abs=0.2)
    assert [band.fate for band in bands] == ["arrived", "lost", "arrived", "waiting"]


def test_the_time_before_the_first_data_has_a_shade_of_its_own() -> None:
    stretches = [
        Stretch(from_ms=0, to_ms=HOUR_MS, fate=Fate.NOT_MEASURED, reason="before_first"),
        Stretch(from_ms=HOUR_MS, to_ms=2 * HOUR_MS, fate=Fate.NOT_MEASURED),
    ]
    drawn = chart.bands(stretches, from_ms=0, to_ms=2 * HOUR_MS)
    assert [band.fate for band in drawn] == ["before", "not_measured"]
