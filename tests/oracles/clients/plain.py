"""tmodbus (BSD): a Modbus client that knows no device.

An order is ``holding_registers:ADDRESS,COUNT`` (and so on), ``write:ADDRESS,WORD…`` or ``coil:ADDRESS,0|1``.
"""

from common import main, orders
from modbus_connection import IllegalDataAddressError


async def read(connection, unit_id):
    unit = connection.for_unit(unit_id)
    found, refused = [], []
    for name, arguments in orders():
        match name:
            case "write":
                address, *words = arguments
                await (
                    unit.write_register(address, words[0]) if len(words) == 1 else unit.write_registers(address, words)
                )
            case "coil":
                await unit.write_coil(arguments[0], bool(arguments[1]))
            case "refused":
                try:
                    await unit.read_holding_registers(*arguments)
                except IllegalDataAddressError:
                    refused.append(2)
            case "coils" | "discrete_inputs" | "holding_registers" | "input_registers":
                found.append([int(each) for each in await getattr(unit, f"read_{name}")(*arguments)])
    return {"read": found, "refused": refused}


main(read)
