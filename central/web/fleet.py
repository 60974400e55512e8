"""The page of fleet health: what is not well, and what to do about it; the same as a file for a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse

from central.api.completeness import CompletenessKeeper
from central.api.gate import needs
from central.core.access import Principal, Right
from central.core.city import DeadLetter, Queries
from central.store.base import StoreError
from central.web import fleetview
from central.web.answers import Accept, Asked, html
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.cityview import in_wards, name_of, ward_of
from central.web.errors import PageError
from central.web.render import Renderer
from central.web.sheet import sheet

log = structlog.get_logger(__name__)
LETTERS_LOOKED_AT: Final = 1_000
"""Newest letters that are grouped."""
Ward = Annotated[str, Query(max_length=100)]
Reader = Annotated[Principal, Depends(needs(Right.READ))]


class FleetPages:
    """Makes the page and the file."""

    def __init__(
        self, queries: Queries, renderer: Renderer, keeper: CompletenessKeeper, clock: Callable[[], int]
    ) -> None:
        self._queries = queries
        self._renderer = renderer
        self._keeper = keeper
        self._clock = clock

    async def page(self, who: Principal, lang: Lang, ward: str) -> str:
        """The page, of the whole city or of one ward.

        Raises:
            PageError: there is no such ward.
        """
        words = CATALOGUES[lang]
        letters = await self._letters()
        now = self._now(lang, ward, letters or ())
        everywhere = self._queries.now().sites
        wards = {name: ward_of(found[0], lang) for name, found in in_wards(everywhere).items()}
        latest = self._keeper.latest
        lists = fleetview.listings(now, words)
        told = {one.key for one in lists if one.rows or (one.key == "letters" and letters is None)}
        return self._renderer.page(
            "fleet.html",
            words,
            who=who,
            here="/fleet",
            query=f"ward={ward}" if ward else "",
            synthetic=any(one.site.synthetic for one in everywhere),
            now_ms=now.at_ms,
            ward=ward,
            wards=wards,
            total=len(now.shelters),
            lists=lists,
            told=told,
            well=[one for one in lists if one.key not in told],
            days=fleetview.days(latest, now.shelters, words),
            days_ms=latest.at_ms if latest else None,
            stages_now=fleetview.counts(now.shelters),
            letters_failed=letters is None,
            letters_max=LETTERS_LOOKED_AT,
        )

    def file(self, lang: Lang, ward: str) -> bytes:
        """The file.

        Raises:
            PageError: there is no such ward.
        """
        words = CATALOGUES[lang]
        return sheet(
            fleetview.sheet_columns(self._keeper.latest, words), fleetview.sheet_rows(self._now(lang, ward, ()), words)
        )

    def _now(self, lang: Lang, ward: str, letters: tuple[DeadLetter, ...]) -> fleetview.FleetNow:
        everywhere = self._queries.now().sites
        shelters = [one for one in everywhere if not ward or ward in {one.site.ward, one.site.ward_en}]
        if ward and not shelters:
            raise PageError(HTTPStatus.BAD_REQUEST, "error_filter", asked=ward)
        here = {one.site.id for one in shelters}
        return fleetview.FleetNow(
            at_ms=self._clock(),
            shelters=shelters,
            detail=self._queries.site_now,
            # A letter of nobody who is registered belongs to the city as a whole.
            letters=[letter for letter in letters if not ward or letter.site in here],
            completeness=self._keeper.latest,
            names={one.site.id: name_of(one, lang) for one in everywhere},
        )

    async def _letters(self) -> tuple[DeadLetter, ...] | None:
        """``None``: the records can't be read. What lives in memory is worth a page of its own."""
        try:
            return tuple(await self._queries.dead_letters(limit=LETTERS_LOOKED_AT))
        except StoreError as error:
            log.warning("letters_unreadable", error=str(error))
            return None


def router(pages: FleetPages) -> APIRouter:
    """Routes of the page and the file."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/fleet", response_class=HTMLResponse)
    async def fleet(who: Reader, lang: Asked = None, ward: Ward = "", accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.page(who, chosen, ward.strip()), chosen)

    @routes.get("/fleet.csv", dependencies=[Depends(needs(Right.READ))])
    async def file(lang: Asked = None, ward: Ward = "", accept_language: Accept = None) -> Response:
        return Response(
            pages.file(choose(lang, accept_language), ward.strip()),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="fleet.csv"'},
        )

    return routes
