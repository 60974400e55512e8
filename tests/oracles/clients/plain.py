"""tmodbus (BSD): a Modbus client that knows no device. An order is ``FUNCTION:ADDRESS,COUNT`` or ``write:ADDRESS,WORD…``."""

from common import main, orders


async def read(connection, unit_id):
    unit = connection.for_unit(unit_id)
    found = []
    for name, arguments in orders():
        match name:
            case "write":
                address, *words = arguments
                await (
                    unit.write_register(address, words[0]) if len(words) == 1 else unit.write_registers(address, words)
                )
            case "coil":
                await unit.write_coil(arguments[0], bool(arguments[1]))
            case "coils" | "discrete_inputs" | "holding_registers" | "input_registers":
                found.append([int(each) for each in await getattr(unit, f"read_{name}")(*arguments)])
    return {"read": found}


main(read)
