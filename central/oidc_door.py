"""The door of the city's single sign-on: sends people to the provider, and lets in whom it sends back.

The browser carries what belongs to one sign-in in a signed cookie; nonce and PKCE verifier are made from its state and
our key, so they are nowhere but in the request that uses them. The local sign-in stays, whatever the provider does.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote, urlencode

import structlog

from central.core.accounts import Account, Attempts, Identity
from central.core.audit import SYSTEM, Action, Decision
from central.core.signon import Meaning, No, Placed, SignOnError, checked, placed
from central.doorkeeper import Doorkeeper
from central.oidc import Provider
from central.settings_oidc import OidcSettings

log = structlog.get_logger(__name__)

BACK: Final = "/login/sso/return"
LASTS_MS: Final = 600_000
"""So long a person may take to sign in at the provider."""
USED_MAX: Final = 10_000
CODE_CHARS_MAX: Final = 4_000
NOT_COUNTED: Final = frozenset({No.STATE, No.CANCELLED, No.AWAY, No.WAIT})
"""What nobody was guessing at; it is logged and stands in no book."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that is on its way: where the browser goes, and the cookie it carries meanwhile."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody whom the provider has sent back. ``link``: to be confirmed first, by whoever is signed in already."""

    cookie: str = ""
    onward: str = "/"
    link: str = ""
    shown: str = ""
    """How the provider calls the person that would be linked."""


class SignOn:
    """Signs people in by the provider's word."""

    def __init__(self, door: Doorkeeper, provider: Provider, settings: OidcSettings) -> None:
        self.door = door
        self.provider = provider
        self.name = settings.name
        self.name_en = settings.name_en
        self._back = f"{door.origin}{BACK}"
        self._makes = settings.make_accounts
        self._meaning = Meaning(
            login_claim=settings.login_claim,
            name_claim=settings.name_claim,
            groups_claim=settings.groups_claim,
            roles=settings.roles,
            wards={group: frozenset(wards) for group, wards in settings.wards.items()},
        )
        self._attempts = Attempts()
        self._used: OrderedDict[str, int] = OrderedDict()
        self._placing = asyncio.Lock()

    async def begin(self, onward: str, *, link: str = "") -> Begun:
        """Begin a sign-in; ``link``: the login name of who wants to be linked.

        Raises:
            SignOnError: the provider does not answer.
        """
        state = secrets.token_urlsafe(24)
        try:
            url = await self.provider.authorize_url(
                state=state,
                nonce=self._secret("nonce", state),
                verifier=self._secret("verifier", state),
                back=self._back,
            )
        except SignOnError as error:
            log.warning("sign_on_refused", no=error.no.value, why=error.why)
            raise
        told = " ".join((state, str(self.door.now()), quote(link, safe=""), quote(onward, safe="")))
        return Begun(url, self.door.sign("sso", told))

    async def arrived(
        self, query: Mapping[str, str], cookie: str, *, address: str, agent: str, user: str = ""
    ) -> Arrived:
        """Whom the provider has sent back with this query. ``user``: who is signed in already.

        Raises:
            SignOnError: the person is not let in; that stands in the book.
        """
        key = f"sso:{address}"
        try:
            if self._attempts.wait_ms([key], self.door.now()):
                raise SignOnError(No.WAIT, "too many were refused")
            return await self._arrived(query, cookie, agent=agent, user=user)
        except SignOnError as error:
            log.warning("sign_on_refused", no=error.no.value, why=error.why, address=address)
            if error.no not in NOT_COUNTED:
                now_ms = self.door.now()
                self._attempts.failed([key], now_ms)
                detail = {"no": error.no.value, "why": error.why, "address": address}
                entry = Decision(at_ms=now_ms, by=SYSTEM, action=Action.SIGN_ON_REFUSED, detail=detail)
                await self.door.rows.note([entry])
            raise

    async def _arrived(self, query: Mapping[str, str], cookie: str, *, agent: str, user: str) -> Arrived:
        state, link, onward = self._began(query.get("state", ""), cookie)
        if "error" in query:
            raise SignOnError(No.CANCELLED, f"the provider says {_plain(query['error'])}")
        document = await self.provider.document()
        issuer = query.get("iss")
        if (issuer is None and document.names_itself) or issuer not in {None, self.provider.issuer}:
            raise SignOnError(No.TOKEN, f"the answer came from issuer {_plain(str(issuer))}")
        code = query.get("code", "")
        if not 0 < len(code) <= CODE_CHARS_MAX:
            raise SignOnError(No.CODE, "the answer has no code")
        claims = await self.provider.claims(code, verifier=self._secret("verifier", state), back=self._back)
        subject = checked(
            claims,
            issuer=self.provider.issuer,
            client_id=self.provider.client_id,
            nonce=self._secret("nonce", state),
            now_s=self.door.now() / 1_000,
        )
        if link:
            if link != user:
                raise SignOnError(No.STATE, "another person is signed in than who began the link")
            told = " ".join((str(self.door.now()), quote(link, safe=""), quote(subject, safe="")))
            shown = next((str(claims[c]) for c in (self._meaning.login_claim, "name", "sub") if c in claims), subject)
            return Arrived(onward=onward, link=self.door.sign("sso-link", told), shown=_plain(shown))
        async with self._placing:  # Two browsers of one new person would make one account twice.
            account = await self._account(subject, claims)
        return Arrived(cookie=await self.door.begin(account, agent=agent, how="single sign-on"), onward=onward)

    def _began(self, state: str, cookie: str) -> tuple[str, str, str]:
        """State, link and path of a sign-in that this browser began and has not ended."""
        now_ms = self.door.now()
        told = (self.door.unsign("sso", cookie) or "").split(" ")
        if len(told) != 4 or not state or not hmac.compare_digest(told[0].encode(), state.encode("utf-8", "replace")):
            raise SignOnError(No.STATE, "the answer does not belong to what this browser asked")
        if not 0 <= now_ms - int(told[1]) < LASTS_MS:
            raise SignOnError(No.STATE, "the sign-in took more than ten minutes")
        if state in self._used:
            raise SignOnError(No.STATE, "the answer came before")
        self._used[state] = now_ms
        while self._used and (len(self._used) > USED_MAX or now_ms - next(iter(self._used.values())) > LASTS_MS):
            self._used.popitem(last=False)
        return state, unquote(told[2]), unquote(told[3])

    async def _account(self, subject: str, claims: Mapping[str, object]) -> Account:
        rows = self.door.rows
        identity = await rows.identity(self.provider.issuer, subject)
        if identity is None:
            return await self._made(subject, claims)
        account = await rows.account(identity.login)
        if account is None or account.disabled:
            raise SignOnError(No.SHUT_OUT, f"{identity.login} is shut out")
        if not identity.follows:
            return account
        try:
            who = placed(claims, self._meaning)
        except SignOnError:
            # What the groups gave they have taken away: what is still open in other browsers ends, too.
            await rows.end_others(account.login, "")
            raise
        changed = replace(account, name=who.name, role=who.role, wards=who.wards)
        if changed != account:
            await rows.put(changed, self._decided(Action.ACCOUNT_CHANGED, who, account.login), end_sessions_but="")
        return changed

    async def _made(self, subject: str, claims: Mapping[str, object]) -> Account:
        if not self._makes:
            raise SignOnError(No.NO_ACCOUNT, f"{subject} is linked to no account, and oidc.make_accounts is off")
        who = placed(claims, self._meaning)
        if await self.door.rows.account(who.login) is not None:
            raise SignOnError(No.LOGIN_TAKEN, f"{who.login} is another account; a person links it on its own page")
        now_ms = self.door.now()
        account = Account(login=who.login, name=who.name, role=who.role, wards=who.wards, made_ms=now_ms)
        await self.door.rows.link(
            account,
            self._identity(subject, who.login, follows=True),
            self._decided(Action.ACCOUNT_MADE, who, who.login),
        )
        return account

    async def link(self, signed: str, user: str) -> str:
        """Let the person of a confirmed link open this account; returns its login name.

        Raises:
            SignOnError: the confirmation is not this person's, is old, or somebody else has the identity.
        """
        told = (self.door.unsign("sso-link", signed) or "").split(" ")
        if len(told) != 3 or unquote(told[1]) != user or not 0 <= self.door.now() - int(told[0]) < LASTS_MS:
            raise SignOnError(No.STATE, "the confirmation is old or not this person's")
        subject = unquote(told[2])
        async with self._placing:
            known = await self.door.rows.identity(self.provider.issuer, subject)
            if known is not None and known.login != user:
                raise SignOnError(No.LOGIN_TAKEN, f"this person opens {known.login} already")
            account = await self.door.rows.account(user)
            if account is None or account.disabled:
                raise SignOnError(No.SHUT_OUT, f"{user} is shut out")
            if known is None:
                detail = {"login": user, "issuer": self.provider.issuer, "subject": subject}
                entry = Decision(at_ms=self.door.now(), by=account.shown, action=Action.LINKED, detail=detail)
                await self.door.rows.link(account, self._identity(subject, user, follows=False), entry)
        return user

    async def end_url(self) -> str:
        """Where people sign out at the provider; empty: nowhere, or it does not answer."""
        try:
            document = await self.provider.document()
        except SignOnError:
            return ""
        if not document.end_url:
            return ""
        asked = {"client_id": self.provider.client_id, "post_logout_redirect_uri": f"{self.door.origin}/login"}
        return f"{document.end_url}{'&' if '?' in document.end_url else '?'}{urlencode(asked)}"

    def _identity(self, subject: str, login: str, *, follows: bool) -> Identity:
        return Identity(
            issuer=self.provider.issuer, subject=subject, login=login, follows=follows, made_ms=self.door.now()
        )

    def _decided(self, action: Action, who: Placed, login: str) -> Decision:
        detail = {"login": login, "name": who.name, "role": who.role.value, "wards": sorted(who.wards)}
        return Decision(at_ms=self.door.now(), by=SYSTEM, action=action, why="single sign-on", detail=detail)

    def _secret(self, purpose: str, state: str) -> str:
        """A secret of one sign-in, which only the state and our key give (64 characters)."""
        return self.door.sign(f"sso-{purpose}", state).rpartition(".")[2]


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:100]
