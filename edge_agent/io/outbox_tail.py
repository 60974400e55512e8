"""The newest entries in memory, for as long as the disk takes nothing. Bounded; what falls out is told as lost."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace as with_changes
from typing import Final

from msgspec.structs import replace

from contract.messages import Loss, LossReason
from contract.ranges import Range
from edge_agent.io.outbox_file import TELEMETRY, Entry, raw_rows

ENTRIES_MAX: Final = 720
BYTES_MAX: Final = 4 * 1024 * 1024
LOSSES_MAX: Final = 200


class Tail:
    """Entries by number, oldest first."""

    def __init__(self, utc_of: Callable[[Entry], int]) -> None:
        self.entries: OrderedDict[int, Entry] = OrderedDict()
        self.losses: list[Loss] = []
        self._bytes = 0
        self._utc_of = utc_of

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, entry: Entry) -> None:
        """Keep an entry; the oldest one goes when there is no room."""
        self.entries[entry.seq] = entry
        self._bytes += len(entry.body)
        while len(self.entries) > ENTRIES_MAX or self._bytes > BYTES_MAX:
            _, oldest = self.entries.popitem(last=False)
            self._bytes -= len(oldest.body)
            self._lose(oldest)

    def forget(self, first: int, last: int) -> None:
        """Drop entries that the city has."""
        for seq in [seq for seq in self.entries if first <= seq <= last]:
            self._bytes -= len(self.entries.pop(seq).body)

    def renumber(self, next_seq: int) -> int:
        """Give the entries new numbers from ``next_seq`` on; returns the number after them."""
        entries, self.entries = self.entries, OrderedDict()
        for entry in entries.values():
            self.entries[next_seq] = with_changes(entry, seq=next_seq)
            next_seq += 1
        return next_seq

    def clear(self) -> None:
        """Everything is on disk."""
        self.entries.clear()
        self.losses.clear()
        self._bytes = 0

    @property
    def span(self) -> Range | None:
        """First and last number."""
        return (next(iter(self.entries)), next(reversed(self.entries))) if self.entries else None

    def _lose(self, entry: Entry) -> None:
        at_ms = self._utc_of(entry)
        rows = len(raw_rows(entry)) if entry.kind == TELEMETRY else 0
        last = self.losses[-1] if self.losses else None
        # Acknowledged ones leave holes; past the bound a loss spans them too, and the city knows better.
        if last is not None and (last.last_seq == entry.seq - 1 or len(self.losses) >= LOSSES_MAX):
            self.losses[-1] = replace(last, last_seq=entry.seq, to_ms=max(last.to_ms, at_ms), rows=last.rows + rows)
            return
        self.losses.append(
            Loss(
                first_seq=entry.seq,
                last_seq=entry.seq,
                from_ms=at_ms,
                to_ms=at_ms,
                rows=rows,
                reason=LossReason.DISK_FULL,
            )
        )
