"""The gate: every route says what right it asks for, or that it is for everybody. A test walks them all.

Whoever stands at the gate (``Gate``) tells who asks; the routes do not know whether by cookie, token or machine.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Protocol

from fastapi import Request

from central.api.problems import Problem
from central.core.access import EVERYBODY, MACHINE, Principal, Right


class GoTo(Problem):
    """A person has to do something else first: pages lead there, the API answers 403."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(HTTPStatus.FORBIDDEN, "Something else first", f"{why}.", attempt=f"Open {path}.")
        self.path = path


class Gate(Protocol):
    """Tells who asks."""

    async def principal(self, request: Request) -> Principal | None:
        """Who asks, or None. May raise ``Problem`` for a token that is wrong or a form without its CSRF mark."""
        ...


class OpenGate:
    """Everybody reads, the machine's token changes: for tests of single rooms, and until accounts are open."""

    def __init__(self, token: str = "") -> None:
        self._token = token

    async def principal(self, request: Request) -> Principal | None:
        """The machine by its token, else everybody."""
        return MACHINE if self._token and shows(request, self._token) else EVERYBODY


def shows(request: Request, token: str) -> bool:
    """Whether the request carries this bearer token."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), token.encode())


def needs(right: Right) -> Callable[[Request], Any]:
    """A dependency: who asks, if that person has the right. ``who: Annotated[Principal, Depends(needs(Right.READ))]``.

    Answers 401 to who is not known and 403 to who may not; ``principal.may(right, wards)`` is for the route to ask
    where shelters are concerned.
    """

    async def check(request: Request) -> Principal:
        gate: Gate = request.app.state.gate
        who = await gate.principal(request)
        if who is None or (who is EVERYBODY and right is not Right.READ):
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "Not signed in",
                "This wants to know who asks.",
                where="header: Authorization",
                attempt="Sign in at /login, or send Authorization: Bearer with an API token.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if right not in who.rights:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "Not allowed",
                f"{who.name or 'This reader'} has not the right {right.value!r}.",
                attempt="Ask an administrator for the role, or another person to do it.",
            )
        return who

    check.right = right  # type: ignore[attr-defined]  # The test that walks all routes reads it.
    return check


def person(who: Principal, named: str) -> str:
    """Who stands in the book: whoever signed in; the machine's own commands say who it is.

    Raises:
        Problem: somebody names another person.
    """
    if who.may_name_others or who is EVERYBODY:
        return named
    if named and " ".join(named.split()) != who.name:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Not your name",
            f"You are signed in as {who.name}.",
            where="body: by",
            attempt="Leave 'by' out.",
        )
    return who.name


def within(who: Principal, right: Right, wards: Iterable[str]) -> None:
    """Refuse what reaches beyond the wards that a person is bound to.

    Raises:
        Problem: names the wards.
    """
    if not who.may(right, wards):
        beyond = sorted(set(wards) - who.wards) if who.wards else []
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "Not your ward",
            f"{who.name} may do this in {', '.join(sorted(who.wards))} only, not in {', '.join(beyond)}.",
            attempt="Choose shelters of your wards, or ask somebody of the city.",
        )


def for_everybody() -> None:
    """A dependency that marks a route as public and read-only."""


for_everybody.is_public = True  # type: ignore[attr-defined]
