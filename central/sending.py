"""Gives orders to the broker at a bounded rate, and all of them again after every new connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

BURST: Final = 100
BURSTS_PER_S: Final = 20
"""At most so many orders a second."""
RETRY_S: Final = 1.0


class Sender:
    """``payload``: site → the newest signed order. ``retain`` gives it to the broker, and says whether it could."""

    def __init__(self, payload: Callable[[str], bytes], retain: Callable[[str, bytes], bool]) -> None:
        self._payload = payload
        self._retain = retain
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()

    def add(self, sites: Iterable[str]) -> None:
        """Send these shelters' orders, or send them again."""
        self._waiting.update(dict.fromkeys(sites))
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if self._burst():
                    await asyncio.sleep(1 / BURSTS_PER_S)
                    continue
                # No connection, or its queue is full. What is added after a new connection wakes this at once.
                try:
                    async with asyncio.timeout(RETRY_S):
                        await self._wake.wait()
                except TimeoutError:
                    continue
                self._wake.clear()

    def _burst(self) -> bool:
        for site in list(self._waiting)[:BURST]:
            if not self._retain(site, self._payload(site)):
                return False
            del self._waiting[site]
        return True
