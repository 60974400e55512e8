"""The city's energy since midnight in Tokyo, kept up in the background: only what is new is read from the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from central.core.city import Aggregate, Queries, Sample
from central.core.today import (
    STEP_MS,
    DaySum,
    EnergyToday,
    Power,
    add_steps,
    all_shelters,
    midnight_ms,
    settled_ms,
    step_of,
)

log = structlog.get_logger(__name__)
EVERY_S: Final = 120.0
SHARED: Final = frozenset({Power.PV, Power.BATTERY})
"""Powers that several devices have a share in; of the others one device speaks for the shelter."""


@dataclass(slots=True)
class _Shelter:
    """What is settled of a shelter's day, and from when on it has to be read again."""

    from_ms: int
    settled: DaySum = field(default_factory=DaySum)


class TodayKeeper:
    """Keeps the newest sum; ``latest`` is ``None`` until the first one is there."""

    def __init__(self, queries: Queries, clock: Callable[[], int]) -> None:
        self._queries = queries
        self._clock = clock
        self._begin_ms = 0
        self._shelters: dict[str, _Shelter] = {}
        self.latest: EnergyToday | None = None

    async def refresh(self) -> EnergyToday:
        """Add up the day so far, one shelter after the other so that other questions get their turn."""
        now_ms = self._clock()
        begin_ms = midnight_ms(now_ms)
        if begin_ms != self._begin_ms:
            self._begin_ms = begin_ms
            self._shelters.clear()
        sums = []
        for shelter in self._queries.now().sites:
            sums.append(await self._one(shelter.site.id, now_ms))
            await asyncio.sleep(0)
        self.latest = all_shelters(sums, from_ms=begin_ms, at_ms=now_ms)
        return self.latest

    async def _one(self, site: str, now_ms: int) -> DaySum:
        known = self._shelters.setdefault(site, _Shelter(self._begin_ms))
        if now_ms <= known.from_ms:
            return known.settled
        lines = {power: await self._lines(site, power, known.from_ms, now_ms) for power in Power}
        until_ms = settled_ms(lines, from_ms=known.from_ms, now_ms=now_ms)
        known.settled += add_steps(lines, from_ms=known.from_ms, to_ms=until_ms)
        known.from_ms = until_ms
        return known.settled + add_steps(lines, from_ms=until_ms, to_ms=now_ms)

    async def _lines(self, site: str, power: Power, from_ms: int, to_ms: int) -> list[list[Sample]]:
        now = self._queries.site_now(site)
        named = {point.device for point in now.points if point.point == power} if now else set()
        devices: Sequence[str | None] = [None][: len(named)]
        if power in SHARED:
            devices = sorted(named)
        return [
            list(
                await self._queries.series(
                    site,
                    power.value,
                    device=device,
                    from_ms=from_ms,
                    to_ms=step_of(to_ms) + STEP_MS,
                    step_ms=STEP_MS,
                    aggregate=Aggregate.MEAN,
                )
            )
            for device in devices
        ]

    async def run(self) -> None:
        """Refresh for ever; a failure is logged and the last sum stays, with its own time beside it."""
        while True:
            try:
                await self.refresh()
            except Exception as error:  # noqa: BLE001 - a summary must never end the service
                log.warning("today_failed", error=repr(error))
            await asyncio.sleep(EVERY_S)
