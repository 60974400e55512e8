"""Entries that the city has and the box still keeps: letting go of old ones, and giving some again when it asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from contract.ranges import Range
from edge_agent.io.outbox_file import DELIVERED

AGAIN_MAX: Final = 2_000
"""Entries that are given again at once: some megabytes to write on a memory card. The city asks for the rest later."""
LOOK_AT: Final = 2_000
"""Of the oldest entries so many are looked at, so that the look costs the same however many are kept."""


def drop_old(db: sqlite3.Connection, before_ms: int) -> int:
    """Let go of delivered entries that were taken before a time (UTC ms); returns how many."""
    return db.execute(
        "DELETE FROM entry WHERE seq IN (SELECT seq FROM "
        "(SELECT seq, at_ms, kind, boot FROM entry ORDER BY seq LIMIT ?) WHERE kind >= ? AND boot = 0 AND at_ms < ?)",
        (LOOK_AT, DELIVERED, before_ms),
    ).rowcount


def take_back(db: sqlite3.Connection, ranges: Sequence[Range], *, most: int) -> list[tuple[int, int]]:
    """Let delivered entries of these ranges wait again, at most so many, the newest first; their numbers and kinds."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges, reverse=True):
        statement = "SELECT seq, kind - ? FROM entry WHERE seq BETWEEN ? AND ? AND kind >= ? ORDER BY seq DESC LIMIT ?"
        found += db.execute(statement, (DELIVERED, first, last, DELIVERED, most - len(found))).fetchall()
        if len(found) >= most:
            break
    db.executemany("UPDATE entry SET kind = ? WHERE seq = ?", [(kind, seq) for seq, kind in found])
    return found
