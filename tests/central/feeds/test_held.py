"""Which telegram holds: the same twice, corrections, cancellations, and every order in which they may come."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from central.core.alerts.held import AHEAD_MS, KEPT_MS, KEYS_MAX, NOTHING, Held, Verdict, holding, take
from central.core.alerts.telegram import Lane, Telegram
from tests.central.feeds.parts import CHUO, MIHAMA, MINUTE, QUAKE, cancelled, first_report, quake, read
from tests.central.ingest.parts import NOW


def after(*telegrams: Telegram, now_ms: int = NOW + MINUTE) -> tuple[Held, list[Verdict]]:
    held, verdicts = NOTHING, []
    for telegram in telegrams:
        held, verdict = take(held, telegram, now_ms=now_ms)
        verdicts.append(verdict)
    return held, verdicts


FIRST = read(quake({CHUO: "5+"}))
SECOND = read(quake({CHUO: "5-", MIHAMA: "5+"}, serial="2"))
CORRECTED = read(quake({CHUO: "4"}, info="訂正", sent_ms=NOW + 30_000))
CANCELLED = read(cancelled(serial="3"))


def test_the_same_telegram_twice_is_one() -> None:
    again = read(quake({CHUO: "5+"}), source="another way")
    held, verdicts = after(FIRST, again)
    assert verdicts == [Verdict.FIRST, Verdict.REPEATED]
    assert list(held.values()) == [FIRST]


def test_a_later_number_replaces_and_an_earlier_one_that_comes_late_does_not() -> None:
    for telegrams, verdicts in (
        ((FIRST, SECOND), [Verdict.FIRST, Verdict.UPDATED]),
        ((SECOND, FIRST), [Verdict.FIRST, Verdict.OUTDATED]),
    ):
        held, found = after(*telegrams)
        assert found == verdicts
        assert list(held.values()) == [SECOND]


def test_a_correction_of_the_same_number_replaces() -> None:
    held, verdicts = after(FIRST, CORRECTED)
    assert verdicts == [Verdict.FIRST, Verdict.CORRECTED]
    assert list(held.values()) == [CORRECTED]
    assert after(CORRECTED, FIRST)[1] == [Verdict.CORRECTED, Verdict.OUTDATED]


def test_what_is_cancelled_does_not_come_back_late() -> None:
    held, verdicts = after(CANCELLED, SECOND, FIRST)
    assert verdicts == [Verdict.CANCELLED, Verdict.OUTDATED, Verdict.OUTDATED]
    assert not list(holding(held, Lane.REAL, "VXSE53"))


def test_a_drill_never_touches_what_is_real() -> None:
    drill = read(cancelled(serial="9", status="訓練"))
    held, _ = after(FIRST, drill)
    assert list(holding(held, Lane.REAL, "VXSE53")) == [FIRST]


def test_telegrams_of_other_kinds_stand_beside_each_other() -> None:
    early = read(first_report("6-"))
    held, verdicts = after(early, FIRST)
    assert verdicts == [Verdict.FIRST, Verdict.FIRST]
    assert list(holding(held, Lane.REAL, "VXSE51", "VXSE53")) == [early, FIRST]


def test_from_the_future_and_from_long_ago_nothing_is_taken() -> None:
    far = read(quake({CHUO: "7"}, at_ms=NOW + AHEAD_MS + 2 * MINUTE))
    old = read(quake({CHUO: "7"}, at_ms=NOW - KEPT_MS))
    assert after(far, old) == (NOTHING, [Verdict.AHEAD, Verdict.TOO_OLD])


def test_what_is_held_is_bounded_and_the_newest_stay() -> None:
    held = NOTHING
    for n in range(KEYS_MAX + 10):
        held, _ = take(held, read(cancelled(event=f"{QUAKE}{n}", at_ms=NOW + n * 1_000)), now_ms=NOW + KEYS_MAX * 1_000)
    assert len(held) == KEYS_MAX
    assert min(one.report_ms for one in held.values()) == NOW + 10_000
    held, _ = take(held, read(quake({CHUO: "4"}, at_ms=NOW + 2 * KEPT_MS)), now_ms=NOW + 2 * KEPT_MS)
    assert len(held) == 1


STREAM = [
    read(build)
    for lane in ("通常", "訓練")
    for build in (
        quake({CHUO: "5+"}, status=lane),
        quake({CHUO: "5-"}, status=lane, info="訂正", sent_ms=NOW + 5_000),
        quake({CHUO: "6-"}, status=lane, serial="2", at_ms=NOW + MINUTE),
        cancelled(status=lane, serial="3", at_ms=NOW + MINUTE),
        quake({CHUO: "6+"}, status=lane, serial="3", at_ms=NOW + 2 * MINUTE),
        first_report("6-", status=lane),
        first_report("5+", status=lane, info="訂正", at_ms=NOW + MINUTE),
    )
]


@given(order=st.randoms(use_true_random=False), repeats=st.integers(0, 3))
def test_whatever_the_order_and_however_often_the_same_holds_in_the_end(order: random.Random, repeats: int) -> None:
    telegrams = STREAM * (1 + repeats)
    order.shuffle(telegrams)
    held, _ = after(*telegrams, now_ms=NOW + 5 * MINUTE)
    expected, _ = after(*STREAM, now_ms=NOW + 5 * MINUTE)
    assert held == expected
