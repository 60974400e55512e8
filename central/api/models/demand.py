"""Demand as JSON: powers in W, as means of half hours of Tokyo's clock. ``null`` means "not known", never zero."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from central.api.asked import iso
from central.core.peak.now import DemandNow, Level
from central.core.peak.plans import TARGET_W_MAX, TARGET_W_MIN, WHY_CHARS_MAX, Basis, Plan
from contract.shaving import Action, PeakReport, Why

By = Annotated[str, Field(max_length=100, description="Only for commands on the service's machine")]
_PLAN: dict[str, Any] = {
    "target_w": 34_000.0,
    "basis": "learnt",
    "executes": True,
    "recharges": True,
    "by": "管理者",
    "at": "2026-11-24T03:00:00.000Z",
    "why": "基本料金を下げる",
}
_DEMAND: dict[str, Any] = {
    "site": "E0000000001111",
    "name": "第一小学校",
    "ward": "中央区",
    "at": "2026-11-24T03:10:05.000Z",
    "ends_at": "2026-11-24T03:30:00.000Z",
    "bought_wh": 5_420.0,
    "seen_share": 1.0,
    "demand_w": 33_100.0,
    "low_w": 31_900.0,
    "high_w": 34_300.0,
    "without_w": 35_600.0,
    "level": "close",
    "action": "discharge",
    "why": "will_exceed",
    "power_w": 2_400.0,
    "plan": _PLAN,
    "shelter": {"action": "discharge", "why": "will_exceed", "floor_pct": 71.0, "is_spent": False},
    "month_peak_w": 33_700.0,
    "year_peak_w": 38_200.0,
    "learnt_w": 34_000.0,
    "learnt_days": 365,
    "year_without_w": 39_100.0,
}


class PlanIn(BaseModel):
    """What a shelter's demand is to stay under."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{k: v for k, v in _PLAN.items() if k not in {"by", "at"}}]}
    )

    target_w: Annotated[float, Field(ge=TARGET_W_MIN, le=TARGET_W_MAX, description="Mean power of a half hour, W")]
    basis: Annotated[Basis, Field(description="Contract power, a person's choice, or what the past says")] = Basis.HAND
    executes: Annotated[bool, Field(description="The battery sees to it; else the proposal is only shown")] = False
    recharges: Annotated[bool, Field(description="The battery may be filled from the grid at low demand")] = True
    why: Annotated[str, Field(max_length=WHY_CHARS_MAX, description="Why; for the book of decisions")] = ""
    by: By = ""


class EndIn(BaseModel):
    """The end of a target."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "契約を見直した"}]})

    why: Annotated[str, Field(max_length=WHY_CHARS_MAX, description="Why; for the book of decisions")] = ""
    by: By = ""


class PlanOut(BaseModel):
    """What is wanted, and who said so."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PLAN]})

    target_w: float = Field(description="Mean power of a half hour, W")
    basis: Basis = Field(description="Contract power, a person's choice, or what the past says")
    executes: bool = Field(description="The battery sees to it; else the proposal is only shown")
    recharges: bool = Field(description="The battery may be filled from the grid at low demand")
    by: str = Field(description="Who said so")
    at: str = Field(description="When")
    why: str = Field(description="Why")


class ShelterDoes(BaseModel):
    """What the shelter says that it does about its demand."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DEMAND["shelter"]]})

    action: Action = Field(description="What its battery does for it now")
    why: Why = Field(description="Why")
    floor_pct: float | None = Field(description="Reserve that it has set for the moment, %; null: its own")
    is_spent: bool = Field(description="The register was changed as often as it bears in a day")


class DemandOut(BaseModel):
    """One shelter's running half hour against its target."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DEMAND]})

    site: str = Field(description="Shelter's id")
    name: str = Field(description="Its name in Japanese")
    ward: str = Field(description="Its ward in Japanese")
    at: str = Field(description="Moment of the figures")
    ends_at: str | None = Field(description="End of the half hour")
    bought_wh: float | None = Field(description="Energy bought in it so far, as far as it was seen, Wh")
    seen_share: float | None = Field(description="Part of the time so far that was seen, 0 to 1")
    demand_w: float | None = Field(description="What it will come to, W")
    low_w: float | None = Field(description="Low end of the forecast's range, W")
    high_w: float | None = Field(description="High end of the forecast's range, W")
    without_w: float | None = Field(description="What it would come to if the battery did nothing from now on, W")
    level: Level = Field(
        description="The forecast against the target: near from 90 %, close from 95 %, over from 100 %"
    )
    action: Action = Field(description="What the rule proposes for the battery")
    why: Why = Field(description="Why")
    power_w: float = Field(description="Power of the proposal, W; the action says which way")
    plan: PlanOut | None = Field(description="What is wanted; null: nothing")
    shelter: ShelterDoes | None = Field(description="What the shelter says that it does; null: nothing")
    month_peak_w: float | None = Field(description="Highest counted half hour of this month, W")
    year_peak_w: float | None = Field(description="Of this month and the eleven before, W")
    learnt_w: float | None = Field(description="Proposal: lowest target that the past says can be held, W")
    learnt_days: int | None = Field(description="Days of half hours that the proposal rests on")
    year_without_w: float | None = Field(description="Highest half hour of them as it were without the battery, W")


class DemandList(BaseModel):
    """Every shelter's demand."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"demand": [_DEMAND]}]})

    demand: list[DemandOut] = Field(description="By shelter's id")


def demand_out(one: DemandNow) -> DemandOut:
    """As JSON."""
    ends, running, learnt = one.ends, one.running, one.past.learnt
    return DemandOut(
        site=one.now.site.id,
        name=one.now.site.name,
        ward=one.now.site.ward,
        at=iso(one.at_ms),
        ends_at=iso(running.end_ms) if running and ends else None,
        bought_wh=round(running.bought_wh, 1) if running and ends else None,
        seen_share=round(ends.seen_share, 3) if ends else None,
        demand_w=_watts(ends.demand_w if ends else None),
        low_w=_watts(ends.low_w if ends else None),
        high_w=_watts(ends.high_w if ends else None),
        without_w=_watts(ends.without_w if ends else None),
        level=one.level,
        action=one.proposal.action,
        why=one.proposal.why,
        power_w=round(one.proposal.power_w, 1),
        plan=plan_out(one.plan) if one.plan else None,
        shelter=_does(one.report) if one.report else None,
        month_peak_w=_watts(one.past.month_peak_w),
        year_peak_w=_watts(one.past.year_peak_w),
        learnt_w=_watts(learnt.target_w if learnt else None),
        learnt_days=learnt.days if learnt else None,
        year_without_w=_watts(learnt.without_w if learnt else None),
    )


def plan_out(plan: Plan) -> PlanOut:
    """As JSON."""
    return PlanOut(
        target_w=plan.target_w,
        basis=plan.basis,
        executes=plan.executes,
        recharges=plan.recharges,
        by=plan.by,
        at=iso(plan.at_ms),
        why=plan.why,
    )


def _does(report: PeakReport) -> ShelterDoes:
    return ShelterDoes(action=report.action, why=report.why, floor_pct=report.floor_pct, is_spent=report.is_spent)


def _watts(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
