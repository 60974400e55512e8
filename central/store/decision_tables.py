"""Tables of what was decided and what came of it, and the statements over them, for SQLite and PostgreSQL alike.

Rows of ``audit``, ``desired`` and ``receipt`` are added and never changed. A change of the tables needs a migration; a
test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.selectable import Subquery

from central.store.records_tables import INSERTS, metadata, upsert

audit = Table(
    "audit",
    metadata,
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("detail", Text, nullable=False, doc="JSON object"),
    Column("hash", Text, nullable=False, doc="over the hash before and this row (central.core.audit.hash_of)"),
)

desired = Table(
    "desired",
    metadata,
    Column("site", Text, primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("issued_ms", BigInteger, nullable=False),
    Column("payload", Text, nullable=False, doc="the signed message, byte for byte as it travels"),
    Index("desired_issued", "issued_ms"),
)

receipt = Table(
    "receipt",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("site", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("stage", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    UniqueConstraint("site", "revision", "at_ms", "stage", "device", "reason", name="receipt_once"),
    Index("receipt_received", "received_ms"),
    sqlite_autoincrement=True,
)

reported = Table(
    "reported",
    metadata,
    Column("site", Text, primary_key=True),
    Column("received_ms", BigInteger, nullable=False),
    Column("message", Text, nullable=False, doc="the newest reported state, as JSON"),
)

ALL: Final = (audit, desired, receipt, reported)


class DecisionStatements:
    """Every statement of Decisions, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        self.add_entry: Insert = insert(audit)
        self.entries = select(audit).order_by(audit.c.n)
        self.newest_entries = select(audit).order_by(audit.c.n.desc()).limit(bindparam("at_most"))
        self.add_desired: Insert = insert(desired)
        self.add_receipt = INSERTS[dialect](receipt).on_conflict_do_nothing()
        self.upsert_reported = upsert(dialect, reported)
        self.reported = select(reported).order_by(reported.c.site)
        until = _newest(desired.c.issued_ms <= bindparam("until_ms"))
        self.orders_at = (
            select(desired.c.payload)
            .join(until, and_(desired.c.site == until.c.site, desired.c.revision == until.c.revision))
            .order_by(desired.c.site)
        )
        self.orders_of_site = (
            select(desired.c.payload)
            .where(desired.c.site == bindparam("of_site"))
            .order_by(desired.c.revision.desc())
            .limit(bindparam("at_most"))
        )
        self.receipts_at = (
            select(receipt)
            .join(
                until,
                and_(
                    receipt.c.site == until.c.site,
                    or_(
                        receipt.c.revision == until.c.revision,
                        and_(receipt.c.revision == 0, receipt.c.stage == "refused"),
                    ),
                ),
            )
            .where(receipt.c.received_ms <= bindparam("until_ms"))
            .order_by(receipt.c.n)
        )
        self.receipts_of_site = (
            select(receipt)
            .where(receipt.c.site == bindparam("of_site"))
            .order_by(receipt.c.n.desc())
            .limit(bindparam("at_most"))
        )
        self.receipts_after = (
            select(receipt)
            .where(receipt.c.n > bindparam("after"), receipt.c.received_ms >= bindparam("since_ms"))
            .order_by(receipt.c.n)
            .limit(bindparam("at_most"))
        )

    def all(self) -> dict[str, Any]:
        """Every statement by its name."""
        return dict(vars(self))


def _newest(condition: Any) -> Subquery:
    newest = select(desired.c.site, func.max(desired.c.revision).label("revision"))
    return newest.where(condition).group_by(desired.c.site).subquery()
