"""Whether a month is ready to be closed: which shelters lack half hours, or still hold readings back. Pure.

A shelter counts from the first half hour on that was ever counted of it; one that was never counted is not in operation
and stands in nobody's way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from central.core.accounting.counters import LETTERS, Mark
from central.core.accounting.days import WELL_KNOWN, SiteDay
from central.core.accounting.halfhours import HALF_HOUR_MS, SLOTS, bounds_of_month, days_of_month, start_of_day

MISSING_SHARE_MAX: Final = 0.01
"""A month may be closed while so much of a shelter's half hours is not known: seven hours of a month."""
TAIL_SLOTS: Final = 4
"""So many half hours without data at the month's end: the rest of the month has not come."""
_UNKNOWN: Final = LETTERS[Mark.UNKNOWN]
_NOTHING: Final = _UNKNOWN * SLOTS


class Hurdle(StrEnum):
    """What stands in the way. The first one that holds of a shelter is told."""

    WAITING = "waiting"
    """The shelter says itself that readings of the month wait there."""
    CUT_OFF = "cut_off"
    """Nothing came of the month's end."""
    MISSING = "missing"
    """More half hours than the limit are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One shelter that is not ready."""

    site: str
    hurdle: Hurdle
    missing: int
    """Half hours that are not known, or lie in a longer gap."""
    due: int
    """Half hours since it is in operation."""
    since_ms: int = 0
    """Of what waits the oldest, or when the last half hour ended that is known; 0: nothing to say."""


def obstacles(
    month: str,
    days: Iterable[SiteDay],
    *,
    sites: Sequence[str],
    first_days: Mapping[str, int],
    waiting_ms: Mapping[str, int],
) -> tuple[Obstacle, ...]:
    """Shelters that are not ready.

    Args:
        month: a month that is over.
        days: its days.
        sites: the shelters that would be closed.
        first_days: shelter → the first day that was ever counted.
        waiting_ms: shelter → time of the oldest reading that waits in its outbox.
    """
    numbers, end_ms = days_of_month(month), bounds_of_month(month)[1]
    letters: dict[str, dict[int, str]] = {}
    for one in days:
        letters.setdefault(one.site, {})[one.day] = one.worst()
    found = []
    for site in sites:
        first = first_days.get(site, numbers.stop)
        if first >= numbers.stop:
            continue
        own = letters.get(site, {})
        told = "".join(own.get(day, _NOTHING) for day in range(max(first, numbers.start), numbers.stop))
        if first >= numbers.start:
            told = told.lstrip(_UNKNOWN)
        missing = sum(letter not in WELL_KNOWN for letter in told)
        tail = len(told) - len(told.rstrip(_UNKNOWN))
        oldest_ms = waiting_ms.get(site, end_ms)
        if oldest_ms < end_ms:
            hurdle, since_ms = Hurdle.WAITING, oldest_ms
        elif tail >= TAIL_SLOTS:
            hurdle, since_ms = Hurdle.CUT_OFF, start_of_day(numbers.stop) - tail * HALF_HOUR_MS
        elif missing > MISSING_SHARE_MAX * len(told):
            hurdle, since_ms = Hurdle.MISSING, 0
        else:
            continue
        found.append(Obstacle(site=site, hurdle=hurdle, missing=missing, due=len(told), since_ms=since_ms))
    return tuple(found)
