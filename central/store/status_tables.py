"""The table of what staff tell the public of shelters and the statements over it, for SQLite and PostgreSQL alike.

Rows are only ever added. A change of the table needs a migration; a test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, bindparam, func, select

from central.store.records_tables import INSERTS, metadata

shelter_status = Table(
    "shelter_status",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("site", Text, nullable=False),
    Column("opening", Text, nullable=False, doc="central.core.publication.Openness"),
    Column("crowding", Text, nullable=False, doc="central.core.publication.Crowding"),
    Column("services", Text, nullable=False, doc="of central.core.publication.Service, with commas"),
    Column("notes", Text, nullable=False, doc="JSON object: language tag → text"),
    Column("by", Text, nullable=False, doc="who said it"),
    Column("at_ms", BigInteger, nullable=False),
    Column("since_ms", BigInteger, nullable=False, doc="since when the opening is what it is"),
    Index("shelter_status_newest", "site", "n"),
    sqlite_autoincrement=True,
)

ALL: Final = (shelter_status,)


class StatusStatements:
    """Every statement of StatusRows, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        self.add = INSERTS[dialect](shelter_status)
        newest = select(func.max(shelter_status.c.n)).group_by(shelter_status.c.site)
        self.newest = select(shelter_status).where(shelter_status.c.n.in_(newest)).order_by(shelter_status.c.n)
        self.of_site = (
            select(shelter_status)
            .where(shelter_status.c.site == bindparam("of_site"))
            .order_by(shelter_status.c.n.desc())
            .limit(bindparam("at_most"))
        )

    def all(self) -> dict[str, Any]:
        """Every statement by its name."""
        return dict(vars(self))
