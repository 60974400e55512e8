"""The PIN, and leaving."""

from __future__ import annotations

import structlog
from aiohttp import web

from edge_agent.commissioning.words_scan import duration
from edge_agent.page.forms import FormError, text_in
from edge_agent.page.guard import SESSION_COOKIE, VISITOR_COOKIE, local_path
from edge_agent.page.parts import lang_of, parts_of, see_other, session_of
from edge_agent.page.pin import DIGITS_MAX, Answer
from edge_agent.page.render import Message, page
from edge_agent.page.words import words_of

log = structlog.get_logger()


async def login(request: web.Request) -> web.Response:
    """The form for the PIN."""
    if session_of(request) is not None:
        raise web.HTTPSeeOther("/")
    return _form(request, local_path(request.query.get("to", "/")))


async def knock(request: web.Request) -> web.Response:
    """Somebody typed a PIN."""
    parts = parts_of(request)
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPBadRequest
    form = await request.post()
    to = local_path(str(form.get("to", "/")))
    visitor = request.cookies.get(VISITOR_COOKIE, "")
    is_ours = parts.sessions.visitor(visitor) == visitor.partition(".")[0] != ""
    if not is_ours or not parts.sessions.is_token(visitor.partition(".")[0], str(form.get("token", ""))):
        return _form(request, to, "login_again", status=403)
    try:
        pin = text_in(form, "pin", most=DIGITS_MAX)
    except FormError:
        pin = ""
    answer = await parts.door.knock(pin)
    if answer is not Answer.RIGHT:
        log.warning(
            "page: a wrong PIN" if answer is Answer.WRONG else "page: a PIN while the door is shut", of=request.remote
        )
        return _form(request, to, "pin_wrong" if answer is Answer.WRONG else "pin_shut", status=403)
    log.info("page: somebody came in", of=request.remote)
    response = see_other(to)
    response.set_cookie(
        SESSION_COOKIE,
        parts.sessions.cookie_of(parts.sessions.begin().id),
        httponly=True,
        samesite="Strict",
        secure=parts.is_tls,
    )
    response.del_cookie(VISITOR_COOKIE)
    return response


async def leave(request: web.Request) -> web.Response:
    """Log out."""
    session = session_of(request)
    if session is not None:
        parts_of(request).sessions.end(session)
    response = see_other("/login")
    response.del_cookie(SESSION_COOKIE)
    return response


def _form(request: web.Request, to: str, key: str = "", *, status: int = 200) -> web.Response:
    parts, lang = parts_of(request), lang_of(request)
    t = words_of(lang)
    message = None
    wait_s = parts.door.wait_s
    if wait_s > 0:
        message = Message("bad", t("pin_shut", wait=duration(wait_s, lang)), t("pin_shut_try"))
    elif key:
        message = Message("bad", t(key), t(f"{key}_try"))
    visitor = parts.sessions.visitor(request.cookies.get(VISITOR_COOKIE, ""))
    token = parts.sessions.token_of(visitor)
    response = page(request, "login.html", status=status, message=message, token=token, to=to)
    response.set_cookie(
        VISITOR_COOKIE, parts.sessions.cookie_of(visitor), httponly=True, samesite="Strict", secure=parts.is_tls
    )
    return response
