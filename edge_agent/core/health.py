"""Whether a device answers, and when a silent one is asked again. Times are milliseconds of the monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from edge_agent.core.backoff import BackoffRules, delay_ms

LOST_AFTER_FAILURES: Final = 2
"""One lost frame is normal on a long RS-485 line and is no news."""


class Change(Enum):
    """What a poll changed."""

    NONE = auto()
    LOST = auto()
    BACK = auto()


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a device's answering. A new one has not been asked yet."""

    failures: int = 0
    silent_since_ms: int = 0
    retry_at_ms: int = 0
    is_lost: bool = False

    def is_due(self, now_ms: int) -> bool:
        """Whether it is time to ask."""
        return now_ms >= self.retry_at_ms


def after_answer(health: Health) -> tuple[Health, Change]:
    """The device answered."""
    if not health.failures:
        return health, Change.NONE
    return Health(), Change.BACK if health.is_lost else Change.NONE


def after_silence(health: Health, rules: BackoffRules, *, now_ms: int, jitter: float) -> tuple[Health, Change]:
    """The device was asked and did not answer."""
    failures = health.failures + 1
    since_ms = health.silent_since_ms if health.failures else now_ms
    wait_ms = delay_ms(rules, failures=failures, dark_for_ms=now_ms - since_ms, jitter=jitter)
    lost = failures >= LOST_AFTER_FAILURES
    change = Change.LOST if lost and not health.is_lost else Change.NONE
    if not lost:
        wait_ms = 0  # The first failure may be a lost frame: the next tick asks again.
    changed = replace(health, failures=failures, silent_since_ms=since_ms, retry_at_ms=now_ms + wait_ms, is_lost=lost)
    return changed, change
