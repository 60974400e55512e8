"""The half of the outbox that keeps: the file, the transaction, and what happens when either fails.

State in memory changes only after a commit, so a failed transaction leaves everything as it was and the next one
tries the same again.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from msgspec.structs import replace as changed

from contract.ranges import RangeSet
from edge_agent.io.outbox_facts import FactBook
from edge_agent.io.outbox_file import (
    EVENT,
    INSERT_ENTRY,
    LOSS,
    STATE,
    UPSERT_FACT,
    DamagedError,
    Entry,
    LossFact,
    Mark,
    MarkFile,
    State,
    checked_entry,
    complain,
    entry_of,
    fact_row,
    is_damage,
    raw_rows,
    transaction,
)
from edge_agent.io.outbox_kept import drop_old
from edge_agent.io.outbox_rescue import Opened, open_file
from edge_agent.io.outbox_tail import Tail

LOG_BYTES: Final = 4 * 1024 * 1024
COUNT_EVERY: Final = 256
"""Entries between two writings of the count, so that opening counts at most these."""


QUICK_S: Final = 0.05
REST_SHARE: Final = 50
"""An attempt to open the file that failed slower than ``QUICK_S`` is followed by so many times its length of rest."""


class Listener(Protocol):
    """Who wants to hear of entries: the publisher."""

    def added(self, seq: int, *, is_event: bool) -> None:
        """A new entry is in the outbox."""

    def restored(self, first: int, last: int) -> None:
        """These entries can be sent now and could not be before."""

    def replaced(self) -> None:
        """The outbox has another file, name or numbers: ask for everything anew."""


class OutboxUnreadableError(Exception):
    """The file can't be read now, or was replaced while it was read: ask again later."""


class OutboxCore:
    """File, numbers, tail and facts of one outbox."""

    def __init__(self, path: Path, *, bytes_max: int, keep_delivered: bool, keep_ms: int) -> None:
        self.path = path
        self.bytes_max = bytes_max
        self.keep_delivered = keep_delivered or keep_ms > 0
        self._keep_ms = keep_ms
        self.listener: Listener | None = None
        self.book = FactBook()
        self.disk_error = ""
        """Why the newest entries are in memory only; empty when they are on disk."""
        self.damage = ""
        """What was wrong with the file when it was last opened; whoever tells it empties it."""
        self.recovered = 0
        self.durable_ms = 0
        """UTC of the newest entry that was written with a known time; 0 when there is none."""
        self._log_bytes = max(64 * 1024, min(LOG_BYTES, bytes_max // 8))
        self._mark = MarkFile(path)
        self._is_marked = True
        self._db: sqlite3.Connection | None = None
        self._state = State(epoch="")
        self._next_seq = 1
        self._waiting = 0
        self._first_waiting = 0
        self._open_at_s = 0.0
        self._tail = Tail(self.utc_of)
        self._forgotten = RangeSet()
        self._newest: dict[str, int] = {}
        self._last = Entry(0, 0, 0, 0, b"")
        if not self._open():
            # Without its file the outbox lives in memory, under the name in the mark or a passing one.
            mark = self._mark.read()
            self._state = State(epoch=mark.epoch if mark else secrets.token_hex(4))
            self._next_seq = mark.seq + 1 if mark else 1

    def close(self) -> None:
        """Write what can be written and let go of the file."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._commit(None)
            self._db.close()
            self._db = None
        self._mark.close()

    @property
    def epoch(self) -> str:
        """Name of this outbox on the wire."""
        return self._state.epoch

    @property
    def next_seq(self) -> int:
        """Number of the next entry."""
        return self._next_seq

    def is_timed(self, entry: Entry) -> bool:
        """Whether it is known when the entry was taken."""
        return self.book.offset_ms(entry.boot) is not None

    def utc_of(self, entry: Entry) -> int:
        """UTC of an entry; the newest known time while its own is not known."""
        offset_ms = self.book.offset_ms(entry.boot)
        return self.durable_ms if offset_ms is None else entry.at_ms + offset_ms

    # --- Writing -----------------------------------------------------------------------------------------------------

    def _store(self, entry: Entry) -> int:
        """Give the entry to the disk, or else to the tail; returns the number that it got."""
        self._next_seq = entry.seq + 1
        for _ in range(2):
            if self._db is None:
                break
            try:
                self._commit(entry)
            except sqlite3.Error as error:
                if not self._failed(error):
                    break
                # The file was rebuilt: its numbers go on elsewhere.
                entry = replace(entry, seq=self._next_seq)
                self._next_seq += 1
                continue
            self.disk_error = ""
            break
        else:
            self.disk_error = self.disk_error or "the file was damaged twice in a row"
        if self._db is None or self.disk_error:
            self._tail.add(entry)
        in_memory = bool(self._tail)
        self._is_marked = self._mark.write(Mark(self.epoch, entry.seq, self.durable_ms, in_memory))
        return entry.seq

    def _commit(self, entry: Entry | None) -> None:
        """One transaction with everything that is to be written."""
        assert self._db is not None
        state, waiting = self._state, self._waiting
        held = list(self._tail.entries.values())
        lost = {max(self.book.losses, default=0) + n: loss for n, loss in enumerate(self._tail.losses, 1)}
        with transaction(self._db) as db:
            waiting -= self._delete_forgotten(db)
            for stored in (*held, *([entry] if entry is not None else [])):
                db.execute(INSERT_ENTRY, stored.as_row())
                waiting += 1
            for name, fact in self.book.unwritten.items():
                db.execute(UPSERT_FACT, fact_row(name, fact))
            for number, loss in lost.items():
                db.execute(UPSERT_FACT, fact_row(f"{LOSS}{number}", LossFact(loss=loss)))
            # The count is exact as long as no entry that it counted is deleted without counting anew.
            is_due = self._next_seq - 1 - state.counted_to >= COUNT_EVERY or entry is None or bool(held)
            if is_due or any(first <= state.counted_to for first, _ in self._forgotten):
                state = self._counted(db, state, waiting)
                db.execute(UPSERT_FACT, fact_row(STATE, state))
                if self._keep_ms:
                    drop_old(db, self.durable_ms - self._keep_ms)
        self._state, self._waiting = state, waiting
        self.book.unwritten.clear()
        for loss in lost.values():
            self.book.add_loss(loss)
        self.book.unwritten.clear()
        self._forgotten = RangeSet()
        self._tail.clear()
        self._say_restored(held)

    def _counted(self, db: sqlite3.Connection, state: State, waiting: int) -> State:
        oldest = "SELECT seq, at_ms, boot FROM entry WHERE seq >= ? AND kind < 2 ORDER BY seq LIMIT 1"
        seq, at_ms, boot = db.execute(oldest, (self._first_waiting,)).fetchone() or (0, 0, 0)
        return changed(
            state,
            counted=waiting,
            counted_to=self._next_seq - 1,
            first_seq=seq,
            first_ms=max(0, self.utc_of(Entry(seq, at_ms, 0, boot, b""))) if seq else 0,
            next_seq=self._next_seq,
            durable_ms=self.durable_ms,
        )

    def _say_restored(self, held: list[Entry]) -> None:
        if not held or self.listener is None:
            return
        self.listener.restored(held[0].seq, held[-1].seq)
        for entry in held:
            if entry.kind == EVENT:
                self.listener.added(entry.seq, is_event=True)

    def _delete_forgotten(self, db: sqlite3.Connection) -> int:
        removed = 0
        for first, last in self._forgotten:
            if self.keep_delivered:
                statement = "UPDATE entry SET kind = kind + 2 WHERE seq BETWEEN ? AND ? AND kind < 2"
            else:
                statement = "DELETE FROM entry WHERE seq BETWEEN ? AND ?"
            removed += db.execute(statement, (first, last)).rowcount
        return removed

    # --- Failing -----------------------------------------------------------------------------------------------------

    def _failed(self, error: Exception) -> bool:
        """Say what went wrong. True: the file was damaged and is rebuilt."""
        if is_damage(error):
            complain("outbox file is damaged", path=str(self.path), error=str(error))
            if self._db is not None:
                self._db.close()
                self._db = None
            return self._open(damage=str(error))
        self._complain(error)
        return False

    def _complain(self, error: Exception) -> None:
        if not self.disk_error:
            what = "outbox can't be written, the newest entries stay in memory"
            complain(what, path=str(self.path), error=str(error))
        self.disk_error = str(error) or type(error).__name__

    def _read(self, statement: str, *values: int) -> list[tuple[int, ...]]:
        """Rows of a query; none when the file can't be read."""
        try:
            return self._read_or_raise(statement, *values)
        except OutboxUnreadableError:
            return []

    def _entries(self, statement: str, *values: int) -> list[Entry]:
        """Entries of a query.

        Raises:
            OutboxUnreadableError: the file can't be read now, or was just rebuilt.
        """
        try:
            return [checked_entry(row) for row in self._read_or_raise(statement, *values)]
        except DamagedError as error:
            self._failed(error)
            raise OutboxUnreadableError from error

    def _read_or_raise(self, statement: str, *values: int) -> list[tuple[int, ...]]:
        if self._db is None:
            raise OutboxUnreadableError
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self._failed(error)
            raise OutboxUnreadableError from error

    # --- Opening -----------------------------------------------------------------------------------------------------

    def _open_again(self) -> None:
        """Try the file anew, unless the last attempt took long: a rescue that fails at its end on a full disk, repeated
        with every entry, would leave no time for anything else."""
        if time.monotonic() >= self._open_at_s:
            self._open()

    def _open(self, *, damage: str = "") -> bool:
        began_s = time.monotonic()
        try:
            opened = open_file(self.path, self._mark.read(), log_bytes=self._log_bytes, damage=damage)
        except (sqlite3.Error, OSError) as error:
            self._complain(error)
            took_s = time.monotonic() - began_s
            self._open_at_s = time.monotonic() + (REST_SHARE * took_s if took_s >= QUICK_S else 0)
            return False
        self._take_over(opened)
        return True

    def _take_over(self, opened: Opened) -> None:
        old_epoch, old_next = self.epoch, self._next_seq
        self._db = opened.db
        self._state = opened.state
        self.damage = opened.damage or self.damage
        self.recovered = opened.recovered
        self.book.take_over(opened.facts)
        (highest,) = opened.db.execute("SELECT coalesce(max(seq), 0) FROM entry").fetchone()
        counted = "SELECT count(*) FROM entry WHERE seq > ? AND kind < 2"
        (uncounted,) = opened.db.execute(counted, (opened.state.counted_to,)).fetchone()
        self._next_seq = max(highest + 1, opened.state.next_seq)
        self._waiting = opened.state.counted + uncounted
        self._first_waiting = 0
        self._last = Entry(0, 0, 0, 0, b"")
        self._forgotten = RangeSet()
        self._find_newest()
        if self._tail:
            self._renumber_tail(old_epoch, old_next)
        if self.listener is not None:
            self.listener.replaced()

    def _renumber_tail(self, old_epoch: str, old_next: int) -> None:
        """Entries that were numbered without the file move behind what the file has used."""
        if old_epoch == self.epoch and old_next >= self._next_seq:
            self._next_seq = old_next
            return
        self._next_seq = self._tail.renumber(self._next_seq)
        losses, self._tail.losses = self._tail.losses, []
        for loss in losses:
            self.book.add_loss(loss if old_epoch == self.epoch else changed(loss, epoch=old_epoch))

    def _find_newest(self) -> None:
        """Newest row of every layout and newest known time, from the newest entries."""
        self._newest = {}
        known_ms = 0
        newest = "SELECT seq, crc, at_ms, kind, boot, body FROM entry ORDER BY seq DESC LIMIT 200"
        for row in self._read(newest):
            entry = entry_of(row)
            if entry is None or entry.kind & EVENT:
                continue
            if not known_ms and self.is_timed(entry):
                known_ms = self.utc_of(entry)
            for raw in raw_rows(entry):
                self._newest.setdefault(str(raw[0]), entry.seq)
        self.durable_ms = known_ms or self._state.durable_ms or self.durable_ms
