"""Shelters have no battery clock: what counts as knowing the time, and how readings get theirs afterwards."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Event, EventKind
from edge_agent.core.clock import (
    LEAP_MAX_MS,
    RELEASED_MS,
    Evidence,
    Opinion,
    Span,
    Sync,
    place_boots,
    utc_offset_ms,
)
from edge_agent.io.outbox_audit import audit
from edge_agent.io.system_clock import KernelSync, boot_id, system_clock
from tests.edge_agent.out.support import NOW_MS, Clocks, events_in, opened, taken

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS


def evidence(wall_ms: int, **more: object) -> Evidence:
    return Evidence(wall_ms=wall_ms, boot_ms=60_000, started_boot_ms=60_000, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "seen", "is_known"),
    [
        ("an ordinary machine", evidence(NOW_MS), True),
        ("1970", evidence(5_000), False),
        ("before the release", evidence(RELEASED_MS - 1), False),
        ("1970, the kernel claims to be synced", evidence(5_000, sync=Sync.SYNCED), False),
        ("an hour behind the outbox", evidence(NOW_MS - HOUR_MS, durable_ms=NOW_MS), False),
        ("a little behind the outbox", evidence(NOW_MS - 5_000, durable_ms=NOW_MS), True),
        ("an hour behind, but synced", evidence(NOW_MS - HOUR_MS, durable_ms=NOW_MS, sync=Sync.SYNCED), True),
        ("after the outbox", evidence(NOW_MS + 1, durable_ms=NOW_MS - HOUR_MS), True),
        ("a year ahead of the outbox", evidence(NOW_MS + YEAR_MS, durable_ms=NOW_MS), False),
        ("a year ahead, synced", evidence(NOW_MS + YEAR_MS, durable_ms=NOW_MS, sync=Sync.SYNCED), True),
        ("off for forty days", evidence(NOW_MS + 40 * DAY_MS, durable_ms=NOW_MS), True),
        ("no time service says so", evidence(NOW_MS, sync=Sync.UNSYNCED), True),
    ],
)
def test_when_a_wall_clock_is_believed(what: str, seen: Evidence, is_known: bool) -> None:
    assert (utc_offset_ms(seen) is not None) is is_known, what


def test_a_clock_that_is_an_hour_slow_is_not_believed_later_either() -> None:
    seen = Evidence(
        wall_ms=NOW_MS + HOUR_MS, boot_ms=60_000 + 2 * HOUR_MS, started_boot_ms=60_000, durable_ms=NOW_MS + 1
    )
    assert utc_offset_ms(seen) is None


def test_central_is_the_second_opinion() -> None:
    told = Opinion(NOW_MS, boot_ms=50_000)
    assert utc_offset_ms(evidence(5_000, opinion=told)) == NOW_MS - 50_000
    assert utc_offset_ms(evidence(NOW_MS + YEAR_MS, opinion=told)) == NOW_MS - 50_000
    assert utc_offset_ms(evidence(NOW_MS + 11_000, opinion=told)) == NOW_MS + 11_000 - 60_000
    assert utc_offset_ms(evidence(NOW_MS + YEAR_MS, opinion=told, sync=Sync.SYNCED)) == NOW_MS + YEAR_MS - 60_000


@given(
    spans=st.lists(st.integers(0, 10**9).map(lambda last: Span(0, last)), max_size=5),
    after=st.integers(NOW_MS, NOW_MS + 10**9),
    slack=st.integers(0, 10**10),
)
def test_boots_of_unknown_time_are_placed_in_order_between_the_known_times(
    spans: list[Span], after: int, slack: int
) -> None:
    before = after + sum(span.last_ms for span in spans) + slack
    offsets = place_boots(spans, after_ms=after, before_ms=before)
    ends = [after] + [offset + span.last_ms for offset, span in zip(offsets, spans, strict=True)]
    assert all(offset >= end for offset, end in zip(offsets, ends, strict=False))
    assert ends[-1] <= before


def corrections(path: Path) -> list[Event]:
    return [event for event in events_in(path) if event.kind is EventKind.CLOCK_CORRECTED]


def row_times(path: Path) -> list[int]:
    return [row.at_ms for entry in audit(path) for row in entry.rows]


def test_readings_before_the_time_is_known_wait_and_are_moved_to_utc_in_their_order(tmp_path: Path) -> None:
    clocks = Clocks(wall_ms=12_345)
    outbox, recorder, _ = opened(tmp_path / "outbox.sqlite", clocks)
    for _ in range(5):
        recorder.record([taken(clocks.boot_ms), taken(clocks.boot_ms + 40, device="meter")])
        clocks.pass_ms(5_000)
    assert outbox.entry(1) is None, "not sent while its time is not known"
    assert outbox.history([(1, 5)], bytes_max=10_000)[0] == []
    provisional_ms = clocks.boot_ms
    clocks.wall_ms = NOW_MS
    recorder.record([taken(provisional_ms), taken(NOW_MS + 3, device="meter")])
    utc_at_boot = NOW_MS - provisional_ms
    expected = [at for n in range(5) for at in (utc_at_boot + 100_000 + 5_000 * n, utc_at_boot + 100_040 + 5_000 * n)]
    assert row_times(outbox.path) == [*expected, NOW_MS, NOW_MS + 3]
    (event,) = corrections(outbox.path)
    assert event.detail == {"by_ms": NOW_MS - 12_345 - 25_000, "entries": 5, "uncertain": False}
    assert outbox.entry(1) is not None
    outbox.close()


def test_an_event_before_the_time_is_known_is_sent_when_it_is_though_no_device_ever_answered(tmp_path: Path) -> None:
    clocks = Clocks(wall_ms=12_345)
    outbox, recorder, _ = opened(tmp_path / "outbox.sqlite", clocks)
    recorder.tell(EventKind.DEVICE_LOST, at_ms=clocks.boot_ms)
    recorder.look()
    assert outbox.entry(1) is None
    clocks.wall_ms = NOW_MS
    recorder.look()
    assert outbox.entry(1) is not None
    assert 1 in outbox.waiting_events()
    outbox.close()


def test_a_restart_of_the_agent_in_the_same_boot_keeps_what_waits_for_the_time(tmp_path: Path) -> None:
    clocks = Clocks(wall_ms=12_345)
    outbox, recorder, _ = opened(tmp_path / "outbox.sqlite", clocks)
    recorder.record([taken(clocks.boot_ms)])
    outbox.close()
    clocks.pass_ms(60_000)
    outbox, recorder, _ = opened(tmp_path / "outbox.sqlite", clocks)
    recorder.record([taken(clocks.boot_ms)])
    clocks.wall_ms = NOW_MS
    recorder.record([taken(NOW_MS)])
    assert row_times(outbox.path) == [NOW_MS - 60_000, NOW_MS, NOW_MS]
    outbox.close()


def test_a_boot_whose_time_never_became_known_gets_a_guess_that_is_told_as_one(tmp_path: Path) -> None:
    clocks = Clocks()
    outbox, recorder, _ = opened(tmp_path / "outbox.sqlite", clocks)
    recorder.record([taken(clocks.wall_ms)])
    outbox.close()
    # A power cut, a dead clock, nobody to ask; another power cut; then the time is there.
    dead = Clocks(wall_ms=0, boot_ms=20_000)
    outbox, recorder, _ = opened(tmp_path / "outbox.sqlite", dead)
    for _ in range(3):
        recorder.record([taken(dead.boot_ms)])
        dead.pass_ms(10_000)
    outbox.close()
    later = Clocks(wall_ms=NOW_MS + HOUR_MS, boot_ms=30_000)
    outbox, recorder = opened_in_boot(tmp_path, later, "boot-c")
    recorder.record([taken(later.wall_ms)])
    first, *guessed, last = row_times(outbox.path)
    assert (first, last) == (NOW_MS, NOW_MS + HOUR_MS)
    assert first < guessed[0] < guessed[-1] < last
    assert [after - before for before, after in pairwise(guessed)] == [10_000, 10_000]
    (event,) = corrections(outbox.path)
    assert event.detail["uncertain"] is True
    assert event.detail["entries"] == 3
    outbox.close()


def opened_in_boot(tmp_path: Path, clocks: Clocks, name: str):  # type: ignore[no-untyped-def]
    from edge_agent.io.outbox import Outbox
    from edge_agent.recorder import Recorder

    outbox = Outbox.open(tmp_path / "outbox.sqlite")
    return outbox, Recorder(outbox, clocks.clock(durable_ms=outbox.durable_ms, boot_id=name))


def test_a_step_back_is_followed_told_and_keeps_the_order_of_numbers(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
    recorder.record([taken(clocks.wall_ms)])
    clocks.pass_ms(5_000)
    clocks.wall_ms -= HOUR_MS
    recorder.record([taken(clocks.wall_ms)])
    assert row_times(outbox.path) == [NOW_MS, NOW_MS + 5_000 - HOUR_MS]
    (event,) = corrections(outbox.path)
    assert event.detail == {"by_ms": -HOUR_MS, "entries": 0, "uncertain": False}
    outbox.close()


def test_a_dead_clock_after_a_reboot_is_put_right_by_the_first_word_of_central(tmp_path: Path) -> None:
    clocks = Clocks(wall_ms=NOW_MS - YEAR_MS)
    clock = clocks.clock(durable_ms=NOW_MS - HOUR_MS)
    assert not clock.is_known
    assert clock.now_ms() == clocks.boot_ms
    clock.hear(NOW_MS)
    assert clock.is_known
    clocks.pass_ms(7_000)
    assert clock.now_ms() == NOW_MS + 7_000
    assert clock.corrected_by_ms == YEAR_MS
    assert LEAP_MAX_MS < YEAR_MS


def test_a_wall_clock_that_falls_to_1970_while_running_does_not_take_the_time_with_it() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.pass_ms(1_000)
    clocks.wall_ms = 0
    clock.look()
    assert clock.now_ms() == NOW_MS + 1_000


def test_a_doubtful_wall_clock_is_taken_when_nobody_knows_better() -> None:
    clocks = Clocks(wall_ms=NOW_MS)
    clock = clocks.clock(durable_ms=NOW_MS + HOUR_MS)
    assert not clock.is_known
    clock.trust_wall()
    assert clock.now_ms() == NOW_MS
    dead = Clocks(wall_ms=0).clock()
    dead.trust_wall()
    assert not dead.is_known, "1970 is never taken"


def test_this_machine_is_asked_without_harm() -> None:
    clock = system_clock(0)
    clock.look()
    assert clock.is_known
    assert KernelSync()() in set(Sync)
    assert boot_id() == boot_id()
