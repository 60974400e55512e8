"""What time it is, when the machine may not know.

A shelter's computer has no battery clock: after a power cut its wall clock starts in the past, or anywhere. Readings
taken until the time is known carry the milliseconds since boot instead, and are moved to UTC when the time arrives.
The two can't be confused: no machine runs for the forty years that lie between ``PROVISIONAL_MAX_MS`` and today.

What is believed, first match wins:

1. the kernel says that a time server disciplines the clock, and the clock is not before this software's release;
2. central said what time it is (every acknowledgement does);
3. the wall clock is neither before the release, nor before the newest entry in the outbox plus what passed since
   start, nor absurdly far after it. An ordinary machine without a time service is believed by this rule;
4. nobody contradicted it although we have been online for a while (``trust_wall``): a shelter that waits for ever
   for a better time would be silent for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

RELEASED_MS: Final = 1_764_547_200_000
"""2025-12-01: no reading was taken by this software earlier."""
PROVISIONAL_MAX_MS: Final = 946_684_800_000
"""Smaller than this (the year 2000): milliseconds since boot."""
LEAP_MAX_MS: Final = 60 * 86_400_000
"""A wall clock further ahead of the outbox than this is doubted while nobody confirms it."""
BACK_MAX_MS: Final = 60_000
"""So much a wall clock may be behind the outbox: drift, and small steps of a time service before a restart."""
TRUST_CENTRAL_MS: Final = 5 * 60_000
"""An undisciplined wall clock that differs more than this from central's time is wrong."""

LOOK_EVERY_MS: Final = 10_000
"""A known clock that runs steadily is judged anew at most so often."""
STEADY_MS: Final = 500


class Sync(StrEnum):
    """What the kernel says of its clock."""

    SYNCED = "synced"
    UNSYNCED = "unsynced"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What central said the time was, and when by the boot clock we heard it."""

    utc_ms: int
    boot_ms: int

    def at(self, boot_ms: int) -> int:
        """Central's time at another moment of this boot."""
        return self.utc_ms + boot_ms - self.boot_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that speaks for or against the wall clock at one moment."""

    wall_ms: int
    boot_ms: int
    durable_ms: int = 0
    """Time of the newest entry that an earlier run wrote with a known time; 0 = none."""
    started_boot_ms: int = 0
    """Boot clock when this run began: real time is at least ``durable_ms`` plus what passed since then."""
    sync: Sync = Sync.UNKNOWN
    opinion: Opinion | None = None
    released_ms: int = RELEASED_MS


def utc_offset_ms(seen: Evidence) -> int | None:
    """What to add to the boot clock to get UTC, or None while the time is not known."""
    wall_offset = seen.wall_ms - seen.boot_ms
    if seen.sync is Sync.SYNCED and seen.wall_ms >= seen.released_ms:
        return wall_offset
    if seen.opinion is not None:
        central_ms = seen.opinion.at(seen.boot_ms)
        return wall_offset if abs(seen.wall_ms - central_ms) <= TRUST_CENTRAL_MS else central_ms - seen.boot_ms
    if seen.wall_ms < seen.released_ms:
        return None
    if seen.durable_ms:
        earliest_ms = seen.durable_ms + seen.boot_ms - seen.started_boot_ms
        if not earliest_ms - BACK_MAX_MS <= seen.wall_ms <= earliest_ms + LEAP_MAX_MS:
            return None
    return wall_offset


@dataclass(frozen=True, slots=True)
class Span:
    """First and last reading of a boot whose time never became known, in ms since that boot."""

    first_ms: int
    last_ms: int


def place_boots(spans: Sequence[Span], *, after_ms: int, before_ms: int) -> list[int]:
    """Guess UTC at boot for boots in their order, somewhere between two known times.

    Nobody knows how long the power was away between them. The slack is shared out evenly, which makes the greatest
    possible error smallest; when there is none, they lie back to back.
    """
    used_ms = sum(span.last_ms for span in spans)
    gap_ms = max(0, before_ms - after_ms - used_ms) // (len(spans) + 1)
    offsets: list[int] = []
    at_ms = after_ms
    for span in spans:
        offsets.append(at_ms + gap_ms)
        at_ms += gap_ms + span.last_ms
    return offsets


class SiteClock:
    """The one clock of a site. UTC when the time is known, else milliseconds since boot."""

    def __init__(
        self,
        *,
        wall_ms: Callable[[], int],
        boot_ms: Callable[[], int],
        boot_id: str,
        sync: Callable[[], Sync] = lambda: Sync.UNKNOWN,
        durable_ms: int = 0,
        released_ms: int = RELEASED_MS,
    ) -> None:
        self.boot_ms = boot_ms
        self.boot_id = boot_id
        self._wall_ms = wall_ms
        self._sync = sync
        self._durable_ms = durable_ms
        self._released_ms = released_ms
        self._started_boot_ms = boot_ms()
        self._looked_boot_ms = 0
        self._opinion: Opinion | None = None
        self._known = False
        self._central_offset_ms: int | None = None
        self._last_offset_ms = 0
        self._wrong_offset_ms: int | None = None
        self.corrected_by_ms = 0
        """How wrong the wall clock was while the time was not known."""
        self.look()

    @property
    def is_known(self) -> bool:
        """Whether ``now_ms`` is UTC. Once known it stays so until the process ends."""
        return self._known

    @property
    def offset_ms(self) -> int:
        """UTC minus boot clock; meaningful while the time is known."""
        if self._central_offset_ms is not None:
            return self._central_offset_ms
        return self._wall_ms() - self.boot_ms()

    def now_ms(self) -> int:
        """UTC milliseconds, or milliseconds since boot while UTC is not known."""
        if not self._known:
            return self.boot_ms()
        if self._central_offset_ms is not None:
            return self.boot_ms() + self._central_offset_ms
        return self._wall_ms()

    def utc_of(self, taken_ms: int) -> int:
        """A stamp of this boot as UTC; unchanged when it is UTC already or can't be known yet."""
        if self._known and taken_ms < PROVISIONAL_MAX_MS:
            return taken_ms + self.offset_ms
        return taken_ms

    def look(self) -> None:
        """Weigh the evidence again. Cheap: call it before a batch of stamps."""
        boot_ms, wall_ms = self.boot_ms(), self._wall_ms()
        is_steady = abs(wall_ms - boot_ms - self._last_offset_ms) < STEADY_MS and self._central_offset_ms is None
        if self._known and is_steady and boot_ms - self._looked_boot_ms < LOOK_EVERY_MS:
            return
        self._looked_boot_ms = boot_ms
        offset = utc_offset_ms(
            Evidence(
                wall_ms=wall_ms,
                boot_ms=boot_ms,
                durable_ms=0 if self._known else self._durable_ms,
                started_boot_ms=self._started_boot_ms,
                sync=self._sync(),
                opinion=self._opinion,
                released_ms=self._released_ms,
            )
        )
        if offset is None:
            self._wrong_offset_ms = wall_ms - boot_ms
            # A clock that was known and now stands before the release: central's or our own last word goes on.
            if self._known and self._central_offset_ms is None:
                self._central_offset_ms = self._last_offset_ms
            return
        if not self._known and self._wrong_offset_ms is not None:
            self.corrected_by_ms = offset - self._wrong_offset_ms
        self._known = True
        self._last_offset_ms = offset
        self._central_offset_ms = None if offset == wall_ms - boot_ms else offset

    def trust_wall(self) -> None:
        """Nobody can tell the time better than the wall clock: take it, if it is after the release."""
        self._durable_ms = 0
        self.look()

    def hear(self, utc_ms: int) -> None:
        """Take central's time as a second opinion."""
        if utc_ms >= self._released_ms:
            self._opinion = Opinion(utc_ms, self.boot_ms())
            if not self._known or abs(self.now_ms() - utc_ms) > TRUST_CENTRAL_MS:
                self._looked_boot_ms = -LOOK_EVERY_MS
                self.look()
