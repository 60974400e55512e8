"""fronius-modbus (GPL-3.0, a process of its own) reads our GEN24, in both of its maps, and steers it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.oracles.still import EVENING, NOON, TIMES, Still, ask, drawn, gen24_as_float, serving

MAPS = pytest.mark.parametrize("is_float", [False, True], ids=["int", "float"])


def device_with(truth: Mapping[str, float], *, is_float: bool = False) -> Still:
    return gen24_as_float(truth) if is_float else drawn("fronius-gen24", truth)


@MAPS
@TIMES
async def test_it_reads_the_truth(truth: Mapping[str, float], is_float: bool) -> None:
    device = device_with(truth, is_float=is_float)
    async with serving(device) as port:
        found = await ask("fronius", port, device.unit)
    inverter, modules, storage = found["inverter"], found["modules"], found["storage"]
    assert found["float"] is is_float
    assert found["roles"] == ["pv", "pv", "storage_charge", "storage_discharge"]
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
            # Two modules without a sign.
            "battery.power_w": modules[3]["power"] - modules[2]["power"],
            "battery.charge_energy_wh": found["charge_energy"],
            "battery.discharge_energy_wh": found["discharge_energy"],
            "battery.soc_pct": storage["state_of_charge"],
            "battery.max_charge_power_w": storage["charge_reference_power"],
            "battery.reserve_soc_pct": storage["minimum_reserve"],
        }
    )
    assert storage["state"] == (3 if truth is EVENING else 4)
    assert inverter["operating_state"] == 4


@MAPS
async def test_it_orders_and_we_see_it(is_float: bool) -> None:
    device = device_with(NOON, is_float=is_float)
    async with serving(device) as port:
        await ask(
            "fronius", port, device.unit, "set_minimum_reserve:40", "set_grid_charging:true", "set_limits:null,-50"
        )
        assert device.in_force("reserve") == {"soc_pct": 40}
        assert device.in_force("charge") == {"power_w": pytest.approx(5000)}
        assert device.in_force("discharge_block") is None
        await ask("fronius", port, device.unit, "set_limits:100,0", "set_power_limit:30")
        assert device.in_force("discharge_block") == {}
        assert device.in_force("charge") is None
        assert device.in_force("export_limit") == {"power_w": pytest.approx(3000)}
        await ask("fronius", port, device.unit, "set_limits:null,null", "clear_power_limit")
        assert device.in_force("discharge_block") is None
        assert device.in_force("export_limit") is None


async def test_what_we_order_it_reads_as_the_mode_that_we_mean() -> None:
    device = device_with(NOON)
    async with serving(device) as port:
        device.order("reserve", soc_pct=70)
        device.order("charge", power_w=2500)
        device.order("export_limit", power_w=4000)
        found = await ask("fronius", port, device.unit)
        storage = found["storage"]
        assert (storage["minimum_reserve"], storage["grid_charging"]) == (70, True)
        assert (storage["discharge_limit"], storage["discharge_limit_enabled"]) == (-25, True)
        assert storage["charge_limit_enabled"] is False
        assert (found["controls"]["power_limit"], found["controls"]["enabled"]) == (40, True)
        device.order("charge", off=True)
        device.order("discharge_block")
        storage = (await ask("fronius", port, device.unit))["storage"]
        assert (storage["charge_limit"], storage["charge_limit_enabled"]) == (100, True)
        assert (storage["discharge_limit"], storage["discharge_limit_enabled"]) == (0, True)
        device.order("discharge_block", off=True)
        device.order("backup")
        storage = (await ask("fronius", port, device.unit))["storage"]
        assert (storage["charge_limit_enabled"], storage["discharge_limit_enabled"]) == (False, False)
        assert (storage["minimum_reserve"], storage["grid_charging"]) == (100, True)
