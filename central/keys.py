"""The city's key on disk: a PEM file that its owner alone can read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import structlog

from contract.signing import KeyFileError, Signer, fingerprint

log = structlog.get_logger(__name__)


class KeyTroubleError(Exception):
    """The key can't be read, made or replaced; the text says what to try."""


def read_key(path: Path) -> Signer | None:
    """The key of a file; None when there is no file.

    Raises:
        KeyTroubleError: it can't be read, others may read it, or it holds no such key.
    """
    try:
        others = path.stat().st_mode & 0o077
        pem = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyTroubleError(f"{path}: {error.strerror}") from None
    if others:
        raise KeyTroubleError(f"{path}: others can read it (chmod 600 {path}); if they did, make a new key")
    try:
        return Signer.of_pem(pem)
    except KeyFileError as error:
        raise KeyTroubleError(f"{path}: {error}") from None


def make_key(path: Path, *, replace: bool) -> Signer:
    """A new key in a file; one that is there goes beside it under its fingerprint.

    Raises:
        KeyTroubleError: there is one and it was not to be replaced, or the disk says no.
    """
    old = read_key(path)
    if old is not None and not replace:
        raise KeyTroubleError(
            f"{path}: there is a key, {shown(old)}, and shelters trust it. A new one holds in a shelter only after its "
            "public part was put there: then give --replace"
        )
    signer = Signer.new()
    fresh = path.with_suffix(".new")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(signer.pem())
            file.flush()
            os.fsync(file.fileno())
        if old is not None:
            path.rename(path.with_name(f"{path.stem}-{shown(old)}.pem"))
        fresh.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise KeyTroubleError(f"{path}: {error.strerror}") from None
    return signer


def shown(signer: Signer) -> str:
    """A key as two people compare it by telephone."""
    return fingerprint(signer.public)


def key_of(path: Path) -> Callable[[], Signer | None]:
    """Asks for the key; a key that was made or replaced since is seen. A key that can't be used counts as none."""
    known: dict[tuple[int, int], Signer | None] = {}

    def ask() -> Signer | None:
        try:
            about = path.stat()
        except OSError:
            return None
        mark = about.st_mtime_ns, about.st_ino
        if mark not in known:
            known.clear()
            try:
                known[mark] = read_key(path)
            except KeyTroubleError as error:
                log.error("key_not_usable", error=str(error))
                known[mark] = None
        return known[mark]

    return ask
