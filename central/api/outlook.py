"""The city's data promise in one line: what became of the last 24 hours of all shelters, computed in the background."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from central.api.asked import DAY_MS
from central.core.city import Fate, Queries, Stretch
from central.core.promise import BEFORE_FIRST

log = structlog.get_logger(__name__)
EVERY_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """Time by fate, summed over shelters. ``lost_by`` splits what is lost by reason."""

    from_ms: int
    to_ms: int
    sites: int
    ms_by_fate: Mapping[Fate, int]
    lost_by: Mapping[str, int] = field(default_factory=dict)

    def share(self, fate: Fate) -> float:
        """Part of all time, 0 to 1."""
        total = sum(self.ms_by_fate.values())
        return self.ms_by_fate.get(fate, 0) / total if total else 0.0


def add_up(promises: Iterable[Iterable[Stretch]], *, from_ms: int, to_ms: int) -> Outlook:
    """Sum the stretches of many shelters. What was before a shelter's first reading counts for nothing."""
    by_fate: Counter[Fate] = Counter()
    lost_by: Counter[str] = Counter()
    sites = 0
    for stretches in promises:
        sites += 1
        for stretch in stretches:
            if stretch.reason == BEFORE_FIRST:
                continue
            length_ms = stretch.to_ms - stretch.from_ms
            by_fate[stretch.fate] += length_ms
            if stretch.fate is Fate.LOST:
                lost_by[stretch.reason] += length_ms
    return Outlook(from_ms, to_ms, sites, dict(by_fate), dict(lost_by))


class OutlookKeeper:
    """Keeps the newest outlook; ``latest`` is ``None`` until the first one is there."""

    def __init__(self, queries: Queries, clock: Callable[[], int]) -> None:
        self._queries = queries
        self._clock = clock
        self.latest: Outlook | None = None

    async def refresh(self) -> Outlook:
        """Ask for the promise of every shelter, one after the other so that other questions get their turn."""
        to_ms = self._clock()
        from_ms = to_ms - DAY_MS
        found = []
        for shelter in self._queries.now().sites:
            found.append(await self._queries.promise(shelter.site.id, from_ms=from_ms, to_ms=to_ms))
            await asyncio.sleep(0)
        self.latest = add_up(found, from_ms=from_ms, to_ms=to_ms)
        return self.latest

    async def run(self) -> None:
        """Refresh for ever; a failure is logged and the last outlook stays, with its own time beside it."""
        while True:
            try:
                await self.refresh()
            except Exception as error:  # noqa: BLE001 - a summary must never end the service
                log.warning("outlook_failed", error=repr(error))
            await asyncio.sleep(EVERY_S)
