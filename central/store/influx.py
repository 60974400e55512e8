"""Time series in InfluxDB: written by its v2 API, read by InfluxQL, which 1.8+, 2.x and 3 all answer.

One line a device and time: measurement ``shelter``; tags ``site``, ``device`` and ``shape``; each point a float field
of its own name, so Grafana asks ``SELECT mean("pv.power_w") FROM shelter WHERE site = '…'``. Two more fields:
``good``, the number of good values (it is there in every line, so it counts rows), and ``bad``, why the others are
missing. The measurement ``shelter_shape`` says which points a ``shape`` has, in which order, for each day anew: where
rows are kept for some time alone, it has to live as long as they do.

The line protocol is made here and not by the client's ``Point``, which costs ten times the CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Self, TypeVar

from central.core.city import Aggregate, Sample
from central.store import influx_lines as lines
from central.store.base import StoreError, StoreRow, Written
from central.store.influx_query import InfluxQuery
from central.store.influx_write import InfluxAddress, InfluxWriter
from central.store.shapes import Part, first_step_ms, merge_parts, next_rows, shape_name

ROWS_PER_REQUEST: Final = 5_000
PAGE_ROWS: Final = 1_000
TOLD_MAX: Final = 100_000
NEAR_MS: Final = 3_600_000

_CALLS: Final = {
    Aggregate.MEAN: "sum({0})",
    Aggregate.MIN: "min({0})",
    Aggregate.MAX: "max({0})",
    Aggregate.LAST: "last({0})",
    Aggregate.COUNT: "count({0})",
}
T = TypeVar("T")


class InfluxStore:
    """TelemetryStore in InfluxDB. Make it with ``open``; a server that is away is met at the first use."""

    def __init__(self, address: InfluxAddress) -> None:
        self._address = address
        self._write_thread = ThreadPoolExecutor(1, "influx-write")
        self._read_thread = ThreadPoolExecutor(1, "influx-read")
        self._writer = InfluxWriter(address)
        self._query = InfluxQuery(address.url, address.token, address.bucket, timeout_s=address.timeout_s)
        self._closed = False
        self._lines = lines.LineMaker()
        self._shapes: dict[str, tuple[str, ...]] = {}
        """Shapes that were written here: name → points. Only the writing thread changes it."""
        self._told: set[tuple[tuple[str, ...], int]] = set()
        """For which days the server has them."""
        self._read_shapes: dict[str, tuple[str, ...]] = {}
        """Shapes that were read. Only the reading thread changes it."""
        self._read_to_ms: int | None = None
        """The newest day's end among them: asking for all of a year each time would cost more than the readings."""

    @classmethod
    async def open(cls, address: InfluxAddress) -> Self:
        """A store over a server that need not be there yet."""
        return cls(address)

    async def write(self, rows: Sequence[StoreRow]) -> Written:
        """Store rows; the server's log has them when this returns.

        Raises:
            StoreRefusedError: the server will never take some of them (another type in the same field).
            StoreError: it is away, or does not let us.
        """
        for first in range(0, len(rows), ROWS_PER_REQUEST):
            part = rows[first : first + ROWS_PER_REQUEST]
            await self._in(self._write_thread, partial(self._write, part))
        return Written(len(rows), None)

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
        offset_ms = first_step_ms(origin_ms, step_ms) + step_ms
        column = lines.identifier(point)

        def read() -> list[Sample]:
            having = [name for name, points in self._all_shapes().items() if point in points]
            if not having or to_ms <= from_ms:
                return []
            of_shapes = " OR ".join(f"shape = {lines.text(name)}" for name in having)
            found = self._query.ask(
                f'SELECT count({column}) AS n, {_CALLS[aggregate].format(column)} AS v, count("good") AS r FROM shelter'  # noqa: S608
                f" WHERE site = {lines.text(site)} AND device = {lines.text(device)} AND ({of_shapes})"
                f" AND {lines.between(from_ms, to_ms)}"
                f" GROUP BY time({step_ms}ms, {offset_ms}ms) fill(none)"
            )
            parts = [
                Part(row["time"], row["n"] or 0, row["v"] if row["n"] else None)
                for _tags, rows in found
                for row in rows
                if row["r"]
            ]
            return merge_parts(aggregate, parts)

        return await self._in(self._read_thread, read)

    async def latest(self, site: str) -> list[StoreRow]:
        """The newest row of every device and shape of a site.

        When they were is asked first, by the one field that every row has: looking through a year for each field of
        its own takes several times as long.
        """

        def read() -> list[StoreRow]:
            found = self._query.ask(
                f'SELECT last("good") AS good FROM shelter WHERE site = {lines.text(site)} GROUP BY device, shape'  # noqa: S608
            )
            newest = {(tags["device"], tags["shape"], row["time"]) for tags, (row,) in found}
            rows = [
                row
                for first_ms, last_ms in _spans({at_ms for _device, _shape, at_ms in newest})
                for page in self._pages(
                    site, f"AND {lines.between(first_ms, last_ms + 1)}", "ORDER BY time DESC LIMIT 1"
                )
                for row in page
                if (row.device, shape_name(row.points), row.at_ms) in newest
            ]
            return sorted(rows, key=lambda row: (row.device, row.points))

        return await self._in(self._read_thread, read)

    async def export(self, site: str, *, from_ms: int, to_ms: int) -> AsyncIterator[StoreRow]:
        """Every row of a site in time order, as it was written."""
        start: int | None = from_ms
        while start is not None and start < to_ms:
            where = f"AND {lines.between(start, to_ms)}"

            def read(where: str = where) -> tuple[list[StoreRow], int | None]:
                return next_rows(self._pages(site, where, f"LIMIT {PAGE_ROWS}"), PAGE_ROWS)

            rows, start = await self._in(self._read_thread, read)
            for row in rows:
                yield row

    async def count_rows(self, site: str | None = None) -> int:
        """Rows in the store. The server looks at all of them: for checks, not for screens."""
        where = "" if site is None else f" WHERE site = {lines.text(site)}"

        def read() -> int:
            found = self._query.ask(f'SELECT count("good") AS n FROM shelter{where}')  # noqa: S608
            return sum(int(row["n"]) for _tags, rows in found for row in rows)

        return await self._in(self._read_thread, read)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._closed:
            return
        self._closed = True
        self._write_thread.shutdown(wait=False)
        self._read_thread.shutdown(wait=False)
        self._query.close()
        self._writer.close()

    # --- In the threads ----------------------------------------------------------------------------------------------

    async def _in(self, thread: ThreadPoolExecutor, job: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError(f"{self._address.url}: the store is closed")
        return await asyncio.get_running_loop().run_in_executor(thread, job)

    def _write(self, rows: Sequence[StoreRow]) -> None:
        new = {(row.points, lines.day_of(row.at_ms)) for row in rows} - self._told
        body = [lines.line_of_shape(points, day) for points, day in new]
        body += self._lines.of_rows(rows)
        try:
            self._writer.write(body)
        except StoreError:
            self._told.clear()  # A server that was away may come back from a backup, without them.
            raise
        if len(self._told) > TOLD_MAX:
            self._told.clear()
        self._told |= new
        self._shapes = self._shapes | {shape_name(points): points for points, _day in new}

    def _all_shapes(self) -> dict[str, tuple[str, ...]]:
        since = "" if self._read_to_ms is None else f" WHERE time >= {self._read_to_ms}ms"
        found = self._query.ask(f"SELECT last(points) AS points FROM shelter_shape{since} GROUP BY shape")  # noqa: S608
        for tags, (row,) in found:
            self._read_shapes[tags["shape"]] = tuple(row["points"].split(" "))
            self._read_to_ms = max(self._read_to_ms or 0, row["time"])
        return self._read_shapes | self._shapes

    def _pages(self, site: str, where: str, tail: str) -> list[list[StoreRow]]:
        """Rows of a site, one list a device and shape."""
        shapes = self._all_shapes()
        found = self._query.ask(
            f"SELECT * FROM shelter WHERE site = {lines.text(site)} {where} GROUP BY device, shape {tail}"  # noqa: S608
        )
        return [
            [_row(site, tags["device"], shapes[tags["shape"]], row) for row in rows]
            for tags, rows in found
            if tags["shape"] in shapes
        ]


def _spans(times_ms: Iterable[int]) -> list[tuple[int, int]]:
    """Stretches with all of some moments in them, first and last; what is near is in one stretch."""
    spans: list[tuple[int, int]] = []
    for at_ms in sorted(times_ms):
        if spans and at_ms - spans[-1][1] <= NEAR_MS:
            spans[-1] = (spans[-1][0], at_ms)
        else:
            spans.append((at_ms, at_ms))
    return spans


def _row(site: str, device: str, points: tuple[str, ...], found: dict[str, Any]) -> StoreRow:
    values = [found.get(point) for point in points]
    return StoreRow(
        site,
        device,
        found["time"],
        points,
        tuple(None if value is None else float(value) for value in values),
        found.get("bad") or "",
    )
