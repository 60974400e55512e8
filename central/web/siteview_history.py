"""Reads the past of one shelter for its page: a day, or thirty, each within a limit of time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from central.api.asked import TOKYO_OFFSET_MS, Span, fill_gaps
from central.core.city import Aggregate, EventRecord, Queries, Sample, Stretch
from central.web import siteview, siteview_days

log = structlog.get_logger(__name__)

DAY_WAIT_S: Final = 5.0
"""A store that takes longer does not keep people from the live values."""
DAYS_WAIT_S: Final = 20.0
DAYS_AT_ONCE: Final = 1
"""Thirty days are many rows: whoever asks second waits, and the intake does not."""


class SiteHistory:
    """What the store knows of a shelter."""

    def __init__(
        self,
        queries: Queries,
        clock: Callable[[], int],
        *,
        day_wait_s: float = DAY_WAIT_S,
        days_wait_s: float = DAYS_WAIT_S,
    ) -> None:
        self._queries = queries
        self._clock = clock
        self._day_wait_s = day_wait_s
        self._days_wait_s = days_wait_s
        self._room = asyncio.Semaphore(DAYS_AT_ONCE)

    async def day(self, site: str) -> siteview.History | None:
        """The last day. ``None`` when it can't be read: in a disaster the live values are worth a page of their own."""
        now_ms = self._clock()
        to_ms = now_ms - (now_ms + TOKYO_OFFSET_MS) % siteview.STEP_MS + siteview.STEP_MS
        span = Span(to_ms - siteview.DAY_MS, to_ms)
        from_ms = now_ms - siteview.DAY_MS
        try:
            async with asyncio.timeout(self._day_wait_s), asyncio.TaskGroup() as tasks:
                lines = {
                    point: tasks.create_task(self._line(site, point, span, siteview.STEP_MS, Aggregate.MEAN))
                    for point in (*siteview.POWERS.values(), siteview.CHARGE)
                }
                promise = tasks.create_task(self._promise(site, from_ms, now_ms))
                events = tasks.create_task(self._events(site))
        except (ExceptionGroup, TimeoutError) as error:
            _log(site, error)
            return None
        return siteview.History(
            from_ms=span.from_ms,
            to_ms=span.to_ms,
            series={point: task.result() for point, task in lines.items()},
            promise_from_ms=from_ms,
            promise_to_ms=now_ms,
            stretches=promise.result(),
            events=events.result(),
        )

    async def days(self, site: str) -> siteview_days.Days | None:
        """Thirty days with today. ``None`` when they can't be read in time."""
        now_ms = self._clock()
        to_ms = now_ms - (now_ms + TOKYO_OFFSET_MS) % siteview.DAY_MS + siteview.DAY_MS
        span = Span(to_ms - siteview_days.DAYS * siteview.DAY_MS, to_ms)
        try:
            async with asyncio.timeout(self._days_wait_s), self._room, asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read_days(site, span, now_ms))
        except (ExceptionGroup, TimeoutError) as error:
            _log(site, error)
            return None
        return reading.result()

    async def _read_days(self, site: str, span: Span, now_ms: int) -> siteview_days.Days:
        lines = {
            name: await self._line(site, point, span, siteview.DAY_MS, aggregate)
            for name, (point, aggregate) in siteview_days.ASKED.items()
        }
        return siteview_days.Days(
            from_ms=span.from_ms,
            to_ms=span.to_ms,
            now_ms=now_ms,
            lines=lines,
            stretches=await self._promise(site, span.from_ms, now_ms),
        )

    async def _promise(self, site: str, from_ms: int, to_ms: int) -> Sequence[Stretch]:
        return await self._queries.promise(site, from_ms=from_ms, to_ms=to_ms)

    async def _events(self, site: str) -> Sequence[EventRecord]:
        return await self._queries.events(site, limit=siteview.EVENTS_SHOWN)

    async def _line(self, site: str, point: str, span: Span, step_ms: int, aggregate: Aggregate) -> list[Sample]:
        found = await self._queries.series(
            site,
            point,
            device=None,
            from_ms=span.from_ms,
            to_ms=span.to_ms,
            step_ms=step_ms,
            aggregate=aggregate,
        )
        return fill_gaps(list(found), span, step_ms)


def _log(site: str, error: Exception) -> None:
    first = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
    log.warning("history_unreadable", site=site, error=repr(first))
