"""sma-modbus (GPL-3.0): a ``hybrid`` (Sunny Boy Smart Energy) or a ``tripower``, as the order says."""

from common import fields_of, main, orders
from sma_modbus import SunnyBoySmartEnergy, SunnyTripower

KINDS = {"hybrid": SunnyBoySmartEnergy, "tripower": SunnyTripower}


async def read(connection, unit_id):
    found = {}
    for name, _ in orders():
        device = KINDS[name](connection, unit_id)
        await device.async_update()
        found[name] = fields_of(device)
    return found


main(read)
