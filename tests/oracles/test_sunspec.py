"""pysunspec2 (Apache-2.0) and fronius-modbus (GPL-3.0, a process of its own) read our SunSpec device and steer it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from tests.oracles.still import HOST, NOON, TIMES, Still, ask, drawn, serving


async def with_client(device: Still, work: Callable[[Any], Any]) -> Any:
    """Let the (blocking) client walk the device and work on it."""

    def run() -> Any:
        client = SunSpecModbusClientDeviceTCP(slave_id=device.unit, ipaddr=HOST, ipport=device.port, timeout=3)
        try:
            client.scan()
            return work(client)
        finally:
            client.close()

    async with serving(device):
        return await asyncio.to_thread(run)


def values(client: Any) -> dict[str, float | None]:
    inverter, mppt, storage, battery = (client.models[n][0] for n in (103, 160, 124, 802))
    for each in (inverter, mppt, storage, battery):
        each.read()
    return {
        "inverter.power_w": inverter.W.cvalue,
        "inverter.frequency_hz": inverter.Hz.cvalue,
        "inverter.l1_voltage_v": inverter.PhVphA.cvalue,
        "inverter.l2_voltage_v": inverter.PhVphB.cvalue,
        "inverter.l3_voltage_v": inverter.PhVphC.cvalue,
        "inverter.l1_current_a": inverter.AphA.cvalue,
        "inverter.l2_current_a": inverter.AphB.cvalue,
        "inverter.l3_current_a": inverter.AphC.cvalue,
        "inverter.energy_wh": inverter.WH.cvalue,
        "inverter.temperature_c": inverter.TmpCab.cvalue,
        "inverter.reactive_power_var": inverter.VAr.cvalue,
        "pv1.voltage_v": mppt.module[0].DCV.cvalue,
        "pv1.current_a": mppt.module[0].DCA.cvalue,
        "pv1.power_w": mppt.module[0].DCW.cvalue,
        "pv2.voltage_v": mppt.module[1].DCV.cvalue,
        "pv2.power_w": mppt.module[1].DCW.cvalue,
        "battery.soc_pct": battery.SoC.cvalue,
        "battery.soh_pct": battery.SoH.cvalue,
        "battery.voltage_v": battery.V.cvalue,
        "battery.current_a": battery.A.cvalue,
        "battery.power_w": battery.W.cvalue,
        "battery.capacity_wh": battery.WHRtg.cvalue,
        "battery.max_charge_power_w": battery.WChaRteMax.cvalue,
        "battery.max_discharge_power_w": battery.WDisChaRteMax.cvalue,
        "battery.reserve_soc_pct": storage.MinRsvPct.cvalue,
    }


@TIMES
async def test_pysunspec2_reads_the_truth(truth: Mapping[str, float]) -> None:
    device = drawn("sunspec", truth)
    device.agrees(await with_client(device, values))


@TIMES
async def test_fronius_modbus_reads_the_truth(truth: Mapping[str, float]) -> None:
    device = drawn("sunspec", truth)
    async with serving(device) as port:
        found = await ask("fronius", port, device.unit)
    inverter, modules = found["inverter"], found["modules"]
    device.agrees(
        {
            "inverter.power_w": inverter["ac_power"],
            "inverter.frequency_hz": inverter["frequency"],
            "inverter.energy_wh": inverter["energy_total"],
            "inverter.reactive_power_var": inverter["reactive_power"],
            **{f"inverter.l{n}_voltage_v": inverter[f"voltage_phase_{n}"] for n in (1, 2, 3)},
            **{f"inverter.l{n}_current_a": inverter[f"ac_current_phase_{n}"] for n in (1, 2, 3)},
            **{f"pv{n}.power_w": modules[n - 1]["power"] for n in (1, 2)},
            **{f"pv{n}.voltage_v": modules[n - 1]["voltage"] for n in (1, 2)},
            **{f"pv{n}.current_a": modules[n - 1]["current"] for n in (1, 2)},
            "battery.reserve_soc_pct": found["storage"]["minimum_reserve"],
        }
    )
    assert found["roles"] == ["pv", "pv"]
    assert inverter["operating_state"] == 4


def written(client: Any, number: int, **values: float) -> None:
    """Set points by their SunSpec names, in their units, and write them."""
    here = client.models[number][0]
    for name, value in values.items():
        getattr(here, name).cvalue = value
    here.write()


async def test_pysunspec2_orders_and_we_see_it() -> None:
    device = drawn("sunspec", NOON)
    await with_client(device, lambda client: written(client, 124, MinRsvPct=42))
    assert device.in_force("reserve") == {"soc_pct": 42}
    assert device.in_force("charge") is None
    # 20 % of WChaMax (30 kW), below zero: must charge.
    await with_client(device, lambda client: written(client, 124, ChaGriSet=1, OutWRte=-20, StorCtl_Mod=2))
    assert device.in_force("charge") == {"power_w": pytest.approx(6000)}
    assert device.in_force("discharge_block") is None
    await with_client(device, lambda client: written(client, 124, InWRte=100, OutWRte=0, StorCtl_Mod=3))
    assert device.in_force("discharge_block") == {}
    assert device.in_force("charge") is None
    # 10 % of WMax (50 kW).
    await with_client(device, lambda client: written(client, 123, WMaxLimPct=10, WMaxLim_Ena=1))
    assert device.in_force("export_limit") == {"power_w": pytest.approx(5000)}


async def test_what_we_order_pysunspec2_reads_as_we_mean_it() -> None:
    def storage(client: Any) -> tuple[float, ...]:
        here = client.models[124][0]
        here.read()
        return (here.StorCtl_Mod.value, here.OutWRte.cvalue, here.ChaGriSet.value, here.MinRsvPct.cvalue)

    device = drawn("sunspec", NOON)
    device.order("reserve", soc_pct=70)
    device.order("charge", power_w=4500)
    assert await with_client(device, storage) == (2, -15, 1, 70)
    device.order("charge", off=True)
    assert await with_client(device, storage) == (0, 100, 1, 70)
    device.order("discharge_block")
    assert await with_client(device, storage) == (3, 0, 1, 70)
    device.order("discharge_block", off=True)
    device.order("backup")
    assert await with_client(device, storage) == (0, 100, 1, 100)
    device.order("backup", off=True)
    assert await with_client(device, storage) == (0, 100, 0, 100)

    def limit(client: Any) -> tuple[float, float]:
        here = client.models[123][0]
        here.read()
        return here.WMaxLimPct.cvalue, here.WMaxLim_Ena.value

    device.order("export_limit", power_w=12_500)
    assert await with_client(device, limit) == (25, 1)
    device.order("export_limit", off=True)
    assert await with_client(device, limit) == (25, 0)


async def test_fronius_modbus_orders_and_we_see_it() -> None:
    device = drawn("sunspec", NOON)
    async with serving(device) as port:
        await ask(
            "fronius", port, device.unit, "set_minimum_reserve:40", "set_grid_charging:true", "set_limits:null,-50"
        )
        assert device.in_force("reserve") == {"soc_pct": 40}
        assert device.in_force("charge") == {"power_w": pytest.approx(15_000)}
        await ask("fronius", port, device.unit, "set_limits:100,0", "set_power_limit:30")
        assert device.in_force("discharge_block") == {}
        assert device.in_force("charge") is None
        assert device.in_force("export_limit") == {"power_w": pytest.approx(15_000)}
        device.order("discharge_block", off=True)
        device.order("charge", power_w=6000)
        found = (await ask("fronius", port, device.unit))["storage"]
    assert (found["discharge_limit"], found["discharge_limit_enabled"], found["grid_charging"]) == (-20, True, True)
    assert found["charge_limit_enabled"] is False
