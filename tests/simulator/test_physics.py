"""The flows of one step: balances, limits and the order of the inverter's duties, for any plant and any order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.physics import Controls, Flows, ac_of_dc, dc_of_ac, islanded, on_grid, soc_after
from simulator.spec import RELAYS, SECURED_TIERS, TIERS, Plant

STEP_H = 1 / 60
PLANT = Plant(
    pv_w=47_520,
    inverter_w=33_000,
    backup_w=9_900,
    capacity_wh=26_100,
    charge_w=13_050,
    discharge_w=13_050,
)
TIERS_W = (600.0, 2_500.0, 4_000.0, 9_000.0)

plants = st.builds(
    Plant,
    pv_w=st.floats(2_000, 150_000),
    inverter_w=st.floats(3_000, 100_000),
    backup_w=st.floats(1_000, 30_000),
    capacity_wh=st.floats(5_000, 100_000),
    charge_w=st.floats(1_000, 40_000),
    discharge_w=st.floats(1_000, 40_000),
)
controls = st.builds(
    Controls,
    reserve_pct=st.floats(0, 100),
    forced_charge_power_w=st.sampled_from((0.0, 3_000.0, 200_000.0)),
    forced_charge_on=st.booleans(),
    backup=st.booleans(),
    export_limit_w=st.sampled_from((0.0, 1_000.0, 1e6)),
    export_limit_on=st.booleans(),
    closed=st.lists(st.booleans(), min_size=RELAYS, max_size=RELAYS),
)
moments = st.fixed_dictionaries(
    {
        "soc_pct": st.floats(0, 100),
        "pv_w": st.floats(0, 150_000),
        "tiers_w": st.tuples(*[st.floats(0, 40_000)] * TIERS),
        "step_h": st.sampled_from((1 / 3600, 1 / 60)),
    }
)


def assert_balanced(plant: Plant, flows: Flows, pv_w: float) -> None:
    assert flows.inverter_w + flows.grid_w == pytest.approx(flows.load_w, abs=1e-6)
    assert flows.pv_w + flows.battery_w - flows.loss_w == pytest.approx(flows.inverter_w, abs=1e-6)
    assert flows.loss_w >= -1e-9
    assert flows.pv_w + flows.curtailed_w == pytest.approx(pv_w, abs=1e-6)
    assert 0 <= flows.pv_w <= pv_w + 1e-9
    assert abs(flows.inverter_w) <= plant.inverter_w + 1e-6
    assert -plant.charge_w - 1e-6 <= flows.battery_w <= plant.discharge_w + 1e-6


@given(plant=plants, orders=controls, moment=moments)
def test_on_grid_everything_balances_and_no_limit_is_broken(
    plant: Plant, orders: Controls, moment: dict[str, Any]
) -> None:
    flows = on_grid(plant, orders, **moment)
    assert_balanced(plant, flows, moment["pv_w"])
    if orders.export_limit_on:
        assert flows.grid_w >= -orders.export_limit_w - 1e-6
    assert flows.carried == tuple(orders.closed[:TIERS])


@given(plant=plants, orders=controls, moment=moments)
def test_on_grid_the_battery_never_gives_what_the_reserve_holds(
    plant: Plant, orders: Controls, moment: dict[str, Any]
) -> None:
    flows = on_grid(plant, orders, **moment)
    after = soc_after(plant, moment["soc_pct"], flows.battery_w, moment["step_h"])
    floor = max(orders.reserve_pct, plant.floor_pct)
    assert after >= min(moment["soc_pct"], floor) - 1e-9
    assert 0 <= after <= 100


@given(plant=plants, orders=controls, moment=moments, exhausted=st.booleans())
def test_islanded_everything_balances_and_the_inverter_carries_what_it_can(
    plant: Plant, orders: Controls, moment: dict[str, Any], exhausted: bool
) -> None:
    flows = islanded(plant, orders, exhausted=exhausted, **moment)
    assert_balanced(plant, flows, moment["pv_w"])
    assert flows.grid_w == 0
    assert flows.load_w <= min(plant.backup_w, plant.inverter_w) + 1e-6
    assert flows.backup_w == flows.load_w
    assert not any(flows.carried[SECURED_TIERS:])
    assert all(orders.closed[n] for n, has_power in enumerate(flows.carried) if has_power)
    after = soc_after(plant, moment["soc_pct"], flows.battery_w, moment["step_h"])
    assert after >= min(moment["soc_pct"], plant.floor_pct) - 1e-9


@given(plant=plants, ac_w=st.floats(-100_000, 100_000))
def test_the_inverters_loss_can_be_turned_round(plant: Plant, ac_w: float) -> None:
    assert ac_of_dc(plant, dc_of_ac(plant, ac_w)) == pytest.approx(ac_w, abs=1e-6)


@given(plant=plants, soc_pct=st.floats(20, 80), power_w=st.floats(100, 5_000))
def test_what_goes_through_the_battery_comes_back_less_its_loss(plant: Plant, soc_pct: float, power_w: float) -> None:
    charged = soc_after(plant, soc_pct, -power_w, 0.1)
    back_w = power_w * plant.efficiency**2
    assert soc_after(plant, charged, back_w, 0.1) == pytest.approx(soc_pct)


def noon(controls_now: Controls, *, soc_pct: float = 60.0, pv_w: float = 25_000.0) -> Flows:
    return on_grid(PLANT, controls_now, soc_pct=soc_pct, pv_w=pv_w, tiers_w=TIERS_W, step_h=STEP_H)


def test_surplus_goes_into_the_battery_first_and_then_to_the_grid() -> None:
    assert noon(Controls(), pv_w=20_000).grid_w == pytest.approx(0, abs=1e-6)
    full = noon(Controls(), soc_pct=100)
    assert full.battery_w == 0
    assert full.grid_w < -5_000


def test_an_export_limit_throws_sun_away_only_when_the_battery_is_full() -> None:
    limited = noon(Controls(export_limit_w=0), soc_pct=100)
    assert limited.grid_w == pytest.approx(0, abs=1e-6)
    assert limited.curtailed_w > 5_000
    assert noon(Controls(export_limit_w=0), pv_w=20_000).curtailed_w == 0


def test_forced_charge_takes_from_the_grid_at_night() -> None:
    flows = noon(Controls(forced_charge_power_w=8_000), pv_w=0)
    assert flows.battery_w == -8_000
    assert flows.grid_w > sum(TIERS_W) + 8_000
    assert noon(Controls(forced_charge_power_w=8_000, forced_charge_on=False), pv_w=0).battery_w > 0


def test_backup_fills_the_battery_and_never_uses_it_while_the_grid_is_there() -> None:
    assert noon(Controls(backup=True), pv_w=0).battery_w < 0
    assert noon(Controls(backup=True), pv_w=0, soc_pct=100).battery_w == 0


def test_below_the_reserve_the_battery_is_charged_from_the_grid() -> None:
    assert noon(Controls(reserve_pct=40), soc_pct=20, pv_w=0).battery_w < 0


def island(closed: list[bool], *, soc_pct: float = 60.0, pv_w: float = 0.0, exhausted: bool = False) -> Flows:
    orders = Controls(closed=closed + [True] * (RELAYS - len(closed)))
    return islanded(PLANT, orders, soc_pct=soc_pct, pv_w=pv_w, tiers_w=TIERS_W, step_h=STEP_H, exhausted=exhausted)


def test_an_island_carries_closed_secured_tiers() -> None:
    assert island([True] * 4).carried == (True, True, True, False)
    assert island([True, False, True, True]).load_w == TIERS_W[0] + TIERS_W[2]


def test_an_island_drops_the_lowest_tier_that_does_not_fit() -> None:
    orders = Controls()
    flows = islanded(
        PLANT, orders, soc_pct=60, pv_w=0, tiers_w=(600, 5_000, 9_000, 9_000), step_h=STEP_H, exhausted=False
    )
    assert flows.carried == (True, True, False, False)


def test_an_empty_island_in_the_dark_is_dark() -> None:
    flows = island([True] * 4, soc_pct=5.0)
    assert flows.dark
    assert flows.load_w == 0
    assert flows.inverter_w == 0


def test_an_island_with_a_full_battery_throws_the_surplus_away() -> None:
    flows = island([True] * 4, soc_pct=100, pv_w=30_000)
    assert flows.battery_w == 0
    assert flows.curtailed_w > 20_000
