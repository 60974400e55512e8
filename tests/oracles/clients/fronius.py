"""fronius-modbus (GPL-3.0): a GEN24 by its SunSpec models."""

from common import fields_of, main, orders, plain
from fronius_modbus import FroniusModbusInverter


async def read(connection, unit_id):
    device = FroniusModbusInverter(connection.for_unit(unit_id))
    await device.discover()
    for name, arguments in orders():
        holder = device.controls if name in {"set_power_limit", "clear_power_limit"} else device.storage
        if name == "set_limits":
            charge, discharge = arguments
            await holder.set_limits(charge=charge, discharge=discharge)
        else:
            await getattr(holder, name)(*arguments)
    await device.async_update()
    mppt = device.mppt
    return {
        "float": device.float_mode,
        "common": fields_of(device.common),
        "inverter": fields_of(device.inverter),
        "storage": fields_of(device.storage) if device.storage else None,
        "controls": fields_of(device.controls) if device.controls else None,
        "modules": [fields_of(each) for each in mppt.modules] if mppt else [],
        "roles": [plain(each) for each in mppt.module_roles] if mppt else [],
        "pv_energy": mppt.pv_energy_total if mppt else None,
        "charge_energy": mppt.storage_charge_energy_total if mppt else None,
        "discharge_energy": mppt.storage_discharge_energy_total if mppt else None,
    }


main(read)
