"""What happens next is told as the machine will do it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.steering import GridState, StandingOrders
from edge_agent.core.conditions import Conditions
from edge_agent.core.standing import Kept, Own, Phase, Position, SiteState, Switch, advance
from edge_agent.core.upcoming import Next, Upcoming, upcoming

OWN = Own(site="E0000000001111", orders=StandingOrders(grid_lost_s=30, grid_stable_s=600, spread_s=0))
HOME = SiteState()


def told(state: SiteState, *, waits: bool = False, is_by_hand: bool = False) -> Upcoming:
    return upcoming(state, OWN, waits_for_person=waits, is_by_hand=is_by_hand)


def at(position: Position) -> SiteState:
    return SiteState(kept=Kept(switch=Switch(position=position)))


def seen(state: SiteState, grid: GridState, now_ms: int) -> SiteState:
    return advance(state, Conditions(grid=grid, soc_pct=80.0), OWN, now_ms)


def test_an_outage_is_told_from_its_first_second_to_its_end() -> None:
    state = seen(HOME, GridState.PRESENT, 0)
    assert told(state) == Upcoming(Next.WATCHING)
    state = seen(state, GridState.LOST, 1_000)
    assert told(state) == Upcoming(Next.BACKUP, 31_000)
    state = seen(state, GridState.LOST, 31_000)
    assert state.kept.phase is Phase.OUTAGE
    assert told(state) == Upcoming(Next.GRID)
    state = seen(state, GridState.PRESENT, 40_000)
    due_ms = told(state).due_ms
    assert told(state).what is Next.PROVING
    assert due_ms == 640_000
    assert seen(state, GridState.PRESENT, due_ms - 1).kept.phase is Phase.OUTAGE
    state = seen(state, GridState.PRESENT, due_ms)
    assert told(state) == Upcoming(Next.RECOVERED)


def test_who_switches_by_hand_is_told_when_to_switch_back() -> None:
    state = seen(seen(HOME, GridState.LOST, 0), GridState.LOST, 30_000)
    state = seen(state, GridState.REJECTED, 50_000)
    assert told(state, is_by_hand=True) == Upcoming(Next.HAND_BACK, 650_000)
    assert told(state, is_by_hand=True, waits=True) == Upcoming(Next.BY_HAND)
    assert told(state) == Upcoming(Next.GRID), "an inverter that does it by itself needs nobody"


@pytest.mark.parametrize(
    ("position", "what"),
    [
        (Position.NORMAL, Next.FIXED),
        (Position.BACKUP, Next.FIXED),
        (Position.MAINTENANCE, Next.LOCKED),
        (Position.AUTO, Next.WATCHING),
    ],
)
def test_a_switch_that_was_turned_is_what_holds(position: Position, what: Next) -> None:
    assert told(seen(at(position), GridState.PRESENT, 0)).what is what


@pytest.mark.parametrize("waits", [True, False])
def test_isolation_comes_before_all(waits: bool) -> None:
    state = seen(at(Position.ISOLATE), GridState.LOST, 0)
    assert told(state, waits=waits) == Upcoming(Next.ISOLATED)
    assert told(replace(state, due_ms=5), waits=waits).due_ms is None
