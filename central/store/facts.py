"""What staff say of shelters in the records: part of ``Records``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from central.core.facts import Fact, FactName
from central.store.decisions import Ask
from central.store.fact_tables import FactStatements


class FactRows:
    """Facts. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(self, ask: Ask, statements: Callable[[], FactStatements]) -> None:
        self._ask = ask
        self._statements = statements

    async def add(self, facts: Sequence[Fact]) -> None:
        """Keep facts, all or none. What was said before stays."""
        values = [
            {"site": one.site, "name": one.name.value, "value": one.value, "by": one.by, "at_ms": one.at_ms}
            for one in facts
        ]

        def job(db: Connection) -> None:
            if values:
                db.execute(self._statements().add, values)

        await self._ask(job)

    async def newest(self) -> list[Fact]:
        """The newest of each shelter and name, withdrawn ones too, in the order in which they were kept."""
        return await self._facts("newest")

    async def of_site(self, site: str, *, limit: int = 100) -> list[Fact]:
        """Everything that was said of a shelter, the newest first."""
        return await self._facts("of_site", of_site=site, at_most=limit)

    async def _facts(self, statement: str, **asked: object) -> list[Fact]:
        def job(db: Connection) -> list[Fact]:
            found = db.execute(getattr(self._statements(), statement), asked).mappings()
            return [fact for row in found if (fact := _fact_of(dict(row))) is not None]

        return await self._ask(job)


def _fact_of(row: Mapping[str, Any]) -> Fact | None:
    """A row; ``None`` for a name that a newer version wrote."""
    try:
        name = FactName(row["name"])
    except ValueError:
        return None
    return Fact(site=row["site"], name=name, value=row["value"], by=row["by"], at_ms=row["at_ms"])
