"""Victron GX and VE.Bus: raw words and orders made by hand from the facts."""

from __future__ import annotations

import pytest

from device_profiles.blocks import plan
from device_profiles.controls import by_name, faults_in
from device_profiles.discover import discover
from device_profiles.image import template
from device_profiles.load import load
from device_profiles.model import Block, Table
from tests.device_profiles.helpers import Words, ask_all, decoded, image_of
from tests.device_profiles.orders import control_of, good, held, missing, ordered

HOLDING = Table.HOLDING

SYSTEM: Words = {
    **image_of(800, [0x6330, 0x3631, 0x3961, 0x6230, 0x3030, 0x3030]),
    **image_of(814, [0, 0, 210]),
    **image_of(826, [1]),
    **image_of(830, [0, 0, 0x6A19, 0x8530]),
    **image_of(840, [512, 0xFFCE, 0xFE0C, 85, 2]),
    **image_of(850, [1300]),
    **image_of(884, [0, 10, 0, 20, 0x0001, 0x0000, 0, 110, 0, 0, 0, 0]),
    **image_of(902, [0, 310, 0, 320, 0x0001, 0x0000]),
    **image_of(908, [0, 410, 0xFFFF, 0xFE5C, 0xFFFF, 0x0000]),
    **image_of(2700, [50]),
    **image_of(2716, [0, 0]),
    **image_of(2720, [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF]),
    **image_of(2900, [10, 250, 1]),
}


def test_victron_numbers_by_hand() -> None:
    assert good("victron-gx", SYSTEM) == {
        "pv1.power_w": 1300,
        "pv2.power_w": 65_566,
        "pv3.power_w": 110,
        "pv4.power_w": 210,
        "pv.power_w": 67_186,
        "grid.l1_power_w": 410,
        "grid.l2_power_w": -420,
        "grid.l3_power_w": -65_536,
        "grid.power_w": -65_546,
        "load.power_w": 66_166,
        "inverter.islanded": 0,
        "inverter.clock_s": 1_780_057_392,
        "battery.voltage_v": 51.2,
        "battery.current_a": 5.0,  # the device counts charge as positive
        "battery.power_w": 500,
        "battery.soc_pct": 85,
        "battery.state": 4,
        "battery.reserve_soc_pct": 25.0,
    }


def test_an_older_victron_is_read_where_it_keeps_16_bits() -> None:
    old = {key: word for key, word in SYSTEM.items() if not 884 <= key[1] < 914}
    old |= image_of(808, [10, 20, 30, 110, 0, 0]) | image_of(817, [310, 320, 330, 410, 0xFE5C, 0])
    found = good("victron-gx", old)
    assert (found["pv2.power_w"], found["pv3.power_w"], found["load.power_w"]) == (60, 110, 960)
    assert (found["grid.l1_power_w"], found["grid.l2_power_w"], found["grid.power_w"]) == (410, -420, -10)


@pytest.mark.parametrize(("source", "islanded"), [(1, 0), (2, 1), (3, 0), (240, 1), (0, None)])
def test_a_victron_s_source_tells_an_island(source: int, islanded: int | None) -> None:
    assert decoded("victron-gx", SYSTEM | image_of(826, [source]))["inverter.islanded"].value == islanded


def test_a_victron_whose_battery_is_gone_does_not_say_0_per_cent() -> None:
    gone = SYSTEM | image_of(840, [0, 0, 0, 0, 0])
    assert {"battery.soc_pct", "battery.power_w", "battery.current_a", "battery.state"} <= missing("victron-gx", gone)
    empty = SYSTEM | image_of(843, [0])
    assert decoded("victron-gx", empty)["battery.soc_pct"].value == 0, "a battery that is there may be empty"


def test_orders_to_a_victron() -> None:
    assert ordered("victron-gx", "reserve", {"soc_pct": 62.5}, SYSTEM)[0] == [(2901, [625])]
    charge, charging, _ = ordered("victron-gx", "charge", {"power_w": 70_000}, SYSTEM)
    assert charge == [(2716, [0x0001, 0x1170])]
    assert held("victron-gx", "charge", charging) == {"power_w": 70_000}
    assert ordered("victron-gx", "charge", {}, charging, off=True)[0] == [(2716, [0, 0])]
    assert held("victron-gx", "charge", SYSTEM) is None
    block, _, _ = ordered("victron-gx", "discharge_block", {}, SYSTEM)
    assert block == [(2720, [0, 0])]
    assert ordered("victron-gx", "discharge_block", {}, off=True)[0] == [(2720, [0xFFFF, 0xFFFF])]
    backup, ready, _ = ordered("victron-gx", "backup", {}, SYSTEM)
    assert backup == [(2900, [9])]
    assert held("victron-gx", "backup", ready) == {}
    limit, _, _ = ordered("victron-gx", "export_limit", {"power_w": 0}, SYSTEM)
    assert limit == [(2722, [0, 0])]
    assert held("victron-gx", "export_limit", SYSTEM) is None, "no limit stands there"


def test_before_venus_3_50_the_set_point_is_the_one_that_is_stored() -> None:
    old = {key: word for key, word in SYSTEM.items() if key[1] not in (2716, 2717)}
    written, _, device_map = ordered("victron-gx", "charge", {"power_w": 2000}, old)
    assert written == [(2700, [2000])]
    registers = by_name(device_map.registers)
    assert registers["grid_setpoint_stored"].is_stored
    assert control_of(device_map, "charge").interval_s >= 300
    _, new = ask_all(discover(load("victron-gx")), SYSTEM)
    volatile = control_of(new, "charge")
    assert not by_name(new.registers)["grid_setpoint"].is_stored
    assert volatile.refresh_s == 60


def test_limits_that_a_victron_rounds_to_0_are_not_touched() -> None:
    # "No limit" reads there as 0, so putting back what was read would stop discharge or feed-in for good.
    touched = {
        at for each in template("victron-gx").device_map.registers for at in range(each.block.start, each.block.end)
    }
    assert touched.isdisjoint({2704, 2706})


def test_a_victron_request_stays_within_one_service() -> None:
    device_map = template("victron-gx").device_map
    services = [range(800, 920), range(2700, 2709), range(2900, 2904)]
    for block in plan(device_map.fields, device_map.limits):
        assert any(block.start in each and block.end - 1 in each for each in services)
    assert Block(HOLDING, 902, 12) in plan(device_map.fields, device_map.limits)


VEBUS: Words = {
    **image_of(3, [1012, 1009, 1010, 0xFFF6, 20, 0, 6000, 6000, 6000, 0xFFE9, 46, 0]),
    **image_of(15, [1011, 1008, 1013, 10, 20, 30, 6001, 250, 23, 46, 69, 5123, 0xFFCE, 3, 0, 850, 10, 17, 3]),
    **image_of(34, [1, 2, 0]),
    **image_of(63, [1, 2]),
}


def test_vebus_numbers_by_hand() -> None:
    assert good("victron-vebus", VEBUS) == {
        "inverter.l1_voltage_v": 101.2,
        "inverter.l2_voltage_v": 100.9,
        "inverter.l3_voltage_v": 101.0,
        "inverter.l1_current_a": 1.0,
        "inverter.l2_current_a": -2.0,
        "inverter.l3_current_a": 0,
        "inverter.power_w": -230,  # -230 W and 460 W into the device
        "inverter.frequency_hz": 60.01,
        "inverter.islanded": 0,
        "inverter.state": 4,
        "inverter.fault_code": 17,
        "inverter.fault2_bits": 1,
        "inverter.fault_bits": 0,
        "battery.fault_bits": 2,
        "grid.fault_bits": 1,
        "grid.phase_order": 1,
        "backup.l1_voltage_v": 101.1,
        "backup.l2_voltage_v": 100.8,
        "backup.l3_voltage_v": 101.3,
        "backup.l1_current_a": 1.0,
        "backup.l2_current_a": 2.0,
        "backup.l3_current_a": 3.0,
        "backup.power_w": 1380,
        "battery.voltage_v": 51.23,
        "battery.current_a": 5.0,
        "battery.soc_pct": 85.0,
    }
    told = faults_in(load("victron-vebus").faults, good("victron-vebus", VEBUS))
    assert [each.en for each in told] == [
        "Another device took over from the failed master",
        "Getting too hot",
        "Battery low",
        "Grid lost",
    ]


@pytest.mark.parametrize(
    ("source", "state", "islanded", "shown"), [(240, 9, 1, 7), (0, 252, 0, 4), (1, 8, 0, 4), (240, 0, 1, 1)]
)
def test_a_multiplus_without_an_input_is_an_island(source: int, state: int, islanded: int, shown: int) -> None:
    found = good("victron-vebus", VEBUS | image_of(29, [source]) | image_of(31, [state]))
    assert (found["inverter.islanded"], found["inverter.state"]) == (islanded, shown)


def test_a_single_multiplus_has_one_phase_and_takes_no_orders() -> None:
    _, device_map = ask_all(discover(load("victron-vebus")), VEBUS | image_of(28, [1]))
    points = {each.point for each in device_map.fields}
    assert "backup.l1_voltage_v" in points
    assert "backup.l2_voltage_v" not in points
    assert device_map.controls == ()
    assert device_map.registers == ()
