"""What stores refuse for good: it is set apart, kept as a dead letter, and holds up nobody else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from central.apart import write_in_halves
from central.batch import Entry
from central.store import records as kept
from central.store.base import StoreRefusedError, StoreRow, Written
from central.store.sqlite import SqliteStore
from contract.messages import Loss, LossReason
from contract.topics import Channel
from tests.central.ingest.parts import NOW, OTHER, SITE, live_message, running
from tests.central.ingest.test_ingest import FlakyStore, event


class PickyRecords:
    """Records that will never take some things."""

    def __init__(self, refuses: Callable[[kept.Batch], bool]) -> None:
        self.records: kept.Records | None = None
        self.refuses = refuses
        self.tries = 0

    async def save_batch(self, batch: kept.Batch) -> None:
        self.tries += 1
        assert self.records is not None
        if self.refuses(batch):
            raise StoreRefusedError("a value that the database cannot hold")
        await self.records.save_batch(batch)


async def test_an_event_that_the_records_refuse_holds_up_nobody(tmp_path: Path) -> None:
    keeper = PickyRecords(lambda batch: any(event.seq == 2 for event in batch.events))
    async with running(tmp_path, keeper=keeper) as house:
        keeper.records = house.records
        house.tell(live_message(1))
        house.tell(event(2), Channel.EVENT)
        house.tell(event(3), Channel.EVENT)
        house.tell(live_message(1), site_id=OTHER)
        await house.settle()
        assert (house.acked(), house.acked(OTHER)) == ({1, 3}, {1})
        assert [kept.seq for kept in await house.records.events(limit=9)] == [3]
        assert house.queries.ingest_stats().dead_letters == {"internal_error": 1}
        keeper.refuses = lambda batch: False
        house.tell(event(2), Channel.EVENT)
        await house.settle()
        assert house.acked() == {1, 2, 3}
        assert await house.queries.dead_letters(limit=9), "and the dead letter is kept"


async def test_a_ledger_that_the_records_refuse_is_told_again_and_nothing_of_it_is_acknowledged(tmp_path: Path) -> None:
    keeper = PickyRecords(lambda batch: any(run.site == SITE for run in batch.ledger))
    async with running(tmp_path, keeper=keeper) as house:
        keeper.records = house.records
        house.tell(live_message(1))
        house.tell(live_message(1), site_id=OTHER)
        await house.settle()
        assert (house.acked(), house.acked(OTHER)) == (set(), {1})
        keeper.refuses = lambda batch: False
        house.tell(live_message(2))
        await house.settle()
        (run,) = await house.records.ledger(SITE, from_ms=0, to_ms=NOW)
        assert (run.first_seq, run.last_seq) == (1, 2)


async def test_losses_without_measure_are_numbers_that_the_records_hold(tmp_path: Path) -> None:
    told = [
        Loss(first_seq=n, last_seq=n, from_ms=NOW - 9, to_ms=NOW - 9, rows=2**53 - 1, reason=LossReason.DROPPED)
        for n in range(1, 1_500)
    ]
    async with running(tmp_path) as house:
        house.tell(event(2_000, losses=told), Channel.EVENT)
        await house.settle()
        assert house.acked() == {2_000}
        assert [run.last_seq for run in await house.records.ledger(SITE, from_ms=0, to_ms=NOW + 1)] == [1_499, 2_000]
        assert not house.queries.ingest_stats().dead_letters


async def test_one_refused_entry_costs_few_writes(tmp_path: Path) -> None:
    base = await SqliteStore.open(tmp_path / "telemetry.sqlite")
    store = FlakyStore(base)
    store.refuses = 500.0
    writes = 0

    async def counted(rows: Sequence[StoreRow]) -> Written:
        nonlocal writes
        writes += 1
        return await store.write(rows)

    entries = [Entry(SITE, "a", [(n, n)], row_first=n, row_end=n + 1) for n in range(1_000)]
    rows = [StoreRow(SITE, "m", NOW + n, ("pv.power_w",), (float(n),)) for n in range(1_000)]
    refused: list[Entry] = []
    stored, repeated = await write_in_halves(entries, rows, counted, lambda entry, _: refused.append(entry))
    assert ([entry.row_first for entry in refused], len(stored), repeated) == ([500], 999, 0)
    assert await base.count_rows() == 999
    assert writes < 25
    await base.close()
