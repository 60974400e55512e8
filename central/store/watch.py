"""Alerts and their steps in the records: part of ``Records``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy.engine import Connection

from central.core.audit import Decision
from central.core.watch.alerts import Alert, AlertStep, Change
from central.store.decision_tables import DecisionStatements
from central.store.decisions import Ask, enter
from central.store.watch_tables import WatchStatements

KEPT_MS: Final = 400 * 86_400_000
"""What is over is kept for a little more than a year."""
MEMORY: Final = "watch.memory"
"""Note that holds what lies between two looks."""
TOLD: Final = "watch.told_n"
"""Note that holds the number of the last step that was told as news."""
_alert = msgspec.json.Decoder(Alert)
_step = msgspec.json.Decoder(AlertStep)


class WatchRows:
    """Alerts. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(
        self, ask: Ask, statements: Callable[[], WatchStatements], book: Callable[[], DecisionStatements]
    ) -> None:
        self._ask = ask
        self._do = statements
        self._book = book

    async def save(
        self, changes: Sequence[Change], memory: str | None = None, decision: Decision | None = None
    ) -> None:
        """Keep alerts with the steps that made them so, what lies between two looks, and a person's decision."""

        def job(db: Connection) -> None:
            do = self._do()
            for change in changes:
                alert, step = change.alert, change.step
                db.execute(do.put, [_values_of(alert)])
                values = {"alert": alert.n, "at_ms": step.at_ms, "state": msgspec.json.encode(step).decode()}
                db.execute(do.add_step, values)
            if memory is not None:
                db.execute(do.put_note, [{"key": MEMORY, "value": memory}])
            if decision is not None:
                enter(db, self._book(), [decision])

        await self._ask(job)

    async def memory(self) -> str:
        """What the last look left behind; empty: there was none."""

        def job(db: Connection) -> str:
            return db.execute(self._do().note, {"of_key": MEMORY}).scalar() or ""

        return await self._ask(job)

    async def going_on(self) -> list[Alert]:
        """Alerts that go on, the oldest first."""
        return await self._alerts("going_on", {})

    async def newest(self, *, limit: int = 100) -> list[Alert]:
        """Those that go on first, then those that are over; the newest of each first."""
        return await self._alerts("newest", {"at_most": limit})

    async def over(self, *, limit: int = 100) -> list[Alert]:
        """Those that are over, the last one first."""
        return await self._alerts("over", {"at_most": limit})

    async def alert(self, n: int) -> Alert | None:
        """One alert."""
        found = await self._alerts("one", {"of_n": n})
        return found[0] if found else None

    async def last_n(self) -> int:
        """The highest number that was ever given; 0: none."""
        return await self._ask(lambda db: int(db.execute(self._do().last).scalar() or 0))

    async def steps(self, n: int) -> list[AlertStep]:
        """Everything that happened to an alert, in its order."""
        return await self._steps("steps_of", {"of_alert": n})

    async def untold(self, *, limit: int = 500) -> list[AlertStep]:
        """Steps after the last one that was told as news."""

        def job(db: Connection) -> int:
            return int(db.execute(self._do().note, {"of_key": TOLD}).scalar() or 0)

        return await self._steps("steps_after", {"after_n": await self._ask(job), "at_most": limit})

    async def told(self, n: int) -> None:
        """Steps up to this one were told as news."""

        def job(db: Connection) -> None:
            db.execute(self._do().put_note, [{"key": TOLD, "value": str(n)}])

        await self._ask(job)

    async def forget(self, now_ms: int) -> None:
        """Let go of what has been over for long."""

        def job(db: Connection) -> None:
            for statement in self._do().forget:
                db.execute(statement, {"before_ms": now_ms - KEPT_MS})

        await self._ask(job)

    async def _alerts(self, statement: str, parameters: Mapping[str, object]) -> list[Alert]:
        def job(db: Connection) -> list[Alert]:
            return [_alert.decode(row[0]) for row in db.execute(getattr(self._do(), statement), parameters)]

        return await self._ask(job)

    async def _steps(self, statement: str, parameters: Mapping[str, object]) -> list[AlertStep]:
        def job(db: Connection) -> list[AlertStep]:
            rows = db.execute(getattr(self._do(), statement), parameters).mappings()
            return [replace(_step.decode(row["state"]), n=row["n"]) for row in rows]

        return await self._ask(job)


def _values_of(alert: Alert) -> dict[str, Any]:
    return {
        "n": alert.n,
        "raised_ms": alert.raised_ms,
        "resolved_ms": alert.resolved_ms,
        "state": msgspec.json.encode(alert).decode(),
    }
