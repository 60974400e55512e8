"""Huawei, GoodWe, SunSpec and relay: raw words and orders made by hand from the facts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from device_profiles.controls import by_name, faults_in, in_force, planned, words_to_write
from device_profiles.discover import discover
from device_profiles.image import run, template
from device_profiles.load import load
from device_profiles.model import Confidence, DeviceMap, Image, Table
from device_profiles.schema_sunspec import ChainLink
from device_profiles.sunspec_image import build_chain
from device_profiles.sunspec_models import model
from tests.device_profiles.helpers import Words, decoded, image_of

HOLDING = Table.HOLDING
Written = list[tuple[int, list[int]]]


def good(profile_id: str, image: Image) -> dict[str, float | None]:
    return {point: r.value for point, r in decoded(profile_id, image).items() if r.quality.is_good}


def ordered(
    profile_id: str, kind: str, given: Mapping[str, float], image: Words | None = None, *, off: bool = False
) -> tuple[Written, Words, DeviceMap]:
    """What an order writes, in its order, into a device (the reference one, or these registers), and what it leaves."""
    after = dict(template(profile_id).image if image is None else image)
    device_map = run(discover(load(profile_id)), after)
    control = next(each for each in device_map.controls if each.kind == kind)
    written: Written = []
    for step in planned(control.off if off else control.on, by_name(device_map.registers), given):
        block, words = words_to_write(step.register, step.value, after)
        after |= {(block.table, block.start + n): word for n, word in enumerate(words)}
        written.append((block.start, list(words)))
    return written, after, device_map


def held(device_map: DeviceMap, image: Image, kind: str) -> Mapping[str, float] | None:
    control = next(each for each in device_map.controls if each.kind == kind)
    return in_force(control, by_name(device_map.registers), image)


# ---- Huawei


def test_huawei_numbers_by_hand() -> None:
    image: Words = {
        **image_of(30071, [2]),
        **image_of(32003, [0x0000, 0x0001]),
        **image_of(32008, [0x0080, 0x0400, 0x0020]),
        **image_of(32016, [6123, 0xFFF6]),
        **image_of(32064, [0x0000, 0x3494]),
        **image_of(32069, [2314, 2325, 2298]),
        **image_of(32080, [0xFFFF, 0xFF38]),
        **image_of(32085, [4998]),
        **image_of(32087, [0xFFDD]),
        **image_of(32089, [0x0203]),
        **image_of(32106, [0x0006, 0x4AF1]),
        **image_of(37100, [1]),
        **image_of(37113, [0xFFFF, 0xF448]),
        **image_of(37119, [0xFFFF, 0xFF9C, 0x0001, 0x0000]),
        **image_of(37760, [573]),
        **image_of(37762, [2, 4216, 0x007C, 0x0000, 0x145A]),
        **image_of(40000, [0x6A19, 0x8530]),
        **image_of(47102, [350]),
    }
    found = good("huawei-sun2000", image)
    assert found["inverter.islanded"] == 1
    assert found["inverter.fault_bits"] == 0x0080_0400
    assert found["inverter.fault2_bits"] == 0x20
    assert found["pv1.voltage_v"] == pytest.approx(612.3)
    assert found["pv1.current_a"] == pytest.approx(-0.1)
    assert found["pv.power_w"] == 13_460
    assert found["inverter.l2_voltage_v"] == pytest.approx(232.5)
    assert found["inverter.power_w"] == -200
    assert found["inverter.frequency_hz"] == pytest.approx(49.98)
    assert found["inverter.temperature_c"] == pytest.approx(-3.5)
    assert found["inverter.energy_wh"] == 0x0006_4AF1 * 10
    assert found["grid.power_w"] == 3000, "the device counts what goes out as positive"
    assert found["grid.export_energy_wh"] == 1000, "counted downwards by some meters"
    assert found["grid.import_energy_wh"] == 655_360
    assert found["battery.soc_pct"] == pytest.approx(57.3)
    assert found["battery.power_w"] == -5210, "the device counts charge as positive"
    assert found["battery.current_a"] == pytest.approx(-12.4)
    assert found["battery.reserve_soc_pct"] == 35
    assert found["inverter.clock_s"] == 0x6A19_8530 - 9 * 3600
    texts = faults_in(load("huawei-sun2000").faults, found)
    assert [each.en for each in texts] == [
        "Islanding found by active method (alarm 2070)",
        "Grid lost (alarm 2032)",
        "On-grid/off-grid controller abnormal (alarm 2082)",
    ]


def test_huawei_says_7fff_where_it_has_nothing() -> None:
    image: Words = {
        **image_of(32064, [0x7FFF, 0xFFFF]),
        **image_of(32085, [0xFFFF]),
        **image_of(32087, [0x7FFF]),
        **image_of(37760, [0xFFFF]),
        **image_of(37765, [0x7FFF, 0xFFFF]),
    }
    assert good("huawei-sun2000", image) == {}


def test_huawei_orders_by_hand() -> None:
    charge, after, device_map = ordered("huawei-sun2000", "charge", {"power_w": 70_000, "soc_pct": 90})
    assert charge == [(47087, [1]), (47247, [0x0001, 0x1170]), (47101, [900]), (47246, [1]), (47100, [1])]
    assert held(device_map, after, "charge") == {"power_w": 70_000, "soc_pct": 90}
    assert ordered("huawei-sun2000", "charge", {}, off=True)[0] == [(47100, [0])]
    assert ordered("huawei-sun2000", "reserve", {"soc_pct": 62.5})[0] == [(47102, [625])]
    assert ordered("huawei-sun2000", "discharge_block", {})[0] == [(47077, [0, 0])]
    assert ordered("huawei-sun2000", "export_limit", {"power_w": 0})[0] == [(47416, [0, 0]), (47415, [6])]
    assert ordered("huawei-sun2000", "export_limit", {}, off=True)[0] == [(47415, [0])]


def test_what_nobody_knows_of_huawei_is_not_written() -> None:
    device_map = template("huawei-sun2000").device_map
    assert 47604 not in {each.field.address for each in device_map.registers}
    backup = next(each for each in device_map.controls if each.kind == "backup")
    assert backup.confidence is Confidence.UNVERIFIED
    assert backup.by_hand_ja


# ---- GoodWe


def test_goodwe_faults_clock_and_missing_battery_by_hand() -> None:
    image: Words = {
        **image_of(35001, [20000, 1]),
        **image_of(35100, [0x1508, 0x160B, 0x0B0C]),
        **image_of(35184, [0]),
        **image_of(35187, [2]),
        **image_of(35189, [0x0010, 0x0200]),
        **image_of(35220, [0x0040, 0x0600]),
        **image_of(37006, [0x0001, 0]),
    }
    found = good("goodwe-et", image)
    assert found["inverter.clock_s"] == 1_629_598_272, "2021-08-22 11:11:12 in Tokyo"
    assert found["inverter.islanded"] == 1
    assert "battery.fault_bits" not in found, "no battery, no alarm of one"
    assert [each.en for each in faults_in(load("goodwe-et").faults, found)] == [
        "Grid lost",
        "Secured output overloaded",
        "Meter does not answer",
        "Meter connected the wrong way round",
        "Battery charge low, off grid",
    ]


def test_goodwe_orders_by_hand() -> None:
    charge, after, device_map = ordered("goodwe-et", "charge", {"power_w": 3000})
    assert charge == [(47512, [3000]), (47511, [11])]
    assert held(device_map, after, "charge") == {"power_w": 3000}
    assert ordered("goodwe-et", "charge", {}, off=True)[0] == [(47511, [1]), (47512, [0])]
    assert ordered("goodwe-et", "reserve", {"soc_pct": 65})[0] == [(45356, [65])]
    assert ordered("goodwe-et", "discharge_block", {})[0] == [(47511, [6])]
    assert ordered("goodwe-et", "backup", {})[0] == [(45252, [1]), (47000, [2])]
    assert ordered("goodwe-et", "backup", {}, off=True)[0] == [(47000, [0])], "the secured output stays on"
    assert ordered("goodwe-et", "export_limit", {"power_w": 4200})[0] == [(47510, [4200]), (47509, [1])]


# ---- SunSpec

NAMED = (
    1, *range(101, 104), *range(111, 114), *range(120, 125), 160, *range(201, 205), *range(211, 215), *range(701, 715),
    802,
)  # fmt: skip


def test_every_model_that_counts_is_known_and_used_or_walked_over() -> None:
    spec = load("sunspec").sunspec
    assert spec is not None
    used = {1} | {number for each in spec.models for number in each.ids}
    used |= {
        int(entry.percent_of.partition(".")[0])
        for m in spec.models
        for entry in m.registers.values()
        if entry.percent_of
    }
    assert [number for number in NAMED if model(number) is None] == []
    assert {number for number in NAMED if number not in used} == {703, *range(705, 713)}
    assert "703, 705-712" in load("sunspec").notes


def der_chain(base: int) -> Words:
    """A storage inverter of the 700 series with every one of its models, and two that nobody knows in between."""
    links = [
        ChainLink(model=1, values={"Mn": "Maker", "Md": "DER"}),
        ChainLink(model=701, values={"W": -500, "W_SF": 1, "InvSt": 3, "Alrm": 0x10, "DERMode": 2}),
        ChainLink(model=702, values={"WMax": 2000, "W_SF": 1, "WChaRteMaxRtg": 900}),
        *(ChainLink(model=number) for number in range(703, 713) if number != 704),
        ChainLink(
            model=704,
            values={
                "WMaxLimPctEna": 0,
                "WMaxLimPct": 1000,
                "WMaxLimPct_SF": -1,
                "WSetEna": 0,
                "WSetMod": 0,
                "WSet": 0,
                "WSet_SF": 0,
            },
        ),
        ChainLink(model=713, values={"SoC": 55, "Pct_SF": 0, "WHRtg": 261, "WH_SF": 2}),
        ChainLink(model=802, values={"SoCRsvMin": 30, "SoC_SF": 0, "Evt1": 0x2000}),
    ]
    image = build_chain(base, links[:2])
    # Two unknown models: an ID that is nobody's, and one of a maker.
    end = max(at for _, at in image) - 1
    for number, length in ((799, 5), (64_207, 3)):
        image |= image_of(end, [number, length, *range(length)])
        end += length + 2
    rest = build_chain(50_000, [links[0], *links[2:]])
    shared = max(at for _, at in build_chain(50_000, links[:1])) - 1
    image |= {(HOLDING, end + at - shared): word for (_, at), word in rest.items() if at >= shared}
    return image


@pytest.mark.parametrize("base", [40_000, 0, 50_000])
def test_a_der_with_all_its_models_is_read_and_ordered_at_each_base(base: int) -> None:
    image = der_chain(base)
    found = good("sunspec", image)
    assert found["inverter.power_w"] == -5000
    assert found["inverter.islanded"] == 1
    assert found["battery.soc_pct"] == 55
    assert found["battery.capacity_wh"] == 26_100
    assert found["battery.reserve_soc_pct"] == 30
    texts = [each.en for each in faults_in(load("sunspec").faults, found)]
    assert texts == ["Grid lost", "State of charge below minimum"]
    charge, after, device_map = ordered("sunspec", "charge", {"power_w": 4000}, image)
    assert [words for _, words in charge] == [[1], [0xFFFF, 0xF060], [1]]
    assert held(device_map, after, "charge") == {"power_w": 4000}
    # 5 kW of 20 kW.
    assert [words for _, words in ordered("sunspec", "export_limit", {"power_w": 5000}, image)[0]] == [[250], [1]]
    assert [words for _, words in ordered("sunspec", "reserve", {"soc_pct": 80}, image)[0]] == [[80]]
    assert "discharge_block" not in {each.kind for each in device_map.controls}, "no register of this device does it"


def test_storage_of_model_124_is_ordered_by_hand() -> None:
    charge, after, device_map = ordered("sunspec", "charge", {"power_w": 6000})
    assert [words for _, words in charge] == [[1], [0x1_0000 - 2000], [2]]
    assert held(device_map, after, "charge") == {"power_w": pytest.approx(6000)}
    assert held(device_map, after, "discharge_block") is None
    block, after, device_map = ordered("sunspec", "discharge_block", {})
    assert [words for _, words in block] == [[10_000], [0], [3]]
    assert held(device_map, after, "discharge_block") == {}
    assert held(device_map, after, "charge") is None
    assert [words for _, words in ordered("sunspec", "charge", {}, off=True)[0]] == [[0], [10_000]]


def test_a_storage_without_grid_charging_can_still_be_told_to_charge() -> None:
    link = ChainLink(
        model=124, values={"WChaMax": 1000, "WChaMax_SF": 1, "StorCtl_Mod": 0, "OutWRte": 0, "InOutWRte_SF": -2}
    )
    image = build_chain(40_000, [ChainLink(model=1), link])
    assert [words for _, words in ordered("sunspec", "charge", {"power_w": 5000}, image)[0]] == [[0x1_0000 - 5000], [2]]


# ---- Relay


def test_each_tier_is_a_coil_of_its_own() -> None:
    device_map = template("relay").device_map
    assert {each.kind for each in device_map.controls} == {f"tier{n}" for n in range(1, 9)}
    for n in range(1, 9):
        written, after, _ = ordered("relay", f"tier{n}", {}, off=True)
        assert written == [(n - 1, [0])]
        assert after[Table.COIL, n - 1] == 0
        assert held(device_map, after, f"tier{n}") is None
