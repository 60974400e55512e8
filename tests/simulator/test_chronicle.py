"""What is noted of a fleet as true: outages with their beginning, their end, and when the critical tier went dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_profiles.image import template
from simulator.chronicle import Chronicle, read
from simulator.fleet import build
from simulator.liars import WAYS, liars_of
from simulator.site import SimulatedSite
from simulator.world import City

START = 1_567_954_800_000
"""Midnight in Tokyo."""
HOUR = 3_600_000


def shelter() -> SimulatedSite:
    (spec,) = build(1, 7, ["goodwe-et"])
    return SimulatedSite(spec, City(7), start_ms=START, step_ms=60_000, template=template)


def test_an_outage_is_noted_from_its_first_to_its_last_moment(tmp_path: Path) -> None:
    site, told = shelter(), Chronicle()
    told.take([site])
    assert told.newest[site.spec.id].lost_ms is None
    site.turn_grid()
    site.advance(START + HOUR)
    told.take([site])
    site.advance(START + 2 * HOUR)
    told.take([site])
    alone = told.newest[site.spec.id]
    assert (alone.islanded, alone.lost_ms, alone.back_ms) == (True, START + HOUR, None)
    assert alone.lost_soc_pct > alone.soc_pct > 0
    site.turn_grid()
    site.advance(START + 3 * HOUR)
    told.take([site])
    assert told.newest[site.spec.id].back_ms == START + 3 * HOUR
    told.write(tmp_path / "truth.json")
    page = read(tmp_path / "truth.json")
    assert page is not None
    assert page.sites == told.newest


def test_a_battery_that_is_empty_at_night_leaves_the_critical_tier_dark() -> None:
    site, told = shelter(), Chronicle()
    site.world.soc_pct = site.spec.plant.floor_pct
    site.turn_grid()
    site.advance(START + HOUR)
    told.take([site])
    assert told.newest[site.spec.id].dark_ms == START + HOUR


def test_nothing_is_read_where_nothing_was_noted(tmp_path: Path) -> None:
    assert read(tmp_path / "truth.json") is None


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.05, 9), (1.0, 182)])
def test_so_many_inverters_lie_and_every_way_is_dealt_out(share: float, count: int) -> None:
    found = liars_of(build(182, 7), 7, share)
    assert len(found) == count
    if count >= len(WAYS):
        assert {way for ways in found.values() for way in ways} == set(WAYS)
    assert found == liars_of(build(182, 7), 7, share)
