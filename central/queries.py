"""Everything that API and pages may ask, answered from the live view, the store, the records and the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from central.core.city import (
    Aggregate,
    CityNow,
    DeadLetter,
    EventRecord,
    IngestStats,
    Sample,
    SiteNow,
    Stretch,
)
from central.core.ledger import Ledger
from central.core.live import LiveView
from central.core.promise import Word, promise
from central.core.stages import ReportRecord
from central.ingest import Ingest
from central.store.base import TelemetryStore
from central.store.records import Records

TOKYO_MIDNIGHT_MS: Final = -9 * 3_600_000
"""The midnight in Tokyo that began 1970, in UTC: steps are counted from it, here and where gaps are filled in."""


class CityQueries:
    """The ``Queries`` of this process."""

    def __init__(
        self,
        *,
        live: LiveView,
        ledger: Ledger,
        ingest: Ingest,
        store: TelemetryStore,
        records: Records,
        now: Callable[[], int],
    ) -> None:
        self._live = live
        self._ledger = ledger
        self._ingest = ingest
        self._store = store
        self._records = records
        self._now = now

    def now(self) -> CityNow:
        """The whole city, from memory."""
        return self._live.city(self._now())

    def site_now(self, site: str) -> SiteNow | None:
        """One shelter with all its points, from memory."""
        return self._live.site(site, self._now())

    async def series(
        self,
        site: str,
        point: str,
        *,
        device: str | None,
        from_ms: int,
        to_ms: int,
        step_ms: int,
        aggregate: Aggregate,
    ) -> Sequence[Sample]:
        """A point over time. Without a device: of the one that has the point (the edge's own figure first)."""
        chosen = device or self._live.device_with(site, point)
        if chosen is None:
            return []
        return await self._store.series(
            site,
            chosen,
            point,
            from_ms=from_ms,
            to_ms=to_ms,
            step_ms=step_ms,
            aggregate=aggregate,
            origin_ms=TOKYO_MIDNIGHT_MS,
        )

    async def promise(self, site: str, *, from_ms: int, to_ms: int) -> Sequence[Stretch]:
        """What became of every moment between two times."""
        status, received_ms = self._live.status(site)
        runs = self._ledger.runs(site)
        if self._ledger.is_cut(site):
            known = {(run.epoch, run.first_seq) for run in runs}
            older = await self._records.ledger(site, from_ms=0, to_ms=self._now())
            runs += [run for run in older if (run.epoch, run.first_seq) not in known]
        return promise(
            runs,
            Word(status, received_ms) if status is not None else None,
            from_ms=from_ms,
            to_ms=to_ms,
            now_ms=self._now(),
            interval_ms=self._live.interval_ms(site),
        )

    async def events(self, site: str | None, *, limit: int) -> Sequence[EventRecord]:
        """Newest events first."""
        return await self._records.events(site, limit=limit)

    async def dead_letters(self, *, limit: int) -> Sequence[DeadLetter]:
        """Newest first."""
        return await self._records.dead_letters(limit=limit)

    async def reports(self, site: str, *, limit: int) -> Sequence[ReportRecord]:
        """A shelter's commissioning reports without their documents, the one finished last first."""
        return await self._records.reports(site, limit=limit)

    async def report(self, sha256: str) -> ReportRecord | None:
        """One commissioning report with its document."""
        return await self._records.report(sha256)

    def ingest_stats(self) -> IngestStats:
        """Counters of the intake."""
        return self._ingest.stats()
