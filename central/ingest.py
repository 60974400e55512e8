"""The intake: messages → judged rows → store → ledger → acknowledgement. In this order, and never another.

A batch is judged (core/rules.py), written to the store, then to the records (ledger, events, layouts, statuses, dead
letters), and only when both say that it is on disk is it acknowledged. A kill at any point between makes the shelter
send again, and the keys of both absorb the repeat. While a store does not take a batch nothing is acknowledged, the
batch is tried again, the inbox fills up and the broker keeps the rest.

Not acknowledged, because the shelter should keep it: a site that is not registered (yet), a row whose layout is not
known (the acknowledgement asks for it), another version of the contract or a newer list of points, a failure of
central itself. Acknowledged as refused, because sending it again would not help: everything else that can't be used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog

from central.apart import parts_of, write_in_halves
from central.batch import Batch, Entry
from central.core.city import EventRecord, IngestStats, Site
from central.core.latency import Latency
from central.core.ledger import Ledger
from central.core.letters import Letters
from central.core.live import LiveView
from central.core.orders import ReceiptRecord
from central.core.restored import Asking
from central.core.rules import Shape
from central.inbox import Inbox
from central.intake import Intake
from central.store import records as kept
from central.store.base import StoreError, StoreRefusedError, StoreRow, TelemetryStore, Written
from contract.layouts import Layout
from contract.messages import Ack
from contract.steering import Reported

log = structlog.get_logger(__name__)

LINGER_S: Final = 0.25
RETRY_FIRST_S: Final = 0.2
RETRY_MAX_S: Final = 10.0
LIVE_AGE_MS: Final = 5 * 60_000
T = TypeVar("T")
Steered = Callable[[Sequence[ReceiptRecord], Mapping[str, tuple[Reported, int]]], None]
"""Takes receipts, and site → reported state and when it came."""


class Keeper(Protocol):
    """What the intake needs of the records."""

    async def save_batch(self, batch: kept.Batch) -> None:
        """Keep what a batch leaves behind, whole or not at all.

        Raises:
            StoreError: it is not kept.
        """
        ...


@dataclass(slots=True)
class Counts:
    """What the intake did since it started."""

    messages: int = 0
    stored: int = 0
    repeated: int = 0
    bad: int = 0
    batches: int = 0


@dataclass(slots=True)
class Trouble:
    """What is wrong with each part that a batch needs; empty when it works."""

    store: str = ""
    records: str = ""
    clock: str = ""


class Ingest:
    """The loop that empties the inbox. ``send`` gives an acknowledgement to the broker."""

    def __init__(
        self,
        inbox: Inbox,
        store: TelemetryStore,
        keeper: Keeper,
        *,
        live: LiveView,
        ledger: Ledger,
        send: Callable[[str, Ack], bool],
        now: Callable[[], int],
        linger_s: float = LINGER_S,
        noticed: Callable[[], None] = lambda: None,
        steered: Steered = lambda _receipts, _reported: None,
        happened: Callable[[Sequence[EventRecord]], None] = lambda _events: None,
    ) -> None:
        self._inbox = inbox
        self._store = store
        self._keeper = keeper
        self._live = live
        self._ledger = ledger
        self._send = send
        self._now = now
        self._linger_s = linger_s
        self._noticed = noticed
        """Is called when a report was kept: what is proven of a shelter may have changed."""
        self._steered = steered
        """Is called with receipts and reported states after they were kept."""
        self._happened = happened
        """Is called with events after they were kept."""
        self._since_ms = now()
        self._latency = Latency()
        self.letters = Letters()
        self.intake = Intake(live, self.letters)
        self.counts = Counts()
        self.asking: Asking | None = None
        """After a restore from a backup: what the shelters are asked for again."""
        self.trouble = Trouble()
        self.is_busy = False
        """Whether messages are between inbox and acknowledgement."""
        self._ending = False
        self._ended = asyncio.Event()

    def set_sites(self, sites: Iterable[Site]) -> None:
        """Take the registry as it is now."""
        self.intake.known_sites = frozenset(site.id for site in sites)

    def learn(self, layouts: dict[str, list[Layout]]) -> None:
        """Take the layouts that were kept, at the start."""
        for site, found in layouts.items():
            self.intake.shapes[site] = {layout.id: Shape(site, layout) for layout in found}

    async def run(self) -> None:
        """Take batches until cancelled, or until ``finish``."""
        while not self._ending or len(self._inbox):
            await self._inbox.wait(self.intake.messages_max, self._linger_s)
            await self._step()
        self._ended.set()

    async def finish(self) -> None:
        """End ``run`` after everything that is in the inbox was brought to its acknowledgement."""
        self._ending = True
        self._inbox.wake()
        await self._ended.wait()

    async def _step(self) -> None:
        """One batch, from the inbox to its acknowledgements."""
        self.is_busy = True
        try:
            await self._batch()
        except Exception:
            # A fault of this program. Nothing of the batch is acknowledged, so the shelters still have it.
            log.exception("batch_not_acknowledged")
        finally:
            self.is_busy = False

    async def _batch(self) -> None:
        batch = await self.intake.collect(self._inbox, self._now)
        if not batch.messages:
            return
        self._mind_the_clock(batch)
        self.counts.messages += batch.messages
        rows, repeated = await self._write(batch)
        stored_ms = self._now()
        self._count(batch, rows, repeated, stored_ms)
        self._account(batch, stored_ms)
        await self._keep(batch)
        if batch.reports:
            self._noticed()
        if batch.receipts or batch.reported:
            self._steered(batch.receipts, batch.reported)
        if batch.events:
            self._happened(batch.events)
        self.counts.batches += 1
        # The records may have kept it waiting, and a shelter without a clock takes this for the time.
        for site, ack in batch.acks(self._now()):
            self._send(site, ack)
        if self.asking is not None:
            self._ask_again(self.asking, {*batch.statuses, *(entry.site for entry in batch.entries)})

    def _ask_again(self, asking: Asking, sites: Iterable[str]) -> None:
        for site in sites:
            status, _ = self._live.status(site)
            if status is None or not status.online or status.outbox is None:
                continue
            now_ms, is_cut = self._now(), self._ledger.is_cut(site)
            again = asking.question(site, self._ledger.runs(site), status.outbox, now_ms, is_cut=is_cut)
            if again:
                self._send(site, Ack(epoch=status.outbox.epoch, again=again, at_ms=now_ms))
                log.info("asked_again", site=site, first=again[0][0], last=again[-1][1], ranges=len(again))

    def _mind_the_clock(self, batch: Batch) -> None:
        """Only what is withheld is trouble: after a jump ahead and back again the clock is right."""
        if bool(batch.withheld) == bool(self.trouble.clock):
            return
        back_s = (self.intake.newest_ms - self._now()) // 1_000
        told = f"this machine's clock was set back by {back_s} s: check its time server"
        self.trouble.clock = told if batch.withheld else ""
        log.warning("clock", trouble=self.trouble.clock or "none any more")

    # --- Store --------------------------------------------------------------------------------------------------------

    async def _write(self, batch: Batch) -> tuple[Sequence[StoreRow], int | None]:
        """What of the batch is in the store now, and how much of it was there before (``None``: it can't tell)."""
        if not batch.rows:
            return (), 0
        try:
            return batch.rows, (await self._insist_on_rows(batch.rows)).repeated
        except Exception as error:  # noqa: BLE001 - whatever it is, the other shelters must not wait for it
            log.error("batch_failed", error=repr(error), rows=len(batch.rows))
        # Something in it that no rule foresaw.
        return await write_in_halves(batch.entries, batch.rows, self._insist_on_rows, partial(self._spoil, batch))

    async def _insist_on_rows(self, rows: Sequence[StoreRow]) -> Written:
        return await self._insist("store", lambda: self._store.write(rows))

    def _spoil(self, batch: Batch, entry: Entry, error: Exception) -> None:
        self.intake.spoil(batch, entry, repr(error), self._now())

    async def _insist(self, part: str, work: Callable[[], Awaitable[T]]) -> T:
        """Until it is done: a store that is away comes back, and until then everything waits where it is safe."""
        wait_s = RETRY_FIRST_S
        while True:
            try:
                done = await work()
            except StoreRefusedError:
                setattr(self.trouble, part, "")
                raise
            except StoreError as error:
                setattr(self.trouble, part, str(error))
                log.warning("store_away", part=part, error=str(error), retry_s=wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, RETRY_MAX_S)
            else:
                if getattr(self.trouble, part):
                    setattr(self.trouble, part, "")
                    log.info("store_back", part=part)
                return done

    def _count(self, batch: Batch, rows: Sequence[StoreRow], repeated: int | None, stored_ms: int) -> None:
        good = bad = 0
        for row in rows:
            missing = row.values.count(None) if row.bad else 0
            bad += missing
            good += len(row.values) - missing
        # The store counts rows; readings of a batch in which only some rows are repeats are shared out by rows.
        repeats = repeated or 0
        share = repeats / len(rows) if rows else 0.0
        self.counts.repeated += round((good + bad) * share)
        self.counts.stored += round(good * (1 - share))
        self.counts.bad += round(bad * (1 - share))
        if not repeats:
            oldest_ms = stored_ms - LIVE_AGE_MS
            self._latency.add(
                [entry.from_ms for entry in batch.entries if entry.is_live and entry.from_ms > oldest_ms], stored_ms
            )

    # --- Records ------------------------------------------------------------------------------------------------------

    def _account(self, batch: Batch, now_ms: int) -> None:
        """Enter what arrived, what was refused and what was lost into the ledger."""
        for entry in batch.entries:
            if entry.spoilt:
                continue
            try:
                self._enter(entry, now_ms)
            except Exception as error:
                log.exception("entry_failed", site=entry.site)
                self._spoil(batch, entry, error)
        for site, epoch, losses in batch.losses:
            self._ledger.lost(site, epoch, losses, now_ms)

    def _enter(self, entry: Entry, now_ms: int) -> None:
        if entry.refused and not entry.times_ms:
            self._ledger.refused(entry.site, entry.epoch, entry.ranges, entry.refused.value, now_ms)
            return
        self._ledger.arrived(
            entry.site,
            entry.epoch,
            entry.ranges,
            entry.times_ms or [now_ms],
            interval_ms=self._live.interval_ms(entry.site),
            rows=entry.row_end - entry.row_first if len(entry.ranges) == 1 else None,
        )

    async def _keep(self, batch: Batch) -> None:
        changes = self._ledger.changes()
        left = kept.Batch(
            ledger=changes.upserts,
            ledger_deletes=changes.deletes,
            events=batch.events,
            reports=batch.reports,
            receipts=batch.receipts,
            reported=batch.reported,
            layouts=batch.layouts,
            statuses=batch.statuses,
            dead_letters=self.letters.take(),
        )
        told = (left.ledger, left.ledger_deletes, left.events, left.layouts, left.statuses, left.dead_letters)
        if not any((*told, left.receipts, left.reported)):
            return
        try:
            await self._insist("records", lambda: self._keeper.save_batch(left))
        except Exception as error:  # noqa: BLE001 - as with the store: the others must not wait for it
            log.error("records_failed", error=repr(error))
        else:
            return
        for part in parts_of(left):
            try:
                await self._insist("records", lambda part=part: self._keeper.save_batch(part.batch))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - as above
                log.error("record_refused", site=part.site, seq=part.seq, error=repr(error))
                self._ledger.change_again(part.batch.ledger, part.batch.ledger_deletes)
                for entry in batch.entries:
                    if part.concerns(entry) and not entry.spoilt:
                        self._spoil(batch, entry, error)

    # --- Numbers ------------------------------------------------------------------------------------------------------

    def stats(self) -> IngestStats:
        """Counters for API and metrics."""
        now_ms = self._now()
        return IngestStats(
            since_ms=self._since_ms,
            messages=self.counts.messages,
            readings_stored=self.counts.stored,
            readings_repeated=self.counts.repeated,
            readings_bad=self.counts.bad,
            events_unknown=dict(self.intake.events_unknown),
            dead_letters=dict(self.letters.counts),
            batches=self.counts.batches,
            queue_length=len(self._inbox),
            queue_max=self._inbox.messages_max,
            store_seconds_p50=self._latency.seconds(0.5, now_ms),
            store_seconds_p99=self._latency.seconds(0.99, now_ms),
        )
