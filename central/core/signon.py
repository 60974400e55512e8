"""The city's single sign-on (OpenID Connect): whom its word lets in, as whom, and why not. Pure.

Signatures are checked before (central/oidc.py); here is what a token that is truly the provider's may still lack.
A refusal has a name (``No``): the page tells it in words, and the book and the log say what exactly was wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from central.core.access import Role
from central.core.accounts import NAME_CHARS_MAX, AccountError, tidy_login, tidy_name

LEEWAY_S: Final = 60
"""So far the clocks of the two may be apart."""
OLD_S: Final = 600
"""A token made longer ago was not made for this sign-in."""
SUBJECT_CHARS_MAX: Final = 255
"""OpenID Connect Core 1.0, section 2."""
GROUPS_MAX: Final = 1_000
WHOLE_CITY: Final = "*"
"""Stands for all wards in the mapping of groups."""
STRONGEST_FIRST: Final = (Role.ADMIN, Role.OPERATOR, Role.TECHNICIAN, Role.VIEWER)


class No(StrEnum):
    """Why somebody was not let in."""

    STATE = "state"
    """The answer belongs to nothing that this browser asked within ten minutes, or came before."""
    CANCELLED = "cancelled"
    """The provider says that the person did not sign in there."""
    AWAY = "away"
    """The provider does not answer, or not as one."""
    CODE = "code"
    """The provider does not know the code: it was used before, or is not for us."""
    TOKEN = "token"  # noqa: S105 - a word, no token
    """No token that the provider signed for us now: signature, key, algorithm, issuer, audience, nonce, time."""
    GROUPS = "groups"
    """The provider left the groups out, since they are too many."""
    NO_ROLE = "no_role"
    NO_WARD = "no_ward"
    NO_ACCOUNT = "no_account"
    """The settings let in only whom an account here was linked to."""
    LOGIN_TAKEN = "login_taken"
    """Somebody else has an account of this name: a name alone proves nothing."""
    LOGIN_BAD = "login_bad"
    SHUT_OUT = "shut_out"
    WAIT = "wait"
    """Too many were refused from this address."""


class SignOnError(Exception):
    """Somebody is not let in. ``why``: for log and book, without secrets."""

    def __init__(self, no: No, why: str) -> None:
        super().__init__(why)
        self.no = no
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the provider's claims mean here."""

    login_claim: str = "preferred_username"
    name_claim: str = "name"
    groups_claim: str = "groups"
    roles: Mapping[str, Role] = field(default_factory=dict)
    """Group → role; the strongest of several holds."""
    wards: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Group → wards, or ``*``. Empty: everybody has the whole city."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Who somebody is here, by the provider's word."""

    login: str
    name: str
    role: Role
    wards: frozenset[str]


def checked(claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now_s: float) -> str:
    """The subject of a token whose signature fits (OpenID Connect Core 1.0, section 3.1.3.7).

    Raises:
        SignOnError: it is not for us, not for this sign-in, or not for now.
    """
    if claims.get("iss") != issuer:
        raise SignOnError(No.TOKEN, f"issuer {_shown(claims.get('iss'))}, want {issuer}")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise SignOnError(No.TOKEN, f"audience {_shown(audience)}, want {client_id}")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != client_id:
        raise SignOnError(No.TOKEN, f"authorized party {_shown(claims.get('azp'))}, want {client_id}")
    if claims.get("nonce") != nonce:
        raise SignOnError(No.TOKEN, "nonce is another one: the token was made for another sign-in")
    _check_times(claims, now_s)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARS_MAX or not subject.isprintable():
        raise SignOnError(No.TOKEN, "no subject")
    return subject


def _check_times(claims: Mapping[str, Any], now_s: float) -> None:
    expires_s, made_s = _time(claims, "exp"), _time(claims, "iat")
    since_s = _time(claims, "nbf") if "nbf" in claims else made_s
    if now_s >= expires_s + LEEWAY_S:
        raise SignOnError(No.TOKEN, f"expired {now_s - expires_s:.0f} s ago")
    if max(made_s, since_s) > now_s + LEEWAY_S:
        raise SignOnError(No.TOKEN, "not valid yet: compare the clocks of provider and service")
    if now_s - made_s > OLD_S + LEEWAY_S:
        raise SignOnError(No.TOKEN, f"made {now_s - made_s:.0f} s ago")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
        raise SignOnError(No.TOKEN, f"{name} is missing or no time")
    return value


def placed(claims: Mapping[str, Any], meaning: Meaning) -> Placed:
    """Who the person is here.

    Raises:
        SignOnError: no group of the person's means anything here, or the name can't be one.
    """
    groups = _groups(claims, meaning.groups_claim)
    roles = {meaning.roles[group] for group in groups if group in meaning.roles}
    role = next((one for one in STRONGEST_FIRST if one in roles), None)
    if role is None:
        raise SignOnError(No.NO_ROLE, f"none of {len(groups)} groups in {meaning.groups_claim} is in oidc.roles")
    wards: set[str] = set().union(*(meaning.wards[group] for group in groups if group in meaning.wards))
    if meaning.wards and not wards:
        raise SignOnError(No.NO_WARD, f"none of {len(groups)} groups in {meaning.groups_claim} is in oidc.wards")
    told = _text(claims, meaning.login_claim).partition("@")[0]
    try:
        login = tidy_login(told)
        name = tidy_name(_text(claims, meaning.name_claim)[:NAME_CHARS_MAX] or login)
    except AccountError as error:
        raise SignOnError(No.LOGIN_BAD, f"{meaning.login_claim} {told[:40]!r}: {error}") from None
    return Placed(login=login, name=name, role=role, wards=frozenset() if WHOLE_CITY in wards else frozenset(wards))


def _groups(claims: Mapping[str, Any], claim: str) -> list[str]:
    # So a provider says that there are too many to list (Microsoft: groups overage).
    left_out = claims.get("_claim_names")
    if isinstance(left_out, dict) and claim in left_out:
        raise SignOnError(No.GROUPS, f"{claim} was left out: too many groups; send only those of this application")
    found = _found(claims, claim)
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return [group for group in listed[:GROUPS_MAX] if isinstance(group, str)]


def _found(claims: Mapping[str, Any], claim: str) -> Any:
    """A claim by its name, which may hold dots, or by a path of names (``realm_access.roles``)."""
    if claim in claims:
        return claims[claim]
    inner: Any = claims
    for name in claim.split("."):
        inner = inner.get(name) if isinstance(inner, dict) else None
    return inner


def _text(claims: Mapping[str, Any], claim: str) -> str:
    found = _found(claims, claim)
    return found if isinstance(found, str) else ""


def _shown(value: object) -> str:
    return repr(value)[:200]
