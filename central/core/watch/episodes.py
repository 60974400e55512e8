"""How often something began within a day: faults, drops of the link. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

WITHIN_MS: Final = 86_400_000
KEPT_MAX: Final = 1_000
"""Beginnings of one shelter that are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episodes:
    """When it began at each shelter, and where it goes on."""

    begun: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    going_on: frozenset[str] = frozenset()

    def count(self, site: str) -> int:
        """Beginnings of the last day."""
        return len(self.begun.get(site, ()))


def followed(episodes: Episodes, now: Mapping[str, bool | None], now_ms: int) -> Episodes:
    """After one look. ``now``: shelter → whether it is so; ``None``: not known, so it stays as it was."""
    begun = {
        site: kept
        for site, times in episodes.begun.items()
        if (kept := tuple(at_ms for at_ms in times if 0 <= now_ms - at_ms < WITHIN_MS))
    }
    going_on = set(episodes.going_on)
    for site, is_so in now.items():
        if is_so and site not in going_on:
            begun[site] = (*begun.get(site, ()), now_ms)[-KEPT_MAX:]
            going_on.add(site)
        elif is_so is False:
            going_on.discard(site)
    return Episodes(begun=begun, going_on=frozenset(going_on))
