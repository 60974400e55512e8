"""What every request passes: host, language, PIN, form token; and the headers that every answer carries."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from edge_agent.page.addresses import is_expected_host
from edge_agent.page.parts import LANG, SESSION, parts_of, see_other
from edge_agent.page.render import refused
from edge_agent.words import LANGUAGES

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SESSION_COOKIE: Final = "shelter_page"
VISITOR_COOKIE: Final = "shelter_visitor"
LANG_COOKIE: Final = "lang"
YEAR_S: Final = 365 * 86_400
OPEN_PATHS: Final = ("/login", "/favicon.ico")
STATIC: Final = "/static/"
MULTIPART_PATHS: Final = frozenset({"/walk/photos", "/walk/bundle"})
"""The one form with files checks its token itself, before it takes any."""
STRICT: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Server": "shelter-edge",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@web.middleware
async def headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Says to the browser what it may do, and keep nothing; turns every mistake into a page."""
    request[LANG] = _language(request)
    try:
        answer = await _expected(request, handler)
    except web.HTTPRequestEntityTooLarge:
        answer = refused(request, "too_large", status=413)
    except web.HTTPSeeOther as error:
        answer = see_other(str(error.location))
    except web.HTTPException as error:
        answer = refused(request, "not_found" if error.status in (404, 405) else "bad_request", status=error.status)
    except Exception:
        log.exception("a page failed", path=request.path)
        answer = refused(request, "page_failed", status=500)
    if not request.path.startswith(STATIC):
        answer.headers["Cache-Control"] = "no-store"
    answer.headers.setdefault("Content-Security-Policy", STRICT)
    answer.headers.update(HEADERS)
    if request.query.get("lang") in LANGUAGES:
        answer.set_cookie(LANG_COOKIE, request[LANG], max_age=YEAR_S, samesite="Strict", httponly=True)
    return answer


async def _expected(request: web.Request, handler: Handler) -> web.StreamResponse:
    if not is_expected_host(request.headers.get("Host", ""), parts_of(request).listen):
        return refused(request, "wrong_host", status=421)
    return await handler(request)


def _language(request: web.Request) -> str:
    for asked in (request.query.get("lang"), request.cookies.get(LANG_COOKIE)):
        if asked in LANGUAGES:
            return asked
    first = request.headers.get("Accept-Language", "").partition(",")[0].strip().lower()
    return "en" if first and not first.startswith("ja") and first != "*" else "ja"


@web.middleware
async def entry(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets nobody in without the PIN, and no form without its token."""
    if request.path.startswith(STATIC):
        return await handler(request)
    parts = parts_of(request)
    is_automatic = request.method == "GET" and "auto" in request.query
    session = parts.sessions.of(request.cookies.get(SESSION_COOKIE, ""), touch=not is_automatic)
    if session is not None:
        request[SESSION] = session
    if request.method == "POST":
        if not _is_from_here(request):
            return refused(request, "foreign_form", status=403)
        if request.path not in OPEN_PATHS:
            if session is None:
                return _to_login(request)
            if request.path not in MULTIPART_PATHS and not await _has_token(request, session.id):
                return refused(request, "old_form", status=403)
    elif session is None and request.path not in OPEN_PATHS:
        return _to_login(request)
    return await handler(request)


async def _has_token(request: web.Request, session_id: str) -> bool:
    if request.content_type != "application/x-www-form-urlencoded":
        return False
    form = await request.post()
    return parts_of(request).sessions.is_token(session_id, str(form.get("token", "")))


def _is_from_here(request: web.Request) -> bool:
    """Whether the browser says that a form of this page sent this."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.headers.get("Host", "").lower()


def _to_login(request: web.Request) -> web.Response:
    to = local_path(request.path) if request.method == "GET" else "/"  # What else is asked for may hold anything.
    return see_other(f"/login?to={to}" if to != "/" else "/login")


_LOCAL_PATH: Final = re.compile(r"/(?:[a-z0-9_-]+(?:/[A-Za-z0-9_.-]+)*)?")


def local_path(text: str) -> str:
    """A path of this page, or the start for everything else."""
    return text if len(text) <= 200 and _LOCAL_PATH.fullmatch(text) and ".." not in text else "/"
