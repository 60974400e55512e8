"""The huawei-solar package (AGPL-3.0: installed for these tests only) reads our Huawei device and steers it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from huawei_solar import AsyncHuaweiSolar
from huawei_solar import register_names as rn
from huawei_solar import register_values as rv

from device_profiles.controls import faults_in
from tests.oracles.still import HOST, NOON, TIMES, Still, drawn, holding, serving

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


async def test_it_numbers_the_alarms_as_we_do() -> None:
    """Every bit of the three alarm words, one after the other: the client's number stands in our text."""
    places = [
        (rn.ALARM_2, "inverter.fault_bits", 0),
        (rn.ALARM_1, "inverter.fault_bits", 16),
        (rn.ALARM_3, "inverter.fault2_bits", 0),
    ]
    async with met(NOON) as (device, client):
        for name, point, shift in places:
            for bit in range(16):
                device.draw({"inverter.fault_bits": 0, "inverter.fault2_bits": 0, point: 1 << bit + shift})
                [theirs] = await value(client, name)
                [ours] = faults_in(device.map.faults, device.says())
                assert f"(alarm {theirs.id})" in ours.en
                assert f"（アラーム{theirs.id}）" in ours.ja


async def test_it_tells_the_same_clock() -> None:
    """The client counts the device's seconds as wall time, too: its own "raw" value is ours, nine hours on."""
    async with met({**NOON, "inverter.clock_s": 1_780_023_600}) as (device, client):
        assert await value(client, rn.SYSTEM_TIME_RAW) == 1_780_023_600 + 9 * 3600
        wall = await value(client, rn.SYSTEM_TIME)
    assert device.says()["inverter.clock_s"] == 1_780_023_600
    assert wall.isoformat().startswith("2026-05-29T12:00:00")


async def test_it_orders_reserve_charge_and_export_limit_and_we_see_it() -> None:
    async with met(NOON) as (device, client):
        await client.set(rn.STORAGE_BACKUP_POWER_STATE_OF_CHARGE, 80)
        assert device.in_force("reserve") == {"soc_pct": 80}
        assert device.says()["battery.reserve_soc_pct"] == 80
        assert device.in_force("charge") is None
        await client.set(rn.STORAGE_CHARGE_FROM_GRID_FUNCTION, value=True)
        await client.set(rn.STORAGE_FORCIBLE_CHARGE_POWER, 3000)
        await client.set(rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_SOC, 90)
        await client.set(
            rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_SETTING_MODE, rv.StorageForcibleChargeDischargeTargetMode.SOC
        )
        await client.set(rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_WRITE, rv.StorageForcibleChargeDischarge.CHARGE)
        assert device.in_force("charge") == {"power_w": 3000, "soc_pct": 90}
        await client.set(rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_WRITE, rv.StorageForcibleChargeDischarge.STOP)
        assert device.in_force("charge") is None
        await client.set(rn.MAXIMUM_FEED_GRID_POWER_WATT, 1500)
        assert device.in_force("export_limit") is None
        await client.set(rn.ACTIVE_POWER_CONTROL_MODE, rv.ActivePowerControlMode.POWER_LIMITED_GRID_CONNECTION_WATT)
        assert device.in_force("export_limit") == {"power_w": 1500}
        assert device.in_force("discharge_block") is None
        await client.set(rn.STORAGE_MAXIMUM_DISCHARGING_POWER, 0)
        assert device.in_force("discharge_block") == {}


async def test_what_we_order_it_reads_as_the_mode_that_we_mean() -> None:
    async with met(NOON) as (device, client):
        device.order("reserve", soc_pct=62.5)
        assert await value(client, rn.STORAGE_BACKUP_POWER_STATE_OF_CHARGE) == 62.5
        device.order("charge", power_w=4000, soc_pct=95)
        mode = await value(client, rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_WRITE)
        assert mode == rv.StorageForcibleChargeDischarge.CHARGE
        assert await value(client, rn.STORAGE_FORCIBLE_CHARGE_POWER) == 4000
        assert await value(client, rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_SOC) == 95
        end = await value(client, rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_SETTING_MODE)
        assert end == rv.StorageForcibleChargeDischargeTargetMode.SOC
        assert await value(client, rn.STORAGE_CHARGE_FROM_GRID_FUNCTION) is True
        device.order("charge", off=True)
        mode = await value(client, rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_WRITE)
        assert mode == rv.StorageForcibleChargeDischarge.STOP
        device.order("discharge_block")
        assert await value(client, rn.STORAGE_MAXIMUM_DISCHARGING_POWER) == 0
        device.order("export_limit", power_w=0)
        control = await value(client, rn.ACTIVE_POWER_CONTROL_MODE)
        assert control == rv.ActivePowerControlMode.POWER_LIMITED_GRID_CONNECTION_WATT
        assert await value(client, rn.MAXIMUM_FEED_GRID_POWER_WATT) == 0
        device.order("export_limit", off=True)
        assert await value(client, rn.ACTIVE_POWER_CONTROL_MODE) == rv.ActivePowerControlMode.UNLIMITED
        assert await value(client, rn.BACKUP_SWITCH_TO_OFF_GRID) == 0
