"""Stretches of time from what changed: without the grid, open as a shelter. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from central.core.accounting.halfhours import day_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From this moment on it is so, or it is not any more."""

    site: str
    at_ms: int
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of time of one shelter; ``to_ms`` is not in it."""

    site: str
    from_ms: int
    to_ms: int
    goes_on: bool = False
    """It had not ended when the period did."""
    is_drill: bool = False
    """It lies in a drill that really switches."""

    @property
    def ms(self) -> int:
        """Its length."""
        return self.to_ms - self.from_ms


def stretches(changes: Iterable[Change], *, from_ms: int, to_ms: int) -> dict[str, list[Stretch]]:
    """Shelter → its stretches inside a period, in order. What is said twice counts once."""
    since: dict[str, int] = {}
    found: dict[str, list[Stretch]] = {}

    def end(site: str, at_ms: int, *, goes_on: bool) -> None:
        first, last = max(since.pop(site), from_ms), min(at_ms, to_ms)
        if first < last:
            found.setdefault(site, []).append(Stretch(site=site, from_ms=first, to_ms=last, goes_on=goes_on))

    for change in sorted(changes, key=lambda one: one.at_ms):
        if change.at_ms >= to_ms:
            break
        if change.holds:
            since.setdefault(change.site, change.at_ms)
        elif change.site in since:
            end(change.site, change.at_ms, goes_on=False)
    for site in list(since):
        end(site, to_ms, goes_on=True)
    return found


def days_touched(found: Sequence[Stretch]) -> int:
    """Tokyo days that have a share in the stretches, each counted once."""
    return len({day for one in found for day in range(day_of(one.from_ms), day_of(one.to_ms - 1) + 1)})
