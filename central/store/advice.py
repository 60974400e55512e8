"""What went wrong with an SQLite file, and what to try."""

from __future__ import annotations

import sqlite3
from typing import Final

_ADVICE: Final = {
    "full": "free some space or move the data folder; shelters keep what is not acknowledged",
    "locked": "another program holds the file: stop it, or wait",
    "unable to open": "does the folder exist, and may this user write in it?",
    "readonly": "the file or its disk is read-only: check its owner and the mount",
    "malformed": "the file is damaged: move it away (keep it) and start again, or put a backup in its place",
    "not a database": "this is not an SQLite file, or it is damaged: move it away or name another one",
    "disk I/O": "the disk does not answer properly: see the system's log",
}


def explain(path: object, error: sqlite3.Error) -> str:
    """The file, SQLite's own words, and advice where there is some."""
    text = str(error)
    hint = next((f" ({hint})" for word, hint in _ADVICE.items() if word in text), "")
    return f"{path}: {text}{hint}"
