"""A planted fault changes what it should, consistently, and nothing else."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.points import POINTS, Kind
from simulator.fleet import build
from simulator.planted import ABOUT, Planted, shown
from simulator.truth import truth
from simulator.world import City, SiteWorld
from tests.simulator.support import NOON_MS

METERED = {"grid.power_w", "grid.reactive_power_var", "grid.l*_power_w", "grid.l*_current_a"}
ENERGY = {"grid.import_energy_wh", "grid.export_energy_wh"}
COUNTERS = {name for name, point in POINTS.items() if point.kind is Kind.COUNTER}
MAY_CHANGE: dict[tuple[str, Planted], set[str]] = {
    ("meter", Planted.SWAPPED_CT): METERED | ENERGY,
    ("meter", Planted.ONE_CT_TURNED): {"grid.power_w", "grid.l2_power_w", "grid.l2_current_a"} | ENERGY,
    ("meter", Planted.CROSSED_PHASES): {"grid.power_w", "grid.l[23]_power_w", "grid.l[23]_current_a"} | ENERGY,
    ("meter", Planted.CT_RATIO): METERED | ENERGY,
    ("meter", Planted.SWAPPED_COUNTERS): ENERGY,
    ("meter", Planted.PHASE_ORDER): {"grid.phase_order"},
    ("meter", Planted.COUNTERS_STAND): COUNTERS,
    ("inverter", Planted.COUNTERS_STAND): COUNTERS,
    ("inverter", Planted.BATTERY_SIGN): {"battery.power_w", "battery.current_a"},
    ("inverter", Planted.SOC_SCALE): {"battery.soc_pct"},
    ("inverter", Planted.BATTERY_VOLTAGE): {"battery.voltage_v"},
    ("inverter", Planted.PV_AT_NIGHT): {"pv.power_w", "pv1.*", "inverter.dc_power_w"},
    ("inverter", Planted.DEAD_STRING): {"pv?.current_a", "pv?.power_w"},
    ("inverter", Planted.PV_SCALE): {"pv.power_w", "pv?.power_w", "inverter.dc_power_w"},
    ("inverter", Planted.FROZEN): {"*"},
    ("inverter", Planted.METER_OFFLINE): {"grid.*"},
    ("inverter", Planted.CLOCK_OFF): {"inverter.clock_s"},
}
moments = st.builds(
    lambda seed, hour, soc_pct, grid_up: _moment(seed, hour, soc_pct, grid_up=grid_up),
    st.integers(0, 5),
    st.integers(0, 23),
    st.floats(5, 100),
    st.booleans(),
)
CITY = City(7)


def _moment(seed: int, hour: int, soc_pct: float, *, grid_up: bool) -> tuple[dict[str, float], dict[str, float]]:
    """What is true at a start, and ten minutes later."""
    start_ms = NOON_MS + hour * 3_600_000
    world = SiteWorld(build(6, 7)[seed], CITY, start_ms=start_ms, step_ms=60_000)
    world.soc_pct, world.grid_up = soc_pct, grid_up
    world.advance(start_ms + 60_000)
    start = truth(world)
    world.advance(start_ms + 660_000)
    return start, truth(world)


def changed(before: dict[str, float], after: dict[str, float]) -> set[str]:
    return {point for point, value in after.items() if not math.isclose(value, before[point], rel_tol=1e-12)}


def test_every_fault_is_told_in_one_line() -> None:
    assert set(ABOUT) == set(Planted)
    assert all(len(about) < 100 and ":" in about for about in ABOUT.values())


@given(moments, st.sampled_from(list(Planted)), st.sampled_from(["meter", "inverter", "relay"]))
def test_a_fault_touches_only_its_own_points(
    moment: tuple[dict[str, float], dict[str, float]], fault: Planted, instrument: str
) -> None:
    start, now = moment
    after = shown([fault], instrument, now, start)
    assert after.keys() == now.keys()
    allowed = MAY_CHANGE.get((instrument, fault), set())
    stray = {point for point in changed(now, after) if not any(fnmatchcase(point, each) for each in allowed)}
    assert not stray


@given(moments)
def test_turned_transformers_turn_power_current_and_counters_alike(
    moment: tuple[dict[str, float], dict[str, float]],
) -> None:
    start, now = moment
    seen = shown([Planted.SWAPPED_CT], "meter", now, start)
    assert seen["grid.power_w"] == -now["grid.power_w"]
    assert seen["grid.import_energy_wh"] == now["grid.export_energy_wh"]
    assert seen["grid.l1_voltage_v"] == now["grid.l1_voltage_v"]
    assert shown([Planted.SWAPPED_CT], "meter", seen, start) == pytest.approx(now)


@pytest.mark.parametrize("fault", [Planted.SWAPPED_CT, Planted.ONE_CT_TURNED, Planted.CROSSED_PHASES, Planted.CT_RATIO])
@given(moment=moments)
def test_the_total_stays_the_sum_of_the_phases(
    fault: Planted, moment: tuple[dict[str, float], dict[str, float]]
) -> None:
    start, now = moment
    seen = shown([fault], "meter", now, start)
    assert seen["grid.power_w"] == pytest.approx(sum(seen[f"grid.l{n}_power_w"] for n in (1, 2, 3)), abs=1e-6)


def test_crossed_phases_show_minus_half_of_volts_times_amperes() -> None:
    start, now = _moment(0, 8, 6.0, grid_up=True)
    assert now["grid.power_w"] > 1_000
    seen = shown([Planted.CROSSED_PHASES], "meter", now, start)
    for phase in ("l2", "l3"):
        volts, amperes = seen[f"grid.{phase}_voltage_v"], seen[f"grid.{phase}_current_a"]
        assert seen[f"grid.{phase}_power_w"] == pytest.approx(-0.5 * volts * abs(amperes))


@given(moments)
def test_a_dead_string_leaves_the_sum_as_it_is(moment: tuple[dict[str, float], dict[str, float]]) -> None:
    start, now = moment
    seen = shown([Planted.DEAD_STRING], "inverter", now, start)
    trackers = [point for point in now if fnmatchcase(point, "pv?.power_w")]
    assert seen[trackers[-1]] == 0
    assert sum(seen[point] for point in trackers) == pytest.approx(now["pv.power_w"], abs=1e-6)


def test_pv_at_night_is_there_in_the_dark_and_nowhere_else() -> None:
    dark, light = _moment(0, 10, 50.0, grid_up=True), _moment(0, 0, 50.0, grid_up=True)
    assert shown([Planted.PV_AT_NIGHT], "inverter", dark[1], dark[0])["pv.power_w"] == 350
    assert shown([Planted.PV_AT_NIGHT], "inverter", light[1], light[0]) == light[1]


def test_counters_stand_while_power_flows() -> None:
    start, now = _moment(0, 0, 50.0, grid_up=True)
    seen = shown([Planted.COUNTERS_STAND], "inverter", now, start)
    assert seen["pv.energy_wh"] == start["pv.energy_wh"] < now["pv.energy_wh"]
    assert seen["pv.power_w"] == now["pv.power_w"] > 0
