"""The table of what staff say of shelters and the statements over it, for SQLite and PostgreSQL alike.

Rows are only ever added. A change of the table needs a migration; a test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, bindparam, func, select

from central.store.records_tables import INSERTS, metadata

shelter_fact = Table(
    "shelter_fact",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("site", Text, nullable=False),
    Column("name", Text, nullable=False, doc="central.core.facts.FactName"),
    Column("value", Text, nullable=False, doc="empty: withdrawn"),
    Column("by", Text, nullable=False, doc="who said it"),
    Column("at_ms", BigInteger, nullable=False),
    Index("shelter_fact_newest", "site", "name", "n"),
    sqlite_autoincrement=True,
)

ALL: Final = (shelter_fact,)


class FactStatements:
    """Every statement of ShelterFactRows, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        self.add = INSERTS[dialect](shelter_fact)
        newest = select(func.max(shelter_fact.c.n)).group_by(shelter_fact.c.site, shelter_fact.c.name)
        self.newest = select(shelter_fact).where(shelter_fact.c.n.in_(newest)).order_by(shelter_fact.c.n)
        self.of_site = (
            select(shelter_fact)
            .where(shelter_fact.c.site == bindparam("of_site"))
            .order_by(shelter_fact.c.n.desc())
            .limit(bindparam("at_most"))
        )

    def all(self) -> dict[str, Any]:
        """Every statement by its name."""
        return dict(vars(self))
