"""The watch over the grid: how many, how soon after each other, where, and until when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from central.core.alerts.gridwatch import NOBODY, Told, Watch, changes, hear
from central.core.alerts.held import NOTHING, Held, take
from central.core.alerts.telegram import Telegram
from central.core.triggers import judge
from tests.central.feeds.parts import CHUO, MIDORI, MINUTE, PLACES, rule
from tests.central.ingest.parts import NOW

DARK = rule("when: {grid_lost: 3, within_min: 10}, then: propose, mode: backup")
WARDS = {"a": CHUO, "b": CHUO, "c": CHUO, "d": CHUO, "x": MIDORI, "y": MIDORI}


def lost(site: str, at_ms: int) -> tuple[str, Told]:
    return site, Told(is_lost=True, at_ms=at_ms)


def back(site: str, at_ms: int) -> tuple[str, Told]:
    return site, Told(is_lost=False, at_ms=at_ms)


def look(watch: Watch, held: Held = NOTHING, *, now_ms: int = NOW + 60 * MINUTE) -> tuple[list[Telegram], Held]:
    found = list(changes(watch, WARDS, DARK, held, now_ms=now_ms))
    for telegram in found:
        held, _ = take(held, telegram, now_ms=now_ms)
    return found, held


def test_three_within_ten_minutes_and_not_two_or_slower() -> None:
    two = hear(NOBODY, [lost("a", NOW), lost("b", NOW + MINUTE), lost("x", NOW)])
    assert look(two)[0] == []
    slow = hear(two, [lost("c", NOW + 10 * MINUTE + 1)])
    assert look(slow)[0] == []
    soon = hear(two, [lost("c", NOW + 10 * MINUTE)])
    (told,), held = look(soon)
    assert (told.event, told.report_ms) == (CHUO, NOW + 10 * MINUTE)
    assert told.headline == "a b c"
    (proposal,), _ = judge(DARK, PLACES, held, {}, now_ms=NOW + 60 * MINUTE)
    assert proposal.wards == (CHUO,)
    assert proposal.reason_ja == "停電：10分以内に3か所以上の避難所：中央区"


def test_a_slow_beginning_does_not_hide_three_that_follow_each_other() -> None:
    watch = hear(
        NOBODY,
        [lost("a", NOW), lost("b", NOW + 20 * MINUTE), lost("c", NOW + 21 * MINUTE), lost("d", NOW + 22 * MINUTE)],
    )
    (told,), _ = look(watch)
    assert told.headline == "b c d"


def test_a_flicker_is_no_blackout() -> None:
    watch = hear(NOBODY, [lost(s, NOW) for s in "abc"] + [back("b", NOW + 1_000)])
    assert look(watch)[0] == []


def test_it_is_told_once_and_lifted_when_all_are_back() -> None:
    watch = hear(NOBODY, [lost(s, NOW) for s in "abc"])
    _, held = look(watch)
    assert look(watch, held)[0] == []
    some = hear(watch, [back("a", NOW + MINUTE), back("b", NOW + MINUTE)])
    assert look(some, held)[0] == []
    (lifted,), held = look(hear(some, [back("c", NOW + MINUTE)]), held)
    assert lifted.called is None
    assert judge(DARK, PLACES, held, {}, now_ms=NOW + 60 * MINUTE)[0] == []
    later = NOW + 90 * MINUTE
    (again,), held = look(hear(some, [lost(s, later) for s in "abc"]), held, now_ms=later)
    assert again.report_ms == later
    assert len(judge(DARK, PLACES, held, {}, now_ms=later)[0]) == 1


def test_a_shelter_s_clock_that_is_ahead_counts_as_now() -> None:
    watch = hear(NOBODY, [lost("a", NOW), lost("b", NOW), lost("c", NOW + 10**12)])
    (told,), _ = look(watch, now_ms=NOW + MINUTE)
    assert told.report_ms == NOW + MINUTE


TOLD = st.lists(
    st.tuples(st.sampled_from("abcdxy"), st.builds(Told, st.booleans(), st.integers(NOW, NOW + 30 * MINUTE))),
    max_size=12,
)


@given(told=TOLD, order=st.randoms(use_true_random=False))
def test_late_and_repeated_words_make_no_difference(told: list[tuple[str, Told]], order: object) -> None:
    shuffled = told * 2
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert hear(NOBODY, shuffled) == hear(NOBODY, told)


@given(told=TOLD)
def test_what_is_told_is_true_by_counting(told: list[tuple[str, Told]]) -> None:
    watch = hear(NOBODY, told)
    found, held = look(watch)
    for ward in (CHUO, MIDORI):
        times = sorted(one.at_ms for site, one in watch.items() if one.is_lost and WARDS[site] == ward)
        expected = any(sum(t <= u <= t + 10 * MINUTE for u in times) >= 3 for t in times)
        assert (ward in {telegram.event for telegram in found}) == expected
    assert look(watch, held)[0] == []
