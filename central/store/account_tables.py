"""Tables of people, sessions and tokens and the statements over them, for SQLite and PostgreSQL alike.

No secret is kept: passwords as Argon2 hashes, sessions and tokens as digests. A change wants a migration.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, bindparam, delete, select, update

from central.store.records_tables import metadata, upsert

account = Table(
    "account",
    metadata,
    Column("login", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("wards", Text, nullable=False, doc="JSON list; empty: the whole city"),
    Column("password", Text, nullable=False, doc="Argon2 hash"),
    Column("must_change", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("login", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("agent", Text, nullable=False),
    Index("session_login", "login"),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("rights", Text, nullable=False, doc="JSON list"),
    Column("wards", Text, nullable=False, doc="JSON list; empty: the whole city"),
    Column("by", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False, doc="0: never"),
    Column("used_ms", BigInteger, nullable=False),
    Column("revoked", Boolean, nullable=False),
)

identity = Table(
    "identity",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True, doc="the provider's own name of the person, which never changes"),
    Column("login", Text, nullable=False),
    Column("follows", Boolean, nullable=False, doc="role and wards come from the provider's groups"),
    Column("made_ms", BigInteger, nullable=False),
    Index("identity_login", "login"),
)

ALL: Final = (account, session, api_token, identity)


class AccountStatements:
    """Every statement of AccountRows, made once. ``dialect``: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        self.accounts = select(account).order_by(account.c.login)
        self.account = select(account).where(account.c.login == bindparam("of_login"))
        self.put_account = upsert(dialect, account)
        self.session = select(session).where(session.c.digest == bindparam("of_digest"))
        self.sessions_of = (
            select(session).where(session.c.login == bindparam("of_login")).order_by(session.c.seen_ms.desc())
        )
        self.put_session = upsert(dialect, session)
        self.touch_session = (
            update(session).where(session.c.digest == bindparam("of_digest")).values(seen_ms=bindparam("at_ms"))
        )
        self.end_session = delete(session).where(session.c.digest == bindparam("of_digest"))
        self.end_sessions = delete(session).where(
            session.c.login == bindparam("of_login"), session.c.digest != bindparam("but")
        )
        self.forget_sessions = delete(session).where(
            (session.c.seen_ms < bindparam("seen_before")) | (session.c.made_ms < bindparam("made_before"))
        )
        self.tokens = select(api_token).order_by(api_token.c.made_ms.desc(), api_token.c.id)
        self.token = select(api_token).where(api_token.c.digest == bindparam("of_digest"))
        self.put_token = upsert(dialect, api_token)
        self.touch_token = (
            update(api_token).where(api_token.c.digest == bindparam("of_digest")).values(used_ms=bindparam("at_ms"))
        )
        self.identity = select(identity).where(
            identity.c.issuer == bindparam("of_issuer"), identity.c.subject == bindparam("of_subject")
        )
        self.identities = select(identity).order_by(identity.c.login, identity.c.made_ms)
        self.put_identity = upsert(dialect, identity)
        self.unlink = delete(identity).where(identity.c.login == bindparam("of_login"))
