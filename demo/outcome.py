"""What the city's API says became of an incident, and how it compares with the plants."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final

from central.core.drills import Result, result_of
from demo.house import House
from demo.truths import Watch, falsely_proven

AT_ONCE: Final = 8
"""Questions to the API at the same time."""


async def result(house: House, incident: str) -> Result | None:
    """An incident as it is now; None while the city does not answer."""
    told = await house.ask(f"api/v1/incidents/{incident}")
    if told is None:
        return None
    room = asyncio.Semaphore(AT_ONCE)

    async def orders(site: str) -> list[dict[str, Any]]:
        async with room:
            found = await house.ask(f"api/v1/sites/{site}/orders")
        return list(found["orders"]) if found else []

    sites = [one["site"] for one in told["shelters"]]
    ledgers = await asyncio.gather(*(orders(site) for site in sites))
    return result_of(told, dict(zip(sites, ledgers, strict=True)))


def is_settled(incident: dict[str, Any]) -> bool:
    """Whether every shelter that was told has proven it, is on the crew list, or cares for itself."""
    tally = incident["tally"]
    return bool(tally["done"] + tally["crew"] + tally["own"] >= tally["told"] > 0)


@dataclass
class Witness:
    """Compares what the city says with what the simulator knows."""

    house: House
    target_pct: float = 100.0
    watch: Watch = field(default_factory=Watch)

    async def look(self) -> frozenset[str]:
        """One look; the shelters that the city and the simulator disagree about."""
        shelters, page = await self.house.shelters(), self.house.truth()
        if page is None:
            return frozenset()
        wrong = falsely_proven(shelters, page.sites, target_pct=self.target_pct)
        self.watch.look(wrong, time.monotonic())
        return wrong
