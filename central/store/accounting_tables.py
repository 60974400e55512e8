"""Tables of energy by half hours and of closed months, for SQLite and PostgreSQL alike.

A change of a table needs a migration; a test compares the two. Entries of months are added and never changed.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from central.store.records_tables import event, metadata, upsert
from central.store.status_tables import shelter_status
from contract.messages import EventKind

energy_day = Table(
    "energy_day",
    metadata,
    Column("site", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False, doc="Tokyo day, counted from 1970-01-01"),
    Column("late", Boolean, primary_key=True, doc="counted after its month was closed: waits for a correction"),
    Column("counted_ms", BigInteger, nullable=False),
    Column("peak_wh", BigInteger, doc="highest import of a half hour; null: none is known"),
    Column("peak_slot", Integer),
    Column("body", Text, nullable=False, doc="JSON: core/accounting/days.py"),
    Index("energy_day_by_day", "day"),
    Index("energy_day_by_counted", "counted_ms"),
)

energy_evidence = Table(
    "energy_evidence",
    metadata,
    Column("site", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("readings", LargeBinary, nullable=False, doc="counter readings that the day rests on, packed"),
)

energy_month = Table(
    "energy_month",
    metadata,
    Column("month", Text, primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False, doc="0: the closing; then corrections"),
    Column("kind", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("before", Text, nullable=False, doc="JSON: shelter → figures"),
    Column("after", Text, nullable=False, doc="JSON: shelter → figures"),
    Column("prior", Text, nullable=False, doc="hash of the entry before"),
    Column("hash", Text, nullable=False),
    Column("despite", Text, doc="JSON: what was missing when it was closed; null: nothing"),
)

energy_exchange = Table(
    "energy_exchange",
    metadata,
    Column("site", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
)

energy_link = Table(
    "energy_link",
    metadata,
    Column("site", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("seen", BigInteger, nullable=False, doc="bit n: half hour n was looked at soon after its end"),
    Column("timely", BigInteger, nullable=False, doc="bit n: a reading of it was there by then"),
)

energy_plan = Table(
    "energy_plan",
    metadata,
    Column("site", Text, primary_key=True),
    Column("month", Text, primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False, doc="number of the import; the highest one holds"),
    Column("wh", BigInteger, doc="null: the plan was withdrawn"),
    Column("at_ms", BigInteger, nullable=False),
)

asset = Table(
    "asset",
    metadata,
    Column("id", Text, primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False, doc="number of the import; the highest one holds"),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("body", Text, nullable=False, doc="JSON: core/accounting/assets.py"),
)

_DEVICE_KINDS: Final = tuple(
    kind.value for kind in (EventKind.DEVICE_LOST, EventKind.DEVICE_BACK, EventKind.AGENT_STARTED)
)

ALL: Final = (energy_day, energy_evidence, energy_month, energy_exchange, energy_link, energy_plan, asset)


class EnergyStatements:
    """Every statement of EnergyRows, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        day, proof, month = energy_day.c, energy_evidence.c, energy_month.c
        within = day.day.between(bindparam("first_day"), bindparam("last_day"))
        self.put_day = upsert(dialect, energy_day)
        self.days = self._days().where(within, day.late == bindparam("is_late"))
        self.days_of_site = self.days.where(day.site == bindparam("of_site"))
        self.drop_late = delete(energy_day).where(
            day.late, day.site == bindparam("of_site"), day.day == bindparam("of_day")
        )
        self.counted_since = (
            select(day.site, day.day, day.counted_ms)
            .where(day.counted_ms >= bindparam("since_ms"), ~day.late)
            .order_by(day.counted_ms, day.site, day.day)
        )
        self.late_days = select(day.site, day.day).where(within, day.late).order_by(day.site, day.day)
        self.peaks = (
            select(day.site, func.max(day.peak_wh).label("peak_wh")).where(within, ~day.late).group_by(day.site)
        )
        self.counted_days = select(day.day).distinct()
        self.state_of_days = select(func.count(), func.max(day.counted_ms)).where(within)
        self.first_days = select(day.site, func.min(day.day).label("first")).group_by(day.site)
        self.put_evidence = upsert(dialect, energy_evidence)
        self.evidence = (
            select(proof.day, proof.readings)
            .where(
                proof.site == bindparam("of_site"),
                proof.day.between(bindparam("first_day"), bindparam("last_day")),
            )
            .order_by(proof.day)
        )
        self.evidence_before = select(func.max(proof.day)).where(
            proof.site == bindparam("of_site"), proof.day < bindparam("before_day")
        )
        self.evidence_after = select(func.min(proof.day)).where(
            proof.site == bindparam("of_site"), proof.day > bindparam("after_day")
        )
        self.entries = select(energy_month).order_by(month.month, month.n)
        self.entries_of = self.entries.where(month.month == bindparam("of_month"))
        self.settled_since = select(month.month, month.n, month.at_ms).where(month.at_ms >= bindparam("since_ms"))
        self.closed = select(month.month).where(month.n == 0)
        self.add_entry = insert(energy_month)
        self.put_exchange = upsert(dialect, energy_exchange)
        self.exchanges = (
            select(energy_exchange)
            .where(energy_exchange.c.site == bindparam("of_site"))
            .order_by(energy_exchange.c.at_ms)
        )
        link = energy_link.c
        self.put_link = upsert(dialect, energy_link)
        self.links = select(energy_link).where(link.day.between(bindparam("first_day"), bindparam("last_day")))
        self.device_changes = (
            select(event.c.site, event.c.device, event.c.at_ms, event.c.kind)
            .where(
                event.c.kind.in_(_DEVICE_KINDS),
                event.c.at_ms.between(bindparam("from_ms"), bindparam("to_ms")),
            )
            .order_by(event.c.at_ms)
        )
        plan, own = energy_plan.c, asset.c
        self.last_plan = select(func.max(plan.n))
        self.add_plan = insert(energy_plan)
        self.plans = (
            select(plan.site, plan.month, plan.wh)
            .where(plan.month.between(bindparam("first_month"), bindparam("last_month")))
            .order_by(plan.n)
        )
        self.last_asset = select(func.max(own.n))
        self.add_asset = insert(asset)
        self.assets = select(own.id, own.body).order_by(own.n)
        told, status = event.c, shelter_status.c
        self.grid_changes = (
            select(told.site, told.at_ms, told.kind)
            .where(
                told.kind.in_((EventKind.GRID_LOST.value, EventKind.GRID_BACK.value)),
                told.at_ms.between(bindparam("from_ms"), bindparam("to_ms")),
            )
            .order_by(told.at_ms)
        )
        self.openings = (
            select(status.site, status.at_ms, status.opening)
            .where(status.at_ms <= bindparam("to_ms"))
            .order_by(status.n)
        )

    def all(self) -> dict[str, Any]:
        """Every statement by its name."""
        return dict(vars(self))

    @staticmethod
    def _days() -> Select[tuple[str, int, str]]:
        day = energy_day.c
        return select(day.site, day.day, day.body).order_by(day.site, day.day)
