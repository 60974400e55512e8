"""The mode of a shelter on disk, so that it wakes up in the mode in which it fell asleep, and the switch on site.

The state goes to a file of its own, on disk (fsync), which takes the old one's place in one step: after a power cut
there is the old state or the new one. It is kept twice: a damaged file must not make the shelter forget which orders
are old, nor what it has to put back in its devices. Only without either does it start without a mode, and says so.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import structlog

from edge_agent.core.saved import Saved
from edge_agent.core.standing import Kept, Switch

log = structlog.get_logger()

_FILE_MODE: Final = 0o664
BYTES_MAX: Final = 1 << 20


class StateError(Exception):
    """A state cannot be kept or read. The text says where, why and what to try."""


class SiteMemory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What survives a reboot."""

    kept: Kept
    held: dict[str, list[str]] = {}
    """Device → kinds of control that were ordered and not released yet."""
    saved: list[Saved] = []
    """What stood in registers before, of controls that have no release of their own."""
    told: tuple[int, str, str] = (0, "", "")
    """Revision, stage and reason of what the city was told last."""
    told_ms: int = 0
    """When that was."""
    tiers_w: dict[int, float] = {}
    """What was seen to go when a load tier was opened."""


def state_path(outbox: Path) -> Path:
    """Where the mode of this outbox's site is."""
    return outbox.with_name(outbox.stem + ".mode")


def copy_path(state: Path) -> Path:
    """Where the second copy of a mode is."""
    return state.with_name(state.name + ".copy")


def switch_path(outbox: Path) -> Path:
    """Where the switch of this outbox's site is."""
    return outbox.with_name(outbox.stem + ".switch")


def save(path: Path, memory: SiteMemory) -> None:
    """Keep a state; on disk when this returns. Raises StateError."""
    body = msgspec.json.encode(memory)
    data = b"%08x %s\n" % (zlib.crc32(body), body)
    _replace(copy_path(path), data)
    _replace(path, data)


def load(path: Path) -> SiteMemory | None:
    """The state that was kept, the newer one of its two copies; None when there is none.

    Raises:
        StateError: nothing can be read; what is damaged was put aside as ``.damaged``.
    """
    found, faults = [], []
    for each in (path, copy_path(path)):
        try:
            memory = _load(each)
        except StateError as error:
            faults.append(str(error))
        else:
            found += [memory] if memory is not None else []
    if not found and faults:
        raise StateError("; ".join(faults) + ": the shelter starts without a mode until the city says one")
    for fault in faults:
        log.error("one copy of the shelter's mode can't be read; the other one counts", why=fault)
    return max(found, key=lambda memory: memory.kept.revision, default=None)


class _Revision(msgspec.Struct, frozen=True):
    revision: int


class _Least(msgspec.Struct, frozen=True):
    """What a state of every version of this software has."""

    kept: _Revision


def _load(path: Path) -> SiteMemory | None:
    raw = _read(path)
    if raw is None:
        return None
    checksum, _, body = raw.strip().partition(b" ")
    if checksum == b"%08x" % zlib.crc32(body):
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(body, type=SiteMemory)
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            least = msgspec.json.decode(body, type=_Least)
            log.error("the mode is of another version of this software; only its revision counts", path=str(path))
            return SiteMemory(kept=Kept(revision=least.kept.revision))
    with suppress(OSError):
        path.replace(path.with_name(path.name + ".damaged"))
    raise StateError(f"{path} is damaged and was put aside")


def turn(path: Path, switch: Switch) -> None:
    """Turn the switch on site; on disk when this returns. Raises StateError."""
    _replace(path, msgspec.json.encode(switch) + b"\n")


def read_switch(path: Path) -> Switch | None:
    """How the switch stands; None when nobody ever turned it.

    Raises:
        StateError: the file holds something else.
    """
    raw = _read(path)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=Switch)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"{path} is no switch position ({error}): turn it anew with shelter-edge switch") from None


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}; the agent must be able to read it") from None


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _FILE_MODE)
        try:
            while data:
                data = data[os.write(fd, data) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}; make room on the disk and the folder writable") from None
