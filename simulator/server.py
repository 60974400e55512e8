"""Doors that Modbus clients come in by: a TCP port (Modbus TCP, or RTU frames over TCP) and a serial line.

Behind a door stand one or more units; each is asked when a request comes, so that an image is drawn only when somebody
looks.
"""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, cast

from simulator.conversation import Conversation, Framing
from simulator.manners import Manners
from simulator.unit import Unit

_CLOSE_LIMIT_S: Final = 1.0
_CHUNK_BYTES: Final = 4_096


class DevicePort:
    """A listening TCP port that can be shut and opened again."""

    def __init__(
        self,
        host: str,
        port: int,
        units: Mapping[int, Unit],
        manners: Manners | None = None,
        framing: Framing = Framing.TCP,
    ) -> None:
        self.host = host
        self.port = port
        self.units = dict(units)
        self.manners = manners or Manners()
        self.framing = framing
        self.clients: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    @property
    def is_open(self) -> bool:
        """Whether it takes connections."""
        return self._server is not None

    async def open(self) -> None:
        """Listen; with port 0 the system chooses one, which ``port`` then says.

        Raises:
            OSError: the address is taken or cannot be used.
        """
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(lambda: _TcpClient(self), self.host, self.port)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OSError(error.errno, f"cannot listen on {self.host}:{self.port}: {reason}") from error
        self.port = server.sockets[0].getsockname()[1]
        self._server = server

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for client in list(self.clients):
            client.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_LIMIT_S):
                await server.wait_closed()


class _TcpClient(asyncio.Protocol):
    """One connection."""

    def __init__(self, door: DevicePort) -> None:
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._talk: Conversation | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        door = self._door
        client = cast("asyncio.Transport", transport)
        if door.manners.clients_max and len(door.clients) >= door.manners.clients_max:
            client.abort()
            return
        self._transport = client
        door.clients.add(client)
        self._talk = Conversation(door.units, door.manners, door.framing, client.write, client.abort)

    def data_received(self, data: bytes) -> None:
        if self._talk is not None:
            self._talk.received(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature.
        if self._talk is not None:
            self._talk.end()
        if self._transport is not None:
            self._door.clients.discard(self._transport)


class SerialPort:
    """A serial line of its own: a pseudo-terminal whose ``path`` a client opens like a serial port, at any speed."""

    def __init__(self, units: Mapping[int, Unit], manners: Manners | None = None) -> None:
        self.path = ""
        self._units = dict(units)
        self._manners = manners or Manners()
        self._ours = self._theirs = -1
        self._talk: Conversation | None = None

    async def open(self) -> None:
        """Make the line. Raises OSError when the system has no pseudo-terminal left."""
        # Our own hold on the other end keeps the line alive while no client has it open.
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.path = os.ttyname(self._theirs)
        self._talk = Conversation(self._units, self._manners, Framing.RTU, self._write, self._drain)
        asyncio.get_running_loop().add_reader(self._ours, self._readable)

    async def close(self) -> None:
        """End the line."""
        if self._talk is None:
            return
        asyncio.get_running_loop().remove_reader(self._ours)
        self._talk.end()
        self._talk = None
        for end in (self._ours, self._theirs):
            os.close(end)

    def _readable(self) -> None:
        with suppress(BlockingIOError):
            data = os.read(self._ours, _CHUNK_BYTES)
            if self._talk is not None:
                self._talk.received(data)

    def _write(self, data: bytes) -> None:
        # Nobody reads: the line's buffer is full, and what is sent is lost as on a real one.
        with suppress(BlockingIOError):
            os.write(self._ours, data)

    def _drain(self) -> None:
        """There is no hanging up on a serial line; what came so far is forgotten."""
