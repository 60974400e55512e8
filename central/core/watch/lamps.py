"""A rule's lamp for one shelter: it is lit and put out late, so that what swings around a limit does not flap. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from central.core.watch.rules import Rule


@dataclass(frozen=True, slots=True)
class Lamp:
    """How one rule stands with one shelter."""

    is_lit: bool = False
    since_ms: int = 0
    """When it was lit."""
    turning_ms: int = 0
    """Since when the other side holds without a break; 0: it does not."""

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to remember."""
        return not self.is_lit and not self.turning_ms


DARK: Final = Lamp()


def turned(rule: Rule, lamp: Lamp, value: float | None, now_ms: int) -> Lamp:
    """The lamp after one more look. What is not known changes nothing, and interrupts what was about to change."""
    turns = value is not None and (rule.is_fine(value) if lamp.is_lit else rule.is_bad(value))
    if not turns:
        return replace(lamp, turning_ms=0) if lamp.turning_ms else lamp
    # What began "later" than now began before the clock was set back.
    since_ms = lamp.turning_ms if 0 < lamp.turning_ms <= now_ms else now_ms
    if now_ms - since_ms < (rule.clear_after_ms if lamp.is_lit else rule.raise_after_ms):
        return replace(lamp, turning_ms=since_ms)
    return DARK if lamp.is_lit else Lamp(is_lit=True, since_ms=now_ms)
