"""Pages of energy: the months, statements and reports, files of them; closing and correcting a month."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Response
from fastapi.responses import HTMLResponse

from central.api.gate import needs
from central.core.access import Principal, Right
from central.core.accounting.closing import MonthError
from central.core.accounting.disasters import DisasterReport
from central.core.accounting.halfhours import date_of, fiscal_year_of
from central.core.accounting.reporting import (
    CompletenessReport,
    MonthReport,
    MonthState,
    YearReport,
)
from central.reports.desk import NoSuchError, ReportDesk
from central.reports.files import AnyReport, csv_file, html_file, json_file
from central.reports.monthly import monthly, obstacle_lines
from central.reports.names import name_of
from central.reports.operations import completeness
from central.reports.paper import Paper
from central.reports.words import Says
from central.reports.yearly import disaster, yearly
from central.web.answers import Accept, Asked, html, see_other
from central.web.catalogue import CATALOGUES, Lang, choose
from central.web.errors import PageError
from central.web.render import Renderer

Reader = Annotated[Principal, Depends(needs(Right.READ))]
Closer = Annotated[Principal, Depends(needs(Right.ADMIN))]
SiteId = Annotated[str, Query(max_length=40)]
Said = Annotated[str, Form(max_length=500)]
YEAR_DIGITS: Final = 4


class Kind(StrEnum):
    """Which report."""

    MONTHLY = "monthly"
    COMPLETENESS = "completeness"
    YEARLY = "yearly"
    DISASTER = "disaster"


class FileForm(StrEnum):
    """How it is written."""

    HTML = "html"
    CSV = "csv"
    JSON = "json"


OF_MONTHS: Final = (Kind.MONTHLY, Kind.COMPLETENESS)
OF_YEARS: Final = (Kind.YEARLY, Kind.DISASTER)
FILE_TYPES: Final = {FileForm.HTML: "text/html", FileForm.CSV: "text/csv", FileForm.JSON: "application/json"}


class StatementPages:
    """Makes the pages and the files. ``city``: its name by language."""

    def __init__(self, desk: ReportDesk, renderer: Renderer, city: Mapping[Lang, str]) -> None:
        self.desk = desk
        self._renderer = renderer
        self._city = city

    async def months(self, who: Principal, lang: Lang) -> str:
        """The list of months and fiscal years."""
        months = await self.desk.months()
        years = sorted({fiscal_year_of(month) for month in months}, reverse=True)
        return self._renderer.page(
            "statements.html",
            CATALOGUES[lang],
            who=who,
            here="/reports",
            synthetic=self._is_synthetic(),
            months=months,
            years=years,
            plan_years=sorted({*years, self.desk.fiscal_year, self.desk.fiscal_year + 1}, reverse=True),
            of_months=OF_MONTHS,
            of_years=OF_YEARS,
        )

    async def page(
        self,
        who: Principal,
        lang: Lang,
        kind: Kind,
        period: str,
        site: str,
        *,
        refused: MonthError | None = None,
        said: str = "",
    ) -> str:
        """One report inside the pages' frame, with what may be done about its month.

        Raises:
            PageError: there is no such report.
        """
        made = await self.report(kind, period, site)
        is_month = isinstance(made, MonthReport) and not site
        may_close = is_month and Right.ADMIN in who.rights and _is_open(made)
        words = CATALOGUES[lang]
        return self._renderer.page(
            "statement.html",
            words,
            who=who,
            here=f"/reports/{kind.value}/{period}",
            query=f"site={site}" if site else "",
            synthetic=self._is_synthetic(),
            paper=self.paper(made, lang),
            kind=kind,
            period=period,
            site=site,
            forms=list(FileForm),
            days=_days(made),
            sites=[(one.id, name_of(one, lang)) for one in self.desk.sites()] if kind is Kind.MONTHLY else [],
            may_close=may_close,
            is_over=isinstance(made, MonthReport) and made.is_over,
            obstacles=await self._obstacles(period, lang) if may_close else (),
            may_correct=is_month and Right.ADMIN in who.rights and bool(getattr(made, "late_sites", ())),
            refused=refused,
            said=said,
        )

    async def _obstacles(self, month: str, lang: Lang) -> Sequence[Sequence[str]]:
        return obstacle_lines(await self.desk.obstacles(month), self.desk.sites(), Says(lang))

    async def report(self, kind: Kind, period: str, site: str = "") -> AnyReport:
        """One report as values.

        Raises:
            PageError: there is no such report.
        """
        makers: dict[Kind, Callable[[], Awaitable[AnyReport]]] = {
            Kind.MONTHLY: lambda: self.desk.monthly(period, site or None),
            Kind.COMPLETENESS: lambda: self.desk.completeness(period),
            Kind.YEARLY: lambda: self.desk.yearly(_year(period)),
            Kind.DISASTER: lambda: self.desk.disaster(_year(period)),
        }
        try:
            return await makers[kind]()
        except NoSuchError:
            asked = f"{period} {site}".strip()[:60]
            raise PageError(HTTPStatus.NOT_FOUND, "error_report_period", asked=asked) from None

    def paper(self, made: AnyReport, lang: Lang) -> Paper:
        """A report on paper."""
        match made:
            case MonthReport():
                return monthly(made, lang, city=self._city[lang])
            case YearReport():
                return yearly(made, lang, city=self._city[lang])
            case DisasterReport():
                return disaster(made, lang, city=self._city[lang])
            case CompletenessReport():
                return completeness(made, lang, city=self._city[lang])

    async def file(self, kind: Kind, period: str, form: FileForm, site: str, lang: Lang) -> Response:
        """A report as a file.

        Raises:
            PageError: there is no such report.
        """
        made = await self.report(kind, period, site)
        paper = self.paper(made, lang)
        body: bytes | str
        match form:
            case FileForm.HTML:
                body = html_file(paper)
            case FileForm.CSV:
                body = csv_file(paper)
            case FileForm.JSON:
                body = json_file(made)
        name = f"{paper.kind}-{lang.value}.{form.value}"
        return Response(
            body,
            media_type=f"{FILE_TYPES[form]}; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _is_synthetic(self) -> bool:
        return any(one.synthetic for one in self.desk.sites())


def router(pages: StatementPages) -> APIRouter:
    """Routes of the pages, the files and the forms."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/reports", response_class=HTMLResponse)
    async def months(who: Reader, lang: Asked = None, accept_language: Accept = None) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.months(who, chosen), chosen)

    @routes.get("/reports/{kind}/{period}", response_class=HTMLResponse)
    async def report(
        who: Reader, kind: Kind, period: str, site: SiteId = "", lang: Asked = None, accept_language: Accept = None
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.page(who, chosen, kind, period, site), chosen)

    @routes.get("/reports/{kind}/{period}/file.{form}", dependencies=[Depends(needs(Right.READ))])
    async def file(
        kind: Kind,
        period: str,
        form: FileForm,
        site: SiteId = "",
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> Response:
        return await pages.file(kind, period, form, site, choose(lang, accept_language))

    @routes.post("/reports/monthly/{month}/close", response_class=HTMLResponse)
    async def close(
        who: Closer, month: str, why: Said = "", accepts: Annotated[bool, Form()] = False, lang: Asked = None
    ) -> Response:
        chosen = choose(lang, None)
        try:
            await pages.desk.close(month, by=who.name, why=why, accepts=accepts)
        except MonthError as error:
            return await _refused(pages, who, chosen, month, error, why)
        return see_other(f"/reports/monthly/{month}?lang={chosen.value}")

    @routes.post("/reports/monthly/{month}/correct", response_class=HTMLResponse)
    async def correct(who: Closer, month: str, why: Said = "", lang: Asked = None) -> Response:
        chosen = choose(lang, None)
        try:
            await pages.desk.correct(month, by=who.name, why=why)
        except MonthError as error:
            return await _refused(pages, who, chosen, month, error, why)
        return see_other(f"/reports/monthly/{month}?lang={chosen.value}")

    return routes


async def _refused(
    pages: StatementPages, who: Principal, lang: Lang, month: str, error: MonthError, said: str
) -> HTMLResponse:
    text = await pages.page(who, lang, Kind.MONTHLY, month, "", refused=error, said=said)
    return html(text, lang, HTTPStatus.UNPROCESSABLE_ENTITY)


def _days(made: AnyReport) -> list[tuple[str, int]]:
    """Days of one shelter's month: date and number in the month."""
    found = made.days if isinstance(made, MonthReport) else ()
    dates = [date_of(one.day) for one in found]
    return [(on.isoformat(), on.day) for on in dates]


def _is_open(made: AnyReport) -> bool:
    return isinstance(made, MonthReport) and made.state is MonthState.OPEN


def _year(period: str) -> int:
    if len(period) != YEAR_DIGITS or not period.isascii() or not period.isdigit():
        raise NoSuchError(f"fiscal year {period!r}: want a year such as 2026")
    return int(period)
