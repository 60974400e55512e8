"""sungrow-sht-modbus (MIT): an SH-T hybrid."""

import json
import sys

from common import fields_of, main, orders, plain

if sys.version_info < (3, 13):
    print(json.dumps({"missing": "the package wants Python 3.13 or newer"}))
    sys.exit()

from sungrow_inverter import BatteryMode, DesiredState, SungrowInverter

COMPONENTS = (
    "identity", "ratings", "ac_dc", "flows", "grid_phases", "meter", "backup", "battery", "battery_power", "settings",
    "battery_limits", "energy", "alarms",
)  # fmt: skip


async def read(connection, unit_id):
    device = SungrowInverter(connection.for_unit(unit_id))
    await device.async_update()
    for name, arguments in orders():
        if name == "apply":
            mode, *power = arguments
            await device.battery_control.apply(DesiredState(BatteryMode(mode), *power))
        else:
            await getattr(device.battery_control, name)(*arguments)
    await device.async_update()
    found = {name: fields_of(part) for name in COMPONENTS if (part := getattr(device, name, None)) is not None}
    return {**found, "mode": plain(device.battery_control.effective_mode())}


main(read)
