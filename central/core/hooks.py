"""Webhooks as values: who is told of what, how it is signed, when it is tried again and when it is given up. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from central.core.news import News, NewsKind, Severity

HOOKS_MAX: Final = 50
NAME_CHARS_MAX: Final = 60
URL_CHARS_MAX: Final = 500
SAID_CHARS_MAX: Final = 200
BACKOFF_S: Final = (10, 30, 60, 300, 900, 1_800, 3_600)
"""Pauses after the first, second… failure in a row; the last one from then on."""
GIVE_UP_MS: Final = 24 * 3_600_000
"""News so old that still can't be delivered go to the dead letters."""
SEVERITIES: Final = tuple(Severity)


class HookError(ValueError):
    """What was given can't be a webhook. The text says what to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a webhook is told of. Empty: everything."""

    kinds: frozenset[NewsKind] = frozenset()
    wards: frozenset[str] = frozenset()
    severity: Severity = Severity.INFO
    """At least this."""
    drills: bool = True
    """Whether drills are told too."""

    def takes(self, news: News) -> bool:
        """Whether it is asked for. What concerns the whole city concerns every ward."""
        wards = {news.ward} if news.ward else set(news.values.get("wards", ()))
        return (
            (not self.kinds or news.kind in self.kinds)
            and (not self.wards or not wards or bool(wards & self.wards))
            and SEVERITIES.index(news.severity) >= SEVERITIES.index(self.severity)
            and (self.drills or not news.is_drill)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A webhook and how its deliveries stand."""

    id: str
    name: str
    url: str
    secret: str = field(repr=False)
    filter: Filter = Filter()
    by: str
    made_ms: int
    done_n: int
    """News up to here are delivered, given up or not asked for."""
    delivered: int = 0
    failures: int = 0
    """In a row."""
    next_ms: int = 0
    """Not to be tried before."""
    last_ms: int = 0
    """Newest attempt; 0: none."""
    last_ok_ms: int = 0
    last_said: str = ""
    """What became of the newest attempt."""

    def is_due(self, now_ms: int) -> bool:
        """Whether it may be tried. A wait longer than any there is comes of a clock that was set back."""
        return now_ms >= self.next_ms or self.next_ms - now_ms > BACKOFF_S[-1] * 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What could not be delivered to a webhook."""

    hook: str
    n: int
    news: str
    """Body as JSON."""
    failed_ms: int
    reason: str
    again: bool = False
    """Somebody asked to try it once more."""


def signature(secret: str, at_s: int, body: bytes) -> str:
    """Value of ``X-Shelter-Signature``: HMAC-SHA256 over the time, a dot and the body."""
    return f"t={at_s},v1={hmac.new(secret.encode(), b'%d.%b' % (at_s, body), hashlib.sha256).hexdigest()}"


def succeeded(hook: Hook, n: int, now_ms: int, said: str) -> Hook:
    """After a delivery of the ``n``-th news."""
    return replace(
        hook,
        done_n=max(hook.done_n, n),
        delivered=hook.delivered + 1,
        failures=0,
        next_ms=0,
        last_ms=now_ms,
        last_ok_ms=now_ms,
        last_said=said[:SAID_CHARS_MAX],
    )


def failed(hook: Hook, now_ms: int, said: str) -> Hook:
    """After an attempt that failed."""
    pause_s = BACKOFF_S[min(hook.failures, len(BACKOFF_S) - 1)]
    return replace(
        hook,
        failures=hook.failures + 1,
        next_ms=now_ms + pause_s * 1_000,
        last_ms=now_ms,
        last_said=said[:SAID_CHARS_MAX],
    )


def given_up(waiting: Sequence[News], now_ms: int) -> list[News]:
    """After a failure: what has waited too long, from the oldest on without a gap, since order is kept."""
    found: list[News] = []
    for news in waiting:
        if now_ms - news.at_ms < GIVE_UP_MS:
            break
        found.append(news)
    return found
