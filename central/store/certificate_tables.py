"""The table of certificates and the statements over it, for SQLite and PostgreSQL alike.

A change of the table needs a migration; a test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Table, Text, bindparam, insert, select, update

from central.store.records_tables import metadata

certificate = Table(
    "certificate",
    metadata,
    Column("serial", Text, primary_key=True, doc="hexadecimal digits"),
    Column("kind", Text, nullable=False, doc="central.core.provisioning.Kind"),
    Column("name", Text, nullable=False, doc="common name: a shelter's id, central, or the broker's host"),
    Column("pem", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger, nullable=False, doc="0: it holds"),
    Column("revoked_by", Text, nullable=False),
    Column("revoked_why", Text, nullable=False),
    Index("certificate_name", "name", "made_ms"),
)

ALL: Final = (certificate,)


class CertificateStatements:
    """Every statement of CertificateRows, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, _dialect: str) -> None:
        own = certificate.c
        self.add = insert(certificate)
        self.all_rows = select(certificate).order_by(own.name, own.made_ms, own.serial)
        self.revoke = (
            update(certificate)
            .where(own.serial == bindparam("of_serial"), own.revoked_ms == 0)
            .values(revoked_ms=bindparam("at_ms"), revoked_by=bindparam("who"), revoked_why=bindparam("said"))
        )

    def all(self) -> dict[str, Any]:
        """Every statement by its name."""
        return dict(vars(self))
