"""An order that was refused for its time alone: it is judged again when the clock knows better. Pure.

A shelter with a wrong clock refuses what it should take, and the broker gives a retained message only once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from contract.steering import Reason
from edge_agent.core.receipts import Judged

AGAIN_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Order:
    payload: bytes
    revision: int
    reason: Reason


class Postponed:
    """The newest such order."""

    def __init__(self) -> None:
        self._order: _Order | None = None
        self._asked_ms = 0

    def take(self, payload: bytes, judged: Judged) -> None:
        """Take in what came of a message."""
        known, receipt = self._order, judged.receipt
        if judged.is_news and known is not None and known.revision <= judged.kept.revision:
            self._order = None
        elif judged.is_waiting and receipt is not None and (known is None or known.revision <= receipt.revision):
            self._order = _Order(payload, receipt.revision, receipt.reason)

    def again(self, judge: Callable[[bytes], Judged], now_ms: int) -> bytes | None:
        """The order, if the answer would be another one now; it is asked every ten seconds. ``now_ms``: since boot."""
        order = self._order
        if order is None or (order.reason is not Reason.CLOCK_UNKNOWN and now_ms - self._asked_ms < AGAIN_MS):
            return None
        self._asked_ms = now_ms
        receipt = judge(order.payload).receipt
        if receipt is not None and receipt.reason is order.reason:
            return None
        self._order = None
        return order.payload
