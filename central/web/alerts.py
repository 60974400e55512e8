"""The page of alerts: what goes on, who takes care of it, what is over, by which rules; and one alert's history."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Path, Query
from fastapi.responses import HTMLResponse, Response

from central.api.alerts import acknowledged, found_alert, resolved
from central.api.gate import needs
from central.api.problems import Problem
from central.core.access import Principal, Right
from central.core.city import Queries
from central.core.watch.alerts import WHY_CHARS_MAX
from central.watch.loop import Watch
from central.web import alertview
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.render import Renderer

OVER_SHOWN: Final = 30
WHOLE_SHOWN: Final = 15
"""Alerts that are shown with all about them. More are grouped by cause, with a line for each, so that the page can be
read on a telephone and stays light."""
OVER_SHOWN_BESIDE_MANY: Final = 8
AT_ONCE_MAX: Final = 500
"""Alerts that are acknowledged with one form."""
MISSED_SHOWN: Final = 20
OLD_MS: Final = 300_000
"""A look so long ago is said to be old."""
HOURS: Final = (8, 24, 72, 168, 0)
"""For how long somebody takes care of an alert; 0: until it is over."""
Reader = Annotated[Principal, Depends(needs(Right.READ))]
Teller = Annotated[Principal, Depends(needs(Right.TELL))]
AlertId = Annotated[str, Path(pattern=r"^A[1-9][0-9]{0,15}$")]
Why = Annotated[str, Form(max_length=WHY_CHARS_MAX)]


def router(watch: Watch, queries: Queries, renderer: Renderer) -> APIRouter:
    """The pages and their forms."""
    routes = APIRouter(include_in_schema=False)

    async def page(who: Principal, lang: Lang, *, done: tuple[str, str | int] | None = None, wrong: str = "") -> str:
        words, seen = CATALOGUES[lang], watch.seen
        sites = {now.site.id: now for now in queries.now().sites}
        views = alertview.ordered([alertview.view(one, sites, seen, who, words) for one in watch.alerts])
        is_many = len(views) > WHOLE_SHOWN
        full = alertview.in_full(views) if is_many else views
        shown = {one.alert.n for one in full}
        limit = OVER_SHOWN_BESIDE_MANY if is_many else OVER_SHOWN
        over = [alertview.view(one, sites, None, who, words) for one in await watch.rows.over(limit=limit)]
        return renderer.page(
            "alerts.html",
            words,
            who=who,
            here="/alerts",
            synthetic=any(now.site.synthetic for now in sites.values()),
            now_ms=watch.now(),
            seen_ms=seen.at_ms if seen else 0,
            is_old=seen is not None and watch.now() - seen.at_ms > OLD_MS,
            trouble=watch.trouble,
            counts=alertview.counts(watch.alerts),
            views=full,
            groups=alertview.grouped([one for one in views if one.alert.n not in shown], lang),
            over=over,
            is_over_short=is_many and len(over) == limit,
            lasted=alertview.lasted,
            rules=alertview.rule_views(watch.rules, lang),
            rules_fault=watch.file.fault.splitlines(),
            hours=HOURS,
            why_max=WHY_CHARS_MAX,
            done=words(done[0], id=done[1], n=done[1]) if done else "",
            wrong=wrong,
        )

    @routes.get("/alerts", response_class=HTMLResponse)
    async def show(
        who: Reader,
        lang: Asked = None,
        accept_language: Accept = None,
        acked: Annotated[str, Query(pattern="^(A[0-9]{1,16})?$")] = "",
        settled: Annotated[str, Query(pattern="^(A[0-9]{1,16})?$")] = "",
        many: Annotated[int, Query(ge=0, le=AT_ONCE_MAX)] = 0,
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        told: tuple[tuple[str, str | int], ...] = (
            ("alerts_done_ack", acked),
            ("alerts_done_resolve", settled),
            ("alerts_done_many", many),
        )
        done = next((each for each in told if each[1]), None)
        return html(await page(who, chosen, done=done), chosen)

    @routes.get("/alerts/{alert_id}", response_class=HTMLResponse)
    async def one(who: Reader, alert_id: AlertId, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        words = CATALOGUES[chosen]
        alert = await found_alert(watch, alert_id)
        sites = {now.site.id: now for now in queries.now().sites}
        text = renderer.page(
            "alert.html",
            words,
            who=who,
            here=f"/alerts/{alert_id}",
            synthetic=any(now.site.synthetic for now in sites.values()),
            now_ms=watch.now(),
            view=alertview.view(alert, sites, watch.seen if alert.is_open else None, who, words),
            steps=await watch.rows.steps(alert.n),
            hours=HOURS,
            why_max=WHY_CHARS_MAX,
        )
        return html(text, chosen)

    @routes.post("/alerts/ack", response_class=HTMLResponse)
    async def ack_many(
        who: Teller,
        alerts: Annotated[str, Form(pattern=r"^A[1-9][0-9]{0,15}( A[1-9][0-9]{0,15})*$", max_length=9_000)],
        hours: Annotated[int, Form(ge=0, le=720)] = 24,
        why: Why = "",
        lang: Asked = None,
    ) -> Response:
        """All that stood in the form, and none that has come since: nobody acknowledges what they did not see."""
        chosen = choose(lang, None)
        done, missed = 0, []
        for alert_id in alerts.split()[:AT_ONCE_MAX]:
            try:
                await acknowledged(watch, alert_id, who, who.name, hours or None, why)
                done += 1
            except Problem:
                missed.append(alert_id)
        if missed:
            said = CATALOGUES[chosen]("alerts_wrong_many", n=len(missed), ids=", ".join(missed[:MISSED_SHOWN]))
            told = ("alerts_done_many", done) if done else None
            return html(await page(who, chosen, done=told, wrong=said), chosen, HTTPStatus.CONFLICT)
        return see_other(f"/alerts?lang={chosen.value}&many={done}")

    @routes.post("/alerts/{alert_id}/ack", response_class=HTMLResponse)
    async def ack(
        who: Teller,
        alert_id: AlertId,
        hours: Annotated[int, Form(ge=0, le=720)] = 24,
        why: Why = "",
        lang: Asked = None,
    ) -> Response:
        chosen = choose(lang, None)
        try:
            await acknowledged(watch, alert_id, who, who.name, hours or None, why)
        except Problem as problem:
            return html(await page(who, chosen, wrong=problem.detail), chosen, HTTPStatus(problem.status))
        return see_other(f"/alerts?lang={chosen.value}&acked={alert_id}")

    @routes.post("/alerts/{alert_id}/resolve", response_class=HTMLResponse)
    async def resolve(who: Teller, alert_id: AlertId, why: Why = "", lang: Asked = None) -> Response:
        chosen = choose(lang, None)
        try:
            await resolved(watch, alert_id, who, who.name, why)
        except Problem as problem:
            return html(await page(who, chosen, wrong=problem.detail), chosen, HTTPStatus(problem.status))
        return see_other(f"/alerts?lang={chosen.value}&settled={alert_id}")

    return routes
