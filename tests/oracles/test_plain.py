"""tmodbus (BSD, a process of its own), which knows no device, on the relay module and the SDM630."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from tests.oracles.still import NOON, TIMES, ask, drawn, serving


async def test_a_relay_is_switched_and_read_back() -> None:
    device = drawn("relay", {f"tier{n}.closed": 1 for n in range(1, 9)})
    async with serving(device) as port:
        assert (await ask("plain", port, device.unit, "coils:0,8"))["read"] == [[1] * 8]
        await ask("plain", port, device.unit, "coil:2,0")
        assert device.in_force("tier3") is None
        assert device.in_force("tier4") == {}
        assert device.says()["tier3.closed"] == 0
        device.order("tier3")
        device.order("tier1", off=True)
        assert (await ask("plain", port, device.unit, "coils:0,8"))["read"] == [[0, 1, 1, 1, 1, 1, 1, 1]]


@TIMES
async def test_the_sdm630_holds_floats_where_its_manual_says(truth: Mapping[str, float]) -> None:
    """The manual's numbers from 30001 on: 30053 total power, 30013… phases, 30071 frequency, 30073 and 30075 energy."""
    numbers = {
        "grid.power_w": (30053, 1),
        "grid.l1_power_w": (30013, 1),
        "grid.l2_power_w": (30015, 1),
        "grid.l3_power_w": (30017, 1),
        "grid.l1_voltage_v": (30001, 1),
        "grid.l2_voltage_v": (30003, 1),
        "grid.l3_voltage_v": (30005, 1),
        "grid.l1_current_a": (30007, 1),
        "grid.reactive_power_var": (30061, 1),
        "grid.frequency_hz": (30071, 1),
        "grid.import_energy_wh": (30073, 1000),
        "grid.export_energy_wh": (30075, 1000),
    }
    device = drawn("sdm630", truth)
    async with serving(device) as port:
        orders = [f"input_registers:{number - 30001},2" for number, _ in numbers.values()]
        words = (await ask("plain", port, device.unit, *orders))["read"]
    device.agrees(
        {
            point: struct.unpack(">f", struct.pack(">HH", *pair))[0] * factor
            for (point, (_, factor)), pair in zip(numbers.items(), words, strict=True)
        }
    )


async def test_an_address_that_is_not_there_is_refused() -> None:
    device = drawn("sdm630", NOON)
    async with serving(device) as port:
        assert (await ask("plain", port, device.unit, "refused:9000,2"))["refused"] == [2]
