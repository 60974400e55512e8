"""What a commissioning tells while it works: words of a closed list with their facts, and by which clocks it waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Facts = Mapping[str, str | float]


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that is going on now. ``kind`` has words in words_walk.py; ``done`` of ``total`` where there is one."""

    kind: str
    facts: Facts = field(default_factory=dict)
    done: float = 0
    total: float = 0


Tell = Callable[[Progress], None]
Ask = Callable[[str, Facts], Awaitable[str]]
"""Asks the person something of a closed list (words_walk.py, ASKS); returns the answer, ``""`` for none."""


def silent(_: Progress) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long tests wait, and by which clocks. All in seconds."""

    watch_s: float = 20.0
    """How long a check watches."""
    hold_s: float = 20.0
    """How long a value that was written must stay."""
    period_s: float = 2.0
    """Between two looks."""
    effect_s: float = 45.0
    """How long the plant may take to follow an order."""
    block_s: float = 30.0
    """How long a battery must not give anything while its discharge is blocked."""
    breaker_s: float = 300.0
    """How long a person may take to go to the breaker."""
    secured_s: float = 60.0
    """How long the secured output may take to come up."""
    return_s: float = 420.0
    """How long an inverter may watch the grid before it joins it again."""
    steady_s: float = 6.0
    """How long grid and secured output must show the same before it is believed."""
    now: Callable[[], float] = time.time
    """UTC seconds."""
    elapsed: Callable[[], float] = time.monotonic
    """Seconds of the clock that nobody sets."""
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    given_s: float | None = None
    """UTC seconds by which a simulated cabinet that was given a time is judged; None: by ``now``."""

    def judging_clock(self) -> Callable[[], float]:
        """The clock by which the devices' values are judged; reports and the journal keep to ``now``."""
        if self.given_s is None:
            return self.now
        given_s, began_s, elapsed = self.given_s, self.elapsed(), self.elapsed
        return lambda: given_s + elapsed() - began_s
