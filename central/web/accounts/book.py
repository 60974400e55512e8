"""The book of decisions as a page: who decided what, and whether the chain is whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from central.api.gate import needs
from central.core.access import Principal, Right
from central.core.audit import Action, Entry, first_fault
from central.store.decisions import Decisions
from central.web.answers import Accept, Asked, html
from central.web.catalogue import CATALOGUES, choose
from central.web.render import Renderer

PER_PAGE: Final = 100
Filter = Annotated[str, Query(max_length=200)]


def chosen_of(entries: Sequence[Entry], by: str, action: str, text: str) -> list[Entry]:
    """Entries that fit what was asked for, the newest first."""
    return [
        entry
        for entry in reversed(entries)
        if (not by or by in entry.decision.by)
        and (not action or entry.decision.action.value == action)
        and (not text or text in (entry.decision.incident, entry.decision.site) or text in entry.decision.why)
    ]


def router(decisions: Decisions, renderer: Renderer) -> APIRouter:
    """The page."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/audit", response_class=HTMLResponse)
    async def audit(
        who: Annotated[Principal, Depends(needs(Right.READ))],
        by: Filter = "",
        action: Filter = "",
        text: Filter = "",
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        book = await decisions.book()
        found = chosen_of(book, by.strip(), action.strip(), text.strip())
        asked = {name: value for name, value in (("by", by), ("action", action), ("text", text)) if value.strip()}
        page = renderer.page(
            "audit.html",
            CATALOGUES[chosen],
            who=who,
            here="/audit",
            query=urlencode({**asked, "offset": offset} if offset else asked),
            entries=found[offset : offset + PER_PAGE],
            detail=lambda entry: json.dumps(entry.decision.detail, ensure_ascii=False) if entry.decision.detail else "",
            total=len(found),
            offset=offset,
            per_page=PER_PAGE,
            older=urlencode({**asked, "offset": offset + PER_PAGE, "lang": chosen.value}),
            newer=urlencode({**asked, "offset": max(0, offset - PER_PAGE), "lang": chosen.value}),
            fault=first_fault(book),
            newest=book[-1].hash if book else "",
            actions=list(Action),
            by=by,
            action=action,
            text=text,
        )
        return html(page, chosen)

    return routes
