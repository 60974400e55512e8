"""A damaged file: what can be read is kept, what can't is told, and no number is used twice."""

from __future__ import annotations

import random
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from contract.messages import EventKind, LossReason
from contract.points import POINTS as ALL_POINTS
from edge_agent.core.salvage import PageSource, wal_frames
from edge_agent.io.outbox import Outbox, OutboxUnreadableError
from edge_agent.io.outbox_audit import audit, audit_losses
from edge_agent.io.outbox_file import MarkFile
from tests.edge_agent.out.support import disk_full_at, events_in, opened, taken, telemetry_seqs

PAGE = 4096
MANY = 600
WIDE = list(ALL_POINTS)[:60]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """An outbox with entries that wait, closed in order."""
    outbox, recorder, clocks = opened(tmp_path / "whole" / "outbox.sqlite")
    assert outbox._db is not None
    outbox._db.execute("PRAGMA synchronous = OFF")
    recorder.tell(EventKind.GRID_LOST, at_ms=clocks.wall_ms)
    for n in range(MANY):
        recorder.record([taken(clocks.wall_ms + n, n % 90, points=WIDE)])
    outbox.close()
    return outbox.path


def contents(path: Path) -> dict[int, object]:
    return {entry.seq: (entry.rows, entry.event) for entry in audit(path)}


def read_all(outbox: Outbox) -> int:
    """Read everything as the publisher would: damage in the middle is met here, not at opening."""
    try:
        entries, _ = outbox.history([(1, outbox.next_seq - 1)], bytes_max=10**7)
    except OutboxUnreadableError:
        entries, _ = outbox.history([(1, outbox.next_seq - 1)], bytes_max=10**7)
    outbox.waiting_events()
    return len(entries)


def check_rescued(path: Path, before: dict[int, object], *, gone_max: int, epoch: str) -> None:
    """Open twice: the first opening saves and tells, the second finds everything in order."""
    outbox, recorder, clocks = opened(path)
    read_all(outbox)
    after = contents(path)
    saved = {seq: value for seq, value in after.items() if seq in before}
    assert all(before[seq] == value for seq, value in saved.items()), "a number stands for something else"
    assert len(before) - len(saved) <= gone_max
    recorder.record([taken(clocks.wall_ms + 10_000_000)])
    assert outbox.next_seq - 1 not in before
    if len(saved) < len(before):
        assert outbox.epoch == epoch
        told = [event for event in events_in(path) if event.kind is EventKind.OUTBOX_DAMAGED]
        assert told
        losses = [loss for event in told for loss in event.losses]
        for seq in before.keys() - saved.keys():
            assert any(loss.first_seq <= seq <= loss.last_seq for loss in losses) or seq < min(saved, default=10**9)
        assert {loss.reason for loss in losses} <= {LossReason.DAMAGED}
    outbox.close()
    again = Outbox.open(path)
    assert again.damage == ""
    assert again.status().waiting == len(list(audit(path)))
    again.close()


@pytest.mark.parametrize("seed", range(12))
def test_one_torn_page_costs_at_most_what_stood_on_it(whole: Path, seed: int) -> None:
    before = contents(whole)
    epoch = next(audit(whole)).epoch
    chance = random.Random(seed)
    data = bytearray(whole.read_bytes())
    page = chance.randrange(len(data) // PAGE) if seed else 0
    start = page * PAGE + (PAGE // 2 if seed % 3 == 0 else 0)
    end = (page + 1) * PAGE
    data[start:end] = chance.randbytes(end - start) if seed % 2 else bytes(end - start)
    whole.write_bytes(data)
    check_rescued(whole, before, gone_max=30, epoch=epoch)


def test_damage_that_is_met_while_running_is_saved_as_well(whole: Path) -> None:
    before = contents(whole)
    outbox, recorder, clocks = opened(whole)
    data = bytearray(whole.read_bytes())
    middle = len(data) // PAGE // 2 * PAGE
    data[middle : middle + PAGE] = b"\xff" * PAGE
    whole.write_bytes(data)
    assert read_all(outbox) >= len(before) - 40
    recorder.record([taken(clocks.wall_ms + 10_000_000)])
    assert outbox.next_seq - 1 > MANY + 500
    assert any(event.kind is EventKind.OUTBOX_DAMAGED for event in events_in(whole))
    outbox.close()


def test_a_rescue_that_fails_on_a_full_disk_is_not_repeated_with_every_entry(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    outbox, recorder, clocks = opened(path)
    assert outbox._db is not None
    outbox._db.execute("PRAGMA synchronous = OFF")
    for n in range(8_000):
        recorder.record([taken(clocks.wall_ms + n, n % 90, points=WIDE)])
    outbox.close()
    data = bytearray(path.read_bytes())
    data[: 2 * PAGE] = bytes(2 * PAGE)
    path.write_bytes(data)
    with disk_full_at(len(data) // 2), capture_logs() as logs:
        outbox, recorder, clocks = opened(path, clocks)
        for n in range(100):
            recorder.record([taken(clocks.wall_ms + 10_000 + n)])
        tried = [entry for entry in logs if "saving what can be read" in entry["event"]]
        assert len(tried) <= 2
        assert not path.with_name(path.name + ".rescue-part").exists(), "its room is given back"
        assert outbox.disk_error
        newest = outbox.entry(outbox.next_seq - 1)
        assert newest is not None, "what is read now can be sent all the same"
    outbox._open_at_s = 0  # As if the rest were over.
    recorder.record([taken(clocks.wall_ms + 20_000)])
    assert not outbox.disk_error
    assert len(telemetry_seqs(path)) >= 8_000 + 101 - 40
    outbox.close()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_a_file_cut_off_in_the_middle_keeps_its_first_part(whole: Path, share: float) -> None:
    before = contents(whole)
    epoch = next(audit(whole)).epoch
    data = whole.read_bytes()
    whole.write_bytes(data[: int(len(data) * share)])
    check_rescued(whole, before, gone_max=int(len(before) * (1 - share)) + 60, epoch=epoch)


@pytest.mark.parametrize("has_mark", [True, False])
def test_garbage_instead_of_a_file_starts_anew_at_once(whole: Path, has_mark: bool) -> None:
    before = contents(whole)
    epoch = next(audit(whole)).epoch
    whole.write_bytes(random.Random(1).randbytes(500_000))
    if not has_mark:
        whole.with_name(whole.name + ".mark").unlink()
    outbox, recorder, clocks = opened(whole)
    recorder.record([taken(clocks.wall_ms + 10_000_000)])
    assert outbox.damage == ""
    if has_mark:
        assert outbox.epoch == epoch
        assert outbox.next_seq > max(before) + 500
    else:
        assert outbox.epoch != epoch
    assert events_in(whole)[0].kind is EventKind.OUTBOX_DAMAGED
    assert whole.with_name(whole.name + ".damaged").exists()
    outbox.close()


def test_a_garbage_header_loses_nothing_else(whole: Path) -> None:
    before = contents(whole)
    epoch = next(audit(whole)).epoch
    data = bytearray(whole.read_bytes())
    data[:PAGE] = b"\x00" * PAGE
    whole.write_bytes(data)
    check_rescued(whole, before, gone_max=0, epoch=epoch)


# --- The log ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_log(tmp_path: Path) -> Path:
    """An outbox whose newest entries are only in the log: copied from under a running one."""
    outbox, recorder, clocks = opened(tmp_path / "running" / "outbox.sqlite")
    for n in range(60):
        recorder.record([taken(clocks.wall_ms + n, n % 90, points=WIDE)])
    copy = tmp_path / "copy"
    copy.mkdir()
    for suffix in ("", "-wal", ".mark"):
        shutil.copy(outbox.path.with_name(outbox.path.name + suffix), copy)
    outbox.close()
    return copy / "outbox.sqlite"


def test_a_log_torn_in_the_middle_costs_at_most_one_entry(with_log: Path, tmp_path: Path) -> None:
    before = contents(tmp_path / "running" / "outbox.sqlite")
    epoch = next(audit(tmp_path / "running" / "outbox.sqlite")).epoch
    wal_path = with_log.with_name(with_log.name + "-wal")
    wal = bytearray(wal_path.read_bytes())
    frame = 24 + PAGE
    at = 32 + frame * (len(wal) // frame // 2) + 24
    wal[at : at + PAGE] = bytes(PAGE)
    wal_path.write_bytes(wal)
    check_rescued(with_log, before, gone_max=1, epoch=epoch)


def test_a_last_transaction_that_was_cut_short_by_a_kill_is_no_damage(with_log: Path) -> None:
    wal_path = with_log.with_name(with_log.name + "-wal")
    wal = bytearray(wal_path.read_bytes())
    wal[-100:] = bytes(100)
    wal_path.write_bytes(wal)
    # The entry was not accepted yet, so the mark does not know it either.
    mark = MarkFile(with_log)
    known = mark.read()
    assert known is not None
    mark.write(replace(known, seq=known.seq - 1))
    mark.close()
    outbox, _, _ = opened(with_log)
    assert events_in(with_log) == []
    assert outbox.next_seq == known.seq
    outbox.close()


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_a_log_that_is_cut_off_is_noticed_by_the_mark(with_log: Path, tmp_path: Path, share: float) -> None:
    before = contents(tmp_path / "running" / "outbox.sqlite")
    epoch = next(audit(tmp_path / "running" / "outbox.sqlite")).epoch
    wal_path = with_log.with_name(with_log.name + "-wal")
    wal = wal_path.read_bytes()
    wal_path.write_bytes(wal[: int(len(wal) * share)])
    check_rescued(with_log, before, gone_max=60, epoch=epoch)


def test_an_empty_file_beside_a_whole_log_is_filled_from_the_log(with_log: Path, tmp_path: Path) -> None:
    before = contents(tmp_path / "running" / "outbox.sqlite")
    epoch = next(audit(tmp_path / "running" / "outbox.sqlite")).epoch
    with_log.write_bytes(b"")
    check_rescued(with_log, before, gone_max=0, epoch=epoch)


def test_a_deleted_file_is_told_and_its_numbers_are_not_used_again(whole: Path) -> None:
    epoch = next(audit(whole)).epoch
    whole.unlink()
    outbox, _, _ = opened(whole)
    assert outbox.epoch == epoch
    assert outbox.next_seq > MANY
    assert audit_losses(whole)[0].first_seq == 1
    outbox.close()


def test_a_rescue_that_was_interrupted_before_the_swap_is_finished(whole: Path) -> None:
    before = contents(whole)
    shutil.copy(whole, whole.with_name(whole.name + ".rescue"))
    whole.write_bytes(b"garbage" * 1000)
    outbox = Outbox.open(whole)
    assert contents(whole) == before
    outbox.close()


# --- The parser ------------------------------------------------------------------------------------------------------


def test_the_parser_reads_what_sqlite_wrote(tmp_path: Path) -> None:
    chance = random.Random(5)
    values = [
        (
            n,
            chance.choice(
                [None, 0, 1, -1, n, -(2**40), 2**62, 1.5, "テキスト", chance.randbytes(chance.randrange(9_000))]
            ),
        )
        for n in [*range(1, 200), -5, 2**40]
    ]
    path = tmp_path / "any.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        db.executemany("INSERT INTO t VALUES (?, ?)", values)
    db.close()
    found = {cell.rowid: cell.values[1] for cell in PageSource(path.read_bytes()).cells() if len(cell.values) == 2}
    assert found == dict(values)


@pytest.mark.parametrize("seed", range(30))
def test_the_parser_stands_any_bytes(whole: Path, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(whole.read_bytes()[: 20 * PAGE])
    for _ in range(chance.randrange(1, 400)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    assert len(list(PageSource(bytes(data)).cells())) >= 0
    assert wal_frames(bytes(data)) == []
    list(PageSource(chance.randbytes(3 * PAGE)).cells())
