"""The pages of demand: every shelter's running half hour against its target, and one shelter with its target's form."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from central.api.demand import SiteId, changed, ended, known
from central.api.gate import needs
from central.api.models.demand import EndIn, PlanIn
from central.api.problems import Problem
from central.api.routes import Asker
from central.core.access import Principal, Right
from central.core.peak.now import DemandNow, Level
from central.core.peak.plans import TARGET_W_MAX, TARGET_W_MIN, WHY_CHARS_MAX, Basis
from central.peak import DemandDesk
from central.web import figures
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Catalogue, Lang, choose
from central.web.cityview import name_of, ward_of
from central.web.render import Renderer
from contract.demand import HALF_HOUR_MS, MINUTE_MS, half_hour_ms
from contract.shaving import Proposal

Reader = Annotated[Principal, Depends(needs(Right.READ))]
Ruler = Annotated[Principal, Depends(needs(Right.RULES))]
WhyGiven = Annotated[str, Form(max_length=WHY_CHARS_MAX)]
BAR_MAX: Final = 125.0
"""Per cent of the target at the right end of a bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandShown:
    """One shelter as the pages show it: texts, and where its bar ends in per cent of the drawing."""

    now: DemandNow
    site: str
    name: str
    ward: str
    forecast: str
    span: str
    share: str
    target: str
    state: str
    proposal: str
    why: str
    bar: float
    mark: float
    """Where the target stands on the bar."""


def shown(one: DemandNow, words: Catalogue) -> DemandShown:
    """One shelter in words."""
    ends, plan = one.ends, one.plan
    share = one.share
    return DemandShown(
        now=one,
        site=one.now.site.id,
        name=name_of(one.now, words.lang),
        ward=ward_of(one.now, words.lang),
        forecast=words("demand_kw", kw=figures.kilo(ends.demand_w)) if ends else words("demand_unknown"),
        span=words("demand_range", low=figures.kilo(ends.low_w), high=figures.kilo(ends.high_w)) if ends else "",
        share=words("demand_share", pct=f"{share * 100:.0f}") if share is not None else "",
        target=words("demand_kw", kw=figures.kilo(plan.target_w)) if plan else words("demand_no_plan"),
        state=words(f"demand_level.{one.level.value}"),
        proposal=proposal_of(one.proposal, words),
        why=words(f"demand_why.{one.proposal.why.value}"),
        bar=round(min(BAR_MAX, (share or 0.0) * 100) / BAR_MAX * 100, 1),
        mark=round(100 / BAR_MAX * 100, 1),
    )


def half_hour(now_ms: int, words: Catalogue) -> str:
    """The half hour that runs, and how long it still does."""
    start_ms = half_hour_ms(now_ms)
    end_ms = start_ms + HALF_HOUR_MS
    left_min = (end_ms - now_ms) // MINUTE_MS
    from_at, to_at = (f"{figures.local(at_ms):%H:%M}" for at_ms in (start_ms, end_ms))
    return words("demand_ends", from_at=from_at, to_at=to_at, min=left_min)


def proposal_of(proposal: Proposal, words: Catalogue) -> str:
    """What is proposed, with its power."""
    return words(f"demand_action.{proposal.action.value}", kw=figures.kilo(proposal.power_w))


def router(desk: DemandDesk, asker: Asker, renderer: Renderer) -> APIRouter:
    """The pages and their forms."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/demand", response_class=HTMLResponse)
    async def every(who: Reader, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        words, found, now_ms = CATALOGUES[chosen], desk.all(), desk.now()
        ranked = sorted(found, key=lambda one: -(one.share or 0))
        by_level = ((level, [shown(one, words) for one in ranked if one.level is level]) for level in Level)
        text = renderer.page(
            "demand.html",
            words,
            who=who,
            here="/demand",
            synthetic=any(one.now.site.synthetic for one in found),
            groups=[(level, group) for level, group in by_level if group],
            now_ms=now_ms,
            half_hour=half_hour(now_ms, words),
            counts={
                "planned": sum(one.plan is not None for one in found),
                "executing": sum(one.plan is not None and one.plan.executes for one in found),
                "over": sum(one.level is Level.OVER for one in found),
                "unknown": sum(one.level is Level.UNKNOWN for one in found),
            },
        )
        return html(text, chosen)

    def page(who: Principal, site_id: str, lang: Lang, *, done: str = "", wrong: str = "") -> str:
        words = CATALOGUES[lang]
        one = known(desk, asker, site_id)
        return renderer.page(
            "demand_site.html",
            words,
            who=who,
            here=f"/demand/{one.now.site.id}",
            synthetic=one.now.site.synthetic,
            view=shown(one, words),
            one=one,
            half_hour=half_hour(one.at_ms, words),
            now_ms=one.at_ms,
            may_rule=who.may(Right.RULES, {one.now.site.ward}),
            bases=list(Basis),
            low_kw=TARGET_W_MIN / 1_000,
            high_kw=TARGET_W_MAX / 1_000,
            why_max=WHY_CHARS_MAX,
            done=done,
            wrong=wrong,
        )

    @routes.get("/demand/{site_id}", response_class=HTMLResponse)
    async def show(
        who: Reader,
        site_id: SiteId,
        lang: Asked = None,
        accept_language: Accept = None,
        done: Annotated[str, Query(pattern="^(demand_done|demand_ended)?$")] = "",
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(page(who, site_id, chosen, done=done), chosen)

    @routes.post("/demand/{site_id}", response_class=HTMLResponse)
    async def set_plan(
        who: Ruler,
        site_id: SiteId,
        target_kw: Annotated[float, Form()] = 0.0,
        basis: Annotated[Basis, Form()] = Basis.HAND,
        executes: Annotated[bool, Form()] = False,
        recharges: Annotated[bool, Form()] = False,
        why: WhyGiven = "",
        lang: Asked = None,
    ) -> Response:
        chosen = choose(lang, None)
        try:
            body = PlanIn(target_w=target_kw * 1_000, basis=basis, executes=executes, recharges=recharges, why=why)
        except ValidationError:
            wrong = f"{CATALOGUES[chosen]('demand_target_label')}: {TARGET_W_MIN / 1e3:g}–{TARGET_W_MAX / 1e3:g}"
            return html(page(who, site_id, chosen, wrong=wrong), chosen, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            await changed(desk, asker, site_id, body, who)
        except Problem as problem:
            if problem.status is HTTPStatus.NOT_FOUND:
                raise
            return html(page(who, site_id, chosen, wrong=problem.detail), chosen, HTTPStatus(problem.status))
        return see_other(f"/demand/{site_id}?lang={chosen.value}&done=demand_done")

    @routes.post("/demand/{site_id}/end", response_class=HTMLResponse)
    async def end(who: Ruler, site_id: SiteId, why: WhyGiven = "", lang: Asked = None) -> Response:
        chosen = choose(lang, None)
        await ended(desk, asker, site_id, EndIn(why=why), who)
        return see_other(f"/demand/{site_id}?lang={chosen.value}&done=demand_ended")

    return routes
