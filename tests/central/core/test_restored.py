"""After a restore: what is asked for again, in which portions, and when it ends."""

from __future__ import annotations

import pytest

from central.core.city import Fate
from central.core.ledger import LedgerRun
from central.core.restored import (
    ASKING_MS,
    LOOK_MS,
    NOTE,
    NUMBERS_MAX,
    RANGES_MAX,
    ROUND_MS,
    ROUNDS_MAX,
    Asking,
    Restored,
    missing,
    restored_of,
)
from contract.messages import OutboxStatus

SITE = "E0000000001111"
NOW = 1_790_000_000_000
RESTORED = Restored(backup_ms=NOW - 3_600_000, restored_ms=NOW)


def run(first: int, last: int, *, epoch: str = "abc", fate: Fate = Fate.ARRIVED) -> LedgerRun:
    return LedgerRun(site=SITE, epoch=epoch, first_seq=first, last_seq=last, from_ms=first, to_ms=last, fate=fate)


def outbox(next_seq: int, *, epoch: str = "abc") -> OutboxStatus:
    return OutboxStatus(epoch=epoch, next_seq=next_seq)


@pytest.mark.parametrize(
    ("runs", "next_seq", "is_cut", "expected"),
    [
        ([run(1, 100)], 151, False, [(101, 150)]),
        ([run(1, 100), run(140, 150)], 151, False, [(101, 139)]),
        ([run(1, 100), run(101, 120, fate=Fate.LOST)], 151, False, [(121, 150)]),
        ([run(1, 100, epoch="old")], 51, False, [(1, 50)]),
        ([], 1, False, []),
        ([run(1, 100), run(120, 125)], 90, False, [(101, 119)]),
        ([run(500, 600)], 651, False, [(1, 499), (601, 650)]),
        ([run(500, 600)], 651, True, [(601, 650)]),
    ],
)
def test_what_is_missing_follows_from_the_ledger(
    runs: list[LedgerRun], next_seq: int, is_cut: bool, expected: list[tuple[int, int]]
) -> None:
    assert list(missing(runs, outbox(next_seq), is_cut=is_cut)) == expected


def test_much_is_asked_in_portions_the_newest_first_and_nothing_twice_in_a_round() -> None:
    asking, box = Asking(RESTORED), outbox(5_001)
    portions = [asking.question(SITE, [], box, NOW + n * LOOK_MS) for n in range(4)]
    assert portions == [[(3_001, 5_000)], [(1_001, 3_000)], [(1, 1_000)], []]
    assert sum(last - first + 1 for first, last in portions[0]) == NUMBERS_MAX


def test_many_holes_make_a_bounded_question() -> None:
    runs = [run(n, n) for n in range(2, 2_000, 2)]
    asked = Asking(RESTORED).question(SITE, runs, outbox(2_001), NOW)
    assert len(asked) == RANGES_MAX
    assert asked == sorted(asked)
    assert asked[-1] == (1_999, 2_000)


def test_an_hour_later_what_is_still_missing_is_asked_again_some_times() -> None:
    asking = Asking(RESTORED)
    times = [NOW + n * ROUND_MS for n in range(ROUNDS_MAX + 3)]
    asked = [asking.question(SITE, [run(1, 10)], outbox(21), at) for at in times]
    assert asked == [[(11, 20)]] * (ROUNDS_MAX + 1) + [[]] * 2
    assert asking.question(SITE, [run(1, 10)], outbox(31), times[-1] + LOOK_MS) == [(21, 30)]
    assert asking.question(SITE, [run(1, 10)], outbox(41), times[-1] + LOOK_MS + 1) == [], "looked a moment ago"


def test_outboxes_are_asked_apart_and_after_a_month_nobody_is() -> None:
    asking = Asking(RESTORED)
    assert asking.question(SITE, [], outbox(5), NOW) == [(1, 4)]
    assert asking.question(SITE, [], outbox(5, epoch="new"), NOW) == [(1, 4)]
    assert asking.question("E0000000002111", [], outbox(5), NOW) == [(1, 4)]
    assert asking.question("E0000000003111", [], outbox(5), NOW + ASKING_MS + 1) == []


def test_the_note_says_when() -> None:
    assert restored_of({NOTE: RESTORED.as_note()}) == RESTORED
    for broken in ({}, {NOTE: "{}"}, {NOTE: "x"}, {NOTE: "[1]"}, {NOTE: '{"backup_ms": null, "restored_ms": 1}'}):
        assert restored_of(broken) is None
