"""Who is logged in: signed cookies, an idle limit, and tokens that tie a form to its session."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

IDLE_MS: Final = 30 * 60_000
LIFE_MS: Final = 12 * 3_600_000
SESSIONS_MAX: Final = 16
"""More phones than that do not stand beside one cabinet: the one unused for longest is logged out."""
_ID_CHARS: Final = 32


@dataclass(slots=True)
class Session:
    """One phone that gave the right PIN. Times by the clock that nobody sets."""

    id: str
    began_ms: int
    used_ms: int


class Sessions:
    """All sessions of this process; a restart ends them. ``now_ms``: a clock that nobody sets."""

    def __init__(self, now_ms: Callable[[], int], *, key: bytes | None = None) -> None:
        self._now_ms = now_ms
        self._key = key or secrets.token_bytes(32)
        self._open: dict[str, Session] = {}

    def begin(self) -> Session:
        """A new session."""
        now_ms = self._now_ms()
        self._drop_old(now_ms)
        if len(self._open) >= SESSIONS_MAX:
            del self._open[min(self._open.values(), key=lambda each: each.used_ms).id]
        session = Session(secrets.token_hex(_ID_CHARS // 2), now_ms, now_ms)
        self._open[session.id] = session
        return session

    def of(self, cookie: str, *, touch: bool) -> Session | None:
        """The session of a cookie, None when there is none any more. ``touch``: a person did something just now."""
        name, _, signature = cookie.partition(".")
        if not hmac.compare_digest(self._sign("cookie", name).encode(), signature.encode("utf-8", "replace")):
            return None
        now_ms = self._now_ms()
        self._drop_old(now_ms)
        session = self._open.get(name)
        if session is not None and touch:
            session.used_ms = now_ms
        return session

    def end(self, session: Session) -> None:
        """Log out."""
        self._open.pop(session.id, None)

    def cookie_of(self, name: str) -> str:
        """What the browser keeps: the name and our signature."""
        return f"{name}.{self._sign('cookie', name)}"

    def token_of(self, name: str) -> str:
        """What every form of this session carries, so that another site's page can't send one."""
        return self._sign("form", name)

    def is_token(self, name: str, token: str) -> bool:
        """Whether a form belongs to the session."""
        return hmac.compare_digest(self.token_of(name).encode(), token.encode("utf-8", "replace"))

    def visitor(self, cookie: str) -> str:
        """The name of somebody who is not logged in, from the cookie or a new one; it only ties the PIN's form."""
        name, _, signature = cookie.partition(".")
        if name and hmac.compare_digest(self._sign("cookie", name).encode(), signature.encode("utf-8", "replace")):
            return name
        return secrets.token_hex(_ID_CHARS // 2)

    def _sign(self, what: str, name: str) -> str:
        return hmac.new(self._key, f"{what}:{name}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _drop_old(self, now_ms: int) -> None:
        for session in list(self._open.values()):
            if now_ms - session.used_ms > IDLE_MS or now_ms - session.began_ms > LIFE_MS:
                del self._open[session.id]
