"""What staff say of a shelter and what it was ordered: read for its page, and changed by its form."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from central.api.desk import Desk
from central.api.gate import needs, within
from central.core.access import Principal, Right
from central.core.audit import Action, Decision
from central.core.facts import Fact, FactName, newest
from central.store.facts import FactRows
from central.web import siteview_facts
from central.web.answers import Asked, html, see_other
from central.web.catalogue import choose
from central.web.pages import Pages
from central.web.siteview_page import Told

FACTS_READ_MAX: Final = 1_000
FIELD_CHARS_MAX: Final = 1_000
Teller = Annotated[Principal, Depends(needs(Right.TELL))]


class SiteTold:
    """What the records say of shelters."""

    def __init__(self, facts: FactRows, desk: Desk, now: Callable[[], int]) -> None:
        self._facts = facts
        self._desk = desk
        self._now = now

    async def of(self, site: str) -> Told:
        """Facts and orders of one shelter.

        Raises:
            StoreError: the records do not answer.
        """
        said = await self._facts.of_site(site, limit=FACTS_READ_MAX)
        standing = self._desk.control.fleet.standing(site, self._now())
        return Told(
            facts=newest(reversed(said)).get(site, {}),
            orders=await self._desk.orders(site),
            standing=standing.order.desired.standing if standing else None,
        )

    async def tell(self, site: str, pairs: list[tuple[FactName, str]], *, by: str) -> None:
        """Keep facts, and that they were changed; the book of decisions names them and holds no telephone number.

        Raises:
            StoreError: the records do not answer.
        """
        at_ms = self._now()
        await self._facts.add([Fact(site=site, name=name, value=value, by=by, at_ms=at_ms) for name, value in pairs])
        detail = {"facts": ",".join(sorted(name.value for name, _ in pairs))}
        said = Decision(at_ms=at_ms, by=by, action=Action.FACTS_SAID, site=site, detail=detail)
        await self._desk.control.decisions.decide([said])


def router(told: SiteTold, pages: Pages) -> APIRouter:
    """The form of facts on a shelter's page."""
    routes = APIRouter(include_in_schema=False)
    pages.told = told.of

    @routes.post("/sites/{site_id}/facts", response_class=HTMLResponse)
    async def tell(site_id: str, who: Teller, request: Request, lang: Asked = None) -> Response:
        chosen = choose(lang, None)
        ward = pages.find(site_id).site.ward
        within(who, Right.TELL, [ward])
        async with request.form(max_files=0, max_fields=100) as given:
            form = {name: str(text)[:FIELD_CHARS_MAX] for name, text in given.items()}
        asked = siteview_facts.changes(form, who, ward)
        if asked.wrong:
            tried: dict[str, str] = {name.value: form[name.value] for name in FactName if name.value in form}
            return html(
                await pages.site(site_id, chosen, who, tried=tried, wrong=asked.wrong), chosen, HTTPStatus.BAD_REQUEST
            )
        if asked.pairs:
            await told.tell(site_id, list(asked.pairs), by=who.name)
        return see_other(f"/sites/{site_id}?lang={chosen.value}&saved={int(bool(asked.pairs))}#facts")

    return routes
