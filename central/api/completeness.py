"""How whole the data of the last days is, worked out in the background: a page must not wait for 182 promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from central.core.city import Queries
from central.core.completeness import Completeness, by_day, last_days

log = structlog.get_logger(__name__)
EVERY_S: Final = 300.0


class CompletenessKeeper:
    """Keeps the newest look; ``latest`` is ``None`` until the first one is there."""

    def __init__(self, queries: Queries, clock: Callable[[], int]) -> None:
        self._queries = queries
        self._clock = clock
        self.latest: Completeness | None = None

    async def refresh(self) -> Completeness:
        """Ask for the promise of every shelter, one after the other so that other questions get their turn."""
        now_ms = self._clock()
        days = last_days(now_ms)
        found = {}
        for shelter in self._queries.now().sites:
            if shelter.last_reading_ms is None:
                continue  # Nothing was due yet from a shelter that nobody has ever heard of.
            stretches = await self._queries.promise(shelter.site.id, from_ms=days[0], to_ms=now_ms)
            found[shelter.site.id] = by_day(stretches, days)
            await asyncio.sleep(0)
        self.latest = Completeness(at_ms=now_ms, days=days, by_site=found)
        return self.latest

    async def run(self) -> None:
        """Refresh for ever; a failure is logged and the last look stays, with its own time beside it."""
        while True:
            try:
                await self.refresh()
            except Exception as error:  # noqa: BLE001 - a summary must never end the service
                log.warning("completeness_failed", error=repr(error))
            await asyncio.sleep(EVERY_S)
