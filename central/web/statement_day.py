"""A shelter's day in half hours, and for each of them the counter readings that it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from central.api.gate import needs
from central.core.access import Principal, Right
from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import (
    HALF_HOUR_MS,
    SLOTS,
    day_number,
    demand_w,
    month_of_day,
    start_of_day,
)
from central.core.city import Site
from central.reports.desk import ReportDesk
from central.reports.names import name_of
from central.reports.trace import trace_of
from central.web import figures
from central.web.answers import Accept, Asked, html
from central.web.catalogue import CATALOGUES, Catalogue, Lang, choose
from central.web.errors import PageError
from central.web.render import Renderer

Reader = Annotated[Principal, Depends(needs(Right.READ))]
FLOWS: Final = (Flow.PV, Flow.LOAD, Flow.IMPORT, Flow.EXPORT, Flow.CHARGE, Flow.DISCHARGE)


@dataclass(frozen=True, slots=True)
class HalfHour:
    """One line of the page, in words."""

    slot: int
    begins: str
    energies: tuple[str, ...]
    demand: str
    mark: str
    odd: bool


class DayPages:
    """Makes the page."""

    def __init__(self, desk: ReportDesk, renderer: Renderer) -> None:
        self._desk = desk
        self._renderer = renderer

    async def page(self, who: Principal, lang: Lang, site_id: str, on: date, slot: int | None) -> str:
        """The day, and the readings behind one half hour of it.

        Raises:
            PageError: there is no such shelter, or nothing is counted of the day.
        """
        words = CATALOGUES[lang]
        site = next((one for one in self._desk.sites() if one.id == site_id), None)
        number = day_number(on)
        found = await self._desk.rows.days(number, number, site=site_id) if site else []
        if site is None or not found:
            asked = f"{site_id[:40]} {on.isoformat()}"
            raise PageError(HTTPStatus.NOT_FOUND, "error_report_period", asked=asked)
        trace = await self._trace(site, number, slot, words) if slot is not None else None
        return self._renderer.page(
            "statement_day.html",
            words,
            who=who,
            here=f"/reports/day/{site_id}/{on.isoformat()}",
            query=f"slot={slot}" if slot is not None else "",
            synthetic=site.synthetic,
            site_id=site_id,
            shelter=name_of(site, lang),
            day=figures.day(start_of_day(number), lang),
            on=on.isoformat(),
            before=(on - timedelta(days=1)).isoformat(),
            after=(on + timedelta(days=1)).isoformat(),
            month=month_of_day(number),
            flows=[flow.value for flow in FLOWS],
            halves=_lines(found[0]),
            totals=[f"{found[0].total_wh(flow):,}" if flow in found[0].wh else figures.DASH for flow in FLOWS],
            pv_basis=found[0].pv_basis.value,
            load_basis=found[0].load_basis.value,
            slot=slot,
            trace=trace,
        )

    async def _trace(self, site: Site, number: int, slot: int, words: Catalogue) -> dict[str, Any]:
        found = await trace_of(self._desk.rows, self._desk.sites(), site.id, start_of_day(number) + slot * HALF_HOUR_MS)
        return {
            "begins": _time(slot),
            "ends": _time(slot + 1),
            "counters": [
                {
                    "device": one["device"],
                    "point": one["point"],
                    "name": figures.point_words(one["point"], words),
                    "wh": f"{one['wh']:,}",
                    "mark": one["mark"],
                    "ends": [_read(one[end]) for end in ("from", "to")],
                }
                for one in found["counters"]
            ],
        }


def router(pages: DayPages) -> APIRouter:
    """The page's route."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/reports/day/{site_id}/{on}", response_class=HTMLResponse)
    async def day(
        who: Reader,
        site_id: str,
        on: date,
        slot: Annotated[int | None, Query(ge=0, lt=SLOTS)] = None,
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> HTMLResponse:
        chosen = choose(lang, accept_language)
        return html(await pages.page(who, chosen, site_id, on, slot), chosen)

    return routes


def _lines(one: SiteDay) -> list[HalfHour]:
    worst = one.worst()
    lines = []
    for slot in range(SLOTS):
        bought = one.own_wh(Flow.IMPORT, slot)
        energies = (one.own_wh(flow, slot) for flow in FLOWS)
        lines.append(
            HalfHour(
                slot=slot,
                begins=_time(slot),
                energies=tuple(figures.DASH if wh is None else f"{wh:,}" for wh in energies),
                demand=figures.DASH if bought is None else figures.kilo(demand_w(bought)),
                mark=worst[slot],
                odd=slot in one.odd,
            )
        )
    return lines


def _time(slot: int) -> str:
    return f"{slot // 2:02d}:{slot % 2 * 30:02d}"


def _read(readings: list[dict[str, int]]) -> list[tuple[str, str]]:
    return [(f"{figures.local(one['at_ms']):%m-%d %H:%M:%S}", f"{one['wh']:,}") for one in readings]
