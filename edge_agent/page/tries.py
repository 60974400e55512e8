"""How long a door stays shut after wrong PINs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FREE_TRIES: Final = 5
"""Wrong PINs that cost nothing but the try."""
FIRST_WAIT_MS: Final = 30_000
WAIT_MS_MAX: Final = 15 * 60_000


@dataclass(frozen=True, slots=True)
class Tries:
    """Wrong PINs in a row, and until when none is taken (UTC milliseconds)."""

    wrong: int = 0
    shut_until_ms: int = 0

    def __post_init__(self) -> None:
        if self.wrong < 0 or self.shut_until_ms < 0:
            raise ValueError(f"want nothing below 0, got {self.wrong}, {self.shut_until_ms}")


def wait_ms(tries: Tries, now_ms: int) -> int:
    """How long to wait before the next try, in milliseconds; 0 when one may be made now.

    A clock that was set back keeps nobody out for longer than the longest wait.
    """
    return max(0, min(tries.shut_until_ms - now_ms, WAIT_MS_MAX))


def after_wrong(tries: Tries, now_ms: int) -> Tries:
    """One more wrong PIN: the fifth shuts the door, and each further one for twice as long."""
    wrong = tries.wrong + 1
    if wrong < FREE_TRIES:
        return Tries(wrong)
    doublings = min(wrong - FREE_TRIES, 16)
    return Tries(wrong, now_ms + min(FIRST_WAIT_MS << doublings, WAIT_MS_MAX))
