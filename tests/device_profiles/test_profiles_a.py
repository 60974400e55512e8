"""Sungrow and SolarEdge: raw words and orders made by hand from the documents."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest

from contract.readings import Quality
from device_profiles.controls import by_name, faults_in, in_force, planned, words_to_write
from device_profiles.discover import discover
from device_profiles.dump import decode_dump
from device_profiles.image import template
from device_profiles.load import load
from device_profiles.model import Control, DeviceMap, Image, Table
from tests.device_profiles.helpers import Words, ask_all, decoded, image_of

INPUT, HOLDING = Table.INPUT, Table.HOLDING
SH8RT, SH10RS, SH15T = 0x0E12, 0x0D1B, 0x0E25


def f32_low_first(*values: float) -> list[int]:
    return [word for value in values for word in reversed(struct.unpack(">HH", struct.pack(">f", value)))]


def good(profile_id: str, image: Image) -> dict[str, float | None]:
    return {point: r.value for point, r in decoded(profile_id, image).items() if r.quality.is_good}


def bad(profile_id: str, image: Image) -> dict[str, Quality]:
    return {point: r.quality for point, r in decoded(profile_id, image).items() if not r.quality.is_good}


def control_of(device_map: DeviceMap, kind: str) -> Control:
    return next(each for each in device_map.controls if each.kind == kind)


def written(
    profile_id: str, kind: str, given: Mapping[str, float], *, off: bool = False
) -> list[tuple[int, list[int]]]:
    """What an order writes, as address and words in their order."""
    made = template(profile_id)
    control, registers = control_of(made.device_map, kind), by_name(made.device_map.registers)
    image = dict(made.image)
    found = []
    for step in planned(control.off if off else control.on, registers, given):
        block, words = words_to_write(step.register, step.value, image)
        assert block.table is HOLDING
        image |= {(block.table, block.start + n): word for n, word in enumerate(words)}
        found.append((block.start, list(words)))
    return found


def after(profile_id: str, kind: str, given: Mapping[str, float]) -> dict[str, Mapping[str, float] | None]:
    """Which controls are in force on the reference device, ordered and then released."""
    made = template(profile_id)
    control, registers = control_of(made.device_map, kind), by_name(made.device_map.registers)
    image, found = dict(made.image), {}
    for name, writes in (("ordered", control.on), ("released", control.off)):
        for step in planned(writes, registers, given):
            block, words = words_to_write(step.register, step.value, image)
            image |= {(block.table, block.start + n): word for n, word in enumerate(words)}
        found[name] = in_force(control, registers, image)
    return found


# ---- Sungrow


def test_sungrow_numbers_by_hand() -> None:
    image: Words = {
        **image_of(4999, [SH8RT, 80, 1], INPUT),
        **image_of(5003, [0xD9FF, 0x0002], INPUT),  # 186879 x 0.1 kWh, low word first
        **image_of(5007, [0xFFF6], INPUT),
        **image_of(5010, [5086, 81, 2346, 83], INPUT),
        **image_of(5016, [6163, 0, 2423, 0xFFFF, 2427], INPUT),
        **image_of(5213, [0xFE0C, 0xFFFF], INPUT),
        **image_of(5241, [6001], INPUT),
        **image_of(5600, [0xE36E, 0xFFFF, 0xF65E, 0xFFFF, 147, 0, 0xFFFF, 0x7FFF], INPUT),
        **image_of(5630, [0xFFF1], INPUT),
        **image_of(5638, [1600], INPUT),
        **image_of(5722, [6, 0xFFFA, 0x7FFF, 2, 0], INPUT),
        **image_of(12999, [0x0000, 0b0101011, 32, 26817, 2], INPUT),
        **image_of(13007, [2526, 0], INPUT),
        **image_of(13019, [3335], INPUT),
        **image_of(13022, [1000, 970, 0xFFF6, 21, 5438, 1], INPUT),
        **image_of(13030, [83, 0xFFF5, 0x7FFF, 5993, 0], INPUT),
        **image_of(13051, [0x0100, 0x0000, 0x0004, 0x0000], INPUT),
        **image_of(13065, [0x4000, 0x0001], INPUT),
        **image_of(4999, [2026, 5, 10, 11, 55, 32]),
        **image_of(13099, [30]),
    }
    assert good("sungrow-sh", image) == {
        "inverter.energy_wh": 18_687_900,
        "inverter.temperature_c": -1.0,
        "pv1.voltage_v": 508.6,
        "pv1.current_a": 8.1,
        "pv2.voltage_v": 234.6,
        "pv2.current_a": 8.3,
        "pv.power_w": 6163,
        "pv.energy_wh": 15_788_900,
        "inverter.l1_voltage_v": 242.3,
        "inverter.l3_voltage_v": 242.7,
        "inverter.l1_current_a": 8.3,
        "inverter.l2_current_a": -1.1,
        "inverter.power_w": 5993,
        "inverter.frequency_hz": 60.01,
        "inverter.state": 4,
        "inverter.islanded": 0,
        "inverter.fault_bits": 4,
        "inverter.clock_s": 1_778_381_732,
        "battery.power_w": -500,  # the device too counts discharge as positive
        "battery.current_a": -1.5,
        "battery.capacity_wh": 16_000,
        "battery.voltage_v": 333.5,
        "battery.soc_pct": 100.0,
        "battery.soh_pct": 97.0,
        "battery.temperature_c": -1.0,
        "battery.discharge_energy_wh": 7_097_400,
        "battery.state": 3,
        "battery.fault_bits": 0x0001_4000,
        "battery.reserve_soc_pct": 30,
        "backup.l1_power_w": 6,
        "backup.l2_power_w": -6,
        "backup.power_w": 2,
        "grid.meter_online": 1,
        "grid.power_w": -7314,  # the meter counts import as positive
        "grid.l1_power_w": -2466,
        "grid.l2_power_w": 147,
        "grid.fault_bits": 256,
        "load.power_w": 2526,
    }
    assert set(bad("sungrow-sh", image)) == {
        "inverter.l2_voltage_v",
        "inverter.l3_current_a",
        "grid.l3_power_w",
        "backup.l3_power_w",
    }


@pytest.mark.parametrize(
    ("profile_id", "point", "value", "words"),
    [
        ("sungrow-sh", "grid.fault_bits", 0x0100, {"Grid lost"}),
        (
            "sungrow-sh",
            "inverter.warning_bits",
            1 << 14 | 1,
            {"Fan alarm", "Meter wired wrongly, such as input and output swapped"},
        ),
        ("sungrow-sh", "battery.fault_bits", 1 << 14, {"The battery's BMS does not answer"}),
        ("solaredge", "inverter.fault_code", 110, {"Meter does not answer"}),
        ("solaredge", "inverter.fault_code", 1, set()),
        ("solaredge", "grid.fault_bits", 0x0084, {"Power or a phase lost", "Sensor missing"}),
    ],
)
def test_faults_are_told_in_words(profile_id: str, point: str, value: int, words: set[str]) -> None:
    found = faults_in(template(profile_id).device_map.faults, {point: value})
    assert {each.en for each in found} == words
    assert all(each.ja and each.ja != each.en for each in found)


@pytest.mark.parametrize(
    ("word", "state", "islanded"),
    [(0x0040, 4, 0), (0x1000, 7, 1), (0x0041, 7, 1), (0x0014, 7, 1), (0x0100, 6, 0), (0x8100, 5, 0), (0x7777, 0, None)],
)
def test_a_sungrow_s_running_state_tells_an_outage(word: int, state: int, islanded: int | None) -> None:
    found = decoded("sungrow-sh", image_of(12999, [word], INPUT))
    assert (found["inverter.state"].value, found["inverter.islanded"].value) == (state, islanded)


def test_the_holding_register_of_the_same_number_is_another_thing() -> None:
    image = image_of(12999, [0x1000], INPUT) | image_of(12999, [0xCF])
    assert decoded("sungrow-sh", image)["inverter.islanded"].value == 1


def test_a_sungrow_whose_meter_is_dark_does_not_say_that_nothing_flows() -> None:
    dark = image_of(5600, [0xFFFF, 0x7FFF], INPUT) | image_of(13009, [0, 0], INPUT)
    found = decoded("sungrow-sh", dark)
    assert found["grid.meter_online"].value == 0
    assert found["grid.power_w"].value is None


def test_an_old_sungrow_tells_its_export_alone() -> None:
    image = image_of(13009, [0xFF0E, 0xFFFF], INPUT) | image_of(5035, [499], INPUT) | image_of(13038, [160], INPUT)
    found = decoded("sungrow-sh", image)
    assert found["grid.power_w"].value == 242
    assert found["inverter.frequency_hz"].value == pytest.approx(49.9)
    assert found["battery.capacity_wh"].value == 16_000


def test_a_sungrow_without_a_battery_has_no_state_of_charge() -> None:
    found = decoded("sungrow-sh", image_of(13019, [0, 0, 0, 0, 0, 0], INPUT) | image_of(5213, [0, 0], INPUT))
    for point in ("battery.soc_pct", "battery.soh_pct", "battery.temperature_c", "battery.power_w"):
        assert found[point].quality is Quality.NOT_AVAILABLE


@pytest.mark.parametrize(
    ("code", "kind", "there", "gone"),
    [
        (SH8RT, 1, {"pv2.voltage_v", "inverter.l3_voltage_v"}, {"pv3.voltage_v", "pv4.voltage_v"}),
        (SH8RT, 2, {"inverter.l3_current_a"}, {"inverter.l1_voltage_v", "inverter.l3_voltage_v"}),
        (SH10RS, 0, {"pv4.voltage_v", "grid.l1_power_w"}, {"grid.l2_power_w", "backup.l3_power_w"}),
        (SH15T, 1, {"pv3.current_a"}, {"pv4.current_a"}),
        (0x0EFF, 1, {"pv4.current_a", "grid.l3_power_w"}, set()),
    ],
)
def test_a_sungrow_s_type_tells_what_it_has(code: int, kind: int, there: set[str], gone: set[str]) -> None:
    asked, device_map = ask_all(discover(load("sungrow-sh")), image_of(4999, [code, 100, kind], INPUT))
    points = {each.point for each in device_map.fields}
    assert there <= points
    assert not gone & points
    assert len(asked) <= 12


def test_a_dump_that_counts_registers_from_1_says_the_same() -> None:
    words = image_of(4999, [SH8RT, 80, 1], INPUT) | image_of(13022, [505], INPUT)
    from_1: Words = {(table, address + 1): word for (table, address), word in words.items()}
    profile = load("sungrow-sh")
    plain, shifted = decode_dump(profile, words), decode_dump(profile, from_1)
    assert (plain.counted_from, shifted.counted_from) == (0, 1)
    assert plain.points == shifted.points
    assert shifted.points["battery.soc_pct"].value == 50.5


def test_sungrow_orders_by_hand() -> None:
    assert written("sungrow-sh", "reserve", {"soc_pct": 60}) == [(13099, [60])]
    charge = [(13049, [2]), (13051, [3000]), (13050, [0xAA])]
    assert written("sungrow-sh", "charge", {"power_w": 3000, "soc_pct": 90}) == charge
    assert written("sungrow-sh", "charge", {}, off=True) == [(13050, [0xCC]), (13049, [0])]
    assert written("sungrow-sh", "discharge_block", {}) == [(13049, [2]), (13050, [0xCC])]
    assert written("sungrow-sh", "discharge_block", {}, off=True) == [(13049, [0])]
    timer = [(33208 + n, [value]) for n, value in enumerate((1, 0, 0, 23, 59, 100))]
    assert written("sungrow-sh", "backup", {}) == [(13074, [0xAA]), *timer, (33207, [0xAA])]
    assert written("sungrow-sh", "export_limit", {"power_w": 0}) == [(13073, [0]), (13086, [0xAA])]


def test_releasing_a_sungrow_s_backup_leaves_its_secured_output_on() -> None:
    addresses = [address for address, _ in written("sungrow-sh", "backup", {}, off=True)]
    assert addresses == [33207]


# ---- SolarEdge

METER = 40069 + 52 + 67
"""The meter's model stands behind the inverter's and its own model 1, both models 1 one register short."""


def solaredge(*more: Words) -> Words:
    image: Words = dict(template("solaredge").image)
    for words in more:
        image |= words
    return image


def test_solaredge_models_stand_where_the_real_ones_have_them() -> None:
    image = solaredge()
    assert (image[HOLDING, 40069], image[HOLDING, 40121], image[HOLDING, METER]) == (103, 1, 203)
    assert decode_dump(load("solaredge"), image).identity == {
        "model": "SE10K-RWB48",
        "serial": "SIM00000001",
        "firmware": "0004.0018.0518",
    }


def test_solaredge_numbers_by_hand() -> None:
    image = solaredge(
        image_of(40083, [0x1388, 0]),
        image_of(40085, [50012, 0xFFFD]),
        image_of(40100, [0x0BB8, 0]),
        image_of(40107, [4, 110]),
        image_of(METER + 18, [1200, 700, 0xFF38, 700, 0]),
        image_of(METER + 36 + 2, [0x0001, 0x0000]),
        image_of(57352, f32_low_first(25.0)),
        image_of(57666, f32_low_first(9700.0)),
        image_of(57708, f32_low_first(21.5, 22.0, 402.5, -4.0, -1610.0)),
        image_of(57718, [0x0002, 0x0001, 0, 0, 0xFFFF, 0, 0, 0]),
        image_of(57730, f32_low_first(99.0, 56.5)),
        image_of(57734, [4, 0]),
    )
    values = good("solaredge", image)
    expected = {
        "inverter.power_w": 5000,
        "inverter.frequency_hz": 50.012,
        "inverter.dc_power_w": 3000,
        "inverter.state": 4,
        "inverter.islanded": 0,
        "inverter.fault_code": 110,
        "grid.power_w": -1200,  # + = export in the meter
        "grid.l1_power_w": -700,
        "grid.l2_power_w": 200,
        "grid.export_energy_wh": 65_536,
        "battery.reserve_soc_pct": 25,
        "battery.capacity_wh": 9700,
        "battery.temperature_c": 21.5,
        "battery.voltage_v": 402.5,
        "battery.current_a": 4.0,
        "battery.power_w": 1610,  # + = charge in the device
        "battery.discharge_energy_wh": 65_538,
        "battery.charge_energy_wh": 65_535,
        "battery.soh_pct": 99,
        "battery.soc_pct": 56.5,
        "battery.state": 4,
        "pv.power_w": 1390,  # of 3000 W on the DC side the battery gives 1610
    }
    assert {point: values.get(point) for point in expected} == pytest.approx(expected)


def test_a_solaredge_in_an_outage_has_no_grid_power_of_minus_32_kilowatts() -> None:
    dark = image_of(METER + 18, [0x8000] * 4) | image_of(METER + 7, [0x8000] * 4) | image_of(40113, [1, 0])
    found = decoded("solaredge", solaredge(dark))
    assert found["inverter.islanded"].value == 1
    for point in ("grid.power_w", "grid.l1_power_w", "grid.l3_power_w", "grid.l1_voltage_v"):
        assert found[point].quality is Quality.NOT_AVAILABLE


def test_a_solaredge_without_the_sign_of_an_outage_tells_it_by_the_model_s_event() -> None:
    image = solaredge(image_of(40113, [0xFFFF, 0xFFFF]), image_of(40109, [0x0000, 0x0010]))
    assert decoded("solaredge", image)["inverter.islanded"].value == 1


@pytest.mark.parametrize("words", [f32_low_first(float("nan")), [0x0000, 0x7FC0], [0xFFFF, 0xFF7F]])
def test_a_battery_s_not_available_is_no_number(words: list[int]) -> None:
    found = decoded("solaredge", solaredge(image_of(57716, words), image_of(57732, words)))
    assert found["battery.power_w"].value is None
    assert found["battery.soc_pct"].value is None


def test_a_solaredge_without_a_battery_has_the_whole_dc_side_from_its_generator() -> None:
    image = solaredge(image_of(40100, [0x0BB8, 0]), image_of(57708, [0] * 28), image_of(57666, [0, 0]))
    found = decoded("solaredge", image)
    assert found["battery.soc_pct"].quality is Quality.NOT_AVAILABLE
    assert found["battery.capacity_wh"].quality is Quality.NOT_AVAILABLE
    assert found["pv.power_w"].value == 3000


def test_solaredge_orders_by_hand() -> None:
    assert written("solaredge", "reserve", {"soc_pct": 60}) == [(57352, [0x0000, 0x4270])]
    assert written("solaredge", "charge", {"power_w": 3000}) == [
        (57348, [4]),
        (57349, [1]),
        (57354, [7]),
        (57355, [3600, 0]),
        (57358, [0x8000, 0x453B]),
        (57357, [3]),
    ]
    assert written("solaredge", "charge", {}, off=True) == [(57357, [7]), (57348, [1])]
    block = written("solaredge", "discharge_block", {})
    assert block[-2:] == [(57360, [0, 0]), (57357, [7])]
    assert written("solaredge", "backup", {}) == [(57348, [3])]
    assert written("solaredge", "backup", {}, off=True) == [(57348, [1])]


def test_a_solaredge_s_other_export_limits_stay_as_they_are() -> None:
    made = template("solaredge")
    registers = by_name(made.device_map.registers)
    present = made.image | image_of(57344, [0x0404])
    block, words = words_to_write(registers["export_by_meter"], 1, present)
    assert (block.start, words) == (57344, (0x0405,))
    assert written("solaredge", "export_limit", {"power_w": 0}) == [(57346, [0, 0]), (57345, [0]), (57344, [1])]


# ---- Every control that can be released is released


@pytest.mark.parametrize("profile_id", ["sungrow-sh", "solaredge"])
@pytest.mark.parametrize("kind", ["charge", "discharge_block", "backup", "export_limit"])
def test_an_order_is_in_force_until_it_is_released(profile_id: str, kind: str) -> None:
    before = template(profile_id)
    registers = by_name(before.device_map.registers)
    assert in_force(control_of(before.device_map, kind), registers, before.image) is None
    found = after(profile_id, kind, {"power_w": 2000})
    assert found["ordered"] is not None
    assert found["ordered"].get("power_w", 2000) == 2000
    assert found["released"] is None
