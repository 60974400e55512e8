"""What rules look at of the service itself: broker, store, disk, backups, messages to people, roll-ups."""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

import structlog

from central.core.autonomy.values import HOUR_MS
from central.core.backups import AWAITED, newest_ms
from central.core.city import IngestStats
from central.core.habits import DAY_MS
from central.core.rules import Reason
from central.core.watch.readings import Readings
from central.store.base import StoreError

log = structlog.get_logger(__name__)

REFUSED_WITHIN_MS: Final = HOUR_MS
UNDELIVERED_WITHIN_MS: Final = DAY_MS
UNDELIVERED_AFTER_MS: Final = 900_000
"""A message that reached nobody in this time is late: a channel's pauses after failures are shorter at first."""
ALERTED_MIN: Final = 0.01
"""What has just gone away is away, though not for long."""
T = TypeVar("T")


class Notes(Protocol):
    """The small settings of the records."""

    async def notes(self) -> dict[str, str]:
        """All of them.

        Raises:
            StoreError: they can't be read.
        """
        ...

    async def note(self, key: str, value: str) -> None:
        """Keep one.

        Raises:
            StoreError: it is not kept.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSources:
    """Where the service's own figures come from; what is ``None`` is not known."""

    ready: Callable[[], Mapping[str, str]]
    """Part of the service → ``ok`` or what it lacks."""
    stats: Callable[[], IngestStats] | None = None
    notes: Notes | None = None
    folder: Path | None = None
    """Where the service keeps its data."""
    undelivered: Callable[[int, int], Awaitable[int]] | None = None
    """Messages made between two moments that reached nobody."""
    rolled_ms: Callable[[], int] | None = None
    """Up to when roll-ups were written; 0: not since the start."""


class ServiceGatherer:
    """Makes the service's readings, look after look."""

    def __init__(self, sources: ServiceSources, *, started_ms: int) -> None:
        self._from = sources
        self._started_ms = started_ms
        self._down: dict[str, int] = {}
        """Part of the service → since when it is away."""
        self._failed: deque[tuple[int, int]] = deque()
        """When how many messages had failed since the start, for an hour back."""

    async def readings(self, now_ms: int) -> Readings:
        """What is known of the service now."""
        ready = self._from.ready()
        stores = [self._down_min(part, ready, now_ms) for part in ("store", "records")]
        down = [each for each in stores if each is not None]
        return Readings(
            broker_down_min=self._down_min("mqtt", ready, now_ms),
            store_down_min=max(down) if down else None,
            refused=self._refused(now_ms),
            disk_used_pct=await self._disk_used_pct(),
            backup_age_h=await self._backup_age_h(now_ms),
            undelivered=await self._undelivered(now_ms),
            rollups_behind_min=self._rollups_behind_min(now_ms),
        )

    def _down_min(self, part: str, ready: Mapping[str, str], now_ms: int) -> float | None:
        """Since when a part is away; 0: it is there; ``None``: nobody says."""
        if part not in ready:
            return None
        if ready[part] == "ok":
            self._down.pop(part, None)
            return 0.0
        since_ms = min(self._down.setdefault(part, now_ms), now_ms)
        return max((now_ms - since_ms) / 60_000, ALERTED_MIN)

    def _refused(self, now_ms: int) -> float | None:
        if self._from.stats is None:
            return None
        total = self._from.stats().dead_letters.get(Reason.INTERNAL_ERROR.value, 0)
        while self._failed and not 0 <= now_ms - self._failed[0][0] <= REFUSED_WITHIN_MS:
            self._failed.popleft()
        self._failed.append((now_ms, total))
        return float(total - self._failed[0][1])

    async def _disk_used_pct(self) -> float | None:
        if self._from.folder is None:
            return None
        try:
            disk = await asyncio.to_thread(shutil.disk_usage, self._from.folder)
        except OSError as error:
            log.warning("disk_not_seen", folder=str(self._from.folder), error=str(error))
            return None
        # As df says it: what is kept for root is no room for the service.
        usable = disk.used + disk.free
        return 100.0 * disk.used / usable if usable else None

    async def _backup_age_h(self, now_ms: int) -> float | None:
        notes = self._from.notes
        if notes is None:
            return None
        found = await _asked("backups_not_read", notes.notes)
        if found is None:
            return None
        at_ms = newest_ms(found)
        if at_ms is None:
            await _asked("backups_not_noted", lambda: notes.note(AWAITED, str(now_ms)))
            at_ms = now_ms
        return max(0, now_ms - at_ms) / HOUR_MS

    async def _undelivered(self, now_ms: int) -> float | None:
        count = self._from.undelivered
        if count is None:
            return None
        made = (now_ms - UNDELIVERED_WITHIN_MS, now_ms - UNDELIVERED_AFTER_MS)
        found = await _asked("messages_not_counted", lambda: count(*made))
        return None if found is None else float(found)

    def _rollups_behind_min(self, now_ms: int) -> float | None:
        if self._from.rolled_ms is None:
            return None
        return max(0, now_ms - (self._from.rolled_ms() or self._started_ms)) / 60_000


async def _asked(event: str, question: Callable[[], Awaitable[T]]) -> T | None:
    """What the records say; ``None``: they can't be asked now, which a rule of its own watches."""
    try:
        return await question()
    except StoreError as error:
        log.warning(event, error=str(error))
        return None
