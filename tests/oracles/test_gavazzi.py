"""carlo-gavazzi-energy-meter-modbus (Apache-2.0, a process of its own) finds and reads our meter."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from device_profiles.model import Block, Table
from tests.oracles.still import NOON, TIMES, Still, ask, drawn, serving

EM540, EM340 = 1760, 341


def device_with(truth: Mapping[str, float], code: int) -> Still:
    """The meter answers functions 3 and 4 alike; the client asks for both, and for settings that we do not read."""
    ranges = ((0, 0x90), (0x300, 0x20), (0x500, 0x80), (0x1000, 0x210), (0x1300, 0x20), (0x5000, 0x20))
    device = drawn("carlo-gavazzi", truth, [Block(t, s, n) for s, n in ranges for t in (Table.HOLDING, Table.INPUT)])
    device.image[Table.HOLDING, 11] = code
    device.image |= {(Table.INPUT, at): word for (table, at), word in device.image.items() if table is Table.HOLDING}
    return device


@TIMES
@pytest.mark.parametrize(("code", "name"), [(EM540, "EM540"), (EM340, "EM340")])
async def test_it_reads_the_truth(truth: Mapping[str, float], code: int, name: str) -> None:
    device = device_with(truth, code)
    async with serving(device) as port:
        found = await ask("gavazzi", port, device.unit)
    measured = found["measurements"]
    theirs = {
        "grid.power_w": measured["active_power"],
        "grid.reactive_power_var": measured["reactive_power"],
        "grid.frequency_hz": measured["frequency"],
        **{f"grid.l{n}_power_w": measured[f"active_power_l{n}"] for n in (1, 2, 3)},
        **{f"grid.l{n}_voltage_v": measured[f"voltage_l{n}_n"] for n in (1, 2, 3)},
        **{f"grid.l{n}_current_a": measured[f"current_l{n}"] for n in (1, 2, 3)},
    }
    if code == EM340:  # For the other series the client takes the finer counters elsewhere.
        theirs["grid.import_energy_wh"] = found["energy"]["energy_imported"] * 1000
        theirs["grid.export_energy_wh"] = found["energy"]["energy_exported"] * 1000
    device.agrees(theirs)
    assert found["model"] == name


@pytest.mark.parametrize(("word", "theirs", "ours"), [(0x0001, 1, 0), (0xFFFF, -1, 1)])
async def test_it_sees_the_same_order_of_phases(word: int, theirs: int, ours: int) -> None:
    device = device_with(NOON, EM540)
    for table in (Table.HOLDING, Table.INPUT):
        device.image[table, 50] = word
    async with serving(device) as port:
        found = await ask("gavazzi", port, device.unit)
    assert found["measurements"]["phase_sequence"] == theirs
    assert device.says()["grid.phase_order"] == ours
