"""One Modbus line by pymodbus: TCP, RTU, or RTU bytes through a TCP converter.

An answer counts only when its transaction number, unit, function and content are those of the question. After a timeout
a TCP socket is closed, so that a late answer can't be taken for the next one. RTU has no transaction number, and a late
answer may still come along a serial line, or through a converter even into a fresh socket; there the next question to
the same unit is one whose answer is thrown away, and which no late answer fits by its length.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from device_profiles.model import Block
from edge_agent.io.bus import (
    BadAnswer,
    DeviceRefused,
    GatewaySilent,
    IllegalAddress,
    LineAddress,
    LinkDown,
    RtuAddress,
    TcpAddress,
    Unreachable,
    explain,
)
from edge_agent.io.questions import (
    BASIC,
    REGULAR,
    Question,
    answer_fits,
    decoy,
    identifying,
    identity_of,
    reading,
    reply_bytes,
    values_of,
    writing,
)
from edge_agent.io.strict import PlainRequest, ReplyDecoder, StrictRtuFramer, StrictSocketFramer

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # What it would say is in our errors; text costs time.

_NO_SUCH_REGISTER: Final = frozenset({1, 2, 3})
"""Devices use illegal function, address and value alike for a block that touches something they do not have."""
_GATEWAY: Final = frozenset({10, 11})
CONNECT_TIMEOUT_S: Final = 2.0
LINE_QUIET_S: Final = 0.05
"""How long a serial line is left alone after a timeout, for what is still on its way."""
IDENTITY_PARTS_MAX: Final = 16
"""So many answers a device may take to say who it is."""


Client = AsyncModbusTcpClient | AsyncModbusSerialClient


class ModbusLine:
    """A line by pymodbus: one request at a time, paced as the slowest of its devices needs it."""

    def __init__(
        self,
        address: LineAddress,
        *,
        connect_delay_s: float = 0.0,
        request_interval_s: float = 0.0,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        clients_max: int = 0,
    ) -> None:
        self.address = address
        self.requests = 0
        self._connect_delay_s = connect_delay_s
        self._request_interval_s = request_interval_s
        self._connect_timeout_s = connect_timeout_s
        self._clients_max = clients_max
        self._client: Client | None = None
        self._lock = asyncio.Lock()
        self._free_at = 0.0
        self._is_numbered = isinstance(address, TcpAddress)
        self._owed: dict[int, set[int]] = {}
        """Units on an RTU line that may still answer an old question, and how many bytes such an answer can have."""

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
        return values_of(block, await self._put(reading(block), unit, timeout_s))

    async def write(
        self, block: Block, words: Sequence[int], unit: int, *, timeout_s: float, multiple: bool = False
    ) -> None:
        """Write a block; returns when the device has confirmed exactly that. Raises BusError, as the port says."""
        await self._put(writing(block, words, multiple=multiple), unit, timeout_s)

    async def identify(self, unit: int, *, timeout_s: float) -> dict[int, str]:
        """Texts of a device by object number (function 43/14); none when it refuses. Raises LinkDown."""
        texts: dict[int, str] = {}
        try:
            if await self._identity(BASIC, unit, timeout_s, texts) >= REGULAR:
                await self._identity(REGULAR, unit, timeout_s, texts)
        except DeviceRefused:
            pass
        except LinkDown:
            if not texts:
                raise
        return texts

    async def _identity(self, level: int, unit: int, timeout_s: float, texts: dict[int, str]) -> int:
        """Add the texts of one level; which level the device conforms to."""
        first, conformity = 0, 0
        for _ in range(IDENTITY_PARTS_MAX):
            payload = await self._put(identifying(level, first), unit, timeout_s)
            try:
                part = identity_of(payload)
            except ValueError as error:
                raise BadAnswer(f"{self.address} unit {unit}: device identification {error}") from None
            texts |= part.texts
            conformity = part.conformity
            if part.next_object is None or part.next_object <= first:
                break
            first = part.next_object
        return conformity

    async def _put(self, question: Question, unit: int, timeout_s: float) -> bytes:
        """Ask, behind a decoy where an old answer may still come; the content of the answer."""
        async with self._lock:
            client = await self._connected()
            owed = self._owed.get(unit)
            asked = question
            try:
                if owed is not None:
                    asked = reading(decoy(question.block, owed))
                    with suppress(DeviceRefused):  # A refusal is an answer too, and shorter than any other.
                        await self._ask(client, asked, unit, timeout_s)
                    asked = question
                answer = await self._ask(client, question, unit, timeout_s)
            except LinkDown as error:
                await self._freshen(unit, asked, error)
                raise
            except asyncio.CancelledError:
                self._owe(unit, asked)  # The answer is still to come, and nobody will wait for it.
                self.close()
                raise
            if owed is not None:
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
                waiting.set_exception(ConnectionError(f"the device closed the connection{self._one_client()}"))

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
            raise Unreachable(f"{self.address}: {why}{self._one_client()}")
        fresh.ctx.response_future.add_done_callback(_retrieve)
        if self._connect_delay_s:
            await asyncio.sleep(self._connect_delay_s)
        return fresh

    def _one_client(self) -> str:
        """What is worth knowing of a device that takes few clients, when it does not take us."""
        if not self._clients_max:
            return ""
        clients = "1 client" if self._clients_max == 1 else f"{self._clients_max} clients"
        return f" (it takes {clients} at a time: is another program connected?)"

    def _new_client(self, tell: Callable[[bool], None]) -> Client:
        timeout_s = self._connect_timeout_s
        client: Client
        if isinstance(self.address, RtuAddress):
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
        else:
            client = AsyncModbusTcpClient(
                self.address.host,
                port=self.address.port,
                retries=0,
                reconnect_delay=0,
                timeout=timeout_s,
                trace_connect=tell,
            )
        framer = StrictSocketFramer if self._is_numbered else StrictRtuFramer
        client.ctx.framer = framer(ReplyDecoder())
        # Waits are limited here and not in pymodbus: it uses asyncio.wait_for, which before Python 3.12 loses a
        # cancellation that comes together with the answer, and the task would never end.
        client.ctx.comm_params.timeout_connect = None  # type: ignore[assignment]
        return client

    async def _ask(self, client: Client, question: Question, unit: int, timeout_s: float) -> bytes:
        if self._request_interval_s:
            await asyncio.sleep(self._free_at - time.monotonic())
        self.requests += 1
        framer = client.ctx.framer
        assert isinstance(framer, StrictSocketFramer | StrictRtuFramer)
        framer.heard_bytes = 0
        try:
            async with asyncio.timeout(timeout_s):
                reply = await client.execute(False, PlainRequest(question.function, question.body, unit))
        except (TimeoutError, ModbusException):
            heard = framer.heard_bytes
            other = f"; {heard} bytes came that answer something else, or are no Modbus" if heard else ""
            raise LinkDown(f"{self.address} unit {unit}: no answer within {timeout_s:g} s{other}") from None
        except OSError as error:
            raise LinkDown(f"{self.address} unit {unit}: {error}") from None
        finally:
            if self._request_interval_s:
                self._free_at = time.monotonic() + self._request_interval_s
        if reply.dev_id != unit or (self._is_numbered and reply.transaction_id != client.ctx.request_transaction_id):
            raise BadAnswer(f"{self.address} unit {unit}: an answer to another question")
        if reply.function_code == question.function | 0x80:
            self._refuse(reply.exception_code, question, unit)
        payload: bytes | None = getattr(reply, "payload", None)
        if reply.function_code != question.function or payload is None or not answer_fits(question, payload):
            raise BadAnswer(
                f"{self.address} unit {unit}: function {reply.function_code} answers function {question.function} "
                "with other content than was asked for"
            )
        return payload

    def _refuse(self, code: int, question: Question, unit: int) -> None:
        if code in _GATEWAY:
            raise GatewaySilent(f"{self.address} unit {unit}: {explain(code)}")
        if question.is_write:
            raise DeviceRefused(code, question.block, is_write=True)
        raise (IllegalAddress if code in _NO_SUCH_REGISTER else DeviceRefused)(code, question.block)

    async def _freshen(self, unit: int, asked: Question, error: LinkDown) -> None:
        """Make sure that what is still on its way is not taken for an answer."""
        if isinstance(error, GatewaySilent):
            return
        self._owe(unit, asked)
        if not isinstance(self.address, RtuAddress) or self._client is None or not self._client.connected:
            self.close()
            return
        await asyncio.sleep(LINE_QUIET_S)

    def _owe(self, unit: int, asked: Question) -> None:
        if self._is_numbered:
            return
        owed = self._owed.setdefault(unit, set())
        if not asked.is_write and asked.block.count:  # No other answer fits a decoy, whatever its length.
            owed.add(reply_bytes(asked.block))


def _retrieve(waiting: asyncio.Future[object]) -> None:
    """Look at an exception that nobody waits for, so that asyncio does not report it as forgotten."""
    if not waiting.cancelled():
        waiting.exception()
