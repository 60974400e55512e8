"""Plays the staff of a scenario: opens, confirms and ends incidents by the city's own command line.

Two synthetic people do it, as the whole city wants two, at the world's time. Nothing reaches the city in another way
than it does in service.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from demo.processes import ChildError
from simulator.scenario import Declared, Scenario, StoodDown, moment_of

DECLARES: Final = "実演の担当 (synthetic)"
CONFIRMS: Final = "実演の責任者 (synthetic)"
LOOK_EVERY_S: Final = 0.2
ANSWER_S_MAX: Final = 60.0
_SOME_NOT_YET: Final = 3
"""Exit code of a command whose shelters have not all proven it yet."""
Ask = Callable[[list[str]], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Due:
    """A decision and the world's time at which staff take it."""

    at_ms: int
    step: Declared | StoodDown


def decisions(plot: Scenario, start_ms: int) -> list[Due]:
    """What staff do in a scenario, in order of time. Pure."""
    steps = [step for step in plot.steps if isinstance(step, Declared | StoodDown)]
    return sorted((Due(moment_of(step, start_ms), step) for step in steps), key=lambda due: due.at_ms)


def opening(step: Declared, *, is_drill: bool = False, by: str = DECLARES) -> list[str]:
    """Arguments of the command that opens an incident. Pure."""
    scope = ["--ward", step.where.ward] if step.where.ward else ["--city"]
    drill = ["--drill"] if is_drill else []
    target = ["--target", f"{step.target_pct:g}"]
    return ["open", "--mode", step.mode, *scope, *target, *drill, "--by", by, "--why", step.why]


async def nothing(_: str) -> None:
    """Nobody wants to know."""


@dataclass
class Operator:
    """Takes a scenario's decisions. ``ask`` runs ``shelter-central incident`` and returns what it said."""

    ask: Ask
    say: Callable[[str], None] = lambda _: None
    incidents: dict[str, str] = field(default_factory=dict)
    """Name in the scenario → id in the city."""
    before_end: Callable[[str], Awaitable[None]] = nothing
    """Called with an incident's id before it is stood down."""
    is_done: bool = False
    """All decisions were taken."""

    async def run(self, due: Iterable[Due], world_ms: Callable[[], int | None]) -> None:
        """Take them when their time has come; ends with the last one.

        Raises:
            ChildError: the city refused a decision; says why.
        """
        for one in due:
            while (now_ms := world_ms()) is None or now_ms < one.at_ms:  # noqa: ASYNC110  # Another process's time.
                await asyncio.sleep(LOOK_EVERY_S)
            await self.take(one.step)
        self.is_done = True

    async def take(self, step: Declared | StoodDown) -> str:
        """One decision; the incident's id."""
        if isinstance(step, StoodDown):
            incident = self.incidents[step.name]
            await self.before_end(incident)
            await self.ask(["stand-down", incident, "--by", DECLARES, "--why", step.why, "--wait", "0"])
            self.say(f"{incident} is stood down: {step.why}")
            return incident
        incident = str((await self.ask(opening(step)))["id"])
        self.incidents[step.name] = incident
        await self.ask(["confirm", incident, "--by", CONFIRMS, "--why", step.why, "--yes", "--wait", "0"])
        self.say(f"{incident}: {step.mode} is ordered: {step.why}")
        return incident


def by_command(program: str, data: Path) -> Ask:
    """Asks the city by its command line."""

    async def ask(arguments: list[str]) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *(program, "incident", *arguments, "--data", str(data), "--json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                said, wrong = await process.communicate()
        except BaseException as error:
            if process.returncode is None:
                process.kill()
                await process.wait()
            if isinstance(error, TimeoutError):
                raise ChildError(f"incident {arguments[0]}: no answer within {ANSWER_S_MAX:.0f} s") from None
            raise
        if process.returncode not in {0, _SOME_NOT_YET}:
            raise ChildError(f"incident {arguments[0]} was refused: {wrong.decode(errors='replace').strip()}")
        return dict(json.loads(said))

    return ask
