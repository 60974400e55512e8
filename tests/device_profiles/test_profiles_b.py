"""SMA: raw words and orders made by hand from the facts; faults of SMA, Fronius and Victron in words."""

from __future__ import annotations

import pytest

from contract.readings import Quality
from device_profiles.blocks import plan
from device_profiles.controls import by_name, faults_in
from device_profiles.image import template
from device_profiles.load import load
from device_profiles.model import Table
from tests.device_profiles.helpers import Words, decoded, image_of
from tests.device_profiles.orders import control_of, good, missing, ordered

INPUT = Table.INPUT
NAN_TAG = [0x00FF, 0xFFFD]
"""SMA's "not a number" of an enumeration."""
NAN_S32 = [0x8000, 0x0000]
NAN_U32 = [0xFFFF, 0xFFFF]


def sma(*parts: Words) -> Words:
    found = image_of(30051, [0, 8009, 0, 19051], INPUT) | image_of(30881, [0, 1780], INPUT)
    for part in parts:
        found |= part
    return found


def test_sma_numbers_by_hand() -> None:
    image = sma(
        image_of(30251, [0, 2388], INPUT),
        image_of(30513, [0, 0, 0x0001, 0x0000], INPUT),
        image_of(30581, [0x0012, 0xD687, *NAN_U32], INPUT),
        image_of(30769, [0, 8123, 0, 61234, 0, 4974], INPUT),
        image_of(30775, [0xFFFF, 0xF448, 0xFFFF, 0xFC18, 0, 0, *NAN_S32], INPUT),
        image_of(30783, [0, 10123, 0, 10098, *NAN_U32], INPUT),
        image_of(30803, [0, 6001], INPUT),
        image_of(30843, [0xFFFF, 0xE0C0, 0, 57], INPUT),
        image_of(30849, [0xFFFF, 0xFFCE, 0, 41250], INPUT),
        image_of(30861, [0, 1500], INPUT),
        image_of(30865, [0, 250, 0, 1750], INPUT),
        image_of(30953, [0, 415], INPUT),
        image_of(30955, [0, 2292], INPUT),
        image_of(30957, [*NAN_S32, *NAN_S32, *NAN_S32], INPUT),
        image_of(30977, [0, 9876], INPUT),
        image_of(31391, [0, 455, 0, 3210, 0, 0], INPUT),
        image_of(31397, [0, 0, 0, 50_000, 0, 0, 0, 40_000], INPUT),
        image_of(33003, [0, 2119], INPUT),
        image_of(40187, [0, 12_800, 0, 10_000]),
    )
    assert good("sma", image) == {
        "pv1.current_a": 8.123,
        "pv1.voltage_v": 612.34,
        "pv1.power_w": 4974,
        "pv.power_w": 4974,  # the third string is refused, so there are two of them
        "inverter.power_w": -3000,
        "inverter.l1_power_w": -1000,
        "inverter.l2_power_w": 0,
        "inverter.l1_voltage_v": 101.23,
        "inverter.l2_voltage_v": 100.98,
        "inverter.l1_current_a": 9.876,
        "inverter.frequency_hz": 60.01,
        "inverter.temperature_c": 41.5,
        "inverter.energy_wh": 65_536,
        "inverter.islanded": 0,
        "inverter.state": 5,
        "inverter.fault_code": 2388,
        "battery.power_w": -3210,  # discharge less charge
        "battery.current_a": -8.0,
        "battery.voltage_v": 412.5,
        "battery.soc_pct": 57,
        "battery.temperature_c": -5.0,
        "battery.state": 3,
        "battery.fault_code": 455,
        "battery.capacity_wh": 12_800,
        "battery.max_charge_power_w": 10_000,
        "battery.charge_energy_wh": 50_000,
        "battery.discharge_energy_wh": 40_000,
        "grid.power_w": -1500,  # import less export
        "grid.import_energy_wh": 1_234_567,
        "load.power_w": 1500,
    }
    assert missing("sma", image) == {
        "pv2.current_a",
        "pv2.voltage_v",
        "pv2.power_w",
        "inverter.l3_power_w",
        "inverter.l3_voltage_v",
        "grid.export_energy_wh",
    }


def test_sma_strings_that_say_nothing_at_night_are_no_generation_of_0_w() -> None:
    night = sma(*(image_of(at, NAN_S32, INPUT) for at in (30773, 30961, 30967)))
    assert decoded("sma", night)["pv.power_w"].quality is Quality.NOT_AVAILABLE
    dusk = night | image_of(30773, [0, 12], INPUT)
    assert decoded("sma", dusk)["pv.power_w"].value == 12


def test_an_sma_without_a_meter_has_no_grid_and_without_a_battery_no_power_of_one() -> None:
    image = sma(image_of(30865, [*NAN_S32, *NAN_S32], INPUT), image_of(31393, [*NAN_U32, *NAN_U32], INPUT))
    assert {"grid.power_w", "battery.power_w"} <= missing("sma", image)
    # One half alone still counts, as the device leaves the other one out while nothing flows that way.
    half = sma(image_of(30865, [0, 700, *NAN_S32], INPUT))
    assert good("sma", half)["grid.power_w"] == 700


@pytest.mark.parametrize(
    ("words", "islanded"), [([0, 1780], 0), ([0, 1781], 1), ([0, 1779], None), (NAN_TAG, None), (NAN_U32, None)]
)
def test_an_sma_that_is_merely_separated_does_not_say_that_it_is_an_island(
    words: list[int], islanded: int | None
) -> None:
    reading = decoded("sma", sma(image_of(30881, words, INPUT)))["inverter.islanded"]
    assert reading.value == islanded
    assert reading.quality.is_good is (islanded is not None)


@pytest.mark.parametrize(("words", "islanded"), [([0, 1461], 0), ([0, 1462], 0), ([0, 1463], 1)])
def test_a_sunny_island_tells_its_supply_elsewhere(words: list[int], islanded: int) -> None:
    image = sma(image_of(30053, [0, 9475], INPUT), image_of(30881, NAN_TAG, INPUT), image_of(30877, words, INPUT))
    assert decoded("sma", image)["inverter.islanded"].value == islanded


def test_a_number_that_looks_like_the_word_of_an_enumeration_is_a_number() -> None:
    assert good("sma", sma(image_of(30581, NAN_TAG, INPUT)))["grid.import_energy_wh"] == 16_777_213


def test_sma_requests_read_nothing_along() -> None:
    device_map = template("sma").device_map
    known = {(f.table, at) for f in device_map.fields for span in f.spans for at in range(span.start, span.end)}
    for block in plan(device_map.fields, device_map.limits):
        assert all((block.table, at) in known for at in range(block.start, block.end))


def test_an_sma_is_told_to_charge_by_a_set_power_below_zero() -> None:
    written, _, device_map = ordered("sma", "charge", {"power_w": 3000, "soc_pct": 90})
    assert written == [(40151, [0, 802]), (40149, [0xFFFF, 0xF448])]
    off, _, _ = ordered("sma", "charge", {}, off=True)
    assert off == [(40149, [0, 0]), (40151, [0, 803])]
    charge = control_of(device_map, "charge")
    assert (charge.refresh_s, charge.falls_back_s) == (60, 600)
    registers = by_name(device_map.registers)
    assert not any(each.is_readable or each.is_stored for each in registers.values())
    assert device_map.limits.write_multiple_only


def test_an_sma_wants_all_six_values_to_block_discharge() -> None:
    written, _, _ = ordered("sma", "discharge_block", {})
    assert written == [
        (40236, [0, 2424]),
        (40793, [0, 0]),
        (40795, [0, 30000]),
        (40797, [0, 0]),
        (40799, [0, 0]),
        (40801, [0, 0]),
    ]
    off, _, device_map = ordered("sma", "discharge_block", {}, off=True)
    assert (40799, [0, 30000]) in off
    assert len(off) == 6
    assert control_of(device_map, "discharge_block").refresh_s == 60


def test_a_sunny_island_lacks_two_of_the_six_and_blocks_discharge_by_a_set_power_of_0() -> None:
    island = template("sma").image | image_of(30053, [0, 9476], INPUT)
    written, _, device_map = ordered("sma", "discharge_block", {}, island)
    assert written == [(40151, [0, 802]), (40149, [0, 0])]
    assert {"charge_min", "discharge_min"}.isdisjoint(by_name(device_map.registers))


def test_an_sma_takes_no_order_for_which_no_register_was_verified() -> None:
    device_map = template("sma").device_map
    assert {each.kind for each in device_map.controls} == {"charge", "discharge_block"}
    for each in device_map.controls:
        assert "停電時に残す蓄電量" in each.by_hand_ja
        assert "share kept for outages" in each.by_hand_en


@pytest.mark.parametrize(
    ("profile_id", "point", "value", "words"),
    [
        ("sma", "inverter.fault_code", 2388, ["Grid frequency too high"]),
        ("sma", "battery.fault_code", 307, []),
        ("fronius-gen24", "inverter.fault_bits", 0b10000, ["Grid lost"]),
        ("fronius-meter", "grid.fault_bits", 0b10000100, ["Phase lost", "Sensor missing"]),
    ],
)
def test_faults_in_words(profile_id: str, point: str, value: float, words: list[str]) -> None:
    assert [each.en for each in faults_in(load(profile_id).faults, {point: value})] == words
