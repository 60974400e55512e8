"""What every NGSI-LD answer has in common: errors in ETSI's words, media types, @context by header or body."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from central.api.problems import Problem, ProblemBody
from central.core.ngsi import terms
from central.core.ngsi.terms import Context
from central.core.ngsi.values import NgsiError

CONTEXT_PATH: Final = "/ngsi-ld/context/shelter-energy/v1.jsonld"
BODY_BYTES_MAX: Final = 100_000
LIMIT_MAX: Final = 1_000
LIMIT_USUAL: Final = 100
JSON: Final = "application/json"
LD: Final = "application/ld+json"
GEO: Final = "application/geo+json"
_ETSI: Final = "https://uri.etsi.org/ngsi-ld/errors/"
_REL: Final = "http://www.w3.org/ns/json-ld#context"
_STATUS: Final[Mapping[str, tuple[HTTPStatus, str]]] = {
    "InvalidRequest": (HTTPStatus.BAD_REQUEST, "The request is not valid"),
    "BadRequestData": (HTTPStatus.BAD_REQUEST, "The request holds data that is not valid"),
    "AlreadyExists": (HTTPStatus.CONFLICT, "It is there already"),
    "OperationNotSupported": (HTTPStatus.UNPROCESSABLE_ENTITY, "Not done here"),
    "ResourceNotFound": (HTTPStatus.NOT_FOUND, "Not found"),
    "TooComplexQuery": (HTTPStatus.FORBIDDEN, "The question is too large"),
    "LdContextNotAvailable": (HTTPStatus.SERVICE_UNAVAILABLE, "The @context is not available"),
    "NoMultiTenantSupport": (HTTPStatus.NOT_IMPLEMENTED, "There are no tenants here"),
}
ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    int(status): {
        "model": ProblemBody,
        "description": title,
    }
    for status, title in (
        (HTTPStatus.BAD_REQUEST, "BadRequestData or InvalidRequest"),
        (HTTPStatus.UNAUTHORIZED, "Not signed in"),
        (HTTPStatus.FORBIDDEN, "Not allowed, or TooComplexQuery"),
        (HTTPStatus.NOT_FOUND, "ResourceNotFound"),
        (HTTPStatus.NOT_ACCEPTABLE, "None of the media types that are written here"),
        (HTTPStatus.NOT_IMPLEMENTED, "NoMultiTenantSupport"),
        (HTTPStatus.SERVICE_UNAVAILABLE, "LdContextNotAvailable, or the store does not answer"),
    )
}


_MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    "type": ("One type, or several with commas", "ShelterEnergyStatus"),
    "id": ("URNs with commas", "urn:ngsi-ld:Building:E0000000001111"),
    "idPattern": ("Found in the id; no groups and no counts", "^urn:ngsi-ld:Alert:"),
    "attrs": ("Entities with one of these, and only these of them", "stateOfChargePercent,powerState"),
    "q": ("Query (4.9)", "stateOfChargePercent<30"),
    "georel": ("near, within, intersects, disjoint, equals, contains, overlaps", "near;maxDistance==2000"),
    "geometry": ("Point, Polygon or MultiPolygon", "Point"),
    "coordinates": ("GeoJSON: longitude, latitude", "[140.12,35.60]"),
    "geoproperty": ("Attribute that is the place", "location"),
    "geometryProperty": ("With GeoJSON: attribute that becomes the geometry", "location"),
    "options": ("keyValues, concise, normalized, sysAttrs; of history temporalValues, aggregatedValues", "keyValues"),
    "format": ("The same in newer words: simplified", "simplified"),
    "pick": ("Only these members, id and type among them", "id,powerState"),
    "omit": ("Not these members", "location"),
    "limit": ("Entities in one answer", "100"),
    "offset": ("Entities to pass over", "0"),
    "count": ("true: header NGSILD-Results-Count", "true"),
    "local": ("Taken and without effect: everything is here", "true"),
    "details": ("true: more of each", "true"),
    "timerel": ("before, after or between; without it the last day", "between"),
    "timeAt": ("Date and time with offset", "2026-11-24T00:00:00Z"),
    "endTimeAt": ("With between", "2026-11-24T12:00:00Z"),
    "timeproperty": ("observedAt", "observedAt"),
    "lastN": ("Only the last so many, the newest first", "10"),
    "aggrMethods": ("avg, min, max, totalCount", "avg,max"),
    "aggrPeriodDuration": ("ISO 8601; without it one value over all", "PT1H"),
}


def documented(*names: str) -> dict[str, Any]:
    """Query parameters for the OpenAPI document. They are read by hand, since their refusals have ETSI's words."""
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": _MEANINGS[name][0],
                "schema": {"type": "string"},
                "example": _MEANINGS[name][1],
            }
            for name in names
        ]
    }


ENTITY: Final[dict[str, Any]] = {
    "id": "urn:ngsi-ld:ShelterEnergyStatus:E0000000001111",
    "type": "ShelterEnergyStatus",
    "stateOfChargePercent": {
        "type": "Property",
        "value": 64.0,
        "unitCode": "P1",
        "observedAt": "2026-11-24T03:10:05.000Z",
    },
}
SUBSCRIPTION: Final[dict[str, Any]] = {
    "id": "urn:ngsi-ld:Subscription:1f2e3d4c",
    "type": "Subscription",
    "entities": [{"type": "ShelterEnergyStatus"}],
    "watchedAttributes": ["powerState"],
    "notification": {"endpoint": {"uri": "https://shelters.example/notify", "accept": "application/json"}},
}


FEATURE: Final[dict[str, Any]] = {
    "id": ENTITY["id"],
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [140.1359, 35.5922]},
    "properties": {"type": "ShelterEnergyStatus"},
}


def said(example: Any, *, geo: Any = None, detailed: bool = False) -> dict[int | str, dict[str, Any]]:
    """The answer of a route for the OpenAPI document.

    ``geo``: the same as GeoJSON; ``detailed``: with details=true the answer is a list.
    """
    kinds = ["array"] if isinstance(example, list) else ["object"]
    told = {"schema": {"type": [*kinds, "array"] if detailed else kinds[0]}, "example": example}
    content: dict[str, Any] = {JSON: told, LD: told}
    if geo is not None:
        content[GEO] = {"schema": {"type": "object"}, "example": geo}
    return {200: {"description": "As asked for", "content": content}}


class EtsiProblem(Problem):
    """A problem with one of ETSI's types."""

    def __init__(self, kind: str, detail: str, *, attempt: str = "", status: HTTPStatus | None = None) -> None:
        usual, title = _STATUS[kind]
        headers = {"Allow": "GET, HEAD"} if status is HTTPStatus.METHOD_NOT_ALLOWED else None
        super().__init__(status or usual, title, detail, attempt=attempt, headers=headers)
        self.kind = kind

    def body(self, path: str) -> dict[str, Any]:
        """The answer's JSON object."""
        return super().body(path) | {"type": _ETSI + self.kind}


class EtsiRoute(APIRoute):
    """A route whose refusals are ETSI's, and that knows no tenants."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler inside ours."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                if request.headers.get("ngsild-tenant"):
                    raise NgsiError("NGSILD-Tenant: leave it out", kind="NoMultiTenantSupport")
                return await inner(request)
            except NgsiError as error:
                problem: Problem = EtsiProblem(error.kind, str(error), attempt=error.attempt)
            except Problem as error:
                problem = error
            # ETSI's own OpenAPI document says application/json for problems, where RFC 9457 has a type of its own.
            return JSONResponse(problem.body(request.url.path), int(problem.status), headers=problem.headers)

        return handle


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    offset: int
    is_counted: bool

    def headers(self, request: Request, total: int) -> dict[str, str]:
        """Count, and links to the parts before and after."""
        found = {"NGSILD-Results-Count": str(total)} if self.is_counted else {}
        links = []
        if self.limit > 0 and self.offset + self.limit < total:
            links.append(("next", self.offset + self.limit))
        if self.offset and self.limit:
            links.append(("prev", max(0, self.offset - self.limit)))
        asked = [(key, value) for key, value in request.query_params.multi_items() if key not in {"offset", "limit"}]
        written = [
            f'<{request.url.path}?{urlencode([*asked, ("limit", self.limit), ("offset", offset)])}>; rel="{rel}"'
            for rel, offset in links
        ]
        return found | ({"Link": ", ".join(written)} if written else {})


def page(request: Request, *, usual: int = LIMIT_USUAL, most: int = LIMIT_MAX) -> Page:
    """``limit``, ``offset`` and ``count`` of a request.

    Raises:
        NgsiError: no numbers, or too large; 0 only together with count.
    """
    asked = request.query_params
    is_counted = _yes(asked.get("count", "false"), "count")
    limit = _number(asked.get("limit", str(usual)), "limit", most)
    if limit == 0 and not is_counted:
        raise NgsiError("limit: 0 only goes with count=true")
    return Page(limit=limit, offset=_number(asked.get("offset", "0"), "offset", 1_000_000), is_counted=is_counted)


def _yes(told: str, where: str) -> bool:
    if told not in {"true", "false"}:
        raise NgsiError(f"{where}: want true or false")
    return told == "true"


def flag(request: Request, name: str) -> bool:
    """A truth value of the query.

    Raises:
        NgsiError: it is neither true nor false.
    """
    return _yes(request.query_params.get(name, "false"), name)


def _number(told: str, where: str, most: int) -> int:
    if not re.fullmatch(r"\d{1,7}", told, re.ASCII) or int(told) > most:
        raise NgsiError(f"{where}: want a whole number of 0 to {most:,}")
    return int(told)


def known_only(request: Request, *names: str) -> None:
    """Refuse parameters that would be overlooked.

    Raises:
        NgsiError: one is unknown, or stands twice.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in names:
            raise NgsiError(
                f"query: {name[:40]!r} is not supported",
                kind="InvalidRequest",
                attempt="Supported: " + ", ".join(sorted(names)) + ".",
            )
        if given.count(name) > 1:
            raise NgsiError(f"query: {name} stands twice", kind="InvalidRequest")


def media_type(request: Request, *, with_geo: bool = False) -> str:
    """The media type to answer in; JSON where anything is welcome.

    Raises:
        Problem: none that the caller takes is written here.
    """
    offered = [JSON, LD, *([GEO] if with_geo else [])]
    best, best_q = "", 0.0
    told = request.headers.get("accept", "") or "*/*"
    for part in told.split(",")[:20]:
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        q = next((_quality(one[2:]) for one in parameters if one.startswith("q=")), 1.0)
        fits = [one for one in offered if kind in {one, "application/*", "*/*"}]
        if fits and q > best_q:
            best, best_q = fits[0], q
    if not best:
        raise Problem(
            HTTPStatus.NOT_ACCEPTABLE,
            "Not acceptable",
            f"{told[:80]!r} is not written here.",
            where="header: Accept",
            attempt="Ask for " + ", ".join(offered) + ".",
        )
    return best


def _quality(told: str) -> float:
    return float(told) if re.fullmatch(r"[01](?:\.\d{1,3})?", told, re.ASCII) else 1.0


def our_url(request: Request) -> str:
    """Address of our @context as the caller reaches it."""
    return str(request.base_url).rstrip("/") + CONTEXT_PATH


def context_of(request: Request) -> Context:
    """The @context of the Link header; without one, ours.

    Raises:
        NgsiError: it is not bundled here, or there are several.
    """
    found = [
        piece[1]
        for piece in re.finditer(r'<([^<>]*)>((?:\s*;\s*[a-z]+="?[^",;]*"?)*)', request.headers.get("link", "")[:4_000])
        if _REL in piece[2]
    ]
    if len(found) > 1:
        raise NgsiError("Link: more than one @context", kind="BadRequestData")
    return terms.known(found[0], CONTEXT_PATH) if found else terms.ours(our_url(request))


def context_link(context: Context) -> str:
    """The Link header that tells a JSON answer's @context."""
    return f'<{context.url}>; rel="{_REL}"; type="{LD}"'


def answer(told: Any, kind: str, context: Context, headers: Mapping[str, str] | None = None) -> Response:
    """A body in its media type: with the @context inside, or told by a header."""
    sent = dict(headers or {})
    if kind == LD:
        told = [_with_context(one, context) for one in told] if isinstance(told, list) else _with_context(told, context)
    elif kind == GEO:
        told = {**told, "@context": context.url}
    else:
        sent["Link"] = ", ".join(filter(None, [sent.get("Link"), context_link(context)]))
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(body, media_type=kind, headers=sent)


def _with_context(told: Mapping[str, Any], context: Context) -> dict[str, Any]:
    return {"@context": context.url, **told}


async def body(request: Request) -> tuple[dict[str, Any], Context]:
    """The JSON object of a request and its @context. It stays in the object, as it was told or as an address.

    Raises:
        NgsiError: too large, no JSON object, or an @context in the wrong place.
        Problem: a media type that is not read here.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {JSON, LD, "application/merge-patch+json"}:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type",
            f"{kind[:60]!r} is not read here.",
            where="header: Content-Type",
            attempt=f"Send {JSON} or {LD}.",
        )
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > BODY_BYTES_MAX:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large", f"The body has more than {BODY_BYTES_MAX:,} bytes."
            )
    try:
        told = json.loads(bytes(found), parse_constant=_no_number)
        json.dumps(told).encode("ascii")
    except (ValueError, RecursionError):
        raise NgsiError("body: no JSON", kind="InvalidRequest") from None
    if not isinstance(told, dict):
        raise NgsiError("body: want a JSON object", kind="InvalidRequest")
    default = context_of(request)
    if kind != LD:
        if "@context" in told:
            raise NgsiError(f"@context: in a body of {LD} only")
        return {**told, "@context": default.url}, default
    if "@context" not in told:
        raise NgsiError(f"@context: {LD} wants it in the body")
    if _REL in request.headers.get("link", ""):
        raise NgsiError(f"Link: with {LD} the @context is in the body alone")
    return told, terms.inline(told["@context"], CONTEXT_PATH, terms.ours(our_url(request)))


def _no_number(told: str) -> float:
    raise ValueError(told)
