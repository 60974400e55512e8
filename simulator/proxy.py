"""A site's way to the broker that can be cut or slowed: a small TCP relay in front of the real broker."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Final

from simulator.faults import Link

_CHUNK_BYTES: Final = 65_536
_CONNECT_LIMIT_S: Final = 5.0
_SENT_AGAIN_S: Final = 0.2
"""TCP sends a lost packet again after so long, and waits twice as long each time."""
_SENT_AGAIN_S_MAX: Final = 3.2


class LinkProxy:
    """Relays one address to the broker as the link's state allows."""

    def __init__(self, host: str, port: int, *, broker_host: str, broker_port: int, link: Link) -> None:
        self.host = host
        self.port = port
        self.link = link
        self._broker = (broker_host, broker_port)
        self._luck = random.Random(f"{host}:{port}")  # noqa: S311  # Bad luck that comes the same again.
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        await self.drop()

    async def drop(self) -> None:
        """End the open connections, as a cut link does."""
        open_now = list(self._connections)
        for task in open_now:
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            # A cancelled connection is a finished one: nobody waits for this task but ``drop``.
            with suppress(OSError, TimeoutError, asyncio.CancelledError):
                if not self.link.cut:
                    await self._relay(reader, writer)
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_CONNECT_LIMIT_S):
            broker_reader, broker_writer = await asyncio.open_connection(*self._broker)
        ways = [
            asyncio.create_task(self._pump(reader, broker_writer)),
            asyncio.create_task(self._pump(broker_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            broker_writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK_BYTES):
            if late_s := self.link.delay_s + self._late_s():
                await asyncio.sleep(late_s)
            sink.write(data)
            await sink.drain()

    def _late_s(self) -> float:
        """How much later a packet comes because it was lost, perhaps more than once."""
        late_s, again_s = 0.0, _SENT_AGAIN_S
        while again_s <= _SENT_AGAIN_S_MAX and self._luck.random() < self.link.loss:
            late_s, again_s = late_s + again_s, 2 * again_s
        return late_s
