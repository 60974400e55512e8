"""Tables of news, of webhooks and of what could not be delivered, for SQLite and PostgreSQL alike.

A change of a table needs a migration; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text, bindparam, delete, func, select, update

from central.store.records_tables import INSERTS, metadata, upsert

news = Table(
    "news",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", Text, nullable=False, doc="central.core.news.NewsKind"),
    Column("severity", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("is_drill", Boolean, nullable=False),
    Column("group", Text, nullable=False),
    Column("values", Text, nullable=False, doc="JSON"),
    sqlite_autoincrement=True,
)

told = Table(
    "news_told",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False, doc="signs what is sent, so it has to be kept as it is"),
    Column("filter", Text, nullable=False, doc="JSON: kinds, wards, severity, drills"),
    Column("by", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("done_n", BigInteger, nullable=False, doc="news up to here are delivered, given up or not asked for"),
    Column("delivered", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False, doc="in a row"),
    Column("next_ms", BigInteger, nullable=False, doc="not to be tried before"),
    Column("last_ms", BigInteger, nullable=False, doc="newest attempt; 0: none"),
    Column("last_ok_ms", BigInteger, nullable=False),
    Column("last_said", Text, nullable=False, doc="what became of the newest attempt"),
)

letter = Table(
    "webhook_letter",
    metadata,
    Column("hook", Text, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False, doc="of the news"),
    Column("news", Text, nullable=False, doc="JSON: the body that was not taken"),
    Column("failed_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("again", Boolean, nullable=False, doc="somebody asked to try it once more"),
)

ALL: Final = (news, told, webhook, letter)


class NewsStatements:
    """Every statement of NewsRows and HookRows, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        n, hook, own = news.c.n, webhook.c, letter.c
        self.add = INSERTS[dialect](news).returning(n)
        self.after = select(news).where(n > bindparam("after_n")).order_by(n).limit(bindparam("at_most"))
        self.ends = select(func.min(n), func.max(n))
        self.forget_old = delete(news).where(news.c.at_ms < bindparam("before_ms"))
        self.forget_far = delete(news).where(n <= bindparam("up_to_n"))
        self.told = select(told)
        self.tell = upsert(dialect, told)
        self.untell = delete(told).where(told.c.key == bindparam("of_key"))
        self.hooks = select(webhook).order_by(hook.made_ms, hook.id)
        self.put_hook = INSERTS[dialect](webhook)
        self.drop_hook = delete(webhook).where(hook.id == bindparam("of_id"))
        progress = ("done_n", "delivered", "failures", "next_ms", "last_ms", "last_ok_ms", "last_said")
        self.note_hook = (
            update(webhook)
            .where(hook.id == bindparam("of_id"))
            .values({name: bindparam(f"new_{name}") for name in progress})
        )
        self.bury = upsert(dialect, letter)
        self.letters = (
            select(letter).where(own.hook == bindparam("of_hook")).order_by(own.n.desc()).limit(bindparam("at_most"))
        )
        self.counts = select(own.hook, func.count()).group_by(own.hook)
        self.wanted = select(letter).where(own.again).order_by(own.hook, own.n).limit(bindparam("at_most"))
        one = (own.hook == bindparam("of_hook")) & (own.n == bindparam("of_n"))
        self.take_letter = delete(letter).where(one)
        self.ask_again = update(letter).where(one).values(again=True)
        self.ask_all_again = update(letter).where(own.hook == bindparam("of_hook")).values(again=True)
        self.drop_letters = delete(letter).where(own.hook == bindparam("of_hook"))
        kept = select(own.n).where(own.hook == bindparam("in_hook")).order_by(own.n.desc()).limit(bindparam("kept"))
        self.forget_letters = delete(letter).where(own.hook == bindparam("in_hook"), own.n.not_in(kept))
