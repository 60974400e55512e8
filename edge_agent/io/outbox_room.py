"""Making room in a file that is at its limit: performs what core/thinning.py decides."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

from msgspec.structs import replace as changed

from contract.messages import Loss
from edge_agent.core.thinning import (
    CHUNK_ENTRIES,
    FRESH_ENTRIES,
    REASONS,
    THINNING,
    Bounds,
    RowKey,
    Step,
    keep_first,
    next_step,
)
from edge_agent.io.outbox_file import (
    DELIVERED,
    EVENT,
    INSERT_ENTRY,
    PAGE_BYTES,
    TELEMETRY,
    Entry,
    State,
    body_of,
    checked_entry,
    raw_rows,
)

DELIVERED_CHUNK = 2_000
EVENTS_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Made:
    """What one step did: ``state`` with its new marks, entries that are gone from the waiting ones, what was lost."""

    state: State
    removed: int
    loss: Loss | None


def used_bytes(db: sqlite3.Connection) -> int:
    """Bytes of the file that hold something; freed pages are used again before the file grows."""
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    return int((pages - free) * PAGE_BYTES)


def drop_delivered(db: sqlite3.Connection) -> int:
    """Let go of the oldest delivered entries (only where they are kept at all); returns how many."""
    return db.execute(
        "DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE kind >= ? ORDER BY seq LIMIT ?)",
        (DELIVERED, DELIVERED_CHUNK),
    ).rowcount


def make_room(db: sqlite3.Connection, state: State, *, bytes_max: int, utc_of: Callable[[Entry], int]) -> Made | None:
    """One step of thinning or dropping, inside the caller's transaction. None: nothing is left to give up.

    Raises:
        DamagedError: an entry is not what its checksum says.
    """
    fresh_max = max(1, min(FRESH_ENTRIES, bytes_max // 8_192))
    step, after = next_step(_bounds(db, state, fresh_max))
    fresh = _fresh_seq(db, fresh_max)
    entries = _chunk(db, step, after, fresh)
    if not entries:
        # The city has everything in this stretch: it is through.
        return Made(_marked(state, step, fresh - 1), 0, None) if step in THINNING else None
    keys = [_keys(entry) for entry in entries]
    removed, rows_lost = 0, 0
    touched: list[Entry] = []
    for entry, key, kept in zip(entries, keys, keep_first(keys, step), strict=True):
        if len(kept) == len(key) and kept:
            continue
        touched.append(entry)
        rows_lost += len(key) - len(kept)
        if kept:
            rows = raw_rows(entry)
            db.execute(INSERT_ENTRY, replace(entry, body=body_of([rows[index] for index in kept])).as_row())
        else:
            removed += db.execute("DELETE FROM entry WHERE seq = ?", (entry.seq,)).rowcount
    return Made(_marked(state, step, entries[-1].seq), removed, _loss(touched, rows_lost, step, utc_of))


def _bounds(db: sqlite3.Connection, state: State, fresh_max: int) -> Bounds:
    row = db.execute("SELECT seq FROM entry WHERE kind = ? ORDER BY seq LIMIT 1", (TELEMETRY,)).fetchone()
    first = row[0] if row is not None else 0
    fresh = _fresh_seq(db, fresh_max)
    return Bounds(
        first_seq=first,
        fresh_seq=fresh if first else 0,
        thinned_1min_seq=state.thinned_1min_seq,
        thinned_15min_seq=state.thinned_15min_seq,
        stretch_min=fresh_max,
    )


def _fresh_seq(db: sqlite3.Connection, fresh_max: int) -> int:
    row = db.execute(
        "SELECT seq FROM entry WHERE kind = ? ORDER BY seq DESC LIMIT 1 OFFSET ?", (TELEMETRY, fresh_max - 1)
    ).fetchone()
    return int(row[0]) if row is not None else 0


def _chunk(db: sqlite3.Connection, step: Step, after: int, before: int) -> list[Entry]:
    kind, limit = TELEMETRY, CHUNK_ENTRIES
    if step is Step.DROP_EVENTS:
        kind, limit, before = EVENT, EVENTS_CHUNK, 1 << 62
    rows = db.execute(
        "SELECT seq, crc, at_ms, kind, boot, body FROM entry "
        "WHERE kind = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?",
        (kind, after, before, limit),
    ).fetchall()
    return [checked_entry(row) for row in rows]


def _keys(entry: Entry) -> list[RowKey]:
    if entry.kind != TELEMETRY:
        return []
    return [
        RowKey(str(raw[0]), entry.at_ms + int(raw[1]), len(raw) == 3 and isinstance(raw[2], str))
        for raw in raw_rows(entry)
    ]


def _marked(state: State, step: Step, seq: int) -> State:
    if step is Step.TO_1_MIN:
        return changed(state, thinned_1min_seq=seq)
    if step is Step.TO_15_MIN:
        return changed(state, thinned_15min_seq=seq)
    return state


def _loss(touched: list[Entry], rows: int, step: Step, utc_of: Callable[[Entry], int]) -> Loss | None:
    if not touched:
        return None
    times = [utc_of(entry) for entry in touched]
    return Loss(
        first_seq=touched[0].seq,
        last_seq=touched[-1].seq,
        from_ms=max(0, min(times)),
        to_ms=max(0, *times),
        rows=rows,
        reason=REASONS[step],
    )
