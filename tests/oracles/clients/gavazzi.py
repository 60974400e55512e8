"""carlo-gavazzi-energy-meter-modbus (Apache-2.0): finds out which meter it is and reads it."""

from carlo_gavazzi_energy_meter_modbus import async_detect, async_identify
from common import main


async def read(connection, unit_id):
    unit = connection.for_unit(unit_id)
    model = await async_identify(unit)
    meter = await async_detect(unit)
    await meter.async_update()
    return {"model": model.name, "attributes": sorted(name for name in vars(meter) if not name.startswith("_"))}


main(read)
