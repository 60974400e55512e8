"""What an outbox accepted, read from its file: for programs that compare it with what the store holds.

Acknowledged entries are only there when the outbox is kept with ``keep_delivered``. What was thinned or dropped shows
as rows that are missing here, and as a ``Loss``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from contract.messages import Event, Loss, Slot
from contract.wire import decode_event
from edge_agent.io.outbox_file import DELIVERED, EVENT, Entry, Facts, entry_of, fact_body, rows_of, sort_facts


@dataclass(frozen=True, slots=True)
class AuditedRow:
    """One device at one moment, as the outbox accepted it."""

    device: str
    at_ms: int
    points: tuple[str, ...]
    slots: tuple[Slot, ...]
    """One per point, or a single code for all of them."""


@dataclass(frozen=True, slots=True)
class AuditedEntry:
    """One entry. ``rows`` of telemetry, or the ``event``. ``is_timed``: its time is known, so it may have been sent."""

    epoch: str
    seq: int
    is_delivered: bool
    is_timed: bool
    rows: tuple[AuditedRow, ...] = ()
    event: Event | None = None


def audit(path: Path) -> Iterator[AuditedEntry]:
    """Every entry in the file, in the order of its numbers. The agent may be running.

    Raises:
        sqlite3.Error: the file can't be read.
    """
    with closing(_reader(path)) as db:
        facts = _facts(db)
        epoch = facts.state.epoch if facts.state is not None else ""
        for row in db.execute("SELECT seq, crc, at_ms, kind, boot, body FROM entry ORDER BY seq"):
            entry = entry_of(row)
            if entry is not None:
                yield _audited(entry, facts, epoch)


def audit_losses(path: Path) -> list[Loss]:
    """Everything that this outbox gave up, as far as it still remembers.

    Raises:
        sqlite3.Error: the file can't be read.
    """
    with closing(_reader(path)) as db:
        return [fact.loss for fact in _facts(db).losses.values()]


def _reader(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    db.execute("BEGIN")
    return db


def _facts(db: sqlite3.Connection) -> Facts:
    checked = (fact_body(*row) for row in db.execute("SELECT crc, name, body FROM fact"))
    return sort_facts(dict(fact for fact in checked if fact is not None))


def _audited(entry: Entry, facts: Facts, epoch: str) -> AuditedEntry:
    boot = facts.boots.get(entry.boot)
    offset_ms = 0 if entry.boot == 0 else boot.offset_ms if boot is not None else None
    is_delivered = bool(entry.kind & DELIVERED)
    if entry.kind & EVENT:
        return AuditedEntry(epoch, entry.seq, is_delivered, offset_ms is not None, event=decode_event(entry.body))
    rows: list[AuditedRow] = []
    for row in rows_of(entry, offset_ms or 0):
        layout = facts.layouts.get(row.layout_id)
        if layout is not None:
            rows.append(AuditedRow(layout.device, row.at_ms, layout.points, row.slots))
    return AuditedEntry(epoch, entry.seq, is_delivered, offset_ms is not None, rows=tuple(rows))
