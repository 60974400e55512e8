"""Fronius GEN24 and its meter: chains of models and orders made by hand from the facts."""

from __future__ import annotations

from contract.readings import Quality
from device_profiles.controls import by_name
from device_profiles.discover import discover
from device_profiles.image import run
from device_profiles.load import load
from device_profiles.model import Confidence
from device_profiles.schema_sunspec import ChainLink
from device_profiles.sunspec_image import build_chain
from tests.device_profiles.helpers import Words, decoded
from tests.device_profiles.orders import good, held, ordered

Values = dict[str, float | str]

GEN24: Values = {"Mn": "Fronius", "Md": "Symo GEN24 8.0 Plus", "Vr": "1.30.7-1", "SN": "31000000", "DA": 1}
INVERTER: Values = {"W": -150, "W_SF": 0, "Hz": 5300, "Hz_SF": -2, "PhVphA": 1012, "V_SF": -1, "St": 4, "Evt1": 0}
STORAGE: Values = {
    "WChaMax": 8000,
    "WChaMax_SF": 0,
    "StorCtl_Mod": 0,
    "MinRsvPct": 1000,
    "MinRsvPct_SF": -2,
    "ChaState": 5730,
    "ChaState_SF": -2,
    "ChaSt": 4,
    "OutWRte": 10000,
    "InWRte": 10000,
    "InOutWRte_SF": -2,
    "ChaGriSet": 0,
}


def module(name: str, power: int) -> Values:
    return {"ID": 1, "IDStr": name, "DCW": power, "DCV": 4000, "DCA": 250}


def gen24(*modules: Values) -> Words:
    strings = ChainLink(
        model=160,
        values={"DCA_SF": -2, "DCV_SF": -1, "DCW_SF": -1, "DCWH_SF": 0, "N": len(modules)},
        instances=list(modules),
    )
    links = [
        ChainLink(model=1, length=65, values=GEN24),
        ChainLink(model=103, values=INVERTER),
        ChainLink(model=121, values={"WMax": 800, "WMax_SF": 1}),
        ChainLink(model=123, values={"WMaxLimPct": 10000, "WMaxLimPct_SF": -2, "WMaxLim_Ena": 0, "Conn": 1}),
        strings,
        ChainLink(model=124, values=STORAGE),
    ]
    return build_chain(40000, links)


FOUR = [module("MPPT 1", 20000), module("MPPT 2", 12000), module("StCha 3", 15000), module("StDisCha 4", 0)]


def test_fronius_numbers_by_hand() -> None:
    image = gen24(*FOUR)
    found = good("fronius-gen24", image)
    assert found["inverter.power_w"] == -150
    assert found["inverter.frequency_hz"] == 53.0
    assert found["inverter.l1_voltage_v"] == 101.2
    assert found["inverter.state"] == 4
    assert (found["pv1.power_w"], found["pv2.power_w"], found["pv.power_w"]) == (2000, 1200, 3200)
    assert (found["pv1.voltage_v"], found["pv1.current_a"]) == (400, 2.5)
    assert found["battery.power_w"] == -1500
    assert (found["battery.soc_pct"], found["battery.state"], found["battery.reserve_soc_pct"]) == (57.3, 3, 10)
    assert "inverter.islanded" not in decoded("fronius-gen24", image), "no register tells an island"
    discharging = gen24(*FOUR[:2], module("StCha 3", 0), module("StDisCha 4", 4800))
    assert good("fronius-gen24", discharging)["battery.power_w"] == 480


def test_three_trackers_and_a_battery_are_five_modules() -> None:
    third: Values = {"ID": 3, "IDStr": "MPPT 3"}
    image = gen24(*FOUR[:2], third, module("StCha 4", 55830), module("StDisCha 5", 0))
    found = decoded("fronius-gen24", image)
    assert found["pv.power_w"].value == 3200
    assert found["pv3.power_w"].quality is Quality.NOT_AVAILABLE
    assert found["battery.power_w"].value == -5583
    assert "pv4.power_w" not in found


def test_a_module_whose_name_nobody_knows_is_not_taken_for_a_generator() -> None:
    found = decoded("fronius-gen24", gen24(FOUR[0], module("", 15000)))
    assert found["pv.power_w"].value == 2000
    assert "pv2.power_w" not in found
    assert "battery.power_w" not in found


def test_the_map_is_walked_anew_when_someone_chooses_floats() -> None:
    models = [1, 103, 124]
    links = {
        1: ChainLink(model=1, length=65, values=GEN24),
        103: ChainLink(model=103, values=INVERTER),
        113: ChainLink(model=113, values={"W": 812.5, "Hz": 60.0, "St": 4, "Evt1": 0}),
        124: ChainLink(model=124, values=STORAGE),
    }
    integers = build_chain(40000, [links[each] for each in models])
    floats = build_chain(40000, [links[each] for each in (1, 113, 124)])
    places = [
        by_name(run(discover(load("fronius-gen24")), each).registers)["reserve"].field.address
        for each in (integers, floats)
    ]
    assert places[1] == places[0] + 10
    found = good("fronius-gen24", floats)
    assert (found["inverter.power_w"], found["battery.soc_pct"]) == (812.5, 57.3)


def test_a_gen24_is_told_to_charge_in_per_cent_of_its_own_reference() -> None:
    image = gen24(*FOUR)
    registers = by_name(run(discover(load("fronius-gen24")), image).registers)
    place = {name: each.field.address for name, each in registers.items()}
    written, after, _ = ordered("fronius-gen24", "charge", {"power_w": 2000}, image)
    assert written == [
        (place["grid_charge"], [1]),
        (place["charge_power"], [0x1_0000 - 2500]),  # -25.00 % of 8000 W
        (place["storage_mode"], [2]),
    ]
    assert held("fronius-gen24", "charge", after) == {"power_w": 2000}
    off, released, _ = ordered("fronius-gen24", "charge", {}, after, off=True)
    assert off == [(place["storage_mode"], [0]), (place["discharge_limit"], [10000])]
    assert held("fronius-gen24", "charge", released) is None


def test_other_orders_to_a_gen24() -> None:
    image = gen24(*FOUR)
    place = {r.name: r.field.address for r in run(discover(load("fronius-gen24")), image).registers}
    assert ordered("fronius-gen24", "reserve", {"soc_pct": 40}, image)[0] == [(place["reserve"], [4000])]
    block, blocked, _ = ordered("fronius-gen24", "discharge_block", {}, image)
    assert block == [(place["charge_limit"], [10000]), (place["discharge_limit"], [0]), (place["storage_mode"], [3])]
    assert held("fronius-gen24", "discharge_block", blocked) == {}
    assert held("fronius-gen24", "charge", blocked) is None, "a blocked discharge is no charge"
    limit, limited, device_map = ordered("fronius-gen24", "export_limit", {"power_w": 2000}, image)
    assert limit == [(place["output_limit"], [2500]), (place["output_limit_on"], [1])]
    assert held("fronius-gen24", "export_limit", limited) == {"power_w": 2000}
    # That a register was recorded does not prove that the order works.
    assert all(each.confidence is not Confidence.RECORDED for each in device_map.controls)


def test_the_fronius_meter_counts_import_as_positive() -> None:
    values: Values = {
        "W": -17821,
        "W_SF": -1,
        "AphA": -2696,
        "A_SF": -3,
        "TotWhImp": 146_240_000,
        "TotWhExp": 7,
        "TotWh_SF": -3,
    }
    links = [ChainLink(model=1, length=65, values={**GEN24, "DA": 200}), ChainLink(model=203, values=values)]
    found = good("fronius-meter", build_chain(40000, links))
    assert (found["grid.power_w"], found["grid.l1_current_a"]) == (-1782.1, -2.696)
    assert found["grid.import_energy_wh"] == 146_240
