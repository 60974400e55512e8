"""Who asks: cookies, passwords, tokens. The gate of the service (central/api/gate.py); secrets live and end here."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Request

from central.api.gate import GoTo, shows
from central.api.problems import Problem
from central.core.access import MACHINE, Principal, Role
from central.core.accounts import (
    IDLE_MS,
    LASTS_MS,
    SIGNED_ON_MS,
    TOUCH_MS,
    Account,
    Attempts,
    Session,
    check_password,
    of_account,
    of_token,
)
from central.core.audit import SYSTEM, Action, Decision
from central.store.accounts import AccountRows

log = structlog.get_logger(__name__)

COOKIE: Final = "shelter_session"
AGENT_CHARS_MAX: Final = 120
HASHING_AT_ONCE: Final = 2
"""Each hash takes 64 MB and tens of milliseconds; the intake must not wait for people who guess."""
LOUD_AFTER: Final = 10
"""So many wrong passwords on end stand in the book."""
OWN_PATHS: Final = frozenset({"/account", "/account/password", "/logout"})
"""What a person may still open whose password was given by somebody else."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FIRST: Final = "admin"


class Doorkeeper:
    """Knows everybody. ``origin``: scheme and host under which people reach the service, where that is known.

    ``hasher``: how passwords are hashed; the library's own choice (RFC 9106, low memory) unless told.
    """

    def __init__(
        self,
        rows: AccountRows,
        *,
        key: bytes,
        token: str,
        now: Callable[[], int],
        origin: str = "",
        hasher: PasswordHasher | None = None,
    ) -> None:
        self.rows = rows
        self.now = now
        self._key = key
        self._token = token
        self.origin = origin
        self.attempts = Attempts()
        self._hasher = hasher or PasswordHasher()
        self._hashing = asyncio.Semaphore(HASHING_AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    # --- Who asks -----------------------------------------------------------------------------------------------------

    async def principal(self, request: Request) -> Principal | None:
        """Who asks; None for who has not said it.

        Raises:
            Problem: a token that opens nothing, or a form that did not come from our own pages.
            GoTo: a person who has to choose a password first.
        """
        scheme, _, _ = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return await self._bearer(request)
        session = await self._session(request)
        if session is None:
            return None
        account = await self.rows.account(session.login)
        if account is None or account.disabled:
            return None
        if not account.password and self.now() - session.made_ms >= SIGNED_ON_MS:
            return None
        who = of_account(account, self.csrf(session))
        if request.method not in SAFE:
            await self._check_form(request, who)
        if account.must_change and request.url.path not in OWN_PATHS:
            raise GoTo("/account", "Choose a password of your own first")
        return who

    async def _bearer(self, request: Request) -> Principal:
        if shows(request, self._token):
            return MACHINE
        _, _, secret = request.headers["authorization"].partition(" ")
        token = await self.rows.token(digest_of(secret.strip()))
        now_ms = self.now()
        if token is None or not token.is_alive(now_ms):
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "No such token",
                "The token is unknown, has run out or was withdrawn.",
                where="header: Authorization",
                attempt="Ask an administrator for a new one: shelter-central tokens new.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if now_ms - token.used_ms >= TOUCH_MS:
            await self.rows.touch_token(token.digest, now_ms)
        return of_token(token)

    async def _session(self, request: Request) -> Session | None:
        digest = self.digest(request.cookies.get(COOKIE, ""))
        if digest is None:
            return None
        session = await self.rows.session(digest)
        now_ms = self.now()
        if session is None or not session.is_alive(now_ms):
            return None
        if now_ms - session.seen_ms >= TOUCH_MS:
            await self.rows.touch(digest, now_ms)
        return session

    async def _check_form(self, request: Request, who: Principal) -> None:
        """A form of our own pages carries the session's mark, and browsers say where a request began."""
        origin = request.headers.get("origin", "")
        ours = {urlsplit(self.origin).netloc, request.headers.get("host", "")} - {""}
        is_ours = not origin or urlsplit(origin).netloc in ours  # "null" is nobody's.
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            is_ours = False
        given = request.headers.get("x-csrf-token", "")
        kind = request.headers.get("content-type", "")
        if not given and kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
            form = await request.form()
            given = str(form.get("csrf", ""))
        if not is_ours or not hmac.compare_digest(given.encode(), who.csrf.encode()):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "Not from our pages",
                "The form does not carry this session's mark: nothing was changed.",
                where="form: csrf",
                attempt="Load the page again and send the form once more.",
            )

    # --- Cookies ------------------------------------------------------------------------------------------------------

    def digest(self, cookie: str) -> str | None:
        """The digest of a cookie's secret; None when we did not sign it."""
        secret, _, mark = cookie.partition(".")
        if not secret or not hmac.compare_digest(mark.encode(), self._mark("session", secret).encode()):
            return None
        return digest_of(secret)

    def csrf(self, session: Session) -> str:
        """What every form of a session carries."""
        return self._mark("csrf", session.digest)

    def sign(self, purpose: str, text: str) -> str:
        """A text with our mark, for what a browser only carries."""
        return f"{text}.{self._mark(purpose, text)}"

    def unsign(self, purpose: str, signed: str) -> str | None:
        """The text, if the mark is ours."""
        text, _, mark = signed.rpartition(".")
        return text if text and hmac.compare_digest(mark.encode(), self._mark(purpose, text).encode()) else None

    def _mark(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()

    # --- Signing in ---------------------------------------------------------------------------------------------------

    async def sign_in(self, login: str, password: str, *, address: str, agent: str) -> str | None:
        """The cookie of a new session; None when name and password don't open one (it is not said which).

        Raises:
            Problem: too many were wrong; says how long to wait.
        """
        now_ms = self.now()
        name = login.strip().lower()[:40]
        keys = (f"name:{name}", f"from:{address}")
        wait_ms = self.attempts.wait_ms(keys, now_ms)
        if wait_ms:
            seconds = -(-wait_ms // 1_000)
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "Too many tries",
                f"Too many wrong passwords: wait {seconds} s.",
                attempt="Wait, or ask an administrator for a new password.",
                headers={"Retry-After": str(seconds)},
            )
        # Counted before the hash is worked out: who sends a hundred at once is not looked at a hundred times.
        count = self.attempts.failed(keys, now_ms)
        account = await self.rows.account(name)
        fits = await self.fits(account.password if account else self._nobody, password)
        if account is None or account.disabled or not account.password or not fits:
            log.warning("sign_in_refused", login=name, address=address, count=count)
            if count % LOUD_AFTER == 0:
                detail = {"login": name, "address": address, "count": count}
                await self.rows.note([Decision(at_ms=now_ms, by=SYSTEM, action=Action.SIGN_IN_REFUSED, detail=detail)])
            return None
        self.attempts.succeeded(keys[0])
        return await self.begin(account, agent=agent, how="password")

    async def begin(self, account: Account, *, agent: str, how: str) -> str:
        """A new session of somebody whose identity is proven; returns its cookie."""
        now_ms = self.now()
        secret = secrets.token_urlsafe(32)
        shown = "".join(c for c in agent if c.isprintable())[:AGENT_CHARS_MAX]
        session = Session(digest=digest_of(secret), login=account.login, made_ms=now_ms, seen_ms=now_ms, agent=shown)
        entered = Decision(at_ms=now_ms, by=account.shown, action=Action.SIGNED_IN, detail={"how": how})
        await self.rows.begin(session, [entered], seen_before=now_ms - IDLE_MS, made_before=now_ms - LASTS_MS)
        return f"{secret}.{self._mark('session', secret)}"

    async def fits(self, known: str, password: str) -> bool:
        """Whether a password fits its hash; takes as long whether it does or not."""
        async with self._hashing:
            return await asyncio.to_thread(self._fits, known, password)

    def _fits(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password[:1_000])
        except (VerificationError, InvalidHashError):
            return False

    async def hash(self, password: str) -> str:
        """A password's hash."""
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def change_password(self, account: Account, password: str, *, keep: str) -> None:
        """A person's own new password: all other sessions of that person end.

        Raises:
            AccountError: it is too easily guessed.
        """
        check_password(password, account.login)
        changed = replace(account, password=await self.hash(password), must_change=False)
        entered = Decision(
            at_ms=self.now(), by=account.shown, action=Action.PASSWORD_CHANGED, detail={"login": account.login}
        )
        await self.rows.put(changed, entered, end_sessions_but=keep)

    async def first_password(self) -> str | None:
        """At the very first start: makes the first administrator and returns the one-time password."""
        if await self.rows.accounts():
            return None
        password = secrets.token_urlsafe(12)
        first = Account(
            login=FIRST,
            name="管理者 / Administrator",
            role=Role.ADMIN,
            password=await self.hash(password),
            must_change=True,
            made_ms=self.now(),
        )
        entered = Decision(at_ms=self.now(), by=SYSTEM, action=Action.ACCOUNT_MADE, detail={"login": FIRST})
        await self.rows.put(first, entered)
        return password


def digest_of(secret: str) -> str:
    """How a secret of high entropy is kept: without salt, since nobody can try all."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def key_at(path: Path) -> bytes:
    """The key that marks cookies, made at the first start; readable by its owner alone.

    Raises:
        OSError: it can't be read or written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        pass
    key = path.read_bytes()
    if len(key) < 32:
        raise OSError(f"{path}: too short for a key; remove it and everybody signs in again")
    return key
