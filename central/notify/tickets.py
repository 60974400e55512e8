"""The address in a message by which its receiver acknowledges with one tap, without signing in.

It names a case and a person, holds for a limited time, and opens nothing else. It is a keyed digest and not kept
anywhere, so it can't be guessed, and a copy of the database makes none.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

LASTS_MS: Final = 3 * 86_400_000
MARK_CHARS: Final = 32
"""Hexadecimal digits of the digest: 128 bits."""
_FORM: Final = re.compile(r"([a-z0-9-]{1,60})\.([a-z0-9-]{1,30})\.([0-9a-f]{1,12})\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose acknowledgement of which case it is."""

    case: str
    person: str
    until_ms: int


def stamped(key: bytes, case: str, person: str, now_ms: int) -> str:
    """The text of a ticket that holds from now on."""
    named = f"{case}.{person}.{(now_ms + LASTS_MS) // 1_000:x}"
    return f"{named}.{_mark(key, named)}"


def opened(key: bytes, text: str) -> Ticket | None:
    """The ticket, whether it still holds or not; ``None``: it is none of ours."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    case, person, until, mark = found.groups()
    if not hmac.compare_digest(_mark(key, f"{case}.{person}.{until}"), mark):
        return None
    return Ticket(case, person, int(until, 16) * 1_000)


def _mark(key: bytes, named: str) -> str:
    return hmac.new(key, b"acknowledge:" + named.encode(), hashlib.sha256).hexdigest()[:MARK_CHARS]
