"""When a store refuses a batch: it is cut into parts, so that what nobody can keep holds up nobody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from central.batch import Entry
from central.store import records as kept
from central.store.base import StoreRow, Written


async def write_in_halves(
    entries: Sequence[Entry],
    rows: Sequence[StoreRow],
    write: Callable[[Sequence[StoreRow]], Awaitable[Written]],
    refused: Callable[[Entry, Exception], None],
) -> tuple[list[StoreRow], int | None]:
    """Write what the store takes; returns it and how many of it were repeats.

    Halves and not one by one: a single entry that is refused at every attempt must not make a city of writes.
    """
    part = list(rows[entries[0].row_first : entries[-1].row_end]) if entries else []
    if not part:
        return [], 0
    try:
        return part, (await write(part)).repeated
    except Exception as error:  # noqa: BLE001 - whatever it is, the other shelters must not wait for it
        if len(entries) == 1:
            refused(entries[0], error)
            return [], 0
    middle = len(entries) // 2
    first, first_repeated = await write_in_halves(entries[:middle], rows, write, refused)
    rest, rest_repeated = await write_in_halves(entries[middle:], rows, write, refused)
    known = first_repeated is not None and rest_repeated is not None
    return first + rest, (first_repeated or 0) + (rest_repeated or 0) if known else None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what a batch leaves in the records, and whose entries hang on it."""

    batch: kept.Batch
    site: str = ""
    epoch: str = ""
    seq: int = 0
    """0: all entries of the site; without a site, none."""

    def concerns(self, entry: Entry) -> bool:
        """Whether an entry may not be acknowledged unless this part is kept."""
        if not self.seq:
            return entry.site == self.site
        return (entry.site, entry.epoch, entry.ranges) == (self.site, self.epoch, [(self.seq, self.seq)])


def parts_of(batch: kept.Batch) -> Iterator[Part]:
    """Each shelter's ledger, layouts, status and receipts together, and every event and dead letter alone."""
    sites = {run.site for run in batch.ledger} | {site for site, _, _ in batch.ledger_deletes}
    sites |= {record.site for record in batch.receipts} | batch.reported.keys()
    for site in sorted(sites | batch.layouts.keys() | batch.statuses.keys()):
        own = kept.Batch(
            ledger=[run for run in batch.ledger if run.site == site],
            ledger_deletes=[key for key in batch.ledger_deletes if key[0] == site],
            layouts={site: batch.layouts[site]} if site in batch.layouts else {},
            statuses={site: batch.statuses[site]} if site in batch.statuses else {},
            receipts=[record for record in batch.receipts if record.site == site],
            reported={site: batch.reported[site]} if site in batch.reported else {},
        )
        yield Part(own, site)
    nothing = kept.Batch()
    for event in batch.events:
        # A report belongs to its event; without a number of its own it goes with the event that came with it.
        reports = [report for report in batch.reports if event.detail.get("sha256") == report.sha256]
        yield Part(replace(nothing, events=[event], reports=reports), event.site, event.epoch, event.seq)
    for letter in batch.dead_letters:
        yield Part(replace(nothing, dead_letters=[letter]))
