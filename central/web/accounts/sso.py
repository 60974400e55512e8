"""Signing in by the city's single sign-on, and linking it to an account that is there already."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from central.api.gate import for_everybody, needs
from central.api.problems import Problem
from central.core.access import Principal, Right
from central.core.accounts import AccountError
from central.core.signon import No, SignOnError
from central.doorkeeper import Doorkeeper
from central.oidc_door import BACK, LASTS_MS, Arrived, Begun, SignOn
from central.people import People
from central.web.accounts.signing import Next, Person, SigningPages, local
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.render import Renderer

COOKIE: Final = "shelter_sso"
Reader = Annotated[Principal, Depends(needs(Right.READ))]
STATUS: Final = {No.AWAY: HTTPStatus.BAD_GATEWAY, No.WAIT: HTTPStatus.TOO_MANY_REQUESTS}


def router(door: Doorkeeper, signon: SignOn, renderer: Renderer) -> APIRouter:
    """The routes of the single sign-on."""
    routes = APIRouter(include_in_schema=False)
    pages = SigningPages(door, renderer, signon)

    def sent(begun: Begun) -> Response:
        response = see_other(begun.url)
        response.set_cookie(
            COOKIE,
            begun.cookie,
            max_age=LASTS_MS // 1_000,
            path="/login",
            httponly=True,
            samesite="lax",
            secure=door.origin.startswith("https:"),
        )
        return response

    async def refused(error: SignOnError, lang: Lang) -> Response:
        text = await pages.login(lang, "/", wrong=f"sso_no.{error.no.value}")
        response = html(text, lang, STATUS.get(error.no, HTTPStatus.FORBIDDEN))
        response.delete_cookie(COOKIE, path="/login")
        return response

    def to_confirm(who: Principal, arrived: Arrived, lang: Lang) -> Response:
        page = renderer.page(
            "sso_link.html",
            CATALOGUES[lang],
            who=who,
            here="/account",
            sso=pages.sso_name(lang),
            shown=arrived.shown,
            signed=arrived.link,
        )
        return html(page, lang)

    async def signed_in(request: Request) -> Principal | None:
        try:
            return await door.principal(request)
        except Problem:
            return None

    @routes.get("/login/sso", dependencies=[Depends(for_everybody)])
    async def begin(next: Next = "/", lang: Asked = None, accept_language: Accept = None) -> Response:  # noqa: A002
        try:
            return sent(await signon.begin(local(next)))
        except SignOnError as error:
            return await refused(error, choose(lang, accept_language))

    @routes.get(BACK, response_class=HTMLResponse, dependencies=[Depends(for_everybody)])
    async def arrive(request: Request, accept_language: Accept = None) -> Response:
        lang = choose(None, accept_language)
        who = await signed_in(request)
        try:
            arrived = await signon.arrived(
                request.query_params,
                request.cookies.get(COOKIE, ""),
                address=request.client.host if request.client else "",
                agent=request.headers.get("user-agent", ""),
                user=who.user if who else "",
            )
        except SignOnError as error:
            return await refused(error, lang)
        if arrived.link and who is not None:
            response = to_confirm(who, arrived, lang)
        else:
            response = pages.with_cookie(see_other(local(arrived.onward)), arrived.cookie)
        response.delete_cookie(COOKIE, path="/login")
        return response

    @routes.get("/account/link")
    async def link(who: Reader, lang: Asked = None, accept_language: Accept = None) -> Response:
        if not who.user:
            return see_other("/login?next=%2Faccount")
        try:
            return sent(await signon.begin("/account", link=who.user))
        except SignOnError as error:
            return await refused(error, choose(lang, accept_language))

    @routes.post("/account/link")
    async def confirm(who: Reader, signed: Annotated[str, Form(max_length=2_000)] = "", lang: Asked = None) -> Response:
        try:
            await signon.link(signed, who.user)
        except SignOnError as error:
            return await refused(error, choose(lang, None))
        return see_other(f"/account?done=linked&lang={choose(lang, None).value}")

    @routes.post("/account/unlink")
    async def unlink(who: Person, lang: Asked = None) -> Response:
        try:
            await People(door).unlink(who.user, by=who.name)
        except AccountError as error:
            raise Problem(HTTPStatus.CONFLICT, "Not unlinked", f"{error}.", attempt="Ask an administrator.") from None
        return see_other(f"/account?done=unlinked&lang={choose(lang, None).value}")

    return routes
