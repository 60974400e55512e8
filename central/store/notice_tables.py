"""Tables of cases, acknowledgements and messages to people, for SQLite and PostgreSQL alike.

A change of a table needs a migration; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, bindparam, delete, func, select, update

from central.store.records_tables import INSERTS, metadata, note, upsert

case = Table(
    "notification_case",
    metadata,
    Column("id", Text, primary_key=True),
    Column("begun_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False, doc="0: it goes on"),
    Column("state", Text, nullable=False, doc="JSON: central.core.notify.cases.Case"),
)

ack = Table(
    "notification_ack",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("case", Text, nullable=False),
    Column("person", Text, nullable=False, doc="id in the file of people; empty: by a page or a command"),
    Column("by", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("notification_ack_case", "case"),
    sqlite_autoincrement=True,
)

message = Table(
    "notification",
    metadata,
    Column("id", Text, primary_key=True, doc="UUID, the same at every attempt"),
    Column("message", Text, nullable=False, doc="the same over all channels"),
    Column("case", Text, nullable=False, doc="empty: a test"),
    Column("person", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("is_drill", Boolean, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False, doc="waiting, sent, dead"),
    Column("attempts", BigInteger, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("done_ms", BigInteger, nullable=False),
    Column("said", Text, nullable=False, doc="what the channel said to the newest attempt"),
    Column("stands_in_for", Text, nullable=False, doc="channel that could not be reached"),
    Index("notification_state", "state", "next_ms"),
    Index("notification_made", "made_ms"),
    Index("notification_message", "message"),
)

ALL: Final = (case, ack, message)


class NoticeStatements:
    """Every statement of NoticeRows, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        own, made = message.c, message.c.made_ms
        self.done = select(note.c.value).where(note.c.key == bindparam("of_key"))
        self.put_done = upsert(dialect, note)
        self.open_cases = select(case.c.state).where(case.c.ended_ms == 0).order_by(case.c.begun_ms, case.c.id)
        self.newest_cases = (
            select(case.c.state)
            .order_by(case.c.ended_ms != 0, case.c.begun_ms.desc(), case.c.id)
            .limit(bindparam("at_most"))
        )
        self.case = select(case.c.state).where(case.c.id == bindparam("of_id"))
        self.put_case = upsert(dialect, case)
        self.acks = select(ack).join(case, case.c.id == ack.c.case).where(case.c.ended_ms == 0).order_by(ack.c.n)
        self.acks_of = select(ack).where(ack.c.case == bindparam("of_case")).order_by(ack.c.n)
        self.add_ack = INSERTS[dialect](ack)
        self.put = upsert(dialect, message)
        # What is critical goes first: a queue that has grown may not hold it up.
        due = (own.next_ms <= bindparam("now_ms")) | (own.next_ms > bindparam("never_ms"))
        self.waiting = (
            select(message)
            .where(own.state == "waiting", own.channel == bindparam("of_channel"), due)
            .order_by(own.severity != "critical", own.next_ms, made, own.id)
            .limit(bindparam("at_most"))
        )
        self.of_message = select(own.channel).where(own.message == bindparam("of_message"))
        self.recent = (
            select(own.person, func.count(own.message.distinct()))
            .where(made > bindparam("since_ms"), own.case != "")
            .group_by(own.person)
        )
        # A message that went another way has reached somebody.
        other = message.alias("other")
        reached = select(other.c.id).where(other.c.message == own.message, other.c.state == "sent").exists()
        self.undelivered = select(func.count(own.message.distinct())).where(
            made >= bindparam("from_ms"), made < bindparam("to_ms"), own.case != "", ~reached
        )
        newest = select(message).order_by(made.desc(), own.id).limit(bindparam("at_most"))
        self.log = newest
        self.log_dead = newest.where(own.state == "dead")
        self.counts = select(own.state, func.count()).group_by(own.state)
        again = update(message).where(own.state == "dead")
        values = {"state": "waiting", "next_ms": 0, "done_ms": 0}
        self.again = again.where(own.id == bindparam("of_id")).values(**values)
        self.all_again = again.values(**values)
        self.forget = (
            delete(ack).where(ack.c.at_ms < bindparam("before_ms")),
            delete(message).where(made < bindparam("before_ms"), own.state != "waiting"),
            delete(case).where(case.c.ended_ms != 0, case.c.ended_ms < bindparam("before_ms")),
        )
