"""A receiver of webhooks: a real HTTP server on loopback that does what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HOST = "127.0.0.1"


@dataclass
class Receiver:
    """Keeps what came; ``answers`` are given in turn, the last one from then on. ``None``: no answer at all."""

    answers: list[bytes | None] = field(default_factory=lambda: [b"HTTP/1.1 204 No Content\r\n\r\n"])
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")[1:]
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.got.append((headers, body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is None:
                await self.ended.wait()
            else:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiver(*answers: bytes | None) -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    made = Receiver()
    if answers:
        made.answers = list(answers)
    server = await asyncio.start_server(made._serve, HOST, 0)
    made.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield made
    finally:
        made.ended.set()
        server.close()
        await server.wait_closed()


def says(status: str, more: str = "") -> bytes:
    """An answer without a body."""
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n{more}\r\n".encode()
