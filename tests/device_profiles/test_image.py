"""The simulator's devices: what is written as points reads back as points, through discovery and plan."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.points import POINTS, BatteryState, InverterState, Kind
from contract.readings import Quality
from device_profiles.blocks import plan
from device_profiles.codec import decode, decode_text, encode, readings
from device_profiles.discover import discover
from device_profiles.image import Template, run, template, words_of
from device_profiles.load import load, profile_ids
from device_profiles.model import CONTROLS, Image
from tests.device_profiles.helpers import Words, step_of

TEMPLATES = {profile_id: template(profile_id) for profile_id in profile_ids()}
each_template = pytest.mark.parametrize("made", TEMPLATES.values(), ids=TEMPLATES.keys())

SENSIBLE = {
    "W": (-25_000, 25_000),
    "Wh": (1, 50_000_000),
    "V": (0, 900),
    "A": (-300, 300),
    "%": (0, 100),
    "Hz": (45, 65),
    "°C": (-20, 90),
    "var": (-10_000, 10_000),
}
UNSIGNED = ("pv", "battery.max_", "battery.capacity", "inverter.l", "backup.l")


def read_by_plan(made: Template, image: Image) -> Words:
    """Only what the planned requests would bring."""
    seen: Words = {}
    for block in plan(made.device_map.fields, made.device_map.limits):
        words = words_of(block, image)
        assert words is not None, f"{block} reaches registers that the simulated device does not have"
        seen |= {(block.table, block.start + n): word for n, word in enumerate(words)}
    return seen


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(TEMPLATES)), st.data())
def test_points_survive_the_way_through_registers(profile_id: str, data: st.DataObject) -> None:
    made = TEMPLATES[profile_id]
    image = dict(made.image)
    wanted: dict[str, float] = {}
    for each in made.device_map.fields:
        point = POINTS[each.point]
        if point.kind is Kind.STATE:
            continue
        low, high = (1_000, 500_000) if each.point == "battery.capacity_wh" else SENSIBLE[point.unit]
        if each.point.startswith(UNSIGNED) and low < 0 and point.unit != "°C":
            low = 0
        value = data.draw(st.floats(low, high, width=32), label=each.point)
        image |= encode(each, value, image)
        wanted[each.point] = value
    device_map = run(discover(load(profile_id)), image)
    assert device_map == made.device_map
    found = {r.point: r for r in readings(device_map.fields, read_by_plan(made, image), device_map.sums)}
    for each in device_map.fields:
        if each.point in wanted:
            got = found[each.point]
            if wanted[each.point] < step_of(each, image) and got.quality is Quality.NOT_AVAILABLE:
                continue  # A counter that has not begun stands at the device's "not implemented".
            assert got.value == pytest.approx(wanted[each.point], abs=step_of(each, image) / 2 + 1e-6, rel=1e-6)


@each_template
def test_every_code_that_a_device_has_a_word_for_reads_back(made: Template) -> None:
    for each in made.device_map.fields:
        if POINTS[each.point].kind is not Kind.STATE:
            continue
        codes = set(each.states.values()) if each.states else {0, 1}
        for code in codes:
            image = made.image | encode(each, code, made.image)
            reading = decode(each, image)
            assert reading is not None
            assert reading.value == code


@each_template
def test_every_state_can_be_written_somehow(made: Template) -> None:
    enums = {"inverter.state": InverterState, "battery.state": BatteryState}
    for each in made.device_map.fields:
        for state in enums.get(each.point, ()):
            assert encode(each, state, made.image)


@each_template
def test_islanded_and_state_can_be_written_in_any_order(made: Template) -> None:
    by_point = {each.point: each for each in made.device_map.fields}
    if "inverter.islanded" not in by_point:
        return
    for state, islanded in ((InverterState.FAULT, 0), (InverterState.OPERATING, 0), (InverterState.ISLANDED, 1)):
        for order in (("inverter.state", "inverter.islanded"), ("inverter.islanded", "inverter.state")):
            image = dict(made.image)
            for point in (*order, "inverter.fault_bits"):
                value = {"inverter.state": state, "inverter.islanded": islanded}.get(point, 0)
                image |= encode(by_point[point], value, image)
            reading = decode(by_point["inverter.islanded"], image)
            assert reading is not None
            assert reading.value == islanded


@each_template
def test_a_control_that_is_written_reads_back(made: Template) -> None:
    image = dict(made.image)
    rules = {rule.control: rule for rule in made.device_map.rules}
    for control in made.controls:
        rule = rules[control.point]
        for value in (rule.low, rule.high, rule.low):
            image |= encode(control, value, image)
            reading = decode(control, image)
            assert reading is not None
            assert reading.value == pytest.approx(value, abs=step_of(control, image) + 1)
    # One after the other, none of them undid another.
    values = {control.point: rules[control.point].high for control in made.controls}
    for control in made.controls:
        image |= encode(control, values[control.point], image)
    for control in made.controls:
        reading = decode(control, image)
        assert reading is not None
        assert reading.value == pytest.approx(values[control.point], abs=1)


@pytest.mark.parametrize("profile_id", ["sunspec", "huawei-sun2000", "goodwe-et"])
def test_a_hybrid_s_reserve_is_read_where_it_is_written(profile_id: str) -> None:
    made = template(profile_id)
    image = dict(made.image)
    image |= encode(made.field("control.reserve_soc_pct"), 70, image)
    reading = decode(made.field("battery.reserve_soc_pct"), image)
    assert reading is not None
    assert reading.value == 70
    assert {each.point for each in made.controls} == CONTROLS.keys()


@each_template
def test_a_fresh_device_is_at_rest(made: Template) -> None:
    for control in made.controls:
        if control.point in {"control.backup", "control.forced_charge_on", "control.export_limit_on"}:
            reading = decode(control, made.image)
            assert reading is not None
            assert reading.value == 0
    texts = {each.point: decode_text(each, made.image) for each in made.device_map.identity}
    assert all(texts.values())


@each_template
def test_what_a_device_does_not_measure_can_be_said_in_its_own_words(made: Template) -> None:
    for each in made.device_map.fields:
        if each.sentinels:
            reading = decode(each, made.image | encode(each, math.nan, made.image))
            assert reading is not None
            assert reading.quality is Quality.NOT_AVAILABLE
