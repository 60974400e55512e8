"""Alerts from outside in the records: part of ``Records``. They are evidence, and what is known after a restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import Connection

from central.store.decisions import Ask
from central.store.telegram_tables import TelegramStatements

DAY_MS: Final = 86_400_000
KEPT_DAYS: Final = 400
"""What concerned the city: over a year, so that last year's drill and typhoon can be looked up."""
KEPT_EMPTY_DAYS: Final = 30
"""What did not: only so that it is not fetched again."""
GRID_KINDS: Final = ("grid_lost", "grid_back")


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramRow:
    """One alert as it came. ``meaning``: what was read, empty when nothing changed by it. ``payload``: the evidence."""

    source: str
    origin: str
    received_ms: int
    digest: str
    verdict: str
    meaning: str = ""
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class GridEvent:
    """A shelter's inverter said that the grid is gone, or back. ``at_ms``: when, UTC milliseconds."""

    site: str
    is_lost: bool
    at_ms: int


class Telegrams:
    """What came. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(self, ask: Ask, statements: Callable[[], TelegramStatements]) -> None:
        self._ask = ask
        self._statements = statements

    async def add(self, rows: Sequence[TelegramRow]) -> None:
        """Keep what came. The same from the same source is kept once."""
        values = [{name: getattr(row, name) for name in TelegramRow.__slots__} for row in rows]

        def job(db: Connection) -> None:
            if values:
                db.execute(self._statements().add, values)

        await self._ask(job)

    async def since(self, since_ms: int, *, limit: int) -> list[TelegramRow]:
        """What changed something, oldest first; the newest ``limit`` of it."""
        return (await self._rows("since", since_ms=since_ms, at_most=limit))[::-1]

    async def newest(self, *, limit: int) -> list[TelegramRow]:
        """What came last, newest first."""
        return await self._rows("newest", at_most=limit)

    async def sources(self, origin: str, since_ms: int, *, limit: int) -> list[str]:
        """Addresses that need not be fetched again, newest first."""

        def job(db: Connection) -> list[str]:
            asked = {"of_origin": origin, "since_ms": since_ms, "at_most": limit}
            return [row.source for row in db.execute(self._statements().sources, asked)]

        return await self._ask(job)

    async def grid_events(self, since_ms: int, *, limit: int) -> list[GridEvent]:
        """What shelters told of their grid, oldest first; the newest ``limit`` of it."""

        def job(db: Connection) -> list[GridEvent]:
            asked = {"since_ms": since_ms, "kinds": list(GRID_KINDS), "at_most": limit}
            rows = db.execute(self._statements().grid_events, asked).all()
            return [GridEvent(row.site, row.kind == GRID_KINDS[0], row.at_ms) for row in reversed(rows)]

        return await self._ask(job)

    async def forget(self, now_ms: int) -> None:
        """Let go of what is too old."""

        def job(db: Connection) -> None:
            do = self._statements()
            db.execute(do.forget, {"before_ms": now_ms - KEPT_DAYS * DAY_MS})
            db.execute(do.forget_empty, {"before_ms": now_ms - KEPT_EMPTY_DAYS * DAY_MS})

        await self._ask(job)

    async def _rows(self, statement: str, **asked: object) -> list[TelegramRow]:
        def job(db: Connection) -> list[TelegramRow]:
            found = db.execute(getattr(self._statements(), statement), asked).mappings()
            return [TelegramRow(**{name: row[name] for name in TelegramRow.__slots__}) for row in found]

        return await self._ask(job)
