"""The goodwe package (MIT) reads our GoodWe device and steers it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import goodwe
from goodwe import EMSMode, OperationMode

from device_profiles.controls import faults_in
from device_profiles.model import Table
from tests.oracles.still import HOST, NOON, TIMES, Still, drawn, holding, serving

BLOCKS = (holding(35000, 33), holding(35100, 125), holding(35301, 61), holding(36000, 58), holding(37000, 24))
"""The client asks for whole stretches."""
SETTINGS = (holding(45200, 3), holding(45248, 5), holding(47505, 30), holding(47545, 6), holding(47589, 24))


@asynccontextmanager
async def met(truth: Mapping[str, float]) -> AsyncIterator[tuple[Still, Any]]:
    device = drawn("goodwe-et", truth, (*BLOCKS, *SETTINGS), unit=247)
    # Without a date in its clock the client refuses to read: 2026-05-29 12:00:00.
    device.write(Table.HOLDING, 35100, (0x1A05, 0x1D0C, 0x0000))
    async with serving(device) as port:
        inverter = await goodwe.connect(HOST, port, "ET", timeout=2, retries=1)
        try:
            yield device, inverter
        finally:
            await inverter._protocol.close()


@TIMES
async def test_it_reads_the_truth(truth: Mapping[str, float]) -> None:
    async with met(truth) as (device, inverter):
        data = await inverter.read_runtime_data()
    device.agrees(
        {
            "pv.power_w": data["ppv"],
            "pv1.voltage_v": data["vpv1"],
            "pv1.current_a": data["ipv1"],
            "pv1.power_w": data["ppv1"],
            "pv2.voltage_v": data["vpv2"],
            "pv2.current_a": data["ipv2"],
            "pv2.power_w": data["ppv2"],
            "pv.energy_wh": data["e_total"] * 1000,
            "inverter.power_w": data["total_inverter_power"],
            "inverter.frequency_hz": data["fgrid"],
            "inverter.temperature_c": data["temperature"],
            "inverter.reactive_power_var": data["reactive_power"],
            "inverter.energy_wh": data["e_total_exp"] * 1000,
            "inverter.l1_voltage_v": data["vgrid"],
            "inverter.l2_voltage_v": data["vgrid2"],
            "inverter.l3_voltage_v": data["vgrid3"],
            "inverter.l1_current_a": data["igrid"],
            "inverter.l2_current_a": data["igrid2"],
            "inverter.l3_current_a": data["igrid3"],
            "inverter.l1_power_w": data["pgrid"],
            "inverter.l2_power_w": data["pgrid2"],
            "inverter.l3_power_w": data["pgrid3"],
            "backup.power_w": data["backup_ptotal"],
            "backup.l1_power_w": data["backup_p1"],
            "backup.l2_power_w": data["backup_p2"],
            "backup.l3_power_w": data["backup_p3"],
            "backup.l1_voltage_v": data["backup_v1"],
            "battery.power_w": data["pbattery1"],
            "battery.voltage_v": data["vbattery1"],
            "battery.current_a": data["ibattery1"],
            "battery.soc_pct": data["battery_soc"],
            "battery.soh_pct": data["battery_soh"],
            "battery.temperature_c": data["battery_temperature"],
            "battery.charge_energy_wh": data["e_bat_charge_total"] * 1000,
            "battery.discharge_energy_wh": data["e_bat_discharge_total"] * 1000,
            # The client keeps the device's sign: what goes out is positive.
            "grid.power_w": -data["meter_active_power_total"],
            "grid.l1_power_w": -data["meter_active_power1"],
            "grid.l2_power_w": -data["meter_active_power2"],
            "grid.l3_power_w": -data["meter_active_power3"],
            "grid.frequency_hz": data["meter_freq"],
            "grid.l1_voltage_v": data["meter_voltage1"],
            "grid.l3_voltage_v": data["meter_voltage3"],
            "grid.reactive_power_var": -data["meter_reactive_power_total"],
        }
    )
    assert data["battery_mode_label"] == ("Charge" if truth is NOON else "Discharge")
    assert data["work_mode_label"] == "Normal (On-Grid)"
    assert inverter.model_name == "GW20K-ET"
    assert data["timestamp"].isoformat() == "2026-05-29T12:00:00"
    assert device.says()["inverter.clock_s"] == data["timestamp"].replace(tzinfo=ZoneInfo("Asia/Tokyo")).timestamp()


async def test_it_names_the_faults_that_we_name() -> None:
    """The same bit means the same thing; each has its own words, so what is common to both is compared."""
    same = {9: ("Utility Loss", "Grid lost"), 20: ("Back-Up Over Load", "overloaded"), 13: ("Over Temperature", "hot")}
    for bit, (theirs, ours) in same.items():
        async with met({**NOON, "inverter.fault_bits": 1 << bit, "inverter.warning_bits": 1 << 10}) as (
            device,
            inverter,
        ):
            data = await inverter.read_runtime_data()
        found = faults_in(device.map.faults, device.says())
        assert data["errors"] == theirs
        assert data["diagnose_result_label"] == "Meter connection reversed"
        assert [each.code for each in found] == [bit, 10]
        assert ours in found[0].en


async def test_it_orders_backup_and_we_see_it() -> None:
    async with met(NOON) as (device, inverter):
        assert device.in_force("backup") is None
        await inverter.set_operation_mode(OperationMode.BACKUP)
        assert device.in_force("backup") == {}
        await inverter.set_operation_mode(OperationMode.GENERAL)
        assert device.in_force("backup") is None


async def test_it_orders_a_charge_and_we_see_it() -> None:
    async with met(NOON) as (device, inverter):
        assert device.in_force("charge") is None
        await inverter.set_ems_mode(EMSMode.CHARGE_BATTERY, 3000)
        assert device.in_force("charge") == {"power_w": 3000}
        assert device.in_force("discharge_block") is None
        await inverter.set_ems_mode(EMSMode.CONSERVE)
        assert device.in_force("charge") is None
        assert device.in_force("discharge_block") == {}


async def test_it_sets_the_reserve_and_the_export_limit_and_we_see_it() -> None:
    async with met(NOON) as (device, inverter):
        await inverter.set_ongrid_battery_dod(35)
        assert device.in_force("reserve") == {"soc_pct": 65}
        assert device.says()["battery.reserve_soc_pct"] == 65
        await inverter.set_grid_export_limit(4200)
        assert device.in_force("export_limit") is None
        await inverter.write_setting("grid_export", 1)
        assert device.in_force("export_limit") == {"power_w": 4200}


async def test_what_we_order_it_reads_as_the_mode_that_we_mean() -> None:
    async with met(NOON) as (device, inverter):
        device.order("reserve", soc_pct=80)
        assert await inverter.get_ongrid_battery_dod() == 20
        device.order("charge", power_w=2500)
        assert await inverter.get_ems_mode() is EMSMode.CHARGE_BATTERY
        assert await inverter.read_setting("ems_power_limit") == 2500
        device.order("charge", off=True)
        assert await inverter.get_ems_mode() is EMSMode.AUTO
        device.order("discharge_block")
        assert await inverter.get_ems_mode() is EMSMode.CONSERVE
        device.order("discharge_block", off=True)
        assert await inverter.get_ems_mode() is EMSMode.AUTO
        device.order("backup")
        assert await inverter.get_operation_mode() is OperationMode.BACKUP
        assert await inverter.read_setting("backup_supply") == 1
        device.order("backup", off=True)
        assert await inverter.get_operation_mode() is OperationMode.GENERAL
        device.order("export_limit", power_w=0)
        assert await inverter.read_setting("grid_export") == 1
        assert await inverter.get_grid_export_limit() == 0
        device.order("export_limit", off=True)
        assert await inverter.read_setting("grid_export") == 0
