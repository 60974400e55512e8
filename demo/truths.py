"""Whether a plant does what the city says of it: the simulator's truth against the city's word. Pure.

Written from the table of modes in docs/disaster.md, not from the agent's own judgement: it would share its mistakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from simulator.chronicle import Truth

IDLE_W: Final = 150.0
SAG_PCT: Final = 7.0
"""A full battery may sag so far below its target before it is filled again."""
FLOOR_PCT: Final = 13.5
"""Alone and below this a shelter opens all tiers and keeps the rest for starting again."""
STAYS_FALSE_S: Final = 45.0
"""A plant that stops obeying is told of within this: patience with jumping loads, a poll, the way to the city."""
STORING: Final = frozenset({"storm_watch", "backup"})


def obeys(mode: str, truth: Truth, *, target_pct: float = 100.0) -> bool:
    """Whether a plant does what a proven mode promises."""
    if mode == "isolated":
        return abs(truth.battery_w) < IDLE_W
    if mode not in STORING:
        return True  # Normal, recovery and maintenance promise nothing that could be looked at.
    if truth.islanded:
        return truth.carried[0] or truth.soc_pct <= FLOOR_PCT
    is_full = truth.soc_pct >= target_pct - SAG_PCT
    return truth.battery_w <= IDLE_W if is_full else truth.battery_w <= -IDLE_W


def falsely_proven(
    shelters: Iterable[Mapping[str, Any]], truths: Mapping[str, Truth], *, target_pct: float = 100.0
) -> frozenset[str]:
    """Shelters that the city says are in a mode, and whose plant is not.

    One look proves nothing: a plant that has just stopped obeying is told a little later. What stays false over several
    looks is false.
    """
    return frozenset(
        one["id"]
        for one in shelters
        if one["mode"] is not None
        and one["id"] in truths
        and not obeys(one["mode"], truths[one["id"]], target_pct=target_pct)
    )


@dataclass
class Watch:
    """Looks again and again at what the city says; what stays false for ``STAYS_FALSE_S`` is false."""

    since_s: dict[str, float] = field(default_factory=dict)
    false: set[str] = field(default_factory=set)
    """Shelters that were shown as proven for so long while their plant did something else."""

    def look(self, wrong: Iterable[str], now_s: float) -> None:
        """Take in one look: the shelters whose plants contradict the city now."""
        found = set(wrong)
        self.since_s = {site: self.since_s.get(site, now_s) for site in found}
        self.false |= {site for site, since_s in self.since_s.items() if now_s - since_s >= STAYS_FALSE_S}
