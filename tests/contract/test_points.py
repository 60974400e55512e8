"""The closed list of points."""

from __future__ import annotations

import hashlib
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import INTEGER_MAX
from contract.points import POINT_NAMES, POINT_NUMBERS, POINTS, TIERS_MAX, TRACKERS_MAX, Kind, Point, _all_points
from tests.contract.strategies import point_names

every_point = pytest.mark.parametrize("point", POINTS.values(), ids=lambda point: point.name)
UNIT_OF_ENDING = {
    "_w": "W",
    "_wh": "Wh",
    "_v": "V",
    "_a": "A",
    "_var": "var",
    "_hz": "Hz",
    "_s": "s",
    "_pct": "%",
    "_c": "°C",
}


def test_no_name_is_given_twice() -> None:
    assert len(_all_points()) == len(POINTS)


def test_no_point_ever_changes_its_number() -> None:
    """The list grows at its end. The hash is over the first points; who adds some adds a line for them."""
    first = "\n".join(POINT_NAMES[:116])
    assert hashlib.blake2b(first.encode(), digest_size=8).hexdigest() == "79911249dc7616f4"
    assert [POINT_NUMBERS[name] for name in POINT_NAMES] == list(range(len(POINTS)))


def test_the_plan_s_first_list_is_there() -> None:
    wanted = """pv.power_w pv.energy_wh battery.power_w battery.current_a battery.voltage_v battery.soc_pct
    battery.soh_pct battery.temperature_c battery.capacity_wh battery.charge_energy_wh battery.discharge_energy_wh
    inverter.power_w inverter.reactive_power_var inverter.frequency_hz inverter.l1_voltage_v inverter.l3_current_a
    inverter.energy_wh inverter.temperature_c inverter.state grid.power_w grid.frequency_hz grid.l2_power_w
    grid.l1_voltage_v grid.l1_current_a grid.import_energy_wh grid.export_energy_wh
    backup.power_w backup.l1_power_w load.power_w"""
    trackers = [f"pv{n}.{q}" for n in range(1, TRACKERS_MAX + 1) for q in ("voltage_v", "current_a", "power_w")]
    tiers = [f"tier{n}.closed" for n in range(1, TIERS_MAX + 1)]
    assert not set(wanted.split()) - POINTS.keys()
    assert not {*trackers, *tiers} - POINTS.keys()


@every_point
def test_a_name_is_group_and_quantity_in_lower_case(point: Point) -> None:
    assert re.fullmatch(r"[a-z]+\d{0,2}\.[a-z][a-z0-9_]*", point.name)
    assert POINTS[point.name] is point


@every_point
def test_the_unit_is_the_end_of_the_name(point: Point) -> None:
    ending = "_" + point.name.rpartition("_")[2]
    assert point.unit == UNIT_OF_ENDING.get(ending, ""), "a quantity with a unit says so in its name"


@every_point
def test_bounds_are_a_range_that_the_wire_carries_exactly(point: Point) -> None:
    assert point.low < point.high
    assert -INTEGER_MAX <= point.to_wire(point.low) < point.to_wire(point.high) <= INTEGER_MAX
    assert point.step == pytest.approx(10.0**-point.decimals)


@every_point
def test_a_counter_is_energy_and_a_state_is_a_bare_whole_number(point: Point) -> None:
    if point.kind is Kind.COUNTER:
        assert (point.unit, point.low, point.decimals) == ("Wh", 0, 0)
    if point.kind is Kind.STATE:
        assert (point.unit, point.low, point.decimals) == ("", 0, 0)


@given(point_names, st.data())
def test_whole_steps_survive_the_way_to_a_float_and_back(name: str, data: st.DataObject) -> None:
    point = POINTS[name]
    steps = data.draw(st.integers(point.to_wire(point.low), point.to_wire(point.high)))
    assert point.to_wire(point.from_wire(steps)) == steps


@given(point_names, st.data())
def test_a_value_loses_at_most_half_a_step(name: str, data: st.DataObject) -> None:
    point = POINTS[name]
    value = data.draw(st.floats(point.low, point.high))
    assert abs(point.from_wire(point.to_wire(value)) - value) <= point.step * 0.500001


def test_what_people_read_is_the_nearest_decimal_number() -> None:
    assert POINTS["grid.l1_voltage_v"].from_wire(2_304) == 230.4
    assert POINTS["grid.frequency_hz"].to_wire(49.98) == 4_998


@every_point
def test_what_is_no_number_is_not_plausible(point: Point) -> None:
    assert point.is_plausible(point.low)
    assert point.is_plausible(point.high)
    assert not any(point.is_plausible(value) for value in (math.nan, math.inf, -math.inf, point.high + 1))
