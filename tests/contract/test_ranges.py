"""Sequence ranges, held against a plain set of numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ranges import RangeSet

NUMBERS = 60
pairs = st.tuples(st.integers(0, NUMBERS), st.integers(0, NUMBERS)).map(lambda pair: (min(pair), max(pair)))
steps = st.lists(st.tuples(st.sampled_from(["add", "discard"]), pairs), max_size=30)


def numbers(ranges: RangeSet) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


def built(changes: list[tuple[str, tuple[int, int]]]) -> tuple[RangeSet, set[int]]:
    ranges, model = RangeSet(), set[int]()
    for verb, (first, last) in changes:
        if verb == "add":
            ranges.add(first, last)
            model |= set(range(first, last + 1))
        else:
            ranges.discard(first, last)
            model -= set(range(first, last + 1))
    return ranges, model


@given(steps)
def test_it_holds_what_a_set_would_hold(changes: list[tuple[str, tuple[int, int]]]) -> None:
    ranges, model = built(changes)
    assert numbers(ranges) == model
    assert ranges.count == len(model)
    assert bool(ranges) == bool(model)
    assert all((number in ranges) == (number in model) for number in range(NUMBERS + 2))


@given(steps)
def test_ranges_are_sorted_and_never_touch(changes: list[tuple[str, tuple[int, int]]]) -> None:
    kept = list(built(changes)[0])
    assert all(first <= last for first, last in kept)
    assert all(earlier[1] + 1 < later[0] for earlier, later in pairwise(kept))


@given(steps, pairs)
def test_gaps_are_the_numbers_of_a_stretch_that_are_missing(
    changes: list[tuple[str, tuple[int, int]]], stretch: tuple[int, int]
) -> None:
    ranges, model = built(changes)
    gaps = ranges.gaps(*stretch)
    assert numbers(RangeSet(gaps)) == set(range(stretch[0], stretch[1] + 1)) - model
    assert list(RangeSet(gaps)) == gaps


@given(steps)
def test_equal_contents_are_equal_whatever_their_history(changes: list[tuple[str, tuple[int, int]]]) -> None:
    ranges, model = built(changes)
    assert ranges == RangeSet((number, number) for number in model)


def test_one_number_at_a_time_stays_one_pair() -> None:
    ranges = RangeSet()
    for number in range(1, 10_001):
        ranges.add(number)
    assert list(ranges) == [(1, 10_000)]


@pytest.mark.parametrize(("first", "last"), [(5, 4), (-1, 3)])
def test_a_range_that_is_none_is_refused(first: int, last: int) -> None:
    with pytest.raises(ValueError, match=f"{first}..{last}"):
        RangeSet([(first, last)])


def test_taking_out_a_turned_range_is_refused_and_changes_nothing() -> None:
    ranges = RangeSet([(1, 10)])
    with pytest.raises(ValueError, match=r"5\.\.3"):
        ranges.discard(5, 3)
    assert list(ranges) == [(1, 10)]


def test_it_is_no_key_because_it_changes() -> None:
    with pytest.raises(TypeError):
        hash(RangeSet())


def test_a_set_of_very_many_numbers_is_still_a_short_list_of_ranges() -> None:
    assert list(RangeSet([(1, 2**53 - 1)])) == [(1, 2**53 - 1)]
