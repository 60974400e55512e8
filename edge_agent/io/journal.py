"""What must be written back into devices, on disk before anything is written: a test that is cut short is mended later.

One line of JSON an entry, each with a checksum, on disk (fsync) when ``put`` or ``done`` returns. A line that was cut
short by a crash was never acknowledged, so nothing was written to a device on the strength of it; what was not noted as
done is restored once more, which changes nothing. One process at a time has the journal open.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from edge_agent.core.saved import Saved

ENDING: Final = ".restore"
_FILE_MODE: Final = 0o664
"""Commissioning and agent may be two users of one group."""


class JournalError(Exception):
    """The journal can't be used. The text says where and why, and what to try."""


class JournalBusy(JournalError):  # noqa: N818  (named for what it means)
    """Another process has it open: a control test runs."""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    put: Saved | None = None
    done: str = ""
    looked: bool = False
    """A person has seen to what the damaged lines above may have held."""


def journal_path(outbox: Path) -> Path:
    """Where the journal of this outbox's site is: beside it, where agent and commissioning both may write."""
    return outbox.with_name(outbox.stem + ENDING)


def is_busy(path: Path) -> bool:
    """Whether somebody has a journal open: a control test runs, or what it left is being put back."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


class Journal:
    """The file while it is open. Use it as a context manager, or ``close`` it."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.damaged = 0
        """Lines in the middle of the file that could not be read: something may be left unrestored."""
        self._fd = fd
        self._pending: dict[str, Saved] = {}

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open or make the file and read what is pending.

        Raises:
            JournalBusy: another process has it open.
            JournalError: it can't be read or written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}; whoever tests controls must be able to write it") from None
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JournalBusy(f"{path}: another process tests or restores controls; wait until it ends") from None
            found = cls(path, fd)
            found._read()
            _sync_folder(path.parent)
        except OSError as error:
            os.close(fd)
            raise JournalError(f"{path}: {error.strerror}") from None
        except BaseException:
            os.close(fd)
            raise
        return found

    def put(self, saved: Saved) -> None:
        """Note what stood in a device; on disk when this returns. Raises JournalError."""
        self._append(_Line(put=saved), "nothing was written to the device")
        self._pending[saved.id] = saved

    def done(self, saved_id: str) -> None:
        """Note that it was written back; on disk when this returns. Raises JournalError."""
        if saved_id not in self._pending:
            return
        self._append(_Line(done=saved_id), "what it holds is put back once more at the next start")
        del self._pending[saved_id]
        self._tidy()

    def forget_damaged(self) -> int:
        """Take no more account of lines that could not be read, after a person has looked at the devices; how many.

        Raises JournalError.
        """
        count = self.damaged
        if count:
            self._append(_Line(looked=True), "the damaged lines still count")
            self.damaged = 0
            self._tidy()
        return count

    def pending(self) -> tuple[Saved, ...]:
        """What must still be written back, newest first: in the order in which it is taken back."""
        return tuple(reversed(self._pending.values()))

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _tidy(self) -> None:
        if not self._pending and not self.damaged:
            with suppress(OSError):  # Nothing is pending, so nothing can be lost.
                os.ftruncate(self._fd, 0)
                os.fsync(self._fd)

    def _append(self, line: _Line, meaning: str) -> None:
        data = _encoded(line)
        end = os.fstat(self._fd).st_size
        try:
            os.lseek(self._fd, 0, os.SEEK_END)
            while data:
                data = data[os.write(self._fd, data) :]
            os.fsync(self._fd)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._fd, end)
            raise JournalError(f"{self.path}: {error.strerror}; {meaning}") from None

    def _read(self) -> None:
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # A crash cut the last line short; the next one must not be glued to it.
            os.ftruncate(self._fd, len(whole))
        self._pending, self.damaged = _understood(whole)


def left_in(path: Path) -> tuple[tuple[Saved, ...], int]:
    """What is pending in a journal that somebody else may have open, newest first, and how many lines are damaged.

    Raises JournalError.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return (), 0
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}") from None
    pending, damaged = _understood(data[: data.rfind(b"\n") + 1])
    return tuple(reversed(pending.values())), damaged


def _understood(whole: bytes) -> tuple[dict[str, Saved], int]:
    pending: dict[str, Saved] = {}
    damaged = 0
    for raw in whole.splitlines():
        line = _decoded(raw)
        if line is None:
            damaged += 1
        elif line.put is not None:
            pending[line.put.id] = line.put
        elif line.looked:
            damaged = 0
        else:
            pending.pop(line.done, None)
    return pending, damaged


def _encoded(line: _Line) -> bytes:
    body = msgspec.json.encode(line)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _decoded(raw: bytes) -> _Line | None:
    checksum, _, body = raw.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    try:
        return msgspec.json.decode(body, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
