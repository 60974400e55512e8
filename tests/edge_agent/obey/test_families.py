"""Every control of every family of the library: tried on a simulated device over a real line, read back and put back.

Simulator and edge share the library, so this proves the sequences and not the registers; those are proven by recordings
and by programs that others wrote.
"""

from __future__ import annotations

import pytest

from device_profiles.controls import by_name
from device_profiles.load import load, profile_ids
from device_profiles.model import ARGUMENTS, Argument, Control, DeviceMap
from edge_agent.core.outcomes import Stage
from edge_agent.io.bus import TcpAddress
from edge_agent.io.modbus import ModbusLine
from edge_agent.obey import Obeyer
from simulator.manners import manners_of
from simulator.server import DevicePort
from simulator.single import single
from tests.edge_agent.obey.devices import at_once


def values_for(control: Control, device: DeviceMap) -> dict[str, float]:
    """Arguments in the lower half of what the registers take."""
    registers = {register.name: register for register in device.registers}
    found: dict[str, float] = {}
    for write in control.on:
        if isinstance(write.to, Argument):
            register = registers[write.register]
            low = max(register.low, 0.0)
            found[write.to] = min(low + 45.0, (low + register.high) / 2)
    return {name: found[name] for name in ARGUMENTS[control.kind] if name in found}


@pytest.mark.parametrize("profile", [each for each in profile_ids() if load(each).controls])
async def test_each_control_is_ordered_read_back_and_put_back(profile: str) -> None:
    unit = load(profile).units[0]
    simulated = single(profile, unit, now_ms=lambda: 1_780_023_600_000)
    port = DevicePort("127.0.0.1", 0, {unit: simulated.device}, manners_of(load(profile)))
    await port.open()
    delay_s = load(profile).limits.connect_delay_s
    line = ModbusLine(TcpAddress(host="127.0.0.1", port=port.port), connect_delay_s=delay_s)
    device = simulated.device.device_map
    registers = by_name(device.registers)
    it = Obeyer(line, unit, device, 2.0, device=profile, sleep=at_once)
    try:
        for control in device.controls:
            before = await it.snapshot(control)
            receipt = await it.order(control, values_for(control, device))
            is_readable = all(registers[name].is_readable for name in {write.register for write in control.on})
            expected = Stage.READ_BACK if is_readable else Stage.WRITTEN
            assert (receipt.stage, receipt.reason) == (expected, None), (control.kind, receipt)
            assert receipt.is_done
            if control.off:
                released = await it.order(control, {}, off=True)
                assert released.is_done, (control.kind, released)
            restored = await it.restore(before)
            assert restored.is_done, (control.kind, restored)
            after = await it.snapshot(control)
            assert after.registers == before.registers, control.kind
    finally:
        line.close()
        await port.close()
