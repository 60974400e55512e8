"""sungrow-sht-modbus (MIT, a process of its own) reads our Sungrow device as an SH8T and steers it."""

from __future__ import annotations

from collections.abc import Mapping

from device_profiles.model import Block, Table
from tests.oracles.still import NOON, TIMES, Still, ask, drawn, holding, serving

BLOCKS = (
    *(
        Block(Table.INPUT, start, count)
        for start, count in ((4951, 84), (5213, 29), (5600, 39), (5722, 24), (12999, 80))
    ),
    Block(Table.INPUT, 13249, 45),
    holding(13017, 83),
    holding(31212, 1),
    holding(33046, 104),
)
"""The client asks for whole stretches."""
SH8T = 0x0E22


def device_with(truth: Mapping[str, float]) -> Still:
    device = drawn("sungrow-sh", truth, BLOCKS)
    # The client takes models of the SH-T series alone; they keep the same registers.
    device.image[Table.INPUT, 4999] = SH8T
    device.image[Table.INPUT, 5622] = 1000  # Most that may be exported, in 10 W.
    device.image[Table.INPUT, 5627] = 106  # Rating of the battery's converter, in 100 W.
    return device


@TIMES
async def test_it_reads_the_truth(truth: Mapping[str, float]) -> None:
    device = device_with(truth)
    async with serving(device) as port:
        found = await ask("sungrow", port, device.unit)
    ac, energy = found["ac_dc"], found["energy"]
    device.agrees(
        {
            "pv.power_w": ac["total_dc_power"],
            "pv1.voltage_v": ac["mppt1_voltage"],
            "pv1.current_a": ac["mppt1_current"],
            "pv2.voltage_v": ac["mppt2_voltage"],
            "pv2.current_a": ac["mppt2_current"],
            "pv.energy_wh": energy["total_pv_generation"] * 1000,
            "inverter.power_w": found["grid_phases"]["total_active_power"],
            "inverter.reactive_power_var": ac["reactive_power"],
            "inverter.frequency_hz": ac["grid_frequency"],
            "inverter.temperature_c": energy["inverter_temperature"],
            "inverter.energy_wh": energy["total_output_energy"] * 1000,
            **{f"inverter.l{n}_voltage_v": ac[f"phase_{p}_voltage"] for n, p in ((1, "a"), (2, "b"), (3, "c"))},
            **{f"inverter.l{n}_current_a": found["grid_phases"][f"phase_{p}_current"] for n, p in ((1, "a"), (3, "c"))},
            "battery.power_w": found["battery_power"]["battery_power"],
            "battery.current_a": found["battery"]["battery_current"],
            "battery.voltage_v": found["battery"]["battery_voltage"],
            "battery.soc_pct": found["battery"]["battery_level"],
            "battery.soh_pct": found["battery"]["battery_soh"],
            "battery.temperature_c": found["battery"]["battery_temperature"],
            "battery.capacity_wh": found["ratings"]["battery_capacity"] * 1000,
            "battery.charge_energy_wh": energy["total_battery_charge"] * 1000,
            "battery.discharge_energy_wh": energy["total_battery_discharge"] * 1000,
            "battery.max_charge_power_w": found["battery_limits"]["max_charge_power"],
            "battery.max_discharge_power_w": found["battery_limits"]["max_discharge_power"],
            "battery.reserve_soc_pct": found["settings"]["backup_reserve_soc"],
            "backup.power_w": found["backup"]["total_backup_power"],
            "backup.l1_power_w": found["backup"]["backup_phase_a_power"],
            "backup.l2_voltage_v": found["backup"]["backup_phase_b_voltage"],
            "grid.power_w": found["meter"]["meter_active_power"],
            **{
                f"grid.l{n}_power_w": found["meter"][f"meter_phase_{p}_active_power"]
                for n, p in ((1, "a"), (2, "b"), (3, "c"))
            },
            "grid.import_energy_wh": energy["total_import"] * 1000,
            "grid.export_energy_wh": energy["total_export"] * 1000,
            "load.power_w": found["flows"]["load_power"],
        }
    )
    assert found["flows"]["running_state"] == "running"
    assert found["identity"]["serial"] == "A2300000000"
    assert found["flows"]["power_flow"] & 0b110 == (0b010 if truth is NOON else 0b100)


async def test_it_orders_and_we_see_it() -> None:
    device = device_with(NOON)
    async with serving(device) as port:
        await ask("sungrow", port, device.unit, 'apply:"forced_charge",3000')
        assert device.in_force("charge") == {"power_w": 3000}
        await ask("sungrow", port, device.unit, 'apply:"self_consumption"', "set_export_limit:2500")
        assert device.in_force("charge") is None
        assert device.in_force("discharge_block") is None
        assert device.in_force("export_limit") == {"power_w": 2500}
        await ask("sungrow", port, device.unit, "set_export_limit:null")
        assert device.in_force("export_limit") is None


async def test_what_we_order_it_reads_as_the_mode_that_we_mean() -> None:
    device = device_with(NOON)
    async with serving(device) as port:
        assert (await ask("sungrow", port, device.unit))["mode"] == "self_consumption"
        device.order("charge", power_w=4200)
        device.order("reserve", soc_pct=75)
        found = await ask("sungrow", port, device.unit)
        assert found["mode"] == "forced_charge"
        assert found["settings"]["forced_power"] == 4200
        assert found["settings"]["backup_reserve_soc"] == 75
        device.order("charge", off=True)
        assert (await ask("sungrow", port, device.unit))["mode"] == "self_consumption"
        device.order("discharge_block")
        assert (await ask("sungrow", port, device.unit))["mode"] == "forced_stop"
        device.order("discharge_block", off=True)
        device.order("backup")
        device.order("export_limit", power_w=1234)
        settings = (await ask("sungrow", port, device.unit))["settings"]
        assert settings["backup_mode"] is True
        assert (settings["export_limit"], settings["export_limit_enabled"]) == (1234, True)
        device.order("export_limit", off=True)
        assert (await ask("sungrow", port, device.unit))["settings"]["export_limit_enabled"] is False
