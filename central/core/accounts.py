"""People, their sessions and tokens: what holds and for how long. Pure; secrets are known by their digests alone."""

from __future__ import annotations

import re
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from central.core.access import RIGHTS, Principal, Right, Role

LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
NAME_CHARS_MAX: Final = 60
PASSWORD_CHARS_MIN: Final = 12
PASSWORD_CHARS_MAX: Final = 200
IDLE_MS: Final = 12 * 3_600_000
"""A session that nobody used for so long has ended: a night shift is not thrown out, a forgotten phone is."""
LASTS_MS: Final = 7 * 86_400_000
SIGNED_ON_MS: Final = 12 * 3_600_000
"""A session of somebody without a password here lasts so long: then the provider is asked anew who the person is."""
TOUCH_MS: Final = 60_000
"""A session's last use is noted this seldom."""


class AccountError(ValueError):
    """Something that can't be an account, a password or a token. The text says what to give; ``ja``: in Japanese."""

    def __init__(self, says: str, ja: str = "") -> None:
        super().__init__(says)
        self.ja = ja or says


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who may sign in."""

    login: str
    name: str
    role: Role
    wards: frozenset[str] = frozenset()
    """Bound to these wards in what changes something; empty: the whole city."""
    password: str = ""
    """Argon2 hash; empty: no password opens it (single sign-on alone)."""
    must_change: bool = False
    """The password was given by somebody else and opens nothing but its own change."""
    disabled: bool = False
    made_ms: int = 0

    @property
    def shown(self) -> str:
        """As it stands in the book: two people of one name stay two."""
        return f"{self.name} ({self.login})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person of the city's single sign-on, and the account that this person opens here."""

    issuer: str
    subject: str
    """The provider's own name of the person: names and addresses change hands, this does not."""
    login: str
    follows: bool
    """The account was made by single sign-on: its role and wards are what the provider's groups say."""
    made_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser that is signed in. ``digest``: of the secret in its cookie."""

    digest: str
    login: str
    made_ms: int
    seen_ms: int
    agent: str = ""
    """What the browser says of itself, shortened: so that people know their own sessions."""

    def is_alive(self, now_ms: int) -> bool:
        """Whether it still opens anything. A clock that was set back ends nothing."""
        return now_ms - self.seen_ms < IDLE_MS and now_ms - self.made_ms < LASTS_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What another system signs in with. ``digest``: of its secret, which was shown once."""

    id: str
    name: str
    digest: str
    rights: frozenset[Right]
    wards: frozenset[str] = frozenset()
    by: str = ""
    made_ms: int = 0
    expires_ms: int = 0
    """0: never."""
    used_ms: int = 0
    revoked: bool = False

    def is_alive(self, now_ms: int) -> bool:
        """Whether it still opens anything."""
        return not self.revoked and (not self.expires_ms or now_ms < self.expires_ms)


def of_account(account: Account, csrf: str) -> Principal:
    """Who a signed-in person is to the routes."""
    rights = RIGHTS[account.role]
    return Principal(name=account.shown, rights=rights, wards=account.wards, user=account.login, csrf=csrf)


def of_token(token: Token) -> Principal:
    """Who another system is to the routes."""
    return Principal(name=f"{token.name} (token {token.id})", rights=token.rights, wards=token.wards)


def tidy_login(text: str) -> str:
    """A login name as it is kept.

    Raises:
        AccountError: it can't be one.
    """
    login = unicodedata.normalize("NFKC", text).strip().lower()
    if not LOGIN.fullmatch(login):
        raise AccountError(
            "login: want 2 to 40 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit",
            "ログイン名は英小文字・数字・「.」「_」「-」の2〜40文字で、先頭は英小文字か数字にしてください。",
        )
    return login


def tidy_name(text: str) -> str:
    """A person's or a token's name as it is kept.

    Raises:
        AccountError: it can't be one.
    """
    name = " ".join(text.split())
    if not name.isprintable() or not 0 < len(name) <= NAME_CHARS_MAX:
        raise AccountError(
            f"name: want 1 to {NAME_CHARS_MAX} characters", f"名前は1〜{NAME_CHARS_MAX}文字にしてください。"
        )
    return name


def check_password(password: str, login: str) -> None:
    """Refuse a password that is too easily guessed. Length counts more than kinds of characters (NIST SP 800-63B).

    Raises:
        AccountError: says what is wanted.
    """
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise AccountError(f"password: want {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters")
    if len(set(password)) < 5 or login in password.lower():
        raise AccountError("password: too easily guessed; take a few unrelated words")


def admins_left(accounts: Iterable[Account]) -> int:
    """How many people could still let others in."""
    return sum(1 for one in accounts if one.role is Role.ADMIN and not one.disabled)


class Attempts:
    """Failed sign-ins by name and by address, and how long the next one has to wait. Bounded; a value with methods."""

    FREE: Final = 5
    WAIT_MS_MAX: Final = 900_000
    FORGET_MS: Final = 3_600_000
    KEPT_MAX: Final = 10_000

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def wait_ms(self, keys: Iterable[str], now_ms: int) -> int:
        """How long from now until another try is looked at; 0: at once."""
        return max((self._wait_ms(key, now_ms) for key in keys), default=0)

    def _wait_ms(self, key: str, now_ms: int) -> int:
        count, last_ms = self._failed.get(key, (0, 0))
        if count < self.FREE or not 0 <= now_ms - last_ms < self.FORGET_MS:
            return 0
        wait_ms = min(1_000 << min(count - self.FREE, 20), self.WAIT_MS_MAX)
        return max(0, last_ms + wait_ms - now_ms)

    def failed(self, keys: Iterable[str], now_ms: int) -> int:
        """Note a failure; the largest count of these keys."""
        counts = [0]
        for key in keys:
            count, last_ms = self._failed.pop(key, (0, 0))
            if not 0 <= now_ms - last_ms < self.FORGET_MS:
                count = 0
            self._failed[key] = (count + 1, now_ms)
            counts.append(count + 1)
        while len(self._failed) > self.KEPT_MAX:
            self._failed.popitem(last=False)
        return max(counts)

    def succeeded(self, key: str) -> None:
        """The right person came: the name is free again. An address is not, since many stand behind one."""
        self._failed.pop(key, None)
