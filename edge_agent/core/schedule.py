"""Ticks at whole multiples of the interval: no drift, and a late tick is skipped, never doubled.

Times are milliseconds of whatever clock the caller uses. Each site has its own phase, derived from its id, so that 182
sites do not poll (and publish) in the same instant.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """One moment of the schedule. ``skipped`` ticks before it passed while nobody had time."""

    number: int
    at_ms: int
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Tick ``n`` is at ``n * interval_ms + phase_ms``."""

    interval_ms: int
    phase_ms: int = 0
    slow_every: int = 1
    """Every how many ticks the slow points are read along."""

    def __post_init__(self) -> None:
        if self.interval_ms < 1 or self.slow_every < 1:
            raise ValueError(f"want interval_ms and slow_every >= 1, got {self.interval_ms}, {self.slow_every}")

    def at_ms(self, number: int) -> int:
        """When a tick is."""
        return number * self.interval_ms + self.phase_ms

    def number_at(self, now_ms: int) -> int:
        """Number of the newest tick that is not in the future."""
        return (now_ms - self.phase_ms) // self.interval_ms

    def next_after(self, last: int | None, now_ms: int) -> Tick:
        """The tick to run after ``last``: the one whose time has come, or the next one.

        Behind by less than an interval, the due tick still runs, late. Behind by more, only the newest due tick runs
        and the ones before it count as skipped. Without ``last`` it is the first one from now on.
        """
        if last is None:
            number = self.number_at(now_ms - 1) + 1
            return Tick(number, self.at_ms(number))
        number = max(last + 1, self.number_at(now_ms))
        return Tick(number, self.at_ms(number), skipped=number - last - 1)

    def is_slow(self, number: int) -> bool:
        """Whether the slow points are read along in this tick."""
        return number % self.slow_every == 0


def phase_ms(site: str, interval_ms: int) -> int:
    """A site's own place inside the interval."""
    digest = hashlib.blake2b(site.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % interval_ms
