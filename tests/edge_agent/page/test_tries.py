"""How long the door stays shut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.page.tries import FREE_TRIES, WAIT_MS_MAX, Tries, after_wrong, wait_ms


def test_the_fifth_wrong_pin_shuts_the_door_and_each_further_one_for_twice_as_long() -> None:
    tries, now_ms, waits = Tries(), 1_000, []
    for _ in range(11):
        tries = after_wrong(tries, now_ms)
        waits.append(wait_ms(tries, now_ms) // 1_000)
    assert waits == [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900]


@given(wrong=st.integers(0, 10_000), now_ms=st.integers(0, 2**53), back_ms=st.integers(0, 2**53))
def test_nobody_waits_longer_than_the_longest_wait_even_when_the_clock_is_set_back(
    wrong: int, now_ms: int, back_ms: int
) -> None:
    tries = after_wrong(Tries(wrong), now_ms)
    assert 0 <= wait_ms(tries, max(0, now_ms - back_ms)) <= WAIT_MS_MAX
    if wrong + 1 >= FREE_TRIES:
        assert wait_ms(tries, now_ms) > 0


def test_a_door_that_was_never_knocked_at_is_open() -> None:
    assert wait_ms(Tries(), 0) == 0


@pytest.mark.parametrize("bad", [{"wrong": -1}, {"shut_until_ms": -1}])
def test_there_is_nothing_below_zero(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="below 0"):
        Tries(**bad)
