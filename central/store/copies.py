"""Whole copies of SQLite files while others write to them, and whether such a copy is sound."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from central.store.advice import explain
from central.store.base import StoreError


def copy_sqlite(source: Path, target: Path) -> None:
    """A copy as of one moment. Writers are not held up: they append to the write-ahead log meanwhile.

    In one step, because a copy in several begins anew with every write of another process and would never end.

    Raises:
        StoreError: it can't be read or written; the text says what to try.
    """
    if not source.exists():
        raise StoreError(f"{source}: there is no such file")
    try:
        address = f"{source.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=30)) as db, closing(sqlite3.connect(target)) as copy:
            db.backup(copy)
            # One file without a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StoreError(explain(str(source), error)) from error


def fault_of_sqlite(path: Path) -> str:
    """What is wrong with a file; empty when it is sound."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return "" if said == "ok" else str(said)
