"""``/api/v1/energy``: half hours of a shelter's day, and the statements of months. Reading alone."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from central.api.gate import needs
from central.api.models import accounting as models
from central.api.problems import Problem
from central.api.routes import ERRORS, SiteId
from central.core.access import Right
from central.core.accounting.halfhours import day_number
from central.reports.desk import NoSuchError, ReportDesk

MonthName = Annotated[str, Path(max_length=7, description="Month in Tokyo", examples=["2026-10"])]


def router(desk: ReportDesk) -> APIRouter:
    """The routes."""
    routes = APIRouter(
        prefix="/api/v1/energy", tags=["energy"], responses=ERRORS, dependencies=[Depends(needs(Right.READ))]
    )

    @routes.get("/halfhours/{site_id}", summary="A shelter's day in half hours")
    async def halfhours(
        site_id: SiteId,
        on: Annotated[date, Query(alias="date", description="Day in Tokyo", examples=["2026-10-01"])],
    ) -> models.HalfHoursOut:
        """Counted from energy counters, on Tokyo time. Of a closed month the half hours that were closed."""
        _known(desk, site_id)
        number = day_number(on)
        found = await desk.rows.days(number, number, site=site_id)
        if not found:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Nothing counted",
                f"Nothing is counted of {site_id} on {on.isoformat()}.",
                where="query: date",
                attempt="GET /api/v1/energy/months names the months of which anything is counted.",
            )
        return models.day_out(found[0], on.isoformat())

    @routes.get("/months", summary="Months and how they stand")
    async def months() -> models.MonthsOut:
        """Every month of which a half hour is counted."""
        return models.MonthsOut(
            months=[models.MonthNameOut(month=month, state=state) for month, state in (await desk.months()).items()]
        )

    @routes.get("/months/{month}", summary="A month's statement")
    async def month(
        month: MonthName,
        site: Annotated[str | None, Query(max_length=64, description="One shelter; without it all")] = None,
    ) -> models.MonthOut:
        """PV energy used on site, price and amount, shelter by shelter. Prices that nobody has checked against the
        contract are marked: such a statement is no bill."""
        try:
            return models.month_out(await desk.monthly(month, site))
        except NoSuchError as error:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "No such statement",
                f"{error.args[0]}.",
                where="path: month" if site is None else "path: month, query: site",
                attempt="GET /api/v1/energy/months names the months.",
            ) from None

    return routes


def _known(desk: ReportDesk, site: str) -> None:
    if site not in {one.id for one in desk.sites()}:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "Unknown shelter",
            f"No shelter has the id {site[:64]}.",
            where="path: site_id",
            attempt="GET /api/v1/sites lists all.",
        )
