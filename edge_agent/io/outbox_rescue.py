"""Opening an outbox file whatever state it is in: whole, torn, garbage, gone.

A whole file is opened with a cheap check (no page is read that need not be). A damaged one is read page by page
(core/salvage.py), put aside, and a new file is filled with what could be read, under the same name (``epoch``); its
numbers go on past the highest that can have been used. What is missing between is told as lost.
"""

from __future__ import annotations

import contextlib
import mmap
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from contract.messages import Loss, LossReason
from edge_agent.core.salvage import Buffer, Cell, Frame, PageSource, wal_frames
from edge_agent.io.outbox_file import (
    DELIVERED,
    INSERT_ENTRY,
    LOSS,
    SCHEMA,
    STATE,
    UPSERT_FACT,
    DamagedError,
    Entry,
    Facts,
    LossFact,
    Mark,
    State,
    complain,
    connect,
    entry_of,
    fact_body,
    fact_row,
    is_damage,
    sort_facts,
    transaction,
)

NUMBERS_SKIPPED: Final = 1_000
"""After damage numbers go on this far behind the highest one seen: what a torn mark may have missed."""
GAPS_MAX: Final = 200
"""More gaps than this in a salvaged file are told as one."""
_WAL_BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(slots=True)
class Opened:
    """An open file and what it holds. ``damage``: what was wrong with it, empty when nothing was."""

    db: sqlite3.Connection
    state: State
    facts: Facts
    damage: str = ""
    recovered: int = 0
    losses: list[Loss] = field(default_factory=list)


def open_file(path: Path, mark: Mark | None, *, log_bytes: int, damage: str = "") -> Opened:
    """Open the outbox, or what can be saved of it. ``damage``: what is known to be wrong with it already.

    Raises:
        sqlite3.Error: the disk does not let us (full, read-only, no permission); the file itself is not touched.
        OSError: the same.
    """
    _swap_in(path)
    wal = _read_wal(path)
    is_new = not path.exists() or (path.stat().st_size == 0 and not wal)
    try:
        if damage:
            raise DamagedError(damage)
        # SQLite deletes the log of an empty file, so that one is read by us.
        if not is_new and path.stat().st_size == 0:
            raise DamagedError("the file is empty, its log is not")
        opened = _open_whole(path, wal, mark, is_new=is_new, log_bytes=log_bytes)
    except DamagedError as error:
        damage = str(error)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        damage = str(error)
    else:
        return opened
    return _salvage(path, wal, mark, damage, log_bytes=log_bytes)


def _read_wal(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.with_name(path.name + "-wal").open("rb") as file:
        return file.read(_WAL_BYTES_MAX)
    return b""


def _open_whole(path: Path, wal: bytes, mark: Mark | None, *, is_new: bool, log_bytes: int) -> Opened:
    db = connect(path, log_bytes=log_bytes)
    try:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if is_new or not tables:
            return _start_new(db, mark)
        if not {"entry", "fact"} <= tables:
            raise DamagedError("a table is missing")
        # How far SQLite believed the log; the rest of it may still hold entries.
        _, believed, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        facts = _read_facts(db)
        state = facts.state
        if state is None and not _highest(db):
            # Ended between making the tables and writing the first fact.
            return _start_new(db, mark)
        if state is None:
            raise DamagedError("the outbox's own record of its state is missing")
        newest = db.execute("SELECT seq, crc, at_ms, kind, boot, body FROM entry ORDER BY seq DESC LIMIT 50").fetchall()
        oldest = db.execute("SELECT seq, crc, at_ms, kind, boot, body FROM entry ORDER BY seq LIMIT 1").fetchall()
        if any(entry_of(row) is None for row in (*newest, *oldest)):
            raise DamagedError("an entry is not what its checksum says")
        opened = Opened(db, state, facts)
        _take_unbelieved(opened, wal_frames(wal)[max(0, believed) :])
        top = max(_highest(db), opened.state.next_seq - 1)
        if mark is not None and mark.epoch == state.epoch and mark.seq > top:
            _skip_numbers(opened, top, mark)
        return opened
    except BaseException:
        db.close()
        raise


def create_tables(db: sqlite3.Connection) -> None:
    """Make the tables, all or none."""
    with transaction(db):
        for statement in filter(str.strip, SCHEMA.split(";")):
            db.execute(statement)


def _start_new(db: sqlite3.Connection, mark: Mark | None) -> Opened:
    create_tables(db)
    if mark is None:
        opened = Opened(db, State(epoch=secrets.token_hex(4)), Facts(None, {}, {}, {}))
        _save(opened)
    else:
        opened = Opened(db, State(epoch=mark.epoch), Facts(None, {}, {}, {}), damage="the file is gone")
        _skip_numbers(opened, 0, mark)
    return opened


def _read_facts(db: sqlite3.Connection) -> Facts:
    bodies: dict[str, bytes] = {}
    for crc, name, body in db.execute("SELECT crc, name, body FROM fact"):
        checked = fact_body(crc, name, body)
        if checked is None:
            raise DamagedError(f"fact {name!r} is not what its checksum says")
        bodies[checked[0]] = checked[1]
    return sort_facts(bodies)


def _highest(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM entry").fetchone()[0])


def _take_unbelieved(opened: Opened, frames: list[Frame]) -> None:
    """Entries of whole transactions that stand behind a torn frame of the log."""
    while frames and not frames[-1].is_commit:
        frames.pop()
    # One transaction that SQLite does not believe is the one in which the process was killed: its entry was never
    # accepted. Only what was written after it shows that the log was damaged later.
    if sum(frame.is_commit for frame in frames) < 2:
        return
    pages = PageSource(b"", {frame.page: frame.data for frame in frames})
    highest = _highest(opened.db)
    found: dict[int, Entry] = {}
    for frame in frames:
        for cell in pages.cells_of(frame.data, header_at=100 if frame.page == 1 else 0):
            entry = entry_of((cell.rowid, *cell.values[1:]))
            if entry is not None and entry.seq > highest:
                found[entry.seq] = entry
    if found:
        opened.damage = "the log is torn"
        opened.recovered = len(found)
        with transaction(opened.db):
            opened.db.executemany(INSERT_ENTRY, [entry.as_row() for entry in found.values()])


def _skip_numbers(opened: Opened, top: int, mark: Mark | None) -> None:
    """Go on past every number that can have been used, and call those that are missing lost."""
    last = max(top, mark.seq if mark is not None else 0, opened.state.next_seq - 1)
    in_memory = mark is not None and mark.in_memory
    skipped = last + NUMBERS_SKIPPED
    from_ms = opened.state.durable_ms
    row = opened.db.execute("SELECT at_ms FROM entry WHERE boot = 0 ORDER BY seq DESC LIMIT 1").fetchone()
    from_ms = row[0] if row is not None else from_ms
    loss = Loss(
        first_seq=top + 1,
        last_seq=skipped,
        from_ms=from_ms,
        to_ms=max(from_ms, mark.at_ms if mark is not None else 0),
        rows=last - top,
        reason=LossReason.DISK_FULL if in_memory else LossReason.DAMAGED,
    )
    opened.damage = opened.damage or ("the newest entries were only in memory" if in_memory else "the log was cut off")
    opened.losses.append(loss)
    opened.state = replace(opened.state, next_seq=skipped + 1)
    _save(opened)


def _save(opened: Opened) -> None:
    with transaction(opened.db):
        opened.db.execute(UPSERT_FACT, fact_row(STATE, opened.state))
        _add_losses(opened)


def _add_losses(opened: Opened) -> None:
    number = max(opened.facts.losses, default=0)
    for loss in opened.losses:
        if any(known.loss == loss for known in opened.facts.losses.values()):
            continue
        number += 1
        opened.facts.losses[number] = LossFact(loss=loss)
        opened.db.execute(UPSERT_FACT, fact_row(f"{LOSS}{number}", opened.facts.losses[number]))


# --- Salvage ---------------------------------------------------------------------------------------------------------


def _salvage(path: Path, wal: bytes, mark: Mark | None, damage: str, *, log_bytes: int) -> Opened:
    """Build a new file beside the damaged one, and swap them when it is complete. A crash anywhere only repeats it."""
    complain("outbox is damaged, saving what can be read", path=str(path), damage=damage)
    part = _beside(path, ".rescue-part")
    part.unlink(missing_ok=True)
    _beside(path, ".damaged").unlink(missing_ok=True)  # An older one would be replaced anyway: its room is needed now.
    db = sqlite3.connect(part, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = FULL")
        create_tables(db)
        built = Opened(db, State(epoch=""), Facts(None, {}, {}, {}), damage=damage)
        with _image_of(path) as image:
            _refill(built, image, wal_frames(wal))
        _conclude(built, mark)
    except (sqlite3.Error, OSError):
        part.unlink(missing_ok=True)  # On a full disk half a rescue must not take the room of the next attempt.
        raise
    finally:
        db.close()
    part.replace(_beside(path, ".rescue"))
    _swap_in(path)
    complain("outbox was rebuilt", path=str(path), entries=built.recovered, losses=len(built.losses))
    db = connect(path, log_bytes=log_bytes)
    return Opened(db, built.state, built.facts, damage, built.recovered, built.losses)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _swap_in(path: Path) -> None:
    """Put a finished rescue in the file's place, and the damaged one aside for whoever wants to look."""
    rescue = _beside(path, ".rescue")
    if not rescue.exists():
        return
    if path.exists():
        path.replace(_beside(path, ".damaged"))
    for suffix in ("-wal", "-shm"):
        _beside(path, suffix).unlink(missing_ok=True)
    rescue.replace(path)


@contextlib.contextmanager
def _image_of(path: Path) -> Iterator[Buffer]:
    if not path.exists() or path.stat().st_size == 0:
        yield b""
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        yield image


def _refill(opened: Opened, image: Buffer, frames: list[Frame]) -> None:
    pages = PageSource(image, {frame.page: frame.data for frame in frames})
    facts: dict[str, bytes] = {}

    def take(cell: Cell) -> None:
        values = cell.values
        if len(values) == 6:
            entry = entry_of((cell.rowid, *values[1:]))
            if entry is not None:
                opened.db.execute(INSERT_ENTRY, entry.as_row())
        elif len(values) == 4:
            fact = fact_body(*values[1:])
            if fact is not None:
                facts[fact[0]] = fact[1]

    with transaction(opened.db):
        for cell in pages.cells():
            take(cell)
        # A page that the file lost may have an older image in the log.
        for frame in frames:
            for cell in pages.cells_of(frame.data, header_at=100 if frame.page == 1 else 0):
                take(cell)
        for name, body in facts.items():
            checked = sort_facts({name: body})
            for fact in (checked.state, *checked.layouts.values(), *checked.boots.values(), *checked.losses.values()):
                if fact is not None:
                    opened.db.execute(UPSERT_FACT, fact_row(name, fact))
    opened.facts = sort_facts(facts)
    opened.recovered = int(opened.db.execute("SELECT count(*) FROM entry").fetchone()[0])


def _conclude(opened: Opened, mark: Mark | None) -> None:
    """Settle name, count and numbers of a refilled file, and list what is missing in it."""
    db, found = opened.db, opened.facts.state
    epoch = found.epoch if found is not None else mark.epoch if mark is not None else secrets.token_hex(4)
    has_same_epoch = mark is not None and mark.epoch == epoch
    opened.state = found if found is not None else State(epoch=epoch)
    opened.losses += _gaps(opened)
    waiting = db.execute("SELECT count(*) FROM entry WHERE kind < ?", (DELIVERED,)).fetchone()[0]
    opened.state = replace(opened.state, counted=waiting, counted_to=_highest(db))
    _skip_numbers(opened, _highest(db), mark if has_same_epoch else None)


def _gaps(opened: Opened) -> list[Loss]:
    """Numbers that are missing between those that were saved. Some of them the city may have: then nothing is lost."""
    losses: list[Loss] = []
    # What waited at the last count begins here.
    last_seq, last_ms = opened.state.first_seq - 1, opened.state.first_ms
    for seq, at_ms in opened.db.execute("SELECT seq, at_ms FROM entry ORDER BY seq"):
        if last_seq >= 0 and seq > last_seq + 1:
            losses.append(
                Loss(
                    first_seq=last_seq + 1,
                    last_seq=seq - 1,
                    from_ms=max(0, min(last_ms, at_ms)),
                    to_ms=max(last_ms, at_ms, 0),
                    rows=seq - last_seq - 1,
                    reason=LossReason.DAMAGED,
                )
            )
        last_seq, last_ms = seq, at_ms
    if len(losses) > GAPS_MAX:
        first, last = losses[0], losses[-1]
        return [
            Loss(
                first_seq=first.first_seq,
                last_seq=last.last_seq,
                from_ms=first.from_ms,
                to_ms=max(first.from_ms, last.to_ms),
                rows=sum(loss.rows for loss in losses),
                reason=LossReason.DAMAGED,
            )
        ]
    return losses
