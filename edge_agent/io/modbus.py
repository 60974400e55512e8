"""One Modbus line by pymodbus, TCP or RTU.

A reply counts only when its transaction number, unit, function and byte count are those of the request. After a timeout
a TCP socket is closed, so that a late answer can't be taken for the next one. A serial line can't be closed; there the
next question to the same unit is one whose answer is thrown away, and which no late answer fits by its length.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from device_profiles.model import Block, Table
from edge_agent.io.bus import (
    BadAnswer,
    DeviceRefused,
    GatewaySilent,
    IllegalAddress,
    LinkDown,
    RtuAddress,
    TcpAddress,
    Unreachable,
    explain,
)
from edge_agent.io.strict import ReplyDecoder, StrictRtuFramer, StrictSocketFramer, bits_of, words_of

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # What it would say is in our errors; text costs time.

_REQUESTS: Final[dict[Table, type[ReadCoilsRequest] | type[ReadHoldingRegistersRequest]]] = {
    Table.COIL: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
    Table.INPUT: ReadInputRegistersRequest,
}
_BIT_TABLES: Final = frozenset({Table.COIL, Table.DISCRETE})
_NO_SUCH_REGISTER: Final = frozenset({1, 2, 3})
"""Devices use illegal function, address and value alike for a block that touches something they do not have."""
_GATEWAY: Final = frozenset({10, 11})
CONNECT_TIMEOUT_S: Final = 2.0
LINE_QUIET_S: Final = 0.05
"""How long a serial line is left alone after a timeout, for what is still on its way."""


Client = AsyncModbusTcpClient | AsyncModbusSerialClient


class ModbusLine:
    """A line by pymodbus: one request at a time, paced as the slowest of its devices needs it."""

    def __init__(
        self,
        address: TcpAddress | RtuAddress,
        *,
        connect_delay_s: float = 0.0,
        request_interval_s: float = 0.0,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        self.address = address
        self.requests = 0
        self._connect_delay_s = connect_delay_s
        self._request_interval_s = request_interval_s
        self._connect_timeout_s = connect_timeout_s
        self._client: Client | None = None
        self._lock = asyncio.Lock()
        self._free_at = 0.0
        self._owed: dict[int, set[int]] = {}
        """Units on a serial line that may still answer an old question, and how many bytes such an answer can have."""

    async def connect(self) -> None:
        """Be ready to ask. Raises Unreachable."""
        async with self._lock:
            await self._connected()

    def close(self) -> None:
        """Give the line back. It may be used again; the next read connects."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def read(self, block: Block, unit: int, *, timeout_s: float) -> tuple[int, ...]:
        """The words (or bits) of a block. Raises BusError."""
        async with self._lock:
            client = await self._connected()
            owed = self._owed.get(unit)
            asked = block
            try:
                if owed:
                    asked = decoy(block, owed)
                    with suppress(DeviceRefused):  # A refusal is an answer too, and shorter than any other.
                        await self._ask(client, asked, unit, timeout_s)
                    asked = block
                answer = await self._ask(client, block, unit, timeout_s)
            except LinkDown as error:
                await self._freshen(unit, asked, error)
                raise
            except asyncio.CancelledError:
                self.close()  # The answer is still to come, and nobody will wait for it.
                raise
            if owed:
                del self._owed[unit]
            return answer

    async def _connected(self) -> Client:
        client = self._client
        if client is not None and client.connected:
            return client
        self.close()
        why = f"no answer within {self._connect_timeout_s:g} s"

        def tell(is_connected: bool) -> None:
            waiting = fresh.ctx.response_future
            if not is_connected and not waiting.done():
                waiting.set_exception(ConnectionError("the device closed the connection"))

        fresh = self._new_client(tell)
        create = fresh.ctx.call_create

        async def create_and_keep_reason() -> object:
            nonlocal why
            try:
                return await create()
            except OSError as error:
                why = os.strerror(error.errno) if error.errno else str(error)
                raise

        fresh.ctx.call_create = create_and_keep_reason
        self._client = fresh
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                is_connected = await fresh.connect()
        except TimeoutError:
            is_connected = False
        except (ValueError, OSError) as error:
            is_connected, why = False, str(error)
        except BaseException:
            self.close()
            raise
        if not is_connected:
            self.close()
            raise Unreachable(f"{self.address}: {why}")
        fresh.ctx.response_future.add_done_callback(_retrieve)
        if self._connect_delay_s:
            await asyncio.sleep(self._connect_delay_s)
        return fresh

    def _new_client(self, tell: Callable[[bool], None]) -> Client:
        timeout_s = self._connect_timeout_s
        client: Client
        if isinstance(self.address, TcpAddress):
            client = AsyncModbusTcpClient(
                self.address.host,
                port=self.address.port,
                retries=0,
                reconnect_delay=0,
                timeout=timeout_s,
                trace_connect=tell,
            )
            client.ctx.framer = StrictSocketFramer(ReplyDecoder())
        else:
            client = AsyncModbusSerialClient(
                self.address.port,
                baudrate=self.address.baudrate,
                parity=self.address.parity,
                stopbits=self.address.stopbits,
                retries=0,
                reconnect_delay=0,
                timeout=timeout_s,
                trace_connect=tell,
            )
            client.ctx.framer = StrictRtuFramer(ReplyDecoder())
        # Waits are limited here and not in pymodbus: it uses asyncio.wait_for, which before Python 3.12 loses a
        # cancellation that comes together with the answer, and the task would never end.
        client.ctx.comm_params.timeout_connect = None  # type: ignore[assignment]
        return client

    async def _ask(self, client: Client, block: Block, unit: int, timeout_s: float) -> tuple[int, ...]:
        if self._request_interval_s:
            await asyncio.sleep(self._free_at - time.monotonic())
        self.requests += 1
        request = _REQUESTS[block.table](address=block.start, count=block.count, dev_id=unit)
        try:
            async with asyncio.timeout(timeout_s):
                reply = await client.execute(False, request)
        except (TimeoutError, ModbusException):
            raise LinkDown(f"{self.address} unit {unit}: no answer within {timeout_s:g} s") from None
        except OSError as error:
            raise LinkDown(f"{self.address} unit {unit}: {error}") from None
        finally:
            if self._request_interval_s:
                self._free_at = time.monotonic() + self._request_interval_s
        function = request.function_code
        is_tcp = isinstance(self.address, TcpAddress)
        if reply.dev_id != unit or (is_tcp and reply.transaction_id != client.ctx.request_transaction_id):
            raise BadAnswer(f"{self.address} unit {unit}: an answer to another question")
        if reply.function_code == function | 0x80:
            self._refuse(reply.exception_code, block, unit)
        payload: bytes | None = getattr(reply, "payload", None)
        is_bits = block.table in _BIT_TABLES
        wanted = reply_bytes(block)
        if reply.function_code != function or payload is None or len(payload) != wanted:
            raise BadAnswer(f"{self.address} unit {unit}: function {reply.function_code}, not {wanted} bytes of data")
        return bits_of(payload, block.count) if is_bits else words_of(payload)

    def _refuse(self, code: int, block: Block, unit: int) -> None:
        if code in _GATEWAY:
            raise GatewaySilent(f"{self.address} unit {unit}: {explain(code)}")
        raise (IllegalAddress if code in _NO_SUCH_REGISTER else DeviceRefused)(code, block)

    async def _freshen(self, unit: int, asked: Block, error: LinkDown) -> None:
        """Make sure that what is still on its way is not taken for an answer."""
        if isinstance(error, GatewaySilent):
            return
        if isinstance(self.address, TcpAddress) or self._client is None or not self._client.connected:
            self.close()
            return
        self._owed.setdefault(unit, set()).add(reply_bytes(asked))
        await asyncio.sleep(LINE_QUIET_S)


def reply_bytes(block: Block) -> int:
    """Bytes of data in the answer to a question."""
    return (block.count + 7) // 8 if block.table in _BIT_TABLES else block.count * 2


def decoy(block: Block, owed: Collection[int]) -> Block:
    """A question whose answer is as long as none that may still come, nor as that to the question behind it."""
    per_byte = 8 if block.table in _BIT_TABLES else 1
    counts = (1 + n * per_byte for n in itertools.count())
    made = (Block(block.table, block.start, count) for count in counts)
    return next(each for each in made if reply_bytes(each) not in {*owed, reply_bytes(block)})


def _retrieve(waiting: asyncio.Future[object]) -> None:
    """Look at an exception that nobody waits for, so that asyncio does not report it as forgotten."""
    if not waiting.cancelled():
        waiting.exception()
