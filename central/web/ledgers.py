"""Pages of what the city enters itself: the plan of a fiscal year, and the ledger of assets; files, and lists taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, File, Query, Response, UploadFile
from fastapi.responses import HTMLResponse

from central.api.gate import needs
from central.core.access import Principal, Right
from central.reports import ledger_papers as papers
from central.reports.desk import NoSuchError
from central.reports.files import csv_file, html_file, json_file
from central.reports.ledgers import UPLOAD_BYTES_MAX, AssetReport, LedgerDesk, ListError, PlanReport
from central.reports.paper import Paper
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.errors import PageError
from central.web.render import Renderer
from central.web.statements import FILE_TYPES, FileForm

ASSETS: Final = "/assets"
PLAN: Final = "/reports/plan/{year}"
Reader = Annotated[Principal, Depends(needs(Right.READ))]
Keeper = Annotated[Principal, Depends(needs(Right.ADMIN))]
Taken = Annotated[int | None, Query(ge=0, le=1_000_000)]
_READS: Final = [Depends(needs(Right.READ))]


class LedgerPages:
    """Makes the pages and the files. ``city``: its name by language."""

    def __init__(self, desk: LedgerDesk, renderer: Renderer, city: Mapping[Lang, str]) -> None:
        self.desk = desk
        self._renderer = renderer
        self._city = city

    async def plan(self, year: int) -> PlanReport:
        """The plan of a year.

        Raises:
            PageError: it is no year that can be.
        """
        try:
            return await self.desk.plan(year)
        except NoSuchError:
            raise PageError(HTTPStatus.NOT_FOUND, "error_report_period", asked=str(year)) from None

    def paper(self, made: PlanReport | AssetReport, lang: Lang) -> Paper:
        """On paper."""
        if isinstance(made, PlanReport):
            return papers.plan(made, lang, city=self._city[lang])
        return papers.assets(made, lang, city=self._city[lang])

    def page(
        self,
        who: Principal,
        lang: Lang,
        made: PlanReport | AssetReport,
        path: str,
        *,
        taken: int | None = None,
        faults: Sequence[str] = (),
    ) -> str:
        """The paper inside the pages' frame, with the list to fill in and what was wrong in it."""
        return self._renderer.page(
            "ledger.html",
            CATALOGUES[lang],
            who=who,
            here=path,
            synthetic=any(one.synthetic for one in made.sites),
            paper=self.paper(made, lang),
            path=path,
            kind="plan" if isinstance(made, PlanReport) else "assets",
            year=made.fiscal_year if isinstance(made, PlanReport) else 0,
            forms=list(FileForm),
            may_enter=Right.ADMIN in who.rights,
            taken=taken,
            faults=faults,
        )

    def file(self, made: PlanReport | AssetReport, form: FileForm, lang: Lang) -> Response:
        """As a file."""
        paper = self.paper(made, lang)
        match form:
            case FileForm.HTML:
                body = html_file(paper).encode()
            case FileForm.CSV:
                body = csv_file(paper)
            case FileForm.JSON:
                body = json_file(made).encode()
        return _attached(body, f"{paper.kind}-{lang.value}.{form.value}", FILE_TYPES[form])

    async def take(
        self,
        who: Principal,
        lang: Lang,
        file: UploadFile,
        path: str,
        take: Callable[[bytes], Awaitable[int]],
        show: Callable[[], Awaitable[PlanReport | AssetReport]],
    ) -> Response:
        """Take a list over, or say what is wrong in it."""
        data = await file.read(UPLOAD_BYTES_MAX + 1)
        if len(data) > UPLOAD_BYTES_MAX:
            wrong, status = [CATALOGUES[lang]("ledger_too_large")], HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        else:
            try:
                return see_other(f"{path}?taken={await take(data)}&lang={lang.value}")
            except ListError as error:
                wrong, status = papers.fault_lines(error.faults, lang), HTTPStatus.UNPROCESSABLE_ENTITY
        return html(self.page(who, lang, await show(), path, faults=wrong), lang, status)


def router(pages: LedgerPages) -> APIRouter:
    """Routes of pages, files and lists. They are included before those of statements, whose kinds would catch them."""
    routes = APIRouter(include_in_schema=False)
    _add_plan(routes, pages)
    _add_assets(routes, pages)
    return routes


def _add_plan(routes: APIRouter, pages: LedgerPages) -> None:
    @routes.get(PLAN, response_class=HTMLResponse)
    async def plan(
        who: Reader, year: int, taken: Taken = None, lang: Asked = None, accept_language: Accept = None
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(pages.page(who, chosen, await pages.plan(year), _path(year), taken=taken), chosen)

    @routes.get(PLAN + "/file.{form}", dependencies=_READS)
    async def plan_file(year: int, form: FileForm, lang: Asked = None, accept_language: Accept = None) -> Response:
        return pages.file(await pages.plan(year), form, choose(lang, accept_language))

    @routes.get(PLAN + "/list.csv", dependencies=_READS)
    async def plan_list(year: int, lang: Asked = None, accept_language: Accept = None) -> Response:
        chosen = choose(lang, accept_language)
        body = papers.plan_list(await pages.plan(year), chosen)
        return _attached(body, f"plan-{year}-list-{chosen.value}.csv", FILE_TYPES[FileForm.CSV])

    @routes.post(PLAN, response_class=HTMLResponse)
    async def take_plan(who: Keeper, year: int, file: Annotated[UploadFile, File()], lang: Asked = None) -> Response:
        await pages.plan(year)
        return await pages.take(
            who,
            choose(lang, None),
            file,
            _path(year),
            lambda data: pages.desk.take_plan(data, by=who.name),
            lambda: pages.plan(year),
        )


def _add_assets(routes: APIRouter, pages: LedgerPages) -> None:
    @routes.get(ASSETS, response_class=HTMLResponse)
    async def assets(
        who: Reader, taken: Taken = None, lang: Asked = None, accept_language: Accept = None
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(pages.page(who, chosen, await pages.desk.assets(), ASSETS, taken=taken), chosen)

    @routes.get(ASSETS + "/file.{form}", dependencies=_READS)
    async def assets_file(form: FileForm, lang: Asked = None, accept_language: Accept = None) -> Response:
        return pages.file(await pages.desk.assets(), form, choose(lang, accept_language))

    @routes.get(ASSETS + "/list.csv", dependencies=_READS)
    async def assets_list(lang: Asked = None, accept_language: Accept = None) -> Response:
        chosen = choose(lang, accept_language)
        made = await pages.desk.assets()
        body = papers.asset_list(made.draft(), made.sites, chosen)
        return _attached(body, f"assets-list-{chosen.value}.csv", FILE_TYPES[FileForm.CSV])

    @routes.post(ASSETS, response_class=HTMLResponse)
    async def take_assets(who: Keeper, file: Annotated[UploadFile, File()], lang: Asked = None) -> Response:
        return await pages.take(
            who,
            choose(lang, None),
            file,
            ASSETS,
            lambda data: pages.desk.take_assets(data, by=who.name),
            pages.desk.assets,
        )


def _path(year: int) -> str:
    return PLAN.replace("{year}", str(year))


def _attached(body: bytes, name: str, media_type: str) -> Response:
    return Response(
        body,
        media_type=f"{media_type}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
