"""Many readers of pages in one process: ``python -m bench.readers JSON``. Each has its own pace.

A reader asks at fixed times; an answer that comes late does not put off the next question, and the wait for it counts
from the time at which it should have been asked.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field

ANSWER_S = 10.0


@dataclass
class Seen:
    """What all readers saw."""

    waits_s: list[float] = field(default_factory=list)
    failed: int = 0
    faults: set[str] = field(default_factory=set)


async def read_answer(reader: asyncio.StreamReader) -> int:
    """Status of one answer, read to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))[15:])
    await reader.readexactly(length)
    return int(head[9:12])


async def citizen(
    port: int, paths: list[str], seen: Seen, *, first_s: float, pause_s: float, from_s: float, to_s: float
) -> None:
    """One reader. Only what is asked from ``from_s`` on counts."""
    loop = asyncio.get_running_loop()
    due_s = first_s
    while due_s < to_s:
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        fault = await ask(port, random.choice(paths))
        if due_s >= from_s:
            seen.waits_s.append(loop.time() - due_s)
        if fault:
            seen.failed += 1
            seen.faults.add(fault)
        due_s += pause_s


async def ask(port: int, path: str) -> str:
    """Read one page over a connection of its own, as somebody does who comes once; what went wrong, or nothing."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request.encode())
                status = await read_answer(reader)
            finally:
                writer.close()
    except (OSError, TimeoutError, EOFError, StopIteration) as error:
        return repr(error)
    return "" if status == 200 else f"status {status}"


async def run(told: dict[str, object]) -> None:
    clients, pause_s, seconds = int(str(told["clients"])), float(str(told["pause_s"])), float(str(told["seconds"]))
    paths = [str(path) for path in told["paths"]] if isinstance(told["paths"], list) else []
    seen, loop = Seen(), asyncio.get_running_loop()
    from_s = loop.time() + pause_s
    async with asyncio.TaskGroup() as tasks:
        for n in range(clients):
            tasks.create_task(
                citizen(
                    int(str(told["port"])),
                    paths,
                    seen,
                    first_s=from_s - pause_s + pause_s * n / clients,
                    pause_s=pause_s,
                    from_s=from_s,
                    to_s=from_s + seconds,
                )
            )
    waits_ms = sorted(1_000 * wait for wait in seen.waits_s)
    told_back = {
        "answers": len(waits_ms),
        "failed": seen.failed,
        "faults": sorted(seen.faults)[:5],
        "p50_ms": round(waits_ms[len(waits_ms) // 2], 1),
        "p99_ms": round(waits_ms[min(len(waits_ms) - 1, int(len(waits_ms) * 0.99))], 1),
        "max_ms": round(waits_ms[-1], 1),
        "per_s": round(len(waits_ms) / seconds, 1),
        "at": time.strftime("%H:%M:%S"),
    }
    print(json.dumps(told_back), flush=True)


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
