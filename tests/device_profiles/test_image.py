"""The simulator's devices: what is written as points reads back as points, through discovery and plan."""

from __future__ import annotations

import math

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from contract.points import POINTS, BatteryState, InverterState, Kind
from contract.readings import Quality
from device_profiles.blocks import plan
from device_profiles.codec import CodecError, decode, decode_text, encode, readings
from device_profiles.controls import by_name, in_force, planned
from device_profiles.discover import discover
from device_profiles.image import Template, run, template, words_of
from device_profiles.load import load, profile_ids
from device_profiles.model import Argument, Control, Field, Image, ValueType, Write
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
    "s": (1_600_000_000, 1_900_000_000),
    "var": (-10_000, 10_000),
}
TYPES = {
    ValueType.U16: (0, 0xFFF0),
    ValueType.S16: (-0x7FF0, 0x7FF0),
    ValueType.U32: (0, 0x7FFF_FFF0),
    ValueType.S32: (-0x7FFF_FFF0, 0x7FFF_FFF0),
}
"""Raw numbers that are none of the words for "not available"."""


def bounds_of(field: Field, image: Image) -> tuple[float, float]:
    """What a field's registers can hold, in its unit, within what the point allows."""
    point = POINTS[field.point]
    if field.type not in TYPES:
        return point.low, point.high
    step = math.copysign(step_of(field, image), field.scale)
    signs = {1, *(sign for _, sign in field.terms)}
    ends = sorted(sign * raw * step + field.offset for raw in TYPES[field.type] for sign in signs)
    ends = [ends[0], ends[-1]]
    if field.absolute:
        ends = [0.0, max(map(abs, ends))]
    return max(ends[0], point.low), min(ends[1], point.high)


def read_by_plan(made: Template, image: Image) -> Words:
    """Only what the planned requests would bring."""
    seen: Words = {}
    for block in plan(made.device_map.fields, made.device_map.limits):
        words = words_of(block, image)
        assert words is not None, f"{block} reaches registers that the simulated device does not have"
        seen |= {(block.table, block.start + n): word for n, word in enumerate(words)}
    return seen


@pytest.mark.parametrize("profile_id", TEMPLATES)
@settings(max_examples=8, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # A hundred draws shrink for minutes.
@given(data=st.data())
def test_points_survive_the_way_through_registers(profile_id: str, data: st.DataObject) -> None:
    made = TEMPLATES[profile_id]
    image = dict(made.image)
    wanted: dict[str, float] = {}
    for each in made.device_map.fields:
        point = POINTS[each.point]
        has_no_scale = each.scale_factor_address and image[each.table, each.scale_factor_address] == 0x8000
        if point.kind is Kind.STATE or has_no_scale:
            continue  # A device without the scale factor does not have the point.
        low, high = (1_000, 500_000) if each.point == "battery.capacity_wh" else SENSIBLE[point.unit]
        least, most = bounds_of(each, image)
        low, high = max(low, least), min(high, most)
        value = data.draw(st.floats(low, high), label=each.point)
        try:
            image |= encode(each, value, image)
        except CodecError:  # A maker whose "not available" is the word for -1 cannot say -1.
            with pytest.raises(CodecError, match="means 'not available'"):
                encode(each, value, image)
            continue
        wanted[each.point] = value
    device_map = run(discover(load(profile_id)), image)
    assert device_map == made.device_map
    found = {r.point: r for r in readings(device_map.fields, read_by_plan(made, image), device_map.sums)}
    for each in device_map.fields:
        if each.point in wanted:
            got = found[each.point]
            if wanted[each.point] < step_of(each, image) and got.quality is Quality.NOT_AVAILABLE:
                continue  # A counter that has not begun stands at the device's "not implemented".
            if each.absent_while and found[each.absent_while[0]].value == each.absent_while[1]:
                assert got.quality is Quality.NOT_AVAILABLE
                continue
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
                if point not in by_point:
                    continue
                value = {"inverter.state": state, "inverter.islanded": islanded}.get(point, 0)
                image |= encode(by_point[point], value, image)
            reading = decode(by_point["inverter.islanded"], image)
            assert reading is not None
            assert reading.value == islanded


@each_template
def test_a_register_that_is_written_reads_back(made: Template) -> None:
    image = dict(made.image)
    for register in made.device_map.registers:
        for value in (register.low, register.high, register.low):
            image |= encode(register.field, value, image)
            reading = decode(register.field, image)
            assert reading is not None
            assert reading.value == pytest.approx(value, abs=step_of(register.field, image) / 2 + 1e-6, rel=1e-6)


def ordered(made: Template, image: Image, writes: tuple[Write, ...], given: dict[str, float]) -> Words:
    """The registers after a sequence."""
    after = dict(image)
    for each in planned(writes, by_name(made.device_map.registers), given):
        after |= encode(each.register.field, each.value, after)
    return after


def arguments(made: Template, control: Control) -> dict[str, float]:
    """Something that this device takes of each argument of a control."""
    registers = by_name(made.device_map.registers)
    wanted = {Argument.SOC_PCT: 60.0, Argument.POWER_W: 3_000.0}
    taken = [write for write in control.on if isinstance(write.to, Argument)]
    return {
        write.to: min(wanted[Argument(write.to)], registers[write.register].high)
        for write in taken
        if isinstance(write.to, Argument)
    }


@each_template
def test_what_is_ordered_is_in_force_and_what_is_released_is_not(made: Template) -> None:
    registers = by_name(made.device_map.registers)
    for control in made.device_map.controls:
        given = arguments(made, control)
        on = ordered(made, made.image, control.on, given)
        found = in_force(control, registers, on)
        if not any(registers[write.register].is_readable for write in control.on):
            assert found is None, control.kind  # Nobody can know.
            continue
        assert found is not None, control.kind
        seen = {write.to for write in control.on if registers[write.register].is_readable}
        assert found.keys() == given.keys() & seen
        for name, value in given.items():
            if name not in found:
                continue
            register = next(registers[write.register] for write in control.on if write.to == name)
            assert found[name] == pytest.approx(value, abs=step_of(register.field, on)), control.kind
        if control.off:
            assert in_force(control, registers, ordered(made, on, control.off, {})) is None, control.kind


@pytest.mark.parametrize("profile_id", ["sunspec", "huawei-sun2000", "goodwe-et"])
def test_a_hybrid_s_reserve_is_read_where_it_is_written(profile_id: str) -> None:
    made = template(profile_id)
    image = dict(made.image)
    image |= encode(made.field("reserve"), 70, image)
    reading = decode(made.field("battery.reserve_soc_pct"), image)
    assert reading is not None
    assert reading.value == 70
    assert {each.kind for each in made.device_map.controls} >= {"reserve", "charge", "backup", "export_limit"}


@each_template
def test_a_fresh_device_is_at_rest(made: Template) -> None:
    registers = by_name(made.device_map.registers)
    for control in made.device_map.controls:
        if control.kind != "reserve" and not control.kind.startswith("tier"):
            assert in_force(control, registers, made.image) is None, control.kind
    texts = {each.point: decode_text(each, made.image) for each in made.device_map.identity}
    assert all(texts.values())


@each_template
def test_what_a_device_does_not_measure_can_be_said_in_its_own_words(made: Template) -> None:
    for each in made.device_map.fields:
        if each.sentinels:
            reading = decode(each, made.image | encode(each, math.nan, made.image))
            assert reading is not None
            assert reading.quality is Quality.NOT_AVAILABLE
