"""The folder of a commissioning: its draft, durable after every step, and one process at a time that works on it."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Final

from edge_agent.commissioning.draft import Draft, DraftError, of_json, to_json
from edge_agent.commissioning.files import write_whole

DRAFT_FILE: Final = "commissioning.json"
CONFIG_FILE: Final = "site.yaml"
_LOCK_FILE: Final = ".commissioning.lock"
_DRAFT_MODE: Final = 0o640


class StoreError(Exception):
    """The folder cannot be used. ``kind`` is of a closed list with words (words_walk.py): busy, unwritable, damaged."""

    def __init__(self, kind: str, path: Path, why: str = "") -> None:
        self.kind, self.path, self.why = kind, path, why
        super().__init__(f"{path}: {kind} {why}".rstrip())


class Store:
    """The folder while it is open. ``close`` it at the end."""

    def __init__(self, folder: Path, lock: int, draft: Draft) -> None:
        self.folder = folder
        self.draft = draft
        self._lock = lock

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open or make the folder and read the draft in it.

        Raises:
            StoreError: another process works on it, it cannot be written, or its draft cannot be read (it is kept).
        """
        path = folder / DRAFT_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _DRAFT_MODE)
        except OSError as error:
            raise StoreError("unwritable", folder, error.strerror or str(error)) from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError("busy", folder) from None
            try:
                draft = of_json(path.read_bytes()) if path.exists() else Draft()
            except DraftError as error:
                raise StoreError("damaged", path, str(error)) from None
            except OSError as error:
                raise StoreError("unwritable", path, error.strerror or str(error)) from None
        except BaseException:
            os.close(lock)
            raise
        return cls(folder, lock, draft)

    @property
    def config_path(self) -> Path:
        """The site file."""
        return self.folder / CONFIG_FILE

    def config_sha256(self) -> str:
        """Digest of the site file; empty when there is none."""
        try:
            return hashlib.sha256(self.config_path.read_bytes()).hexdigest()
        except OSError:
            return ""

    def save(self, draft: Draft) -> None:
        """Keep a draft; on disk when this returns.

        Raises:
            StoreError: it cannot be written; the one before is still there.
        """
        self.write(self.folder / DRAFT_FILE, to_json(draft), mode=_DRAFT_MODE)
        self.draft = draft

    def write(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file as a whole. Raises StoreError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data, mode=mode)
        except OSError as error:
            raise StoreError("unwritable", path, error.strerror or str(error)) from None

    def close(self) -> None:
        """Let others work on it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
