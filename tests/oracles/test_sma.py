"""sma-modbus (GPL-3.0, a process of its own) reads our SMA device, as a hybrid and as a Tripower. It writes nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from device_profiles.model import Block, Table
from tests.oracles.still import TIMES, Still, ask, drawn, serving

RANGES = (
    (30001, 4), (30051, 10), (30201, 2), (30225, 24), (30513, 80), (30769, 60), (30843, 30), (30949, 36), (31001, 2),
    (31221, 30), (31389, 20), (31497, 2), (31793, 4), (32209, 70), (33003, 50), (34659, 10), (35469, 8),
)  # fmt: skip
"""The client asks for whole stretches."""
NIGHT = {"s32": (0x8000, 0x0000), "u32": (0xFFFF, 0xFFFF)}


def device_with(truth: Mapping[str, float]) -> Still:
    return drawn("sma", truth, [Block(Table.INPUT, start, count) for start, count in RANGES])


@TIMES
async def test_a_hybrid_tells_the_truth(truth: Mapping[str, float]) -> None:
    device = device_with(truth)
    async with serving(device) as port:
        found = (await ask("sma", port, device.unit, "hybrid"))["hybrid"]
    device.agrees(
        {
            "pv1.power_w": found["dc_power_0"],
            "pv1.voltage_v": found["dc_voltage_0"],
            "pv1.current_a": found["dc_current_0"],
            "pv2.power_w": found["dc_power_1"],
            "pv2.voltage_v": found["dc_voltage_1"],
            "pv2.current_a": found["dc_current_1"],
            "inverter.power_w": found["ac_power"],
            "inverter.frequency_hz": found["grid_frequency"],
            **{f"inverter.l{n}_power_w": found[f"ac_power_l{n}"] for n in (1, 2, 3)},
            **{f"inverter.l{n}_voltage_v": found[f"ac_voltage_l{n}"] for n in (1, 2, 3)},
            **{f"inverter.l{n}_current_a": found[f"ac_current_l{n}"] for n in (1, 2, 3)},
            # Two registers without a sign.
            "battery.power_w": found["battery_discharge_power"] - found["battery_charge_power"],
            "battery.current_a": found["battery_current"],
            "battery.voltage_v": found["battery_voltage"],
            "battery.soc_pct": found["battery_state_of_charge"],
            "battery.temperature_c": found["battery_temperature"],
            "battery.charge_energy_wh": found["battery_charge_energy"],
            "battery.discharge_energy_wh": found["battery_discharge_energy"],
        }
    )
    assert found["battery_health"] == 307
    assert (found["battery_charge_power"] == 0) is (truth["battery.power_w"] > 0)


@TIMES
async def test_a_tripower_tells_the_truth(truth: Mapping[str, float]) -> None:
    device = device_with(truth)
    async with serving(device) as port:
        found = (await ask("sma", port, device.unit, "tripower"))["tripower"]
    device.agrees(
        {
            "inverter.power_w": found["ac_power"],
            "inverter.temperature_c": found["internal_temperature"],
            "grid.power_w": found["grid_import_power"] - found["grid_export_power"],
            "grid.import_energy_wh": found["grid_import_energy"],
            "grid.export_energy_wh": found["grid_export_energy"],
        }
    )


@pytest.mark.parametrize(
    ("point", "words", "name"),
    [
        ("inverter.power_w", NIGHT["s32"], "ac_power"),
        ("inverter.frequency_hz", NIGHT["u32"], "grid_frequency"),
        ("battery.soc_pct", NIGHT["u32"], "battery_state_of_charge"),
        ("battery.temperature_c", NIGHT["s32"], "battery_temperature"),
    ],
)
async def test_at_night_both_have_no_number(point: str, words: tuple[int, ...], name: str) -> None:
    device = device_with({})
    place = next(each for each in device.map.fields if each.point == point)
    device.image |= {(place.table, place.address + n): word for n, word in enumerate(words)}
    async with serving(device) as port:
        assert (await ask("sma", port, device.unit, "hybrid"))["hybrid"][name] is None
    assert device.says()[point] is None
