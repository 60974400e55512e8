"""The huawei-solar package (AGPL-3.0: installed for these tests only) reads our Huawei device and steers it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from huawei_solar import AsyncHuaweiSolar
from huawei_solar import register_names as rn
from huawei_solar import register_values as rv

from tests.oracles.still import HOST, TIMES, Still, drawn, holding, serving

STEERING = (
    holding(47075, 28),
    holding(47242, 9),
    holding(47415, 4),
    holding(47589, 1),
    holding(47604, 2),
    holding(40000, 2),
)


@asynccontextmanager
async def met(truth: Mapping[str, float]) -> AsyncIterator[tuple[Still, AsyncHuaweiSolar]]:
    device = drawn("huawei-sun2000", truth, (*STEERING, holding(30000, 80), holding(32000, 120), holding(37000, 150)))
    async with serving(device) as port:
        client = await AsyncHuaweiSolar.create(HOST, port, device.unit, timeout=5, cooldown_time=0)
        try:
            yield device, client
        finally:
            await client.stop()


async def value(client: AsyncHuaweiSolar, name: str) -> object:
    return (await client.get(name)).value


@TIMES
async def test_it_reads_the_truth(truth: Mapping[str, float]) -> None:
    theirs = {
        # Point, the client's name, factor into our unit and sign.
        "pv.power_w": (rn.INPUT_POWER, 1),
        "pv1.voltage_v": (rn.PV_01_VOLTAGE, 1),
        "pv1.current_a": (rn.PV_01_CURRENT, 1),
        "pv2.voltage_v": (rn.PV_02_VOLTAGE, 1),
        "pv2.current_a": (rn.PV_02_CURRENT, 1),
        "pv.energy_wh": (rn.TOTAL_DC_INPUT_POWER, 1000),
        "inverter.power_w": (rn.ACTIVE_POWER, 1),
        "inverter.reactive_power_var": (rn.REACTIVE_POWER, 1),
        "inverter.frequency_hz": (rn.GRID_FREQUENCY, 1),
        "inverter.temperature_c": (rn.INTERNAL_TEMPERATURE, 1),
        "inverter.energy_wh": (rn.ACCUMULATED_YIELD_ENERGY, 1000),
        "inverter.l1_voltage_v": (rn.PHASE_A_VOLTAGE, 1),
        "inverter.l2_voltage_v": (rn.PHASE_B_VOLTAGE, 1),
        "inverter.l3_voltage_v": (rn.PHASE_C_VOLTAGE, 1),
        "inverter.l1_current_a": (rn.PHASE_A_CURRENT, 1),
        "inverter.l2_current_a": (rn.PHASE_B_CURRENT, 1),
        "inverter.l3_current_a": (rn.PHASE_C_CURRENT, 1),
        "battery.power_w": (rn.STORAGE_CHARGE_DISCHARGE_POWER, -1),
        "battery.soc_pct": (rn.STORAGE_STATE_OF_CAPACITY, 1),
        "battery.voltage_v": (rn.STORAGE_BUS_VOLTAGE, 1),
        "battery.current_a": (rn.STORAGE_BUS_CURRENT, -1),
        "battery.temperature_c": (rn.STORAGE_UNIT_1_BATTERY_TEMPERATURE, 1),
        "battery.capacity_wh": (rn.STORAGE_RATED_CAPACITY, 1),
        "battery.charge_energy_wh": (rn.STORAGE_TOTAL_CHARGE, 1000),
        "battery.discharge_energy_wh": (rn.STORAGE_TOTAL_DISCHARGE, 1000),
        "battery.max_charge_power_w": (rn.STORAGE_MAXIMUM_CHARGE_POWER, 1),
        "battery.max_discharge_power_w": (rn.STORAGE_MAXIMUM_DISCHARGE_POWER, 1),
        "battery.reserve_soc_pct": (rn.STORAGE_BACKUP_POWER_STATE_OF_CHARGE, 1),
        # The device counts what goes out as positive.
        "grid.power_w": (rn.POWER_METER_ACTIVE_POWER, -1),
        "grid.l1_power_w": (rn.ACTIVE_GRID_A_POWER, -1),
        "grid.l2_power_w": (rn.ACTIVE_GRID_B_POWER, -1),
        "grid.l3_power_w": (rn.ACTIVE_GRID_C_POWER, -1),
        "grid.l1_voltage_v": (rn.GRID_A_VOLTAGE, 1),
        "grid.l2_voltage_v": (rn.GRID_B_VOLTAGE, 1),
        "grid.l3_voltage_v": (rn.GRID_C_VOLTAGE, 1),
        "grid.l1_current_a": (rn.ACTIVE_GRID_A_CURRENT, -1),
        "grid.l2_current_a": (rn.ACTIVE_GRID_B_CURRENT, -1),
        "grid.l3_current_a": (rn.ACTIVE_GRID_C_CURRENT, -1),
        "grid.reactive_power_var": (rn.POWER_METER_REACTIVE_POWER, -1),
        "grid.frequency_hz": (rn.ACTIVE_GRID_FREQUENCY, 1),
        "grid.import_energy_wh": (rn.GRID_ACCUMULATED_ENERGY, 1000),
        "grid.export_energy_wh": (rn.GRID_EXPORTED_ENERGY, 1000),
    }
    async with met(truth) as (device, client):
        read = {point: factor * await value(client, name) for point, (name, factor) in theirs.items()}
        assert await value(client, rn.DEVICE_STATUS) == "On-grid"
        assert await value(client, rn.METER_STATUS) == rv.MeterStatus.NORMAL
        assert await value(client, rn.MODEL_NAME) == "SUN2000-20KTL-M3"
    device.agrees(read)
