"""Wiring of a scan: profiles, lines at the strictest pace, progress on the terminal, Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from device_profiles.load import Profile, load, profile_ids
from edge_agent.commissioning.identify import ReadingLine
from edge_agent.commissioning.networks import Plan
from edge_agent.commissioning.ports import BAUDRATES, Pacing, Questions, estimate, strictest
from edge_agent.commissioning.scan import Found, MakeLine, Pace, Scanner
from edge_agent.commissioning.show_scan import Outcome
from edge_agent.commissioning.words_scan import SCAN, duration
from edge_agent.io.bus import LineAddress, RtuAddress, RtuOverTcpAddress, TcpAddress
from edge_agent.io.modbus import ModbusLine
from edge_agent.plant import RTU_SILENCE_S_MIN

CONNECT_TIMEOUT_S: Final = 1.0
_STEPS: Final = 10
"""How often progress is told where there is no terminal."""

Tell = Callable[[Found, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """What to look at and how."""

    plan: Plan
    asked: Questions
    settings: tuple[tuple[int, str], ...]
    rate: float
    timeout_s: float
    is_identifying: bool = True
    is_rtu_over_tcp: bool = False
    """The hosts are converters that pass the bytes of a serial line on as they are."""


def library() -> tuple[Profile, ...]:
    """Every profile that ships."""
    return tuple(load(profile_id) for profile_id in profile_ids())


def lines_at(pacing: Pacing) -> MakeLine:
    """Lines as slow as the most delicate of all families needs them."""

    def make(address: LineAddress) -> ReadingLine:
        interval_s = pacing.request_interval_s
        if not isinstance(address, TcpAddress):
            baudrate = address.baudrate if isinstance(address, RtuAddress) else BAUDRATES[0]
            interval_s = max(interval_s, 3.5 * 11 / baudrate, RTU_SILENCE_S_MIN)
        return ModbusLine(
            address,
            connect_delay_s=pacing.connect_delay_s,
            request_interval_s=interval_s,
            connect_timeout_s=CONNECT_TIMEOUT_S,
        )

    return make


def announcement(looking: Looking, pacing: Pacing, lang: str) -> str:
    """What will be done and how long it takes, before it begins."""
    words, plan = SCAN[lang], looking.plan
    takes = estimate(
        plan.connections,
        len(plan.serial) * len(looking.settings),
        looking.asked,
        pacing,
        rate=looking.rate,
        timeout_s=looking.timeout_s,
    )
    lines = []
    if plan.hosts:
        names = [host for host, _ in plan.hosts]
        place = names[0] if len(names) == 1 else words["places_hosts"].format(count=len(names))
        lines.append(
            words["before"].format(
                places=place, connections=plan.connections, rate=looking.rate, sweep=duration(takes.sweep_s, lang)
            )
        )
        lines.append(words["before_port"].format(port=duration(takes.port_s, lang)))
    if plan.serial:
        lines.append(words["before_serial"].format(serial=duration(takes.serial_s, lang)))
    return "\n".join([*lines, words["read_only"], words["warning"]]) + "\n"


def look(looking: Looking, profiles: Sequence[Profile], lang: str, make_line: MakeLine | None = None) -> Outcome:
    """Scan until the end or Ctrl-C."""
    started = time.monotonic()
    pace = Pace(looking.rate)
    stopped = False
    with _progress(lang) as tell:
        scanner = Scanner(
            profiles,
            looking.asked,
            make_line or lines_at(strictest(profiles)),
            pace=pace,
            timeout_s=looking.timeout_s,
            is_identifying=looking.is_identifying,
            network_address=RtuOverTcpAddress if looking.is_rtu_over_tcp else TcpAddress,
            tell=tell,
        )
        try:
            asyncio.run(_all(scanner, looking))
        except KeyboardInterrupt:
            stopped = True
    return Outcome(scanner.found, looking.asked, pace.turns, time.monotonic() - started, stopped)


async def _all(scanner: Scanner, looking: Looking) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scanner.network(looking.plan.hosts))
        for port in looking.plan.serial:
            tasks.create_task(scanner.serial(port, looking.settings))


@contextmanager
def _progress(lang: str) -> Iterator[Tell]:
    """A bar on a terminal, else a line now and then; both on stderr."""
    if not sys.stderr.isatty():
        yield _lines(lang)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def tell(found: Found, place: str) -> None:
            bar.update(task, completed=found.done, total=found.total, description=place)

        yield tell


def _lines(lang: str) -> Tell:
    told: set[object] = set()

    def tell(found: Found, place: str) -> None:
        # A new device is told at once, the rest in tenths of the way.
        key: object = (found.units, found.done * _STEPS // max(found.total, 1))
        if key not in told and found.done:
            told.add(key)
            said = SCAN[lang]["progress"].format(done=found.done, total=found.total, units=found.units, place=place)
            sys.stderr.write(said + "\n")
            sys.stderr.flush()

    return tell
