"""Walking SunSpec devices of every shape that we know of, and some that should not exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from contract.readings import Quality, Reading
from device_profiles.blocks import apart, plan
from device_profiles.controls import by_name, in_force
from device_profiles.discover import discover
from device_profiles.dump import decode_dump
from device_profiles.load import load
from device_profiles.model import Block, DiscoveryError, Table
from device_profiles.schema_sunspec import ChainLink
from device_profiles.sunspec import MODELS_MAX
from device_profiles.sunspec_image import build_chain
from tests.device_profiles.helpers import Words, ask_all, by_point, decoded, image_of

SUNSPEC = load("sunspec")
COMMON = ChainLink(model=1, values={"Mn": "Maker", "Md": "M-1", "SN": "S1", "Vr": "2.0"})
SCALED_103 = {"W_SF": 0, "Hz_SF": -2, "V_SF": -1, "A_SF": -2, "WH_SF": 0, "Tmp_SF": -1}


def link(number: int, instances: list[dict[str, Any]] | None = None, **values: float | str) -> ChainLink:
    return ChainLink(model=number, values=values, instances=instances or [])


def chain(*links: ChainLink, base: int = 40000) -> Words:
    return build_chain(base, (COMMON, *links))


def values_of(image: Mapping[tuple[Table, int], int]) -> dict[str, float]:
    return {point: r.value for point, r in decoded("sunspec", image).items() if r.value is not None}


INVERTER = link(103, **SCALED_103, W=12000, Hz=5001, PhVphA=2301, AphA=1743, WH=123456, TmpCab=415, St=4, Evt1=0)


@pytest.mark.parametrize("base", [40000, 0, 50000])
def test_the_chain_is_found_at_each_of_the_usual_bases(base: int) -> None:
    assert values_of(chain(INVERTER, base=base))["inverter.power_w"] == 12000


def test_a_device_without_the_marker_is_told_with_what_was_seen() -> None:
    image = image_of(40000, [0x1234, 0x5678])
    with pytest.raises(DiscoveryError, match=r"40000: 1234 5678; 0: refused; 50000: refused"):
        ask_all(discover(SUNSPEC), image)


def test_a_marker_with_nothing_behind_it_is_an_error() -> None:
    with pytest.raises(DiscoveryError, match="no model follows"):
        ask_all(discover(SUNSPEC), image_of(40000, [0x5375, 0x6E53, 0xFFFF, 0]))


def test_a_chain_of_models_that_nobody_uses_is_an_error_that_names_them() -> None:
    with pytest.raises(DiscoveryError, match="only 1, 11"):
        ask_all(discover(SUNSPEC), chain(link(11)))


def test_unknown_models_are_skipped_by_their_length() -> None:
    image = chain(link(11), INVERTER)
    at = 40002 + 68
    assert image[Table.HOLDING, at] == 11
    image[Table.HOLDING, at] = 64999  # a maker's own model
    assert values_of(image)["inverter.power_w"] == 12000


def test_a_common_model_one_register_shorter_moves_everything() -> None:
    image = chain(INVERTER)
    moved = {(t, a if a < 40069 else a - 1): w for (t, a), w in image.items() if a != 40069}
    moved[Table.HOLDING, 40003] = 65
    assert values_of(moved) == values_of(image)


@pytest.mark.parametrize("cut", ["refused end", "length 0", "end marker"])
def test_every_kind_of_end_is_an_end(cut: str) -> None:
    image = chain(INVERTER)
    end = max(address for _, address in image) - 1
    assert image[Table.HOLDING, end] == 0xFFFF
    if cut == "refused end":
        del image[Table.HOLDING, end], image[Table.HOLDING, end + 1]
    elif cut == "length 0":
        image[Table.HOLDING, end] = 0
    assert values_of(image)["inverter.power_w"] == 12000


def test_a_device_that_answers_anything_is_given_up_in_time() -> None:
    asked = 0

    def drive() -> None:
        nonlocal asked
        discovery = discover(SUNSPEC)
        block = next(discovery)
        while True:
            asked += 1
            block = discovery.send((0x5375, 0x6E53) if block.start == 40000 else (1,) * block.count)

    with pytest.raises(DiscoveryError, match="no model that profile"):
        drive()
    assert asked < 2 * MODELS_MAX


def test_a_model_with_an_impossible_length_costs_few_requests_and_little_time() -> None:
    image = chain(INVERTER, link(160, [string(str(n), n) for n in (1, 2, 3)], **STRINGS))
    at = 40070 + 52
    assert image[Table.HOLDING, at] == 160
    image[Table.HOLDING, at + 1] = 25_000
    image[Table.HOLDING, at + 8] = 0xFFFF
    anything = {(Table.HOLDING, n): image.get((Table.HOLDING, n), 1) for n in range(0x1_0000)}
    asked, device_map = ask_all(discover(SUNSPEC), anything)
    assert len(asked) < 2 * MODELS_MAX
    assert len(device_map.fields) < 200
    assert all(len(each.terms) < 100 for each in device_map.fields)


def test_the_map_moves_with_the_chain_and_is_read_in_few_requests() -> None:
    asked, device_map = ask_all(discover(SUNSPEC), chain(INVERTER))
    fields = by_point(device_map.fields)
    assert fields["inverter.power_w"].address == 40070 + 14
    assert fields["inverter.power_w"].scale_factor_address == 40070 + 15
    assert plan(device_map.fields, device_map.limits) == (Block(Table.HOLDING, 40073, 39),)
    assert all(block.count <= 125 for block in asked)
    assert {f.point: f.address for f in device_map.identity} == {"model": 40020, "serial": 40052, "firmware": 40044}


@pytest.mark.parametrize("number", [101, 102, 103])
def test_whole_number_inverters_of_one_two_and_three_phases(number: int) -> None:
    one = link(number, **SCALED_103, W=-1200, Hz=5998, PhVphA=1012, AphA=250, WH=99, TmpCab=-50, St=5, Evt1=16 + 128)
    assert values_of(chain(one)) == {
        "inverter.power_w": -1200,
        "inverter.frequency_hz": 59.98,
        "inverter.l1_voltage_v": 101.2,
        "inverter.l1_current_a": 2.5,
        "inverter.energy_wh": 99,
        "inverter.temperature_c": -5.0,
        "inverter.state": 5,
        "inverter.islanded": 1,
        "inverter.fault_bits": 128,
    }


@pytest.mark.parametrize("number", [111, 112, 113])
def test_float_inverters(number: int) -> None:
    one = link(number, W=33000.5, Hz=50.0, PhVphA=230.5, AphA=47.25, WH=1e7, TmpCab=40.5, St=4, Evt1=0, DCW=34000.0)
    assert values_of(chain(one)) == {
        "inverter.power_w": 33000.5,
        "inverter.frequency_hz": 50.0,
        "inverter.l1_voltage_v": 230.5,
        "inverter.l1_current_a": 47.25,
        "inverter.energy_wh": 1e7,
        "inverter.temperature_c": 40.5,
        "inverter.state": 4,
        "inverter.islanded": 0,
        "inverter.fault_bits": 0,
        "pv.power_w": 34000.0,
    }


def test_a_night_inverter_has_no_numbers_but_its_counter() -> None:
    found = decoded("sunspec", chain(link(101, **SCALED_103, WH=30847780)))
    assert {p for p, r in found.items() if r.quality.is_good} == {"inverter.energy_wh"}
    assert {r.quality for r in found.values()} == {Quality.GOOD, Quality.NOT_AVAILABLE}


def test_a_scale_factor_that_is_not_implemented_makes_its_values_not_available() -> None:
    found = decoded("sunspec", chain(link(103, W=500, Hz=50, Hz_SF=0)))
    assert found["inverter.power_w"] == Reading("inverter.power_w", None, Quality.NOT_AVAILABLE)
    assert found["inverter.frequency_hz"].value == 50


STRINGS = {"DCA_SF": -2, "DCV_SF": -1, "DCW_SF": 0, "DCWH_SF": 0}


def string(name: str, watts: float, energy: float = 5) -> dict[str, Any]:
    return {"IDStr": name, "DCA": 120, "DCV": 4000, "DCW": watts, "DCWH": energy}


def test_strings_become_trackers_and_their_sum() -> None:
    found = values_of(chain(INVERTER, link(160, [string("A", 670), string("B", 480, 7)], N=2, **STRINGS)))
    assert (found["pv1.power_w"], found["pv2.power_w"], found["pv.power_w"]) == (670, 480, 1150)
    assert (found["pv1.voltage_v"], found["pv1.current_a"]) == (400.0, 1.2)
    assert found["pv.energy_wh"] == 12


def test_a_hybrid_s_storage_modules_are_the_battery_and_no_strings() -> None:
    modules = [string("MPPT 1", 3000), string("MPPT 2", 0), string("StCha 3", 1200, 900), string("StDisCha 4", 0, 800)]
    image = chain(INVERTER, link(160, modules, N=4, **STRINGS))
    found = values_of(image)
    assert found["battery.power_w"] == -1200
    assert found["battery.charge_energy_wh"] == 900
    assert found["battery.discharge_energy_wh"] == 800
    assert found["pv.power_w"] == 3000
    assert "pv3.power_w" not in found
    _, device_map = ask_all(discover(SUNSPEC), image)
    assert apart(device_map.fields, plan(device_map.fields, device_map.limits)) == ()


@pytest.mark.parametrize(("said", "there"), [(2, 2), (1, 1), (9, 3), (0xFFFF, 3), (0, 3)])
def test_the_number_of_modules_is_what_the_device_says_but_never_more_than_there_is_room(said: int, there: int) -> None:
    image = chain(INVERTER, link(160, [string(str(n), n) for n in (1, 2, 3)], **STRINGS))
    at = 40070 + 52 + 8
    image[Table.HOLDING, at] = said
    found = values_of(image)
    assert [p for p in found if p.endswith("power_w") and p.startswith("pv") and p != "pv.power_w"] == [
        f"pv{n}.power_w" for n in range(1, there + 1)
    ]


def test_more_modules_than_one_request_can_hold_are_read_and_the_plan_says_what_is_apart() -> None:
    image = chain(INVERTER, link(160, [string(str(n), n) for n in range(12)], N=12, **STRINGS))
    _, device_map = ask_all(discover(SUNSPEC), image)
    blocks = plan(device_map.fields, device_map.limits)
    assert all(block.count <= 125 for block in blocks)
    far = {each.point for each in apart(device_map.fields, blocks)}
    assert "pv1.power_w" not in far
    assert "pv12.power_w" in far
    assert values_of(image)["pv.power_w"] == sum(range(12))


def test_der_ports_are_sorted_by_their_type() -> None:
    scale = {"DCA_SF": -1, "DCV_SF": -1, "DCW_SF": 1, "DCWH_SF": 0}
    ports: list[dict[str, Any]] = [
        {"PrtTyp": 1, "DCW": -150, "DCA": -30, "DCWhInj": 70, "DCWhAbs": 90},
        {"PrtTyp": 0, "DCW": 200, "DCA": 50, "DCV": 4000, "DCWhInj": 1000},
        {"PrtTyp": 2, "DCW": 7},
    ]
    found = values_of(
        chain(link(701, W=50, W_SF=1, InvSt=3, DERMode=2, Hz=5000, Hz_SF=-2), link(714, ports, NPrt=3, **scale))
    )
    assert found["battery.power_w"] == -1500
    assert found["battery.charge_energy_wh"] == 90
    assert found["battery.discharge_energy_wh"] == 70
    assert (found["pv1.power_w"], found["pv.power_w"]) == (2000, 2000)
    assert "pv2.power_w" not in found
    assert (found["inverter.power_w"], found["inverter.state"], found["inverter.islanded"]) == (500, 4, 1)


BATTERY = link(
    802,
    WHRtg=261,
    WHRtg_SF=2,
    WChaRteMax=100,
    WDisChaRteMax=120,
    WChaDisChaMax_SF=2,
    SoC=805,
    SoCRsvMin=300,
    SoC_SF=-1,
    SoH=99,
    SoH_SF=0,
    ChaSt=3,
    V=4012,
    V_SF=-1,
    A=-125,
    A_SF=-1,
    W=2500,
    W_SF=0,
)


def test_a_battery_model_gives_every_battery_point() -> None:
    found = {p: v for p, v in values_of(chain(BATTERY)).items() if p.startswith("battery.")}
    assert found == {
        "battery.power_w": 2500,
        "battery.current_a": -12.5,
        "battery.voltage_v": 401.2,
        "battery.soc_pct": 80.5,
        "battery.soh_pct": 99,
        "battery.state": 4,
        "battery.capacity_wh": 26100,
        "battery.max_charge_power_w": 10000,
        "battery.max_discharge_power_w": 12000,
        "battery.reserve_soc_pct": 30.0,
    }


STORAGE = link(
    124, WChaMax=1000, WChaMax_SF=1, StorCtl_Mod=2, MinRsvPct=20, MinRsvPct_SF=0, ChaState=5500, ChaState_SF=-2,
    ChaSt=4, OutWRte=-5000, InOutWRte_SF=-2,
)  # fmt: skip


def test_storage_controls_speak_watts_though_the_registers_speak_percent() -> None:
    image = chain(STORAGE)
    _, device_map = ask_all(discover(SUNSPEC), image)
    registers = by_name(device_map.registers)
    controls = {each.kind: each for each in device_map.controls}
    assert in_force(controls["reserve"], registers, image) == {"soc_pct": 20}
    assert in_force(controls["charge"], registers, image) == {"power_w": 5000}
    assert registers["charge_power"].high == pytest.approx(10000)
    found = values_of(image)
    assert (found["battery.soc_pct"], found["battery.state"], found["battery.reserve_soc_pct"]) == (55.0, 3, 20)


def test_where_two_models_hold_a_quantity_the_one_that_implements_it_is_taken() -> None:
    without_reserve = link(124, ChaState=40, ChaState_SF=0, MinRsvPct_SF=0)
    found = values_of(chain(without_reserve, BATTERY))
    assert found["battery.soc_pct"] == 80.5
    assert found["battery.reserve_soc_pct"] == 30.0
    _, device_map = ask_all(discover(SUNSPEC), chain(without_reserve, BATTERY))
    reserve = next(each for each in device_map.controls if each.kind == "reserve")
    written = by_name(device_map.registers)[reserve.on[0].register]
    assert written.source.startswith("SunSpec model 802")
    assert len([each for each in device_map.controls if each.kind == "reserve"]) == 1


def test_the_dc_side_is_the_generator_only_where_nothing_else_hangs_on_it() -> None:
    dc = link(103, **SCALED_103, W=1, DCW=700, DCW_SF=1)
    assert values_of(chain(dc))["pv.power_w"] == 7000
    assert "pv.power_w" not in values_of(chain(dc, BATTERY))
    assert values_of(chain(dc, link(160, [string("1", 6900)], N=1, **STRINGS)))["pv.power_w"] == 6900


def meter(number: int) -> ChainLink:
    scale = {} if number > 210 else {"W_SF": 0, "A_SF": 0, "V_SF": 0, "Hz_SF": 0, "TotWh_SF": 0}
    return link(number, W=900, WphA=300, AphA=2, PhVphA=101, Hz=50, TotWhExp=10, TotWhImp=20, **scale)


@pytest.mark.parametrize("number", [201, 202, 203, 204, 211, 212, 213, 214])
@pytest.mark.parametrize(("maker", "sign"), [("Fronius", 1), ("SolarEdge ", -1)])
def test_a_meter_s_sign_is_its_maker_s(number: int, maker: str, sign: int) -> None:
    image = build_chain(40000, [ChainLink(model=1, values={"Mn": maker}), meter(number)])
    found = values_of(image)
    assert found["grid.power_w"] == 900 * sign
    assert found["grid.l1_power_w"] == 300 * sign
    # SolarEdge's meters tell the current without a sign.
    assert found.get("grid.l1_current_a") == (2 if sign > 0 else None)
    assert found["grid.l1_voltage_v"] == 101
    assert (found["grid.import_energy_wh"], found["grid.export_energy_wh"]) == (20, 10)


def test_the_second_meter_of_a_chain_is_not_taken_for_the_first() -> None:
    second = link(203, W=-5, W_SF=0)
    assert values_of(chain(INVERTER, meter(203), COMMON, second))["grid.power_w"] == 900


def test_a_stretch_that_is_refused_during_discovery_costs_nothing_else() -> None:
    image = chain(INVERTER, link(160, [string("1", 10), string("2", 20)], N=2, **STRINGS))
    del image[Table.HOLDING, 40070 + 52 + 10 + 19]  # somewhere in the first module
    assert values_of(image)["inverter.power_w"] == 12000
    assert values_of(image)["pv2.power_w"] == 20


def test_a_dump_without_the_start_of_the_chain_is_still_decoded() -> None:
    image = chain(INVERTER, link(160, [string("1", 10)], N=1, **STRINGS), BATTERY)
    part = {(table, address): word for (table, address), word in image.items() if address >= 40070}
    points = decode_dump(SUNSPEC, part).points
    assert {point: each.value for point, each in points.items() if each.value is not None} == values_of(image)
    with pytest.raises(DiscoveryError):
        decode_dump(SUNSPEC, image_of(40070, [103, 51, *[0] * 51]))


@pytest.mark.parametrize("place", ["TmpCab", "TmpSnk", "TmpOt"])
def test_the_temperature_is_taken_where_the_maker_measures_it(place: str) -> None:
    assert values_of(chain(link(103, Tmp_SF=-1, **{place: 415})))["inverter.temperature_c"] == 41.5


@pytest.mark.parametrize(("number", "value"), [(101, 234.2), (103, None)])
def test_the_only_phase_s_voltage_may_be_told_as_one_between_lines(number: int, value: float | None) -> None:
    image = chain(link(number, PPVphAB=2342, V_SF=-1, W=0, W_SF=0))
    assert values_of(image).get("inverter.l1_voltage_v") == value


def test_the_cabinet_s_temperature_goes_before_the_heat_sink_s_in_every_model() -> None:
    for number in (103, 701):
        image = chain(link(number, TmpCab=550, TmpSnk=650, Tmp_SF=-1))
        assert values_of(image)["inverter.temperature_c"] == 55


def test_a_dump_with_a_gap_in_its_chain_keeps_what_stands_behind_it() -> None:
    image = chain(INVERTER, link(120, WRtg=5, WRtg_SF=0), meter(203))
    gap = {key: word for key, word in image.items() if not 40122 <= key[1] < 40150}
    assert 40122 in {at for _, at in image.keys() - gap.keys()}
    points = decode_dump(load("sunspec"), gap).points
    assert points["inverter.power_w"].value == values_of(image)["inverter.power_w"]
    assert points["grid.power_w"].value == 900


def test_a_dump_that_lacks_one_module_takes_the_battery_s_modules_for_no_strings() -> None:
    modules = [string("MPPT 1", 10), string("MPPT 2", 20), string("StCha 3", 300), string("StDisCha 4", 0)]
    image = chain(INVERTER, link(160, modules, N=4, **STRINGS))
    del image[Table.HOLDING, 40122 + 10 + 20 + 5]  # somewhere in the second module
    points = decode_dump(load("sunspec"), image).points
    assert points["battery.power_w"].value == -300
    assert points["pv1.power_w"].value == 10
    assert "pv3.power_w" not in points


@pytest.mark.parametrize(("maker", "exported"), [("KOSTAL", 4_793_859), ("Other", 4_290_173_437)])
def test_a_meter_that_counts_its_export_downwards_is_turned_round(maker: str, exported: int) -> None:
    counters = link(203, W=307, W_SF=1, TotWhExp=0xFFB6D9FD, TotWhImp=0x2E108F, TotWh_SF=0)
    found = values_of(build_chain(40000, [ChainLink(model=1, values={"Mn": maker}), counters]))
    assert found["grid.power_w"] == 3070
    assert found["grid.import_energy_wh"] == 3_018_895
    assert found["grid.export_energy_wh"] == exported
