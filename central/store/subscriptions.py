"""Other systems' subscriptions in the records: part of ``Records``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from central.core.audit import Decision
from central.core.ngsi.subs import Sent
from central.store.decision_tables import DecisionStatements
from central.store.decisions import Ask, enter
from central.store.subscription_tables import SubscriptionStatements


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A subscription as kept: what its subscriber said, who that was, and what became of it."""

    id: str
    document: Mapping[str, Any]
    by: str
    made_ms: int
    changed_ms: int
    sent: Sent = field(default_factory=Sent)


class SubscriptionRows:
    """Subscriptions. Every method may raise ``StoreError``; then nothing was changed.

    What a person changed stands in the book in the same transaction.
    """

    def __init__(
        self, ask: Ask, statements: Callable[[], SubscriptionStatements], book: Callable[[], DecisionStatements]
    ) -> None:
        self._ask = ask
        self._statements = statements
        self._book = book

    async def all(self) -> list[Kept]:
        """Every subscription, the oldest first."""

        def job(db: Connection) -> list[Kept]:
            return [_kept_of(dict(row)) for row in db.execute(self._statements().all_rows).mappings()]

        return await self._ask(job)

    async def put(self, kept: Kept, decision: Decision) -> None:
        """Keep a subscription as it is now."""

        def job(db: Connection) -> None:
            db.execute(self._statements().put, [_values_of(kept)])
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def drop(self, id_: str, decision: Decision) -> None:
        """Forget a subscription."""

        def job(db: Connection) -> None:
            db.execute(self._statements().drop, {"of_id": id_})
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def note(self, id_: str, sent: Sent) -> None:
        """Keep what became of its notifications; of a subscription that is gone nothing is kept."""

        def job(db: Connection) -> None:
            told = {
                "of_id": id_,
                "sent": sent.times_sent,
                "failed": sent.times_failed,
                "in_a_row": sent.failures,
                "notified_ms": sent.last_notification_ms,
                "succeeded_ms": sent.last_success_ms,
                "failed_ms": sent.last_failure_ms,
            }
            db.execute(self._statements().note, told)

        await self._ask(job)


_SENT = ("times_sent", "times_failed", "failures", "last_notification_ms", "last_success_ms", "last_failure_ms")


def _kept_of(row: dict[str, Any]) -> Kept:
    sent = Sent(**{name: row.pop(name) for name in _SENT})
    return Kept(**{**row, "document": json.loads(row["document"])}, sent=sent)


def _values_of(kept: Kept) -> dict[str, Any]:
    return {
        "id": kept.id,
        "document": json.dumps(kept.document, ensure_ascii=False),
        "by": kept.by,
        "made_ms": kept.made_ms,
        "changed_ms": kept.changed_ms,
        **{name: getattr(kept.sent, name) for name in _SENT},
    }
