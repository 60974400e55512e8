"""What every time-series store of central does, and the row that it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from central.core.city import Aggregate, Sample


@dataclass(frozen=True, slots=True)
class StoreRow:
    """One device at one moment. It is identified by site, device, time and points: writing it again changes nothing.

    ``points`` is the shape of the row (devices of one family and group share it, as the same object where possible);
    ``values`` has one value per point in the point's unit, ``None`` where there is no good one.
    """

    site: str
    device: str
    at_ms: int
    points: tuple[str, ...]
    values: tuple[float | None, ...]
    bad: str = ""
    """Why values are missing: the wire's quality codes, one for all (``t``) or ``point=code`` joined by blanks."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did. ``repeated`` is ``None`` for a store that can't tell a repeat from a new row."""

    rows: int
    repeated: int | None


class StoreError(Exception):
    """The store did not take the rows: nothing is acknowledged, and the writer tries again later."""


class StoreRefusedError(StoreError):
    """The store works, but will never take these rows as they are: trying again is of no use.

    Other rows of the same write may be stored; writing all again is harmless.
    """


class TelemetryStore(Protocol):
    """A time-series store. Values keep their type: every value is a float, live or late."""

    async def write(self, rows: Sequence[StoreRow]) -> Written:
        """Store rows; when it returns they are on disk.

        Raises:
            StoreError: they may not be.
        """
        ...

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
        """``from_ms`` <= t < ``to_ms`` in steps from ``origin_ms + n * step_ms``; steps without rows are left out."""
        ...

    async def latest(self, site: str) -> list[StoreRow]:
        """The newest row of every device and shape of a site (to fill the memory after a restart)."""
        ...

    def export(self, site: str, *, from_ms: int, to_ms: int) -> AsyncIterator[StoreRow]:
        """Every row of a site in time order, as it was written."""
        ...

    async def count_rows(self, site: str | None = None) -> int:
        """Rows in the store, of one site or of all."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...
