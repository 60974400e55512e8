"""The outbox's file: its tables, how rows and facts are checked and written, and the mark beside it.

``entry`` holds what waits (and, where that is asked for, what was delivered). ``fact`` holds the little that must
outlive a crash: state, layouts, boots, losses. Every row carries a checksum over what it says, because SQLite has none:
a flipped bit on a memory card must not become a reading, and a salvaged page must prove itself.

The mark (``<file>.mark``) is 96 bytes with the outbox's name and its highest number, written in place after every
entry. It costs a few microseconds and no fsync, and it is the witness that is left when the file is not: numbers that
the city may have seen are never given to other data.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import structlog

from contract.messages import Loss, Slot
from contract.wire import Row

TELEMETRY: Final = 0
EVENT: Final = 1
DELIVERED: Final = 2
"""Added to the kind of an entry that the city has, where delivered entries are kept."""

PAGE_BYTES: Final = 4096
"""What one torn page costs at most; SQLite's own default since 2016."""
CORRUPT_CODES: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entry (
    seq INTEGER PRIMARY KEY, crc INTEGER NOT NULL, at_ms INTEGER NOT NULL, kind INTEGER NOT NULL,
    boot INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS entry_event ON entry (seq) WHERE kind = 1;
CREATE INDEX IF NOT EXISTS entry_boot ON entry (boot, at_ms) WHERE boot > 0;
CREATE TABLE IF NOT EXISTS fact (id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS fact_name ON fact (name);
"""
INSERT_ENTRY: Final = "INSERT OR REPLACE INTO entry (seq, crc, at_ms, kind, boot, body) VALUES (?, ?, ?, ?, ?, ?)"
UPSERT_FACT: Final = (
    "INSERT INTO fact (crc, name, body) VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET crc = excluded.crc, body = excluded.body"
)


log = structlog.get_logger()


def complain(what: str, **details: object) -> None:
    """Log an error. A log that lies on the same full disk must not be what fails."""
    with contextlib.suppress(OSError):
        log.error(what, **details)


class OutboxError(Exception):
    """The outbox can't be used at all. The text says why and what to do."""


class DamagedError(Exception):
    """The file opens, but what stands in it is not what an outbox wrote."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One outbox entry. ``boot`` 0: ``at_ms`` is UTC; else it is milliseconds since that boot."""

    seq: int
    at_ms: int
    kind: int
    boot: int
    body: bytes

    @property
    def crc(self) -> int:
        """Checksum over everything but whether it was delivered."""
        head = b"%d %d %d %d " % (self.seq, self.at_ms, self.kind & ~DELIVERED, self.boot)
        return zlib.crc32(self.body, zlib.crc32(head))

    def as_row(self) -> tuple[int, int, int, int, int, bytes]:
        """Parameters of ``INSERT_ENTRY``."""
        return self.seq, self.crc, self.at_ms, self.kind, self.boot, self.body


def entry_of(row: tuple[object, ...]) -> Entry | None:
    """The entry of a row ``seq, crc, at_ms, kind, boot, body``; None when it is not what its checksum says."""
    if len(row) != 6:
        return None
    seq, crc, at_ms, kind, boot, body = row
    if not (
        isinstance(seq, int)
        and isinstance(at_ms, int)
        and isinstance(kind, int)
        and isinstance(boot, int)
        and isinstance(body, bytes)
    ):
        return None
    entry = Entry(seq, at_ms, kind, boot, body)
    return entry if entry.crc == crc and seq >= 1 and 0 <= kind < 4 else None


def checked_entry(row: tuple[object, ...]) -> Entry:
    """The entry of a row.

    Raises:
        DamagedError: it is not what its checksum says. Then its number can't be trusted either.
    """
    entry = entry_of(row)
    if entry is None:
        raise DamagedError("an entry is not what its checksum says")
    return entry


# --- Facts -----------------------------------------------------------------------------------------------------------


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the file as a whole. ``counted`` entries with numbers up to ``counted_to`` waited."""

    epoch: str
    next_seq: int = 1
    """At least this comes next, even when no entry is left to tell."""
    counted: int = 0
    counted_to: int = 0
    first_seq: int = 0
    """Oldest entry that waited then, and its time; 0 = none."""
    first_ms: int = 0
    thinned_1min_seq: int = 0
    thinned_15min_seq: int = 0
    durable_ms: int = 0


class LayoutFact(msgspec.Struct, frozen=True, kw_only=True):
    """A layout that entries refer to. ``known``: the city acknowledged a message that defined it."""

    device: str
    points: tuple[str, ...]
    known: bool = False


class BootFact(msgspec.Struct, frozen=True, kw_only=True):
    """A boot of the machine whose time was not known at first. ``offset_ms``: UTC at boot, once it is known."""

    id: str
    offset_ms: int | None = None


class LossFact(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that was given up. ``told``: an event about it is in the outbox."""

    loss: Loss
    told: bool = False


Fact = State | LayoutFact | BootFact | LossFact
STATE: Final = "state"
LAYOUT: Final = "layout:"
BOOT: Final = "boot:"
LOSS: Final = "loss:"


def fact_row(name: str, fact: Fact) -> tuple[int, str, bytes]:
    """Parameters of ``UPSERT_FACT``."""
    body = msgspec.json.encode(fact)
    return zlib.crc32(body, zlib.crc32(name.encode())), name, body


def fact_body(crc: object, name: object, body: object) -> tuple[str, bytes] | None:
    """Name and body of a fact; None when it is not what its checksum says."""
    if not isinstance(name, str) or not isinstance(body, bytes):
        return None
    return (name, body) if zlib.crc32(body, zlib.crc32(name.encode())) == crc else None


@dataclass(slots=True)
class Facts:
    """All facts of a file, taken apart."""

    state: State | None
    layouts: dict[str, LayoutFact]
    boots: dict[int, BootFact]
    losses: dict[int, LossFact]


def sort_facts(bodies: dict[str, bytes]) -> Facts:
    """Facts by kind; one that can't be read is left out (its checksum held, so that is another version's)."""
    found = Facts(None, {}, {}, {})
    for name, body in bodies.items():
        with contextlib.suppress(msgspec.DecodeError, ValueError):
            if name == STATE:
                found.state = msgspec.json.decode(body, type=State)
            elif name.startswith(LAYOUT):
                found.layouts[name.removeprefix(LAYOUT)] = msgspec.json.decode(body, type=LayoutFact)
            elif name.startswith(BOOT):
                found.boots[int(name.removeprefix(BOOT))] = msgspec.json.decode(body, type=BootFact)
            elif name.startswith(LOSS):
                found.losses[int(name.removeprefix(LOSS))] = msgspec.json.decode(body, type=LossFact)
    return found


# --- The connection --------------------------------------------------------------------------------------------------


def connect(path: Path, *, log_bytes: int) -> sqlite3.Connection:
    """A connection that is durable at every commit and keeps its log near ``log_bytes``."""
    db = sqlite3.connect(path, isolation_level=None, timeout=2.0)
    try:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -1024")
        db.execute(f"PRAGMA wal_autocheckpoint = {max(16, log_bytes * 3 // 4 // PAGE_BYTES)}")
        db.execute(f"PRAGMA journal_size_limit = {log_bytes}")
    except sqlite3.Error:
        db.close()
        raise
    return db


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing, and on disk when the block is left."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def is_damage(error: Exception) -> bool:
    """Whether the file is broken, rather than full, locked or forbidden."""
    if isinstance(error, DamagedError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in CORRUPT_CODES


# --- The mark --------------------------------------------------------------------------------------------------------

_MARK_BYTES: Final = 96


@dataclass(frozen=True, slots=True)
class Mark:
    """Highest number given out, when, and whether it went to memory because the disk took nothing."""

    epoch: str
    seq: int
    at_ms: int
    in_memory: bool = False


class MarkFile:
    """The mark on disk; also the lock that keeps a second process off the outbox."""

    def __init__(self, outbox_path: Path) -> None:
        self.path = outbox_path.with_name(outbox_path.name + ".mark")
        self._fd: int | None = None
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        for attempt in (flags, os.O_RDONLY | os.O_CLOEXEC):
            with contextlib.suppress(OSError):
                self._fd = os.open(self.path, attempt, 0o644)
                break
        if self._fd is not None:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(self._fd)
                raise OutboxError(
                    f"{outbox_path}: another process uses this outbox; stop it, or give this site a path of its own"
                ) from None

    def read(self) -> Mark | None:
        """The mark; None when there is none or it is torn."""
        if self._fd is None:
            return None
        try:
            text, _, crc = os.pread(self._fd, _MARK_BYTES, 0).rstrip().rpartition(b" ")
            epoch, seq, at_ms, in_memory = text.decode().split(" ")
            if zlib.crc32(text) != int(crc):
                return None
            return Mark(epoch, int(seq), int(at_ms), in_memory == "1")
        except (OSError, ValueError):
            return None

    def write(self, mark: Mark) -> bool:
        """Write it in place. False when the disk does not even take that."""
        if self._fd is None:
            return False
        text = f"{mark.epoch} {mark.seq} {mark.at_ms} {int(mark.in_memory)}".encode()
        line = b"%s %d" % (text, zlib.crc32(text))
        try:
            os.pwrite(self._fd, line.ljust(_MARK_BYTES - 1) + b"\n", 0)
            if mark.in_memory:
                os.fsync(self._fd)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of the lock."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


# --- Bodies ----------------------------------------------------------------------------------------------------------

RawRow = list[Slot]
"""``[layout id, ms after the entry's time, slot…]``, as in a telemetry message."""

_encoder: Final = msgspec.json.Encoder()
_rows_decoder: Final = msgspec.json.Decoder(list[RawRow])


def body_of(rows: Sequence[RawRow]) -> bytes:
    """Stored form of a telemetry entry's rows."""
    return _encoder.encode(rows)


def raw_rows(entry: Entry) -> list[RawRow]:
    """Rows of a telemetry entry."""
    return _rows_decoder.decode(entry.body)


def rows_of(entry: Entry, offset_ms: int = 0) -> list[Row]:
    """Rows of a telemetry entry with their times, moved by ``offset_ms``."""
    base_ms = entry.at_ms + offset_ms
    return [Row(str(raw[0]), base_ms + int(raw[1]), tuple(raw[2:])) for raw in raw_rows(entry)]
