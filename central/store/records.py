"""Central's relational state: sites, events, dead letters, the ledger of outbox entries, layouts, statuses, notes.

One thread does the work, in order; every method is durable when it returns. SQLite in a file, or PostgreSQL by its URL.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from central.core.audit import Decision
from central.core.city import DeadLetter, EventRecord, Site
from central.core.ledger import LedgerRun
from central.core.orders import ReceiptRecord
from central.core.stages import REPORTS_KEPT_MAX, KeyRecord, ReportRecord, SiteProof, proof_of
from central.store.account_tables import AccountStatements
from central.store.accounting import EnergyRows
from central.store.accounting_tables import EnergyStatements
from central.store.accounts import AccountRows
from central.store.advice import explain
from central.store.base import StoreError, StoreRefusedError
from central.store.certificate_tables import CertificateStatements
from central.store.certificates import CertificateRows
from central.store.decision_tables import DecisionStatements
from central.store.decisions import Decisions, enter, save_steering
from central.store.fact_tables import FactStatements
from central.store.facts import FactRows
from central.store.hooks import HookRows
from central.store.ledgers import LedgerRows
from central.store.news import NewsRows
from central.store.news_tables import NewsStatements
from central.store.notice_tables import NoticeStatements
from central.store.notices import NoticeRows
from central.store.records_database import engine_of, migrate, url_of
from central.store.records_rows import (
    event_of,
    key_of,
    report_of,
    run_of,
    site_of,
    values_of_event,
    values_of_key,
    values_of_letter,
    values_of_report,
    values_of_run,
    values_of_site,
)
from central.store.records_tables import Statements
from central.store.status import StatusRows
from central.store.status_tables import StatusStatements
from central.store.subscription_tables import SubscriptionStatements
from central.store.subscriptions import SubscriptionRows
from central.store.telegram_tables import TelegramStatements
from central.store.telegrams import Telegrams
from central.store.watch import WatchRows
from central.store.watch_tables import WatchStatements
from contract.layouts import Layout
from contract.steering import Reported

DEAD_LETTERS_MAX: Final = 10_000

RunKey = tuple[str, str, int]
"""Site, epoch and first sequence number of a ledger run."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Imported:
    """What ``save_sites`` did."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one batch of the intake leaves behind besides its readings; saved whole or not at all."""

    ledger: Sequence[LedgerRun] = ()
    ledger_deletes: Sequence[RunKey] = ()
    events: Sequence[EventRecord] = ()
    reports: Sequence[ReportRecord] = ()
    """With their documents. The first of a site makes its key the one that holds."""
    layouts: Mapping[str, Sequence[Layout]] = field(default_factory=dict)
    """Site → layouts that are new."""
    statuses: Mapping[str, tuple[str | bytes, int]] = field(default_factory=dict)
    """Site → status message as JSON, and when it came."""
    dead_letters: Sequence[DeadLetter] = ()
    receipts: Sequence[ReceiptRecord] = ()
    reported: Mapping[str, tuple[Reported, int]] = field(default_factory=dict)
    """Site → what it says that it does, and when that came."""


class Records:
    """The relational state. Make it with ``open``. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(self, url: URL, *, dead_letters_max: int = DEAD_LETTERS_MAX) -> None:
        self._url = url
        self._dead_letters_max = dead_letters_max
        self._thread = ThreadPoolExecutor(1, "records")
        self._engine: Engine | None = None
        self._closed = False
        self._do: Statements
        self._decide: DecisionStatements
        self._told: TelegramStatements
        self._said: FactStatements
        self._known: AccountStatements
        self._subscribed: SubscriptionStatements
        self._news: NewsStatements
        self._noticed: NoticeStatements
        self._counted: EnergyStatements
        self._watched: WatchStatements
        self._public: StatusStatements
        self._certified: CertificateStatements
        self.decisions = Decisions(self._ask, lambda: self._decide)
        self.telegrams = Telegrams(self._ask, lambda: self._told)
        self.facts = FactRows(self._ask, lambda: self._said)
        self.accounts = AccountRows(self._ask, lambda: self._known, lambda: self._decide)
        self.news = NewsRows(self._ask, lambda: self._news)
        self.hooks = HookRows(self._ask, lambda: self._news, lambda: self._decide)
        self.notices = NoticeRows(self._ask, lambda: self._noticed, lambda: self._decide)
        self.energy = EnergyRows(self._ask, lambda: self._counted, lambda: self._decide)
        self.ledgers = LedgerRows(self._ask, lambda: self._counted, lambda: self._decide)
        self.certificates = CertificateRows(self._ask, lambda: self._certified, lambda: self._decide)
        self.told = StatusRows(self._ask, lambda: self._public, lambda: self._decide)
        self.alerts = WatchRows(self._ask, lambda: self._watched, lambda: self._decide)
        self.subscriptions = SubscriptionRows(self._ask, lambda: self._subscribed, lambda: self._decide)

    @classmethod
    async def open(cls, url: str | Path, *, dead_letters_max: int = DEAD_LETTERS_MAX) -> Self:
        """Open a database (``postgresql+psycopg://…``, ``sqlite:///file`` or a path) and bring its tables up to date.

        Raises:
            StoreError: it can't be opened; the text says what to try.
        """
        records = cls(url_of(url), dead_letters_max=dead_letters_max)
        try:
            await records._run(records._open)
        except BaseException:
            await records.close()
            raise
        return records

    async def close(self) -> None:
        """Let go of the database."""
        if self._closed:
            return
        if self._engine is not None:
            await self._run(self._engine.dispose)
        self._closed = True
        self._thread.shutdown(wait=False)

    # --- Sites -------------------------------------------------------------------------------------------------------

    async def sites(self) -> list[Site]:
        """All registered shelters, by id."""
        return await self._ask(lambda db: _sites(db, self._do))

    async def save_sites(self, sites: Sequence[Site], decision: Decision | None = None) -> Imported:
        """Register shelters, or change those that are registered. None is ever removed.

        ``decision`` goes into the book in the same transaction.
        """

        def save(db: Connection) -> Imported:
            known = {site.id: site for site in _sites(db, self._do)}
            wanted = {site.id: site for site in sites}
            new = [site for site in wanted.values() if site.id not in known]
            changed = [site for site in wanted.values() if site.id in known and known[site.id] != site]
            _many(db, self._do.upsert_site, [values_of_site(site) for site in (*new, *changed)])
            if decision is not None:
                enter(db, self._decide, [decision])
            return Imported(len(new), len(changed), len(wanted) - len(new) - len(changed))

        return await self._ask(save)

    # --- What is proven of them ---------------------------------------------------------------------------------------

    async def proofs(self) -> dict[str, SiteProof]:
        """Site → what is proven of it; sites without a report are not in it."""
        reports = [report_of(row) for row in await self._all(self._do.reports)]
        keys = [key_of(row) for row in await self._all(self._do.keys)]
        synthetic = {site.id for site in await self.sites() if site.synthetic}
        return {
            site: proof_of(
                (r for r in reports if r.site == site),
                (k for k in keys if k.site == site),
                synthetic_site=site in synthetic,
            )
            for site in sorted({key.site for key in keys})
        }

    async def reports(self, site: str, *, limit: int = 100) -> list[ReportRecord]:
        """A site's reports without their documents, the one finished last first."""
        found = await self._all(self._do.reports_of_site, {"of_site": site, "at_most": limit})
        return [report_of(row) for row in found]

    async def report(self, sha256: str) -> ReportRecord | None:
        """One report with its document."""
        found = await self._all(self._do.report, {"of_sha256": sha256})
        return report_of(found[0]) if found else None

    async def keys(self, site: str) -> list[KeyRecord]:
        """Every key that held for a site, the one that holds now last."""
        return [key_of(row) for row in await self._all(self._do.keys_of_site, {"of_site": site})]

    async def accept_key(self, key: KeyRecord) -> None:
        """Let another key hold for a site from now on. Who and why are kept, and so is the key before."""
        await self._ask(lambda db: _many(db, self._do.add_key, [values_of_key(key)]))

    # --- The intake --------------------------------------------------------------------------------------------------

    async def save_batch(self, batch: Batch) -> None:
        """Everything that one batch of the intake leaves behind, in one transaction."""
        await self._ask(lambda db: self._save(db, batch))

    # --- Questions ---------------------------------------------------------------------------------------------------

    async def events(self, site: str | None = None, *, limit: int = 100) -> list[EventRecord]:
        """Newest events first, of one site or of all."""
        statement, of_site = (self._do.events, {}) if site is None else (self._do.events_of_site, {"of_site": site})
        found = await self._all(statement, {"at_most": limit, **of_site})
        return [event_of(row) for row in found]

    async def dead_letters(self, *, limit: int = 100) -> list[DeadLetter]:
        """Newest first."""
        return [DeadLetter(**row) for row in await self._all(self._do.letters, {"at_most": limit})]

    async def ledger(self, site: str, *, from_ms: int, to_ms: int) -> list[LedgerRun]:
        """A site's runs that reach into a stretch of time, in its order."""
        found = await self._all(self._do.runs_between, {"of_site": site, "start_ms": from_ms, "end_ms": to_ms})
        return [run_of(row) for row in found]

    async def ledger_tails(self, *, runs_each: int = 64) -> list[LedgerRun]:
        """The last runs of every outbox, by site, epoch and number: what the intake needs when it starts."""
        return [run_of(row) for row in await self._all(self._do.tails, {"runs_each": runs_each})]

    async def layouts(self) -> dict[str, list[Layout]]:
        """Site → every layout that it ever used."""
        found: dict[str, list[Layout]] = {}
        for row in await self._all(self._do.layouts):
            found.setdefault(row["site"], []).append(Layout(row["device"], tuple(row["points"].split("\n"))))
        return found

    async def statuses(self) -> dict[str, tuple[bytes, int]]:
        """Site → its newest status message as JSON, and when it came."""
        return {row["site"]: (row["message"].encode(), row["at_ms"]) for row in await self._all(self._do.statuses)}

    async def note(self, key: str, value: str) -> None:
        """Keep a small setting."""
        await self._ask(lambda db: _many(db, self._do.upsert_note, [{"key": key, "value": value}]))

    async def notes(self) -> dict[str, str]:
        """All small settings."""
        return {row["key"]: row["value"] for row in await self._all(self._do.notes)}

    # --- In the thread -----------------------------------------------------------------------------------------------

    async def _all(self, statement: Any, parameters: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        return await self._ask(lambda db: [dict(row) for row in db.execute(statement, parameters or {}).mappings()])

    async def _ask(self, job: Callable[[Connection], T]) -> T:
        def run() -> T:
            assert self._engine is not None
            with self._engine.begin() as db:
                return job(db)

        return await self._run(run)

    async def _run(self, job: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError(f"{self._name}: the records are closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, job)
        except (sa.exc.IntegrityError, sa.exc.DataError, OverflowError, UnicodeError) as error:
            raise StoreRefusedError(f"{self._name}: a value that the database cannot hold: {error}") from error
        except sa.exc.DBAPIError as error:
            raise StoreError(self._explain(error)) from error
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"{self._name}: {error}") from error

    @property
    def _name(self) -> str:
        return self._url.render_as_string(hide_password=True)

    def _explain(self, error: sa.exc.DBAPIError) -> str:
        if isinstance(error.orig, sqlite3.Error):
            return explain(self._url.database, error.orig)
        return f"{self._name}: {error.orig} (does the server run, and may this user use the database?)"

    def _open(self) -> None:
        dialect = self._url.get_backend_name()
        try:
            self._do = Statements(dialect)
            self._decide = DecisionStatements(dialect)
            self._told = TelegramStatements(dialect)
            self._said = FactStatements(dialect)
            self._known = AccountStatements(dialect)
            self._subscribed = SubscriptionStatements(dialect)
            self._news = NewsStatements(dialect)
            self._noticed = NoticeStatements(dialect)
            self._counted = EnergyStatements(dialect)
            self._watched = WatchStatements(dialect)
            self._public = StatusStatements(dialect)
            self._certified = CertificateStatements(dialect)
            self._engine = engine_of(self._url)
        except (ValueError, ImportError) as error:
            raise StoreError(f"{self._name}: {error} (PostgreSQL wants the package psycopg[binary])") from error
        with self._engine.begin() as db:
            migrate(db)

    def _save(self, db: Connection, batch: Batch) -> None:
        do = self._do
        _many(
            db,
            do.delete_run,
            [{"b_site": site, "b_epoch": epoch, "b_first_seq": seq} for site, epoch, seq in batch.ledger_deletes],
        )
        _many(db, do.upsert_ledger, [values_of_run(run) for run in batch.ledger])
        _many(db, do.add_event, [values_of_event(event) for event in batch.events])
        for report in batch.reports:
            db.execute(do.add_report, values_of_report(report))
            first = KeyRecord(site=report.site, public_key=report.public_key, since_ms=report.received_ms, by="")
            if not db.execute(do.keys_of_site, {"of_site": report.site}).first():
                db.execute(do.add_key, values_of_key(first))
            db.execute(
                do.forget_reports, {"in_site": report.site, "in_key": report.public_key, "kept": REPORTS_KEPT_MAX}
            )
        _many(
            db,
            do.add_layout,
            [
                {"site": site, "id": layout.id, "device": layout.device, "points": "\n".join(layout.points)}
                for site, layouts in batch.layouts.items()
                for layout in layouts
            ],
        )
        _many(
            db,
            do.upsert_status,
            [
                {"site": site, "at_ms": at_ms, "message": message.decode() if isinstance(message, bytes) else message}
                for site, (message, at_ms) in batch.statuses.items()
            ],
        )
        save_steering(db, self._decide, batch.receipts, batch.reported)
        if batch.dead_letters:
            letters = batch.dead_letters[-self._dead_letters_max :]
            _many(db, do.bury, [values_of_letter(letter) for letter in letters])
            db.execute(do.forget_letters, {"kept": self._dead_letters_max})


def _many(db: Connection, statement: Any, values: Sequence[Mapping[str, object]]) -> None:
    if values:
        db.execute(statement, values)


def _sites(db: Connection, do: Statements) -> list[Site]:
    return [site_of(dict(row)) for row in db.execute(do.sites).mappings()]
