"""What staff tell the public of shelters in the records: part of ``Records``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from central.core.audit import Decision
from central.core.publication import Crowding, Openness, Service, Statement
from central.store.decision_tables import DecisionStatements
from central.store.decisions import Ask, enter
from central.store.status_tables import StatusStatements


class StatusRows:
    """Statements. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(
        self, ask: Ask, statements: Callable[[], StatusStatements], book: Callable[[], DecisionStatements]
    ) -> None:
        self._ask = ask
        self._do = statements
        self._book = book

    async def add(self, statements: Sequence[Statement], decision: Decision) -> None:
        """Keep statements and the entry in the book, all or none. What was said before stays."""
        values = [_values_of(one) for one in statements]

        def job(db: Connection) -> None:
            if values:
                db.execute(self._do().add, values)
                enter(db, self._book(), [decision])

        await self._ask(job)

    async def newest(self) -> dict[str, Statement]:
        """Site → the statement that holds."""
        return {one.site: one for one in await self._statements("newest")}

    async def of_site(self, site: str, *, limit: int = 20) -> list[Statement]:
        """What was said of a shelter, the newest first."""
        return await self._statements("of_site", of_site=site, at_most=limit)

    async def _statements(self, statement: str, **asked: object) -> list[Statement]:
        def job(db: Connection) -> list[Statement]:
            found = db.execute(getattr(self._do(), statement), asked).mappings()
            return [_statement_of(dict(row)) for row in found]

        return await self._ask(job)


def _values_of(one: Statement) -> dict[str, object]:
    return {
        "site": one.site,
        "opening": one.opening.value,
        "crowding": one.crowding.value,
        "services": ",".join(service.value for service in Service if service in one.services),
        "notes": json.dumps(one.notes, ensure_ascii=False, sort_keys=True),
        "by": one.by,
        "at_ms": one.at_ms,
        "since_ms": one.since_ms,
    }


def _statement_of(row: Mapping[str, Any]) -> Statement:
    """A row; words of a newer version are taken for "unknown", services of it are left out."""
    opening, crowding = row["opening"], row["crowding"]
    known = {service.value for service in Service}
    return Statement(
        site=row["site"],
        opening=Openness(opening) if opening in {word.value for word in Openness} else Openness.UNKNOWN,
        crowding=Crowding(crowding) if crowding in {word.value for word in Crowding} else Crowding.UNKNOWN,
        services=frozenset(Service(one) for one in row["services"].split(",") if one in known),
        notes=json.loads(row["notes"]),
        by=row["by"],
        at_ms=row["at_ms"],
        since_ms=row["since_ms"],
    )
