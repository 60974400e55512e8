"""The ledger: whatever arrives in whatever order, a number has one fate and the runs say so."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from central.core.city import Fate
from central.core.ledger import EPOCHS_MAX, RUNS_MAX, Ledger, LedgerRun
from central.core.runs import hole_limit_ms
from contract.messages import Loss, LossReason
from contract.ranges import RangeSet

SITE, EPOCH = "E0000000001111", "a"
T0 = 1_790_000_000_000
STEP = 5_000
NOW = T0 + 10**9


def arrive(ledger: Ledger, first: int, last: int, *, shift_ms: int = 0) -> None:
    times = [T0 + STEP * number + shift_ms for number in range(first, last + 1)]
    ledger.arrived(SITE, EPOCH, [(first, last)], times, interval_ms=STEP)


def loss(first: int, last: int, reason: LossReason = LossReason.DROPPED) -> Loss:
    return Loss(
        first_seq=first,
        last_seq=last,
        from_ms=T0 + STEP * first,
        to_ms=T0 + STEP * last,
        rows=last - first + 1,
        reason=reason,
    )


def told(ledger: Ledger) -> list[tuple[int, int, str]]:
    return [(run.first_seq, run.last_seq, run.reason or run.fate.value) for run in ledger.runs(SITE)]


def test_a_live_shelter_is_one_run_however_long_it_reports() -> None:
    ledger = Ledger()
    for number in range(1, 1_001):
        arrive(ledger, number, number)
    assert told(ledger) == [(1, 1_000, "arrived")]
    (run,) = ledger.runs(SITE)
    assert (run.from_ms, run.to_ms, run.rows) == (T0 + STEP, T0 + STEP * 1_000, 1_000)


def test_a_hole_in_time_begins_a_new_run_although_numbers_go_on() -> None:
    ledger = Ledger()
    arrive(ledger, 1, 10)
    arrive(ledger, 11, 20, shift_ms=hole_limit_ms(STEP))
    assert told(ledger) == [(1, 10, "arrived"), (11, 20, "arrived")]


def test_backfill_closes_the_gap_and_melts_the_runs() -> None:
    ledger = Ledger()
    arrive(ledger, 1, 10)
    arrive(ledger, 21, 30)
    ledger.changes()
    arrive(ledger, 11, 20)
    assert told(ledger) == [(1, 30, "arrived")]
    changes = ledger.changes()
    assert [run.first_seq for run in changes.upserts] == [1]
    assert changes.deletes == ((SITE, EPOCH, 21),)


def test_a_repeat_changes_nothing() -> None:
    ledger = Ledger()
    arrive(ledger, 1, 10)
    ledger.changes()
    arrive(ledger, 3, 7)
    assert ledger.changes().upserts == ()
    assert [run.rows for run in ledger.runs(SITE)] == [10]


def test_what_was_given_up_is_lost_with_its_reason_and_what_arrived_stays_arrived() -> None:
    ledger = Ledger()
    arrive(ledger, 1, 10)
    arrive(ledger, 15, 20)
    ledger.lost(SITE, EPOCH, [loss(8, 17)], NOW)
    assert told(ledger) == [(1, 10, "arrived"), (11, 14, "dropped"), (15, 20, "arrived")]


def test_what_arrives_after_all_is_not_lost() -> None:
    ledger = Ledger()
    ledger.lost(SITE, EPOCH, [loss(1, 20)], NOW)
    arrive(ledger, 5, 10)
    assert told(ledger) == [(1, 4, "dropped"), (5, 10, "arrived"), (11, 20, "dropped")]


@pytest.mark.parametrize("loss_first", [True, False])
def test_what_thinning_kept_does_not_cut_the_thinned_stretch(loss_first: bool) -> None:
    ledger = Ledger()
    thinned = [loss(1, 120, LossReason.THINNED_1MIN)]
    if loss_first:
        ledger.lost(SITE, EPOCH, thinned, NOW)
    for number in range(12, 121, 12):
        arrive(ledger, number, number)
    if not loss_first:
        ledger.lost(SITE, EPOCH, thinned, NOW)
    assert told(ledger) == [(1, 120, "thinned_1min")]


def test_full_resolution_inside_a_thinned_stretch_stands_by_itself() -> None:
    ledger = Ledger()
    arrive(ledger, 50, 60)
    ledger.lost(SITE, EPOCH, [loss(1, 100, LossReason.THINNED_1MIN)], NOW)
    assert told(ledger) == [(1, 49, "thinned_1min"), (50, 60, "arrived"), (61, 100, "thinned_1min")]


def test_the_harder_loss_holds() -> None:
    ledger = Ledger()
    ledger.lost(SITE, EPOCH, [loss(1, 100, LossReason.THINNED_1MIN)], NOW)
    ledger.lost(SITE, EPOCH, [loss(1, 60, LossReason.THINNED_15MIN)], NOW)
    ledger.lost(SITE, EPOCH, [loss(1, 30, LossReason.DROPPED)], NOW)
    ledger.lost(SITE, EPOCH, [loss(1, 100, LossReason.THINNED_1MIN)], NOW)
    assert told(ledger) == [(1, 30, "dropped"), (31, 60, "thinned_15min"), (61, 100, "thinned_1min")]


def test_a_loss_of_another_outbox_goes_into_that_outbox() -> None:
    ledger = Ledger()
    arrive(ledger, 1, 10)
    ledger.lost(SITE, "b", [structs.replace(loss(11, 20, LossReason.DAMAGED), epoch=EPOCH)], NOW)
    assert told(ledger) == [(1, 10, "arrived"), (11, 20, "damaged")]
    assert {run.epoch for run in ledger.runs(SITE)} == {EPOCH}


def test_a_loss_of_unknown_time_stands_at_the_time_of_its_neighbours() -> None:
    ledger = Ledger()
    arrive(ledger, 1, 10)
    ledger.lost(SITE, EPOCH, [structs.replace(loss(11, 12), from_ms=0, to_ms=0)], NOW)
    assert [(run.from_ms, run.to_ms) for run in ledger.runs(SITE)][1] == (T0 + STEP * 10, T0 + STEP * 10)


def test_refused_entries_are_lost_at_the_time_of_their_neighbours() -> None:
    ledger = Ledger()
    arrive(ledger, 1, 10)
    ledger.refused(SITE, EPOCH, [(11, 11)], "future_time", now_ms=T0 + 10**9)
    run = ledger.runs(SITE)[1]
    assert (run.fate, run.reason, run.from_ms) == (Fate.LOST, "refused: future_time", T0 + STEP * 10)


def test_a_history_message_is_cut_where_its_times_have_a_hole() -> None:
    ledger = Ledger()
    before = [T0 + STEP * number for number in range(100) for _ in range(3)]
    after = [T0 + 3_600_000 + STEP * number for number in range(50) for _ in range(3)]
    ledger.arrived(SITE, EPOCH, [(1, 150)], before + after, interval_ms=STEP)
    runs = ledger.runs(SITE)
    assert [(run.first_seq, run.last_seq, run.from_ms, run.to_ms, run.rows) for run in runs] == [
        (1, 100, before[0], before[-1], 300),
        (101, 150, after[0], after[-1], 150),
    ]


def test_a_history_message_with_holes_in_its_numbers_gives_a_run_for_each_range() -> None:
    ledger = Ledger()
    times = [T0 + STEP * number for number in (*range(1, 11), *range(15, 21))]
    ledger.arrived(SITE, EPOCH, [(15, 20), (1, 10)], times, interval_ms=STEP)
    assert [(run.first_seq, run.last_seq, run.from_ms) for run in ledger.runs(SITE)] == [
        (1, 10, T0 + STEP),
        (15, 20, T0 + STEP * 15),
    ]


def test_it_goes_on_from_what_was_kept() -> None:
    ledger = Ledger()
    arrive(ledger, 1, 10)
    arrive(ledger, 20, 30)
    again = Ledger(ledger.changes().upserts)
    arrive(again, 11, 19)
    assert told(again) == [(1, 30, "arrived")]


def test_the_memory_is_bounded_whatever_a_shelter_sends() -> None:
    ledger = Ledger()
    for number in range(2 * EPOCHS_MAX):
        ledger.arrived(SITE, f"epoch{number}", [(1, 1)], [T0], interval_ms=STEP)
        assert len(ledger.changes().upserts) == 1
    assert len({run.epoch for run in ledger.runs(SITE)}) == EPOCHS_MAX
    for number in range(RUNS_MAX + 1):
        arrive(ledger, 2 * number + 1, 2 * number + 1)
    assert len(ledger.changes().upserts) == RUNS_MAX + 1
    assert len(ledger.runs(SITE)) < RUNS_MAX
    assert ledger.is_cut(SITE)


Step = tuple[str, int, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "history", *(reason.value for reason in LossReason)]),
        st.integers(1, 60),
        st.integers(0, 12),
        st.sampled_from([0, 0, 0, 120_000]),
    ),
    max_size=25,
)


@given(STEPS)
def test_a_number_has_one_fate_and_what_is_written_is_what_is_known(steps: list[Step]) -> None:
    ledger = Ledger()
    kept: dict[tuple[str, str, int], LedgerRun] = {}
    here, gone = RangeSet(), RangeSet()
    for what, first, more, shift_ms in steps:
        last = first + more
        if what in {"arrive", "history"}:
            times = sorted(T0 + STEP * number + shift_ms * (number % 2) for number in range(first, last + 1))
            ledger.arrived(SITE, EPOCH, [(first, last)], times, interval_ms=STEP)
            here.add(first, last)
        else:
            ledger.lost(SITE, EPOCH, [loss(first, last, LossReason(what))], NOW)
            gone.add(first, last)
        changes = ledger.changes()
        for key in changes.deletes:
            kept.pop(key, None)
        kept |= {(run.site, run.epoch, run.first_seq): run for run in changes.upserts}
    runs = ledger.runs(SITE)
    assert sorted(kept.values(), key=lambda run: run.first_seq) == runs
    assert all(run.first_seq <= run.last_seq and run.from_ms <= run.to_ms for run in runs)
    assert all(run.last_seq < later.first_seq for run, later in itertools.pairwise(runs))
    covered = RangeSet((run.first_seq, run.last_seq) for run in runs)
    assert covered == RangeSet([*here, *gone])
    arrived = RangeSet((run.first_seq, run.last_seq) for run in runs if run.fate is Fate.ARRIVED)
    assert all(not here.gaps(first, last) for first, last in arrived), "nothing is arrived that did not come"
    hard = {LossReason.DROPPED, LossReason.DAMAGED, LossReason.DISK_FULL}
    if all(what in {"arrive", "history"} or LossReason(what) in hard for what, *_ in steps):
        assert arrived == here, "without thinning, what arrived is arrived and nothing else is"


@given(st.permutations(range(1, 31)), st.lists(st.integers(1, 30), max_size=10))
def test_order_and_repeats_do_not_matter_to_the_end(order: list[int], repeats: list[int]) -> None:
    ledger = Ledger()
    for number in [*order, *repeats]:
        arrive(ledger, number, number)
    assert [replace(run, rows=0) for run in ledger.runs(SITE)] == [
        LedgerRun(
            site=SITE,
            epoch=EPOCH,
            first_seq=1,
            last_seq=30,
            from_ms=T0 + STEP,
            to_ms=T0 + STEP * 30,
            fate=Fate.ARRIVED,
        )
    ]
