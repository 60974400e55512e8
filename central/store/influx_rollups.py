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

from central.core.rollups.rows import FISCAL_YEAR, SHORT_LIVED, RollupRow, Series
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

    async def carried_ms(self) -> int:
        """Up to which counting the accounted energy is here; 0: none is.

        Raises:
            StoreError: no answer.
        """
        ...

    async def energy_names(self) -> Mapping[str, set[tuple[str, str]]]:
        """Shelter → under which wards and names its accounted days are here.

        Raises:
            StoreError: no answer.
        """
        ...

    async def energy_factors(self) -> Mapping[int, tuple[float, bool]]:
        """Fiscal year → the emission factor that its days were told with, in kg/kWh, and whether it was checked.

        Raises:
            StoreError: no answer.
        """
        ...

    async def forget_energy(self, site: str, *, ward: str, name: str) -> None:
        """Delete the accounted energy of a shelter under a ward and a name that it no longer has.

        Raises:
            StoreError: it was not done.
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
                await self._in_thread(partial(self._put, chosen[first : first + ROWS_PER_REQUEST], bucket))

    def _put(self, rows: Sequence[RollupRow], bucket: str) -> None:
        self._writer.write([line_of(row) for row in rows], bucket)

    async def known_days(self, *, from_ms: int, to_ms: int) -> Mapping[tuple[str, int], float]:
        """How much of each day is known (see ``RollupStore``)."""
        found = await self._ask(
            f'SELECT last("known_pct") AS known FROM {Series.DAY.value} WHERE {lines.between(from_ms, to_ms)}'  # noqa: S608
            " GROUP BY site, time(1d, -9h) fill(none)"
        )
        return {(tags["site"], int(row["time"])): float(row["known"]) for tags, rows in found for row in rows}

    async def carried_ms(self) -> int:
        """How far accounted energy is here (see ``RollupStore``)."""
        found = await self._ask(f'SELECT last("counted_ms") AS counted FROM {Series.ENERGY_CARRIED.value}')  # noqa: S608
        return max((int(row["counted"]) for _tags, rows in found for row in rows), default=0)

    async def energy_names(self) -> Mapping[str, set[tuple[str, str]]]:
        """Wards and names of accounted days (see ``RollupStore``)."""
        found = await self._ask(
            f'SELECT last("missing") AS missing FROM {Series.ENERGY_DAY.value} GROUP BY site, ward, "name"'  # noqa: S608
        )
        names: dict[str, set[tuple[str, str]]] = {}
        for tags, _rows in found:
            names.setdefault(tags["site"], set()).add((tags["ward"], tags["name"]))
        return names

    async def energy_factors(self) -> Mapping[int, tuple[float, bool]]:
        """Emission factors of fiscal years (see ``RollupStore``)."""
        found = await self._ask(
            'SELECT last("factor_kg_per_kwh") AS factor, last("factor_verified") AS verified'  # noqa: S608
            f" FROM {Series.ENERGY_DAY.value} GROUP BY fiscal_year"
        )
        return {
            int(tags["fiscal_year"].removesuffix(FISCAL_YEAR)): (row["factor"], bool(row["verified"]))
            for tags, rows in found
            for row in rows
        }

    async def forget_energy(self, site: str, *, ward: str, name: str) -> None:
        """Delete rows under a former name (see ``RollupStore``)."""
        which = f'site = {lines.text(site)} AND ward = {lines.text(ward)} AND "name" = {lines.text(name)}'
        for series in (Series.ENERGY_HALF, Series.ENERGY_DAY):
            await self._in_thread(partial(self._query.do, f"DELETE FROM {series.value} WHERE {which}"))  # noqa: S608

    async def close(self) -> None:
        """Let go of the connections."""
        if self._closed:
            return
        self._closed = True
        self._thread.shutdown(wait=False)
        self._query.close()
        self._writer.close()

    async def _ask(self, question: str) -> list[tuple[dict[str, str], list[dict[str, float]]]]:
        return await self._in_thread(lambda: self._query.ask(question))

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
