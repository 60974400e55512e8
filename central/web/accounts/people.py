"""The page of everybody's accounts and tokens, for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse, Response

from central.api.gate import needs
from central.core.access import Principal, Right, Role
from central.core.accounts import AccountError
from central.core.city import Queries
from central.doorkeeper import Doorkeeper
from central.people import TOKEN_RIGHTS, Given, People
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.render import Renderer

Admin = Annotated[Principal, Depends(needs(Right.ADMIN))]
Text = Annotated[str, Form(max_length=200)]
Many = Annotated[list[Annotated[str, Form(max_length=100)]], Form(max_length=50)]


class PeoplePages:
    """The page of accounts and tokens."""

    def __init__(self, door: Doorkeeper, renderer: Renderer, queries: Queries) -> None:
        self._door = door
        self._renderer = renderer
        self._queries = queries

    def wards(self) -> list[str]:
        """Wards that a person can be bound to."""
        return sorted({now.site.ward for now in self._queries.now().sites})

    def checked(self, wards: Sequence[str]) -> frozenset[str]:
        """Wards that exist.

        Raises:
            AccountError: one does not.
        """
        unknown = set(wards) - set(self.wards())
        if unknown:
            names = ", ".join(sorted(unknown))
            raise AccountError(f"wards: no shelter is in {names}", f"次の区に避難所はありません：{names}")
        return frozenset(wards)

    async def page(
        self, who: Principal, lang: Lang, *, given: Given | None = None, wrong: str = "", login: str = ""
    ) -> str:
        """The page; ``given``: a secret to show once; ``login``: whose form is open."""
        now_ms, accounts = self._door.now(), await self._door.rows.accounts()
        return self._renderer.page(
            "users.html",
            CATALOGUES[lang],
            who=who,
            here="/users",
            query=urlencode({"change": login}) if login else "",
            accounts=accounts,
            chosen=next((one for one in accounts if one.login == login), None),
            tokens=[(one, one.is_alive(now_ms)) for one in await self._door.rows.tokens()],
            roles=list(Role),
            rights=TOKEN_RIGHTS,
            wards=self.wards(),
            given=given,
            wrong=wrong,
        )


def router(door: Doorkeeper, renderer: Renderer, queries: Queries) -> APIRouter:
    """The routes of accounts and tokens."""
    routes = APIRouter(include_in_schema=False)
    pages, people = PeoplePages(door, renderer, queries), People(door)

    async def shown(who: Principal, lang: Lang, given: Given | None) -> Response:
        if given is None or not given.secret:
            return see_other(f"/users?done=1&lang={lang.value}")
        return html(await pages.page(who, lang, given=given), lang)

    async def refused(who: Principal, lang: Lang, error: AccountError) -> Response:
        wrong = error.ja if lang is Lang.JA else str(error)
        return html(await pages.page(who, lang, wrong=wrong), lang, HTTPStatus.UNPROCESSABLE_ENTITY)

    @routes.get("/users", response_class=HTMLResponse)
    async def users(
        who: Admin,
        done: Annotated[str, Query(max_length=1)] = "",  # noqa: ARG001 - only marks that something was done
        change: Annotated[str, Query(max_length=100, description="Whose form is open")] = "",
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.page(who, chosen, login=change), chosen)

    @routes.post("/users/add", response_class=HTMLResponse)
    async def add(
        who: Admin,
        login: Text,
        name: Text,
        role: Annotated[Role, Form()],
        wards: Many = [],  # noqa: B006 - FastAPI copies it
        lang: Asked = None,
    ) -> Response:
        chosen = choose(lang, None)
        try:
            given = await people.add(login, name, role, pages.checked(wards), by=who.name)
        except AccountError as error:
            return await refused(who, chosen, error)
        return await shown(who, chosen, given)

    @routes.post("/users/{login}/change", response_class=HTMLResponse)
    async def change(
        who: Admin,
        login: str,
        role: Annotated[Role, Form()],
        wards: Many = [],  # noqa: B006 - FastAPI copies it
        disabled: Annotated[bool, Form()] = False,
        lang: Asked = None,
    ) -> Response:
        chosen = choose(lang, None)
        try:
            await people.change(login, role, pages.checked(wards), disabled=disabled, by=who.name)
        except AccountError as error:
            return await refused(who, chosen, error)
        return await shown(who, chosen, None)

    @routes.post("/users/{login}/reset", response_class=HTMLResponse)
    async def reset(who: Admin, login: str, lang: Asked = None) -> Response:
        chosen = choose(lang, None)
        try:
            given = await people.reset(login, by=who.name)
        except AccountError as error:
            return await refused(who, chosen, error)
        return await shown(who, chosen, given)

    @routes.post("/tokens/add", response_class=HTMLResponse)
    async def new_token(
        who: Admin,
        name: Text,
        days: Annotated[int, Form()] = 365,
        rights: Many = [],  # noqa: B006 - FastAPI copies it
        wards: Many = [],  # noqa: B006 - FastAPI copies it
        lang: Asked = None,
    ) -> Response:
        chosen = choose(lang, None)
        known = {right.value: right for right in Right}
        try:
            wanted = frozenset(known[one] for one in rights if one in known)
            given = await people.new_token(name, wanted, pages.checked(wards), days=days, by=who.name)
        except AccountError as error:
            return await refused(who, chosen, error)
        return await shown(who, chosen, given)

    @routes.post("/tokens/{token_id}/revoke", response_class=HTMLResponse)
    async def revoke(who: Admin, token_id: str, lang: Asked = None) -> Response:
        chosen = choose(lang, None)
        try:
            await people.revoke(token_id, by=who.name)
        except AccountError as error:
            return await refused(who, chosen, error)
        return await shown(who, chosen, None)

    return routes
