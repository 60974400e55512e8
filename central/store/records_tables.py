"""Tables of central's relational state and the statements over them, for SQLite and PostgreSQL alike.

A change here needs a migration in migrations/versions; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Delete, Insert

HEAD: Final = "0015"
"""The newest migration. A database that is there already starts without loading Alembic."""

metadata = MetaData()

site = Table(
    "site",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("ward_en", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("latitude", Double, nullable=False),
    Column("longitude", Double, nullable=False),
    Column("pv_kw", Double, nullable=False),
    Column("inverter_kw", Double, nullable=False),
    Column("battery_kwh", Double, nullable=False),
    Column("synthetic", Boolean, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("site", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("detail", Text, nullable=False, doc="JSON"),
    Index("event_at", "at_ms"),
    Index("event_site_at", "site", "at_ms"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("received_ms", BigInteger, nullable=False),
    Column("site", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("payload", Text, nullable=False),
    sqlite_autoincrement=True,
)

ledger = Table(
    "ledger",
    metadata,
    Column("site", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("first_seq", BigInteger, primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("fate", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Index("ledger_site_to", "site", "to_ms"),
)

layout = Table(
    "layout",
    metadata,
    Column("site", Text, primary_key=True),
    Column("id", Text, primary_key=True, doc="contract.layouts.Layout.id"),
    Column("device", Text, nullable=False),
    Column("points", Text, nullable=False, doc="names in the row's order, one a line"),
)

status = Table(
    "status",
    metadata,
    Column("site", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("message", Text, nullable=False, doc="the newest status message, as JSON"),
)

report = Table(
    "report",
    metadata,
    Column("site", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("public_key", Text, nullable=False, doc="base64 of the key that signed it"),
    Column("stage", Text, nullable=False),
    Column("missing", Text, nullable=False, doc="JSON array"),
    Column("technician", Text, nullable=False),
    Column("is_synthetic", Boolean, nullable=False),
    Column("document", Text, nullable=False, doc="JSON, as it was signed"),
    Index("report_sha256", "sha256"),
)

site_key = Table(
    "site_key",
    metadata,
    Column("site", Text, primary_key=True),
    Column("since_ms", BigInteger, primary_key=True),
    Column("public_key", Text, nullable=False),
    Column("by", Text, nullable=False, doc="who accepted it; empty for the key of the first report"),
    Column("why", Text, nullable=False),
)

note = Table(
    "note",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


INSERTS: Final[dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def upsert(dialect: str, table: Table) -> Insert:
    """Add rows, or change those that are there."""
    statement = INSERTS[dialect](table)
    keys = [column.name for column in table.primary_key]
    changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


class Statements:
    """Every statement of Records, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        if dialect not in INSERTS:
            raise ValueError(f"no statements for {dialect}: use sqlite:// or postgresql://")
        self._insert = INSERTS[dialect]
        self.upsert_site = upsert(dialect, site)
        self.upsert_ledger = upsert(dialect, ledger)
        self.upsert_status = upsert(dialect, status)
        self.upsert_note = upsert(dialect, note)
        self.add_layout = self._add_unless_there(layout)
        self.add_event = self._add_unless_there(event)
        self.bury: Insert = insert(dead_letter)
        self.forget_letters: Delete = delete(dead_letter).where(
            dead_letter.c.id <= select(func.max(dead_letter.c.id)).scalar_subquery() - bindparam("kept")
        )
        self.delete_run: Delete = delete(ledger).where(
            ledger.c.site == bindparam("b_site"),
            ledger.c.epoch == bindparam("b_epoch"),
            ledger.c.first_seq == bindparam("b_first_seq"),
        )
        self.sites = select(site).order_by(site.c.id)
        self.layouts = select(layout).order_by(layout.c.site, layout.c.device, layout.c.id)
        self.statuses = select(status)
        self.notes = select(note).order_by(note.c.key)
        self.letters = select(dead_letter).order_by(dead_letter.c.id.desc()).limit(bindparam("at_most"))
        newest = (event.c.at_ms.desc(), event.c.site, event.c.epoch, event.c.seq.desc())
        self.events = select(event).order_by(*newest).limit(bindparam("at_most"))
        self.events_of_site = self.events.where(event.c.site == bindparam("of_site"))
        self.runs_between = (
            select(ledger)
            .where(
                ledger.c.site == bindparam("of_site"),
                ledger.c.to_ms >= bindparam("start_ms"),
                ledger.c.from_ms < bindparam("end_ms"),
            )
            .order_by(ledger.c.from_ms, ledger.c.epoch, ledger.c.first_seq)
        )
        self.tails = _tails()
        short = select(*(column for column in report.columns if column is not report.c.document))
        newest_report = (report.c.at_ms.desc(), report.c.sha256)
        self.add_report = self._add_unless_there(report)
        self.forget_reports: Delete = delete(report).where(
            report.c.site == bindparam("in_site"),
            report.c.public_key == bindparam("in_key"),
            report.c.sha256.not_in(_newest_reports()),
        )
        self.reports = short.order_by(report.c.site, *newest_report)
        self.reports_of_site = (
            short.where(report.c.site == bindparam("of_site")).order_by(*newest_report).limit(bindparam("at_most"))
        )
        self.report = select(report).where(report.c.sha256 == bindparam("of_sha256")).limit(1)
        self.add_key: Insert = insert(site_key)
        self.keys = select(site_key).order_by(site_key.c.site, site_key.c.since_ms)
        self.keys_of_site = self.keys.where(site_key.c.site == bindparam("of_site"))

    def _add_unless_there(self, table: Table) -> Insert:
        return self._insert(table).on_conflict_do_nothing()

    def all(self) -> dict[str, Any]:
        """Every statement by its name."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


def _newest_reports() -> Select[Any]:
    newest = (report.c.at_ms.desc(), report.c.sha256)
    return (
        select(report.c.sha256)
        .where(report.c.site == bindparam("in_site"), report.c.public_key == bindparam("in_key"))
        .order_by(*newest)
        .limit(bindparam("kept"))
    )


def _tails() -> Select[Any]:
    place = func.row_number().over(partition_by=(ledger.c.site, ledger.c.epoch), order_by=ledger.c.first_seq.desc())
    ranked = select(ledger, place.label("place")).subquery()
    columns = [ranked.c[column.name] for column in ledger.columns]
    return (
        select(*columns)
        .where(ranked.c.place <= bindparam("runs_each"))
        .order_by(ranked.c.site, ranked.c.epoch, ranked.c.first_seq)
    )
