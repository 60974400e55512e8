"""Pages of commissioning reports: the one that a shelter's stage rests on, and any by its digest."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from central.api.gate import needs
from central.core.access import Right
from central.core.city import Queries, SiteNow
from central.core.stages import ReportRecord
from central.web import reportview
from central.web.answers import Accept, Asked, html
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.errors import PageError
from central.web.proofview import plain
from central.web.render import Renderer
from contract.commissioning import ReportError, read_report

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class ReportPages:
    """Makes the pages of reports."""

    def __init__(self, queries: Queries, renderer: Renderer, find: Callable[[str], SiteNow]) -> None:
        self._queries = queries
        self._renderer = renderer
        self._find = find

    async def newest(self, site: str, lang: Lang) -> str:
        """The report that a shelter's stage rests on.

        Raises:
            PageError: there is no such shelter, or it has no such report.
        """
        counting = self._find(site).proof.report
        if counting is None:
            raise PageError(HTTPStatus.NOT_FOUND, "error_report_none")
        return await self._page(counting.sha256, lang, here=f"/sites/{site}/report")

    async def by_digest(self, sha256: str, lang: Lang) -> str:
        """Any report that was kept.

        Raises:
            PageError: there is none, or it has a form that can't be shown.
        """
        if not _DIGEST.fullmatch(sha256):
            raise PageError(HTTPStatus.NOT_FOUND, "error_report", asked=plain(sha256[:16]))
        return await self._page(sha256, lang, here=f"/reports/{sha256}")

    async def _page(self, sha256: str, lang: Lang, *, here: str) -> str:
        kept = await self._queries.report(sha256)
        if kept is None:
            raise PageError(HTTPStatus.NOT_FOUND, "error_report", asked=f"{sha256[:12]}…")
        now = self._queries.site_now(kept.site)
        return await asyncio.to_thread(self._made, kept, now, lang, here)

    def _made(self, kept: ReportRecord, now: SiteNow | None, lang: Lang, here: str) -> str:
        """Beside the loop: the largest report takes a fifth of a second, and the intake does not wait for it."""
        try:
            report = read_report(kept.document.encode("utf-8"))
        except ReportError:
            raise PageError(HTTPStatus.UNPROCESSABLE_ENTITY, "error_report_form", asked=kept.sha256[:12]) from None
        words = CATALOGUES[lang]
        return self._renderer.report(words, reportview.shown(report, kept, words), now, here=here)


def router(pages: ReportPages) -> APIRouter:
    """The routes of reports."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(needs(Right.READ))])

    @routes.get("/sites/{site_id}/report", response_class=HTMLResponse)
    async def newest(site_id: str, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.newest(site_id, chosen), chosen)

    @routes.get("/reports/{sha256}", response_class=HTMLResponse)
    async def by_digest(sha256: str, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.by_digest(sha256, chosen), chosen)

    return routes
