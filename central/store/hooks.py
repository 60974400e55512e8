"""Webhooks and their dead letters in the records: part of ``Records``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from sqlalchemy.engine import Connection

from central.core.audit import Decision
from central.core.hooks import Filter, Hook, Letter
from central.core.news import NewsKind, Severity
from central.store.decision_tables import DecisionStatements
from central.store.decisions import Ask, enter
from central.store.news_tables import NewsStatements

LETTERS_MAX: Final = 10_000
"""Dead letters of one webhook."""
_PROGRESS: Final = ("done_n", "delivered", "failures", "next_ms", "last_ms", "last_ok_ms", "last_said")


class HookRows:
    """Webhooks. Every method may raise ``StoreError``; then nothing was changed.

    What a person changed stands in the book in the same transaction.
    """

    def __init__(
        self, ask: Ask, statements: Callable[[], NewsStatements], book: Callable[[], DecisionStatements]
    ) -> None:
        self._ask = ask
        self._do = statements
        self._book = book

    async def all(self) -> list[Hook]:
        """Every webhook, the oldest first."""

        def job(db: Connection) -> list[Hook]:
            return [_hook_of(dict(row)) for row in db.execute(self._do().hooks).mappings()]

        return await self._ask(job)

    async def add(self, hook: Hook, decision: Decision) -> None:
        """Keep a new webhook."""

        def job(db: Connection) -> None:
            db.execute(self._do().put_hook, [_values_of(hook)])
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def drop(self, id_: str, decision: Decision) -> None:
        """Forget a webhook and its dead letters."""

        def job(db: Connection) -> None:
            db.execute(self._do().drop_hook, {"of_id": id_})
            db.execute(self._do().drop_letters, {"of_hook": id_})
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def note(self, hook: Hook, *, buried: Sequence[Letter] = (), delivered: int | None = None) -> None:
        """Keep how a webhook stands, with what was given up and which dead letter was delivered after all.

        Of a webhook that is gone nothing is kept.
        """

        def job(db: Connection) -> None:
            do = self._do()
            values = {f"new_{name}": getattr(hook, name) for name in _PROGRESS}
            if not db.execute(do.note_hook, {"of_id": hook.id, **values}).rowcount:
                return
            if delivered is not None:
                db.execute(do.take_letter, {"of_hook": hook.id, "of_n": delivered})
            if buried:
                db.execute(do.bury, [asdict(letter) for letter in buried])
                db.execute(do.forget_letters, {"in_hook": hook.id, "kept": LETTERS_MAX})

        await self._ask(job)

    async def letters(self, id_: str, *, limit: int = 100) -> list[Letter]:
        """Dead letters of a webhook, the newest news first."""

        def job(db: Connection) -> list[Letter]:
            return _letters(db.execute(self._do().letters, {"of_hook": id_, "at_most": limit}).mappings().all())

        return await self._ask(job)

    async def counts(self) -> dict[str, int]:
        """Webhook → number of dead letters."""

        def job(db: Connection) -> dict[str, int]:
            return {row[0]: row[1] for row in db.execute(self._do().counts)}

        return await self._ask(job)

    async def wanted(self, *, limit: int = 1_000) -> list[Letter]:
        """Dead letters that somebody asked to try once more, by webhook and number."""

        def job(db: Connection) -> list[Letter]:
            return _letters(db.execute(self._do().wanted, {"at_most": limit}).mappings().all())

        return await self._ask(job)

    async def ask_again(self, id_: str, n: int | None, decision: Decision) -> int:
        """Ask to try a dead letter once more, or all of a webhook (``n`` None); returns how many there are."""

        def job(db: Connection) -> int:
            do = self._do()
            if n is None:
                asked = db.execute(do.ask_all_again, {"of_hook": id_}).rowcount
            else:
                asked = db.execute(do.ask_again, {"of_hook": id_, "of_n": n}).rowcount
            if asked:
                enter(db, self._book(), [decision])
            return asked

        return await self._ask(job)


def _letters(rows: Sequence[Any]) -> list[Letter]:
    return [Letter(**dict(row)) for row in rows]


def _hook_of(row: dict[str, Any]) -> Hook:
    told: Mapping[str, Any] = json.loads(row["filter"])
    known = {kind.value for kind in NewsKind}
    asked = Filter(
        kinds=frozenset(NewsKind(kind) for kind in told["kinds"] if kind in known),
        wards=frozenset(told["wards"]),
        severity=Severity(told["severity"]),
        drills=told["drills"],
    )
    return Hook(**{**row, "filter": asked})


def _values_of(hook: Hook) -> dict[str, Any]:
    asked = {
        "kinds": sorted(hook.filter.kinds),
        "wards": sorted(hook.filter.wards),
        "severity": hook.filter.severity.value,
        "drills": hook.filter.drills,
    }
    values = {each.name: getattr(hook, each.name) for each in fields(hook)}
    return {**values, "filter": json.dumps(asked, ensure_ascii=False)}
