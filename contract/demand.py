"""The demand of a half hour as the electricity meter counts it, and how it will end: one rule for both ends. Pure.

Japanese contracts count the energy that was bought in each half hour of Tokyo's clock (which are half hours of UTC
too); the mean power of the worst one of twelve months is what the basic charge is paid for.

    demand = (bought so far + expected rest) / 0.5 h

Powers are positive when they feed the building. ``net`` is what would be bought if the battery did nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

HALF_HOUR_MS: Final = 1_800_000
HALF_HOUR_H: Final = 0.5
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
TOKYO_MS: Final = 9 * HOUR_MS
DAY_MS: Final = 24 * HOUR_MS
GAP_MS_MAX: Final = 60_000
"""A power that was not read again for so long is not known any more: the time after it counts as unseen."""
FAST_MS: Final = 60_000
SLOW_MS: Final = 900_000
"""Time constants of the two running means: the present power, and the level that it moves about."""
RETURN_MS: Final = 480_000
"""Time constant with which the power is expected to come back to its level."""
LAG_MS: Final = 600_000
"""The level is the power of so long ago, mostly: what the day's course rises since then is added to it."""
HALF_HOURS: Final = DAY_MS // HALF_HOUR_MS
SPREAD: Final = 1.3
"""So many mean deviations of the power make the range of a forecast, ..."""
SPREAD_SHARE_MIN: Final = 0.02
"""... and so much of the demand at least."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The power at the newest reading, and how it came there."""

    grid_w: float
    net_w: float
    fast_w: float
    slow_w: float
    """Running means of the net power; they live on over the half hour's end."""
    swing_w: float = 0.0
    """How far the net power mostly is from its slow mean."""
    age_ms: int = 0
    """Since when it is known without a break: the means of a short time are plain ones."""

    @property
    def battery_w(self) -> float:
        """What the battery gives."""
        return self.net_w - self.grid_w

    def after(self, passed_ms: int) -> Flow:
        """The means after this power has held for so long."""
        age_ms = self.age_ms + passed_ms
        share = passed_ms / age_ms if age_ms else 0.0
        fast, slow = (max(share, -math.expm1(-passed_ms / constant_ms)) for constant_ms in (FAST_MS, SLOW_MS))
        return replace(
            self,
            age_ms=age_ms,
            fast_w=self.fast_w + (self.net_w - self.fast_w) * fast,
            slow_w=self.slow_w + (self.net_w - self.slow_w) * slow,
            swing_w=self.swing_w + (abs(self.net_w - self.slow_w) - self.swing_w) * slow,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The half hour that runs, as far as it was seen."""

    start_ms: int
    at_ms: int
    """Newest reading."""
    bought_wh: float = 0.0
    net_wh: float = 0.0
    """What would have been bought without the battery; below zero while the sun gives more than is used."""
    seen_ms: int = 0
    """How much of it was seen."""
    flow: Flow | None = None
    """None: not known at the moment."""

    @property
    def end_ms(self) -> int:
        """When it ends."""
        return self.start_ms + HALF_HOUR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How the half hour will end, in W of mean power bought."""

    demand_w: float
    """If the battery goes on as it does now."""
    low_w: float
    high_w: float
    without_w: float
    """If the battery did nothing from now on."""
    seen_share: float
    """How much of the time so far was seen, 0 to 1; the rest is taken to have been as what was seen."""


def half_hour_ms(at_ms: int) -> int:
    """The beginning of a moment's half hour, UTC milliseconds."""
    return at_ms - at_ms % HALF_HOUR_MS


def weekday(at_ms: int) -> int:
    """The day of the week in Tokyo, Monday 0."""
    return ((at_ms + TOKYO_MS) // DAY_MS + 3) % 7


def course_w(course: Sequence[float], at_ms: int) -> float:
    """A day's course at a moment: each half hour's mean stands at its middle, between them it is a line."""
    place = ((at_ms + TOKYO_MS) % DAY_MS) / HALF_HOUR_MS - 0.5
    left = min(max(0, math.floor(place)), len(course) - 2)
    share = min(max(0.0, place - left), 1.0)
    return course[left] * (1 - share) + course[left + 1] * share


def counted(running: Running | None, at_ms: int, grid_w: float | None, battery_w: float | None) -> Running:
    """The half hour after a reading. Between two readings the power is taken to have been the earlier one's.

    Args:
        running: as it was; None at the beginning.
        at_ms: when it was read, UTC milliseconds. An older one than the newest changes nothing.
        grid_w: at the grid connection, positive when bought; None or no number: not known.
        battery_w: of all batteries, positive when discharged; None: none is known, so it is taken to do nothing.
    """
    if running is None:
        running = Running(start_ms=half_hour_ms(at_ms), at_ms=at_ms)
    if at_ms < running.at_ms:
        return running
    running = passed(running, at_ms)
    if grid_w is None or not math.isfinite(grid_w):
        return replace(running, flow=None)
    net_w = grid_w + (battery_w if battery_w is not None and math.isfinite(battery_w) else 0.0)
    was = running.flow
    if was is None:
        return replace(running, flow=Flow(grid_w, net_w, net_w, net_w))
    return replace(running, flow=replace(was, grid_w=grid_w, net_w=net_w))


def passed(running: Running, at_ms: int) -> Running:
    """Let time pass until a moment; half hours that end meanwhile are left behind."""
    flow, before_ms = running.flow, running.at_ms
    start_ms = half_hour_ms(at_ms)
    if start_ms != running.start_ms:
        running = Running(start_ms=start_ms, at_ms=at_ms)
    if flow is None:
        return replace(running, at_ms=at_ms)
    known_ms = min(at_ms, before_ms + GAP_MS_MAX)
    counts_ms = max(0, known_ms - max(before_ms, start_ms))
    return replace(
        running,
        at_ms=at_ms,
        bought_wh=running.bought_wh + max(0.0, flow.grid_w) * counts_ms / HOUR_MS,
        net_wh=running.net_wh + flow.net_w * counts_ms / HOUR_MS,
        seen_ms=running.seen_ms + counts_ms,
        flow=flow.after(known_ms - before_ms) if at_ms == known_ms else None,
    )


def forecast(running: Running, now_ms: int, course: Sequence[float] = ()) -> Forecast | None:
    """How the half hour will end; None while the power at the grid connection is not known.

    Args:
        running: as far as it was seen.
        now_ms: a moment in it.
        course: net power of the half hours of such a day, in W, from midnight in Tokyo; empty: not known.
    """
    flow = running.flow
    if flow is None or not running.start_ms <= now_ms < running.end_ms or now_ms - running.at_ms > GAP_MS_MAX:
        return None
    rest_ms, since_ms = running.end_ms - now_ms, now_ms - running.start_ms
    unseen_ms = max(0, since_ms - running.seen_ms)
    mean_w = running.bought_wh / running.seen_ms * HOUR_MS if running.seen_ms else max(0.0, flow.grid_w)
    so_far_wh = running.bought_wh + mean_w * unseen_ms / HOUR_MS
    expected_w = _expected_w(flow, rest_ms) + _rise_w(flow, now_ms, rest_ms, course)
    rest_h = rest_ms / HOUR_MS
    demand_w = (so_far_wh + max(0.0, expected_w - flow.battery_w) * rest_h) / HALF_HOUR_H
    open_share = min(1.0, (rest_ms + unseen_ms) / HALF_HOUR_MS)
    spread_w = (SPREAD * flow.swing_w + SPREAD_SHARE_MIN * demand_w) * open_share
    return Forecast(
        demand_w=demand_w,
        low_w=max(0.0, demand_w - spread_w),
        high_w=demand_w + spread_w,
        without_w=(so_far_wh + max(0.0, expected_w) * rest_h) / HALF_HOUR_H,
        seen_share=1.0 if since_ms <= 0 else min(1.0, running.seen_ms / since_ms),
    )


def _expected_w(flow: Flow, rest_ms: int) -> float:
    """Mean net power of the rest: from where it is now back to its level."""
    away = RETURN_MS / max(rest_ms, 1) * -math.expm1(-rest_ms / RETURN_MS)
    return flow.slow_w + (flow.fast_w - flow.slow_w) * away


def _rise_w(flow: Flow, now_ms: int, rest_ms: int, course: Sequence[float]) -> float:
    """How far the level will rise until the middle of the rest, as such days go.

    A day that is lower than its course rises less than it: on a holiday nobody comes at eight.
    """
    if len(course) != HALF_HOURS:
        return 0.0
    was_w = course_w(course, now_ms - LAG_MS)
    likeness = min(max(0.0, flow.slow_w / was_w), 1.0) if was_w > 0 else 0.0
    return (course_w(course, now_ms + rest_ms // 2) - was_w) * likeness
