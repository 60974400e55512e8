"""How many answers a flood of messages gets: a bucket that fills slowly. Pure but for its level."""

from __future__ import annotations

from typing import Final

ANSWERS_MAX: Final = 20_000.0
"""So many refused messages in a row are answered one by one, ..."""
ANSWERS_PER_S: Final = 10.0
"""... and so many a second for good: whoever floods a topic must not fill the outbox."""


class Budget:
    """Answers that may still be given."""

    def __init__(self, now_ms: int, *, most: float = ANSWERS_MAX, per_s: float = ANSWERS_PER_S) -> None:
        self._left, self._most, self._per_s, self._at_ms = most, most, per_s, now_ms

    def take(self, now_ms: int) -> bool:
        """Whether one more may be given now; takes it."""
        self._left = min(self._most, self._left + (now_ms - self._at_ms) / 1000 * self._per_s)
        self._at_ms = now_ms
        if self._left < 1:
            return False
        self._left -= 1
        return True
