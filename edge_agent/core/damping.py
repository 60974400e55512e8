"""How often something that changes to and fro is told. Pure.

Every change is in the readings anyway. As events, a loose plug or a flapping grid would make ten thousand a day, and
events are what an outbox gives up last: in twenty days without a link they would push the readings out. So each thing
may change quickly a few times (and every one of these is told at once), and then every ten minutes: the newest state,
when it began, and how many changes it stands for. What is true now is always told in the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contract.messages import EventKind, Severity

BURST: Final = 20
REFILL_MS: Final = 600_000
THINGS: Final = {
    EventKind.DEVICE_LOST: "device",
    EventKind.DEVICE_BACK: "device",
    EventKind.GRID_LOST: "grid",
    EventKind.GRID_BACK: "grid",
    EventKind.BALANCE_OFF: "balance",
    EventKind.BALANCE_OK: "balance",
}
"""What changes to and fro, by the events that tell it."""
Detail = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """An event that may be told."""

    kind: EventKind
    severity: Severity
    device: str
    detail: Detail
    at_ms: int


@dataclass(slots=True)
class _Budget:
    left: int
    refilled_ms: int
    held: News | None = None
    changes: int = 0


class Damper:
    """Remembers what was told of each thing. Times are milliseconds of a clock that never steps."""

    def __init__(self) -> None:
        self._budgets: dict[str, _Budget] = {}

    def offer(self, thing: str, news: News, now_ms: int) -> None:
        """Something changed; ``due`` says when to tell it."""
        budget = self._budgets.get(thing)
        if budget is None:
            budget = self._budgets[thing] = _Budget(BURST, now_ms)
        budget.held = news
        budget.changes += 1

    def due(self, now_ms: int) -> list[tuple[News, int]]:
        """What is to be told now, each with the number of changes that it stands for."""
        found: list[tuple[News, int]] = []
        for budget in self._budgets.values():
            refills = (now_ms - budget.refilled_ms) // REFILL_MS
            if budget.left >= BURST:
                budget.refilled_ms = now_ms
            elif refills > 0:
                budget.left = min(BURST, budget.left + refills)
                budget.refilled_ms += refills * REFILL_MS
            if budget.held is not None and budget.left > 0:
                found.append((budget.held, budget.changes))
                budget.left -= 1
                budget.held, budget.changes = None, 0
        return found
