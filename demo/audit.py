"""What the shelters accepted, compared with what the city holds: row by row, value by value, trusting no counter."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass

from contract.points import POINTS
from edge_agent.io.outbox_audit import AuditedEntry

RowKey = tuple[str, int, tuple[str, ...]]
"""Device, UTC ms and points: with the site, what identifies a row."""
Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Rows that one shelter's outbox accepted. ``waiting``: numbered, durable there, not acknowledged yet."""

    rows: Mapping[RowKey, Values]
    waiting: frozenset[RowKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Counts of readings (one point at one moment, a gap with its reason included)."""

    polled: int = 0
    stored: int = 0
    waiting: int = 0
    """Not in the store yet, but safe in an outbox."""
    lost: int = 0
    duplicated: int = 0
    changed: int = 0
    """Stored with another value than the shelter accepted."""
    foreign: int = 0
    """In the store, but accepted by no outbox."""

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})


def accepted(entries: Iterable[AuditedEntry]) -> Accepted:
    """All rows of an outbox that keeps what it delivered."""
    rows: dict[RowKey, Values] = {}
    waiting: set[RowKey] = set()
    for entry in entries:
        for audited in entry.rows:
            key = (audited.device, audited.at_ms, audited.points)
            # A device that did not answer has one code for all its points.
            slots = audited.slots if len(audited.slots) == len(audited.points) else audited.slots * len(audited.points)
            rows[key] = tuple(
                None if isinstance(slot, str) else POINTS[point].from_wire(slot)
                for point, slot in zip(audited.points, slots, strict=True)
            )
            if not entry.is_delivered:
                waiting.add(key)
    return Accepted(rows=rows, waiting=frozenset(waiting))


async def compare(here: Accepted, stored: AsyncIterable[tuple[RowKey, Values]]) -> Comparison:
    """One shelter's outbox against the city's rows of it."""
    found: dict[RowKey, Values] = {}
    seen: Counter[tuple[str, int, str]] = Counter()
    async for key, values in stored:
        found[key] = values
        device, at_ms, points = key
        seen.update((device, at_ms, point) for point in points)
    polled = sum(len(key[2]) for key in here.rows)
    missing = here.rows.keys() - found.keys()
    return Comparison(
        polled=polled,
        stored=sum(len(key[2]) for key in found),
        waiting=sum(len(key[2]) for key in missing if key in here.waiting),
        lost=sum(len(key[2]) for key in missing if key not in here.waiting),
        duplicated=sum(count - 1 for count in seen.values()),
        changed=sum(
            a != b for key in here.rows.keys() & found.keys() for a, b in zip(here.rows[key], found[key], strict=True)
        ),
        foreign=sum(len(key[2]) for key in found.keys() - here.rows.keys()),
    )
