"""Roll-ups in InfluxDB: what Grafana's dashboards ask. One measurement a series; texts are fields beside numbers.

They have two homes: what the pages showed minute by minute lives as long as raw readings, in their bucket; half hours,
days and events are kept for good, in a bucket of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol, TypeVar

from central.core.rollups.rows import SHORT_LIVED, RollupRow, Series
from central.store import influx_lines as lines
from central.store.base import StoreError
from central.store.influx_query import InfluxQuery
from central.store.influx_write import InfluxAddress, InfluxWriter

ROWS_PER_REQUEST: Final = 5_000
T = TypeVar("T")


class RollupStore(Protocol):
    """Where roll-ups go. Writing a row again replaces it."""

    async def write(self, rows: Sequence[RollupRow]) -> None:
        """Store rows.

        Raises:
            StoreError: they may not be stored.
        """
        ...

    async def known_days(self, *, from_ms: int, to_ms: int) -> Mapping[tuple[str, int], float]:
        """Shelter and midnight of each day that is there → how much of it is known, %.

        Raises:
            StoreError: no answer.
        """
        ...

    async def peaks_w(self, *, from_ms: int, to_ms: int) -> Mapping[str, float]:
        """Shelter → the highest demand of its days.

        Raises:
            StoreError: no answer.
        """
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...


class InfluxRollups:
    """``RollupStore`` in InfluxDB; the address names the bucket of raw readings."""

    def __init__(self, address: InfluxAddress, bucket: str) -> None:
        self._address = address
        self._bucket = bucket
        self._thread = ThreadPoolExecutor(1, "influx-rollups")
        self._writer = InfluxWriter(address)
        self._query = InfluxQuery(address.url, address.token, bucket, timeout_s=address.timeout_s)
        self._closed = False

    async def write(self, rows: Sequence[RollupRow]) -> None:
        """Store rows (see ``RollupStore``)."""
        for bucket, chosen in (
            (self._address.bucket, [row for row in rows if row.series in SHORT_LIVED]),
            (self._bucket, [row for row in rows if row.series not in SHORT_LIVED]),
        ):
            for first in range(0, len(chosen), ROWS_PER_REQUEST):
                body = [line_of(row) for row in chosen[first : first + ROWS_PER_REQUEST]]
                await self._in_thread(partial(self._writer.write, body, bucket))

    async def known_days(self, *, from_ms: int, to_ms: int) -> Mapping[tuple[str, int], float]:
        """How much of each day is known (see ``RollupStore``)."""
        found = await self._ask(
            f'SELECT last("known_pct") AS known FROM {Series.DAY.value} WHERE {lines.between(from_ms, to_ms)}'  # noqa: S608
            " GROUP BY site, time(1d, -9h) fill(none)"
        )
        return {(site, int(row["time"])): float(row["known"]) for site, rows in found for row in rows}

    async def peaks_w(self, *, from_ms: int, to_ms: int) -> Mapping[str, float]:
        """The highest demand of each shelter (see ``RollupStore``)."""
        found = await self._ask(
            f'SELECT max("peak_demand_w") AS peak FROM {Series.DAY.value} WHERE {lines.between(from_ms, to_ms)}'  # noqa: S608
            " GROUP BY site"
        )
        return {site: float(row["peak"]) for site, rows in found for row in rows if row["peak"] is not None}

    async def close(self) -> None:
        """Let go of the connections."""
        if self._closed:
            return
        self._closed = True
        self._thread.shutdown(wait=False)
        self._query.close()
        self._writer.close()

    async def _ask(self, question: str) -> list[tuple[str, list[dict[str, float]]]]:
        found = await self._in_thread(lambda: self._query.ask(question))
        return [(tags.get("site", ""), rows) for tags, rows in found]

    async def _in_thread(self, job: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError(f"{self._address.url}: the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)


def line_of(row: RollupRow) -> str:
    """A row in line protocol. Numbers are floats, whatever they are.

    Raises:
        StoreRefusedError: a tag that the line protocol cannot carry.
    """
    tags = ",".join(f"{name}={lines.tag(value)}" for name, value in sorted(row.tags.items()))
    fields = ",".join(
        f"{name}={lines.field_text(value) if isinstance(value, str) else repr(float(value))}"
        for name, value in row.fields.items()
    )
    return f"{row.series.value},{tags} {fields} {row.at_ms}"
