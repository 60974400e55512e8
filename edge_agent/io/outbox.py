"""The outbox: every reading and event on disk until the city's store has it.

One SQLite file, one connection, used on the event loop's thread: a commit is cheaper than a hand-over to another
thread, and when ``put`` returns the entry survives SIGKILL and power cut (WAL, ``synchronous=FULL``). What the city
acknowledged is deleted in the transaction of the next entry, so a steady site commits once a poll; a crash in between
repeats entries and changes nothing.

When the disk takes nothing, ``put`` keeps the newest entries in memory and tries again with every new one. When the
file turns out to be damaged it is rebuilt (outbox_rescue.py). Neither raises.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from msgspec.structs import replace as changed

from contract.layouts import Layout
from contract.messages import OutboxStatus
from contract.ranges import Range, RangeSet
from edge_agent.core.clock import Span
from edge_agent.io.outbox_core import Listener, OutboxCore, OutboxUnreadableError
from edge_agent.io.outbox_file import (
    EVENT,
    LOSS,
    STATE,
    TELEMETRY,
    UPSERT_FACT,
    DamagedError,
    Entry,
    LossFact,
    OutboxError,
    fact_row,
    transaction,
)
from edge_agent.io.outbox_kept import AGAIN_MAX, take_back
from edge_agent.io.outbox_room import drop_delivered, make_room, used_bytes

__all__ = ["BYTES_MAX", "Listener", "Outbox", "OutboxError", "OutboxUnreadableError"]

BYTES_MAX: Final = 256 * 1024 * 1024
FORGET_AT: Final = 500
"""As many acknowledged entries are deleted without waiting for the next entry."""
LOSSES_KEPT_MAX: Final = 1_000
HISTORY_ENTRIES_MAX: Final = 1_000
READ_ROWS: Final = 50
MEASURE_EVERY: Final = 8
ROOM_STEPS: Final = 8
"""Steps of thinning after one entry: each takes some ten milliseconds."""


class Outbox(OutboxCore):
    """Open it with ``Outbox.open``. Not for use from several threads."""

    @classmethod
    def open(cls, path: Path, *, bytes_max: int = BYTES_MAX, keep_delivered: bool = False, keep_ms: int = 0) -> Self:
        """Open or make an outbox. A damaged file is rebuilt; a disk that takes nothing is tried again later.

        ``keep_delivered``: acknowledged entries stay in the file, marked (io/outbox_audit.py reads them), until the
        space is needed; ``keep_ms``: for so long.

        Raises:
            OutboxError: another process has it open.
        """
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        return cls(path, bytes_max=bytes_max, keep_delivered=keep_delivered, keep_ms=keep_ms)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- In ----------------------------------------------------------------------------------------------------------

    def put(
        self,
        kind: int,
        body: bytes,
        *,
        at_ms: int,
        boot: int = 0,
        layouts: Mapping[str, Layout] | None = None,
        told: Sequence[int] = (),
    ) -> int:
        """Add an entry; it is on disk when this returns, or in memory while the disk takes nothing (``disk_error``).

        ``layouts``: those that its rows use. ``told``: losses that this entry (an event) tells of.
        """
        if self._db is None:
            self._open_again()
        self.book.learn_layouts(layouts or {})
        self.book.tell(told)
        if boot == 0:
            self.durable_ms = at_ms
        seq = self._store(Entry(self._next_seq, at_ms, kind, boot, body))
        self._last = Entry(seq, at_ms, kind, boot, body)
        for layout_id in layouts or ():
            self._newest[layout_id] = seq
        if self.listener is not None:
            self.listener.added(seq, is_event=kind == EVENT)
        return seq

    # --- Out ---------------------------------------------------------------------------------------------------------

    def forget(self, ranges: Sequence[Range]) -> None:
        """The city has these. They are deleted with the next entry, or now when they are many."""
        for first, last in ranges:
            low, high = max(1, first), min(last, self._next_seq - 1)
            if low <= high:
                self._forgotten.add(low, high)
                self._tail.forget(low, high)
        if self._forgotten.count >= FORGET_AT:
            self.flush()

    def give_again(self, ranges: Sequence[Range], *, most: int = AGAIN_MAX) -> int:
        """The city asks for entries that it had: those that are still kept wait anew. Returns how many.

        At most ``most`` at once, the newest first; the city asks for the rest when it sees that they are missing.
        """
        self.flush()
        if self._db is None or self._forgotten:
            return 0
        self._first_waiting = 0
        try:
            with transaction(self._db) as db:
                found = take_back(db, ranges, most=most)
                waiting = self._waiting + len(found)
                state = self._counted(db, self._state, waiting)
                db.execute(UPSERT_FACT, fact_row(STATE, state))
        except sqlite3.Error as error:
            self._failed(error)
            return 0
        self._state, self._waiting = state, waiting
        if self.listener is not None:
            for first, last in RangeSet((seq, seq) for seq, kind in found if kind == TELEMETRY):
                self.listener.restored(first, last)
            for seq in sorted(seq for seq, kind in found if kind == EVENT):
                self.listener.added(seq, is_event=True)
        return len(found)

    def flush(self) -> None:
        """Write what waits to be written without waiting for the next entry."""
        if self._db is None or not (self._forgotten or self.book.unwritten or self._tail):
            return
        try:
            self._commit(None)
        except sqlite3.Error as error:
            self._failed(error)

    def entry(self, seq: int) -> Entry | None:
        """One waiting entry; None when it is not there or must not be sent yet.

        Raises:
            OutboxUnreadableError: ask again later.
        """
        if seq == self._last.seq and not self._tail:
            return self._last if self.is_timed(self._last) else None
        held = self._tail.entries.get(seq)
        if held is not None:
            # A number that no disk remembers could be given out again after a crash.
            return held if self._is_marked and self.is_timed(held) else None
        columns = "SELECT seq, crc, at_ms, kind, boot, body FROM entry WHERE seq = ? AND kind < 2"
        found = [entry for entry in self._entries(columns, seq) if self.is_timed(entry)]
        return found[0] if found else None

    def history(self, ranges: Sequence[Range], *, bytes_max: int) -> tuple[list[Entry], list[Range]]:
        """Telemetry of these ranges, newest first, up to so many bytes, and the ranges that were looked through.

        Raises:
            OutboxUnreadableError: ask again later.
        """
        entries: list[Entry] = []
        looked: list[Range] = []
        room = bytes_max
        for first, last in ranges:
            at = last
            while at >= first:
                chunk = self._telemetry_down(first, at)
                for entry in chunk:
                    if not self.is_timed(entry):
                        continue
                    if entries and (len(entry.body) > room or len(entries) >= HISTORY_ENTRIES_MAX):
                        looked += [(entry.seq + 1, last)] if entry.seq < last else []
                        return entries, looked
                    entries.append(entry)
                    room -= len(entry.body)
                at = chunk[-1].seq - 1 if len(chunk) == READ_ROWS else first - 1
            looked.append((first, last))
        return entries, looked

    def _telemetry_down(self, first: int, last: int) -> list[Entry]:
        statement = (
            "SELECT seq, crc, at_ms, kind, boot, body FROM entry "
            "WHERE seq BETWEEN ? AND ? AND kind = ? ORDER BY seq DESC LIMIT ?"
        )
        return self._entries(statement, first, last, TELEMETRY, READ_ROWS)

    # --- What is in it -----------------------------------------------------------------------------------------------

    def waiting_ranges(self) -> RangeSet:
        """A superset of the numbers that wait, without reading them all."""
        oldest = self._oldest()
        first = oldest.seq if oldest is not None else self._next_seq
        waiting = RangeSet([(first, self._next_seq - 1)] if first < self._next_seq else [])
        for low, high in self._forgotten:
            waiting.discard(low, high)
        return waiting

    def waiting_events(self) -> set[int]:
        """Numbers of the events that wait."""
        stored = {int(seq) for (seq,) in self._read("SELECT seq FROM entry WHERE kind = 1")}
        held = {seq for seq, entry in self._tail.entries.items() if entry.kind == EVENT}
        return {seq for seq in stored | held if seq not in self._forgotten}

    def newest_entries(self) -> set[int]:
        """The entries that hold the newest row of every device and layout: the shelter's present state."""
        return set(self._newest.values())

    def status(self) -> OutboxStatus:
        """How much waits. Costs one look-up, however much it is."""
        oldest = self._oldest()
        return OutboxStatus(
            epoch=self.epoch,
            next_seq=self._next_seq,
            waiting=self._waiting + len(self._tail),
            first_seq=oldest.seq if oldest is not None else 0,
            oldest_ms=max(0, self.utc_of(oldest)) if oldest is not None else 0,
            bytes=self.bytes,
            bytes_max=self.bytes_max,
        )

    def _oldest(self) -> Entry | None:
        """The oldest waiting entry, without its body."""
        statement = "SELECT seq, at_ms, boot FROM entry WHERE seq >= ? AND kind < 2 ORDER BY seq LIMIT 1"
        for seq, at_ms, boot in self._read(statement, self._first_waiting):
            self._first_waiting = seq
            return Entry(seq, at_ms, TELEMETRY, boot, b"")
        return next(iter(self._tail.entries.values()), None)

    @property
    def bytes(self) -> int:
        """Bytes of the file in use."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                return used_bytes(self._db)
        return 0

    # --- Time --------------------------------------------------------------------------------------------------------

    def settle_boot(self, number: int, offset_ms: int) -> None:
        """The time of a boot is known: all its entries move to UTC at once, and may be sent."""
        span = self.boot_span(number)
        self.book.set_boot(number, changed(self.book.boots[number], offset_ms=offset_ms))
        self.flush()
        if span is None:
            return
        first, last, times = span
        self.durable_ms = max(self.durable_ms, offset_ms + times.last_ms)
        if self.listener is not None:
            self.listener.restored(first, last)
            for seq in self.waiting_events():
                if first <= seq <= last:
                    self.listener.added(seq, is_event=True)

    def boot_span(self, number: int) -> tuple[int, int, Span] | None:
        """First and last entry of a boot and when they were taken, in ms since it."""
        rows = self._read("SELECT min(seq), max(seq), min(at_ms), max(at_ms) FROM entry WHERE boot = ?", number)
        found = [tuple(row) for row in rows if row[0] is not None]
        found += [(seq, seq, e.at_ms, e.at_ms) for seq, e in self._tail.entries.items() if e.boot == number]
        if not found:
            return None
        firsts, lasts, starts, ends = zip(*found, strict=True)
        return min(firsts), max(lasts), Span(min(starts), max(ends))

    # --- The limit ---------------------------------------------------------------------------------------------------

    def make_room(self, *, force: bool = False) -> None:
        """Thin or drop the oldest until the file is below its limit; ``force``: one step even below it.

        Cheap to call after every entry: the file is measured at every few.
        """
        if not force and self._next_seq % MEASURE_EVERY:
            return
        for _ in range(ROOM_STEPS):
            if self._db is None or not (force or self.bytes > self.bytes_max - self._log_bytes):
                return
            try:
                if not self._make_some_room(self._db):
                    return
            except (sqlite3.Error, DamagedError) as error:
                self._failed(error)
                return
            force = False

    def _make_some_room(self, db: sqlite3.Connection) -> bool:
        with transaction(db):
            if self.keep_delivered and drop_delivered(db):
                return True
            made = make_room(db, self._state, bytes_max=self.bytes_max, utc_of=self.utc_of)
            if made is None:
                return False
            waiting = self._waiting - made.removed
            state = self._counted(db, made.state, waiting)
            db.execute(UPSERT_FACT, fact_row(STATE, state))
            number = max(self.book.losses, default=0) + 1
            if made.loss is not None:
                db.execute(UPSERT_FACT, fact_row(f"{LOSS}{number}", LossFact(loss=made.loss)))
            surplus = self.book.surplus_losses(LOSSES_KEPT_MAX)
            db.executemany("DELETE FROM fact WHERE name = ?", [(f"{LOSS}{old}",) for old in surplus])
        self._state, self._waiting = state, waiting
        if made.loss is not None:
            self.book.add_loss(made.loss)
        self.book.drop_losses(surplus)
        return True
