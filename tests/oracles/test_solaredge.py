"""solaredged (MIT, a process of its own) reads our SolarEdge device and steers it."""

from __future__ import annotations

from collections.abc import Mapping

from tests.oracles.still import EVENING, NOON, TIMES, Still, ask, drawn, holding, serving

BLOCKS = (holding(57344, 24), holding(57600, 140), holding(61440, 30))
"""The client asks for whole stretches of the maker's own registers."""
REMOTE, BACKUP_ONLY, SELF_CONSUMPTION = 4, 3, 1
CHARGE_FROM_GRID_TOO, SELF_USE = 3, 7


def device_with(truth: Mapping[str, float]) -> Still:
    return drawn("solaredge", truth, BLOCKS)


@TIMES
async def test_it_reads_the_truth(truth: Mapping[str, float]) -> None:
    device = device_with(truth)
    async with serving(device) as port:
        found = await ask("solaredge", port, device.unit)
    inverter, [meter], [battery] = found["inverter"], found["meters"], found["batteries"]
    device.agrees(
        {
            "inverter.power_w": inverter["ac_power"],
            "inverter.frequency_hz": inverter["ac_frequency"],
            "inverter.reactive_power_var": inverter["ac_var"],
            "inverter.energy_wh": inverter["ac_energy"],
            "inverter.temperature_c": inverter["_temperature_heatsink_raw"],
            "inverter.islanded": inverter["_grid_status"],
            **{f"inverter.l{n}_voltage_v": inverter[f"ac_voltage_{p}n"] for n, p in ((1, "a"), (2, "b"), (3, "c"))},
            **{f"inverter.l{n}_current_a": inverter[f"ac_current_{p}"] for n, p in ((1, "a"), (2, "b"), (3, "c"))},
            # The device counts what goes out, and what goes into the battery, as positive.
            "grid.power_w": -meter["ac_power"],
            **{f"grid.l{n}_power_w": -meter[f"ac_power_{p}"] for n, p in ((1, "a"), (2, "b"), (3, "c"))},
            **{f"grid.l{n}_voltage_v": meter[f"ac_voltage_{p}n"] for n, p in ((1, "a"), (2, "b"), (3, "c"))},
            "grid.frequency_hz": meter["ac_frequency"],
            "grid.import_energy_wh": meter["energy_imported"],
            "grid.export_energy_wh": meter["energy_exported"],
            "battery.power_w": -battery["dc_power"],
            "battery.current_a": -battery["dc_current"],
            "battery.voltage_v": battery["dc_voltage"],
            "battery.soc_pct": battery["state_of_energy"],
            "battery.soh_pct": battery["state_of_health"],
            "battery.temperature_c": battery["temperature_average"],
            "battery.capacity_wh": battery["rated_energy"],
            "battery.max_charge_power_w": battery["max_charge_power"],
            "battery.max_discharge_power_w": battery["max_discharge_power"],
            "battery.charge_energy_wh": battery["energy_imported"],
            "battery.discharge_energy_wh": battery["energy_exported"],
            "battery.reserve_soc_pct": found["storage"]["backup_reserve"],
        }
    )
    assert found["failed"] == {}
    assert battery["status"] == (3 if truth is NOON else 4)
    assert found["common"]["model"] == "SE10K-RWB48"


async def test_it_sees_the_same_outage() -> None:
    device = device_with({**EVENING, "inverter.islanded": 1})
    async with serving(device) as port:
        assert (await ask("solaredge", port, device.unit))["inverter"]["_grid_status"] != 0
    assert device.says()["inverter.islanded"] == 1


async def test_it_orders_and_we_see_it() -> None:
    device = device_with(NOON)
    async with serving(device) as port:
        await ask("solaredge", port, device.unit, "set_backup_reserve:60", f"set_control_mode:{BACKUP_ONLY}")
        assert device.in_force("reserve") == {"soc_pct": 60}
        assert device.in_force("backup") == {}
        assert device.in_force("charge") is None
        await ask(
            "solaredge", port, device.unit, f"set_control_mode:{REMOTE}", "set_command_timeout:3600",
            "set_charge_limit:3500", f"set_command_mode:{CHARGE_FROM_GRID_TOO}",
        )  # fmt: skip
        assert device.in_force("backup") is None
        assert device.in_force("charge") == {"power_w": 3500}
        await ask("solaredge", port, device.unit, f"set_command_mode:{SELF_USE}", "set_discharge_limit:0")
        assert device.in_force("charge") is None
        assert device.in_force("discharge_block") == {}
        await ask("solaredge", port, device.unit, "set_site_limit:1500")
        assert device.in_force("export_limit") is None
        await ask("solaredge", port, device.unit, "set_export_mode:0")
        assert device.in_force("export_limit") == {"power_w": 1500}


async def test_what_we_order_it_reads_as_the_mode_that_we_mean() -> None:
    device = device_with(NOON)
    async with serving(device) as port:
        device.order("reserve", soc_pct=45)
        device.order("charge", power_w=2750)
        storage = (await ask("solaredge", port, device.unit))["storage"]
        assert (storage["backup_reserve"], storage["control_mode"]) == (45, REMOTE)
        assert (storage["command_mode"], storage["charge_limit"]) == (CHARGE_FROM_GRID_TOO, 2750)
        assert (storage["command_timeout"], storage["default_mode"]) == (3600, SELF_USE)
        device.order("charge", off=True)
        device.order("backup")
        device.order("export_limit", power_w=0)
        found = await ask("solaredge", port, device.unit)
        assert found["storage"]["control_mode"] == BACKUP_ONLY
        assert (found["export_mode"], found["site_limit"]) == (0, 0)
        device.order("backup", off=True)
        device.order("export_limit", off=True)
        found = await ask("solaredge", port, device.unit)
        assert (found["storage"]["control_mode"], found["export_mode"]) == (SELF_CONSUMPTION, None)
        device.order("discharge_block")
        storage = (await ask("solaredge", port, device.unit))["storage"]
        assert (storage["control_mode"], storage["command_mode"], storage["discharge_limit"]) == (REMOTE, SELF_USE, 0)
