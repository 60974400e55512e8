"""``/public-status``: staff say what citizens read of shelters, one by one or a whole ward at once."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from central.api.gate import needs
from central.api.problems import Problem
from central.core.access import Principal, Right
from central.core.city import Site
from central.core.publication import (
    LANGS,
    NOTE_CHARS_MAX,
    Crowding,
    Openness,
    Service,
    Statement,
    StatementError,
)
from central.public.desk import PublicDesk
from central.public.telling import Said, tell_site, tell_ward
from central.public.views import power_text
from central.public.words import NAMES, WORDS
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.errors import PageError
from central.web.render import Renderer

Reader = Annotated[Principal, Depends(needs(Right.READ))]
Teller = Annotated[Principal, Depends(needs(Right.TELL))]
Ward = Annotated[str, Query(max_length=60)]
Saved = Annotated[int | None, Query(ge=0, le=100_000)]
FIELD_CHARS_MAX: Final = 2_000
HISTORY_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A shelter of the list, and what staff say of it."""

    site: Site
    said: Statement | None


class StatusPages:
    """List and form."""

    def __init__(self, desk: PublicDesk, renderer: Renderer) -> None:
        self._desk = desk
        self._renderer = renderer

    def overview(self, who: Principal, lang: Lang, ward: str, saved: int | None) -> str:
        """All shelters of a ward, or of the city."""
        sites = self._desk.sites()
        wards = {site.ward: site.ward_en for site in sorted(sites, key=lambda site: site.id)}
        shown = [site for site in sites if not ward or site.ward == ward]
        rows = [Row(site=site, said=self._desk.told.get(site.id)) for site in shown]
        counts = {
            each: sum((row.said.opening if row.said else Openness.UNKNOWN) is each for row in rows) for each in Openness
        }
        return self._renderer.page(
            "public_status.html",
            CATALOGUES[lang],
            who=who,
            here="/public-status",
            query=f"ward={ward}" if ward else "",
            rows=rows,
            wards=wards,
            ward=ward,
            own_wards=[each for each in wards if not who.wards or each in who.wards],
            counts=counts,
            openness=(Openness.OPEN, Openness.FULL, Openness.CLOSED, Openness.UNKNOWN),
            services=self.services,
            saved=saved,
            may_tell=Right.TELL in who.rights,
            synthetic=any(site.synthetic for site in sites),
            name_of=lambda site: site.name if lang is Lang.JA else site.name_en or site.name,
        )

    async def form(
        self,
        who: Principal,
        lang: Lang,
        site_id: str,
        *,
        saved: int | None = None,
        tried: Said | None = None,
        wrong: StatementError | None = None,
    ) -> str:
        """One shelter: what citizens read now, the form, and what was said before."""
        site = self.site(site_id)
        said = self._desk.told.get(site_id)
        edition = await self._desk.edition()
        shown = next((one for one in edition.shelters if one.id == site_id), None)
        return self._renderer.page(
            "public_status_site.html",
            CATALOGUES[lang],
            who=who,
            here=f"/public-status/{site_id}",
            site=site,
            said=said,
            shown=shown,
            public=WORDS[lang.value],
            power=power_text(WORDS[lang.value], shown, edition.at_ms) if shown and shown.power else "",
            tried=tried or _as_it_is(said),
            wrong=wrong,
            saved=saved,
            openness=(Openness.OPEN, Openness.FULL, Openness.CLOSED, Openness.UNKNOWN),
            crowdings=tuple(Crowding),
            services=self.services,
            langs=LANGS,
            lang_names=NAMES,
            note_max=NOTE_CHARS_MAX,
            history=await self._desk.rows.of_site(site_id, limit=HISTORY_SHOWN),
            may_tell=who.may(Right.TELL, [site.ward]),
            synthetic=site.synthetic,
            title=site.name if lang is Lang.JA else site.name_en or site.name,
            ward=site.ward if lang is Lang.JA else site.ward_en or site.ward,
        )

    @property
    def services(self) -> tuple[Service, ...]:
        """What the policy lets shelters offer."""
        return tuple(service for service in Service if service in self._desk.policy.tiers)

    def site(self, site_id: str) -> Site:
        """A shelter.

        Raises:
            PageError: there is none.
        """
        for site in self._desk.sites():
            if site.id == site_id:
                return site
        raise PageError(HTTPStatus.NOT_FOUND, "error_site", asked=site_id[:40])


def _as_it_is(said: Statement | None) -> Said:
    if said is None:
        return Said(opening=Openness.UNKNOWN.value)
    return Said(
        opening=said.opening.value,
        crowding=said.crowding.value,
        services=frozenset(service.value for service in said.services),
        notes=said.notes,
    )


async def _form_of(request: Request) -> Said:
    async with request.form(max_files=0, max_fields=60) as given:
        return Said(
            opening=str(given.get("opening", ""))[:FIELD_CHARS_MAX],
            crowding=str(given.get("crowding", ""))[:FIELD_CHARS_MAX],
            services=frozenset(str(one)[:FIELD_CHARS_MAX] for one in given.getlist("services")),
            notes={tag: str(given.get(f"note-{tag}", ""))[:FIELD_CHARS_MAX] for tag in LANGS},
        )


def router(desk: PublicDesk, renderer: Renderer) -> APIRouter:
    """The pages and their forms."""
    routes = APIRouter(prefix="/public-status", include_in_schema=False)
    pages = StatusPages(desk, renderer)

    @routes.get("", response_class=HTMLResponse)
    async def show(
        who: Reader, ward: Ward = "", saved: Saved = None, lang: Asked = None, accept_language: Accept = None
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(pages.overview(who, chosen, ward.strip(), saved), chosen)

    @routes.post("", response_class=HTMLResponse)
    async def ward(who: Teller, request: Request, lang: Asked = None) -> Response:
        chosen = choose(lang, None)
        async with request.form(max_files=0, max_fields=30) as given:
            name, opening = str(given.get("ward", ""))[:60], str(given.get("opening", ""))[:60]
            services = frozenset(map(str, given.getlist("services"))) if given.get("set_services") else None
        try:
            changed = await tell_ward(desk, who, who.name, name, opening, services)
        except StatementError as error:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, "Not a state of a shelter", str(error), where=f"form: {error.part}"
            ) from None
        return see_other(f"/public-status?ward={name}&lang={chosen.value}&saved={changed}")

    @routes.get("/{site_id}", response_class=HTMLResponse)
    async def one(
        who: Reader, site_id: str, saved: Saved = None, lang: Asked = None, accept_language: Accept = None
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.form(who, chosen, site_id, saved=saved), chosen)

    @routes.post("/{site_id}", response_class=HTMLResponse)
    async def tell(who: Teller, site_id: str, request: Request, lang: Asked = None) -> Response:
        chosen = choose(lang, None)
        site = pages.site(site_id)
        tried = await _form_of(request)
        try:
            changed = await tell_site(desk, who, who.name, site, tried)
        except StatementError as error:
            page = await pages.form(who, chosen, site_id, tried=tried, wrong=error)
            return html(page, chosen, HTTPStatus.BAD_REQUEST)
        return see_other(f"/public-status/{site_id}?lang={chosen.value}&saved={changed}")

    return routes
