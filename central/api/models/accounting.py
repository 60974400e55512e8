"""Energy by half hours and months, as the API answers it. Energies in Wh, amounts in yen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from central.api.asked import moment
from central.core.accounting.closing import MonthEntry
from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow, LoadBasis, PvBasis
from central.core.accounting.halfhours import HALF_HOUR_MS, SLOTS, demand_w, start_of_day
from central.core.accounting.reporting import MonthReport, MonthState, StatementLine

_SITE = "E0000000001111"
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_HALF_HOUR: dict[str, Any] = {
    "from_at": "2026-10-01T03:30:00Z",
    "pv_wh": 9_120,
    "import_wh": 310,
    "export_wh": 0,
    "charge_wh": 1_200,
    "discharge_wh": 0,
    "load_wh": 8_050,
    "demand_w": 620.0,
    "mark": "m",
    "adds_up": True,
}
_DAY: dict[str, Any] = {
    "site": _SITE,
    "date": "2026-10-01",
    "pv_basis": "dc",
    "load_basis": "inverter",
    "half_hours": [_HALF_HOUR],
}
_LINE: dict[str, Any] = {
    "site": _SITE,
    "name": "第一小学校",
    "ward": "中央区",
    "pv_wh": 3_120_400,
    "export_wh": 210_300,
    "import_wh": 2_840_100,
    "charge_wh": 402_000,
    "discharge_wh": 371_500,
    "load_wh": 5_640_200,
    "billed_wh": 2_880_300,
    "yen_per_kwh": "20.00",
    "price_verified": False,
    "net_yen": 57_606,
    "peak_w": 21_400.0,
    "peak_at": "2026-10-07T02:00:00Z",
    "peak_12_w": 28_900.0,
    "known_pct": 99.7,
    "odd": 0,
    "plan_wh": 3_000_000,
    "plant_pct": 100.0,
    "link_pct": 99.4,
}
_ENTRY: dict[str, Any] = {
    "n": 0,
    "kind": "closed",
    "at": "2026-11-02T01:15:00Z",
    "by": "佐藤",
    "why": "",
    "sites": [_SITE],
    "billed_before_wh": None,
    "billed_after_wh": 2_880_300,
    "sha256": _HASH,
    "despite": [],
}
_MONTH: dict[str, Any] = {
    "month": "2026-10",
    "state": "closed",
    "lines": [_LINE],
    "billed_wh": 2_880_300,
    "net_yen": 57_606,
    "tax_yen": 5_760,
    "total_yen": 63_366,
    "prices_verified": False,
    "unpriced": 0,
    "late_sites": [],
    "entries": [_ENTRY],
}


class HalfHourOut(BaseModel):
    """One half hour. An energy is null where it is not known for this half hour."""

    model_config = ConfigDict(json_schema_extra={"examples": [_HALF_HOUR]})

    from_at: datetime = Field(description="When it began, UTC")
    pv_wh: int | None = Field(description="PV energy, Wh")
    import_wh: int | None = Field(description="Bought from the grid, Wh")
    export_wh: int | None = Field(description="Given to the grid, Wh")
    charge_wh: int | None = Field(description="Into the battery, Wh")
    discharge_wh: int | None = Field(description="Out of the battery, Wh")
    load_wh: int | None = Field(description="Consumed, Wh")
    demand_w: float | None = Field(description="Mean power bought, W")
    mark: str = Field(
        description="m measured; r a counter restarted inside, at least this much; i interpolated over a gap of up to "
        "two hours; s in a longer gap, of which the sum alone is known; l the same with a restart inside: at least; "
        "- unknown"
    )
    adds_up: bool = Field(description="Whether the flows add up within what an inverter can lose")


class HalfHoursOut(BaseModel):
    """A shelter's Tokyo day in 48 half hours."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DAY]})

    site: str = Field(description="ID of the shelter")
    date: str = Field(description="Day in Tokyo")
    pv_basis: PvBasis = Field(description="Where PV is counted: dc with the conversion loss in it; ac without")
    load_basis: LoadBasis = Field(
        description="metered; inverter: out of it, plus import, minus export; rest of the sum"
    )
    half_hours: list[HalfHourOut] = Field(description="From midnight on")


class StatementLineOut(BaseModel):
    """One shelter's month."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LINE]})

    site: str = Field(description="ID of the shelter")
    name: str = Field(description="Its name")
    ward: str = Field(description="Its ward")
    pv_wh: int | None = Field(description="PV energy, Wh; null: nobody counts it")
    export_wh: int | None = Field(description="Given to the grid, Wh")
    import_wh: int | None = Field(description="Bought from the grid, Wh")
    charge_wh: int | None = Field(description="Into the battery, Wh")
    discharge_wh: int | None = Field(description="Out of the battery, Wh")
    load_wh: int | None = Field(description="Consumed, Wh")
    billed_wh: int = Field(description="PV energy used on site, corrections included, Wh")
    yen_per_kwh: str | None = Field(description="Price without tax, a decimal number; null: there is none")
    price_verified: bool = Field(description="Whether the price was checked against the contract")
    net_yen: int | None = Field(description="Amount without tax, whole yen")
    peak_w: float | None = Field(description="Highest half-hour mean of import in the month, W")
    peak_at: datetime | None = Field(description="When that half hour began, UTC")
    peak_12_w: float | None = Field(description="The same of this month and the eleven before, W")
    known_pct: float = Field(description="Part of the half hours that were measured, %")
    odd: int = Field(description="Half hours whose flows do not add up")
    plan_wh: int | None = Field(description="Planned PV energy of the whole month, Wh; null: the city entered none")
    plant_pct: float | None = Field(
        description="Part of the sunny half hours in which the plant was not down, %; null: nothing can be said"
    )
    link_pct: float | None = Field(
        description="Part of the half hours of which a reading was here two minutes after their end, %; null: unknown"
    )


class MonthEntryOut(BaseModel):
    """A closing or a correction of a month."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENTRY]})

    n: int = Field(description="0: the closing; then corrections")
    kind: str = Field(description="closed or corrected")
    at: datetime = Field(description="When, UTC")
    by: str = Field(description="Who")
    why: str = Field(description="Why")
    sites: list[str] = Field(description="Shelters whose figures it sets")
    billed_before_wh: int | None = Field(description="Their billed energy before, Wh; null for a closing")
    billed_after_wh: int = Field(description="Their billed energy from then on, Wh")
    sha256: str = Field(description="Digest over its figures and the entry before it")
    despite: list[str] = Field(description="Shelters of which data was missing when somebody closed it all the same")


class MonthOut(BaseModel):
    """A month's statement. An open month still changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [_MONTH]})

    month: str = Field(description="Month in Tokyo")
    state: MonthState = Field(description="open: still changes; closed; corrected: closed, with corrections")
    lines: list[StatementLineOut] = Field(description="One for each shelter")
    billed_wh: int = Field(description="Of all lines, Wh")
    net_yen: int = Field(description="Sum without tax")
    tax_yen: int = Field(description="Tax on the sum, rounded down")
    total_yen: int = Field(description="Sum with tax")
    prices_verified: bool = Field(description="Whether every price was checked against the contract; if not: no bill")
    unpriced: int = Field(description="Lines without a price, which the sums leave out")
    late_sites: list[str] = Field(description="Shelters of a closed month of which data came later")
    entries: list[MonthEntryOut] = Field(description="Closing and corrections")


class MonthNameOut(BaseModel):
    """A month of which anything is counted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"month": "2026-10", "state": "closed"}]})

    month: str = Field(description="Month in Tokyo")
    state: MonthState = Field(description="open, closed or corrected")


class MonthsOut(BaseModel):
    """Months, the newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"months": [{"month": "2026-10", "state": "closed"}]}]})

    months: list[MonthNameOut] = Field(description="The newest first")


def day_out(one: SiteDay, date: str) -> HalfHoursOut:
    """A day as the API answers it."""
    worst = one.worst()
    start_ms = start_of_day(one.day)
    halves = []
    for slot in range(SLOTS):
        bought = one.own_wh(Flow.IMPORT, slot)
        halves.append(
            HalfHourOut(
                from_at=moment(start_ms + slot * HALF_HOUR_MS),
                pv_wh=one.own_wh(Flow.PV, slot),
                import_wh=bought,
                export_wh=one.own_wh(Flow.EXPORT, slot),
                charge_wh=one.own_wh(Flow.CHARGE, slot),
                discharge_wh=one.own_wh(Flow.DISCHARGE, slot),
                load_wh=one.own_wh(Flow.LOAD, slot),
                demand_w=None if bought is None else demand_w(bought),
                mark=worst[slot],
                adds_up=slot not in one.odd,
            )
        )
    return HalfHoursOut(site=one.site, date=date, pv_basis=one.pv_basis, load_basis=one.load_basis, half_hours=halves)


def month_out(report: MonthReport) -> MonthOut:
    """A statement as the API answers it."""
    return MonthOut(
        month=report.month,
        state=report.state,
        lines=[_line_out(line) for line in report.lines],
        billed_wh=report.billed_wh,
        net_yen=report.amounts.net_yen,
        tax_yen=report.amounts.tax_yen,
        total_yen=report.amounts.total_yen,
        prices_verified=report.amounts.is_verified,
        unpriced=report.amounts.unpriced,
        late_sites=list(report.late_sites),
        entries=[_entry_out(entry) for entry in report.entries],
    )


def _line_out(line: StatementLine) -> StatementLineOut:
    one, terms = line.figures, line.line.terms
    return StatementLineOut(
        site=line.site.id,
        name=line.site.name,
        ward=line.site.ward,
        pv_wh=one.wh.get(Flow.PV),
        export_wh=one.wh.get(Flow.EXPORT),
        import_wh=one.wh.get(Flow.IMPORT),
        charge_wh=one.wh.get(Flow.CHARGE),
        discharge_wh=one.wh.get(Flow.DISCHARGE),
        load_wh=one.wh.get(Flow.LOAD),
        billed_wh=one.billed_wh,
        yen_per_kwh=str(terms.yen_per_kwh) if terms else None,
        price_verified=terms is not None and terms.verified,
        net_yen=line.line.yen,
        peak_w=None if one.peak_wh is None else demand_w(one.peak_wh),
        peak_at=None if one.peak_ms is None else moment(one.peak_ms),
        peak_12_w=None if line.peak_12_wh is None else demand_w(line.peak_12_wh),
        known_pct=round(one.known_share * 100, 3),
        odd=one.odd,
        plan_wh=line.plan.plan_wh if line.plan else None,
        plant_pct=_pct(line.operation.plant_share if line.operation else None),
        link_pct=_pct(line.operation.link_share if line.operation else None),
    )


def _pct(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 3)


def _entry_out(entry: MonthEntry) -> MonthEntryOut:
    return MonthEntryOut(
        n=entry.n,
        kind=entry.kind.value,
        at=moment(entry.at_ms),
        by=entry.by,
        why=entry.why,
        sites=sorted(entry.after),
        billed_before_wh=sum(one.billed_wh for one in entry.before.values()) if entry.before else None,
        billed_after_wh=sum(one.billed_wh for one in entry.after.values()),
        sha256=entry.hash,
        despite=[one.site for one in entry.despite],
    )
