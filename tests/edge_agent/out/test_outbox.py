"""What the outbox promises: on disk when it returns, numbers never used twice, bounded, and no disk error escapes."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from contract.messages import EventKind, LossReason
from contract.points import POINTS as ALL_POINTS
from contract.readings import DeviceReadings, Reading
from edge_agent.io.outbox import BYTES_MAX, Outbox, OutboxError, OutboxUnreadableError
from edge_agent.io.outbox_audit import audit, audit_losses
from edge_agent.io.outbox_file import rows_of
from tests.edge_agent.out.support import NOW_MS, dark, disk_full_at, events_in, opened, taken, telemetry_seqs

WRITER = """
import sys
from itertools import pairwise
from pathlib import Path
from tests.edge_agent.out.support import opened, taken
outbox, recorder, clocks = opened(Path(sys.argv[1]))
print("start", outbox.next_seq, outbox.status().waiting, flush=True)
sys.stdin.readline()
for n in range(100_000):
    clocks.pass_ms(1000)
    recorder.record([taken(clocks.wall_ms, n % 90)])
    seq = outbox.next_seq - 1
    print("recorded", seq, flush=True)
    if n % 3 == 0:
        print("forgot", seq, flush=True)
        outbox.forget([(seq, seq)])
"""


def test_what_was_recorded_survives_being_killed_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    chance = random.Random(7)
    said: dict[str, set[int]] = {"recorded": set(), "forgot": set()}
    for _ in range(20):
        program = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdin is not None
            assert writer.stdout is not None
            _, next_seq, waiting = writer.stdout.readline().split()
            assert int(next_seq) > max(said["recorded"], default=0), "a number is given out twice"
            assert int(waiting) == len(list(audit(path))), "the count is not exact"
            writer.stdin.write("go\n")
            writer.stdin.flush()
            lines = [writer.stdout.readline() for _ in range(chance.randrange(1, 120))]
            writer.send_signal(signal.SIGKILL)
            lines += writer.stdout.read().splitlines(keepends=True)
        for word, seq in (line.split() for line in lines if line.endswith("\n")):
            said[word].add(int(seq))
        stored = set(telemetry_seqs(path))
        assert said["recorded"] - said["forgot"] <= stored, "a recorded entry is gone"
        assert not [(event.detail, event.losses) for event in events_in(path)], "told as lost or damaged"
    assert max(said["recorded"]) > 500


def test_numbers_go_on_when_everything_was_acknowledged_and_the_file_is_opened_again(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
    for _ in range(5):
        recorder.record([taken(clocks.wall_ms)])
    epoch = outbox.epoch
    outbox.forget([(1, 5)])
    outbox.flush()
    assert outbox.status().waiting == 0
    outbox._db.close()  # type: ignore[union-attr]  # As a power cut would: nothing is written on the way out.
    outbox._mark.path.unlink()
    outbox._mark.close()
    again = Outbox.open(tmp_path / "outbox.sqlite")
    assert (again.epoch, again.next_seq, again.durable_ms) == (epoch, 6, clocks.wall_ms)
    again.close()


def test_an_acknowledgement_is_applied_with_the_next_entry(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
    for n in range(4):
        recorder.record([taken(clocks.wall_ms + n)])
    outbox.forget([(2, 3), (90, 99)])
    recorder.record([taken(clocks.wall_ms + 5)])
    assert telemetry_seqs(outbox.path) == [1, 4, 5]
    assert outbox.status().waiting == 3
    assert outbox.entry(3) is None
    outbox.close()


def test_a_new_file_has_a_new_name_and_two_processes_do_not_share_one(tmp_path: Path) -> None:
    one, two = Outbox.open(tmp_path / "one.sqlite"), Outbox.open(tmp_path / "two.sqlite")
    assert one.epoch != two.epoch
    with pytest.raises(OutboxError, match="another process"):
        Outbox.open(tmp_path / "one.sqlite")
    one.close()
    two.close()


def test_the_count_of_waiting_entries_is_exact_after_every_restart(tmp_path: Path) -> None:
    chance = random.Random(3)
    for _ in range(12):
        outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
        assert outbox.status().waiting == len(list(audit(outbox.path)))
        for n in range(chance.randrange(1, 400)):
            recorder.record([taken(clocks.wall_ms + n)])
            if chance.random() < 0.3:
                seq = chance.randrange(1, outbox.next_seq)
                outbox.forget([(seq, seq + chance.randrange(20))])
        # Dropped without a goodbye, as by SIGKILL.
        outbox._db.close()  # type: ignore[union-attr]
        outbox._mark.close()


def test_delivered_entries_stay_for_an_audit_when_asked(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite", keep_delivered=True)
    recorder.record([taken(clocks.wall_ms, 5.0), dark(clocks.wall_ms, device="meter")])
    recorder.tell(EventKind.GRID_LOST, at_ms=clocks.wall_ms, device="meter")
    recorder.record([taken(clocks.wall_ms + 1000)])
    outbox.forget([(1, 2)])
    outbox.flush()
    first, event, last = audit(outbox.path)
    assert (first.is_delivered, event.is_delivered, last.is_delivered) == (True, True, False)
    assert [(row.device, row.at_ms, len(row.points)) for row in first.rows] == [
        ("inverter", NOW_MS, 4),
        ("meter", NOW_MS, 4),
    ]
    assert first.rows[0].slots == (5, 50, 5, 5)
    assert first.rows[1].slots == ("t",)
    assert event.event is not None
    assert event.event.kind is EventKind.GRID_LOST
    assert outbox.status().waiting == 1
    assert outbox.entry(1) is None
    outbox.close()


# --- The disk --------------------------------------------------------------------------------------------------------


def test_a_full_disk_keeps_the_newest_in_memory_and_tells_afterwards(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
    recorder.record([taken(clocks.wall_ms)])
    with disk_full_at(1):
        for _ in range(1000):
            clocks.pass_ms(1000)
            recorder.record([taken(clocks.wall_ms)])
        assert outbox.disk_error
        assert len(outbox._tail) == 720
        newest = outbox.next_seq - 1
        held = outbox.entry(newest)
        assert held is not None, "the newest can be sent although the disk is full"
        assert rows_of(held)[0].at_ms == clocks.wall_ms
    clocks.pass_ms(1000)
    recorder.record([taken(clocks.wall_ms)])
    assert not outbox.disk_error
    stored = [entry.seq for entry in audit(outbox.path)]
    assert stored[0] == 1
    assert stored[1:] == list(range(stored[1], outbox.next_seq))
    told = [event for event in events_in(outbox.path) if event.kind is EventKind.DISK_FULL]
    (loss,) = [loss for event in told for loss in event.losses]
    assert loss.reason is LossReason.DISK_FULL
    assert (loss.first_seq, loss.last_seq) == (2, stored[1] - 1)
    assert audit_losses(outbox.path) == [loss]
    outbox.close()


def test_a_disk_at_the_brink_is_told_full_once_and_well_when_it_has_been_for_a_while(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
    assert outbox._db is not None
    for n in range(200):
        clocks.pass_ms(5_000)
        outbox._db.execute(f"PRAGMA query_only = {n % 2}")
        recorder.record([taken(clocks.wall_ms)])
    told = [event.detail for event in events_in(outbox.path) if event.kind is EventKind.DISK_FULL]
    assert [detail["over"] for detail in told] == [False]
    outbox._db.execute("PRAGMA query_only = 0")
    for _ in range(20):
        clocks.pass_ms(5_000)
        recorder.record([taken(clocks.wall_ms)])
    told = [event.detail for event in events_in(outbox.path) if event.kind is EventKind.DISK_FULL]
    assert [detail["over"] for detail in told] == [False, True]
    assert len(telemetry_seqs(outbox.path)) == 220
    outbox.close()


@pytest.mark.parametrize("pragma", ["PRAGMA query_only = 1", "PRAGMA max_page_count = 1"])
def test_a_file_that_takes_nothing_raises_nothing_and_loses_nothing_that_fits_in_memory(
    tmp_path: Path, pragma: str
) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
    for n in range(40):
        recorder.record([taken(clocks.wall_ms + n)])
    assert outbox._db is not None
    outbox._db.execute(pragma)
    for n in range(200):
        recorder.record([taken(clocks.wall_ms + 100 + n)])
        outbox.flush()
    assert outbox.disk_error
    assert outbox.status().waiting == outbox.next_seq - 1
    outbox._db.execute("PRAGMA query_only = 0")
    outbox._db.execute("PRAGMA max_page_count = 1000000")
    recorder.record([taken(clocks.wall_ms + 1000)])
    assert [entry.seq for entry in audit(outbox.path)] == list(range(1, outbox.next_seq))
    assert len(telemetry_seqs(outbox.path)) == 241
    outbox.close()


def test_what_was_only_in_memory_is_told_as_lost_after_a_crash_and_its_numbers_are_not_used_again(
    tmp_path: Path,
) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
    recorder.record([taken(clocks.wall_ms)])
    assert outbox._db is not None
    outbox._db.execute("PRAGMA query_only = 1")
    for n in range(10):
        recorder.record([taken(clocks.wall_ms + n)])
    used = outbox.next_seq - 1
    outbox._db.close()
    outbox._mark.close()
    again, _, _ = opened(tmp_path / "outbox.sqlite", clocks)
    assert again.epoch == outbox.epoch
    (loss,) = audit_losses(again.path)
    assert loss.reason is LossReason.DISK_FULL
    assert loss.first_seq == 2
    assert used < loss.last_seq < min(event.seq for event in events_in(again.path))
    again.close()


def test_an_outbox_whose_file_can_not_be_opened_works_in_memory_and_moves_in_later(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    path.mkdir()  # Something stands in the way.
    outbox, recorder, clocks = opened(path)
    for n in range(10):
        recorder.record([taken(clocks.wall_ms + n)])
    assert outbox.disk_error
    assert outbox.entry(outbox.next_seq - 1) is not None
    path.rmdir()
    recorder.record([taken(clocks.wall_ms + 20)])
    assert not outbox.disk_error
    assert len(telemetry_seqs(path)) == 11
    assert {row.device for entry in audit(path) for row in entry.rows} == {"inverter"}
    outbox.close()


# --- The limit -------------------------------------------------------------------------------------------------------


def site_tick(at_ms: int, n: int) -> list[DeviceReadings]:
    """About a hundred values of four devices, moving as real ones do."""
    chance = random.Random(n)
    names = list(ALL_POINTS)
    devices: list[DeviceReadings] = []
    for index, count in enumerate((45, 20, 30, 5)):
        points = [name for name in names if name not in ("inverter.fault_bits",)][index * 20 : index * 20 + count]
        readings = []
        for name in points:
            point = ALL_POINTS[name]
            span = min(point.high, 25_000.0)
            readings.append(Reading(name, round(span * (0.5 + 0.4 * chance.random()), point.decimals)))
        devices.append(DeviceReadings(f"device{index}", at_ms + 20 * index, tuple(readings)))
    return devices


def test_twenty_days_at_five_seconds_fit_below_the_default_limit(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
    entries = 2_000
    before = outbox.bytes
    assert outbox._db is not None
    outbox._db.execute("PRAGMA synchronous = OFF")  # Measured is the size, not the disk.
    for n in range(entries):
        clocks.pass_ms(5_000)
        recorder.record(site_tick(clocks.wall_ms, n))
    bytes_per_entry = (outbox.bytes - before) / entries
    outbox.close()
    days = (BYTES_MAX - 4 * 1024 * 1024) / bytes_per_entry * 5 / 86_400
    print(f"{bytes_per_entry:.0f} bytes per entry of 100 values: {days:.1f} days before anything is thinned")
    assert days >= 20


def test_at_its_limit_the_oldest_is_thinned_twice_before_any_is_dropped_and_events_stay(tmp_path: Path) -> None:
    limit = 256 * 1024
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite", bytes_max=limit)
    assert outbox._db is not None
    outbox._db.execute("PRAGMA synchronous = OFF")
    recorder.tell(EventKind.GRID_LOST, at_ms=clocks.wall_ms)
    seen: list[LossReason] = []
    worst = 0
    for n in range(20_000):
        clocks.pass_ms(5_000)
        recorder.record([taken(clocks.wall_ms, n % 90, points=list(ALL_POINTS)[:40])])
        worst = max(worst, outbox.bytes)
        for fact in outbox.book.losses.values():
            if fact.loss.reason not in seen:
                seen.append(fact.loss.reason)
    outbox.flush()
    assert worst <= limit
    assert (
        sum(file.stat().st_size for file in tmp_path.glob("outbox.sqlite*") if file.suffix != ".sqlite-shm")
        <= limit * 1.1
    )
    assert seen == [LossReason.THINNED_1MIN, LossReason.THINNED_15MIN]
    times = [entry.rows[0].at_ms for entry in audit(outbox.path) if entry.rows]
    steps = [after - before for before, after in pairwise(times)]
    assert 13 * 60_000 < sorted(steps[:20])[10] <= 15 * 60_000, "the oldest stand at a quarter of an hour"
    assert steps[-1] == 5_000, "the newest are whole"
    events = events_in(outbox.path)
    assert any(event.kind is EventKind.GRID_LOST for event in events)
    kept = len(telemetry_seqs(outbox.path))
    assert outbox.status().waiting == kept + len(events)
    lost = sum(loss.rows for loss in audit_losses(outbox.path))
    assert kept + lost == 20_000, "every row is here or told as lost"
    told = [loss for event in events for loss in event.losses]
    assert sum(loss.rows for loss in told) == lost
    outbox.close()


def test_with_a_tiny_limit_the_oldest_is_dropped_and_the_newest_state_is_kept(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite", bytes_max=256 * 1024)
    assert outbox._db is not None
    outbox._db.execute("PRAGMA synchronous = OFF")
    for n in range(3_000):
        clocks.pass_ms(20 * 60_000)  # So far apart that thinning frees nothing.
        recorder.record([taken(clocks.wall_ms, n % 90, points=list(ALL_POINTS)[:40])])
        assert outbox.bytes <= 256 * 1024
    assert {loss.reason for loss in audit_losses(outbox.path)} == {LossReason.DROPPED}
    assert telemetry_seqs(outbox.path)[-1] >= outbox.next_seq - 2
    assert outbox.newest_entries() <= set(telemetry_seqs(outbox.path))
    outbox.close()


def test_a_flipped_bit_in_a_stored_reading_is_noticed_and_told(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
    for n in range(5):
        recorder.record([taken(clocks.wall_ms + n)])
    outbox._last = outbox._last.__class__(0, 0, 0, 0, b"")
    with sqlite3.connect(outbox.path) as db:
        (body,) = db.execute("SELECT body FROM entry WHERE seq = 3").fetchone()
        db.execute("UPDATE entry SET body = ? WHERE seq = 3", (body.replace(b"10", b"90"),))
    db.close()
    with pytest.raises(OutboxUnreadableError):
        outbox.history([(1, 5)], bytes_max=100_000)
    entries, looked = outbox.history([(1, 5)], bytes_max=100_000)
    assert [entry.seq for entry in entries] == [5, 4, 2, 1]
    assert looked == [(1, 5)]
    recorder.record([taken(clocks.wall_ms + 9)])
    loss, _ = audit_losses(outbox.path)
    assert (loss.first_seq, loss.last_seq, loss.reason) == (3, 3, LossReason.DAMAGED)
    assert any(event.kind is EventKind.OUTBOX_DAMAGED for event in events_in(outbox.path))
    outbox.close()
