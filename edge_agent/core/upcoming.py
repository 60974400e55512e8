"""What happens next at a shelter by itself, and when. Pure: for whoever stands there and wonders."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contract.steering import GridState
from edge_agent.core.standing import Own, Phase, Position, SiteState, hand_back_ms


class Next(StrEnum):
    """The next thing, or what it waits for."""

    LOCKED = "locked"
    """Nothing: a technician has it."""
    ISOLATED = "isolated"
    """Nothing, until the isolation ends."""
    FIXED = "fixed"
    """The switch on site holds it where it is."""
    BACKUP = "backup"
    """The grid is gone: backup, when it has been so for long enough."""
    BY_HAND = "by_hand"
    """Somebody has to switch; it sees by itself that it was done."""
    HAND_BACK = "hand_back"
    """The grid is back: when it has proven itself a person is asked to switch back."""
    GRID = "grid"
    """The return of the grid."""
    PROVING = "proving"
    """The grid is back and has to prove itself; then recovery, or what the city wants."""
    RECOVERED = "recovered"
    """The battery fills up to its reserve, the tiers are closed."""
    WATCHING = "watching"
    """Nothing is due: a grid that goes is seen, and means backup."""


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What happens next. ``due_ms``: when, of the clock that nobody sets; None: nobody can say."""

    what: Next
    due_ms: int | None = None


def upcoming(state: SiteState, own: Own, *, waits_for_person: bool, is_by_hand: bool) -> Upcoming:
    """What happens next; the first line that has something to say."""
    position, phase = state.kept.switch.position, state.kept.phase
    if state.kept.is_isolated:
        found = Upcoming(Next.ISOLATED)
    elif position is Position.MAINTENANCE:
        found = Upcoming(Next.LOCKED)
    elif waits_for_person:
        found = Upcoming(Next.BY_HAND)
    elif is_by_hand and (back_ms := hand_back_ms(state, own)) is not None:
        found = Upcoming(Next.HAND_BACK, back_ms)
    elif position is not Position.AUTO:
        found = Upcoming(Next.FIXED)
    elif phase is Phase.OUTAGE:
        is_back = state.grid is GridState.PRESENT and state.due_ms is not None
        found = Upcoming(Next.PROVING, state.due_ms) if is_back else Upcoming(Next.GRID)
    elif state.lost_since_ms is not None and state.due_ms is not None:
        found = Upcoming(Next.BACKUP, state.due_ms)
    else:
        found = Upcoming(Next.RECOVERED if phase is Phase.RECOVERY else Next.WATCHING)
    return found
