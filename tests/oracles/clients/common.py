"""What the client scripts share: a connection, and one JSON object on the last line.

Every script takes ``PORT UNIT [ORDER …]``; an order is ``METHOD:ARGUMENT[,ARGUMENT]``. It runs in an environment of
its own.
"""

import asyncio
import json
import sys
from enum import IntEnum

from modbus_connection.tmodbus import connect_tcp


def plain(value):
    """A value that JSON can hold; codes as their number."""
    if isinstance(value, IntEnum):
        return int(value)
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    return value if value is None or isinstance(value, int | float | str | bool) else str(value)


def fields_of(component):
    """Everything that a component has read, by name."""
    return {name: plain(getattr(component, name, None)) for name in component.declared_fields}


def orders():
    """What to do before reading: pairs of a method's name and its arguments."""
    for order in sys.argv[3:]:
        name, _, rest = order.partition(":")
        yield name, [json.loads(each) for each in rest.split(",") if each]


def main(read):
    """Connect, let ``read(connection, unit_id)`` do its work, print what it returns."""

    async def run():
        connection = await connect_tcp("127.0.0.1", port=int(sys.argv[1]), timeout=5)
        try:
            return await read(connection, int(sys.argv[2]))
        finally:
            await connection.close()

    print(json.dumps(asyncio.run(run())))
