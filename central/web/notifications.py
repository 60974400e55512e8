"""The page of notifications: what is going on and who has seen it, what was sent, people and rules as loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse, Response

from central.api.gate import for_everybody, needs
from central.api.problems import Problem
from central.core.access import Principal, Right
from central.core.audit import Action, Decision
from central.core.city import Queries, SiteNow
from central.core.hooks import SEVERITIES
from central.core.notify.cases import Case
from central.core.notify.delivery import Delivery, State
from central.core.notify.people import Quiet, RuleBook
from central.notify import tickets
from central.notify.desk import acknowledge
from central.notify.messages import headline
from central.notify.room import NotifyRoom
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Catalogue, Lang, choose
from central.web.render import Renderer

LOG_SHOWN: Final = 50
CASES_SHOWN: Final = 20
Reader = Annotated[Principal, Depends(needs(Right.READ))]
Teller = Annotated[Principal, Depends(needs(Right.TELL))]
Ruler = Annotated[Principal, Depends(needs(Right.RULES))]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """One case as the page shows it."""

    case: Case
    headline: str
    told: tuple[str, ...]
    acked: tuple[tuple[str, int], ...]
    """Who and when."""
    waits_ms: int
    is_exhausted: bool
    """Nobody has acknowledged, and nobody is left to tell."""


def case_view(case: Case, book: RuleBook, sites: Mapping[str, SiteNow], words: Catalogue) -> CaseView:
    """A case in words."""
    told = [book.people[who].name if who in book.people else who for who, one in case.told.items() if one.messages]
    waiting = [(id_, run) for id_, run in case.runs.items() if run.since_ms and id_ in book.rules]
    return CaseView(
        case=case,
        headline=headline(case, case.open_items or case.items, sites, words),
        told=tuple(told),
        acked=tuple((ack.by, ack.at_ms) for ack in case.acks),
        waits_ms=case.waits_ms,
        is_exhausted=bool(waiting) and all(run.step + 1 >= len(book.rules[id_].steps) for id_, run in waiting),
    )


def clock_of(quiet: Quiet) -> tuple[str, str]:
    """Quiet hours as times of day."""
    first, last = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in (quiet.from_min, quiet.to_min))
    return first, last


def router(room: NotifyRoom, queries: Queries, renderer: Renderer) -> APIRouter:
    """The page, its forms, and the page behind the link in a message."""
    routes = APIRouter(include_in_schema=False)
    desk, rows = room.desk, room.desk.rows

    async def cases() -> list[Case]:
        return await rows.newest_cases(limit=CASES_SHOWN)

    async def page(
        who: Principal,
        lang: Lang,
        *,
        dead: bool = False,
        retried: int | None = None,
        tested: list[Delivery] | None = None,
    ) -> str:
        words, book = CATALOGUES[lang], desk.rules.book
        sites = {now.site.id: now for now in queries.now().sites}
        counts = await rows.counts()
        return renderer.page(
            "notifications.html",
            words,
            who=who,
            here="/notifications",
            query="dead=true" if dead else "",
            cases=[case_view(one, book, sites, words) for one in sorted(await cases(), key=_urgency)],
            synthetic=any(now.site.synthetic for now in sites.values()),
            log=await rows.log(limit=LOG_SHOWN, only_dead=dead),
            counts={state.value: counts.get(state, 0) for state in State},
            shown=LOG_SHOWN,
            dead=dead,
            book=book,
            clock_of=clock_of,
            is_on=desk.rules.path is not None,
            fault=desk.rules.fault,
            has_links=desk.has_links,
            may_tell=Right.TELL in who.rights,
            may_rule=Right.RULES in who.rights,
            retried=retried,
            tested=tested,
        )

    @routes.get("/notifications", response_class=HTMLResponse)
    async def show(
        who: Reader,
        dead: bool = False,
        retried: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await page(who, chosen, dead=dead, retried=retried), chosen)

    @routes.post("/notifications/ack", response_class=HTMLResponse)
    async def ack(who: Teller, case: Annotated[str, Form(max_length=60)], lang: Asked = None) -> Response:
        found = await rows.case(case)
        if found is None:
            raise _unknown("case", case)
        await acknowledge(rows, found, person="", by=who.name, now_ms=desk.now(), how="page")
        await desk.look()
        return see_other(f"/notifications?lang={choose(lang, None).value}")

    @routes.post("/notifications/test", response_class=HTMLResponse)
    async def test(who: Ruler, person: Annotated[str, Form(max_length=30)], lang: Asked = None) -> HTMLResponse:
        chosen = choose(lang, None)
        known = desk.rules.book.people.get(person)
        if known is None:
            raise _unknown("person", person)
        return html(await page(who, chosen, tested=await room.post.test(known, by=who.name)), chosen)

    @routes.post("/notifications/retry", response_class=HTMLResponse)
    async def retry(who: Ruler, lang: Asked = None) -> Response:
        decision = Decision(at_ms=desk.now(), by=who.name, action=Action.NOTIFY_RETRIED)
        asked = await rows.again(None, decision)
        room.post.ring()
        return see_other(f"/notifications?lang={choose(lang, None).value}&retried={asked}")

    async def behind(ticket: str, lang: Lang) -> tuple[Case | None, HTMLResponse]:
        """The case that may be acknowledged by a ticket, and the page that says how it stands."""
        words, book = CATALOGUES[lang], desk.rules.book
        found = tickets.opened(room.key, ticket)
        case = await rows.case(found.case) if found else None
        is_late = found is not None and desk.now() > found.until_ms
        acks = await rows.acks_of(case.id) if case else []
        sites = {now.site.id: now for now in queries.now().sites}
        view = case_view(case, book, sites, words) if case and not is_late else None
        person = book.people.get(found.person) if found else None
        body = renderer.page(
            "ack.html",
            words,
            who=None,
            here=f"/ack/{ticket}" if found else "/notifications",
            wrong="ack_unknown" if found is None else "ack_expired" if is_late else "" if case else "ack_gone",
            until_ms=found.until_ms if found else 0,
            view=view,
            person_name=person.name if person else found.person if found else "",
            acks=acks,
            synthetic=any(now.site.synthetic for now in sites.values()),
            open_ms=case.waits_ms if case else 0,
        )
        status = HTTPStatus.OK if view else HTTPStatus.GONE if found else HTTPStatus.NOT_FOUND
        return (case if view else None), html(body, lang, status)

    @routes.get("/ack/{ticket}", response_class=HTMLResponse, dependencies=[Depends(for_everybody)])
    async def ask(ticket: str, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        # Only looks: what fetches links of messages beforehand acknowledges nothing.
        return (await behind(ticket, choose(lang, accept_language)))[1]

    @routes.post("/ack/{ticket}", response_class=HTMLResponse, dependencies=[Depends(for_everybody)])
    async def take(ticket: str, lang: Asked = None) -> Response:
        chosen = choose(lang, None)
        case, refused = await behind(ticket, chosen)
        found = tickets.opened(room.key, ticket)
        if case is None or found is None:
            return refused
        known = desk.rules.book.people.get(found.person)
        before = [one for one in await rows.acks_of(case.id) if one.person == found.person]
        # Who presses twice has acknowledged once, unless more was told in between.
        if not before or case.waits_ms > before[-1].at_ms:
            by = known.name if known else found.person
            await acknowledge(rows, case, person=found.person, by=by, now_ms=desk.now(), how="message")
            await desk.look()
        return see_other(f"/ack/{ticket}?lang={chosen.value}")

    return routes


def _urgency(case: Case) -> tuple[bool, int, bool, int]:
    """What goes on first; then the gravest, what waits for an answer, and the newest before the others."""
    return bool(case.ended_ms), -SEVERITIES.index(case.severity), not case.waits_ms, -case.begun_ms


def _unknown(what: str, said: str) -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND,
        f"Unknown {what}",
        f"There is no {what} {said[:60]!r}.",
        where=f"form: {what}",
        attempt="Open /notifications, which shows all.",
    )
