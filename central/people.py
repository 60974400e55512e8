"""Changes of accounts and tokens, for the page and the command line. Each stands in the book with who did it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Final

from central.core.access import Right, Role
from central.core.accounts import Account, AccountError, Token, admins_left, tidy_login, tidy_name
from central.core.audit import Action, Decision
from central.doorkeeper import Doorkeeper, digest_of

DAY_MS: Final = 86_400_000
TOKEN_RIGHTS: Final = (Right.READ, Right.SWITCH, Right.TELL, Right.RULES)
"""What a token may be given: nothing by which it could make more of itself."""


@dataclass(frozen=True, slots=True)
class Given:
    """A secret that is shown once, and for whom it is."""

    name: str
    secret: str
    is_token: bool


def new_password() -> str:
    """A one-time password that can be read over the telephone."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


class People:
    """Changes of accounts and tokens by somebody who may. Each may raise ``StoreError`` or ``AccountError``."""

    def __init__(self, door: Doorkeeper) -> None:
        self.door = door

    async def add(
        self, login: str, name: str, role: Role, wards: frozenset[str], *, by: str, password: str = ""
    ) -> Given:
        """A new account; without a password it gets one that opens only the choice of another."""
        login, name = tidy_login(login), tidy_name(name)
        if await self.door.rows.account(login) is not None:
            raise AccountError(f"login: {login} exists already", f"ログイン名 {login} はすでに使われています。")
        once = password or new_password()
        made = Account(
            login=login,
            name=name,
            role=role,
            wards=wards,
            password=await self.door.hash(once),
            must_change=not password,
            made_ms=self.door.now(),
        )
        await self._put(made, Action.ACCOUNT_MADE, by, role=role.value, wards=sorted(wards), name=name)
        return Given(login, "" if password else once, is_token=False)

    async def reset(self, login: str, *, by: str) -> Given:
        """A one-time password instead of one that was lost; all sessions of the person end."""
        once, before = new_password(), await self._known(login)
        if not before.password:
            raise AccountError(
                f"{before.login} signs in by the single sign-on alone: it has no password, so none to reset",
                f"{before.login} は統合認証だけでログインしています。再発行するパスワードはありません。",
            )
        changed = replace(before, password=await self.door.hash(once), must_change=True)
        await self._put(changed, Action.PASSWORD_CHANGED, by, reset=True)
        return Given(changed.login, once, is_token=False)

    async def change(self, login: str, role: Role, wards: frozenset[str], *, disabled: bool, by: str) -> None:
        """Another role, other wards, or shut out; all sessions of the person end."""
        before = await self._known(login)
        changed = replace(before, role=role, wards=wards, disabled=disabled)
        if changed == before:
            return
        everybody = await self.door.rows.accounts()
        others = [one for one in everybody if one.login != before.login]
        if admins_left(everybody) and not admins_left([*others, changed]):
            raise AccountError(
                "nobody could let anybody in any more: make another administrator first",
                "管理者がいなくなってしまいます。先に別の管理者を加えてください。",
            )
        await self._put(changed, Action.ACCOUNT_CHANGED, by, role=role.value, wards=sorted(wards), disabled=disabled)

    async def unlink(self, login: str, *, by: str) -> None:
        """Nobody of the single sign-on opens this account any more; its password still does."""
        account = await self._known(login)
        if not any(one.login == account.login for one in await self.door.rows.identities()):
            raise AccountError(f"{account.login}: nobody of the single sign-on is linked to it")
        if not account.password:
            raise AccountError(f"{account.login} has no password: shut it out instead (users change --disable)")
        entered = Decision(at_ms=self.door.now(), by=by, action=Action.UNLINKED, detail={"login": account.login})
        await self.door.rows.unlink(account.login, entered)

    async def _known(self, login: str) -> Account:
        account = await self.door.rows.account(login)
        if account is None:
            raise AccountError(f"login: nobody is called {login[:40]!r}", f"利用者 {login[:40]} は見つかりません。")
        return account

    async def _put(self, account: Account, action: Action, by: str, **detail: object) -> None:
        entered = Decision(at_ms=self.door.now(), by=by, action=action, detail={"login": account.login, **detail})
        await self.door.rows.put(account, entered, end_sessions_but="")

    async def new_token(
        self, name: str, rights: frozenset[Right], wards: frozenset[str], *, days: int, by: str
    ) -> Given:
        """A token for another system; its secret is returned and not kept."""
        name = tidy_name(name)
        if not rights or not rights <= set(TOKEN_RIGHTS):
            raise AccountError(f"rights: want some of {', '.join(TOKEN_RIGHTS)}", "権利を1つ以上選んでください。")
        if not 0 <= days <= 3_650:
            raise AccountError(
                "days: want 1 to 3650, or 0 for a token that does not run out",
                "日数は1〜3650、期限なしは0にしてください。",
            )
        secret, now_ms = f"shelter_{secrets.token_urlsafe(32)}", self.door.now()
        token = Token(
            id=secrets.token_hex(4),
            name=name,
            digest=digest_of(secret),
            rights=rights | {Right.READ},
            wards=wards,
            by=by,
            made_ms=now_ms,
            expires_ms=now_ms + days * DAY_MS if days else 0,
        )
        detail = {"token": token.id, "name": name, "rights": sorted(token.rights), "wards": sorted(wards), "days": days}
        await self.door.rows.put_token(token, Decision(at_ms=now_ms, by=by, action=Action.TOKEN_MADE, detail=detail))
        return Given(f"{name} ({token.id})", secret, is_token=True)

    async def revoke(self, token_id: str, *, by: str) -> None:
        """A token opens nothing any more."""
        token = next((one for one in await self.door.rows.tokens() if one.id == token_id), None)
        if token is None:
            raise AccountError(
                f"token: none has the id {token_id[:20]!r}", f"トークン {token_id[:20]} は見つかりません。"
            )
        entered = Decision(
            at_ms=self.door.now(), by=by, action=Action.TOKEN_REVOKED, detail={"token": token.id, "name": token.name}
        )
        await self.door.rows.put_token(replace(token, revoked=True), entered)
