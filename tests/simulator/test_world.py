"""Shelters in time: the same seed is the same life, counters are the integral of power, the sun is the city's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.fleet import build
from simulator.sun import clear_day, pv_power_w
from simulator.truth import truth
from simulator.weather import DAY_MS, TOKYO_MS, Episode, Weather, local_day
from simulator.world import City, SiteWorld
from tests.simulator.support import NOON_MS

SPECS = build(12, 7)
HOUR_MS = 3_600_000


def world(index: int = 0, *, step_ms: int = 60_000, start_ms: int = NOON_MS, seed: int = 7) -> SiteWorld:
    return SiteWorld(SPECS[index], City(seed), start_ms=start_ms, step_ms=step_ms)


def test_the_same_seed_gives_the_same_life_however_often_it_is_asked() -> None:
    often, once = world(), world()
    for minute in range(0, 26 * 60, 7):
        often.advance(NOON_MS + minute * 60_000 + 13)
    often.advance(NOON_MS + 26 * HOUR_MS)
    once.advance(NOON_MS + 26 * HOUR_MS)
    assert truth(often) == truth(once)
    other = world(seed=8)
    other.advance(NOON_MS + 26 * HOUR_MS)
    assert truth(other) != truth(once)


orders = st.lists(
    st.fixed_dictionaries(
        {
            "minutes": st.integers(1, 240),
            "grid_up": st.booleans(),
            "reserve_pct": st.floats(0, 100),
            "forced_w": st.sampled_from((0.0, 0.0, 4_000.0)),
            "backup": st.booleans(),
            "export_w": st.sampled_from((0.0, 5_000.0, 1e6)),
            "load_factor": st.sampled_from((0.3, 1.0, 2.0)),
            "closed": st.lists(st.booleans(), min_size=8, max_size=8),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(index=st.integers(0, len(SPECS) - 1), plan=orders)
def test_counters_are_the_integral_of_power_and_energy_is_conserved_under_any_orders(
    index: int, plan: list[dict[str, float]]
) -> None:
    site = world(index)
    plant = site.spec.plant
    before = (site.counters.pv_wh, site.counters.import_wh, site.counters.export_wh, site.counters.load_wh)
    charged_wh, discharged_wh = site.counters.charge_wh, site.counters.discharge_wh
    soc_before = site.soc_pct
    pv_wh = import_wh = export_wh = load_wh = loss_wh = 0.0
    for stretch in plan:
        site.grid_up = bool(stretch["grid_up"])
        site.load_factor = stretch["load_factor"]
        site.controls.reserve_pct = stretch["reserve_pct"]
        site.controls.forced_charge_power_w = stretch["forced_w"]
        site.controls.backup = bool(stretch["backup"])
        site.controls.export_limit_w = stretch["export_w"]
        site.controls.closed = list(stretch["closed"])  # type: ignore[call-overload]
        for _ in range(int(stretch["minutes"])):
            soc_was = site.soc_pct
            site.advance(site.at_ms + 60_000)
            flows = site.flows
            assert flows.inverter_w + flows.grid_w == pytest.approx(flows.load_w, abs=1e-6)
            assert flows.pv_w + flows.battery_w - flows.loss_w == pytest.approx(flows.inverter_w, abs=1e-6)
            assert 0 <= site.soc_pct <= 100
            floor = max(site.controls.reserve_pct, plant.floor_pct) if site.grid_up else plant.floor_pct
            assert site.soc_pct >= min(soc_was, floor) - 1e-6
            pv_wh += flows.pv_w / 60
            load_wh += flows.load_w / 60
            loss_wh += flows.loss_w / 60
            import_wh += max(flows.grid_w, 0) / 60
            export_wh += max(-flows.grid_w, 0) / 60
    counters = site.counters
    after = (counters.pv_wh, counters.import_wh, counters.export_wh, counters.load_wh)
    for measured, was, summed in zip(after, before, (pv_wh, import_wh, export_wh, load_wh), strict=True):
        assert measured - was == pytest.approx(summed, abs=0.01)
    charged_wh, discharged_wh = counters.charge_wh - charged_wh, counters.discharge_wh - discharged_wh
    stored_wh = (site.soc_pct - soc_before) / 100 * plant.capacity_wh
    assert stored_wh == pytest.approx(charged_wh * plant.efficiency - discharged_wh / plant.efficiency, abs=0.05)
    assert pv_wh + import_wh + discharged_wh == pytest.approx(load_wh + export_wh + charged_wh + loss_wh, abs=0.05)


def test_an_outage_drains_the_battery_and_the_grid_brings_everything_back() -> None:
    night = world(start_ms=NOON_MS + 9 * HOUR_MS)
    night.grid_up = False
    night.advance(NOON_MS + 10 * HOUR_MS)
    drained = truth(night)
    assert drained["inverter.islanded"] == 1
    assert drained["grid.l1_voltage_v"] == 0
    assert drained["battery.power_w"] > 0
    night.grid_up = True
    night.advance(NOON_MS + 11 * HOUR_MS)
    assert truth(night)["inverter.islanded"] == 0
    assert night.flows.carried == (True,) * 4


def test_a_battery_that_ran_empty_in_an_outage_waits_for_the_sun() -> None:
    site = world(start_ms=NOON_MS + 8 * HOUR_MS)
    site.soc_pct, site.grid_up = 7.0, False
    site.advance(NOON_MS + 14 * HOUR_MS)
    assert site.flows.dark
    site.advance(NOON_MS + 24 * HOUR_MS)
    assert not site.flows.dark
    assert site.soc_pct > 10


def test_a_year_of_sun_is_the_citys() -> None:
    weather = Weather(7)
    first = local_day(1_767_225_600_000)
    days = [first + n for n in range(0, 365, 5)]
    global_kwh = [float(_global(weather, day).sum()) / 60_000 for day in days]
    assert np.mean(global_kwh) == pytest.approx(3.63, rel=0.08)


def _global(weather: Weather, day: int) -> np.ndarray:
    from simulator.weather import transmission

    return clear_day(day).global_w_m2 * transmission(weather.city_day(day).cover)


def test_a_south_roof_yields_what_such_roofs_yield() -> None:
    weather, site = Weather(7), SPECS[0]
    first = local_day(1_767_225_600_000)
    yield_kwh = 0.0
    for day in range(first, first + 365, 5):
        city = weather.city_day(day)
        cover = weather.local_cover(city, site.id)
        power = pv_power_w(clear_day(day), cover, city.air_c, tilt_deg=10, azimuth_deg=180, rated_w=1_000)
        yield_kwh += float(power.sum()) / 60_000 * 5
    assert 1_000 < yield_kwh < 1_300


def test_no_sun_at_night_and_neighbours_under_one_sky() -> None:
    city = City(7)
    sites = [SiteWorld(spec, city, start_ms=NOON_MS, step_ms=60_000) for spec in SPECS]
    shares = [site.pv_available_w / site.spec.plant.pv_w for site in sites]
    assert len(set(shares)) == len(shares)
    assert np.std(shares) < 0.3
    for site in sites:
        site.advance(NOON_MS + 10 * HOUR_MS)
        assert site.pv_available_w == 0


def test_a_storm_overrules_the_weather() -> None:
    storm = Episode(from_ms=NOON_MS - 6 * HOUR_MS, to_ms=NOON_MS + 6 * HOUR_MS, cover=1.0)
    stormy = SiteWorld(SPECS[0], City(7, Weather(7, (storm,))), start_ms=NOON_MS)
    clear = Episode(from_ms=NOON_MS - 6 * HOUR_MS, to_ms=NOON_MS + 6 * HOUR_MS, cover=0.0)
    sunny = SiteWorld(SPECS[0], City(7, Weather(7, (clear,))), start_ms=NOON_MS)
    assert stormy.pv_available_w < 0.45 * sunny.pv_available_w


def test_schools_work_on_weekdays_and_rest_on_sundays() -> None:
    friday = world(0, start_ms=NOON_MS - HOUR_MS)
    sunday = world(0, start_ms=NOON_MS - HOUR_MS + 2 * DAY_MS)
    assert (NOON_MS + TOKYO_MS) % DAY_MS == 12 * HOUR_MS
    assert friday.flows.load_w > 2.5 * sunday.flows.load_w
