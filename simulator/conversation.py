"""One client's bytes in, answers out: framing, manners and broken answers, the same for TCP and a serial line."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from pymodbus.framer import FRAMER_NAME_TO_CLASS, FramerType
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU

from simulator.answers import addressed, answer
from simulator.faults import FaultKind
from simulator.manners import Manners
from simulator.unit import Unit

_DECODER: Final = DecodePDU(True)
_BUFFER_MAX: Final = 600
"""Bytes that make no frame; a client that sends more talks something else."""
_WAITING_MAX: Final = 16
_HEADER: Final = {FramerType.SOCKET: 8, FramerType.RTU: 4}
"""Bytes before a frame can be known as one."""
_NOISE: Final = random.Random(20_190_909)  # noqa: S311  # Noise on a wire, no secret.


class Framing(StrEnum):
    """How a request is wrapped."""

    TCP = "tcp"
    RTU = "rtu"


class Conversation:
    """What one client asks and is told. ``send`` takes bytes; ``hang_up`` is called when the client talks nonsense."""

    def __init__(
        self,
        units: Mapping[int, Unit],
        manners: Manners,
        framing: Framing,
        send: Callable[[bytes], None],
        hang_up: Callable[[], None],
    ) -> None:
        kind = FramerType.SOCKET if framing is Framing.TCP else FramerType.RTU
        self._loop = asyncio.get_running_loop()
        self._units, self._manners = units, manners
        self._least = _HEADER[kind]
        self._framer = FRAMER_NAME_TO_CLASS[kind](_DECODER)
        self._send, self._hang_up = send, hang_up
        self._buffer = b""
        self._began_s = self._loop.time()
        self._is_first = True
        self._free_s = 0.0
        self._waiting: deque[asyncio.TimerHandle] = deque()
        self._held: bytes | None = None

    def received(self, data: bytes) -> None:
        """Take what came; every whole request in it is answered."""
        self._buffer += data
        while len(self._buffer) >= self._least:
            used, unit, transaction, frame = self._framer.decode(self._buffer)
            if not used:
                break
            self._buffer = self._buffer[used:]
            if frame:
                self._asked(frame, unit, transaction)
        if len(self._buffer) > _BUFFER_MAX or len(self._waiting) > _WAITING_MAX:
            self._buffer = b""
            self._hang_up()

    def end(self) -> None:
        """The client is gone: nothing more is sent."""
        for handle in self._waiting:
            handle.cancel()
        self._waiting.clear()

    def _asked(self, frame: bytes, unit: int, transaction: int) -> None:
        is_first, self._is_first = self._is_first, False
        if is_first and self._loop.time() - self._began_s < self._manners.swallow_within_s:
            return
        request = _DECODER.decode(frame)
        if request is None:
            # A function that exists, with a length or count that cannot be, is an illegal value.
            code = 3 if frame[0] in DecodePDU.pdu_table else 1
            self._put(addressed(ExceptionResponse(frame[0], code), unit, transaction))
            return
        request.dev_id, request.transaction_id = unit, transaction
        delay_s = self._manners.answer_after_s + self._slowness_s(unit)
        if not delay_s and not self._waiting:
            self._put(answer(self._units, request, self._manners.missing_unit))
            return
        self._free_s = max(self._free_s, self._loop.time()) + delay_s
        self._waiting.append(self._loop.call_at(self._free_s, self._due, request))

    def _due(self, request: ModbusPDU) -> None:
        # Answers leave in the order of their requests.
        self._waiting.popleft()
        self._put(answer(self._units, request, self._manners.missing_unit))

    def _slowness_s(self, unit: int) -> float:
        fault = self._units[unit].fault if unit in self._units else None
        return fault.delay_s if fault is not None and fault.kind is FaultKind.SLOW else 0.0

    def _put(self, made: ModbusPDU | None) -> None:
        if made is None:
            return
        packet = self._framer.buildFrame(made)
        unit = self._units.get(made.dev_id)
        if unit is not None and unit.fault is not None and unit.fault.kind is FaultKind.GARBAGE:
            packet = _NOISE.randbytes(len(packet))
        if self._manners.is_late:
            packet, self._held = self._held or b"", packet
        if packet:
            self._send(packet)
