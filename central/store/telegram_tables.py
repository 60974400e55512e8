"""The table of alerts from outside and the statements over it, for SQLite and PostgreSQL alike.

Rows are added, and forgotten by age. A change of the table needs a migration; a test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.sql.dml import Delete

from central.store.records_tables import INSERTS, event, metadata

telegram = Table(
    "telegram",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False, doc="address, file or sender, as it names itself"),
    Column("received_ms", BigInteger, nullable=False),
    Column("origin", Text, nullable=False, doc="how it came (central.core.alerts.telegram.Origin)"),
    Column("digest", Text, nullable=False, doc="SHA-256 of what came"),
    Column("verdict", Text, nullable=False, doc="what was made of it, in a word"),
    Column("meaning", Text, nullable=False, doc="what was read, as JSON; empty when it was refused or changed nothing"),
    Column("payload", LargeBinary, nullable=False, doc="what came, byte for byte; empty when it concerns other places"),
    UniqueConstraint("source", "digest", name="telegram_once"),
    Index("telegram_received", "received_ms"),
    sqlite_autoincrement=True,
)

ALL: Final = (telegram,)


class TelegramStatements:
    """Every statement of Telegrams, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        self.add = INSERTS[dialect](telegram).on_conflict_do_nothing()
        self.since = (
            select(telegram)
            .where(telegram.c.received_ms >= bindparam("since_ms"), telegram.c.meaning != "")
            .order_by(telegram.c.n.desc())
            .limit(bindparam("at_most"))
        )
        self.newest = select(telegram).order_by(telegram.c.n.desc()).limit(bindparam("at_most"))
        self.sources = (
            select(telegram.c.source)
            .where(telegram.c.received_ms >= bindparam("since_ms"), telegram.c.origin == bindparam("of_origin"))
            .order_by(telegram.c.n.desc())
            .limit(bindparam("at_most"))
        )
        self.forget: Delete = delete(telegram).where(telegram.c.received_ms < bindparam("before_ms"))
        self.forget_empty: Delete = delete(telegram).where(
            telegram.c.received_ms < bindparam("before_ms"), func.length(telegram.c.payload) == 0
        )
        self.grid_events = (
            select(event.c.site, event.c.kind, event.c.at_ms)
            .where(event.c.at_ms >= bindparam("since_ms"), event.c.kind.in_(bindparam("kinds", expanding=True)))
            .order_by(event.c.at_ms.desc())
            .limit(bindparam("at_most"))
        )

    def all(self) -> dict[str, Any]:
        """Every statement by its name."""
        return dict(vars(self))
