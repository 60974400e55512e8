"""The newsroom: looks at the city, tells what has changed since it last told, keeps it, and rings.

What is told and the news of it are kept together, so a restart tells nothing twice and forgets nothing in between.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from central.core.news import News
from central.core.newsmaking import Look, Teller
from central.store.base import StoreError
from central.store.news import NewsRows

log = structlog.get_logger(__name__)

TICK_S: Final = 1.0
FORGET_EVERY_S: Final = 3_600.0
AFTER_MAX: Final = 1_000


class Newsroom:
    """Tells news; ``load`` once, then ``run`` until cancelled. Who wants to hear takes ``bell`` and waits for it."""

    def __init__(self, rows: NewsRows, look: Callable[[], Look], *, now: Callable[[], int]) -> None:
        self._rows = rows
        self._look = look
        self._now = now
        self._teller = Teller({}, since_ms=now())
        self._telling = asyncio.Lock()
        self.latest = 0
        """Number of the newest; 0: nothing has happened yet."""
        self.oldest = 0
        """Number of the oldest that is still kept."""
        self.bell = asyncio.Event()
        """Set, and replaced by a new one, when there are news."""

    async def load(self) -> None:
        """What was told before.

        Raises:
            StoreError: the records can't be read.
        """
        self._teller = Teller(await self._rows.told(), since_ms=self._now())
        self.oldest, self.latest = await self._rows.ends()

    async def after(self, n: int, limit: int = 100) -> list[News]:
        """News after the ``n``-th, in their order, at most so many.

        Raises:
            StoreError: they can't be read.
        """
        if n >= self.latest:
            return []
        return await self._rows.after(n, min(limit, AFTER_MAX))

    async def tell(self, news: Sequence[News]) -> list[News]:
        """Take news of another room; returns them as kept, with their numbers.

        Raises:
            StoreError: none was kept.
        """
        async with self._telling:
            kept = await self._rows.add(news)
        self._ring(kept)
        return kept

    async def wait(self, bell: asyncio.Event, limit_s: float) -> None:
        """Until that bell rings, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await bell.wait()

    async def look(self) -> None:
        """Once: tell what has changed.

        Raises:
            StoreError: nothing was told; the next look tries again.
        """
        async with self._telling:
            news, changed = self._teller.differences(self._look())
            kept = await self._rows.add(news, changed) if news or changed else []
            self._teller.took(changed)
        self._ring(kept)

    async def run(self) -> None:
        """Look every second until cancelled, and let go of what is old."""
        loop = asyncio.get_running_loop()
        forget_s = loop.time()
        while True:
            try:
                await self.look()
                if loop.time() >= forget_s:
                    forget_s = loop.time() + FORGET_EVERY_S
                    await self._rows.forget(self._now())
                    self.oldest = (await self._rows.ends())[0]
            except StoreError as error:
                log.warning("news_not_kept", error=str(error))
            except Exception as error:  # noqa: BLE001 - one look that fails must not end the service
                log.warning("news_look_failed", error=repr(error))
            await asyncio.sleep(TICK_S)

    def _ring(self, kept: Sequence[News]) -> None:
        if not kept:
            return
        self.latest = max(self.latest, kept[-1].n)
        self.oldest = self.oldest or kept[0].n
        self.bell.set()
        self.bell = asyncio.Event()
