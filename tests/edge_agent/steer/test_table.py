"""The table of modes is complete and says one thing for every case; what it must never say."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.steering import GridState, Mode
from device_profiles.controls import by_name
from device_profiles.image import template
from device_profiles.load import profile_ids
from device_profiles.model import Argument
from edge_agent.core.modes import (
    TABLE,
    Band,
    Loads,
    Policy,
    SetPoints,
    Sight,
    Wishes,
    band_of,
    row_of,
    set_points,
    sight_of,
)
from edge_agent.core.wanted import RELEASED, DeviceOrder, able, orders_for

CASES = list(product(Mode, Sight, Band))
FAMILIES = [
    each for each in profile_ids() if {c.kind for c in template(each).device_map.controls} & {"charge", "reserve"}
]


@pytest.mark.parametrize(("mode", "grid", "band"), CASES)
def test_every_case_stands_in_exactly_one_row(mode: Mode, grid: Sight, band: Band) -> None:
    assert sum(mode in row.modes and grid in row.grid and band in row.bands for row in TABLE) == 1


def test_nothing_is_written_where_nothing_is_seen_nor_under_a_lock_out() -> None:
    for mode, grid, band in CASES:
        row = row_of(mode, grid, band)
        if mode is Mode.MAINTENANCE or (grid is Sight.UNSEEN and mode is not Mode.ISOLATED):
            assert (row.policy, row.loads) == (Policy.LEAVE, Loads.LEAVE)


def test_a_forced_charge_wants_a_grid_and_a_state_of_charge() -> None:
    for mode, grid, band in CASES:
        if row_of(mode, grid, band).policy is Policy.CHARGE:
            assert grid is Sight.THERE
            assert band is not Band.UNKNOWN


def test_an_isolated_shelter_has_no_loads_whatever_the_grid_does() -> None:
    rows = [row_of(Mode.ISOLATED, grid, band) for grid, band in product(Sight, Band)]
    assert {(row.policy, row.loads) for row in rows} == {(Policy.OFF, Loads.NONE)}


def test_alone_at_the_floor_every_tier_is_dark() -> None:
    for mode in (Mode.NORMAL, Mode.STORM_WATCH, Mode.BACKUP, Mode.RECOVERY):
        assert set_points(mode, Sight.GONE, Band.FLOOR, Wishes(tiers_closed=3)).tiers_closed == 0
        assert set_points(mode, Sight.GONE, Band.LOW, Wishes(tiers_closed=3)).tiers_closed == 3


@pytest.mark.parametrize("in_outage", [False, True])
def test_unknown_is_never_islanded(in_outage: bool) -> None:
    assert sight_of(GridState.UNKNOWN, in_outage=in_outage) is Sight.UNSEEN
    assert sight_of(GridState.METER_DARK, in_outage=in_outage) is not Sight.GONE


@given(st.floats(0, 100), st.sampled_from(Band), st.floats(0, 20), st.floats(21, 60), st.floats(61, 100))
def test_a_band_that_was_entered_is_not_left_by_the_same_reading(
    soc_pct: float, was: Band, floor_pct: float, reserve_pct: float, target_pct: float
) -> None:
    def banded(before: Band) -> Band:
        return band_of(soc_pct, floor_pct=floor_pct, reserve_pct=reserve_pct, target_pct=target_pct, was=before)

    once = banded(was)
    assert banded(once) is once
    assert (once is Band.FLOOR) or soc_pct >= floor_pct


policies = st.builds(
    SetPoints,
    policy=st.sampled_from(Policy),
    loads=st.sampled_from(Loads),
    reserve_pct=st.floats(10, 100),
    target_pct=st.floats(10, 100),
    charge_power_w=st.none() | st.floats(100, 50_000),
    wants_backup=st.booleans(),
)


@given(policies, st.sampled_from(FAMILIES), st.sets(st.sampled_from(RELEASED)), st.none() | st.floats(0, 100))
def test_no_two_orders_of_a_device_want_a_register_differently(
    points: SetPoints, family: str, held: set[str], soc_pct: float | None
) -> None:
    device_map = template(family).device_map
    it = able(device_map.controls, by_name(device_map.registers), held)
    orders = orders_for(points, it) or ()
    final: dict[str, tuple[str, float]] = {}
    released = [order.kind for order in orders if order.off]
    assert set(released) <= held
    ordered = [order for order in orders if not order.off]
    assert not {order.kind for order in ordered} & set(released)
    assert not {"charge", "discharge_block"} <= {order.kind for order in ordered}
    for order in ordered:
        for name, value in values_of(order, it.controls[order.kind].on).items():
            other = final.setdefault(name, (order.kind, value))
            assert abs(other[1] - value) < 1e-6, (family, other, order.kind, name, value)
    # What is released comes before what is ordered.
    assert [order.off for order in orders] == sorted((order.off for order in orders), reverse=True)


def values_of(order: DeviceOrder, writes: object) -> dict[str, float]:
    found: dict[str, float] = {}
    for write in writes:  # type: ignore[attr-defined]
        value = order.arguments.get(write.to) if isinstance(write.to, Argument) else write.to
        if value is not None:
            found[write.register] = value
    return found
