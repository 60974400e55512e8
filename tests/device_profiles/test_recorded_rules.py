"""What recordings of owners' devices taught, told again by hand: each vector stands for a way that devices behave."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.readings import Quality
from device_profiles.codec import decode, encode
from device_profiles.discover import discover
from device_profiles.dump import decode_dump
from device_profiles.image import run
from device_profiles.load import load
from device_profiles.model import Direction, Field, Image, Table, ValueType
from tests.device_profiles.helpers import Words, decoded, image_of

INPUT, HOLDING = Table.INPUT, Table.HOLDING
CHARGING, DISCHARGING, IDLE = 0x002B, 0x002D, 0x0029
"""Power flows of a Sungrow with sun and load."""

DIRECTED = Field(
    point="battery.power_w",
    table=INPUT,
    address=21,
    type=ValueType.S16,
    direction=Direction(address=0, plus=0x0004, minus=0x0002),
)


def f32_low_first(value: float) -> list[int]:
    return list(reversed(struct.unpack(">HH", struct.pack(">f", value))))


def in_both(words: Words) -> tuple[Image, Image]:
    """The same registers, once as function 3 gives them and once as function 4 does."""
    return (
        {(HOLDING, address): word for (_, address), word in words.items()},
        {(INPUT, address): word for (_, address), word in words.items()},
    )


@pytest.mark.parametrize(
    ("flow", "raw", "value"),
    [
        (CHARGING, 6200, -6200),  # old firmware: never below zero, the flow tells the way
        (DISCHARGING, 310, 310),
        (CHARGING, 0x1_0000 - 6200, -6200),  # newer firmware: both agree
        (IDLE, 0, 0),
        (0, 205, 205),  # newer firmware that leaves the flow at 0: the sign is the value's own
        (0, 0x1_0000 - 205, -205),
    ],
)
def test_an_old_sungrow_s_battery_flows_as_the_power_flow_says(flow: int, raw: int, value: int) -> None:
    found = decoded("sungrow-sh", image_of(13000, [flow], INPUT) | image_of(13021, [raw], INPUT))
    assert found["battery.power_w"].value == value


def test_a_sungrow_that_says_both_ways_at_once_is_not_believed() -> None:
    found = decoded("sungrow-sh", image_of(13000, [0x0006], INPUT) | image_of(13021, [500], INPUT))
    assert found["battery.power_w"].quality is Quality.MALFORMED


def test_a_sungrow_whose_new_register_answers_is_read_there() -> None:
    image = image_of(13000, [CHARGING], INPUT) | image_of(13021, [400], INPUT) | image_of(5213, [412, 0], INPUT)
    assert decoded("sungrow-sh", image)["battery.power_w"].value == 412


def test_a_power_flow_that_is_not_kept_tells_no_state_of_the_battery() -> None:
    assert decoded("sungrow-sh", image_of(13000, [0], INPUT))["battery.state"].quality is Quality.NOT_AVAILABLE
    assert decoded("sungrow-sh", image_of(13000, [IDLE], INPUT))["battery.state"].value == 2


def test_a_sungrow_meter_of_all_ones_is_none() -> None:
    found = decoded("sungrow-sh", image_of(5600, [0xFFFF] * 8, INPUT))
    for point in ("grid.power_w", "grid.l1_power_w", "grid.l3_power_w", "grid.meter_online"):
        assert found[point].quality is Quality.NOT_AVAILABLE


@given(value=st.integers(-0x8000, 0x7FFF), there=st.integers(0, 0xFFFF), present=st.integers(0, 0xFFFF))
def test_a_value_with_its_way_beside_it_reads_back(value: int, there: int, present: int) -> None:
    image = {(INPUT, 0): there, (INPUT, 21): present}
    made = image | encode(DIRECTED, value, image)
    reading = decode(DIRECTED, made)
    assert reading is not None
    assert reading.value == value
    assert made[INPUT, 0] & ~0x0006 == there & ~0x0006


@given(flow=st.integers(0, 0xFFFF), raw=st.integers(0, 0xFFFF))
def test_any_words_give_a_value_of_that_size_or_none(flow: int, raw: int) -> None:
    reading = decode(DIRECTED, {(INPUT, 0): flow, (INPUT, 21): raw})
    assert reading is not None
    if reading.value is None:
        assert flow & 0x0006 == 0x0006
    else:
        assert abs(reading.value) == abs(raw - 0x1_0000 if raw > 0x7FFF else raw)


def test_without_the_register_of_its_way_there_is_no_value() -> None:
    assert decode(DIRECTED, {(INPUT, 21): 500}) is None


@pytest.mark.parametrize(
    ("profile_id", "table", "address", "words"),
    [("goodwe-et", HOLDING, 35187, [9]), ("victron-gx", HOLDING, 826, [7]), ("sungrow-sh", INPUT, 12999, [0x7777])],
)
def test_a_state_that_nobody_knows_does_not_say_that_the_grid_is_there(
    profile_id: str, table: Table, address: int, words: list[int]
) -> None:
    found = decoded(profile_id, image_of(address, words, table))
    assert found["inverter.islanded"].quality is Quality.NOT_AVAILABLE


@pytest.mark.parametrize("high", [0x0000, 0xFFFF])
def test_a_goodwe_below_zero_is_below_zero_whatever_its_high_half(high: int) -> None:
    image = image_of(35124, [high, 0xFF38]) | image_of(35137, [high, 0xFED4, high, 0xFF9C])
    found = decoded("goodwe-et", image)
    assert found["inverter.l1_power_w"].value == -200
    assert found["inverter.power_w"].value == -300
    assert found["grid.power_w"].value == 100  # no meter registers: as the inverter has it from its meter


def test_a_goodwe_s_meter_comes_before_what_the_inverter_says_of_it() -> None:
    image = image_of(35139, [0, 900]) | image_of(36025, [0xFFFF, 0xFC18])
    assert decoded("goodwe-et", image)["grid.power_w"].value == 1000


def test_an_sma_says_the_same_by_function_3_and_4() -> None:
    words = image_of(30845, [0, 67]) | image_of(31393, [0, 1200, 0, 0]) | image_of(30773, [0, 400])
    words |= image_of(30961, [0, 250])
    by_3, by_4 = (decode_dump(load("sma"), image).points for image in in_both(words))
    assert by_3 == by_4
    assert by_3["battery.soc_pct"].value == 67
    assert by_3["battery.power_w"].value == -1200
    assert by_3["pv.power_w"].value == 650


def test_an_sma_with_a_third_string_counts_it() -> None:
    words = image_of(30773, [0, 400], INPUT) | image_of(30961, [0, 250], INPUT) | image_of(30967, [0, 50], INPUT)
    assert decoded("sma", words)["pv.power_w"].value == 700


@pytest.mark.parametrize("profile_id", ["victron-gx", "victron-vebus", "carlo-gavazzi"])
def test_makers_who_answer_both_functions_alike_are_read_by_either(profile_id: str) -> None:
    profile = load(profile_id)
    words = {key: 3 for field in profile.fields for span in field.spans for key in _keys(span.start, span.end)}
    by_3, by_4 = (decode_dump(profile, image).points for image in in_both(words))
    assert by_3
    assert by_3 == by_4


def _keys(start: int, end: int) -> list[tuple[Table, int]]:
    return [(HOLDING, address) for address in range(start, end)]


def test_other_makers_registers_of_one_number_stay_apart() -> None:
    image = image_of(13022, [500], HOLDING)
    assert "battery.soc_pct" not in decode_dump(load("sungrow-sh"), image).points


def test_a_solaredge_s_own_registers_are_read_without_its_models() -> None:
    image = image_of(57716, f32_low_first(1500.0)) | image_of(57732, f32_low_first(42.5))
    found = decode_dump(load("solaredge"), image).points
    assert (found["battery.power_w"].value, found["battery.soc_pct"].value) == (-1500, 42.5)


def test_a_solaredge_s_battery_stands_in_another_place_too() -> None:
    image = image_of(62836, f32_low_first(-800.0)) | image_of(62852, f32_low_first(9.0))
    found = decode_dump(load("solaredge"), image).points
    assert (found["battery.power_w"].value, found["battery.soc_pct"].value) == (800, 9)


def test_a_huawei_without_sums_over_its_batteries_tells_those_of_the_first() -> None:
    image = image_of(37001, [0, 640]) | image_of(37004, [455]) | image_of(37066, [0, 1234, 0, 567])
    device_map = run(discover(load("huawei-sun2000")), image)
    places = {field.point: field.address for field in device_map.fields}
    assert places["battery.charge_energy_wh"] == 37066
    found = decoded("huawei-sun2000", image)
    assert found["battery.power_w"].value == -640
    assert found["battery.soc_pct"].value == pytest.approx(45.5)
    assert (found["battery.charge_energy_wh"].value, found["battery.discharge_energy_wh"].value) == (12_340, 5_670)
