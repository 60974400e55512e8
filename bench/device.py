"""The benchmark's Modbus device: a process with one server a client, whose 60 registers say when they were read."""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import time
from collections.abc import Sequence
from typing import Any

from bench.processes import wait_for_port

VALUES = 60
TENTHS = 10_000
"""Registers count tenths of a second and begin anew after so many."""
_LOG_MAX = 100_000
_context = multiprocessing.get_context("spawn")


def tenths_of(at_s: float) -> int:
    """What the registers hold at a moment."""
    return int(at_s * 10) % TENTHS


class Served:
    """Moments at which one client's requests were answered. Lives in shared memory, so it outlives the server."""

    def __init__(self) -> None:
        self._count = _context.RawValue(ctypes.c_long, 0)
        self._times = _context.RawArray(ctypes.c_double, _LOG_MAX)

    def add(self, at_s: float) -> None:
        """Note a request."""
        self._times[self._count.value % _LOG_MAX] = at_s
        self._count.value += 1

    @property
    def times(self) -> list[float]:
        """All of them so far, in seconds of UTC."""
        return list(self._times[: self._count.value])

    @property
    def last(self) -> float:
        """The newest one, 0 when there was none."""
        return float(self._times[self._count.value - 1]) if self._count.value else 0.0


class Device:
    """The device of one or more clients, each on a port of its own; it can be switched off and on."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = list(ports)
        self.served = [Served() for _ in ports]
        self._process: Any = None

    def on(self) -> float:
        """Switch it on. Returns the moment at which it listened."""
        self._process = _context.Process(target=_serve, args=(self.ports, self.served), daemon=True)
        self._process.start()
        for port in self.ports:
            wait_for_port(port)
        return time.time()

    def off(self) -> float:
        """Cut its power. Returns the moment."""
        if self._process is not None:
            self._process.kill()
            self._process.join(10)
            self._process = None
        return time.time()


def _serve(ports: Sequence[int], served: Sequence[Served]) -> None:
    asyncio.run(_serve_all(ports, served))


async def _serve_all(ports: Sequence[int], served: Sequence[Served]) -> None:
    await asyncio.gather(*(_server(port, log) for port, log in zip(ports, served, strict=True)))


async def _server(port: int, log: Served) -> None:
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    async def answer(*request: Any) -> None:
        registers: list[int] = request[4]  # After function code, block's start, address and count.
        now_s = time.time()
        registers[:] = [tenths_of(now_s)] * len(registers)
        log.add(now_s)

    data = SimData(0, count=VALUES, values=0, datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(1, simdata=[data], action=answer), address=("127.0.0.1", port))
    await server.serve_forever()
