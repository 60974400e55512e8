"""How whole the data of each day is."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from central.core.city import Fate, Stretch
from central.core.completeness import DAYS, Completeness, DayShare, by_day, last_days
from central.core.today import DAY_MS, HOUR_MS, midnight_ms

NOON_MS = 1_795_489_200_000
"""2026-11-24 12:00 in Tokyo."""
FIRST_MS = midnight_ms(NOON_MS) - (DAYS - 1) * DAY_MS


def test_the_last_days_end_with_today() -> None:
    days = last_days(NOON_MS)
    assert days[0] == FIRST_MS
    assert days[-1] == midnight_ms(NOON_MS)
    assert {b - a for a, b in pairwise(days)} == {DAY_MS}


def test_a_stretch_over_midnight_is_shared_out() -> None:
    stretch = Stretch(from_ms=FIRST_MS + 18 * HOUR_MS, to_ms=FIRST_MS + 30 * HOUR_MS, fate=Fate.ARRIVED)
    first, second, *rest = by_day([stretch], last_days(NOON_MS))
    assert first == second == DayShare(6 * HOUR_MS, 0, 6 * HOUR_MS)
    assert set(rest) == {DayShare()}
    assert rest[0].share is None


def test_what_was_never_due_counts_for_nothing_and_what_may_come_is_not_lost() -> None:
    cuts = [FIRST_MS + n * HOUR_MS for n in (0, 4, 10, 11, 13, 24)]
    fates = [
        (Fate.NOT_MEASURED, "before_first"),
        (Fate.ARRIVED, ""),
        (Fate.LOST, "disk_full"),
        (Fate.WAITING, ""),
        (Fate.UNKNOWN, "future"),
    ]
    stretches = [
        Stretch(from_ms=a, to_ms=b, fate=fate, reason=reason)
        for (a, b), (fate, reason) in zip(pairwise(cuts), fates, strict=True)
    ]
    (first, *_) = by_day(stretches, last_days(NOON_MS))
    assert first == DayShare(arrived_ms=6 * HOUR_MS, waiting_ms=2 * HOUR_MS, due_ms=9 * HOUR_MS)


@given(st.lists(st.integers(0, DAYS * DAY_MS), min_size=2, max_size=30, unique=True), st.sampled_from(Fate))
def test_no_moment_is_counted_twice_or_dropped(cuts: list[int], fate: Fate) -> None:
    ordered = sorted(cuts)
    stretches = [Stretch(from_ms=FIRST_MS + a, to_ms=FIRST_MS + b, fate=fate) for a, b in pairwise(ordered)]
    found = by_day(stretches, last_days(NOON_MS))
    assert sum(day.due_ms for day in found) == ordered[-1] - ordered[0]
    assert all(day.arrived_ms + day.waiting_ms <= day.due_ms <= DAY_MS for day in found)


def test_several_shelters_are_one_share_of_time() -> None:
    half, whole = DayShare(50, 0, 100), DayShare(100, 0, 100)
    look = Completeness(at_ms=NOON_MS, days=(FIRST_MS,), by_site={"a": (half,), "b": (whole,)})
    assert look.all(["a", "b"]) == (DayShare(150, 0, 200),)
    assert look.all(["c"])[0].share is None
