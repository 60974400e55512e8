"""Signing in and out, and one's own account. A form answers with a page that can be loaded again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from central.api.gate import for_everybody, needs
from central.api.problems import Problem
from central.core.access import Principal, Right
from central.core.accounts import LASTS_MS, PASSWORD_CHARS_MIN, AccountError
from central.doorkeeper import COOKIE, Doorkeeper
from central.oidc_door import SignOn
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.render import Renderer

Next = Annotated[str, Query(max_length=500)]
Text = Annotated[str, Form(max_length=1_000)]
Reader = Annotated[Principal, Depends(needs(Right.READ))]
SESSIONS_SHOWN: Final = 20


async def person(who: Reader) -> Principal:
    """Who asks, if it is somebody with an account.

    Raises:
        Problem: it is a token or the service's own machine.
    """
    if not who.user:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "Nobody's account",
            "A token has no account of its own.",
            attempt="Sign in at /login as the person whose account it is.",
        )
    return who


Person = Annotated[Principal, Depends(person)]


def local(path: str) -> str:
    """A path of ours to go on to, whatever somebody wrote into the address; else the city."""
    parts = urlsplit(path)
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and path.isprintable()
    return path if is_ours and not parts.path.startswith(("/login", "/logout")) else "/"


class SigningPages:
    """The pages and their forms. ``signon``: the city's single sign-on, where there is one."""

    def __init__(self, door: Doorkeeper, renderer: Renderer, signon: SignOn | None = None) -> None:
        self._door = door
        self._renderer = renderer
        self._signon = signon

    def sso_name(self, lang: Lang) -> str:
        """How people call the single sign-on; empty without one."""
        if self._signon is None:
            return ""
        return self._signon.name if lang is Lang.JA else self._signon.name_en

    async def login(self, lang: Lang, onward: str, *, wrong: str = "", login: str = "", has_left: bool = False) -> str:
        """The page on which people sign in.

        Args:
            lang: the language.
            onward: where to go then.
            wrong: the catalogue's key of what was wrong.
            login: the name that was tried.
            has_left: somebody has just signed out.
        """
        return self._renderer.page(
            "login.html",
            CATALOGUES[lang],
            who=None,
            here="/login",
            query=f"next={quote(onward, safe='')}",
            onward=onward,
            wrong=wrong,
            login=login,
            sso=self.sso_name(lang),
            end_url=await self._signon.end_url() if has_left and self._signon else "",
        )

    async def account(self, who: Principal, digest: str, lang: Lang, *, done: str = "", wrong: str = "") -> str:
        """A person's own page."""
        account = await self._door.rows.account(who.user)
        now_ms = self._door.now()
        sessions = [one for one in await self._door.rows.sessions(who.user) if one.is_alive(now_ms)]
        return self._renderer.page(
            "account.html",
            CATALOGUES[lang],
            who=who,
            here="/account",
            account=account,
            sessions=sessions[:SESSIONS_SHOWN],
            digest=digest,
            now_ms=now_ms,
            done=done,
            wrong=wrong,
            chars_min=PASSWORD_CHARS_MIN,
            sso=self.sso_name(lang),
            identity=next((one for one in await self._door.rows.identities() if one.login == who.user), None),
        )

    def with_cookie(self, response: Response, cookie: str) -> Response:
        """The response, with a session's cookie. Only https carries it where people come by https."""
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=LASTS_MS // 1_000,
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._door.origin.startswith("https:"),
        )
        return response


def router(door: Doorkeeper, renderer: Renderer, signon: SignOn | None = None) -> APIRouter:
    """The routes of signing in and of one's own account."""
    routes = APIRouter(include_in_schema=False)
    pages = SigningPages(door, renderer, signon)

    @routes.get("/login", response_class=HTMLResponse, dependencies=[Depends(for_everybody)])
    async def login(
        next: Next = "/",  # noqa: A002
        out: Annotated[str, Query(max_length=1)] = "",
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.login(chosen, local(next), has_left=bool(out)), chosen)

    @routes.post("/login", response_class=HTMLResponse, dependencies=[Depends(for_everybody)])
    async def sign_in(
        request: Request,
        login: Text = "",
        password: Text = "",
        onward: Text = "/",
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> Response:
        chosen = choose(lang, accept_language)
        address = request.client.host if request.client else ""
        agent = request.headers.get("user-agent", "")
        try:
            cookie = await door.sign_in(login, password, address=address, agent=agent)
        except Problem as error:
            page = html(await pages.login(chosen, local(onward), wrong="login_wait", login=login), chosen, error.status)
            page.headers["Retry-After"] = (error.headers or {}).get("Retry-After", "60")
            return page
        if cookie is None:
            text = await pages.login(chosen, local(onward), wrong="login_wrong", login=login)
            return html(text, chosen, HTTPStatus.UNAUTHORIZED)
        return pages.with_cookie(see_other(local(onward)), cookie)

    @routes.post("/logout")
    async def sign_out(request: Request, _: Reader) -> Response:
        digest = door.digest(request.cookies.get(COOKIE, ""))
        if digest is not None:
            await door.rows.end(digest)
        response = see_other("/login?out=1" if signon else "/login")
        response.delete_cookie(COOKIE, path="/")
        return response

    @routes.get("/account", response_class=HTMLResponse)
    async def account(
        request: Request,
        who: Reader,
        done: Annotated[str, Query(max_length=20, pattern="^(password|sessions|linked|unlinked)?$")] = "",
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> Response:
        chosen = choose(lang, accept_language)
        if not who.user:
            return see_other("/login?next=%2Faccount")
        digest = door.digest(request.cookies.get(COOKIE, "")) or ""
        return html(await pages.account(who, digest, chosen, done=done), chosen)

    @routes.post("/account/password", response_class=HTMLResponse)
    async def change(
        request: Request,
        who: Person,
        before: Text = "",
        password: Text = "",
        again: Text = "",
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> Response:
        chosen = choose(lang, accept_language)
        digest = door.digest(request.cookies.get(COOKIE, "")) or ""
        known = await door.rows.account(who.user)
        wrong = ""
        if known is None or not await door.fits(known.password, before):
            wrong = "password_before_wrong"
        elif password != again:
            wrong = "password_again_wrong"
        elif password == before:
            wrong = "password_same"
        else:
            try:
                await door.change_password(known, password, keep=digest)
            except AccountError:
                wrong = "password_weak"
        if wrong:
            text = await pages.account(who, digest, chosen, wrong=wrong)
            return html(text, chosen, HTTPStatus.UNPROCESSABLE_ENTITY)
        return see_other(f"/account?done=password&lang={chosen.value}")

    @routes.post("/account/sessions")
    async def end_others(request: Request, who: Person, lang: Asked = None) -> Response:
        await door.rows.end_others(who.user, door.digest(request.cookies.get(COOKIE, "")) or "")
        return see_other(f"/account?done=sessions&lang={choose(lang, None).value}")

    return routes
