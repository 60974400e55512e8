"""One TCP port with the simulated devices behind it, served by pymodbus.

pymodbus asks a store for registers; ours hands every request to the device, so an image is drawn only when somebody
looks, and an address that a device does not have is refused.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Final

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator.simcore import SimCore

from device_profiles.model import Table
from simulator.devices import IllegalAddressError, IllegalValueError, NoAnswerError, SimulatedDevice
from simulator.faults import FaultKind

_TABLES: Final = {
    **dict.fromkeys((1, 5, 15), Table.COIL),
    2: Table.DISCRETE,
    **dict.fromkeys((3, 6, 16, 22, 23), Table.HOLDING),
    4: Table.INPUT,
}
_REGISTERS_MAX: Final = 125
_BITS_MAX: Final = 2000


class Bus(SimCore):
    """Units behind one port, in the form in which pymodbus' server asks for them."""

    def __init__(self, units: Mapping[int, SimulatedDevice]) -> None:
        super().__init__([])
        self.units = dict(units)

    def device_ids(self) -> list[int]:
        """Units that exist."""
        return list(self.units)

    async def async_getValues(  # noqa: N802  # pymodbus' name
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        """Read registers or bits of a unit."""
        table = _TABLES[func_code]
        bits = table in {Table.COIL, Table.DISCRETE}
        if not 1 <= count <= (_BITS_MAX if bits else _REGISTERS_MAX):
            return ExcCodes.ILLEGAL_VALUE
        device = await self._answering(device_id)
        if isinstance(device, ExcCodes):
            return device
        try:
            words = device.read(table, address, count)
        except IllegalAddressError:
            return ExcCodes.ILLEGAL_ADDRESS
        except NoAnswerError:
            raise NoSuchIdException from None
        return [bool(word) for word in words] if bits else words

    async def async_setValues(  # noqa: N802  # pymodbus' name
        self, device_id: int, func_code: int, address: int, values: Sequence[int] | Sequence[bool]
    ) -> ExcCodes | None:
        """Write registers or coils of a unit."""
        device = await self._answering(device_id)
        if isinstance(device, ExcCodes):
            return device
        try:
            device.write(_TABLES[func_code], address, [int(value) for value in values])
        except IllegalAddressError:
            return ExcCodes.ILLEGAL_ADDRESS
        except IllegalValueError:
            return ExcCodes.ILLEGAL_VALUE
        return None

    async def _answering(self, unit: int) -> SimulatedDevice | ExcCodes:
        """The unit, once it gets round to answering; pymodbus stays silent for a unit that does not exist."""
        device = self.units.get(unit)
        if device is None:
            raise NoSuchIdException
        fault = device.fault
        if fault is None:
            return device
        if fault.kind is FaultKind.SILENT:
            raise NoSuchIdException
        if fault.kind is FaultKind.REFUSE:
            return ExcCodes.GATEWAY_NO_RESPONSE
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.delay_s)
        return device


class DevicePort:
    """A listening TCP port that can be shut and opened again."""

    def __init__(self, host: str, port: int, units: Mapping[int, SimulatedDevice]) -> None:
        self.host = host
        self.port = port
        self.bus = Bus(units)
        self._server: ModbusTcpServer | None = None
        self._noise = random.Random(f"{host}:{port}")  # noqa: S311  # Noise on a wire, no secret.

    @property
    def is_open(self) -> bool:
        """Whether it takes connections."""
        return self._server is not None

    async def open(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or cannot be used.
        """
        if self._server is not None:
            return
        server = ModbusTcpServer(
            [], address=(self.host, self.port), ignore_missing_devices=True, trace_packet=self._spoil
        )
        server.context = self.bus
        try:
            await server.serve_forever(background=True)
        except RuntimeError:
            raise OSError(f"cannot listen on {self.host}:{self.port}") from None
        self._server = server

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.shutdown()  # type: ignore[no-untyped-call]

    def _spoil(self, sending: bool, packet: bytes) -> bytes:
        """Replace an answer by noise when its device is broken that way (byte 6 of a TCP frame is the unit)."""
        if not sending or len(packet) < 7:
            return packet
        device = self.bus.units.get(packet[6])
        if device is None or device.fault is None or device.fault.kind is not FaultKind.GARBAGE:
            return packet
        return self._noise.randbytes(len(packet))
