"""The intake over real SQLite files: order of commit and acknowledgement, garbage, repeats, a store that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from central.api.asked import Span, fill_gaps
from central.core.city import Aggregate, Fate
from central.inbox import Inbox
from central.store import records as kept
from central.store.base import StoreError, StoreRefusedError, StoreRow, Written
from central.store.sqlite import SqliteStore
from contract.messages import ClockState, Event, EventKind, Loss, LossReason, OutboxStatus, Status
from contract.topics import Channel
from contract.wire import MESSAGE_BYTES_MAX, Row, encode, history_telemetry
from tests.central.ingest.parts import METER, NOW, OTHER, SITE, history_message, live_message, running
from tests.support import eventually


def event(seq: int, *, at_ms: int = NOW, losses: Sequence[Loss] = (), **detail: str) -> bytes:
    return encode(
        Event(epoch="a", seq=seq, at_ms=at_ms, kind=EventKind.DATA_LOST, detail=dict(detail), losses=list(losses))
    )


class FlakyStore:
    """A real store behind a switch. ``fails``: what ``write`` raises; ``refuses``: rows that it will never take."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.fails: Exception | None = None
        self.refuses: float | None = None

    async def write(self, rows: Sequence[StoreRow]) -> Written:
        if self.fails is not None:
            raise self.fails
        if any(self.refuses in row.values for row in rows):
            raise StoreRefusedError("not this one")
        return await self.store.write(rows)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


class FlakyRecords:
    """Records behind a switch."""

    def __init__(self) -> None:
        self.records: kept.Records | None = None
        self.fails = True

    async def save_batch(self, batch: kept.Batch) -> None:
        if self.fails or self.records is None:
            raise StoreError("the records are away")
        await self.records.save_batch(batch)


async def test_what_is_acknowledged_is_in_store_and_ledger(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        for seq in range(1, 6):
            house.tell(live_message(seq, known=seq > 1))
        house.tell(event(6, why="disk"), Channel.EVENT)
        await house.settle()
        assert house.acked() == {1, 2, 3, 4, 5, 6}
        assert not house.refused()
        assert await house.store.count_rows(SITE) == 5
        (run,) = await house.records.ledger(SITE, from_ms=0, to_ms=NOW + 1)
        assert (run.first_seq, run.last_seq, run.fate, run.rows) == (1, 6, Fate.ARRIVED, 5)
        (told,) = await house.queries.events(SITE, limit=9)
        assert (told.seq, told.kind, told.detail) == (6, "data_lost", {"why": "disk"})
        stats = house.queries.ingest_stats()
        assert (stats.messages, stats.readings_stored, stats.readings_bad) == (6, 10, 0)


async def test_one_acknowledgement_for_each_outbox_and_batch(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        for seq in (5, 3, 4, 9):
            house.tell(live_message(seq))
        house.tell(live_message(1), site_id=OTHER)
        house.tell(live_message(1, epoch="b"))
        await house.settle()
        told = {(name, ack.epoch): ack.ranges for name, ack in house.said}
        assert told == {(SITE, "a"): [(3, 5), (9, 9)], (OTHER, "a"): [(1, 1)], (SITE, "b"): [(1, 1)]}


async def test_a_long_acknowledgement_comes_in_parts_that_a_shelter_reads(tmp_path: Path) -> None:
    every_other = [(seq, seq) for seq in range(1, 9_000, 2)]
    rows = [Row(METER.id, NOW - 9_000_000 + 1_000 * first, (1, 5_000)) for first, _ in every_other]
    async with running(tmp_path) as house:
        house.tell(encode(history_telemetry("a", every_other, rows, {METER.id: METER})))
        await house.settle()
        assert len(house.said) > 1
        assert house.acked() == {first for first, _ in every_other}
        assert all(len(encode(ack)) < MESSAGE_BYTES_MAX for _, ack in house.said)


async def test_a_promise_reaches_back_beyond_the_runs_in_memory(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        for seq in range(1, 6):
            house.tell(live_message(seq, at_ms=NOW - 3_600_000 * (6 - seq)))
            await house.settle()
        asked = {"from_ms": NOW - 6 * 3_600_000, "to_ms": NOW}
        whole = await house.queries.promise(SITE, **asked)
    async with running(tmp_path, runs_each=2) as again:
        assert await again.queries.promise(SITE, **asked) == whole


async def test_late_data_takes_the_same_path(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        house.tell(history_message(1, 700))
        await house.settle()
        assert house.acked() == set(range(1, 701))
        assert await house.store.count_rows(SITE) == 700
        rows = [row async for row in house.store.export(SITE, from_ms=0, to_ms=NOW)]
        assert rows[6].values == (7.0, 50.0)
        (run,) = await house.records.ledger(SITE, from_ms=0, to_ms=NOW)
        assert (run.from_ms, run.to_ms, run.rows) == (NOW - 3_595_000, NOW - 3_600_000 + 3_500_000, 700)


async def test_a_repeat_is_acknowledged_again_and_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        for _ in range(3):
            house.tell(live_message(1))
            house.tell(event(2), Channel.EVENT)
            await house.settle()
        assert [ack.ranges for _, ack in house.said] == [[(1, 2)]] * 3
        assert await house.store.count_rows() == 1
        assert len(await house.records.events(SITE, limit=9)) == 1
        stats = house.queries.ingest_stats()
        assert (stats.readings_stored, stats.readings_repeated) == (2, 4)


async def test_an_unknown_layout_is_asked_for_and_its_entry_is_not_acknowledged(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        house.tell(live_message(7, known=True))
        await house.settle()
        ((_, ack),) = house.said
        assert (ack.ranges, ack.need) == ([], [METER.id])
        house.tell(live_message(7))
        await house.settle()
        assert house.acked() == {7}
    async with running(tmp_path) as again:
        again.tell(live_message(8, known=True))
        await again.settle()
        assert again.acked() == {8}, "layouts are kept over a restart"


GARBAGE = {
    "broken JSON": (b'{"e":"a","s":', "broken_message", None),
    "not an object": (b"[]", "broken_message", None),
    "empty": (b"", "broken_message", None),
    "not text": (b"\xff\xfe\x00", "broken_message", None),
    "deep": (b"[" * 100_000, "broken_message", None),
    "a float for a slot": (b'{"e":"a","s":1,"t":1790000000000,"r":[["AAAAAA",0,1.5]]}', "broken_message", "1"),
    "a number that no column holds": (b'{"e":"a","s":1,"t":9e99}', "broken_message", "1"),
    "turned range": (b'{"e":"a","s":[[9,5]],"t":1790000000000}', "broken_message", None),
    "sequence out of bounds": (b'{"e":"a","s":99999999999999999999,"t":1}', "broken_message", None),
    "another version": (b'{"v":2,"e":"a","s":1,"t":1790000000000}', "other_version", None),
    "huge": (b'{"e":"' + b"a" * MESSAGE_BYTES_MAX + b'"}', "too_large", None),
    "lone surrogate": (b'{"e":"\\ud800","s":1,"t":1790000000000}', "broken_message", None),
    "wrong hash": (
        b'{"e":"a","s":1,"t":1790000000000,"r":[["AAAAAA",0,1]],"d":{"AAAAAA":["m",["pv.power_w"]]}}',
        "wrong_layout",
        "1",
    ),
    "future": (live_message(1, at_ms=NOW + 400_000), "future_time", "1"),
    "before the beginning": (live_message(1, at_ms=1_000_000), "too_old", "1"),
    "out of range": (live_message(1, power=10**9), "out_of_range", "1"),
    "columns without end": (
        msgspec.json.encode(
            {
                "e": "a",
                "s": [[1, 9]],
                "t": NOW - 9_000,
                "c": [[METER.id, [0] * 20_000, *([0] * 10_000)]],
                "d": {METER.id: [METER.device, METER.points]},
            }
        ),
        "malformed_row",
        "1-9",
    ),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_is_counted_kept_shown_and_stops_nothing(name: str, tmp_path: Path) -> None:
    payload, reason, refused = GARBAGE[name]
    async with running(tmp_path) as house:
        house.tell(payload)
        house.tell(live_message(100))
        await house.settle()
        assert 100 in house.acked()
        assert house.refused() == ({refused: reason} if refused else {})
        assert house.queries.ingest_stats().dead_letters == {reason: 1}
        (letter,) = await house.queries.dead_letters(limit=9)
        assert (letter.site, letter.reason, letter.topic) == (SITE, reason, f"shelter/v1/{SITE}/telemetry")
        assert letter.detail


async def test_garbage_on_every_channel_and_topic_stops_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        for payload in (b"", b"{", b"null", b'{"online":"yes"}', b'{"e":"a","s":5,"t":1790000000000,"k":"no_such"}'):
            for channel in Channel:
                house.tell(payload, channel)
        house.inbox.put("shelter/v1/nonsense/telemetry", b"x")
        house.inbox.put("", b"")
        house.tell(live_message(100))
        await house.settle()
        assert house.acked() == {5, 100}
        assert house.queries.ingest_stats().dead_letters["bad_topic"] == 2


async def test_an_event_with_an_impossible_time_is_refused_and_the_loss_it_tells_is_kept(tmp_path: Path) -> None:
    lost = Loss(first_seq=1, last_seq=4, from_ms=NOW - 60_000, to_ms=NOW - 40_000, rows=4, reason=LossReason.DISK_FULL)
    never = Loss(first_seq=5, last_seq=5, from_ms=5, to_ms=6, rows=1, reason=LossReason.DROPPED)
    async with running(tmp_path) as house:
        house.tell(event(9, at_ms=NOW + 999_999, losses=[lost, never]), Channel.EVENT)
        await house.settle()
        assert house.refused() == {"9": "future_time"}
        runs = await house.records.ledger(SITE, from_ms=0, to_ms=NOW + 10**9)
        assert [(run.first_seq, run.last_seq, run.reason) for run in runs] == [
            (1, 4, "disk_full"),
            (5, 5, "dropped"),
            (9, 9, "refused: future_time"),
        ]
        assert house.queries.ingest_stats().dead_letters == {"future_time": 1, "too_old": 1}


async def test_a_site_that_is_not_registered_is_not_acknowledged_and_does_not_fill_the_table(tmp_path: Path) -> None:
    stranger = "E0000000009111"
    async with running(tmp_path) as house:
        for seq in range(1, 101):
            house.tell(live_message(seq), site_id=stranger)
        await house.settle()
        assert house.said == []
        assert house.queries.ingest_stats().dead_letters == {"unknown_site": 100}
        assert 0 < len(await house.queries.dead_letters(limit=100)) <= 10
        assert await house.store.count_rows() == 0


async def test_a_partly_bad_entry_is_stored_as_far_as_it_goes(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        house.tell(live_message(1, power=10**9))
        await house.settle()
        assert house.acked() == {1}
        (row,) = [row async for row in house.store.export(SITE, from_ms=0, to_ms=NOW)]
        assert (row.values, row.bad) == ((None, 50.0), "grid.power_w=o")
        (run,) = await house.records.ledger(SITE, from_ms=0, to_ms=NOW)
        assert run.fate is Fate.ARRIVED


async def test_while_the_store_is_away_nothing_is_acknowledged_and_then_everything_once(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "telemetry.sqlite")
    flaky = FlakyStore(store)
    flaky.fails = StoreError("disk full")
    async with running(tmp_path, store=flaky) as house:  # type: ignore[arg-type]
        house.tell(live_message(1))
        await eventually(lambda: house.ingest.trouble.store == "disk full", what="the trouble shows")
        house.tell(live_message(2))
        await asyncio.sleep(0.5)
        assert house.said == []
        flaky.fails = None
        await eventually(lambda: house.acked() == {1, 2}, what="both are acknowledged")
        assert house.ingest.trouble.store == ""
        assert await store.count_rows() == 2
        assert house.queries.ingest_stats().readings_repeated == 0
    await store.close()


async def test_while_the_records_are_away_nothing_is_acknowledged(tmp_path: Path) -> None:
    flaky = FlakyRecords()
    async with running(tmp_path, keeper=flaky) as house:
        flaky.records = house.records
        house.tell(live_message(1))
        await eventually(lambda: bool(house.ingest.trouble.records), what="the trouble shows")
        assert house.said == []
        flaky.fails = False
        await eventually(lambda: house.acked() == {1}, what="it is acknowledged")
        assert house.ingest.trouble.records == ""
        assert len(await house.records.ledger(SITE, from_ms=0, to_ms=NOW)) == 1


@pytest.mark.parametrize("bug", [False, True])
async def test_what_the_store_will_never_take_does_not_hold_up_the_others(tmp_path: Path, bug: bool) -> None:
    store = await SqliteStore.open(tmp_path / "telemetry.sqlite")
    flaky = FlakyStore(store)
    flaky.refuses = 666.0
    async with running(tmp_path, store=flaky) as house:  # type: ignore[arg-type]
        for seq, power in enumerate((1, 666, 3), start=1):
            house.tell(live_message(seq, power=power))
        await house.settle()
        assert house.acked() == {1, 3}, "the shelter keeps what central failed over"
        assert house.queries.ingest_stats().dead_letters == {"internal_error": 1}
        (letter,) = await house.queries.dead_letters(limit=9)
        assert "666" in letter.payload
        if bug:
            flaky.fails = RuntimeError("a fault of the program")
            house.tell(live_message(4))
            await house.settle()
            flaky.fails = None
            house.tell(live_message(5))
            await house.settle()
            assert house.acked() == {1, 3, 5}
    await store.close()


async def test_a_shelter_that_does_not_know_the_time_is_told_it(tmp_path: Path) -> None:
    box = OutboxStatus(epoch="a", next_seq=5, waiting=2)
    async with running(tmp_path) as house:
        house.tell(encode(Status(online=True, clock=ClockState.UNKNOWN, outbox=box)), Channel.STATUS)
        house.tell(encode(Status(online=True, clock=ClockState.KNOWN, outbox=box)), Channel.STATUS, site_id=OTHER)
        await house.settle()
        ((told, ack),) = house.said
        assert (told, ack.epoch, ack.ranges, ack.need, ack.at_ms) == (SITE, "a", [], [], NOW)


async def test_a_status_is_shown_and_kept_and_a_will_does_not_wipe_it(tmp_path: Path) -> None:
    box = OutboxStatus(epoch="a", next_seq=5, waiting=2)
    async with running(tmp_path) as house:
        house.tell(encode(Status(online=True, at_ms=NOW, interval_s=2, outbox=box)), Channel.STATUS)
        await house.settle()
        house.tell(encode(Status(online=False)), Channel.STATUS)
        house.tell(b"", Channel.STATUS)
        await house.settle()
        status, _ = house.live.status(SITE)
        assert status is not None
        assert (status.online, status.outbox) == (False, box)
        saved, _ = (await house.records.statuses())[SITE]
        assert saved == encode(status)
        assert house.queries.ingest_stats().dead_letters == {}


async def test_promise_series_and_live_view_of_what_came(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        for seq in range(1, 13):
            house.tell(live_message(seq, at_ms=NOW - 60_000 + 5_000 * seq))
        await house.settle()
        stretches = await house.queries.promise(SITE, from_ms=NOW - 120_000, to_ms=NOW)
        assert [stretch.fate for stretch in stretches] == [Fate.NOT_MEASURED, Fate.ARRIVED]
        now = house.queries.site_now(SITE)
        assert now is not None
        assert now.grid_w == 100.0
        asked = {"from_ms": NOW - 60_000, "to_ms": NOW + 1, "step_ms": 60_000, "aggregate": Aggregate.MEAN}
        samples = await house.queries.series(SITE, "grid.power_w", device=None, **asked)  # type: ignore[arg-type]
        assert sum(sample.count for sample in samples) == 12
        assert await house.queries.series(SITE, "pv.power_w", device=None, **asked) == []  # type: ignore[arg-type]
        stats = house.queries.ingest_stats()
        assert stats.store_seconds_p50 is not None


async def test_the_inbox_pauses_its_sender_and_calls_it_again() -> None:
    inbox = Inbox(messages_max=10)
    called: list[int] = []
    inbox.on_room = lambda: called.append(len(inbox))
    assert [inbox.put("t", b"x") for _ in range(12)] == [True] * 9 + [False] * 3
    for _ in range(12):
        inbox.take()
    assert called == [5]
    assert inbox.put("t", b"x")


async def test_the_inbox_counts_bytes_too() -> None:
    inbox = Inbox(bytes_max=1_000)
    assert inbox.put("t", b"x" * 999)
    assert not inbox.put("t", b"x")
    assert inbox.is_full


@pytest.mark.parametrize("step_ms", [5_000, 7 * 3_600_000, 13 * 3_600_000, 86_400_000, 7 * 86_400_000])
async def test_steps_of_a_series_stand_where_its_gaps_are_filled_in(step_ms: int, tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        house.tell(live_message(1, at_ms=NOW - 60_000, power=100))
        await house.settle()
        span = Span(NOW - 3 * step_ms, NOW)
        asked = {"from_ms": span.from_ms, "to_ms": span.to_ms, "step_ms": step_ms}
        found = await house.queries.series(SITE, "grid.power_w", device=None, aggregate=Aggregate.MEAN, **asked)
        filled = fill_gaps(list(found), span, step_ms)
        assert all(later.at_ms - sample.at_ms == step_ms for sample, later in pairwise(filled))
