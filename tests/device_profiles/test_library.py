"""Rules over every profile of the library, so that a new file needs no new test; and vectors made by hand."""

from __future__ import annotations

import struct

import pytest

from contract.points import POINTS, Kind
from contract.readings import Quality
from device_profiles.blocks import apart, plan
from device_profiles.controls import by_name, registers_of
from device_profiles.discover import discover
from device_profiles.image import template
from device_profiles.load import Profile, load, profile_ids
from device_profiles.model import ARGUMENTS, Argument, Block, Confidence, Group, Image, Table, least_sure
from tests.device_profiles.helpers import Words, ask_all, decoded, image_of

PROFILES = [load(profile_id) for profile_id in profile_ids()]
each_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.id)


def test_the_library_has_the_families_of_the_first_shelters() -> None:
    assert {"sunspec", "huawei-sun2000", "goodwe-et", "sdm630", "relay"} <= set(profile_ids())


@each_profile
def test_every_point_is_known_and_says_how_well(profile: Profile) -> None:
    device_map = template(profile.id).device_map
    assert device_map.fields
    for each in device_map.fields:
        assert each.point in POINTS
        assert each.confidence
    assert all(each.point in POINTS for each in device_map.sums)


@each_profile
def test_every_control_is_bounded_and_read_back(profile: Profile) -> None:
    device_map = template(profile.id).device_map
    registers = by_name(device_map.registers)
    points = {each.point for each in (*device_map.fields, *device_map.sums)}
    for control in device_map.controls:
        assert not control.proof or control.proof in points
        for write in (*control.unlock, *control.on, *control.off):
            register = registers[write.register]
            if isinstance(write.to, Argument):
                assert write.to in ARGUMENTS[control.kind]
            else:
                assert register.low <= write.to <= register.high


@each_profile
def test_a_control_is_no_surer_than_its_registers(profile: Profile) -> None:
    device_map = template(profile.id).device_map
    sure = {each.name: each.confidence for each in device_map.registers}
    for control in device_map.controls:
        weakest = least_sure(sure[name] for name in registers_of(control))
        assert least_sure((control.confidence, weakest)) is control.confidence
        assert weakest is not Confidence.UNVERIFIED or control.confidence is Confidence.UNVERIFIED


@each_profile
def test_what_wears_out_is_not_written_again_and_again(profile: Profile) -> None:
    device_map = template(profile.id).device_map
    registers = by_name(device_map.registers)
    for control in device_map.controls:
        stored = [name for name in registers_of(control) if registers[name].is_stored]
        assert not stored or control.interval_s > 0
        assert not stored or not control.refresh_s or control.note or any(registers[name].note for name in stored)


@each_profile
def test_faults_are_told_in_two_languages_of_points_that_the_family_has(profile: Profile) -> None:
    points = {each.point for each in template(profile.id).device_map.fields}
    # The reference device is an inverter; the family has meters as well.
    points |= {point for taken in profile.sunspec.models for point in taken.points} if profile.sunspec else set()
    for each in profile.faults:
        assert each.point in points
        assert each.ja
        assert each.en
        assert each.ja != each.en


@each_profile
@pytest.mark.parametrize("groups", [{Group.FAST}, {Group.FAST, Group.SLOW}, set(Group)], ids=["fast", "slow", "all"])
def test_no_request_breaks_a_limit_and_every_scale_factor_comes_with_its_value(
    profile: Profile, groups: set[Group]
) -> None:
    device_map = template(profile.id).device_map
    fields = [each for each in device_map.fields if each.group in groups]
    blocks = plan(fields, device_map.limits)
    assert apart(fields, blocks) == ()
    for block in blocks:
        most = device_map.limits.bits_max if block.table is Table.COIL else device_map.limits.registers_max
        assert block.count <= most


def test_the_family_s_polls_take_this_many_requests() -> None:
    fast = {}
    for profile in PROFILES:
        device_map = template(profile.id).device_map
        fast[profile.id] = len(plan([f for f in device_map.fields if f.group is Group.FAST], device_map.limits))
    assert fast["sdm630"] == 2
    assert fast["relay"] == 1
    assert fast["goodwe-et"] == 3
    assert fast["sunspec"] <= 3
    assert fast["huawei-sun2000"] <= 6


@each_profile
def test_discovery_asks_little_and_never_beyond_the_device_s_limits(profile: Profile) -> None:
    made = template(profile.id)
    asked, device_map = ask_all(discover(profile), made.image)
    assert device_map == made.device_map
    assert len(asked) <= 30
    assert all(block.count <= device_map.limits.registers_max for block in asked)


def f32(*values: float) -> list[int]:
    return [word for value in values for word in struct.unpack(">HH", struct.pack(">f", value))]


def test_huawei_numbers_by_hand() -> None:
    image: Words = {
        **image_of(30071, [2]),
        **image_of(32003, [0, 1]),
        **image_of(32008, [0x0080, 0x0400]),
        **image_of(32016, [0x1772, 0x0353, 0x0000, 0x7FFF]),
        **image_of(32064, [0x0000, 0x2710]),
        **image_of(32069, [1012, 1010, 0xFFFF]),
        **image_of(32072, [0xFFFF, 0xFE0C]),
        **image_of(32080, [0xFFFF, 0xF448]),
        **image_of(32085, [5001]),
        **image_of(32087, [0xFFCE]),
        **image_of(32089, [0x0203]),
        **image_of(32106, [0x0001, 0x0000]),
        **image_of(37100, [1]),
        **image_of(37113, [0x7FFF, 0xFFFF]),
        **image_of(37119, [0xFFFF, 0xFFFE]),
        **image_of(37132, [0x0000, 0x03E8]),
        **image_of(37760, [505]),
        **image_of(37762, [2]),
        **image_of(37765, [0x0000, 0x0BB8]),
        **image_of(47102, [300]),
    }
    found = decoded("huawei-sun2000", image)
    values = {point: reading.value for point, reading in found.items() if reading.quality.is_good}
    assert values == {
        "inverter.islanded": 1,
        "inverter.fault_bits": 0x00800400,
        "pv1.voltage_v": 600.2,
        "pv1.current_a": 8.51,
        "pv2.voltage_v": 0,
        "pv.power_w": 10_000,
        "inverter.l1_voltage_v": 101.2,
        "inverter.l2_voltage_v": 101.0,
        "inverter.l1_current_a": -0.5,
        "inverter.power_w": -3000,
        "inverter.frequency_hz": 50.01,
        "inverter.temperature_c": -5.0,
        "inverter.state": 7,
        "inverter.energy_wh": 655_360,
        "grid.meter_online": 1,
        "grid.export_energy_wh": 20,
        "grid.l1_power_w": -1000,  # the device counts export as positive
        "battery.soc_pct": 50.5,
        "battery.state": 0,
        "battery.power_w": -3000,  # the device counts charge as positive
        "battery.reserve_soc_pct": 30.0,
    }
    not_available = {point for point, r in found.items() if r.quality is Quality.NOT_AVAILABLE}
    assert not_available == {"pv2.current_a", "inverter.l3_voltage_v", "grid.power_w"}
    assert "pv3.voltage_v" not in found


@pytest.mark.parametrize("count", [0, 17, 0xFFFF])
def test_a_huawei_that_tells_no_sensible_number_of_strings_is_read_for_all(count: int) -> None:
    _, device_map = ask_all(discover(load("huawei-sun2000")), image_of(30071, [count]))
    assert "pv16.voltage_v" in {each.point for each in device_map.fields}


def test_an_old_huawei_is_read_where_its_first_battery_stands() -> None:
    image = image_of(37000, [2, 0xFFFF, 0xFC18, 0, 760])
    found = decoded("huawei-sun2000", image)
    assert found["battery.power_w"].value == 1000
    assert found["battery.soc_pct"].value == 76
    both = {**image, **image_of(37760, [0xFFFF]), **image_of(37765, [0, 500])}
    found = decoded("huawei-sun2000", both)
    assert found["battery.power_w"].value == -500
    assert found["battery.soc_pct"].value == 76


def test_the_huawei_meter_is_guarded_and_read_apart() -> None:
    device_map = template("huawei-sun2000").device_map
    guarded = [each for each in device_map.fields if each.guard]
    assert {each.guard for each in guarded} == {"grid.meter_online"}
    assert {each.point for each in device_map.fields if each.point.startswith("grid.")} == {
        "grid.meter_online",
        *(each.point for each in guarded),
    }
    for block in plan(device_map.fields, device_map.limits):
        inside = [each for each in device_map.fields if block.start <= each.address < block.end]
        assert len({each.guard for each in inside}) == 1


def test_goodwe_numbers_by_hand() -> None:
    image: Words = {
        **image_of(35002, [1]),
        **image_of(35103, [3326, 51, 0, 1695, 3326, 53, 0, 1761, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0, 0, 0, 0]),
        **image_of(35121, [2393, 15, 5999]),
        **image_of(35137, [0xFFFF, 0xFC18]),
        **image_of(35169, [0, 312]),
        **image_of(35180, [2542, 0xFF9E, 0xFFFF, 0xF630, 3, 3]),
        **image_of(35187, [2]),
        **image_of(35189, [0x0000, 0x0200]),
        **image_of(35191, [0, 60853]),
        **image_of(36004, [1]),
        **image_of(36015, f32(0.0, 12345.0)),
        **image_of(36019, [0, 100, 0xFFFF, 0xFF9C, 0, 0, 0, 1556]),
        **image_of(37003, [350]),
        **image_of(37007, [68, 99]),
        **image_of(45356, [20]),
    }
    found = decoded("goodwe-et", image)
    values = {point: reading.value for point, reading in found.items() if reading.quality.is_good}
    assert values == {
        "pv1.voltage_v": 332.6,
        "pv1.current_a": 5.1,
        "pv1.power_w": 1695,
        "pv2.voltage_v": 332.6,
        "pv2.current_a": 5.3,
        "pv2.power_w": 1761,
        "pv4.voltage_v": 0,
        "pv4.current_a": 0,
        "pv4.power_w": 0,
        "pv.power_w": 3456,
        "inverter.l1_voltage_v": 239.3,
        "inverter.l1_current_a": 1.5,
        "inverter.frequency_hz": 59.99,
        "inverter.power_w": -1000,
        "backup.power_w": 312,
        "battery.voltage_v": 254.2,
        "battery.current_a": -9.8,
        "battery.power_w": -2512,
        "battery.state": 3,
        "inverter.islanded": 1,
        "inverter.state": 7,
        "inverter.fault_bits": 512,
        "pv.energy_wh": 6_085_300,
        "grid.meter_online": 1,
        "grid.import_energy_wh": 12345,
        "grid.l1_power_w": -100,
        "grid.l2_power_w": 100,
        "grid.l3_power_w": 0,
        "grid.power_w": -1556,
        "battery.temperature_c": 35.0,
        "battery.soc_pct": 68,
        "battery.soh_pct": 99,
        "battery.reserve_soc_pct": 20,
    }
    not_available = {point for point, r in found.items() if r.quality is Quality.NOT_AVAILABLE}
    assert not_available == {"pv3.voltage_v", "pv3.current_a", "pv3.power_w", "grid.export_energy_wh"}


@pytest.mark.parametrize(("phases", "has_l2"), [(0, False), (1, True), (2, True), (254, True)])
def test_a_one_phase_goodwe_has_no_second_phase(phases: int, *, has_l2: bool) -> None:
    _, device_map = ask_all(discover(load("goodwe-et")), image_of(35002, [phases]))
    points = {each.point for each in device_map.fields}
    for group in ("inverter", "backup", "grid"):
        assert (f"{group}.l2_voltage_v" in points) is has_l2
        assert f"{group}.l1_voltage_v" in points


@pytest.mark.parametrize(("tail", "has_l2"), [("HU", False), ("HR", False), ("SB", False), ("TU", True), ("NB", True)])
def test_a_goodwe_that_does_not_tell_its_phases_is_known_by_its_serial_number(tail: str, *, has_l2: bool) -> None:
    image = image_of(35002, [254]) | image_of(35006, [int.from_bytes(tail.encode(), "big")])
    _, device_map = ask_all(discover(load("goodwe-et")), image)
    assert ("inverter.l2_voltage_v" in {each.point for each in device_map.fields}) is has_l2


def test_a_goodwe_without_a_battery_has_no_state_of_charge_but_a_power_of_zero() -> None:
    image = image_of(35180, [0, 0xFFFF, 0, 0, 0]) | image_of(37003, [0]) | image_of(37007, [0, 0])
    found = decoded("goodwe-et", image)
    assert found["battery.power_w"].value == 0
    assert found["battery.current_a"].value == -0.1
    for point in ("battery.soc_pct", "battery.soh_pct", "battery.temperature_c"):
        assert found[point].value is None
        assert found[point].quality is Quality.NOT_AVAILABLE
    empty = decoded("goodwe-et", image | image_of(35184, [1]))
    assert empty["battery.soc_pct"].value == 0, "a battery that is there may be empty"


def test_a_goodwe_phase_that_is_not_there_has_no_power() -> None:
    words = [2393, 15, 5000, 0, 336, 0xFFFF, 0xFFFF, 0xFFFF, 0x7FFF, 0xFFFF, 2411, 11, 5000, 0xFFFF, 0xFFCE]
    backup = image_of(35149, [0, 107]) | image_of(35155, [0xFFFF, 0xFFFF]) | image_of(35161, [0xFFFF, 0xFFFE])
    found = decoded("goodwe-et", image_of(35121, words) | backup | image_of(35141, [0xFFFF, 0xF98E]))
    assert [found[f"inverter.l{n}_power_w"].value for n in (1, 2, 3)] == [336, None, -50]
    assert [found[f"backup.l{n}_power_w"].value for n in (1, 2, 3)] == [107, None, -2]
    assert found["inverter.reactive_power_var"].value == -1650


def test_a_goodwe_whose_meter_is_silent_does_not_say_that_nothing_flows() -> None:
    meter = image_of(36014, [0]) | image_of(36019, [0] * 8) | image_of(36033, [0, 0])
    for online, quality in ((0, Quality.NOT_AVAILABLE), (1, Quality.GOOD)):
        found = decoded("goodwe-et", meter | image_of(36004, [online]))
        for point in ("grid.power_w", "grid.l1_power_w", "grid.reactive_power_var", "grid.frequency_hz"):
            assert found[point].quality is quality
        assert found["grid.meter_online"].value == online


def test_goodwe_meter_counters_are_read_where_the_firmware_keeps_them() -> None:
    old = image_of(36015, f32(10514.0, 3254462.0))
    assert decoded("goodwe-et", old)["grid.export_energy_wh"].value == 10514
    # New firmware keeps whole numbers of another kind there: as floats they would be next to nothing.
    new = image_of(36015, [0, 15495, 0, 0]) | image_of(36104, [0, 0, 0, 3555]) | image_of(36120, [0, 0, 1, 2])
    found = decoded("goodwe-et", new)
    assert found["grid.export_energy_wh"].value == 35_550
    assert found["grid.import_energy_wh"].value == 655_380


@pytest.mark.parametrize(("trackers", "has_third"), [(2, False), (3, True)])
def test_the_strings_of_a_third_tracker_are_read_only_where_there_is_one(trackers: int, *, has_third: bool) -> None:
    found = decoded("goodwe-et", image_of(35303, [trackers, 3015, 20, 3015, 0]))
    assert ("pv5.voltage_v" in found) is has_third
    if has_third:
        assert (found["pv5.voltage_v"].value, found["pv5.current_a"].value) == (301.5, 2.0)
        assert (found["pv6.voltage_v"].value, found["pv6.current_a"].value) == (301.5, 0)


def test_sdm630_numbers_by_hand() -> None:
    image: Image = {
        **image_of(0, f32(101.5, 102.0, 99.75, 1.5, 2.0, 0.25, 150.0, -204.0, 25.0), Table.INPUT),
        **image_of(52, f32(-29.0), Table.INPUT),
        **image_of(70, f32(50.0, 1234.5, 0.125), Table.INPUT),
    }
    values = {point: reading.value for point, reading in decoded("sdm630", image).items()}
    assert values == {
        "grid.l1_voltage_v": 101.5,
        "grid.l2_voltage_v": 102.0,
        "grid.l3_voltage_v": 99.75,
        "grid.l1_current_a": 1.5,
        "grid.l2_current_a": 2.0,
        "grid.l3_current_a": 0.25,
        "grid.l1_power_w": 150.0,
        "grid.l2_power_w": -204.0,
        "grid.l3_power_w": 25.0,
        "grid.power_w": -29.0,
        "grid.frequency_hz": 50.0,
        "grid.import_energy_wh": 1_234_500,
        "grid.export_energy_wh": 125,
    }


def test_a_relay_s_coils_are_the_tiers_in_their_order() -> None:
    image = image_of(0, [1, 0, 1, 0, 0, 0, 0, 1], Table.COIL)
    closed = {point for point, reading in decoded("relay", image).items() if reading.value == 1}
    assert closed == {"tier1.closed", "tier3.closed", "tier8.closed"}
    asked, _ = ask_all(discover(load("relay")), {})
    assert asked == []


def test_a_hole_of_the_family_is_never_touched() -> None:
    device_map = template("goodwe-et").device_map
    assert Block(Table.HOLDING, 36066, 26) in device_map.limits.holes
    for block in plan(device_map.fields, device_map.limits):
        assert not any(h.start < block.end and block.start < h.end for h in device_map.limits.holes)


def test_state_points_stay_within_their_codes() -> None:
    for profile in PROFILES:
        for each in template(profile.id).device_map.fields:
            if each.states:
                assert POINTS[each.point].kind is Kind.STATE
                assert all(POINTS[each.point].is_plausible(code) for code in each.states.values())
