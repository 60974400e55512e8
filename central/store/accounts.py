"""People, sessions and tokens in the records: part of ``Records``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from central.core.access import Right, Role
from central.core.accounts import Account, Identity, Session, Token
from central.core.audit import Decision
from central.store.account_tables import AccountStatements
from central.store.decision_tables import DecisionStatements
from central.store.decisions import Ask, enter


class AccountRows:
    """Accounts. Every method may raise ``StoreError``; then nothing was changed.

    What a person changed stands in the book in the same transaction.
    """

    def __init__(
        self, ask: Ask, statements: Callable[[], AccountStatements], book: Callable[[], DecisionStatements]
    ) -> None:
        self._ask = ask
        self._statements = statements
        self._book = book

    async def accounts(self) -> list[Account]:
        """Everybody, by login name."""
        return [_account_of(row) for row in await self._rows("accounts")]

    async def account(self, login: str) -> Account | None:
        """One person."""
        found = await self._rows("account", of_login=login)
        return _account_of(found[0]) if found else None

    async def put(self, account: Account, decision: Decision, *, end_sessions_but: str | None = None) -> None:
        """Keep an account as it is now. With ``end_sessions_but`` its sessions end, except the one of this digest."""

        def job(db: Connection) -> None:
            do = self._statements()
            db.execute(do.put_account, [_values_of_account(account)])
            if end_sessions_but is not None:
                db.execute(do.end_sessions, {"of_login": account.login, "but": end_sessions_but})
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def identity(self, issuer: str, subject: str) -> Identity | None:
        """Whom a person of a single sign-on is here."""
        found = await self._rows("identity", of_issuer=issuer, of_subject=subject)
        return Identity(**found[0]) if found else None

    async def identities(self) -> list[Identity]:
        """Everybody who can come by single sign-on, by login name."""
        return [Identity(**row) for row in await self._rows("identities")]

    async def link(self, account: Account, identity: Identity, decision: Decision) -> None:
        """Keep an account and that this person opens it."""

        def job(db: Connection) -> None:
            do = self._statements()
            db.execute(do.put_account, [_values_of_account(account)])
            db.execute(do.put_identity, [_values_of_identity(identity)])
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def unlink(self, login: str, decision: Decision) -> None:
        """Nobody of a single sign-on opens this account any more; its sessions end."""

        def job(db: Connection) -> None:
            do = self._statements()
            db.execute(do.unlink, {"of_login": login})
            db.execute(do.end_sessions, {"of_login": login, "but": ""})
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def session(self, digest: str) -> Session | None:
        """A session by the digest of its secret, alive or not."""
        found = await self._rows("session", of_digest=digest)
        return Session(**found[0]) if found else None

    async def sessions(self, login: str) -> list[Session]:
        """A person's sessions, the one used last first."""
        return [Session(**row) for row in await self._rows("sessions_of", of_login=login)]

    async def begin(
        self, session: Session, decisions: Iterable[Decision], *, seen_before: int, made_before: int
    ) -> None:
        """Keep a new session; those that ended by themselves go."""

        def job(db: Connection) -> None:
            do = self._statements()
            db.execute(do.forget_sessions, {"seen_before": seen_before, "made_before": made_before})
            db.execute(do.put_session, [_values_of_session(session)])
            enter(db, self._book(), list(decisions))

        await self._ask(job)

    async def touch(self, digest: str, at_ms: int) -> None:
        """A session was used."""
        await self._do("touch_session", of_digest=digest, at_ms=at_ms)

    async def end(self, digest: str) -> None:
        """A session ends."""
        await self._do("end_session", of_digest=digest)

    async def end_others(self, login: str, but: str) -> None:
        """All of a person's sessions end but one."""
        await self._do("end_sessions", of_login=login, but=but)

    async def tokens(self) -> list[Token]:
        """All tokens, the newest first."""
        return [_token_of(row) for row in await self._rows("tokens")]

    async def token(self, digest: str) -> Token | None:
        """A token by the digest of its secret, alive or not."""
        found = await self._rows("token", of_digest=digest)
        return _token_of(found[0]) if found else None

    async def put_token(self, token: Token, decision: Decision) -> None:
        """Keep a token as it is now."""

        def job(db: Connection) -> None:
            db.execute(self._statements().put_token, [_values_of_token(token)])
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def touch_token(self, digest: str, at_ms: int) -> None:
        """A token was used."""
        await self._do("touch_token", of_digest=digest, at_ms=at_ms)

    async def note(self, decisions: Sequence[Decision]) -> None:
        """Enter something into the book."""

        def job(db: Connection) -> None:
            enter(db, self._book(), decisions)

        await self._ask(job)

    async def _do(self, statement: str, **parameters: object) -> None:
        def job(db: Connection) -> None:
            db.execute(getattr(self._statements(), statement), parameters)

        await self._ask(job)

    async def _rows(self, statement: str, **parameters: object) -> list[dict[str, Any]]:
        def job(db: Connection) -> list[dict[str, Any]]:
            return [dict(row) for row in db.execute(getattr(self._statements(), statement), parameters).mappings()]

        return await self._ask(job)


def _account_of(row: Mapping[str, Any]) -> Account:
    return Account(
        login=row["login"],
        name=row["name"],
        role=Role(row["role"]),
        wards=frozenset(json.loads(row["wards"])),
        password=row["password"],
        must_change=row["must_change"],
        disabled=row["disabled"],
        made_ms=row["made_ms"],
    )


def _values_of_account(one: Account) -> dict[str, object]:
    return {
        "login": one.login,
        "name": one.name,
        "role": one.role.value,
        "wards": json.dumps(sorted(one.wards), ensure_ascii=False),
        "password": one.password,
        "must_change": one.must_change,
        "disabled": one.disabled,
        "made_ms": one.made_ms,
    }


def _values_of_identity(one: Identity) -> dict[str, object]:
    return {
        "issuer": one.issuer,
        "subject": one.subject,
        "login": one.login,
        "follows": one.follows,
        "made_ms": one.made_ms,
    }


def _values_of_session(one: Session) -> dict[str, object]:
    return {
        "digest": one.digest,
        "login": one.login,
        "made_ms": one.made_ms,
        "seen_ms": one.seen_ms,
        "agent": one.agent,
    }


def _token_of(row: Mapping[str, Any]) -> Token:
    known = {right.value: right for right in Right}
    rights = frozenset(known[name] for name in json.loads(row["rights"]) if name in known)
    return Token(**{**row, "rights": rights, "wards": frozenset(json.loads(row["wards"]))})


def _values_of_token(one: Token) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "digest": one.digest,
        "rights": json.dumps(sorted(right.value for right in one.rights)),
        "wards": json.dumps(sorted(one.wards), ensure_ascii=False),
        "by": one.by,
        "made_ms": one.made_ms,
        "expires_ms": one.expires_ms,
        "used_ms": one.used_ms,
        "revoked": one.revoked,
    }
