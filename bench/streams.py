"""Many readers of the stream of changes: ``python -m bench.streams PORT COUNT TOKEN``, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys


class Streams:
    """What was read of all of them."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self.events = 0
        self.open = 0
        self.answered = asyncio.Semaphore(0)
        """Released by every stream that is open, or could not be opened."""

    async def read(self) -> None:
        """One stream until cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
        try:
            asked = f"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._token}\r\n\r\n"
            writer.write(asked.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head[:20]:
                raise ConnectionError(head[:100].decode("latin-1"))
            self.open += 1
            self.answered.release()
            while line := await reader.readline():
                self.events += line.startswith(b"data:")
        finally:
            self.answered.release()
            writer.close()


async def main(port: int, count: int, token: str) -> None:
    streams, stop = Streams(port, token), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tasks = [asyncio.create_task(streams.read()) for _ in range(count)]
    for _ in range(count):
        await streams.answered.acquire()
    print("open", streams.open, flush=True)
    await stop.wait()
    lost = sum(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(f"events {streams.events} lost {lost}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
