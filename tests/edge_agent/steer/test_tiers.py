"""Load tiers: opened at once from the least critical, closed one by one, and alone only what the inverter carries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.interlocks import may_close
from edge_agent.core.modes import Loads, SetPoints
from edge_agent.core.tiers import LEARN_MS, STAGED_MS, Move, Power, Tiers, are_right, learnt, moved, next_move

TIERS = Tiers(count=4, entered_w=(800.0, 1_500.0, 3_000.0))
GRID = Power(is_alone=False, load_w=None, room_w=None)
ALONE = Power(is_alone=True, load_w=1_000.0, room_w=5_000.0)
BY_ORDER = SetPoints(loads=Loads.BY_ORDER, tiers_closed=2)
OPEN, CLOSED = (False,) * 4, (True,) * 4


def test_what_may_have_no_power_is_opened_first_and_from_the_least_critical() -> None:
    assert next_move(BY_ORDER, CLOSED, TIERS, ALONE, 0) == Move(4, closes=False)
    assert next_move(BY_ORDER, (True, True, True, False), TIERS, ALONE, 0) == Move(3, closes=False)
    assert next_move(BY_ORDER, (True, True, False, False), TIERS, ALONE, 0) is None


def test_what_may_have_power_is_closed_from_the_critical_one_with_time_between() -> None:
    points = SetPoints(loads=Loads.ALL)
    assert next_move(points, OPEN, TIERS, GRID, 0) == Move(1, closes=True)
    after = moved(TIERS, Move(1, closes=True), None, 1_000)
    closed = (True, False, False, False)
    assert next_move(points, closed, after, GRID, 1_000 + STAGED_MS - 1) is None
    assert next_move(points, closed, after, GRID, 1_000 + STAGED_MS) == Move(2, closes=True)


@pytest.mark.parametrize(
    ("power", "closes"),
    [
        (ALONE, True),
        (replace(ALONE, load_w=4_000.0), False),
        (replace(ALONE, room_w=None), False),
        (replace(ALONE, load_w=None), False),
    ],
)
def test_alone_only_what_the_inverter_carries_is_closed(power: Power, closes: bool) -> None:
    assert (next_move(BY_ORDER, OPEN, TIERS, power, 0) is not None) == closes


def test_alone_a_tier_of_which_nobody_knows_stays_open() -> None:
    unknown = Tiers(count=4)
    assert next_move(BY_ORDER, OPEN, unknown, ALONE, 0) is None
    assert next_move(SetPoints(loads=Loads.ALL), OPEN, unknown, GRID, 0) == Move(1, closes=True)


def test_what_a_tier_takes_is_learnt_when_it_is_opened() -> None:
    tiers = moved(Tiers(count=4), Move(3, closes=False), 5_000.0, 1_000)
    tiers = learnt(tiers, 3_200.0, 4_000)
    assert tiers.load_w(3) == 1_800
    assert learnt(tiers, 100.0, 1_000 + LEARN_MS + 1).load_w(3) == 1_800, "later changes are others'"


@pytest.mark.parametrize("loads", [Loads.NO_MORE, Loads.NONE, Loads.LEAVE])
def test_nothing_is_closed_where_nothing_may_be_closed(loads: Loads) -> None:
    assert next_move(SetPoints(loads=loads, tiers_closed=4), OPEN, TIERS, GRID, 10**6) is None


@given(
    st.sampled_from(Loads),
    st.integers(0, 8),
    st.lists(st.sampled_from([True, False, None]), min_size=4, max_size=4),
    st.floats(0, 20_000),
    st.floats(0, 20_000),
)
def test_moves_lead_to_what_is_wanted_and_never_overload(
    loads: Loads, allowed: int, start: list[bool | None], load_w: float, room_w: float
) -> None:
    points = SetPoints(loads=loads, tiers_closed=0 if loads is Loads.NONE else allowed)
    power = Power(is_alone=loads is not Loads.ALL, load_w=load_w, room_w=room_w)
    closed, now_ms, tiers = tuple(start), 0, TIERS
    for _ in range(20):
        move = next_move(points, closed, tiers, power, now_ms)
        if move is None:
            break
        if move.closes and power.is_alone:
            assert may_close(tiers.load_w(move.number), load_w, room_w)
        closed = (*closed[: move.number - 1], move.closes, *closed[move.number :])
        tiers, now_ms = moved(tiers, move, load_w, now_ms), now_ms + STAGED_MS
    else:
        raise AssertionError("it never comes to rest")
    assert are_right(points, closed)


def test_an_open_tier_that_may_be_closed_is_no_disobedience() -> None:
    assert are_right(BY_ORDER, OPEN)
    assert not are_right(BY_ORDER, (True, True, True, False))
