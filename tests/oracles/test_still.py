"""The judge's bench itself: a device that is drawn wrongly is found out, and all that is wrong is told at once."""

from __future__ import annotations

from dataclasses import replace

import goodwe
import pytest

from device_profiles.encode import encode
from device_profiles.model import Table
from tests.oracles.still import EVENING, HOST, NOON, drawn, serving
from tests.oracles.test_goodwe import BLOCKS, SETTINGS


async def test_a_wrong_sign_and_a_wrong_scale_in_a_profile_are_found_by_a_client() -> None:
    device = drawn("goodwe-et", EVENING, (*BLOCKS, *SETTINGS))
    device.write(Table.HOLDING, 35100, (0x1A05, 0x1D0C, 0x0000))
    fields = {each.point: each for each in device.map.fields}
    for point, wrong_scale in (("battery.power_w", -1.0), ("battery.voltage_v", 0.01)):
        wrong = replace(fields[point], scale=wrong_scale)
        device.image.update(encode(wrong, EVENING[point], device.image))
    async with serving(device) as port:
        inverter = await goodwe.connect(HOST, port, "ET", timeout=2, retries=1)
        data = await inverter.read_runtime_data()
        await inverter._protocol.close()
    with pytest.raises(AssertionError) as caught:
        device.agrees(
            {
                "battery.power_w": data["pbattery1"],
                "battery.voltage_v": data["vbattery1"],
                "battery.soc_pct": data["battery_soc"],
            }
        )
    told = str(caught.value)
    assert "battery.power_w: the client reads -4320, the truth is 4320" in told
    assert "battery.voltage_v" in told
    assert "battery.soc_pct" not in told


def test_what_the_registers_cannot_hold_is_no_disagreement() -> None:
    device = drawn("goodwe-et", NOON)
    device.agrees({"battery.voltage_v": 421.65})
    with pytest.raises(AssertionError, match=r"battery\.voltage_v"):
        device.agrees({"battery.voltage_v": 421.7})
    with pytest.raises(AssertionError, match=r"battery\.soc_pct: the client reads None"):
        device.agrees({"battery.soc_pct": None})
