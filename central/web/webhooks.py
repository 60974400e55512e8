"""The page of webhooks: who is told of news, how deliveries stand, what was given up."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, Response

from central.api.gate import needs
from central.api.problems import Problem
from central.api.webhooks import found, registered, touchable
from central.core.access import Principal, Right
from central.core.city import Queries
from central.core.hooks import Filter, Hook
from central.core.news import NewsKind, Severity
from central.hooks_out import HookBook
from central.newsroom import Newsroom
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.render import Renderer

LETTERS_SHOWN: Final = 20
Ruler = Annotated[Principal, Depends(needs(Right.RULES))]
Many = Annotated[list[Annotated[str, Form(max_length=100)]], Form(max_length=50)]


def router(book: HookBook, newsroom: Newsroom, queries: Queries, renderer: Renderer) -> APIRouter:
    """The page and its forms."""
    routes = APIRouter(include_in_schema=False)

    async def page(
        who: Principal, lang: Lang, *, made: Hook | None = None, wrong: str = "", tried: tuple[bool, str] | None = None
    ) -> str:
        counts = await book.rows.counts()
        hooks = await book.rows.all()
        dead = {one.id: await book.rows.letters(one.id, limit=LETTERS_SHOWN) for one in hooks if counts.get(one.id)}
        return renderer.page(
            "webhooks.html",
            CATALOGUES[lang],
            who=who,
            here="/webhooks",
            hooks=hooks,
            counts=counts,
            dead=dead,
            latest=newsroom.latest,
            kinds=list(NewsKind),
            severities=list(Severity),
            wards=sorted({now.site.ward for now in queries.now().sites}),
            made=made,
            wrong=wrong,
            tried=tried,
        )

    @routes.get("/webhooks", response_class=HTMLResponse)
    async def show(who: Ruler, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await page(who, chosen), chosen)

    @routes.post("/webhooks/add", response_class=HTMLResponse)
    async def add(
        who: Ruler,
        name: Annotated[str, Form(max_length=200)] = "",
        url: Annotated[str, Form(max_length=1_000)] = "",
        severity: Annotated[Severity, Form()] = Severity.INFO,
        kinds: Many = [],  # noqa: B006 - FastAPI copies it
        wards: Many = [],  # noqa: B006 - FastAPI copies it
        no_drills: Annotated[bool, Form()] = False,
        lang: Asked = None,
    ) -> Response:
        chosen = choose(lang, None)
        known = {kind.value for kind in NewsKind}
        asked = Filter(
            kinds=frozenset(NewsKind(kind) for kind in kinds if kind in known),
            wards=frozenset(wards),
            severity=severity,
            drills=not no_drills,
        )
        try:
            made = await registered(book, newsroom, queries, name, url, asked, who)
        except Problem as problem:
            return html(await page(who, chosen, wrong=problem.detail), chosen, HTTPStatus(problem.status))
        return html(await page(who, chosen, made=made), chosen)

    @routes.post("/webhooks/{hook_id}/test", response_class=HTMLResponse)
    async def test(who: Ruler, hook_id: str, lang: Asked = None) -> HTMLResponse:
        chosen = choose(lang, None)
        await touchable(book, hook_id, who)
        return html(await page(who, chosen, tried=await found(book.test(hook_id))), chosen)

    @routes.post("/webhooks/{hook_id}/remove", response_class=HTMLResponse)
    async def remove(who: Ruler, hook_id: str, lang: Asked = None) -> Response:
        await touchable(book, hook_id, who)
        await found(book.remove(hook_id, by=who.name))
        return see_other(f"/webhooks?lang={choose(lang, None).value}")

    @routes.post("/webhooks/{hook_id}/retry", response_class=HTMLResponse)
    async def retry(who: Ruler, hook_id: str, lang: Asked = None) -> Response:
        await touchable(book, hook_id, who)
        await found(book.retry(hook_id, None, by=who.name))
        return see_other(f"/webhooks?lang={choose(lang, None).value}")

    return routes
