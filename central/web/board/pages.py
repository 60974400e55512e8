"""The board and the page of one incident: receipts as they come, who did not obey, and what a person may do next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse, Response

from central.api.desk import Desk
from central.api.gate import needs, within
from central.api.incidents import UNREGISTERED
from central.api.models import incident as models
from central.api.models.autonomy import DispatchOrder, visits_out
from central.control import NoKeyError
from central.core.access import Principal, Right
from central.core.facts import newest
from central.core.incidents import Act, AskedWronglyError, Incident, Phase
from central.core.orders import tally
from central.core.proposals import in_words, marked, rule_behind
from central.core.rationing import TARGET_H
from central.core.refusals import RefusedError
from central.core.scope import ScopeError
from central.forecast import Forecast, NotYetError
from central.redress import release, retry, write_off
from central.store.facts import FactRows
from central.web.answers import Accept, Asked, html, see_other
from central.web.board.incidentview import sort_out
from central.web.board.lists import Call, calls, crew_csv, shared, visits_csv
from central.web.catalogue import CATALOGUES, Catalogue, Lang, choose
from central.web.render import Renderer

Reader = Annotated[Principal, Depends(needs(Right.READ))]
Operator = Annotated[Principal, Depends(needs(Right.SWITCH))]
Why = Annotated[str, Form(max_length=200)]
CLOSED_PER_PAGE: Final = 20
DETAILS_MAX: Final = 80
"""Shelters on the crew list up to which it shows what their computers recorded: the page stays small."""


class Apart(StrEnum):
    """What is done about a shelter that is not registered any more."""

    RELEASE = "release"
    WRITE_OFF = "write_off"


class BoardPages:
    """Makes the pages."""

    def __init__(
        self,
        desk: Desk,
        forecast: Forecast,
        facts: FactRows,
        renderer: Renderer,
        *,
        advised: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """``advised``: active incidents whose alert does not stand any more."""
        self.desk = desk
        self._advised = advised
        self._forecast = forecast
        self._facts = facts
        self._renderer = renderer

    def _page(self, name: str, who: Principal, lang: Lang, *, here: str, **values: Any) -> str:
        sites = self.desk.sites().values()
        is_english = lang is Lang.EN
        frame: dict[str, Any] = {
            "synthetic": any(site.synthetic for site in sites),
            "ward_names": {site.ward: site.ward_en if is_english and site.ward_en else site.ward for site in sites},
            "names": {site.id: site.name_en if is_english and site.name_en else site.name for site in sites},
            "rules": {one.incident.id: one.rule for one in marked(self.desk.control.incidents.values())},
            "advised": self._advised(),
            "by": partial(_by, words=CATALOGUES[lang]),
            "reason": lambda why: in_words(why)[is_english],
            "now_ms": self.desk.control.now(),
        }
        return self._renderer.page(name, CATALOGUES[lang], who=who, here=here, **frame, **values)

    async def board(self, who: Principal, lang: Lang, offset: int = 0, *, wrong: str = "") -> str:
        """Everything that is on, the most urgent first; closed ones below."""
        found = sorted(self.desk.control.incidents.values(), key=lambda one: (-one.declared.at_ms, one.id))
        closed = [one for one in found if one.phase is Phase.CLOSED]
        # Counting a closed one's shelters reads its receipts again, and nobody asks for that in a list.
        shown = [models.IncidentOut(**models.incident_out(one, tally(()))) for one in closed[offset:][:CLOSED_PER_PAGE]]
        briefs = [await self.desk.brief(one) for one in found if one.phase is not Phase.CLOSED]
        on = {phase: [one for one in briefs if one.phase is phase] for phase in Phase}
        return self._page(
            "board.html",
            who,
            lang,
            here="/board",
            active=on[Phase.ACTIVE],
            declared=on[Phase.DECLARED],
            standing_down=on[Phase.STANDING_DOWN],
            closed=shown,
            closed_total=len(closed),
            offset=offset,
            per_page=CLOSED_PER_PAGE,
            crew=len(self.desk.crew().shelters),
            removed=self.desk.removed().shelters,
            acts=list(Apart),
            wrong=wrong,
            may_apart=who.may(Right.SWITCH, [UNREGISTERED]),
            may=Right.SWITCH in who.rights,
        )

    async def incident(self, who: Principal, lang: Lang, incident: Incident, *, wrong: str = "") -> str:
        """One incident."""
        told, again = await self.desk.show(incident), set(self.desk.repeatable(incident))
        preview = None
        if incident.phase is Phase.DECLARED:
            try:
                preview = models.preview_out(self.desk.control.preview(incident.wish, incident.scope))
            except ScopeError:
                wrong = wrong or "board_wrong_scope"
        return self._page(
            "board_incident.html",
            who,
            lang,
            here=f"/board/{incident.id}",
            one=told,
            found=sort_out(told.shelters, lang, is_holding=incident.phase in {Phase.DECLARED, Phase.ACTIVE}),
            out=self.desk.control.out(incident),
            preview=preview,
            wrong=wrong,
            # A person bound to wards sees all of it and may change it only when it lies within them.
            may=who.may(Right.SWITCH, self.desk.wards_of(incident)),
            is_mine=incident.declared.by == who.name,
            two=bool(preview and preview.two_persons),
            again=[one for one in told.shelters if one.site in again],
        )

    async def calls(self, who: Principal, lang: Lang, incident: Incident | None) -> list[Call]:
        """Whom to visit or to telephone, for one incident or all."""
        members = self.desk.crew().shelters
        if incident is not None:
            members = [one for one in members if one.site in incident.sites]
        facts = newest(await self._facts.newest())
        return calls(members, self.desk.sites(), facts, CATALOGUES[lang], is_staff=bool(who.name))

    async def crew(self, who: Principal, lang: Lang, incident: Incident | None) -> str:
        """The crew list, made to be printed."""
        rows = await self.calls(who, lang, incident)
        return self._page(
            "board_crew.html",
            who,
            lang,
            here=f"/board/{incident.id}/crew" if incident else "/board/crew",
            rows=rows,
            shared=shared(rows),
            has_details=len(rows) <= DETAILS_MAX,
            incident=incident,
        )

    async def visits(self) -> DispatchOrder | None:
        """Where a generator or an electric car should go first; ``None``: not worked out yet."""
        try:
            city = await self._forecast.fresh()
        except NotYetError:
            return None
        return visits_out(city.at_ms, TARGET_H, city.visits(target_h=TARGET_H), self.desk.sites())

    async def dispatch(self, who: Principal, lang: Lang) -> str:
        """The same as a page, made to be printed."""
        order = await self.visits()
        return self._page(
            "board_dispatch.html", who, lang, here="/board/dispatch", order=order, sites=self.desk.sites()
        )


def _by(person: str, words: Catalogue) -> str:
    behind = rule_behind(person)
    if behind is None:
        return person
    rule, approver = behind
    return words("board_rule_for", rule=rule, by=approver) if approver else words("board_rule", rule=rule)


def router(pages: BoardPages) -> APIRouter:
    """The routes of the board."""
    routes = APIRouter(prefix="/board", include_in_schema=False)
    _add_lists(routes, pages)
    _add_removed(routes, pages)
    _add_incident(routes, pages)
    return routes


def _add_lists(routes: APIRouter, pages: BoardPages) -> None:
    @routes.get("", response_class=HTMLResponse)
    async def board(
        who: Reader,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.board(who, chosen, offset), chosen)

    @routes.get("/crew", response_class=HTMLResponse)
    async def crew(who: Reader, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.crew(who, chosen, None), chosen)

    @routes.get("/dispatch", response_class=HTMLResponse)
    async def dispatch(who: Reader, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.dispatch(who, chosen), chosen)

    @routes.get("/crew.csv")
    async def crew_file(who: Reader, lang: Asked = None, accept_language: Accept = None) -> Response:
        words = CATALOGUES[choose(lang, accept_language)]
        return _file("crew.csv", crew_csv(await pages.calls(who, words.lang, None), words))

    @routes.get("/dispatch.csv", dependencies=[Depends(needs(Right.READ))])
    async def dispatch_file(lang: Asked = None, accept_language: Accept = None) -> Response:
        words = CATALOGUES[choose(lang, accept_language)]
        order = await pages.visits()
        return _file("dispatch.csv", visits_csv(order.visits if order else (), pages.desk.sites(), words))


def _file(name: str, data: bytes) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Vary": "Accept-Language, Cookie"}
    return Response(data, headers=headers, media_type="text/csv; charset=utf-8")


def _add_incident(routes: APIRouter, pages: BoardPages) -> None:
    desk, control = pages.desk, pages.desk.control

    @routes.get("/{incident_id}", response_class=HTMLResponse)
    async def incident(
        who: Reader, incident_id: str, lang: Asked = None, accept_language: Accept = None
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.incident(who, chosen, desk.find(incident_id)), chosen)

    @routes.get("/{incident_id}/crew", response_class=HTMLResponse)
    async def crew(who: Reader, incident_id: str, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.crew(who, chosen, desk.find(incident_id)), chosen)

    @routes.get("/{incident_id}/crew.csv")
    async def crew_file(who: Reader, incident_id: str, lang: Asked = None, accept_language: Accept = None) -> Response:
        words, found = CATALOGUES[choose(lang, accept_language)], desk.find(incident_id)
        return _file(f"crew-{found.id}.csv", crew_csv(await pages.calls(who, words.lang, found), words))

    async def decided(who: Principal, incident_id: str, lang: Lang, work: Awaitable[Any]) -> Response:
        if wrong := await _wrong(work):
            page = await pages.incident(who, lang, desk.find(incident_id), wrong=wrong)
            return html(page, lang, HTTPStatus.CONFLICT)
        return see_other(f"/board/{incident_id}?lang={lang.value}")

    @routes.post("/{incident_id}/confirm", response_class=HTMLResponse)
    async def confirm(
        who: Operator, incident_id: str, why: Why = "", glass: Annotated[bool, Form()] = False, lang: Asked = None
    ) -> Response:
        within(who, Right.SWITCH, desk.wards(control.sites_in(desk.find(incident_id).scope)))
        work = control.confirm(incident_id, by=who.name, why=why, break_glass=glass)
        return await decided(who, incident_id, choose(lang, None), work)

    @routes.post("/{incident_id}/retry", response_class=HTMLResponse)
    async def again(
        who: Operator,
        incident_id: str,
        site: Annotated[str, Form(max_length=64)] = "",
        why: Why = "",
        lang: Asked = None,
    ) -> Response:
        within(who, Right.SWITCH, desk.wards([site]) or desk.wards_of(desk.find(incident_id)))
        work = retry(control, incident_id, site, by=who.name, why=why)
        return await decided(who, incident_id, choose(lang, None), work)

    @routes.post("/{incident_id}/stand-down", response_class=HTMLResponse)
    async def stand_down(who: Operator, incident_id: str, why: Why = "", lang: Asked = None) -> Response:
        within(who, Right.SWITCH, desk.wards_of(desk.find(incident_id)))
        work = control.end(incident_id, Act.STAND_DOWN, by=who.name, why=why)
        return await decided(who, incident_id, choose(lang, None), work)

    @routes.post("/{incident_id}/close", response_class=HTMLResponse)
    async def close(
        who: Operator, incident_id: str, why: Why = "", anyway: Annotated[bool, Form()] = False, lang: Asked = None
    ) -> Response:
        within(who, Right.SWITCH, desk.wards_of(desk.find(incident_id)))
        work = control.end(incident_id, Act.CLOSE, by=who.name, why=why, anyway=anyway)
        return await decided(who, incident_id, choose(lang, None), work)


async def _wrong(work: Awaitable[Any]) -> str:
    """Why something was not done, as a word of the catalogue; empty: it was."""
    try:
        await work
    except RefusedError as error:
        return f"board_no.{error.no.value}"
    except NoKeyError:
        return "board_no_key"
    except AskedWronglyError:
        return "board_wrong_why"
    return ""


def _add_removed(routes: APIRouter, pages: BoardPages) -> None:
    @routes.post("/removed", response_class=HTMLResponse)
    async def removed(
        who: Operator,
        act: Annotated[Apart, Form()],
        site: Annotated[str, Form(max_length=64)] = "",
        why: Why = "",
        lang: Asked = None,
    ) -> Response:
        within(who, Right.SWITCH, [UNREGISTERED])
        do, chosen = release if act is Apart.RELEASE else write_off, choose(lang, None)
        if wrong := await _wrong(do(pages.desk.control, site, by=who.name, why=why)):
            return html(await pages.board(who, chosen, wrong=wrong), chosen, HTTPStatus.CONFLICT)
        return see_other(f"/board?lang={chosen.value}")
