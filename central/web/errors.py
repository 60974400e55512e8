"""Errors of the pages, in the pages' own looks; everything else keeps answering with a problem."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from central.api.gate import GoTo
from central.api.problems import Problem
from central.core.city import Site
from central.web.catalogue import Lang, choose

log = structlog.get_logger(__name__)

MACHINE_PATHS: Final = (
    "/api",
    "/ngsi-ld",
    "/opendata",
    "/cap",
    "/public/api",
    "/live",
    "/healthz",
    "/readyz",
    "/metrics",
)
_KEYS: Final = {
    HTTPStatus.FORBIDDEN: "error_403",
    HTTPStatus.NOT_FOUND: "error_404",
    HTTPStatus.METHOD_NOT_ALLOWED: "error_405",
    HTTPStatus.INTERNAL_SERVER_ERROR: "error_500",
}

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]


class PageError(Exception):
    """What a page can't show: the catalogue's key of what is wrong (``key``) and of what to try (``key_try``)."""

    def __init__(self, status: HTTPStatus, key: str, *, near: Sequence[Site] = (), **values: str) -> None:
        super().__init__(f"{key}: {values}")
        self.status = status
        self.key = key
        self.near = near
        self.values = values


def of(error: Exception) -> PageError:
    """Any error as one that a page can show."""
    if isinstance(error, PageError):
        return error
    if isinstance(error, RequestValidationError):
        return PageError(HTTPStatus.UNPROCESSABLE_ENTITY, "error_other")
    if isinstance(error, HTTPException | Problem):
        status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else error.status)
        return PageError(status, _KEYS.get(status, "error_other"))
    return PageError(HTTPStatus.INTERNAL_SERVER_ERROR, "error_500")


def is_for_machines(path: str) -> bool:
    """Whether an address answers machines, and so with problems."""
    return any(path == start or path.startswith(f"{start}/") for start in MACHINE_PATHS)


def first_page(request: Request, error: Exception) -> str:
    """Where a person has to go first: to sign in, or to choose a password. Empty: nowhere."""
    if isinstance(error, GoTo):
        return error.path
    if not isinstance(error, Problem) or error.status is not HTTPStatus.UNAUTHORIZED:
        return ""
    # What was to be changed is not sent again by itself: a person looks at the page first.
    path = request.url.path if request.method == "GET" else "/"
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    lang = request.query_params.get("lang", "")
    asked = {"next": path + query} | ({"lang": lang} if lang in set(Lang) else {})
    return f"/login?{urlencode(asked)}"


def install(app: FastAPI, render: Callable[[PageError, Lang], str]) -> None:
    """Put a page in front of every error handler that an app has, for addresses that people read."""

    def in_front_of(machine: Handler | None) -> Handler:
        async def handle(request: Request, error: Exception) -> Response:
            if machine is not None and is_for_machines(request.url.path):
                answer = machine(request, error)
                return await answer if isinstance(answer, Awaitable) else answer
            first = first_page(request, error)
            if first:
                return RedirectResponse(first, HTTPStatus.SEE_OTHER)
            shown = of(error)
            if shown.status is HTTPStatus.INTERNAL_SERVER_ERROR:
                log.error("page_failed", path=request.url.path, error=repr(error), exc_info=error)
            lang = choose(request.query_params.get("lang"), request.headers.get("accept-language"))
            headers = {"Content-Language": lang.value, "Vary": "Accept-Language"}
            if isinstance(error, HTTPException) and error.headers:
                headers.update(error.headers)
            return HTMLResponse(render(shown, lang), shown.status, headers)

        return handle

    for kind in (Problem, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, in_front_of(app.exception_handlers.get(kind)))
    app.add_exception_handler(PageError, in_front_of(None))
