"""carlo-gavazzi-energy-meter-modbus (Apache-2.0): finds out which meter it is and reads it."""

from carlo_gavazzi_energy_meter_modbus import async_detect, async_identify
from common import fields_of, main, plain
from modbus_connection.model import Component


async def read(connection, unit_id):
    unit = connection.for_unit(unit_id)
    model = await async_identify(unit)
    meter = await async_detect(unit)
    report = await meter.async_update()
    parts = {name: fields_of(part) for name, part in vars(meter).items() if isinstance(part, Component)}
    return {"model": model.name, **parts, "failed": {name: plain(error) for name, error in report.failed.items()}}


main(read)
