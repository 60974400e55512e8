"""When to ask again somebody who did not answer.

A device with a line of its own costs nobody anything, so it is tried at every tick at first: a value must be there
within two seconds after an inverter is back. Only one that stays away is asked less often. A dark unit on a shared
line costs its neighbours the length of a timeout each time, so all dark units of a line together get a bounded share
of its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROBE_SHARE: Final = 0.1
"""Part of a shared line's time that may go into asking dark units."""
RETRY_MS_MAX: Final = 300_000
"""The longest that anybody is left alone."""
_DOUBLINGS_MAX: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffRules:
    """``first_ms`` doubles up to ``cap_ms``; after ``patient_after_ms`` the cap grows with the absence."""

    first_ms: int
    cap_ms: int
    patient_after_ms: int = 120_000
    patient_cap_ms: int = 30_000


def own_line(interval_ms: int) -> BackoffRules:
    """Rules for a device (or a gateway) that nobody shares: every tick for two minutes, later every 30 s."""
    soon_ms = max(1, interval_ms * 4 // 5)
    return BackoffRules(first_ms=soon_ms, cap_ms=soon_ms, patient_cap_ms=max(30_000, soon_ms))


def shared_line(interval_ms: int) -> BackoffRules:
    """Rules for one of several units on a line."""
    return BackoffRules(
        first_ms=max(1, interval_ms * 4 // 5),
        cap_ms=max(10_000, interval_ms),
        patient_cap_ms=RETRY_MS_MAX,
    )


def delay_ms(rules: BackoffRules, *, failures: int, dark_for_ms: int, jitter: float) -> int:
    """How long to wait after the ``failures``-th failure in a row. ``jitter`` in 0..1 spreads what failed together."""
    cap_ms = rules.cap_ms
    if dark_for_ms > rules.patient_after_ms:
        cap_ms = max(cap_ms, min(rules.patient_cap_ms, dark_for_ms // 8))
    full_ms = min(rules.first_ms << min(max(failures, 1) - 1, _DOUBLINGS_MAX), cap_ms)
    return max(1, min(full_ms - int(full_ms * 0.5 * jitter), RETRY_MS_MAX))


def probe_pause_ms(cost_ms: int, *, share: float = PROBE_SHARE) -> int:
    """How long a shared line rests from probing after a probe that cost this much, so that it keeps to the share."""
    return round(cost_ms * (1 - share) / share)
