"""Which dead letters are kept: all are counted, few of a kind are kept. Pure.

A device with a wrong scale makes a dead letter every few seconds for weeks. Kept one and all they would push every
other letter out of the bounded table, so of one kind (site and reason; all unknown sites are one kind) the first few
are kept and then one now and again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from central.core.city import DeadLetter
from central.core.rules import Reason

FIRST_KEPT: Final = 10
EVERY_MS: Final = 60_000
QUIET_MS: Final = 3_600_000
"""After so long without one, a kind starts anew."""
KINDS_MAX: Final = 10_000
PAYLOAD_MAX: Final = 500
TEXT_MAX: Final = 300


@dataclass(slots=True)
class _Kind:
    kept: int = 0
    kept_ms: int = 0


@dataclass(slots=True)
class Letters:
    """Counts by reason since the start, and decides what to keep."""

    counts: dict[str, int] = field(default_factory=dict)
    _kinds: dict[tuple[str, Reason], _Kind] = field(default_factory=dict)
    _waiting: list[DeadLetter] = field(default_factory=list)

    def add(self, topic: str, site: str, reason: Reason, detail: str, payload: bytes, now_ms: int) -> None:
        """Count one, and put it among those to keep if it is of a rare kind."""
        self.counts[reason.value] = self.counts.get(reason.value, 0) + 1
        if not self._is_kept("" if reason is Reason.UNKNOWN_SITE else site, reason, now_ms):
            return
        self._waiting.append(
            DeadLetter(
                id=0,
                received_ms=now_ms,
                site=site,
                topic=_text(topic),
                reason=reason.value,
                detail=_text(detail),
                payload=payload[:PAYLOAD_MAX].decode("utf-8", "replace").replace("\x00", "\ufffd"),
            )
        )

    def _is_kept(self, site: str, reason: Reason, now_ms: int) -> bool:
        if len(self._kinds) >= KINDS_MAX:
            self._kinds.clear()
        kind = self._kinds.setdefault((site, reason), _Kind())
        if now_ms - kind.kept_ms > QUIET_MS:
            kind.kept = 0
        if kind.kept >= FIRST_KEPT and abs(now_ms - kind.kept_ms) < EVERY_MS:  # A clock may be set back.
            return False
        kind.kept += 1
        kind.kept_ms = now_ms
        return True

    def take(self) -> list[DeadLetter]:
        """The ones to keep since this was last asked."""
        waiting, self._waiting = self._waiting, []
        return waiting


def _text(text: str) -> str:
    return text[:TEXT_MAX].replace("\x00", "\ufffd")
