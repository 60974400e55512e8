"""Demand control in normal mode: how far down the battery may serve the building, moment by moment. Pure.

It is done with the one register that every family has and that never stands in the way of an outage: the reserve. While
the demand is low the reserve stands just under what is in the battery, so nothing is given away. When the half hour
would end above its target, the reserve is lowered by the energy that is missing, and no more: the device gives it and
stops by itself. So one write is enough for a half hour, and the register, which is stored and wears out, is spared. The
reserve never goes under the shelter's own, and never over what is in the battery, for then the device would charge.

    low demand, battery under ``keep``     reserve = what is in it      (recharged when the city allows it)
    low demand, battery over ``keep``      reserve = keep               what lies above serves the building
    half hour would end over its target    reserve = what is in it less what is missing
    anything is not known                  reserve = the shelter's own  as without demand control
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from contract.demand import DAY_MS, HALF_HOUR_H, HOUR_MS, TOKYO_MS, Running, counted, forecast, weekday
from contract.shaving import (
    EFFICIENCY,
    RESERVE_MARGIN_PCT,
    Action,
    Battery,
    PeakLimits,
    PeakReport,
    Proposal,
    Why,
    aim_w,
    course_of,
    propose,
    to_come_w,
)
from contract.steering import Mode
from edge_agent.core.conditions import CAPACITY, SOC, STATE, conditions
from edge_agent.core.effects import BATTERY_W
from edge_agent.core.modes import Policy, SetPoints, Sight
from edge_agent.core.standing import Kept

GRID_W: Final = "grid.power_w"
DISCHARGE_MAX_W: Final = "battery.max_discharge_power_w"

CHANGES_MAX: Final = 24
"""Changes of the reserve on one day in Tokyo. Makers name no figure for their memory; of the 100,000 writes that such
parts are mostly good for, 24 on every day of ten years are 88,000."""
CHANGES_OUT: Final = 20
"""So many of them may have been made when the battery is let out: the others are for filling it again, ..."""
CHANGES_SAVE: Final = 8
"""... and so many when it is only kept from leaking: that can wait."""
DWELL_MS: Final = 240_000
"""Between two changes at least."""
LEAK_PCT: Final = 4.0
"""The reserve is raised when so much lies above it that should be kept; twice that after it was let out on purpose."""
STEP_PCT: Final = 1.0
"""Devices take whole per cents."""
LATE_SHARE: Final = 0.75
"""What is missing is given when giving it takes this share of the time that is left: the later, the surer it is."""
AGAIN: Final = 1.2
"""A half hour is mended by a second change while there are so many changes for each half hour that may need one."""
NEXT_SHARE: Final = 0.8
"""When there are fewer changes than half hours, so much of what the next one misses is let out with the same change."""
LATE_MS: Final = 480_000
"""In the last minutes of a half hour it is given at once."""
UNKNOWN_MS_MAX: Final = 300_000
"""What is not known for so long may have been a poll or two: meanwhile the reserve stays as it is."""
NOTHING: Final = Proposal(action=Action.NONE, why=Why.NO_TARGET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The plant now, all batteries together. Power above zero feeds the building; None: not known."""

    grid_w: float | None = None
    battery_w: float | None = None
    soc_pct: float | None = None
    capacity_wh: float | None = None
    discharge_max_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Demand control now. Times of ``changed_ms`` are of the clock that nobody sets."""

    running: Running | None = None
    proposal: Proposal = NOTHING
    floor_pct: float | None = None
    """The reserve that it wants; None: the shelter's own."""
    recharge_w: float = 0.0
    dosed_start_ms: int = 0
    """Beginning of the half hour for which the battery was let out last."""
    changed_ms: tuple[int, ...] = field(default=())
    """When it changed its mind today."""
    unknown_since_ms: int | None = None

    @property
    def is_spent(self) -> bool:
        """Whether all changes of the day are made: the reserve stays as it is until midnight."""
        return len(self.changed_ms) >= CHANGES_MAX


NO_PEAK: Final = Peak()


def seen_of(values: Mapping[str, Mapping[str, float]]) -> Seen:
    """The plant from what its devices say now (device → point → value).

    For the grid connection a meter speaks before an inverter that repeats what its own meter says. Without the power
    of every battery the grid's is useless too: nobody could tell what would be bought without them.
    """
    ranked = sorted(values, key=lambda device: (STATE in values[device], device))
    grid_w = next((values[device][GRID_W] for device in ranked if GRID_W in values[device]), None)
    batteries = [points for points in values.values() if SOC in points]
    is_whole = bool(batteries) and all(BATTERY_W in points for points in batteries)
    return Seen(
        grid_w=grid_w if is_whole else None,
        battery_w=_sum(batteries, BATTERY_W),
        soc_pct=conditions(values).soc_pct,
        capacity_wh=_sum(batteries, CAPACITY),
        discharge_max_w=_sum(batteries, DISCHARGE_MAX_W),
    )


def limits_of(kept: Kept, points: SetPoints, sight: Sight) -> PeakLimits | None:
    """What the city wants of the demand now; None unless the normal mode holds, with the grid there."""
    if kept.desired is None or kept.mode is not Mode.NORMAL or sight is not Sight.THERE:
        return None
    return kept.desired.peak if points.policy is Policy.FREE else None


def report_of(peak: Peak) -> PeakReport | None:
    """What is told of it; None while nobody wants anything."""
    told = peak.proposal
    if told.why is Why.NO_TARGET:
        return None
    return PeakReport(action=told.action, why=told.why, floor_pct=peak.floor_pct, is_spent=peak.is_spent)


def advance_peak(
    peak: Peak, limits: PeakLimits | None, seen: Seen, reserve_pct: float, *, now_ms: int, utc_ms: int | None
) -> Peak:
    """Demand control a moment later.

    Args:
        peak: as it was.
        limits: what the city wants; None: nothing, or the mode that holds is not the normal one.
        seen: the plant now.
        reserve_pct: the shelter's own reserve.
        now_ms: of the clock that nobody sets.
        utc_ms: the time; None while it is not known.
    """
    if utc_ms is None:
        why = Why.NO_TARGET if limits is None else Why.NO_CLOCK
        return _resolved(peak, limits, replace(NOTHING, why=why), None, 0.0, now_ms)
    running = counted(peak.running, utc_ms, seen.grid_w, seen.battery_w)
    if running is peak.running and running.at_ms - utc_ms > HOUR_MS:  # The clock was set back.
        running = counted(None, utc_ms, seen.grid_w, seen.battery_w)
    battery = _battery(limits, seen, reserve_pct)
    proposal = propose(limits, running, battery, utc_ms, last=peak.proposal)
    peak = replace(peak, running=running)
    if limits is None or proposal.action is Action.NONE or seen.soc_pct is None:
        since_ms = now_ms if peak.unknown_since_ms is None else peak.unknown_since_ms
        peak = replace(peak, unknown_since_ms=since_ms)
        is_brief = limits is not None and now_ms - since_ms < UNKNOWN_MS_MAX
        floor_pct = peak.floor_pct if is_brief else None
        return _resolved(peak, limits, proposal, floor_pct, 0.0, now_ms)
    peak = replace(peak, unknown_since_ms=None)
    if proposal.action is Action.DISCHARGE:
        floor_pct = _dosed(peak, limits, battery, running, utc_ms)
    elif proposal.why is Why.AT_RESERVE:
        floor_pct = reserve_pct
    elif proposal.action is Action.RECHARGE:  # What is in it rises, so the reserve need not follow yet.
        floor_pct = reserve_pct if peak.floor_pct is None else peak.floor_pct
    else:
        floor_pct = _saving(peak, limits, running, seen.soc_pct, reserve_pct)
    recharge_w = proposal.power_w if proposal.action is Action.RECHARGE else 0.0
    return _resolved(peak, limits, proposal, floor_pct, recharge_w, now_ms)


def with_peak(points: SetPoints, peak: Peak, limits: PeakLimits | None, *, batteries: int, utc_ms: int) -> SetPoints:
    """The set-points of normal mode with what demand control wants; it only ever raises the reserve."""
    if points.policy is not Policy.FREE or limits is None or peak.floor_pct is None:
        return points
    reserve_pct = max(points.reserve_pct, peak.floor_pct)
    if peak.recharge_w <= 0:
        return replace(points, reserve_pct=reserve_pct)
    target_pct = max(limits.keep_pct[weekday(utc_ms)], reserve_pct)
    power_w = peak.recharge_w / max(1, batteries)
    return replace(points, policy=Policy.CHARGE, reserve_pct=reserve_pct, target_pct=target_pct, charge_power_w=power_w)


def _sum(devices: list[Mapping[str, float]], point: str) -> float | None:
    """Of all of them; None where one does not say."""
    found = [points[point] for points in devices if point in points]
    return sum(found) if found and len(found) == len(devices) else None


def _battery(limits: PeakLimits | None, seen: Seen, reserve_pct: float) -> Battery:
    return Battery(
        soc_pct=seen.soc_pct,
        reserve_pct=reserve_pct,
        capacity_wh=seen.capacity_wh or (limits.capacity_wh if limits else 0.0) or None,
        discharge_max_w=seen.discharge_max_w or (limits.discharge_w if limits else 0.0) or None,
    )


def _dosed(peak: Peak, limits: PeakLimits, battery: Battery, running: Running, utc_ms: int) -> float | None:
    """The reserve that lets out what is missing and no more; as it was, while there is still time to see better."""
    ends = forecast(running, utc_ms, course_of(limits.courses_w, limits.kinds, utc_ms))
    soc_pct, capacity_wh, most_w = battery.soc_pct, battery.capacity_wh, battery.discharge_max_w
    if ends is None or running.flow is None or soc_pct is None or not capacity_wh or not most_w:
        return peak.floor_pct
    stored_wh = (soc_pct - battery.reserve_pct - RESERVE_MARGIN_PCT) / 100 * capacity_wh * EFFICIENCY
    aimed_w = aim_w(limits, running.flow, ends, stored_wh, utc_ms)
    missing_wh = (ends.without_w - aimed_w) * HALF_HOUR_H
    later_w = [power_w - aimed_w for power_w in to_come_w(limits, running.flow, utc_ms) if power_w > aimed_w]
    left, wanted = CHANGES_OUT - len(peak.changed_ms), 1 + len(later_w)
    rest_ms, gives_w = running.end_ms - utc_ms, min(most_w, max(0.0, running.flow.net_w))
    is_early = rest_ms > LATE_MS and missing_wh < LATE_SHARE * gives_w * rest_ms / HOUR_MS
    is_again = peak.dosed_start_ms == running.start_ms and left < AGAIN * wanted
    if is_early or is_again:  # What flows out meanwhile counts for this half hour, so it need not be stopped.
        keeps = peak.floor_pct is not None
        return peak.floor_pct if keeps else _saving(peak, limits, running, soc_pct, battery.reserve_pct)
    if later_w and left < wanted:
        missing_wh += NEXT_SHARE * min(later_w[0], most_w) * HALF_HOUR_H
    dosed_pct = min(math.floor(soc_pct), round(soc_pct - missing_wh / EFFICIENCY / capacity_wh * 100))
    wanted_pct = max(battery.reserve_pct, dosed_pct)
    if peak.floor_pct is None or peak.floor_pct <= wanted_pct:
        return wanted_pct if peak.floor_pct is None else peak.floor_pct
    return max(battery.reserve_pct, min(wanted_pct, peak.floor_pct - STEP_PCT))


def _saving(peak: Peak, limits: PeakLimits, running: Running, soc_pct: float, reserve_pct: float) -> float:
    """The reserve that keeps what is in the battery, up to what is to be kept today.

    It is raised when something leaks away, and not before: while the sun fills the battery nothing does.
    """
    keep_pct = max(limits.keep_pct[weekday(running.at_ms)], reserve_pct)
    wanted_pct = max(reserve_pct, min(keep_pct, math.floor(soc_pct) - STEP_PCT))
    floor_pct = reserve_pct if peak.floor_pct is None else peak.floor_pct
    if peak.recharge_w > 0:  # The change that ends the recharging keeps what was charged, too.
        return wanted_pct
    leak_pct = 2 * LEAK_PCT if peak.dosed_start_ms == running.start_ms else LEAK_PCT
    is_leaking = running.flow is not None and running.flow.net_w > 0 and wanted_pct - floor_pct >= leak_pct
    is_above = floor_pct > max(reserve_pct, min(keep_pct, soc_pct))
    return wanted_pct if is_leaking or is_above else floor_pct


def _resolved(
    peak: Peak, limits: PeakLimits | None, proposal: Proposal, floor_pct: float | None, recharge_w: float, now_ms: int
) -> Peak:
    """Change only as often as the register bears; an end of recharging, or of all control, is never made to wait."""
    today_ms = DAY_MS if peak.running is None else (peak.running.at_ms + TOKYO_MS) % DAY_MS
    changed_ms = tuple(at_ms for at_ms in peak.changed_ms if now_ms - at_ms <= today_ms)
    peak = replace(peak, proposal=proposal, changed_ms=changed_ms)
    is_ending = limits is None or floor_pct is None
    if not is_ending:
        is_lower = floor_pct is not None and floor_pct < (peak.floor_pct or 0.0)
        most = CHANGES_OUT if is_lower else CHANGES_SAVE
        if recharge_w > 0 or peak.recharge_w > 0:  # What is begun has to be ended, too.
            most = CHANGES_MAX if peak.recharge_w > 0 else CHANGES_MAX - 1
        is_waiting = bool(changed_ms) and now_ms - changed_ms[-1] < DWELL_MS
        if len(changed_ms) >= most or is_waiting:
            floor_pct, recharge_w = peak.floor_pct, min(recharge_w, peak.recharge_w)
    if floor_pct == peak.floor_pct and (recharge_w > 0) is (peak.recharge_w > 0):
        return peak
    if proposal.action is Action.DISCHARGE and peak.running is not None:
        peak = replace(peak, dosed_start_ms=peak.running.start_ms)
    return replace(peak, floor_pct=floor_pct, recharge_w=recharge_w, changed_ms=(*changed_ms, now_ms))
