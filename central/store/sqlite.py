"""Time series in one SQLite file: wide rows, durable when ``write`` returns. The tables are in sqlite_tables.py.

One thread writes and one reads, each with its own connection, so that a long question never holds up the intake.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self, TypeVar

from central.core.city import Aggregate, Sample
from central.store import sqlite_tables as tables
from central.store.advice import explain
from central.store.base import StoreError, StoreRefusedError, StoreRow, Written
from central.store.shapes import Part, first_step_ms, merge_parts, next_rows, wrong_length
from central.store.sqlite_tables import Parameters, Shape

PAGE_ROWS: Final = 1_000
RECENT_ROWS_MAX: Final = 16_384
"""Rows of one shape in order of time before the older part is put in order of series."""
_MOVED_SHARE: Final = 0.75

T = TypeVar("T")
_Series = tuple[Shape, str, int]
"""Shape, device and number of a series."""


class SqliteStore:
    """TelemetryStore in one file. Make it with ``open``."""

    def __init__(self, path: Path, *, recent_rows_max: int = RECENT_ROWS_MAX) -> None:
        self._path = path
        self._recent_rows_max = recent_rows_max
        self._write_thread = ThreadPoolExecutor(1, "sqlite-write")
        self._read_thread = ThreadPoolExecutor(1, "sqlite-read")
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._closed = False
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._data_version = -1
        self._series: dict[str, tuple[_Series, ...]] = {}
        """What is committed, by site: replaced whole by the writing thread, so that the other may look at any time."""

    @classmethod
    async def open(cls, path: Path, *, recent_rows_max: int = RECENT_ROWS_MAX) -> Self:
        """Open the file, or make it.

        Raises:
            StoreError: it can't be opened or is not ours; the text says what to try.
        """
        store = cls(path, recent_rows_max=recent_rows_max)
        try:
            await store._in_writer(store._open_writer)
            await store._in_reader(store._open_reader)
        except BaseException:
            await store.close()
            raise
        return store

    async def write(self, rows: Sequence[StoreRow]) -> Written:
        """Store rows in one transaction; they are on disk when this returns."""
        if not rows:
            return Written(0, 0)
        written, is_full = await self._in_writer(lambda: self._write(rows))
        if is_full:
            # Nobody waits for it: the rows are safe, and a failure shows at the next write.
            self._write_thread.submit(self._settle)
        return written

    async def series(
        self,
        site: str,
        device: str,
        point: str,
        *,
        from_ms: int,
        to_ms: int,
        step_ms: int,
        aggregate: Aggregate,
        origin_ms: int,
    ) -> list[Sample]:
        """One point of one device in steps (see TelemetryStore)."""
        base_ms = first_step_ms(origin_ms, step_ms)
        wanted = [
            (shape, series_id)
            for shape, named, series_id in self._series.get(site, ())
            if named == device and point in shape.points
        ]

        def read(db: sqlite3.Connection) -> list[Sample]:
            parts: list[Part] = []
            for shape, series_id in wanted:
                for table in shape.tables:
                    found = db.execute(
                        shape.steps(table, point, aggregate), (base_ms, step_ms, series_id, from_ms, to_ms)
                    )
                    parts += [Part(base_ms + n * step_ms, good, value, last) for n, good, value, last in found]
            return merge_parts(aggregate, parts)

        return await self._read(read)

    async def latest(self, site: str) -> list[StoreRow]:
        """The newest row of every device and shape of a site."""
        wanted = self._series.get(site, ())

        def read(db: sqlite3.Connection) -> list[StoreRow]:
            rows: list[StoreRow] = []
            for shape, device, series_id in wanted:
                # Whatever is in "recent" is newer than all that is settled.
                for table in (shape.recent, shape.settled):
                    found = db.execute(shape.newest(table), (series_id,)).fetchone()
                    if found is not None:
                        rows.append(tables.row_of(site, device, shape, found))
                        break
            return rows

        return await self._read(read)

    async def export(self, site: str, *, from_ms: int, to_ms: int) -> AsyncIterator[StoreRow]:
        """Every row of a site in time order, as it was written."""
        wanted = self._series.get(site, ())
        start: int | None = from_ms
        while start is not None:
            rows, start = await self._read(self._page_reader(site, wanted, start, to_ms))
            for row in rows:
                yield row

    async def count_rows(self, site: str | None = None) -> int:
        """Rows in the store. It looks at every row that it counts: for checks, not for screens."""

        def read(db: sqlite3.Connection) -> int:
            if site is None:
                shapes = {shape.name: shape for known in self._series.values() for shape, _, _ in known}
                return sum(db.execute(sql).fetchone()[0] for shape in shapes.values() for sql in shape.counts())
            return sum(
                db.execute(f"{sql} WHERE series = ?", (series_id,)).fetchone()[0]
                for shape, _device, series_id in self._series.get(site, ())
                for sql in shape.counts()
            )

        return await self._read(read)

    async def close(self) -> None:
        """Let go of the file. What was written stays written."""
        if self._closed:
            return
        if self._reader is not None:
            await self._in_reader(self._reader.close)
        if self._writer is not None:
            await self._in_writer(self._writer.close)
        self._closed = True
        self._read_thread.shutdown(wait=False)
        self._write_thread.shutdown(wait=False)

    # --- Threads -----------------------------------------------------------------------------------------------------

    async def _in_writer(self, job: Callable[[], T]) -> T:
        return await self._in(self._write_thread, job)

    async def _in_reader(self, job: Callable[[], T]) -> T:
        return await self._in(self._read_thread, job)

    async def _in(self, thread: ThreadPoolExecutor, job: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError(f"{self._path}: the store is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, job)
        except sqlite3.Error as error:
            raise StoreError(explain(self._path, error)) from error
        except (OverflowError, UnicodeError) as error:
            raise StoreRefusedError(f"{self._path}: a value that SQLite cannot hold: {error}") from error

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        def job() -> T:
            db = self._reader
            assert db is not None
            db.execute("BEGIN")  # One view of all tables, whatever moves meanwhile.
            try:
                return question(db)
            finally:
                db.execute("ROLLBACK")

        return await self._in_reader(job)

    # --- In the reading thread ---------------------------------------------------------------------------------------

    def _open_reader(self) -> None:
        self._reader = tables.connect(self._path)
        self._reader.execute("PRAGMA query_only = ON")

    def _page_reader(
        self, site: str, wanted: Sequence[_Series], start_ms: int, to_ms: int
    ) -> Callable[[sqlite3.Connection], tuple[list[StoreRow], int | None]]:
        def read(db: sqlite3.Connection) -> tuple[list[StoreRow], int | None]:
            pages = []
            for shape, device, series_id in wanted:
                page: list[StoreRow] = []
                for table in shape.tables:
                    if left := PAGE_ROWS - len(page):
                        found = db.execute(shape.page(table), (series_id, start_ms, to_ms, left))
                        page += [tables.row_of(site, device, shape, values) for values in found]
                pages.append(page)
            return next_rows(pages, PAGE_ROWS)

        return read

    # --- In the writing thread ---------------------------------------------------------------------------------------

    def _open_writer(self) -> None:
        self._writer = db = tables.connect(self._path)
        tables.prepare(db)
        self._load(db)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; after a failure the catalogue in memory is again the one on disk."""
        db = self._writer
        assert db is not None
        db.execute("BEGIN IMMEDIATE")
        try:
            (version,) = db.execute("PRAGMA data_version").fetchone()
            if version != self._data_version:  # Another process wrote: it may have settled or added something.
                self._load(db)
                self._data_version = version
            yield db
            db.execute("COMMIT")
        except BaseException:
            self._data_version = -1
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _load(self, db: sqlite3.Connection) -> None:
        self._shapes = tables.load_shapes(db)
        self._publish()

    def _publish(self) -> None:
        known: dict[str, list[_Series]] = {}
        for shape in self._shapes.values():
            for site, devices in shape.series.items():
                known.setdefault(site, []).extend((shape, device, series_id) for device, series_id in devices.items())
        self._series = {site: tuple(series) for site, series in known.items()}

    def _write(self, rows: Sequence[StoreRow]) -> tuple[Written, bool]:
        """Also says whether some rows should settle now."""
        with self._transaction() as db:
            groups, has_new_series = self._sorted(db, rows)
            new = 0
            for shape, recent, settled in groups:
                added = tables.insert(db, shape, shape.recent, recent)
                shape.recent_rows += added
                new += added + tables.insert(db, shape, shape.settled, settled)
        if has_new_series:
            self._publish()
        is_full = any(shape.recent_rows > self._recent_rows_max for shape, _, _ in groups)
        return Written(len(rows), len(rows) - new), is_full

    def _sorted(
        self, db: sqlite3.Connection, rows: Sequence[StoreRow]
    ) -> tuple[list[tuple[Shape, Parameters, Parameters]], bool]:
        """Rows by shape and table, and whether a series is new."""
        has_new_series = False
        by_shape: dict[tuple[str, ...], tuple[Shape, Parameters, Parameters]] = {}
        for row in rows:
            group = by_shape.get(row.points)
            if group is None:
                shape = self._shapes.get(row.points)
                if shape is None:
                    shape = self._shapes[row.points] = tables.add_shape(db, row.points)
                group = by_shape[row.points] = (shape, [], [])
            shape, recent, settled = group
            if len(row.values) != len(shape.points):
                raise wrong_length(row)
            devices = shape.series.get(row.site)
            if devices is None:
                devices = shape.series[row.site] = {}
            series_id = devices.get(row.device)
            if series_id is None:
                series_id = devices[row.device] = tables.add_series(db, shape, row.site, row.device)
                has_new_series = True
            target = recent if row.at_ms > shape.settled_ms else settled
            target.append((series_id, row.at_ms, row.bad or None, row.values))
        return list(by_shape.values()), has_new_series

    def _settle(self) -> None:
        """Move the older part of one shape's rows from the order of time to the order of series.

        One shape at a time, because the next write waits.
        """
        with self._transaction() as db:
            shape = max(self._shapes.values(), key=lambda shape: shape.recent_rows, default=None)
            if shape is None or shape.recent_rows <= self._recent_rows_max:
                return
            tables.settle(db, shape, rows=int(self._recent_rows_max * _MOVED_SHARE))
