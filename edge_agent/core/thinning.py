"""Which rows to give up when the outbox is at its limit. Pure.

Oldest data first: raw to one row a minute, those to one row in fifteen minutes, and only then nothing. A row is kept or
given up whole, never averaged: a kept reading is the reading that was taken, at its own time, so sending it twice
still changes nothing, a counter stays a counter and a state stays a state; a mean would be a value that no device
ever reported. Kept is the first row of each device and layout in a step, and the first row in which the device was
dark, so that an outage of a device stays visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contract.messages import LossReason

MINUTE_MS: Final = 60_000
QUARTER_MS: Final = 15 * MINUTE_MS
FRESH_ENTRIES: Final = 720
"""Newest telemetry entries that are never touched (an hour at 5 s): they hold the shelter's present state."""
CHUNK_ENTRIES: Final = 720
"""Entries that one step of thinning looks at."""


class Step(StrEnum):
    """One way to make room."""

    TO_1_MIN = "to_1_min"
    TO_15_MIN = "to_15_min"
    DROP_TELEMETRY = "drop_telemetry"
    DROP_EVENTS = "drop_events"
    """Only when nothing else is left."""


REASONS: Final = {
    Step.TO_1_MIN: LossReason.THINNED_1MIN,
    Step.TO_15_MIN: LossReason.THINNED_15MIN,
    Step.DROP_TELEMETRY: LossReason.DROPPED,
    Step.DROP_EVENTS: LossReason.DROPPED,
}


THINNING: Final = (Step.TO_1_MIN, Step.TO_15_MIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far thinning went. All telemetry up to ``thinned_1min_seq`` (and so on) has been through that step."""

    first_seq: int
    """Oldest telemetry entry."""
    fresh_seq: int
    """Entries from here on are not touched."""
    thinned_1min_seq: int = 0
    thinned_15min_seq: int = 0
    stretch_min: int = CHUNK_ENTRIES
    """Numbers that a stretch must span to be thinned: entry by entry, each would be the first of its minute."""


def next_step(bounds: Bounds) -> tuple[Step, int]:
    """The gentlest step that is left, and the number after which it begins."""
    for step, done in ((Step.TO_1_MIN, bounds.thinned_1min_seq), (Step.TO_15_MIN, bounds.thinned_15min_seq)):
        after = max(bounds.first_seq - 1, done)
        if bounds.fresh_seq - 1 - after >= bounds.stretch_min:
            return step, after
    if bounds.first_seq < bounds.fresh_seq:
        return Step.DROP_TELEMETRY, 0
    return Step.DROP_EVENTS, 0


@dataclass(frozen=True, slots=True)
class RowKey:
    """What thinning must know of a row."""

    layout_id: str
    at_ms: int
    is_dark: bool


def keep_first(entries: Iterable[Sequence[RowKey]], step: Step) -> list[list[int]]:
    """For each entry, in time order, the indices of the rows that stay.

    A step that is cut by the border between two chunks keeps a row in each part.
    """
    if step in (Step.DROP_TELEMETRY, Step.DROP_EVENTS):
        return [[] for _ in entries]
    step_ms = MINUTE_MS if step is Step.TO_1_MIN else QUARTER_MS
    seen: set[tuple[str, int, bool]] = set()
    kept: list[list[int]] = []
    for rows in entries:
        indices: list[int] = []
        for index, row in enumerate(rows):
            key = (row.layout_id, row.at_ms // step_ms, row.is_dark)
            if key not in seen:
                seen.add(key)
                indices.append(index)
        kept.append(indices)
    return kept
