"""The rules that propose incidents: what each waits for and does, when it last led to something, how sources are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from central.api.gate import needs
from central.control import Control
from central.core.access import Principal, Right
from central.core.alerts.places import Places
from central.core.alerts.rules import Rule, said, said_ja
from central.core.incidents import Incident
from central.core.proposals import marked
from central.core.triggers import Proposal
from central.feeds.desk import AlertDesk
from central.web.answers import Accept, Asked, html
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.render import Renderer

Reader = Annotated[Principal, Depends(needs(Right.READ))]
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class RuleShown:
    """One rule. ``wards``: empty: all."""

    rule: Rule
    when: str
    wards: tuple[str, ...]
    expires_h: float
    now: list[Proposal]
    """What it asks for now."""
    last: Incident | None
    """The newest incident that it declared."""


def shown(rule: Rule, places: Places, proposals: list[Proposal], declared: list[Incident], lang: Lang) -> RuleShown:
    """A rule as the page shows it. ``declared``: incidents of this rule."""
    wards = () if set(rule.wards) == set(places.names) else places.named(rule.wards)
    return RuleShown(
        rule=rule,
        when=said_ja(rule.when) if lang is Lang.JA else said(rule.when),
        wards=tuple(ward.name if lang is Lang.JA else ward.en for ward in wards),
        expires_h=rule.expires_ms / HOUR_MS,
        now=[one for one in proposals if one.rule == rule.name],
        last=max(declared, key=lambda one: one.declared.at_ms, default=None),
    )


def router(desk: AlertDesk | None, control: Control, renderer: Renderer) -> APIRouter:
    """The route. ``desk``: ``None`` when the service has no rules."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/rules", response_class=HTMLResponse)
    async def rules(who: Reader, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        found = []
        if desk is not None:
            settled, known = desk.settled, marked(control.incidents.values())
            for rule in settled.rules:
                declared = [one.incident for one in known if one.rule == rule.name]
                found.append(shown(rule, settled.places, desk.proposals, declared, chosen))
        page = renderer.page(
            "rules.html", CATALOGUES[chosen], who=who, here="/rules", desk=desk, rules=found, now_ms=control.now()
        )
        return html(page, chosen)

    return routes
