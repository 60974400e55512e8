"""What pymodbus is told to be strict about: lengths, and replies that are not replies to us.

Its own reply classes take a byte count that disagrees with the frame, and an unknown function code makes its framer
raise inside the event loop. These take the whole payload or nothing, in one unpack.
"""

from __future__ import annotations

import struct
from typing import Final

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU


class _Payload(ModbusPDU):
    """Bytes of a read reply; ``payload`` is None when the byte count does not agree with the frame."""

    rtu_byte_count_pos = 2
    payload: bytes | None

    def encode(self) -> bytes:
        """Write the payload; only the tests send replies."""
        payload = self.payload or b""
        return bytes((len(payload),)) + payload

    def decode(self, data: bytes) -> None:
        """Take the payload."""
        self.payload = data[1:] if data and data[0] == len(data) - 1 else None


class CoilsReply(_Payload):
    """Reply to function 1."""

    function_code = 1


class DiscretesReply(_Payload):
    """Reply to function 2."""

    function_code = 2


class HoldingReply(_Payload):
    """Reply to function 3."""

    function_code = 3


class InputReply(_Payload):
    """Reply to function 4."""

    function_code = 4


_REPLIES: Final[dict[int, tuple[type[ModbusPDU], type[ModbusPDU]]]] = {
    reply.function_code: (reply, reply) for reply in (CoilsReply, DiscretesReply, HoldingReply, InputReply)
}


class ReplyDecoder(DecodePDU):
    """Knows the replies to the four reads (and exceptions), and nothing else."""

    def __init__(self) -> None:
        super().__init__(is_server=False)
        self.pdu_table = _REPLIES


class StrictSocketFramer(FramerSocket):
    """Modbus TCP; a frame that nobody can decode is dropped instead of raising in the event loop."""

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802
        """Take the next reply out of the received bytes."""
        try:
            return super().handleFrame(data, exp_devid, exp_tid)
        except (ModbusException, IndexError, struct.error):
            return len(data), None


class StrictRtuFramer(FramerRTU):
    """Modbus RTU; as above."""

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802
        """Take the next reply out of the received bytes."""
        try:
            return super().handleFrame(data, exp_devid, exp_tid)
        except (ModbusException, IndexError, struct.error):
            return len(data), None


def words_of(payload: bytes) -> tuple[int, ...]:
    """Registers of a payload."""
    return struct.unpack(f">{len(payload) // 2}H", payload)


def bits_of(payload: bytes, count: int) -> tuple[int, ...]:
    """The first ``count`` coils of a payload."""
    return tuple(payload[n >> 3] >> (n & 7) & 1 for n in range(count))
