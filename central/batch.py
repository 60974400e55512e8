"""What some messages come to: rows, events, losses, and what their senders will be told. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from central.core.city import EventRecord
from central.core.orders import ReceiptRecord
from central.core.rules import Reason
from central.core.stages import ReportRecord
from central.store.base import StoreRow
from contract.layouts import Layout
from contract.messages import Ack, Loss, SeqRange
from contract.ranges import RangeSet
from contract.steering import Reported

ACK_RANGES_MAX: Final = 2_000
"""Ranges of one acknowledgement: far below the size that a shelter reads."""


@dataclass(slots=True)
class Entry:
    """One message's outbox entries, and which of the batch's rows are theirs."""

    site: str
    epoch: str
    ranges: Sequence[SeqRange]
    topic: str = ""
    row_first: int = 0
    row_end: int = 0
    from_ms: int = 0
    times_ms: list[int] = field(default_factory=list)
    """Times of its rows, sorted; empty when nothing of it can be used."""
    is_live: bool = False
    refused: Reason | None = None
    spoilt: bool = False
    """Central failed over it: it is not acknowledged."""


@dataclass(slots=True)
class Batch:
    """What some messages come to, before anything of it is on disk."""

    messages: int = 0
    rows: list[StoreRow] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)
    reports: list[ReportRecord] = field(default_factory=list)
    receipts: list[ReceiptRecord] = field(default_factory=list)
    reported: dict[str, tuple[Reported, int]] = field(default_factory=dict)
    losses: list[tuple[str, str, list[Loss]]] = field(default_factory=list)
    """Site, its outbox, and what it gave up."""
    layouts: dict[str, list[Layout]] = field(default_factory=dict)
    statuses: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    withheld: int = 0
    """Messages that were left with their shelters because the city's own clock is doubtful."""
    need: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Site and outbox → layouts to ask for."""
    time_asked: set[tuple[str, str]] = field(default_factory=set)
    """Site and outbox of shelters that don't know the time: an acknowledgement of nothing tells it."""

    def acks(self, at_ms: int) -> Iterator[tuple[str, Ack]]:
        """One acknowledgement for each outbox that had something in the batch."""
        here: dict[tuple[str, str], RangeSet] = {key: RangeSet() for key in (*self.need, *self.time_asked)}
        refused: dict[tuple[str, str], dict[str, str]] = {}
        for entry in self.entries:
            if entry.spoilt:
                continue
            key = (entry.site, entry.epoch)
            numbers = here.get(key)
            if numbers is None:
                numbers = here[key] = RangeSet()
            for first, last in entry.ranges:
                numbers.add(first, last)
                if entry.refused is not None:
                    name = str(first) if first == last else f"{first}-{last}"
                    refused.setdefault(key, {})[name] = entry.refused.value
        for (site, epoch), numbers in here.items():
            ranges = list(numbers)
            told = list(refused.get((site, epoch), {}).items())
            need = self.need.get((site, epoch), [])
            # A shelter refuses to read a message without end, so a long acknowledgement comes in parts.
            for part in range(max(1, -(-len(ranges) // ACK_RANGES_MAX), -(-len(told) // ACK_RANGES_MAX))):
                cut = slice(part * ACK_RANGES_MAX, (part + 1) * ACK_RANGES_MAX)
                yield (
                    site,
                    Ack(
                        epoch=epoch,
                        ranges=ranges[cut],
                        refused=dict(told[cut]),
                        need=[] if part else need,
                        at_ms=at_ms,
                    ),
                )
