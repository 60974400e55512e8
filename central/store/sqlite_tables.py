"""Tables of the SQLite store and the SQL text for one shape of row.

Each shape has two tables with the same columns:

- ``recent_…`` in order of time: what arrives now is appended, whatever the site. A commit touches a few pages.
- ``settled_…`` in order of series: what one device measured in a month lies together.

Rows up to the shape's ``settled_ms`` live in the second, later ones in the first, and nowhere else; so a repeat always
meets the row that it repeats. Now and then the oldest part of ``recent`` moves over in one transaction (``settle``).
Writing straight in order of series would rewrite one page per device at each commit: measured at 182 sites of four
devices, more than twice the CPU and seven times the bytes written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from central.core.city import Aggregate
from central.store.base import StoreRow
from central.store.shapes import shape_name

VERSION: Final = 1
APPLICATION_ID: Final = 0x53484C54
"""Marks the file as one of ours ("SHLT")."""
BUSY_S: Final = 10.0
CACHE_KIB: Final = 32_768
CHECKPOINT_PAGES: Final = 4_000
STATEMENTS_CACHED: Final = 512
PARAMETERS_MAX: Final = 32_000
ROWS_PER_STATEMENT: Final = 128

Parameters = list[tuple[int, int, str | None, tuple[float | None, ...]]]
"""Rows as series, time, why values are missing, and values."""

CATALOGUE: Final = """
CREATE TABLE shape (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, points TEXT NOT NULL, settled_ms INTEGER NOT NULL DEFAULT -1
);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, shape INTEGER NOT NULL REFERENCES shape (id), site TEXT NOT NULL, device TEXT NOT NULL,
    UNIQUE (shape, site, device)
);
"""
ADD_SHAPE: Final = "INSERT INTO shape (name, points) VALUES (?, ?) RETURNING id"
ADD_SERIES: Final = "INSERT INTO series (shape, site, device) VALUES (?, ?, ?) RETURNING id"
ALL_SHAPES: Final = "SELECT id, name, points, settled_ms FROM shape ORDER BY id"
ALL_SERIES: Final = "SELECT id, shape, site, device FROM series ORDER BY id"
SET_SETTLED: Final = "UPDATE shape SET settled_ms = ? WHERE id = ?"

# Sum for a mean: what several tables know of one step can then be put together.
_VALUES: Final = {
    Aggregate.MEAN: "sum({0}), NULL",
    Aggregate.MIN: "min({0}), NULL",
    Aggregate.MAX: "max({0}), NULL",
    Aggregate.COUNT: "count({0}), NULL",
    # With max(), SQLite takes a bare column from the row that has the maximum.
    Aggregate.LAST: "{0}, max(CASE WHEN {0} IS NOT NULL THEN at_ms END)",
}


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(slots=True)
class Shape:
    """One shape: its tables, its series, and the time up to which its rows are settled."""

    id: int
    name: str
    points: tuple[str, ...]
    settled_ms: int = -1
    recent_rows: int = 0
    series: dict[str, dict[str, int]] = field(default_factory=dict)
    """Site → device → series id."""
    _inserts: dict[tuple[str, int], str] = field(default_factory=dict)

    @property
    def recent(self) -> str:
        """Table in order of time."""
        return f"recent_{self.name}"

    @property
    def settled(self) -> str:
        """Table in order of series."""
        return f"settled_{self.name}"

    @property
    def tables(self) -> tuple[str, str]:
        """Both tables; a row stands in one of them."""
        return self.settled, self.recent

    def create(self) -> Iterator[str]:
        """Statements that make the shape's tables."""
        columns = ", ".join(f"{quoted(point)} REAL" for point in self.points)
        for table, key in ((self.recent, "at_ms, series"), (self.settled, "series, at_ms")):
            yield (
                f"CREATE TABLE {table} (series INTEGER NOT NULL, at_ms INTEGER NOT NULL, bad TEXT, {columns},"
                f" PRIMARY KEY ({key})) WITHOUT ROWID"
            )

    def insert(self, table: str, rows: int) -> str:
        """Insert some rows in one statement, leaving alone what is there already.

        One statement for many rows, because each statement lets go of the interpreter and must wait to get it back:
        beside a busy event loop ``executemany`` waits once a row.
        """
        sql = self._inserts.get((table, rows))
        if sql is None:
            one = f"({', '.join('?' * (len(self.points) + 3))})"
            sql = f"INSERT INTO {table} VALUES {', '.join([one] * rows)} ON CONFLICT DO NOTHING"  # noqa: S608
            self._inserts[table, rows] = sql
        return sql

    def chunks(self, rows: int) -> Iterator[tuple[int, int]]:
        """Stretches of a list of so many rows, each a power of two long, so that few statements serve all lengths."""
        largest = ROWS_PER_STATEMENT
        while largest * (len(self.points) + 3) > PARAMETERS_MAX:
            largest //= 2
        first = 0
        while first < rows:
            size = largest
            while size > rows - first:
                size //= 2
            yield first, first + size
            first += size

    def steps(self, table: str, point: str, aggregate: Aggregate) -> str:
        """Step number, good readings, value, last good time. Parameters: first step, step, series, from, to."""
        column = quoted(point)
        return (
            f"SELECT (at_ms - ?) / ?, count({column}), {_VALUES[aggregate].format(column)} FROM {table}"  # noqa: S608
            " WHERE series = ? AND at_ms >= ? AND at_ms < ? GROUP BY 1"
        )

    def newest(self, table: str) -> str:
        """The newest row of a series. ``recent`` is walked back from its end and is bounded."""
        return f"SELECT * FROM {table} WHERE series = ? ORDER BY at_ms DESC LIMIT 1"  # noqa: S608

    def counts(self) -> tuple[str, str]:
        """Statements that count the rows of both tables."""
        return f"SELECT count(*) FROM {self.settled}", f"SELECT count(*) FROM {self.recent}"  # noqa: S608

    def page(self, table: str) -> str:
        """First rows of a series from a time on. Parameters: series, from, to, limit."""
        return f"SELECT * FROM {table} WHERE series = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms LIMIT ?"  # noqa: S608


def load_shapes(db: sqlite3.Connection) -> dict[tuple[str, ...], Shape]:
    """The catalogue as it is on disk."""
    shapes = {
        shape_id: Shape(shape_id, name, tuple(points.split("\n")), settled_ms)
        for shape_id, name, points, settled_ms in db.execute(ALL_SHAPES)
    }
    for series_id, shape_id, site, device in db.execute(ALL_SERIES):
        shapes[shape_id].series.setdefault(site, {})[device] = series_id
    for shape in shapes.values():
        (shape.recent_rows,) = db.execute(f"SELECT count(*) FROM {shape.recent}").fetchone()  # noqa: S608
    return {shape.points: shape for shape in shapes.values()}


def add_shape(db: sqlite3.Connection, points: tuple[str, ...]) -> Shape:
    """Make the tables of a shape and enter it into the catalogue."""
    name = shape_name(points)
    (shape_id,) = db.execute(ADD_SHAPE, (name, "\n".join(points))).fetchone()
    shape = Shape(shape_id, name, points)
    for statement in shape.create():
        db.execute(statement)
    return shape


def add_series(db: sqlite3.Connection, shape: Shape, site: str, device: str) -> int:
    """Number a device's rows of one shape."""
    series_id: int = db.execute(ADD_SERIES, (shape.id, site, device)).fetchone()[0]
    return series_id


def settle(db: sqlite3.Connection, shape: Shape, *, rows: int) -> None:
    """Move about the oldest ``rows`` rows of ``recent`` over. Inside a transaction."""
    recent, settled = shape.recent, shape.settled
    found = db.execute(f"SELECT at_ms FROM {recent} ORDER BY at_ms LIMIT 1 OFFSET ?", (rows,)).fetchone()  # noqa: S608
    if found is None:
        return
    db.execute(f"INSERT INTO {settled} SELECT * FROM {recent} WHERE at_ms <= ? ORDER BY series, at_ms", found)  # noqa: S608
    shape.recent_rows -= db.execute(f"DELETE FROM {recent} WHERE at_ms <= ?", found).rowcount  # noqa: S608
    (shape.settled_ms,) = found
    db.execute(SET_SETTLED, (shape.settled_ms, shape.id))


def connect(path: Path) -> sqlite3.Connection:
    """A connection that waits for others, and whose commits are on disk. Transactions are begun by hand."""
    db = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=BUSY_S, cached_statements=STATEMENTS_CACHED
    )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return db


def prepare(db: sqlite3.Connection) -> None:
    """Make the catalogue in a new file, or see that the file is one of ours.

    Raises:
        sqlite3.DatabaseError: it is not, or a newer version of this program wrote it.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if version == 0:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            raise sqlite3.DatabaseError("the file holds other tables than ours: name another file")
        db.execute("BEGIN IMMEDIATE")
        for statement in CATALOGUE.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    elif application != APPLICATION_ID:
        raise sqlite3.DatabaseError("another program's database: name another file")
    elif version > VERSION:
        raise sqlite3.DatabaseError(f"written by a newer version (format {version}): update this program")


def insert(db: sqlite3.Connection, shape: Shape, table: str, rows: Parameters) -> int:
    """Put rows into a table; returns how many were not there yet."""
    added = 0
    for first, end in shape.chunks(len(rows)):
        parameters: list[object] = []
        for series_id, at_ms, bad, values in rows[first:end]:
            parameters += (series_id, at_ms, bad)
            parameters += values
        added += db.execute(shape.insert(table, end - first), parameters).rowcount
    return added


def row_of(site: str, device: str, shape: Shape, found: tuple[Any, ...]) -> StoreRow:
    """What was written, from ``SELECT *``."""
    _series, at_ms, bad, *values = found
    return StoreRow(site, device, at_ms, shape.points, tuple(values), bad or "")
