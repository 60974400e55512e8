"""Foreign clients order something of the simulator's own devices, and the plant behind them obeys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from huawei_solar import AsyncHuaweiSolar
from huawei_solar import register_names as rn
from huawei_solar import register_values as rv
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from simulator.server import DevicePort
from simulator.single import Single, single
from tests.oracles.still import HOST, ask

DAY_MS = 1_780_023_600_000
UNIT = 1


@asynccontextmanager
async def simulated(profile: str, *settings: str) -> AsyncIterator[tuple[Single, int]]:
    """One device of the simulator with a stated truth, whose clock stands."""
    made = single(profile, UNIT, settings, now_ms=lambda: DAY_MS)
    listener = DevicePort(HOST, 0, {UNIT: made.device})
    await listener.open()
    try:
        yield made, listener.port
    finally:
        await listener.close()


async def test_huawei_solar_charges_the_battery() -> None:
    async with simulated("huawei-sun2000", "battery.power_w=1200", "battery.soc_pct=55") as (made, port):
        client = await AsyncHuaweiSolar.create(HOST, port, UNIT, timeout=5, cooldown_time=0)
        try:
            assert (await client.get(rn.STORAGE_CHARGE_DISCHARGE_POWER)).value == -1200
            await client.set(rn.STORAGE_CHARGE_FROM_GRID_FUNCTION, value=True)
            await client.set(rn.STORAGE_FORCIBLE_CHARGE_POWER, 3000)
            await client.set(rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_SOC, 90)
            end = rv.StorageForcibleChargeDischargeTargetMode.SOC
            await client.set(rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_SETTING_MODE, end)
            await client.set(rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_WRITE, rv.StorageForcibleChargeDischarge.CHARGE)
            assert made.truth()["battery.power_w"] == -3000
            assert (await client.get(rn.STORAGE_CHARGE_DISCHARGE_POWER)).value == 3000
            await client.set(rn.STORAGE_FORCIBLE_CHARGE_DISCHARGE_WRITE, rv.StorageForcibleChargeDischarge.STOP)
            assert made.truth()["battery.power_w"] == 1200
            await client.set(rn.STORAGE_MAXIMUM_DISCHARGING_POWER, 0)
            assert made.truth()["battery.power_w"] == 0
        finally:
            await client.stop()


async def test_pysunspec2_charges_the_battery() -> None:
    def order(port: int, **values: float) -> float:
        client = SunSpecModbusClientDeviceTCP(slave_id=UNIT, ipaddr=HOST, ipport=port, timeout=3)
        try:
            client.scan()
            storage = client.models[124][0]
            for name, value in values.items():
                getattr(storage, name).cvalue = value
            storage.write()
            battery = client.models[802][0]
            battery.read()
            return float(battery.W.cvalue)
        finally:
            client.close()

    async with simulated("sunspec", "battery.power_w=1200") as (made, port):
        # 10 % of 30 kW, below zero: must charge.
        power_w = await asyncio.to_thread(order, port, ChaGriSet=1, OutWRte=-10, StorCtl_Mod=2)
        assert power_w == made.truth()["battery.power_w"] == pytest.approx(-3000)
        assert await asyncio.to_thread(order, port, OutWRte=0, InWRte=100, StorCtl_Mod=3) == 0
        assert await asyncio.to_thread(order, port, OutWRte=100, StorCtl_Mod=0) == 1200


async def test_fronius_modbus_charges_the_battery() -> None:
    async with simulated("fronius-gen24", "battery.power_w=1200") as (made, port):
        found = await ask("fronius", port, UNIT, "set_grid_charging:true", "set_limits:null,-30")
        assert [found["modules"][n]["power"] for n in (2, 3)] == [3000, 0]
        assert made.truth()["battery.power_w"] == -3000
        found = await ask("fronius", port, UNIT, "set_limits:null,null")
        assert [found["modules"][n]["power"] for n in (2, 3)] == [0, 1200]
        await ask("fronius", port, UNIT, "set_minimum_reserve:60")
        assert made.truth()["battery.reserve_soc_pct"] == 60
