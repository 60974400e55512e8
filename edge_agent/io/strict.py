"""What pymodbus is told to be strict about: lengths, and replies that are not replies to us.

Its own reply classes take a byte count that disagrees with the frame, and an unknown function code makes its framer
raise inside the event loop. These take the whole payload or nothing, in one unpack. What a payload must say to be the
answer to a question stands in questions.py.
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


class _Echo(ModbusPDU):
    """Four bytes that repeat what was to be written; ``payload`` is None when they are not four."""

    rtu_frame_size = 8
    payload: bytes | None

    def encode(self) -> bytes:
        """Write the payload; only the tests send replies."""
        return self.payload or b""

    def decode(self, data: bytes) -> None:
        """Take the payload."""
        self.payload = data if len(data) == 4 else None


class CoilEcho(_Echo):
    """Reply to function 5."""

    function_code = 5


class RegisterEcho(_Echo):
    """Reply to function 6."""

    function_code = 6


class CoilsEcho(_Echo):
    """Reply to function 15."""

    function_code = 15


class RegistersEcho(_Echo):
    """Reply to function 16."""

    function_code = 16


class IdentityReply(ModbusPDU):
    """Reply to function 43; the whole of it is the payload."""

    function_code = 43
    payload: bytes | None

    @classmethod
    def calculateRtuFrameSize(cls, data: bytes) -> int:  # noqa: N802
        """How long the frame is; longer than what is there while that can't be known."""
        at, more = 8, len(data) + 1
        if len(data) < at:
            return more
        for _ in range(data[7]):
            if len(data) < at + 2:
                return more
            at += 2 + data[at + 1]
        return at + 2

    def encode(self) -> bytes:
        """Write the payload; only the tests send replies."""
        return self.payload or b""

    def decode(self, data: bytes) -> None:
        """Take the payload."""
        self.payload = data


class PlainRequest(ModbusPDU):
    """A request of any function, its body as bytes."""

    def __init__(self, function: int, body: bytes, unit: int) -> None:
        super().__init__(dev_id=unit)
        self.function_code = function
        self._body = body

    def encode(self) -> bytes:
        """The body."""
        return self._body


_REPLIES: Final[dict[int, tuple[type[ModbusPDU], type[ModbusPDU]]]] = {
    reply.function_code: (reply, reply)
    for reply in (
        CoilsReply,
        DiscretesReply,
        HoldingReply,
        InputReply,
        CoilEcho,
        RegisterEcho,
        CoilsEcho,
        RegistersEcho,
        IdentityReply,
    )
}


class ReplyDecoder(DecodePDU):
    """Knows the replies to reads, writes and device identification (and exceptions), and nothing else."""

    def __init__(self) -> None:
        super().__init__(is_server=False)
        self.pdu_table = _REPLIES


class StrictSocketFramer(FramerSocket):
    """Modbus TCP; a frame that nobody can decode is dropped instead of raising in the event loop."""

    heard_bytes = 0
    """What came since this was set to 0, answers or not."""

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802
        """Take the next reply out of the received bytes."""
        self.heard_bytes = max(self.heard_bytes, len(data))
        try:
            return super().handleFrame(data, exp_devid, exp_tid)
        except (ModbusException, IndexError, struct.error):
            return len(data), None


class StrictRtuFramer(FramerRTU):
    """Modbus RTU; as above."""

    heard_bytes = 0

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802
        """Take the next reply out of the received bytes."""
        self.heard_bytes = max(self.heard_bytes, len(data))
        try:
            return super().handleFrame(data, exp_devid, exp_tid)
        except (ModbusException, IndexError, struct.error):
            return len(data), None
