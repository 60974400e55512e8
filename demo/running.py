"""A run of the house from its first part to its end: what the demo, the drill and the benchmark share."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from demo.house import House, program
from demo.operator import Operator, by_command, decisions, nothing
from demo.processes import ChildError
from demo.proofs import unproven_of
from simulator import scenario as scenarios

ONLINE_WITHIN_S: Final = 120.0
PROVEN_WITHIN_S: Final = 60.0
Say = Callable[[str], None]


@dataclass
class Stop:
    """Set when somebody wants the demo to end."""

    event: asyncio.Event

    async def within(self, seconds: float) -> bool:
        """Wait; true when the end was asked for meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.event.wait()
        return self.event.is_set()


@contextlib.asynccontextmanager
async def stop_on_signal() -> AsyncIterator[Stop]:
    """Ctrl+C and SIGTERM ask for an end instead of ending."""
    stop = Stop(asyncio.Event())
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.event.set)
    try:
        yield stop
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)


async def unless_stopped(work: Coroutine[Any, Any, None], stop: Stop) -> None:
    """Do a part of the start.

    Raises:
        ChildError: the end was asked for meanwhile.
    """
    task, asked = asyncio.create_task(work), asyncio.create_task(stop.event.wait())
    await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise ChildError("ended while starting")
    await task


async def all_online(house: House, stop: Stop, say: Callable[[str], None], began: float) -> float | None:
    """Wait until the city sees every shelter; seconds since ``began``, None when it took too long."""
    deadline = time.monotonic() + ONLINE_WITHIN_S
    told = -1
    while time.monotonic() < deadline:
        house.check()
        online = await house.online()
        if online != told:
            say(f"{online} of {house.plan.sites} shelters online   {house.url}")
            told = online
        if online >= house.plan.sites:
            return time.monotonic() - began
        if await stop.within(1.0):
            return None
    say(f"only {told} of {house.plan.sites} shelters came online within {ONLINE_WITHIN_S:.0f} s; going on")
    return None


async def all_proven(house: House, stop: Stop, say: Callable[[str], None]) -> int:
    """Wait until the synthetic reports have reached the city; how many shelters may be switched then."""
    sites = [path.parent.name for path in house.site_files()]
    wanted = len(sites) - len(unproven_of(sites, house.plan.unproven))
    deadline = time.monotonic() + PROVEN_WITHIN_S
    while (found := await house.verified()) < wanted and time.monotonic() < deadline:
        house.check()
        if await stop.within(0.5):
            break
    say(f"{found} of {len(sites)} shelters have a (synthetic) report that proves them")
    return found


@contextlib.asynccontextmanager
async def staff(
    house: House, say: Callable[[str], None], *, before_end: Callable[[str], Awaitable[None]] = nothing
) -> AsyncIterator[Operator]:
    """Let the world run at its speed, with somebody who takes the scenario's decisions meanwhile."""
    operator = Operator(by_command(program("shelter-central"), house.central_folder), say, before_end=before_end)
    plot = scenarios.load(house.plan.scenario)
    house.let_go()
    work = asyncio.create_task(operator.run(decisions(plot, house.started_ms), house.world_ms))
    work.add_done_callback(lambda done: _tell_end(done, say))
    try:
        yield operator
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def _tell_end(done: asyncio.Task[None], say: Callable[[str], None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        say(f"the scenario's staff could not go on: {error}")
