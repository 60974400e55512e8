"""What went wrong, where, and what to try: errors as ``application/problem+json`` (RFC 9457), never a stack trace."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from http import HTTPStatus
from itertools import takewhile
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from central.store.base import StoreError

MEDIA_TYPE: Final = "application/problem+json"
NEAREST_MAX: Final = 5
CANDIDATES_MAX: Final = 50

log = structlog.get_logger(__name__)


class ProblemBody(BaseModel):
    """Body of every error answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unknown site",
                    "status": 404,
                    "detail": "No shelter has the id 'E0000000001112'.",
                    "where": "path: site_id",
                    "try": "Use one of the ids in 'nearest', or list all by GET /api/v1/sites.",
                    "instance": "/api/v1/sites/E0000000001112",
                    "nearest": ["E0000000001111"],
                }
            ]
        }
    )

    type: str = Field("about:blank", description="Kind of problem; `about:blank`: the status says it")
    title: str = Field(description="What is wrong, in a few words")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="What is wrong with this very request")
    where: str = Field("", description="Part of the request that is meant, as `query: step`")
    attempt: str = Field("", alias="try", description="What to try instead")
    instance: str = Field("", description="Path of the request")
    nearest: list[str] = Field([], description="Known names that are like the unknown one")


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """Raised by an endpoint; becomes a problem+json answer (or an error page under ``/sites``)."""

    def __init__(
        self,
        status: HTTPStatus,
        title: str,
        detail: str,
        *,
        where: str = "",
        attempt: str = "",
        nearest: Iterable[str] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.where = where
        self.attempt = attempt
        self.nearest = list(nearest)
        self.headers = headers

    def body(self, path: str) -> dict[str, Any]:
        """The answer's JSON object; empty members are left out."""
        full: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            "where": self.where,
            "try": self.attempt,
            "instance": path,
            "nearest": self.nearest,
        }
        return {name: value for name, value in full.items() if value}


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Known names that look like the given one, the likeliest first."""
    asked = name[:100]
    close = difflib.get_close_matches(asked, list(known), n=CANDIDATES_MAX, cutoff=0.5)
    # Ids differ in few characters, wherever these stand; the one that begins alike for longest is likeliest meant.
    return sorted(close, key=lambda one: -_alike(asked, one))[:NEAREST_MAX]


def _alike(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def answer(problem: Problem, path: str) -> JSONResponse:
    """The problem as a response. Under ``/ngsi-ld`` it is plain JSON, as in ETSI's own document (see ngsi/http.py)."""
    kind = "application/json" if path.startswith("/ngsi-ld/") else MEDIA_TYPE
    return JSONResponse(problem.body(path), int(problem.status), media_type=kind, headers=problem.headers)


def from_validation(error: RequestValidationError) -> Problem:
    """The framework's list of findings as one problem."""
    findings = error.errors()
    first = findings[0] if findings else {"loc": ("request",), "msg": "not valid"}
    said = "; ".join(f"{'.'.join(str(part) for part in f['loc'])}: {f['msg']}" for f in findings[:10])
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "A parameter is not valid",
        said or "not valid",
        where=": ".join(str(part) for part in first["loc"]),
        attempt="GET /api/v1/openapi.json lists every parameter with its type and limits.",
    )


def from_http(error: HTTPException, path: str) -> Problem:
    """The framework's own errors (no such path, method not allowed)."""
    status = HTTPStatus(error.status_code)
    attempt = "GET /api/v1/openapi.json lists every path." if status is HTTPStatus.NOT_FOUND else ""
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        attempt = "This path is read-only: use GET. GET /api/v1/openapi.json lists what each path takes."
    headers = dict(error.headers) if error.headers else None
    return Problem(status, status.phrase, f"{status.phrase}: {path}", attempt=attempt, headers=headers)


def internal() -> Problem:
    """A fault of ours: the log has the trace, the answer does not."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The service failed",
        "The answer could not be made; the service's log says why.",
        attempt="Try again; if it stays, tell the operator the time and the path.",
    )


def store_away() -> Problem:
    """The store or the records do not answer; what is in memory is still served."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The store does not answer",
        "What was stored can't be read at the moment; what shelters send is not lost, they keep it.",
        attempt="Ask again in a minute; GET /readyz says which part lacks something. Live values are still there.",
        headers={"Retry-After": "60"},
    )


def install(app: FastAPI) -> None:
    """Answer every error of an app with a problem. Pages put their own handlers in front of these."""

    async def on_problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return answer(error, request.url.path)

    async def on_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return answer(from_validation(error), request.url.path)

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return answer(from_http(error, request.url.path), request.url.path)

    async def on_fault(request: Request, error: Exception) -> JSONResponse:
        log.error("request_failed", path=request.url.path, error=repr(error), exc_info=error)
        return answer(internal(), request.url.path)

    async def on_store(request: Request, error: Exception) -> JSONResponse:
        log.warning("store_not_read", path=request.url.path, error=str(error))
        return answer(store_away(), request.url.path)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(StoreError, on_store)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_fault)
