"""The table of other systems' subscriptions and the statements over it, for SQLite and PostgreSQL alike.

A change of the table needs a migration; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Table, Text, bindparam, delete, select, update

from central.store.records_tables import metadata, upsert

subscription = Table(
    "ngsi_subscription",
    metadata,
    Column("id", Text, primary_key=True),
    Column("document", Text, nullable=False, doc="JSON, as the subscriber gave it, with its @context"),
    Column("by", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("times_sent", BigInteger, nullable=False),
    Column("times_failed", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False, doc="since the last success"),
    Column("last_notification_ms", BigInteger, nullable=True),
    Column("last_success_ms", BigInteger, nullable=True),
    Column("last_failure_ms", BigInteger, nullable=True),
)

ALL: Final = (subscription,)


class SubscriptionStatements:
    """Every statement of SubscriptionRows, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        own = subscription.c
        self.all_rows = select(subscription).order_by(own.made_ms, own.id)
        self.put = upsert(dialect, subscription)
        self.drop = delete(subscription).where(own.id == bindparam("of_id"))
        self.note = (
            update(subscription)
            .where(own.id == bindparam("of_id"))
            .values(
                times_sent=bindparam("sent"),
                times_failed=bindparam("failed"),
                failures=bindparam("in_a_row"),
                last_notification_ms=bindparam("notified_ms"),
                last_success_ms=bindparam("succeeded_ms"),
                last_failure_ms=bindparam("failed_ms"),
            )
        )
