"""Tables of alerts and of their steps, for SQLite and PostgreSQL alike.

A change of a table needs a migration; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, bindparam, delete, func, select

from central.store.records_tables import INSERTS, metadata, note, upsert

alert = Table(
    "alert",
    metadata,
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("raised_ms", BigInteger, nullable=False),
    Column("resolved_ms", BigInteger, nullable=False, doc="0: it goes on"),
    Column("state", Text, nullable=False, doc="JSON: central.core.watch.alerts.Alert"),
    Index("alert_resolved", "resolved_ms", "raised_ms"),
)

step = Table(
    "alert_step",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("alert", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False, doc="JSON: central.core.watch.alerts.AlertStep"),
    Index("alert_step_alert", "alert"),
    sqlite_autoincrement=True,
)

ALL: Final = (alert, step)


class WatchStatements:
    """Every statement of WatchRows, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        own, steps = alert.c, step.c
        self.put = upsert(dialect, alert)
        self.add_step = INSERTS[dialect](step).returning(steps.n)
        self.going_on = select(own.state).where(own.resolved_ms == 0).order_by(own.n)
        self.newest = select(own.state).order_by(own.resolved_ms != 0, own.n.desc()).limit(bindparam("at_most"))
        self.over = select(own.state).where(own.resolved_ms != 0).order_by(own.resolved_ms.desc(), own.n.desc())
        self.over = self.over.limit(bindparam("at_most"))
        self.one = select(own.state).where(own.n == bindparam("of_n"))
        self.last = select(func.max(own.n))
        self.steps_of = select(step).where(steps.alert == bindparam("of_alert")).order_by(steps.n)
        self.steps_after = select(step).where(steps.n > bindparam("after_n")).order_by(steps.n)
        self.steps_after = self.steps_after.limit(bindparam("at_most"))
        self.note = select(note.c.value).where(note.c.key == bindparam("of_key"))
        self.put_note = upsert(dialect, note)
        old = select(own.n).where(own.resolved_ms != 0, own.resolved_ms < bindparam("before_ms"))
        self.forget = (delete(step).where(steps.alert.in_(old)), delete(alert).where(own.n.in_(old)))
