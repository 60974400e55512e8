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
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol, Self

import msgspec
import structlog
from msgspec.structs import replace as changed

from contract.layouts import Layout
from contract.messages import Loss, LossReason, OutboxStatus
from contract.ranges import Range, RangeSet
from edge_agent.core.clock import Span
from edge_agent.io.outbox_file import (
    BOOT,
    DELIVERED,
    EVENT,
    INSERT_ENTRY,
    LAYOUT,
    LOSS,
    STATE,
    TELEMETRY,
    UPSERT_FACT,
    BootFact,
    Entry,
    LayoutFact,
    LossFact,
    Mark,
    MarkFile,
    OutboxError,
    State,
    entry_of,
    fact_row,
    is_damage,
    raw_rows,
    transaction,
)
from edge_agent.io.outbox_rescue import Opened, open_file
from edge_agent.io.outbox_room import drop_delivered, make_room, used_bytes
from edge_agent.io.outbox_tail import Tail

__all__ = ["BYTES_MAX", "Listener", "Outbox", "OutboxError"]

log = structlog.get_logger()

BYTES_MAX: Final = 256 * 1024 * 1024
LOG_BYTES: Final = 4 * 1024 * 1024
COUNT_EVERY: Final = 256
"""Entries between two writings of the count, so that opening counts at most these."""
FORGET_AT: Final = 500
"""As many acknowledged entries are deleted without waiting for the next entry."""
LOSSES_KEPT_MAX: Final = 1_000
HISTORY_ENTRIES_MAX: Final = 1_000
ROOM_STEPS: Final = 8
"""Steps of thinning after one entry: each takes some ten milliseconds."""


class Listener(Protocol):
    """Who wants to hear of entries: the publisher."""

    def added(self, seq: int, *, is_event: bool) -> None:
        """A new entry is in the outbox."""

    def restored(self, first: int, last: int) -> None:
        """These entries can be sent now and could not be before."""

    def replaced(self) -> None:
        """The outbox has another file, name or numbers: ask for everything anew."""


class Outbox:
    """Open it with ``Outbox.open``. Not for use from several threads."""

    def __init__(self, path: Path, *, bytes_max: int, keep_delivered: bool) -> None:
        self.path = path
        self.bytes_max = bytes_max
        self.keep_delivered = keep_delivered
        self.listener: Listener | None = None
        self.disk_error = ""
        """Why the newest entries are in memory only; empty when they are on disk."""
        self.damage = ""
        """What was wrong with the file when it was last opened; whoever tells it empties it."""
        self.recovered = 0
        self.durable_ms = 0
        """UTC of the newest entry that was written with a known time; 0 when there is none."""
        self.layouts: dict[str, LayoutFact] = {}
        self.boots: dict[int, BootFact] = {}
        self.losses: dict[int, LossFact] = {}
        self._log_bytes = max(64 * 1024, min(LOG_BYTES, bytes_max // 8))
        self._mark = MarkFile(path)
        self._is_marked = True
        self._db: sqlite3.Connection | None = None
        self._state = State(epoch="")
        self._next_seq = 1
        self._waiting = 0
        self._first_waiting = 0
        self._tail = Tail(self.utc_of)
        self._forgotten = RangeSet()
        self._unwritten: dict[str, msgspec.Struct] = {}
        self._newest: dict[str, int] = {}

    @classmethod
    def open(cls, path: Path, *, bytes_max: int = BYTES_MAX, keep_delivered: bool = False) -> Self:
        """Open or make an outbox. A damaged file is rebuilt; a disk that takes nothing is tried again later.

        Raises:
            OutboxError: another process has it open.
        """
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        outbox = cls(path, bytes_max=bytes_max, keep_delivered=keep_delivered)
        if not outbox._open():
            # Without its file the outbox lives in memory, under the name in the mark or a passing one.
            mark = outbox._mark.read()
            outbox._state = State(epoch=mark.epoch if mark else secrets.token_hex(4))
            outbox._next_seq = mark.seq + 1 if mark else 1
        return outbox

    def close(self) -> None:
        """Write what can be written and let go of the file."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._commit(None)
            self._db.close()
            self._db = None
        self._mark.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def epoch(self) -> str:
        """Name of this outbox on the wire."""
        return self._state.epoch

    @property
    def next_seq(self) -> int:
        """Number of the next entry."""
        return self._next_seq

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
            self._open()
        for layout_id, layout in (layouts or {}).items():
            if layout_id not in self.layouts:
                self._learn(LAYOUT + layout_id, LayoutFact(device=layout.device, points=layout.points))
        for number in told:
            if number in self.losses:
                self._learn(f"{LOSS}{number}", changed(self.losses[number], told=True))
        entry = Entry(self._next_seq, at_ms, kind, boot, body)
        self._store(entry)
        seq = self._next_seq - 1
        for layout_id in layouts or ():
            self._newest[layout_id] = seq
        if boot == 0:
            self.durable_ms = at_ms
        self._is_marked = self._mark.write(Mark(self.epoch, seq, self.durable_ms, in_memory=bool(self._tail)))
        if self.listener is not None:
            self.listener.added(seq, is_event=kind == EVENT)
        return seq

    def _store(self, entry: Entry) -> None:
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
            return
        self._tail.add(entry)

    def _commit(self, entry: Entry | None) -> None:
        """One transaction with everything that is to be written. Nothing here changes when it fails."""
        assert self._db is not None
        state, waiting = self._state, self._waiting
        span = self._tail.span
        losses = {max(self.losses, default=0) + n: LossFact(loss=loss) for n, loss in enumerate(self._tail.losses, 1)}
        with transaction(self._db) as db:
            waiting -= self._delete_forgotten(db)
            for stored in (*self._tail.entries.values(), *([entry] if entry is not None else [])):
                db.execute(INSERT_ENTRY, stored.as_row())
                waiting += 1
            for name, fact in self._unwritten.items():
                db.execute(UPSERT_FACT, fact_row(name, fact))
            for number, loss in losses.items():
                db.execute(UPSERT_FACT, fact_row(f"{LOSS}{number}", loss))
            # The count is exact as long as no entry that it counted is deleted without counting anew.
            is_due = self._next_seq - 1 - state.counted_to >= COUNT_EVERY or entry is None or span is not None
            if is_due or any(first <= state.counted_to for first, _ in self._forgotten):
                state = self._counted(state, waiting)
                db.execute(UPSERT_FACT, fact_row(STATE, state))
        self._state, self._waiting = state, waiting
        self.losses |= losses
        self._unwritten.clear()
        self._forgotten = RangeSet()
        self._tail.clear()
        if span is not None and self.listener is not None:
            self.listener.restored(*span)

    def _counted(self, state: State, waiting: int) -> State:
        return changed(
            state,
            counted=waiting,
            counted_to=self._next_seq - 1,
            next_seq=self._next_seq,
            durable_ms=self.durable_ms,
        )

    def _failed(self, error: sqlite3.Error) -> bool:
        """Say what went wrong. True: the file was damaged and is rebuilt."""
        if is_damage(error):
            log.error("outbox file is damaged", path=str(self.path), error=str(error))
            if self._db is not None:
                self._db.close()
                self._db = None
            return self._open()
        if not self.disk_error:
            log.error(
                "outbox can't be written, the newest entries stay in memory", path=str(self.path), error=str(error)
            )
        self.disk_error = str(error)
        return False

    # --- Out ---------------------------------------------------------------------------------------------------------

    def forget(self, ranges: Sequence[Range]) -> None:
        """The city has these. They are deleted with the next entry, or now when they are many."""
        for first, last in ranges:
            low, high = max(1, first), min(last, self._next_seq - 1)
            if low <= high:
                self._forgotten.add(low, high)
                self._tail.forget(low, high)
        if len(self._forgotten) >= FORGET_AT:
            self.flush()

    def flush(self) -> None:
        """Write what waits to be written without waiting for the next entry."""
        if self._db is not None:
            try:
                self._commit(None)
            except sqlite3.Error as error:
                self._failed(error)

    def _delete_forgotten(self, db: sqlite3.Connection) -> int:
        removed = 0
        for first, last in self._forgotten:
            if self.keep_delivered:
                statement = "UPDATE entry SET kind = kind + 2 WHERE seq BETWEEN ? AND ? AND kind < 2"
            else:
                statement = "DELETE FROM entry WHERE seq BETWEEN ? AND ?"
            removed += db.execute(statement, (first, last)).rowcount
        return removed

    def entry(self, seq: int) -> Entry | None:
        """One waiting entry; None when it is not there, not readable, or must not be sent yet."""
        held = self._tail.entries.get(seq)
        if held is not None:
            # A number that no disk remembers could be given out again after a crash.
            return held if self._is_marked and self.is_timed(held) else None
        rows = self._read(
            "SELECT seq, crc, at_ms, kind, boot, body FROM entry WHERE seq = ? AND kind < ?", seq, DELIVERED
        )
        if not rows:
            return None
        entry = entry_of(rows[0])
        if entry is None:
            self._give_up(seq)
            return None
        return entry if self.is_timed(entry) else None

    def history(self, ranges: Sequence[Range], *, bytes_max: int) -> tuple[list[Entry], list[Range]]:
        """Telemetry of these ranges, newest first, up to so many bytes, and the ranges that were looked through."""
        entries: list[Entry] = []
        looked: list[Range] = []
        room = bytes_max
        for first, last in ranges:
            at = last
            while at >= first:
                rows = self._read(
                    "SELECT seq, crc, at_ms, kind, boot, body FROM entry WHERE seq BETWEEN ? AND ? AND kind = ? "
                    "ORDER BY seq DESC LIMIT 50",
                    first,
                    at,
                    TELEMETRY,
                )
                for row in rows:
                    entry = entry_of(row)
                    if entry is None:
                        self._give_up(int(row[0]))
                    elif self.is_timed(entry):
                        if entries and (len(entry.body) > room or len(entries) >= HISTORY_ENTRIES_MAX):
                            if entry.seq < last:
                                looked.append((entry.seq + 1, last))
                            return entries, looked
                        entries.append(entry)
                        room -= len(entry.body)
                at = int(rows[-1][0]) - 1 if len(rows) == 50 else first - 1
            looked.append((first, last))
        return entries, looked

    def _read(self, statement: str, *values: int) -> list[tuple[int, ...]]:
        if self._db is None:
            return []
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self._failed(error)
            return []

    def _give_up(self, seq: int) -> None:
        """An entry that is not what its checksum says: it is lost, and that is told."""
        self._forgotten.add(seq, seq)
        self.add_loss(
            Loss(
                first_seq=seq,
                last_seq=seq,
                from_ms=self.durable_ms,
                to_ms=self.durable_ms,
                rows=1,
                reason=LossReason.DAMAGED,
            )
        )

    # --- What is in it -----------------------------------------------------------------------------------------------

    def waiting_ranges(self) -> RangeSet:
        """A superset of the numbers that wait, without reading them all."""
        rows = self._read("SELECT seq FROM entry WHERE seq >= ? AND kind < 2 ORDER BY seq LIMIT 1", self._first_waiting)
        first = int(rows[0][0]) if rows else self._next_seq
        waiting = RangeSet([(first, self._next_seq - 1)] if first < self._next_seq else [])
        if self._tail.span is not None:
            waiting.add(*self._tail.span)
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
        """How much waits. Costs two look-ups, however much it is."""
        rows = self._read(
            "SELECT seq, at_ms, boot FROM entry WHERE seq >= ? AND kind < 2 ORDER BY seq LIMIT 1", self._first_waiting
        )
        first_seq, oldest_ms = 0, 0
        if rows:
            first_seq, at_ms, boot = rows[0]
            self._first_waiting = first_seq
            oldest_ms = self.utc_of(Entry(first_seq, at_ms, TELEMETRY, boot, b""))
        elif self._tail.span is not None:
            first_seq = self._tail.span[0]
            oldest_ms = self.utc_of(self._tail.entries[first_seq])
        return OutboxStatus(
            epoch=self.epoch,
            next_seq=self._next_seq,
            waiting=self._waiting + len(self._tail),
            first_seq=first_seq,
            oldest_ms=max(0, oldest_ms),
            bytes=self.bytes,
            bytes_max=self.bytes_max,
        )

    @property
    def bytes(self) -> int:
        """Bytes of the file in use."""
        if self._db is None:
            return 0
        with contextlib.suppress(sqlite3.Error):
            return used_bytes(self._db)
        return 0

    # --- Facts -------------------------------------------------------------------------------------------------------

    def _learn(self, name: str, fact: LayoutFact | BootFact | LossFact) -> None:
        """Take a fact in; it is written with the next transaction, before anything that rests on it is sent."""
        self._unwritten[name] = fact
        key = name.partition(":")[2]
        if isinstance(fact, LayoutFact):
            self.layouts[key] = fact
        elif isinstance(fact, BootFact):
            self.boots[int(key)] = fact
        else:
            self.losses[int(key)] = fact

    def know_layouts(self, layout_ids: Sequence[str], *, known: bool) -> None:
        """The city has these layouts' definitions, or has not."""
        for layout_id in layout_ids:
            if layout_id in self.layouts:
                self._learn(LAYOUT + layout_id, changed(self.layouts[layout_id], known=known))

    def add_loss(self, loss: Loss) -> None:
        """Note something that was given up; it stays untold until an event about it is put."""
        self._learn(f"{LOSS}{max(self.losses, default=0) + 1}", LossFact(loss=loss))

    def untold(self) -> dict[int, Loss]:
        """Losses that no event told of yet."""
        return {number: fact.loss for number, fact in self.losses.items() if not fact.told}

    def boot_number(self, boot_id: str) -> int:
        """Number of a boot whose time is not known yet."""
        for number, boot in self.boots.items():
            if boot.id == boot_id:
                return number
        number = max(self.boots, default=0) + 1
        self._learn(f"{BOOT}{number}", BootFact(id=boot_id))
        return number

    def settle_boot(self, number: int, offset_ms: int) -> None:
        """The time of a boot is known: all its entries move to UTC at once, and may be sent."""
        span = self.boot_span(number)
        self._learn(f"{BOOT}{number}", changed(self.boots[number], offset_ms=offset_ms))
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
        found = [tuple(rows[0])] if rows and rows[0][0] is not None else []
        found += [(seq, seq, e.at_ms, e.at_ms) for seq, e in self._tail.entries.items() if e.boot == number]
        if not found:
            return None
        firsts, lasts, starts, ends = zip(*found, strict=True)
        return min(firsts), max(lasts), Span(min(starts), max(ends))

    def is_timed(self, entry: Entry) -> bool:
        """Whether it is known when the entry was taken."""
        return entry.boot == 0 or self._offset_ms(entry) is not None

    def utc_of(self, entry: Entry) -> int:
        """UTC of an entry; the newest known time before it while its own is not known."""
        offset_ms = self._offset_ms(entry)
        return self.durable_ms if offset_ms is None else entry.at_ms + offset_ms

    def _offset_ms(self, entry: Entry) -> int | None:
        if entry.boot == 0:
            return 0
        boot = self.boots.get(entry.boot)
        return None if boot is None else boot.offset_ms

    # --- The limit ---------------------------------------------------------------------------------------------------

    def make_room(self, *, force: bool = False) -> None:
        """Thin or drop the oldest until the file is below its limit; ``force``: one step even below it."""
        for _ in range(ROOM_STEPS):
            if self._db is None or not (force or self.bytes > self.bytes_max - self._log_bytes):
                return
            try:
                if not self._make_some_room(self._db):
                    return
            except sqlite3.Error as error:
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
            state = self._counted(made.state, waiting)
            db.execute(UPSERT_FACT, fact_row(STATE, state))
            number = max(self.losses, default=0) + 1
            fact = LossFact(loss=made.loss) if made.loss is not None else None
            if fact is not None:
                db.execute(UPSERT_FACT, fact_row(f"{LOSS}{number}", fact))
            told = [old for old, known in self.losses.items() if known.told]
            surplus = told[: max(0, len(self.losses) - LOSSES_KEPT_MAX)]
            db.executemany("DELETE FROM fact WHERE name = ?", [(f"{LOSS}{old}",) for old in surplus])
        self._state, self._waiting = state, waiting
        if fact is not None:
            self.losses[number] = fact
        for old in surplus:
            del self.losses[old]
        return True

    # --- Opening -----------------------------------------------------------------------------------------------------

    def _open(self) -> bool:
        try:
            opened = open_file(self.path, self._mark.read(), log_bytes=self._log_bytes)
        except (sqlite3.Error, OSError) as error:
            self._db = None
            if not self.disk_error:
                log.error("outbox can't be opened, entries stay in memory", path=str(self.path), error=str(error))
            self.disk_error = str(error) or type(error).__name__
            return False
        self._take_over(opened)
        return True

    def _take_over(self, opened: Opened) -> None:
        self._db = opened.db
        old_epoch, old_next = self.epoch, self._next_seq
        self._state = opened.state
        self.damage = opened.damage or self.damage
        self.recovered = opened.recovered
        # What was learnt while there was no file is newer than what the file says.
        self.layouts = opened.facts.layouts | self.layouts
        self._unwritten |= {LAYOUT + layout_id: fact for layout_id, fact in self.layouts.items()}
        self.boots = opened.facts.boots | self.boots
        self.losses = opened.facts.losses
        (highest,) = opened.db.execute("SELECT coalesce(max(seq), 0) FROM entry").fetchone()
        self._next_seq = max(highest + 1, opened.state.next_seq)
        self._waiting = opened.state.counted + self._count_after(opened.state.counted_to)
        self._first_waiting = 0
        self._forgotten = RangeSet()
        self._find_newest()
        if self._tail and (old_epoch != self.epoch or old_next < self._next_seq):
            self._next_seq = self._tail.renumber(self._next_seq)
            for loss in self._tail.losses:
                self.add_loss(changed(loss, epoch="" if old_epoch == self.epoch else old_epoch))
            self._tail.losses.clear()
        elif self._tail:
            self._next_seq = max(self._next_seq, old_next)
        if self.listener is not None:
            self.listener.replaced()

    def _count_after(self, seq: int) -> int:
        assert self._db is not None
        count = self._db.execute("SELECT count(*) FROM entry WHERE seq > ? AND kind < 2", (seq,)).fetchone()
        return int(count[0])

    def _find_newest(self) -> None:
        """Newest row of every layout, from the newest few minutes of entries."""
        self._newest = {}
        rows = self._read(
            "SELECT seq, crc, at_ms, kind, boot, body FROM entry WHERE kind < 3 ORDER BY seq DESC LIMIT 200"
        )
        for row in rows:
            entry = entry_of(row)
            if entry is None or entry.kind & EVENT:
                continue
            if not self.durable_ms and self.is_timed(entry):
                self.durable_ms = self.utc_of(entry)
            for raw in raw_rows(entry):
                self._newest.setdefault(str(raw[0]), entry.seq)
        self.durable_ms = self.durable_ms or self._state.durable_ms
