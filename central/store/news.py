"""News in the records, and what was told last of everything: part of ``Records``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy.engine import Connection

from central.core.news import News, NewsKind, Severity
from central.store.decisions import Ask
from central.store.news_tables import NewsStatements

KEPT_MAX: Final = 100_000
KEPT_MS: Final = 90 * 86_400_000


class NewsRows:
    """News. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(self, ask: Ask, statements: Callable[[], NewsStatements], *, kept_max: int = KEPT_MAX) -> None:
        self._ask = ask
        self._do = statements
        self._kept_max = kept_max

    async def add(self, news: Sequence[News], told: Mapping[str, str | None] | None = None) -> list[News]:
        """Keep news, and what is told by them (``None``: forget the key), together; returns them numbered."""

        def job(db: Connection) -> list[News]:
            do = self._do()
            kept = [replace(one, n=int(db.execute(do.add, _values_of(one)).scalar_one())) for one in news]
            for key, value in (told or {}).items():
                if value is None:
                    db.execute(do.untell, {"of_key": key})
                else:
                    db.execute(do.tell, {"key": key, "value": value})
            return kept

        return await self._ask(job)

    async def after(self, n: int, limit: int) -> list[News]:
        """News after the ``n``-th, in their order."""

        def job(db: Connection) -> list[News]:
            rows = db.execute(self._do().after, {"after_n": n, "at_most": limit}).mappings()
            return [news for row in rows if (news := _news_of(dict(row))) is not None]

        return await self._ask(job)

    async def told(self) -> dict[str, str]:
        """What was told last, by key."""

        def job(db: Connection) -> dict[str, str]:
            return {row["key"]: row["value"] for row in db.execute(self._do().told).mappings()}

        return await self._ask(job)

    async def ends(self) -> tuple[int, int]:
        """Numbers of the oldest and the newest that are kept; (0, 0): none."""

        def job(db: Connection) -> tuple[int, int]:
            first, last = db.execute(self._do().ends).one()
            return first or 0, last or 0

        return await self._ask(job)

    async def forget(self, now_ms: int) -> None:
        """Let go of what is too old, or too many."""

        def job(db: Connection) -> None:
            do = self._do()
            _, last = db.execute(do.ends).one()
            db.execute(do.forget_far, {"up_to_n": (last or 0) - self._kept_max})
            db.execute(do.forget_old, {"before_ms": now_ms - KEPT_MS})

        await self._ask(job)


def _values_of(news: News) -> dict[str, object]:
    return {
        "at_ms": news.at_ms,
        "kind": news.kind.value,
        "severity": news.severity.value,
        "site": news.site,
        "ward": news.ward,
        "incident": news.incident,
        "is_drill": news.is_drill,
        "group": news.group,
        "values": json.dumps(dict(news.values), ensure_ascii=False, allow_nan=False),
    }


def _news_of(row: dict[str, Any]) -> News | None:
    """A row; ``None`` for a kind that a newer version wrote."""
    try:
        kind, severity = NewsKind(row["kind"]), Severity(row["severity"])
    except ValueError:
        return None
    return News(**{**row, "kind": kind, "severity": severity, "values": json.loads(row["values"])})
