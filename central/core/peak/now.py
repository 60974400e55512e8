"""How a shelter's demand stands now: the running half hour against its target, and what is proposed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from central.core.city import SiteNow
from central.core.peak.learning import Courses, Learnt
from central.core.peak.plans import Plan
from contract.demand import Forecast, Running, counted, forecast
from contract.shaving import Battery, PeakLimits, PeakReport, Proposal, course_of, propose

NEAR: Final = 0.90
CLOSE: Final = 0.95


class Level(StrEnum):
    """The forecast against the target, from what wants care first."""

    OVER = "over"
    """At the target or over it."""
    CLOSE = "close"
    """At 95 % or more."""
    NEAR = "near"
    """At 90 % or more."""
    UNDER = "under"
    NO_TARGET = "no_target"
    UNKNOWN = "unknown"
    """The power at the grid connection is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a shelter's counted half hours say. ``None``: not known."""

    learnt: Learnt | None = None
    courses: Courses | None = None
    month_peak_w: float | None = None
    """The highest half hour of this month."""
    year_peak_w: float | None = None
    """Of this month and the eleven before: what the basic charge is paid for."""


NO_PAST: Final = Past()


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandNow:
    """One shelter's demand at a glance."""

    now: SiteNow
    at_ms: int
    running: Running | None
    ends: Forecast | None
    level: Level
    plan: Plan | None
    proposal: Proposal
    report: PeakReport | None
    """What the shelter says that it does; None: it does nothing about its demand, or never said so."""
    past: Past

    @property
    def share(self) -> float | None:
        """The forecast as a share of the target."""
        return None if self.plan is None or self.ends is None else self.ends.demand_w / self.plan.target_w


def level_of(ends: Forecast | None, target_w: float | None) -> Level:
    """The forecast against the target."""
    if ends is None:
        return Level.UNKNOWN
    if target_w is None:
        return Level.NO_TARGET
    share = ends.demand_w / target_w
    return Level.OVER if share >= 1 else Level.CLOSE if share >= CLOSE else Level.NEAR if share >= NEAR else Level.UNDER


def seen(running: Running | None, now: SiteNow, at_ms: int) -> Running:
    """The half hour after a look at a shelter. A battery that is silent makes the grid's power useless too."""
    is_blind = now.battery_w is None and (now.soc_pct is not None or now.site.battery_kwh > 0)
    return counted(running, at_ms, None if is_blind else now.grid_w, now.battery_w)


def demand_now(
    now: SiteNow,
    running: Running | None,
    plan: Plan | None,
    limits: PeakLimits | None,
    report: PeakReport | None,
    past: Past,
    *,
    reserve_pct: float,
    at_ms: int,
) -> DemandNow:
    """How a shelter's demand stands.

    Args:
        now: the shelter.
        running: its half hour.
        plan: what is wanted.
        limits: the same as it is, or would be, told to the shelter.
        report: what it says that it does.
        past: what its counted half hours say.
        reserve_pct: what its orders keep for an outage, where no device says it.
        at_ms: the moment.
    """
    courses = past.courses
    course = course_of(courses.courses_w, courses.kinds, at_ms) if courses is not None else ()
    ends = forecast(running, at_ms, course) if running is not None else None
    own_reserve_pct = reserve_pct if report or now.reserve_pct is None else now.reserve_pct
    capacity_wh = now.site.battery_kwh * 1_000
    battery = Battery(
        soc_pct=now.soc_pct,
        reserve_pct=own_reserve_pct,
        capacity_wh=capacity_wh or None,
        discharge_max_w=(limits.discharge_w or None) if limits else None,
    )
    return DemandNow(
        now=now,
        at_ms=at_ms,
        running=running,
        ends=ends,
        level=level_of(ends, plan.target_w if plan else None),
        plan=plan,
        proposal=propose(limits, running, battery, at_ms),
        report=report,
        past=past,
    )
