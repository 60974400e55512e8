"""Energy by half hours and closed months in the records: part of ``Records``.

Days of an open month are replaced when they are counted anew. Of a closed month they stay, and what is counted later
waits beside them until a correction takes it over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from central.core.accounting.closing import (
    EntryKind,
    MonthEntry,
    decision_of,
    decode_despite,
    decode_figures,
    encode_despite,
    encode_figures,
)
from central.core.accounting.days import SiteDay, decode_day, encode_day
from central.core.accounting.exchanges import Exchange
from central.core.accounting.halfhours import day_of, days_of_month, month_of_day, slot_of
from central.core.accounting.operation import DeviceChange
from central.core.accounting.stretches import Change
from central.core.audit import Decision
from central.core.publication import Openness
from central.store.accounting_tables import EnergyStatements
from central.store.decision_tables import DecisionStatements
from central.store.decisions import Ask, enter
from contract.messages import EventKind

Settle = Callable[[Sequence[SiteDay], Sequence[MonthEntry]], MonthEntry]
"""From a month's days and its entries to the next entry."""


class CountedDay(NamedTuple):
    """A shelter's day, and when it was counted as it holds."""

    site: str
    day: int
    counted_ms: int


class EnergyRows:
    """Half hours and months. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(
        self, ask: Ask, statements: Callable[[], EnergyStatements], book: Callable[[], DecisionStatements]
    ) -> None:
        self._ask = ask
        self._do = statements
        self._book = book

    async def save(self, days: Sequence[SiteDay], evidence: Mapping[tuple[str, int], bytes], *, counted_ms: int) -> int:
        """Keep days as they are counted now, and the readings that they rest on (site and day → packed).

        Returns:
            How many of them differ from a closed month, and wait for a correction.
        """

        def job(db: Connection) -> int:
            do = self._do()
            closed = set(db.execute(do.closed).scalars())
            values, late = [], []
            for one in days:
                if month_of_day(one.day) not in closed:
                    values.append(_values_of(one, late=False, counted_ms=counted_ms))
                    continue
                new = _values_of(one, late=True, counted_ms=counted_ms)
                if _body(db, do, one.site, one.day) == new["body"]:
                    db.execute(do.drop_late, {"of_site": one.site, "of_day": one.day})
                else:
                    late.append(new)
            if values or late:
                db.execute(do.put_day, [*values, *late])
            if evidence:
                db.execute(
                    do.put_evidence,
                    [{"site": site, "day": day, "readings": packed} for (site, day), packed in evidence.items()],
                )
            return len(late)

        return await self._ask(job)

    async def days(self, first_day: int, last_day: int, *, site: str | None = None) -> list[SiteDay]:
        """Days as they hold, by shelter and day; both ends are included."""
        return await self._ask(lambda db: _days(db, self._do(), first_day, last_day, site=site, late=False))

    async def counted_since(self, since_ms: int) -> list[CountedDay]:
        """Days that were counted anew from a moment on and hold, in the order in which they were counted."""

        def job(db: Connection) -> list[CountedDay]:
            found = db.execute(self._do().counted_since, {"since_ms": since_ms})
            return [CountedDay(row.site, row.day, row.counted_ms) for row in found]

        return await self._ask(job)

    async def settled_since(self, since_ms: int) -> list[tuple[str, int]]:
        """Months that were closed or corrected from a moment on, and the number of the entry."""

        def job(db: Connection) -> list[tuple[str, int]]:
            return [(row.month, row.n) for row in db.execute(self._do().settled_since, {"since_ms": since_ms})]

        return await self._ask(job)

    async def state_of_days(self, first_day: int, last_day: int) -> tuple[int, int]:
        """How many days are kept, and when the last one of them was counted: the same as long as none changes."""

        def job(db: Connection) -> tuple[int, int]:
            count, newest_ms = db.execute(
                self._do().state_of_days, {"first_day": first_day, "last_day": last_day}
            ).one()
            return count, newest_ms or 0

        return await self._ask(job)

    async def late_days(self, first_day: int, last_day: int, *, site: str | None = None) -> list[SiteDay]:
        """Days of closed months as they were counted since, where that differs."""
        return await self._ask(lambda db: _days(db, self._do(), first_day, last_day, site=site, late=True))

    async def evidence(self, site: str, first_day: int, last_day: int) -> dict[int, bytes]:
        """Day → packed readings."""

        def job(db: Connection) -> dict[int, bytes]:
            asked = {"of_site": site, "first_day": first_day, "last_day": last_day}
            return {row.day: row.readings for row in db.execute(self._do().evidence, asked)}

        return await self._ask(job)

    async def neighbours(self, site: str, first_day: int, last_day: int) -> tuple[int | None, int | None]:
        """The nearest days before and after a stretch of which readings are kept."""

        def job(db: Connection) -> tuple[int | None, int | None]:
            do = self._do()
            before = db.execute(do.evidence_before, {"of_site": site, "before_day": first_day}).scalar()
            after = db.execute(do.evidence_after, {"of_site": site, "after_day": last_day}).scalar()
            return before, after

        return await self._ask(job)

    async def peaks(self, first_day: int, last_day: int) -> dict[str, int]:
        """Shelter → highest import of a half hour, Wh; shelters of which none is known are not in it."""

        def job(db: Connection) -> dict[str, int]:
            found = db.execute(self._do().peaks, {"first_day": first_day, "last_day": last_day})
            return {row.site: row.peak_wh for row in found if row.peak_wh is not None}

        return await self._ask(job)

    async def counted_months(self) -> set[str]:
        """Months of which a day is counted."""

        def job(db: Connection) -> set[str]:
            return {month_of_day(day) for day in db.execute(self._do().counted_days).scalars()}

        return await self._ask(job)

    async def first_days(self) -> dict[str, int]:
        """Shelter → the first day that was ever counted of it."""

        def job(db: Connection) -> dict[str, int]:
            return {row.site: row.first for row in db.execute(self._do().first_days)}

        return await self._ask(job)

    async def note_links(self, slot_start_ms: int, timely: Mapping[str, bool]) -> None:
        """Note whether a reading of a half hour was there soon after its end, by shelter."""
        day, bit = day_of(slot_start_ms), 1 << slot_of(slot_start_ms)

        def job(db: Connection) -> None:
            do = self._do()
            known = {row.site: row for row in db.execute(do.links, {"first_day": day, "last_day": day})}
            values = []
            for site, was_timely in timely.items():
                old = known.get(site)
                seen, there = (old.seen, old.timely) if old else (0, 0)
                there = there | bit if was_timely else there & ~bit
                values.append({"site": site, "day": day, "seen": seen | bit, "timely": there})
            if values:
                db.execute(do.put_link, values)

        await self._ask(job)

    async def links(self, first_day: int, last_day: int) -> dict[str, tuple[int, int]]:
        """Shelter → half hours that were looked at soon after their end, and those of which a reading was there."""

        def job(db: Connection) -> dict[str, tuple[int, int]]:
            found: dict[str, tuple[int, int]] = {}
            for row in db.execute(self._do().links, {"first_day": first_day, "last_day": last_day}):
                seen, timely = found.get(row.site, (0, 0))
                found[row.site] = seen + row.seen.bit_count(), timely + row.timely.bit_count()
            return found

        return await self._ask(job)

    async def device_changes(self, from_ms: int, to_ms: int) -> list[DeviceChange]:
        """When devices did not answer any more and did again; ``device`` empty: the agent began anew."""

        def job(db: Connection) -> list[DeviceChange]:
            found = db.execute(self._do().device_changes, {"from_ms": from_ms, "to_ms": to_ms})
            return [
                DeviceChange(
                    site=row.site,
                    device=row.device if row.kind != EventKind.AGENT_STARTED.value else "",
                    at_ms=row.at_ms,
                    lost=row.kind == EventKind.DEVICE_LOST.value,
                )
                for row in found
            ]

        return await self._ask(job)

    async def exchanges(self, site: str) -> list[Exchange]:
        """When a shelter's devices were exchanged, as far as that is known."""

        def job(db: Connection) -> list[Exchange]:
            return [Exchange(**row) for row in db.execute(self._do().exchanges, {"of_site": site}).mappings()]

        return await self._ask(job)

    async def add_exchange(self, one: Exchange, decision: Decision) -> None:
        """Keep that a device was exchanged."""

        def job(db: Connection) -> None:
            db.execute(self._do().put_exchange, [asdict(one)])
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def grid_changes(self, from_ms: int, to_ms: int) -> list[Change]:
        """When shelters lost the grid and had it back, as they told it."""

        def job(db: Connection) -> list[Change]:
            found = db.execute(self._do().grid_changes, {"from_ms": from_ms, "to_ms": to_ms})
            return [
                Change(site=row.site, at_ms=row.at_ms, holds=row.kind == EventKind.GRID_LOST.value) for row in found
            ]

        return await self._ask(job)

    async def openings(self, to_ms: int) -> list[Change]:
        """When staff said that shelters are open, and that they are not any more."""
        is_open = {Openness.OPEN.value, Openness.FULL.value}

        def job(db: Connection) -> list[Change]:
            found = db.execute(self._do().openings, {"to_ms": to_ms})
            return [Change(site=row.site, at_ms=row.at_ms, holds=row.opening in is_open) for row in found]

        return await self._ask(job)

    async def entries(self, month: str | None = None) -> list[MonthEntry]:
        """Closings and corrections, of one month or of all, in their order."""
        return await self._ask(lambda db: _entries(db, self._do(), month))

    async def settle(self, month: str, decide: Settle, *, takes_late: bool = True) -> MonthEntry:
        """Close or correct a month: its days, the new entry and that of the book in one transaction.

        Late days of the shelters that the entry changes take the place of those that held (``takes_late``).
        ``decide`` may raise; then nothing was changed.
        """

        def job(db: Connection) -> MonthEntry:
            do = self._do()
            numbers = days_of_month(month)
            kept = _days(db, do, numbers.start, numbers.stop - 1, site=None, late=False)
            late = _days(db, do, numbers.start, numbers.stop - 1, site=None, late=True)
            newest = {(one.site, one.day): one for one in (*kept, *late)}
            entry = decide(list(newest.values()), _entries(db, do, month))
            for one in late:
                if takes_late and one.site in entry.after:
                    db.execute(do.put_day, [_values_of(one, late=False, counted_ms=entry.at_ms)])
                    db.execute(do.drop_late, {"of_site": one.site, "of_day": one.day})
            db.execute(do.add_entry, [_values_of_entry(entry)])
            enter(db, self._book(), [decision_of(entry)])
            return entry

        return await self._ask(job)


def _days(
    db: Connection, do: EnergyStatements, first_day: int, last_day: int, *, site: str | None, late: bool
) -> list[SiteDay]:
    asked = {"first_day": first_day, "last_day": last_day, "is_late": late}
    found = db.execute(do.days, asked) if site is None else db.execute(do.days_of_site, {**asked, "of_site": site})
    return [decode_day(row.site, row.day, row.body) for row in found]


def _body(db: Connection, do: EnergyStatements, site: str, day: int) -> str | None:
    asked = {"first_day": day, "last_day": day, "is_late": False, "of_site": site}
    found = db.execute(do.days_of_site, asked).first()
    return found.body if found else None


def _entries(db: Connection, do: EnergyStatements, month: str | None) -> list[MonthEntry]:
    found = db.execute(do.entries) if month is None else db.execute(do.entries_of, {"of_month": month})
    return [_entry_of(dict(row)) for row in found.mappings()]


def _values_of(one: SiteDay, *, late: bool, counted_ms: int) -> dict[str, Any]:
    peak_wh, peak_slot = one.peak or (None, None)
    return {
        "site": one.site,
        "day": one.day,
        "late": late,
        "counted_ms": counted_ms,
        "peak_wh": peak_wh,
        "peak_slot": peak_slot,
        "body": encode_day(one),
    }


def _values_of_entry(entry: MonthEntry) -> dict[str, Any]:
    return {
        "month": entry.month,
        "n": entry.n,
        "kind": entry.kind.value,
        "at_ms": entry.at_ms,
        "by": entry.by,
        "why": entry.why,
        "before": encode_figures(entry.before),
        "after": encode_figures(entry.after),
        "despite": encode_despite(entry.despite),
        "prior": entry.prior,
        "hash": entry.hash,
    }


def _entry_of(row: Mapping[str, Any]) -> MonthEntry:
    return MonthEntry(
        month=row["month"],
        n=row["n"],
        kind=EntryKind(row["kind"]),
        at_ms=row["at_ms"],
        by=row["by"],
        why=row["why"],
        before=decode_figures(row["before"]),
        after=decode_figures(row["after"]),
        despite=decode_despite(row["despite"]),
        prior=row["prior"],
        hash=row["hash"],
    )
