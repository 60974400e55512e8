"""Load tiers: which relay is opened or closed next. Pure.

What is to be dark is opened at once, the least critical first. What may have power is closed one after the other, the
critical one first: on the grid so that a building does not start all at once, alone only as far as the inverter carries
it. What a tier takes is what staff entered or what was seen to go when it was opened; one of which nobody knows is not
closed while the shelter stands alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from edge_agent.core.interlocks import may_close
from edge_agent.core.modes import Loads, SetPoints

STAGED_MS: Final = 20_000
"""Between two tiers that are closed."""
LEARN_MS: Final = 15_000
"""So long after opening a tier the load that is gone is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """What is known of the tiers. Numbers count from 1, the critical one."""

    count: int = 0
    entered_w: tuple[float, ...] = ()
    """What each takes, as staff entered it."""
    seen_w: Mapping[int, float] = field(default_factory=dict)
    """What was seen to go when it was opened."""
    closed_ms: int | None = None
    """When the last one was closed."""
    opened: tuple[int, int, float] | None = None
    """The one opened last: its number, when, and the load before."""

    def load_w(self, number: int) -> float | None:
        """What a tier takes, rather too much than too little; None: nobody knows."""
        entered = self.entered_w[number - 1] if number <= len(self.entered_w) else None
        known = [watts for watts in (entered, self.seen_w.get(number)) if watts is not None]
        return max(known, default=None)


@dataclass(frozen=True, slots=True)
class Move:
    """One relay to switch."""

    number: int
    closes: bool

    @property
    def kind(self) -> str:
        """The control's name."""
        return f"tier{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What the closing of a tier is judged by."""

    is_alone: bool
    """The grid does not carry it."""
    load_w: float | None
    room_w: float | None
    """The most that inverter, battery and sun give together."""


def next_move(
    points: SetPoints, closed: tuple[bool | None, ...], tiers: Tiers, power: Power, now_ms: int
) -> Move | None:
    """The relay to switch now; None when all stand as they may, or the next one has to wait."""
    if points.loads is Loads.LEAVE:
        return None
    allowed = tiers.count if points.loads is Loads.ALL else min(points.tiers_closed, tiers.count)
    for number in range(tiers.count, allowed, -1):
        if closed[number - 1]:
            return Move(number, closes=False)
    if points.loads in {Loads.NO_MORE, Loads.NONE}:
        return None
    if tiers.closed_ms is not None and now_ms - tiers.closed_ms < STAGED_MS:
        return None
    for number in range(1, allowed + 1):
        if closed[number - 1] is False:
            is_allowed = not power.is_alone or may_close(tiers.load_w(number), power.load_w, power.room_w)
            return Move(number, closes=True) if is_allowed else None
    return None


def are_right(points: SetPoints, closed: tuple[bool | None, ...]) -> bool:
    """Whether no tier has power that may have none. One that may have power and has none is no disobedience."""
    if points.loads in {Loads.LEAVE, Loads.ALL}:
        return True
    return not any(closed[points.tiers_closed :])


def moved(tiers: Tiers, move: Move, load_w: float | None, now_ms: int) -> Tiers:
    """After a relay was switched."""
    if move.closes:
        return replace(tiers, closed_ms=now_ms)
    return replace(tiers, opened=None if load_w is None else (move.number, now_ms, load_w))


def learnt(tiers: Tiers, load_w: float | None, now_ms: int) -> Tiers:
    """Take in the load after a tier was opened."""
    if tiers.opened is None or load_w is None:
        return tiers
    number, at_ms, before_w = tiers.opened
    if now_ms - at_ms > LEARN_MS:
        return replace(tiers, opened=None)
    gone_w = max(0.0, before_w - load_w, tiers.seen_w.get(number, 0.0))
    return replace(tiers, seen_w={**tiers.seen_w, number: gone_w})
