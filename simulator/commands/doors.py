"""Doors of single devices: opened, told in the ready line, and closed again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.commands.common import SHUTDOWN_LIMIT_S, fail, say_ready, stopping
from simulator.conversation import Framing
from simulator.manners import Manners
from simulator.server import DevicePort, SerialPort
from simulator.unit import Unit


async def tcp_door(
    host: str, port: int, units: Mapping[int, Unit], manners: Manners | None, *, rtu_over_tcp: bool
) -> DevicePort:
    """An open TCP port; ends with a reason when it cannot be had."""
    door = DevicePort(host, port, units, manners, Framing.RTU if rtu_over_tcp else Framing.TCP)
    try:
        await door.open()
    except OSError as error:
        fail(f"{error.strerror or error}; try another --port, or --port 0 for any that is free", code=1)
    return door


async def until_stopped(doors: Sequence[DevicePort | SerialPort], facts: dict[str, Any]) -> None:
    """Say ready and serve until SIGTERM or Ctrl-C."""
    stop = stopping()
    try:
        say_ready(facts)
        await stop.wait()
    finally:
        async with asyncio.timeout(SHUTDOWN_LIMIT_S):
            for door in doors:
                await door.close()
