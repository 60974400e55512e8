"""How whole a shelter's data is, day by day in Tokyo, from the data promise. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from central.core.city import Fate, Stretch
from central.core.promise import BEFORE_FIRST, FUTURE
from central.core.today import DAY_MS, midnight_ms

DAYS: Final = 7
"""Today and the six days before."""


@dataclass(frozen=True, slots=True)
class DayShare:
    """What of a day's data is here. ``due_ms``: time since the shelter's first data, up to now."""

    arrived_ms: int = 0
    waiting_ms: int = 0
    """Kept at the shelter, or not known because it is cut off: it may still come."""
    due_ms: int = 0

    def __add__(self, other: DayShare) -> DayShare:
        """Both together."""
        return DayShare(
            self.arrived_ms + other.arrived_ms, self.waiting_ms + other.waiting_ms, self.due_ms + other.due_ms
        )

    @property
    def share(self) -> float | None:
        """Part that is here, 0 to 1; ``None``: nothing was due."""
        return self.arrived_ms / self.due_ms if self.due_ms else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """All shelters' days. ``days``: their midnights, the oldest first."""

    at_ms: int
    days: tuple[int, ...]
    by_site: Mapping[str, tuple[DayShare, ...]]

    def all(self, sites: Iterable[str]) -> tuple[DayShare, ...]:
        """The days of several shelters together."""
        total = [DayShare()] * len(self.days)
        for site in sites:
            for n, share in enumerate(self.by_site.get(site, ())):
                total[n] += share
        return tuple(total)


def last_days(now_ms: int) -> tuple[int, ...]:
    """The midnights of the last days, today's last."""
    today = midnight_ms(now_ms)
    return tuple(today - n * DAY_MS for n in reversed(range(DAYS)))


def by_day(stretches: Sequence[Stretch], days: Sequence[int]) -> tuple[DayShare, ...]:
    """Cut stretches by days. What was before the first data was not due, and what is to come is not due yet."""
    found = [DayShare()] * len(days)
    for stretch in stretches:
        if stretch.reason in {BEFORE_FIRST, FUTURE}:
            continue
        for n, day_ms in enumerate(days):
            length_ms = min(stretch.to_ms, day_ms + DAY_MS) - max(stretch.from_ms, day_ms)
            if length_ms > 0:
                found[n] += DayShare(
                    arrived_ms=length_ms if stretch.fate is Fate.ARRIVED else 0,
                    waiting_ms=length_ms if stretch.fate in {Fate.WAITING, Fate.UNKNOWN} else 0,
                    due_ms=length_ms,
                )
    return tuple(found)
