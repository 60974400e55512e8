"""What is remembered of backups that were made: when, where to, how large, with which checksum. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

NOTE: Final = "backup.made"
"""Note in the records that holds the newest backups."""
AWAITED: Final = "backup.awaited_ms"
"""Note that holds since when a first backup is waited for."""
KEPT_MAX: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRecord:
    """One backup that was written and is whole."""

    made_ms: int
    """Of when its records are."""
    done_ms: int
    """When it was written to its end."""
    to: str
    """File, with its path on the machine that wrote it; or, of one that was made by other means, in words."""
    bytes: int = 0
    """0: made by other means, so it is not known."""
    sha256: str = ""
    """Of the whole file; empty: made by other means."""
    has_keys: bool = False


_decoder: Final = msgspec.json.Decoder(tuple[BackupRecord, ...])


def records_of(notes: Mapping[str, str]) -> tuple[BackupRecord, ...]:
    """Backups that were noted, the newest first; none, too, where the note can't be read."""
    try:
        found = _decoder.decode(notes.get(NOTE, "[]"))
    except msgspec.DecodeError:
        return ()
    return tuple(sorted(found, key=lambda one: -one.made_ms))


def note_with(before: Sequence[BackupRecord], made: BackupRecord) -> str:
    """The note after one more backup: the newest stay."""
    kept = sorted((made, *before), key=lambda one: -one.made_ms)[:KEPT_MAX]
    return msgspec.json.encode(kept).decode()


def newest_ms(notes: Mapping[str, str]) -> int | None:
    """Of when the newest backup is, or since when a first one is waited for; ``None``: neither was noted."""
    records = records_of(notes)
    if records:
        return records[0].made_ms
    awaited = notes.get(AWAITED, "")
    return int(awaited) if awaited.isdecimal() else None
