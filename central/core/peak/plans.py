"""Which demand each shelter is to stay under, who said so, and whether its battery is to see to it. Pure.

A plan is what follows from the entries of the book of decisions, so none can be changed without breaking the chain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from central.core.audit import Action, Decision
from central.core.city import Site
from central.core.peak.learning import Courses, Kept
from contract.shaving import PeakLimits

TARGET_W_MIN: Final = 1_000.0
TARGET_W_MAX: Final = 2_000_000.0
WHY_CHARS_MAX: Final = 200
C_RATE: Final = 0.5
"""Of a battery whose power nobody says: so many times its size in an hour."""
RECHARGE_C: Final = 0.125
"""Recharging from the grid takes eight hours: slow, so that it makes no peak of its own."""


class Basis(StrEnum):
    """Where a target comes from."""

    CONTRACT = "contract"
    """The contract power."""
    HAND = "hand"
    """A person's choice."""
    LEARNT = "learnt"
    """What the last twelve months say can be held, taken over by a person."""


class PlanError(ValueError):
    """A plan that cannot be made. The text says what to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is wanted of a shelter's demand."""

    site: str
    target_w: float
    basis: Basis
    executes: bool
    """The shelter's battery is to hold it; else the proposal is shown and nothing is done."""
    recharges: bool
    """The battery may be filled from the grid at low demand, or only from the sun."""
    by: str
    at_ms: int
    why: str = ""


def decision_of(plan: Plan) -> Decision:
    """The entry of the book that makes a plan.

    Raises:
        PlanError: a figure or the reason cannot be used.
    """
    if not math.isfinite(plan.target_w) or not TARGET_W_MIN <= plan.target_w <= TARGET_W_MAX:
        low_kw, high_kw = TARGET_W_MIN / 1_000, TARGET_W_MAX / 1_000
        raise PlanError(f"target of {plan.site}: give {low_kw:g} to {high_kw:g} kW")
    if len(plan.why) > WHY_CHARS_MAX:
        raise PlanError(f"reason: give at most {WHY_CHARS_MAX} characters")
    detail = {
        "target_w": round(plan.target_w),
        "basis": plan.basis.value,
        "executes": plan.executes,
        "recharges": plan.recharges,
    }
    return Decision(at_ms=plan.at_ms, by=plan.by, action=Action.DEMAND_SET, why=plan.why, site=plan.site, detail=detail)


def end_of(site: str, *, by: str, why: str, at_ms: int) -> Decision:
    """The entry of the book that ends a shelter's plan."""
    return Decision(at_ms=at_ms, by=by, action=Action.DEMAND_ENDED, why=why[:WHY_CHARS_MAX], site=site)


@dataclass(frozen=True, slots=True)
class Plans:
    """Plans that hold, by shelter, and the shelters whose battery was ever told of one."""

    of: Mapping[str, Plan]
    executed: frozenset[str]


def plans_of(decisions: Iterable[Decision], before: Plans | None = None) -> Plans:
    """What follows from entries of the book, in their order."""
    plans = dict(before.of) if before else {}
    executed = set(before.executed) if before else set()
    for one in decisions:
        if one.action is Action.DEMAND_SET:
            plans[one.site] = plan = Plan(
                site=one.site,
                target_w=float(one.detail["target_w"]),
                basis=Basis(one.detail["basis"]),
                executes=bool(one.detail["executes"]),
                recharges=bool(one.detail["recharges"]),
                by=one.by,
                at_ms=one.at_ms,
                why=one.why,
            )
            if plan.executes:
                executed.add(one.site)
        elif one.action is Action.DEMAND_ENDED:
            plans.pop(one.site, None)
    return Plans(plans, frozenset(executed))


def limits_of(plan: Plan, site: Site, kept: Kept | None, courses: Courses | None, reserve_pct: float) -> PeakLimits:
    """What a shelter is told.

    Args:
        plan: what is wanted.
        site: the shelter.
        kept: what its past says is to be kept; None: not known yet, so on every day all.
        courses: how its high days go; None: not known yet.
        reserve_pct: what its orders keep for an outage.
    """
    capacity_wh = site.battery_kwh * 1_000
    return PeakLimits(
        target_w=plan.target_w,
        keep_pct=[100.0] * 7 if kept is None else [max(pct, reserve_pct) for pct in kept.keep_pct],
        recharge_w=round(capacity_wh * RECHARGE_C) if plan.recharges else 0,
        courses_w=courses.courses_w if courses else [],
        kinds=courses.kinds if courses else [],
        capacity_wh=capacity_wh,
        discharge_w=min(capacity_wh * C_RATE, site.inverter_kw * 1_000) if site.inverter_kw else capacity_wh * C_RATE,
    )
