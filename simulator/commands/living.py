"""Serving sites that live, from the first socket to a clean end; signals let something happen on the way."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from simulator.chronicle import Chronicle
from simulator.commands.common import SHUTDOWN_LIMIT_S, fail, say_ready, stopping
from simulator.files import EdgeSettings, Network
from simulator.planted import Planted
from simulator.run import Fleet, WorldClock, build_fleet, step_ms_for
from simulator.scenario import Scenario, ScenarioError
from simulator.site import SimulatedSite
from simulator.spec import SiteSpec

TRUTH_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """What is served and how."""

    specs: tuple[SiteSpec, ...]
    plot: Scenario
    seed: int
    speed: float
    network: Network
    start_ms: int
    settings: EdgeSettings | None = None
    planted: tuple[Planted, ...] = ()
    liars: Mapping[str, tuple[Planted, ...]] | None = None
    """Site → what is planted there alone."""
    truth_file: Path | None = None
    """Gets what is true of every shelter, twice a second."""
    waits: bool = False
    """Time runs as on the wall until SIGUSR1, then at ``speed``: nobody misses the beginning."""
    has_manners: bool = False
    shows_table: bool = False
    on_signals: Mapping[signal.Signals, Callable[[SimulatedSite], str]] | None = None
    """What the first site does at a signal; the text is told on stderr."""


def start_ms_of(plot: Scenario) -> int:
    """When a scenario begins: its own date, else now."""
    return plot.start_ms if plot.start_ms is not None else time.time_ns() // 1_000_000


async def serve(wanted: Living, ready: dict[str, Any]) -> None:
    """Serve until SIGTERM or Ctrl-C. Ends with a reason when an address is taken or a step names unknown sites."""
    loop = asyncio.get_running_loop()
    stop = stopping()
    clock = WorldClock(start_ms=wanted.start_ms, started_s=loop.time(), speed=1.0 if wanted.waits else wanted.speed)
    city = await _opened(wanted, clock)
    try:
        async with asyncio.TaskGroup() as tasks:
            living = [tasks.create_task(city.run())]
            if wanted.shows_table:
                from simulator.table import show_site

                living.append(tasks.create_task(show_site(city.sites[0], clock)))
            if wanted.truth_file is not None:
                living.append(tasks.create_task(_tell_truth(city, wanted.truth_file)))
            if wanted.waits:
                loop.add_signal_handler(signal.SIGUSR1, city.turn, wanted.speed)
            for number, act in (wanted.on_signals or {}).items():
                loop.add_signal_handler(number, _told, act, city.sites[0])
            say_ready({**ready, "start_ms": wanted.start_ms, "speed": wanted.speed, "network": wanted.network.prefix})
            await stop.wait()
            for task in living:
                task.cancel()
    finally:
        async with asyncio.timeout(SHUTDOWN_LIMIT_S):
            await city.close()


async def _tell_truth(city: Fleet, path: Path) -> None:
    chronicle = Chronicle()
    while True:
        chronicle.take(city.sites)
        chronicle.write(path)
        await asyncio.sleep(TRUTH_EVERY_S)


async def _opened(wanted: Living, clock: WorldClock) -> Fleet:
    progress = _Progress(len(wanted.specs))
    try:
        city = build_fleet(
            wanted.specs,
            wanted.plot,
            seed=wanted.seed,
            clock=clock,
            network=wanted.network,
            progress=progress.built,
            planted=wanted.planted,
            liars=wanted.liars,
            step_ms=step_ms_for(wanted.speed),
            has_manners=wanted.has_manners,
        )
        await city.open(wanted.settings, progress.opened)
    except ScenarioError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.strerror or error}; is another fleet running? Try --network 127.43", code=1)
    return city


def _told(act: Callable[[SimulatedSite], str], site: SimulatedSite) -> None:
    sys.stderr.write(f"shelter-sim: {act(site)}\n")
    sys.stderr.flush()


class _Progress:
    """Says on stderr how far the start is, once it has taken longer than two seconds."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._said_s = time.monotonic() + 1.0

    def built(self, count: int) -> None:
        self._say("sites made", count)

    def opened(self, count: int) -> None:
        self._say("sites answering", count)

    def _say(self, what: str, count: int) -> None:
        if time.monotonic() - self._said_s > 1.0:
            self._said_s = time.monotonic()
            sys.stderr.write(f"shelter-sim: {what}: {count} of {self._total}\n")
            sys.stderr.flush()
