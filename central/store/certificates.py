"""Certificates of shelters, of the service and of the broker in the records: part of ``Records``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from central.core.audit import Decision
from central.core.provisioning import Issued, Kind
from central.store.certificate_tables import CertificateStatements
from central.store.decision_tables import DecisionStatements
from central.store.decisions import Ask, enter


class CertificateRows:
    """Certificates. Every method may raise ``StoreError``; then nothing was changed.

    What was made or withdrawn stands in the book in the same transaction.
    """

    def __init__(
        self, ask: Ask, statements: Callable[[], CertificateStatements], book: Callable[[], DecisionStatements]
    ) -> None:
        self._ask = ask
        self._statements = statements
        self._book = book

    async def all(self) -> list[Issued]:
        """Every certificate that was ever made, by name and age."""

        def job(db: Connection) -> list[Issued]:
            return [_issued_of(dict(row)) for row in db.execute(self._statements().all_rows).mappings()]

        return await self._ask(job)

    async def add(self, issued: Issued, decision: Decision) -> None:
        """Keep a new certificate."""

        def job(db: Connection) -> None:
            db.execute(self._statements().add, [_values_of(issued)])
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def revoke(self, serials: Sequence[str], decision: Decision) -> None:
        """Withdraw certificates; one that is withdrawn stays as it is."""

        def job(db: Connection) -> None:
            told = {"at_ms": decision.at_ms, "who": decision.by, "said": decision.why}
            for serial in serials:
                db.execute(self._statements().revoke, {"of_serial": serial, **told})
            enter(db, self._book(), [decision])

        await self._ask(job)


def _issued_of(row: Mapping[str, Any]) -> Issued:
    return Issued(**{**row, "kind": Kind(row["kind"])})


def _values_of(issued: Issued) -> dict[str, object]:
    return {
        "serial": issued.serial,
        "kind": issued.kind.value,
        "name": issued.name,
        "pem": issued.pem,
        "by": issued.by,
        "made_ms": issued.made_ms,
        "from_ms": issued.from_ms,
        "ends_ms": issued.ends_ms,
        "revoked_ms": issued.revoked_ms,
        "revoked_by": issued.revoked_by,
        "revoked_why": issued.revoked_why,
    }
