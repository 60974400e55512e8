"""solaredged (MIT): inverter, meter, battery and the control blocks of a SolarEdge."""

from common import fields_of, main, orders
from solaredged import ExportControlMode, SolarEdge, StorageControlMode, StorageMode

CODES = {
    "set_control_mode": StorageControlMode,
    "set_command_mode": StorageMode,
    "set_default_mode": StorageMode,
}


async def read(connection, unit_id):
    device = await SolarEdge.async_probe(connection.for_unit(unit_id))
    for name, arguments in orders():
        if name == "set_export_mode":
            await device.export_control.set_mode(ExportControlMode(arguments[0]))
        elif name == "set_site_limit":
            await device.export_control.set_site_limit(*arguments)
        else:
            given = [CODES[name](each) if name in CODES else each for each in arguments]
            await getattr(device.storage_control, name)(*given)
    report = await device.async_update()
    export = device.export_control
    return {
        "failed": {name: str(error) for name, error in report.failed.items()},
        "common": fields_of(device.common),
        "inverter": fields_of(device.inverter),
        "meters": [fields_of(each) for each in device.meters],
        "batteries": [
            {**fields_of(each), "state_of_energy": each.state_of_energy, "state_of_health": each.state_of_health}
            for each in device.batteries
        ],
        "storage": fields_of(device.storage_control) if device.storage_control else None,
        "export_mode": None if export is None or export.mode is None else int(export.mode),
        "site_limit": None if export is None else export.site_limit,
    }


main(read)
