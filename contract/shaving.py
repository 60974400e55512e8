"""What a battery should do so that the half hour ends under its target: limits, proposal, and the rule. Pure.

What counts is how the half hour ends, so the power need not be held down at every moment. Both ends use this rule: the
edge acts by it on what its own meter shows, with the limits that came signed; the city shows the same to people.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from contract.demand import (
    DAY_MS,
    HALF_HOUR_H,
    HALF_HOUR_MS,
    HOUR_MS,
    LAG_MS,
    TOKYO_MS,
    Flow,
    Forecast,
    Running,
    course_w,
    forecast,
    weekday,
)

DAYS_A_WEEK: Final = 7
MARGIN: Final = 0.015
"""Aimed at so much under the target: switching takes time, and the last minute cannot be mended."""
VALID_MS: Final = 300_000
"""A proposal is good for so long; it never asks for more than the battery can give above the reserve until then."""
REST_MS_MIN: Final = 60_000
RESERVE_MARGIN_PCT: Final = 1.0
"""Discharge ends so much above the reserve: devices round what they show."""
EFFICIENCY: Final = 0.95
"""Of a battery with its inverter, one way: what is taken out of it is more than what it gives."""
RAMP_MS: Final = 60_000
"""From nothing to full power takes at least so long. Giving less is never made to wait."""
REFILL_PCT: Final = 3.0
"""Recharging begins so much below what is to be kept."""
RECHARGE_SHARE: Final = 0.75
"""Of the target: with recharging the half hour has to end under this, ..."""
RECHARGING_SHARE: Final = 0.85
"""... and once it has begun under this."""
LIKE_SHARE: Final = 0.8
"""How far a day is from its course, it will be by so much a half hour later, and so on."""
POWER_W_MIN: Final = 100.0
"""Less is not worth a switch."""

Watts = Annotated[float, Meta(ge=0, le=2_000_000)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Course = Annotated[list[Annotated[int, Meta(ge=-2_000_000, le=2_000_000)]], Meta(min_length=48, max_length=48)]


class PeakLimits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the city wants of a shelter's demand in normal mode. Part of a signed desired state; old edges ignore it."""

    target_w: Watts = field(name="tw")
    """No half hour is to end above it."""
    keep_pct: Annotated[list[Percent], Meta(min_length=7, max_length=7)] = field(name="kp")
    """State of charge kept for the day's peaks, Monday first; above it the battery serves the building as it likes."""
    recharge_w: Watts = field(name="rw", default=0)
    """Power of recharging from the grid while the demand is low; 0: from the sun only."""
    courses_w: Annotated[list[Course], Meta(max_length=7)] = field(name="cs", default_factory=list)
    """Net power of the half hours of high days, from midnight in Tokyo; one list for each kind of day."""
    kinds: Annotated[list[Annotated[int, Meta(ge=0, le=6)]], Meta(max_length=7)] = field(
        name="kd", default_factory=list
    )
    """Which of them a day of the week has, Monday first; empty: no course is known."""
    capacity_wh: Annotated[float, Meta(ge=0, le=100_000_000)] = field(name="cw", default=0)
    """Of all batteries together, where no device says it."""
    discharge_w: Watts = field(name="dw", default=0)
    """Most that they give together, where no device says it."""


class Action(StrEnum):
    """What the battery should do now."""

    NONE = "none"
    """Nothing is proposed: something is not known."""
    OWN_USE = "own_use"
    """As in normal mode without demand control: the device serves the building above the reserve."""
    SAVE = "save"
    """Give nothing: what is stored is kept for a peak."""
    DISCHARGE = "discharge"
    RECHARGE = "recharge"


class Why(StrEnum):
    """The reason for a proposal, or why there is none."""

    NO_TARGET = "no_target"
    NO_METER = "no_meter"
    """The power at the grid connection is not known, or no number."""
    NO_BATTERY = "no_battery"
    """Its state of charge, its size or its power is not known."""
    NO_CLOCK = "no_clock"
    WILL_EXCEED = "will_exceed"
    """Without the battery the half hour would end above the target."""
    AT_RESERVE = "at_reserve"
    """It would, and what is left in the battery is the reserve for an outage."""
    FOR_LATER = "for_later"
    """It will not; what is stored is kept for a peak."""
    LOW_DEMAND = "low_demand"
    """It will not by far, and the battery has less than it should keep."""
    ENOUGH = "enough"
    """It will not, and the battery has more than it should keep."""


class PeakReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a shelter does about its demand. Part of the reported state."""

    action: Action = field(name="a")
    why: Why = field(name="y")
    floor_pct: Percent | None = field(name="f", default=None)
    """The reserve that demand control has set for the moment; None: the shelter's own."""
    is_spent: bool = field(name="sp", default=False)
    """The register has been changed as often as it may be in a day, so the reserve stays as it is for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """What is known of the batteries together. ``None``: not known."""

    soc_pct: float | None
    reserve_pct: float
    capacity_wh: float | None
    discharge_max_w: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the battery should do now, and why. ``power_w`` is never below zero; the action says which way."""

    action: Action
    why: Why
    power_w: float = 0.0


def propose(
    limits: PeakLimits | None,
    running: Running | None,
    battery: Battery,
    now_ms: int,
    *,
    last: Proposal | None = None,
    last_ms: int | None = None,
) -> Proposal:
    """What the battery should do now so that the half hour ends under its target.

    It never asks for what lies under the reserve, for more than the battery gives, nor for more than the building
    takes at this moment (nothing is exported), and recharges only while the half hour stays well under the target.
    What is not known leads to no action.

    Args:
        limits: what is wanted; None: nothing.
        running: the half hour so far.
        battery: what is known of the batteries.
        now_ms: UTC milliseconds.
        last: what was proposed before, and ``last_ms`` when.
    """
    if limits is None or not _is_power(limits.target_w) or limits.target_w <= 0:
        return Proposal(action=Action.NONE, why=Why.NO_TARGET)
    course = course_of(limits.courses_w, limits.kinds, now_ms)
    ends = forecast(running, now_ms, course) if running is not None else None
    if running is None or running.flow is None or ends is None or not math.isfinite(ends.without_w):
        return Proposal(action=Action.NONE, why=Why.NO_METER)
    known = _known(battery)
    if known is None:
        return Proposal(action=Action.NONE, why=Why.NO_BATTERY)
    rest_h = max(REST_MS_MIN, running.end_ms - now_ms) / HOUR_MS
    stored_wh = (known.soc_pct - known.reserve_pct - RESERVE_MARGIN_PCT) / 100 * known.capacity_wh * EFFICIENCY
    can_w = stored_wh * HOUR_MS / VALID_MS
    if ends.without_w > limits.target_w * (1 - MARGIN) and can_w < POWER_W_MIN:
        return Proposal(action=Action.SAVE, why=Why.AT_RESERVE)
    over_w = (ends.without_w - aim_w(limits, running.flow, ends, stored_wh, now_ms)) * HALF_HOUR_H / rest_h
    if over_w <= 0:
        room_w = _room_w(limits, ends, running.flow, rest_h, last)
        return _resting(limits, known, room_w, weekday(now_ms), last)
    gave_w = last.power_w if last is not None and last.action is Action.DISCHARGE else 0.0
    passed_ms = RAMP_MS if last_ms is None else max(0, now_ms - last_ms)
    ramp_w = gave_w + known.discharge_max_w * min(1.0, passed_ms / RAMP_MS)
    power_w = min(over_w, can_w, known.discharge_max_w, ramp_w, max(0.0, running.flow.net_w))
    return Proposal(action=Action.DISCHARGE, why=Why.WILL_EXCEED, power_w=power_w)


def course_of(courses_w: Sequence[Sequence[float]], kinds: Sequence[int], at_ms: int) -> Sequence[float]:
    """The course of a high day of this day's kind; empty: not known."""
    if len(kinds) != DAYS_A_WEEK:
        return ()
    kind = kinds[weekday(at_ms)]
    return courses_w[kind] if 0 <= kind < len(courses_w) else ()


def to_come_w(limits: PeakLimits, flow: Flow, now_ms: int) -> list[float]:
    """Net power of the day's half hours after this one, as on a high day but for what today is different already."""
    course = course_of(limits.courses_w, limits.kinds, now_ms)
    if not course:
        return []
    apart_w = flow.slow_w - course_w(course, now_ms - LAG_MS)
    later = course[(now_ms + TOKYO_MS) % DAY_MS // HALF_HOUR_MS + 1 :]
    return [power_w + apart_w * LIKE_SHARE**place for place, power_w in enumerate(later, start=1)]


def aim_w(limits: PeakLimits, flow: Flow, ends: Forecast, stored_wh: float, now_ms: int) -> float:
    """What the half hour is to end under: a little less than the target, or more when the battery can't hold it.

    A battery that is spent at noon leaves the day's peak as it was. So what is stored is shared out over all half
    hours of the day that may pass the target, for the lowest highest one of them.

    Args:
        limits: what is wanted.
        flow: the power now.
        ends: how this half hour will end.
        stored_wh: what the battery can give above the reserve.
        now_ms: UTC milliseconds.
    """
    target_w = limits.target_w * (1 - MARGIN)
    over = [power_w for power_w in (ends.without_w, *to_come_w(limits, flow, now_ms)) if power_w > target_w]
    return max(target_w, _level_w(over, max(0.0, stored_wh)))


def _level_w(powers_w: Sequence[float], stored_wh: float) -> float:
    """The level above which half hours hold exactly so much energy."""
    sum_w, level_w = 0.0, -math.inf
    highest = sorted(powers_w, reverse=True)
    for count, power_w in enumerate(highest, start=1):
        if power_w <= level_w:
            break
        sum_w += power_w
        level_w = (sum_w - stored_wh / HALF_HOUR_H) / count
    return level_w


@dataclass(frozen=True, slots=True)
class _Known:
    soc_pct: float
    reserve_pct: float
    capacity_wh: float
    discharge_max_w: float


def _known(battery: Battery) -> _Known | None:
    """The battery, when all of it is known and makes sense."""
    soc_pct, capacity_wh, most_w = battery.soc_pct, battery.capacity_wh, battery.discharge_max_w
    if soc_pct is None or capacity_wh is None or most_w is None:
        return None
    are_shares = 0 <= soc_pct <= 100 and 0 <= battery.reserve_pct <= 100
    if not are_shares or not _is_power(capacity_wh) or not _is_power(most_w):
        return None
    return _Known(soc_pct, battery.reserve_pct, capacity_wh, most_w)


def _room_w(limits: PeakLimits, ends: Forecast, flow: Flow, rest_h: float, last: Proposal | None) -> float:
    """What may be bought for recharging, so that neither the half hour nor the moment comes near the target."""
    is_on = last is not None and last.action is Action.RECHARGE
    most_w = limits.target_w * (RECHARGING_SHARE if is_on else RECHARGE_SHARE)
    return min((most_w - ends.without_w) * HALF_HOUR_H / rest_h, most_w - flow.slow_w)


def _resting(limits: PeakLimits, battery: _Known, room_w: float, day: int, last: Proposal | None) -> Proposal:
    """What to do while the half hour ends under its target without the battery."""
    keep_pct = max(limits.keep_pct[day], battery.reserve_pct)
    was = last.action if last is not None else None
    own_use_pct = keep_pct if was is Action.OWN_USE else keep_pct + REFILL_PCT
    if battery.soc_pct >= own_use_pct:
        return Proposal(action=Action.OWN_USE, why=Why.ENOUGH)
    begin_pct = keep_pct if was is Action.RECHARGE else keep_pct - REFILL_PCT
    is_wanted = _is_power(limits.recharge_w) and limits.recharge_w >= POWER_W_MIN
    if is_wanted and limits.recharge_w <= room_w and battery.soc_pct < begin_pct:
        return Proposal(action=Action.RECHARGE, why=Why.LOW_DEMAND, power_w=limits.recharge_w)
    return Proposal(action=Action.SAVE, why=Why.FOR_LATER)


def _is_power(value: float) -> bool:
    return math.isfinite(value) and value >= 0
