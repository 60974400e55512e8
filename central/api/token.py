"""Who may change something: whoever knows the service's token."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Header

from central.api.problems import Problem


def checker(token: str) -> Callable[[str], None]:
    """A dependency that refuses who does not show the token."""

    def check_token(authorization: Annotated[str, Header(description="Bearer and the token")] = "") -> None:
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), token.encode()):
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "No token",
                "Who changes something has to show the service's token.",
                where="header: Authorization",
                attempt="Use shelter-central incident on the service's machine: it finds the token in the data folder.",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return check_token
