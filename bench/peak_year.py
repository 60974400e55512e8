"""A year of one synthetic shelter, minute by minute, under different ways of using its battery. All of it is invented.

The physics, the weather and the load are the simulator's. Demand control is the edge's own code (``edge_agent/core/
peak.py``), fed with what its meter would show; the target is what the city's code learns from the year before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.blackouts import Life
from central.core.autonomy.values import Floats
from central.core.peak.learning import Learnt, Store, courses, keep, learn
from contract.shaving import PeakLimits
from edge_agent.core.peak import Peak, Seen, advance_peak
from simulator.physics import Controls, Flows, on_grid, soc_after
from simulator.spec import TIERS, SiteSpec
from simulator.weather import day_start_ms
from simulator.world import City

MINUTE_MS: Final = 60_000
DAYS: Final = 365
FIRST_DAY: Final = 19_814
"""2024-04-01: the year to learn from; the one after is lived."""
HALF_HOUR: Final = 30
RECHARGE_SHARE: Final = 0.25
"""Of the battery's charge power, for recharging from the grid."""
LEARN_EVERY_DAYS: Final = 7
"""What is kept for peaks, and how high days go, is learnt anew after so many days."""


@dataclass(frozen=True)
class Year:
    """Minutes of a year: what the sun could give (DC) and what the tiers take."""

    first_day: int
    pv_w: Floats
    tiers_w: Floats

    @property
    def first_ms(self) -> int:
        """When it begins."""
        return day_start_ms(self.first_day)


@dataclass(frozen=True)
class Lived:
    """What came of a year."""

    peak_w: float
    """Mean power bought in its worst half hour."""
    bought_kwh: float
    sold_kwh: float
    soc_pct_min: float
    under_reserve: int
    """Minutes in which the battery gave anything while it was at or under the reserve, or ended under it."""


Steer = Callable[[int, Controls, float, Flows | None], None]
"""Minute's time, the controls to set, the state of charge and the flows of the minute before."""


def year_of(spec: SiteSpec, seed: int, first_day: int) -> Year:
    """The sun and the loads of a year."""
    life = Life(spec, City(seed))
    days = range(first_day, first_day + DAYS)
    tiers_w = life.tiers_w(days)
    return Year(first_day, life.pv_w(days).reshape(-1), tiers_w.transpose(1, 0, 2).reshape(TIERS, -1))


def without_battery(spec: SiteSpec, year: Year) -> Floats:
    """Power at the grid connection without a battery, minute by minute."""
    dc_w = np.minimum(year.pv_w, spec.plant.inverter_w)
    given_w = dc_w - spec.plant.standby_w - spec.plant.loss_share * dc_w
    return np.asarray(year.tiers_w.sum(axis=0) - given_w)


def half_hours(minutes_w: Floats) -> Floats:
    """Means of half hours."""
    return np.asarray(minutes_w.reshape(-1, HALF_HOUR).mean(axis=1))


def peak_of(grid_w: Floats) -> float:
    """The worst half hour of what was bought."""
    return float(half_hours(np.maximum(grid_w, 0.0)).max())


def store_of(spec: SiteSpec) -> Store:
    """What demand control may use of the shelter's battery."""
    plant = spec.plant
    usable_wh = (100 - spec.reserve_pct) / 100 * plant.capacity_wh
    discharge_w = min(plant.discharge_w, plant.inverter_w)
    return Store(
        usable_wh=usable_wh,
        discharge_w=discharge_w,
        charge_w=plant.charge_w,
        recharge_w=RECHARGE_SHARE * plant.charge_w,
    )


def live(spec: SiteSpec, year: Year, steer: Steer) -> Lived:
    """Live through a year."""
    plant, controls = spec.plant, Controls(reserve_pct=spec.reserve_pct, export_limit_w=spec.plant.inverter_w)
    soc_pct = lowest_pct = spec.initial_soc_pct
    grid_w = np.empty(len(year.pv_w))
    flows: Flows | None = None
    under, step_h = 0, MINUTE_MS / 3_600_000
    pv_w, tiers_w = year.pv_w.tolist(), year.tiers_w.T.tolist()
    for minute, (sun_w, loads_w) in enumerate(zip(pv_w, tiers_w, strict=True)):
        steer(year.first_ms + minute * MINUTE_MS, controls, soc_pct, flows)
        flows = on_grid(plant, controls, soc_pct=soc_pct, pv_w=sun_w, tiers_w=loads_w, step_h=step_h)
        before_pct, soc_pct = soc_pct, soc_after(plant, soc_pct, flows.battery_w, step_h)
        if flows.battery_w > 0 and (before_pct <= spec.reserve_pct or soc_pct < spec.reserve_pct - 1e-6):
            under += 1
        lowest_pct = min(lowest_pct, soc_pct)
        grid_w[minute] = flows.grid_w
    return Lived(
        peak_w=peak_of(grid_w),
        bought_kwh=float(np.maximum(grid_w, 0.0).sum()) * step_h / 1000,
        sold_kwh=float(np.maximum(-grid_w, 0.0).sum()) * step_h / 1000,
        soc_pct_min=lowest_pct,
        under_reserve=under,
    )


def own_use(_at_ms: int, _controls: Controls, _soc_pct: float, _flows: Flows | None) -> None:
    """The device's own ways: the battery serves the building whenever it can."""


class Threshold:
    """The plain rule that a program without a forecast follows: give what is above the target at this moment."""

    def __init__(self, spec: SiteSpec, target_w: float) -> None:
        self._spec, self._target_w = spec, target_w

    def __call__(self, _at_ms: int, controls: Controls, soc_pct: float, flows: Flows | None) -> None:
        """Release the battery while more than the target is bought, hold it otherwise."""
        net_w = 0.0 if flows is None else flows.grid_w + flows.battery_w
        controls.discharge_blocked = net_w <= self._target_w
        room_w = self._target_w - net_w
        wants = soc_pct < 98 and room_w > 2 * RECHARGE_SHARE * self._spec.plant.charge_w
        controls.forced_charge_power_w = RECHARGE_SHARE * self._spec.plant.charge_w if wants else 0.0


class Controlled:
    """Demand control as the edge does it, with the city's limits."""

    def __init__(self, spec: SiteSpec, learnt: Learnt, past_w: Floats, past_ms: int) -> None:
        self._spec, self._learnt, self._past_w, self._past_ms = spec, learnt, past_w, past_ms
        self._peak = Peak()
        self._limits: PeakLimits | None = None
        self._learnt_ms = 0
        self.days: dict[int, int] = {}
        """Day → changes of the reserve."""

    def __call__(self, at_ms: int, controls: Controls, soc_pct: float, flows: Flows | None) -> None:
        """Set the reserve, and the recharging, as the edge would."""
        if self._limits is None or at_ms - self._learnt_ms >= LEARN_EVERY_DAYS * 86_400_000:
            self._limits, self._learnt_ms = self._learn(at_ms), at_ms
        spec, was = self._spec, self._peak
        seen = Seen(
            grid_w=flows.grid_w if flows else None,
            battery_w=flows.battery_w if flows else None,
            soc_pct=round(soc_pct, 1),
            capacity_wh=spec.plant.capacity_wh,
            discharge_max_w=min(spec.plant.discharge_w, spec.plant.inverter_w),
        )
        self._peak = peak = advance_peak(was, self._limits, seen, spec.reserve_pct, now_ms=at_ms, utc_ms=at_ms)
        if peak.changed_ms[-1:] != was.changed_ms[-1:]:
            day = (at_ms - self._past_ms) // 86_400_000
            self.days[day] = self.days.get(day, 0) + 1
        controls.reserve_pct = max(spec.reserve_pct, peak.floor_pct or 0.0)
        controls.forced_charge_power_w = peak.recharge_w
        controls.charge_target_pct = 100.0

    def _learn(self, at_ms: int) -> PeakLimits:
        spec, store = self._spec, store_of(self._spec)
        target_w = self._learnt.target_w
        kept = keep(self._past_w, self._past_ms, at_ms, target_w=target_w, reserve_pct=spec.reserve_pct)
        found = courses(self._past_w, self._past_ms, at_ms)
        assert found is not None
        return PeakLimits(
            target_w=target_w,
            keep_pct=kept.keep_pct,
            recharge_w=store.recharge_w,
            courses_w=found.courses_w,
            kinds=found.kinds,
        )


def learnt_of(spec: SiteSpec, past_w: Floats) -> Learnt:
    """The target that the year before allows."""
    found = learn(past_w.tolist(), store_of(spec))
    assert found is not None
    return found
