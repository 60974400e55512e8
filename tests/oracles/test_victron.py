"""aiovictron and victron (both MIT, a process of their own) read our GX device and steer it.

They know the registers of 16 bits, so the device is one of an older firmware, which lacks those of 32.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.oracles.still import NOON, TIMES, Still, ask, drawn, holding, serving

NEWER = (*range(884, 914), *range(2716, 2724))
"""Registers of 32 bits."""
OLDER = (holding(800, 51), holding(2700, 10), holding(2900, 4))
KEEP_CHARGED, WITHOUT_BATTERY_LIFE = 9, 10


def device_with(truth: Mapping[str, float]) -> Still:
    device = drawn("victron-gx", {}, OLDER)
    for address in NEWER:
        device.image = {key: word for key, word in device.image.items() if key[1] != address}
    device.truth = truth
    device.draw(truth)
    return device


def absent(*units: int) -> list[Still]:
    """Units that the client asks for and that are not there: a GX device refuses at once, it does not stay silent."""
    return [Still("victron-gx", unit, {}, {}) for unit in units]


@TIMES
async def test_the_system_tells_the_truth(truth: Mapping[str, float]) -> None:
    device = device_with(truth)
    async with serving(device, *absent(223, 227)) as port:
        found = await ask("gx", port, device.unit)
    system = found["system"]
    device.agrees(
        {
            "battery.voltage_v": system["battery_voltage"],
            # The device counts charge as positive.
            "battery.current_a": -system["battery_current"],
            "battery.power_w": -system["battery_power"],
            "battery.soc_pct": system["battery_soc"],
            "battery.reserve_soc_pct": found["reserve"],
            "pv1.power_w": system["pv_power"],
            "grid.l1_power_w": system["grid_power_l1"],
        }
    )
    assert system["battery_state"] == (1 if truth is NOON else 2)
    assert found["grid_l1"] == truth["grid.l1_power_w"]
    # The loads stand in three registers; ours adds them up, the client reads the first.
    assert device.says()["load.power_w"] == system["ac_consumption_l1"] == truth["load.power_w"]


async def test_the_inverter_charger_tells_the_truth() -> None:
    """Power is left out: this client divides it by ten, the maker's own code multiplies."""
    system, inverter = device_with(NOON), drawn("victron-vebus", NOON, (holding(3, 29),), unit=227)
    async with serving(system, inverter, *absent(223)) as port:
        found = (await ask("gx", port, system.unit))["vebus"]
    inverter.agrees(
        {
            "inverter.l1_voltage_v": found["ac_input_voltage"],
            "inverter.l1_current_a": -found["ac_input_current"],
            "inverter.frequency_hz": found["ac_output_frequency"],
            "backup.l1_voltage_v": found["ac_output_voltage"],
            "battery.voltage_v": found["battery_voltage"],
            "battery.current_a": -found["battery_current"],
            "battery.soc_pct": found["battery_soc"],
        }
    )


async def test_it_orders_and_we_see_it() -> None:
    device = device_with(NOON)
    async with serving(device, *absent(223, 227)) as port:
        await ask("gx", port, device.unit, "reserve:60", "setpoint:1500")
    assert device.in_force("reserve") == {"soc_pct": 60}
    assert device.in_force("charge") == {"power_w": 1500}


async def test_what_we_order_it_reads_as_the_mode_that_we_mean() -> None:
    device = device_with(NOON)
    async with serving(device, *absent(223, 227)) as port:
        device.order("reserve", soc_pct=45)
        device.order("charge", power_w=2200)
        device.order("backup")
        found = await ask("gx", port, device.unit)
        assert (found["reserve"], found["setpoint"], found["battery_life"]) == (45, 2200, KEEP_CHARGED)
        device.order("charge", off=True)
        device.order("backup", off=True)
        found = await ask("gx", port, device.unit)
        assert (found["setpoint"], found["battery_life"]) == (0, WITHOUT_BATTERY_LIFE)
