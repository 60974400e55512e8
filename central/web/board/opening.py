"""Opening an incident in three steps: which shelters, what and why, then a look at what it would reach.

The steps are addresses, so that going back, loading again and a lost connection cost nothing. Only the last sends a
form, with a mark that makes sending it twice the same as once.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse, Response

from central.api.desk import Desk
from central.api.gate import needs, within
from central.api.models import incident as models
from central.control import NoKeyError
from central.core.access import Principal, Right
from central.core.incidents import TIERS_ALL, AskedWronglyError, Wish
from central.core.refusals import RefusedError
from central.core.scope import ScopeError
from central.web.answers import Accept, Asked, html, see_other
from central.web.board.asked import DRILLS, MODES, Draft, choosable, wards_of
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.render import Renderer

Operator = Annotated[Principal, Depends(needs(Right.SWITCH))]
Word = Annotated[str, Query(max_length=100)]
Names = Annotated[list[Annotated[str, Query(max_length=100)]], Query(max_length=5_000)]
FormWord = Annotated[str, Form(max_length=100)]
FormNames = Annotated[list[Annotated[str, Form(max_length=100)]], Form(max_length=5_000)]
WHY_MAX: Final = 200
SENT_KEPT: Final = 1_000


def draft_of(
    kind: Word = "",
    wards: Names = [],  # noqa: B006 - FastAPI copies it
    sites: Names = [],  # noqa: B006 - FastAPI copies it
    group: Word = "",
    mode: Word = "",
    why: Annotated[str, Query(max_length=WHY_MAX)] = "",
    drill: Word = "real",
    target_pct: Annotated[float, Query(ge=0, le=100)] = 100.0,
    tiers_closed: Annotated[int, Query(ge=0, le=TIERS_ALL)] = TIERS_ALL,
    ration: Word = "",
) -> Draft:
    """A draft from an address."""
    return Draft(
        kind=kind,
        wards=tuple(wards),
        sites=tuple(sites),
        group=group,
        mode=mode,
        why=why,
        drill=drill if drill in DRILLS else "real",
        target_pct=target_pct,
        tiers_closed=tiers_closed,
        ration=bool(ration),
    )


Drafted = Annotated[Draft, Depends(draft_of)]


class Opening:
    """The pages of the three steps."""

    def __init__(self, desk: Desk, renderer: Renderer) -> None:
        self.desk = desk
        self._renderer = renderer
        self.sent: OrderedDict[tuple[str, str], str] = OrderedDict()
        """Person and mark of a form → the incident that came of it."""
        self.sending = asyncio.Lock()
        """The second tap of a thumb waits here, and then finds what the first one made."""

    def _page(self, name: str, who: Principal, lang: Lang, draft: Draft, **values: Any) -> str:
        here = {"board_scope.html": "/board/new", "board_mode.html": "/board/new/mode"}.get(name, "/board/new/preview")
        return self._renderer.page(
            name,
            CATALOGUES[lang],
            who=who,
            here=here,
            query=draft.query,
            draft=draft,
            synthetic=any(site.synthetic for site in self.desk.sites().values()),
            **{"wrong": "", **values},
        )

    def scope(self, who: Principal, lang: Lang, draft: Draft, *, wrong: str = "", ward: str = "") -> str:
        """Step 1: which shelters. ``ward``: list only its shelters."""
        mine = choosable(who, self.desk.sites())
        listed = [site for site in mine if not ward or site.ward == ward]
        return self._page(
            "board_scope.html",
            who,
            lang,
            draft,
            wrong=wrong,
            wards=wards_of(mine),
            listed=wards_of(listed),
            groups=[group for group in self.desk.groups().groups if self._is_mine(who, group.sites)],
            whole=not who.wards,
            total=len(mine),
        )

    def _is_mine(self, who: Principal, sites: list[str]) -> bool:
        return who.may(Right.SWITCH, self.desk.wards(sites))

    def mode(self, who: Principal, lang: Lang, draft: Draft, *, wrong: str = "") -> str:
        """Step 2: what, and why."""
        return self._page(
            "board_mode.html",
            who,
            lang,
            draft,
            wrong=wrong,
            count=len(self.checked(who, draft)),
            modes=MODES,
            drills=DRILLS,
            tiers_all=TIERS_ALL,
            why_max=WHY_MAX,
        )

    def checked(self, who: Principal, draft: Draft) -> tuple[str, ...]:
        """The shelters of a draft.

        Raises:
            ScopeError: none, or unknown ones.
            Problem: some are not the person's.
        """
        sites = self.desk.control.sites_in(draft.scope())
        within(who, Right.SWITCH, self.desk.wards(sites))
        return sites

    def preview(self, who: Principal, lang: Lang, draft: Draft, *, wrong: str = "") -> str:
        """Step 3: what it would reach."""
        self.checked(who, draft)
        found = models.preview_out(self.desk.control.preview(draft.wish(), draft.scope()))
        return self._page(
            "board_preview.html",
            who,
            lang,
            draft,
            wrong=wrong,
            found=found,
            cannot=[one for one in found.shelters if one.reach.value != "can"],
            mark=secrets.token_urlsafe(12),
        )

    def wish(self, draft: Draft) -> Wish:
        """What is wanted, with what rationing proposes where that was chosen.

        Raises:
            AskedWronglyError: see ``Draft.wish``; or rationing proposes nothing.
        """
        wish = draft.wish()
        if not draft.ration:
            return wish
        found = self.desk.rations()
        if not found:
            raise AskedWronglyError("ration: nothing is proposed for any shelter now")
        return replace(wish, tiers_by_site=tuple(sorted(found.items())))

    async def send(self, who: Principal, draft: Draft, mark: str) -> str:
        """Declare, and confirm what one person may; of a form that was sent before, what came of it then.

        Returns:
            The incident's id. It is only declared when another person or the city's key is wanted: its page says so.

        Raises:
            ScopeError, AskedWronglyError, Problem: nothing was done.
            StoreError: it was not kept.
        """
        control, form = self.desk.control, (who.user or who.name, mark)
        async with self.sending:
            if form in self.sent:
                return self.sent[form]
            self.checked(who, draft)
            found = control.preview(draft.wish(), draft.scope())
            made = await control.declare(self.wish(draft), draft.scope(), by=who.name, why=draft.why)
            self.sent[form] = made.id
            while len(self.sent) > SENT_KEPT:
                self.sent.popitem(last=False)
            if not found.is_citywide:
                with contextlib.suppress(RefusedError, NoKeyError):
                    await control.confirm(made.id, by=who.name, why=draft.why)
        return made.id


def router(pages: Opening) -> APIRouter:
    """The routes of the three steps."""
    routes = APIRouter(prefix="/board/new", include_in_schema=False)

    @routes.get("", response_class=HTMLResponse)
    async def scope(
        who: Operator, draft: Drafted, only: Word = "", lang: Asked = None, accept_language: Accept = None
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(pages.scope(who, chosen, draft, ward=only), chosen)

    @routes.get("/mode", response_class=HTMLResponse)
    async def mode(who: Operator, draft: Drafted, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        try:
            return html(pages.mode(who, chosen, draft), chosen)
        except ScopeError:
            return html(pages.scope(who, chosen, draft, wrong="board_wrong_scope"), chosen, _WRONG)

    @routes.get("/preview", response_class=HTMLResponse)
    async def preview(
        who: Operator, draft: Drafted, lang: Asked = None, accept_language: Accept = None
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        try:
            if not draft.why.strip():
                return html(pages.mode(who, chosen, draft, wrong="board_wrong_why"), chosen, _WRONG)
            return html(pages.preview(who, chosen, draft), chosen)
        except ScopeError:
            return html(pages.scope(who, chosen, draft, wrong="board_wrong_scope"), chosen, _WRONG)
        except AskedWronglyError:
            return html(pages.mode(who, chosen, draft, wrong="board_wrong_mode"), chosen, _WRONG)

    @routes.post("", response_class=HTMLResponse)
    async def send(
        who: Operator,
        mark: Annotated[str, Form(min_length=8, max_length=100)],
        kind: FormWord = "",
        wards: FormNames = [],  # noqa: B006 - FastAPI copies it
        sites: FormNames = [],  # noqa: B006 - FastAPI copies it
        group: FormWord = "",
        mode: FormWord = "",
        why: Annotated[str, Form(max_length=WHY_MAX)] = "",
        drill: FormWord = "real",
        target_pct: Annotated[float, Form(ge=0, le=100)] = 100.0,
        tiers_closed: Annotated[int, Form(ge=0, le=TIERS_ALL)] = TIERS_ALL,
        ration: FormWord = "",
        lang: Asked = None,
    ) -> Response:
        chosen = choose(lang, None)
        draft = draft_of(kind, wards, sites, group, mode, why, drill, target_pct, tiers_closed, ration)
        try:
            incident = await pages.send(who, draft, mark)
        except ScopeError:
            return html(pages.scope(who, chosen, draft, wrong="board_wrong_scope"), chosen, _WRONG)
        except AskedWronglyError:
            return html(pages.mode(who, chosen, draft, wrong="board_wrong_mode"), chosen, _WRONG)
        return see_other(f"/board/{incident}?lang={chosen.value}")

    return routes


_WRONG: Final = HTTPStatus.UNPROCESSABLE_ENTITY
