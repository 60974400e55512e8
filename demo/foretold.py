"""How long shelters would last without the grid as the city works it out, beside how long they did in the simulator.

The statement is made for the world's moment at which the grid went, from what a city knows then: rated sizes, the state
of charge, four weeks of measured sun and load. It knows neither the storm nor that people will come; nor that the agent
sheds loads. The truth is the first moment at which the critical tier had no power.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from central.core.autonomy import Horizon, Plane, ShelterEnergy, TierLoad, estimate
from central.core.autonomy.learning import day_ratios, load_habit
from central.core.autonomy.values import Autonomy
from central.core.drills import quantile
from central.solar import clear_sky_w
from demo.house import Plan
from simulator import scenario as scenarios
from simulator.chronicle import Truth
from simulator.fleet import build
from simulator.load import load_w
from simulator.run import archetypes_available
from simulator.spec import SECURED_TIERS, SiteSpec
from simulator.sun import pv_power_w
from simulator.timeline import compile_steps, episodes
from simulator.weather import DAY_MS, TOKYO_MS, Weather, day_start_ms, local_day
from simulator.world import City

HISTORY_DAYS: Final = 28
_FLOOR_PCT: Final = 10.0
"""Below this the agent keeps the rest for starting again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One shelter's newest outage."""

    site: str
    p10_h: float
    p50_h: float
    p90_h: float
    lasted_h: float
    """Until the critical tier went dark; where it never did, until the grid was back or the drill ended."""
    went_dark: bool
    horizon_h: float

    @property
    def is_judged(self) -> bool:
        """Whether the outage was long enough to tell: it went dark, or outlasted what was stated at best."""
        return self.went_dark or self.lasted_h >= min(self.p90_h, self.horizon_h)

    @property
    def is_inside(self) -> bool:
        """Whether the truth lies in the stated band."""
        low, high = min(self.p10_h, self.horizon_h), min(self.p90_h, self.horizon_h)
        return low <= min(self.lasted_h, self.horizon_h) <= high


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """All outages of a drill."""

    cases: tuple[Case, ...]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        judged = [case for case in self.cases if case.is_judged]
        return {
            "outages": len(self.cases),
            "judged": len(judged),
            "inside_p10_p90": sum(case.is_inside for case in judged),
            "shorter_than_p10": sum(case.went_dark and case.lasted_h < case.p10_h for case in judged),
            "went_dark": sum(case.went_dark for case in self.cases),
            "stated_p50_h": quantile([case.p50_h for case in self.cases], 0.5),
            "shelters": [
                {
                    "site": case.site,
                    "stated_h": [round(case.p10_h, 1), round(case.p50_h, 1), round(case.p90_h, 1)],
                    "true_h": round(case.lasted_h, 1),
                    "went_dark": case.went_dark,
                }
                for case in self.cases
            ],
        }

    def lines(self) -> list[str]:
        """For people."""
        told = self.as_json()
        if not self.cases:
            return ["autonomy: no shelter lost the grid"]
        lost = f"autonomy: {told['outages']} shelters lost the grid, {told['went_dark']} lost their critical loads"
        inside = f"{told['inside_p10_p90']} lasted as stated (P10 to P90), {told['shorter_than_p10']} shorter"
        return [lost, f"          of {told['judged']} outages long enough to tell, {inside}"]


def foretold(plan: Plan, truths: Mapping[str, Truth], start_ms: int) -> Foretold:
    """What would have been stated when each shelter lost the grid, beside what came. Takes seconds for a city."""
    plot = scenarios.load(plan.scenario)
    specs = build(plan.sites, plan.seed, archetypes_available())
    city = City(plan.seed, Weather(plan.seed, episodes(compile_steps(plot, specs, start_ms=start_ms, seed=plan.seed))))
    horizon = Horizon()
    lost = [(spec, truth) for spec in specs if (truth := truths.get(spec.id)) is not None and truth.lost_ms is not None]
    history = _History(city)
    return Foretold(cases=tuple(_cases(lost, history, horizon)))


def _cases(lost: Iterable[tuple[SiteSpec, Truth]], history: _History, horizon: Horizon) -> Iterable[Case]:
    for spec, truth in lost:
        assert truth.lost_ms is not None
        plane = _plane(spec)
        clear_w = clear_sky_w([plane], start_ms=truth.lost_ms, steps=horizon.steps, step_ms=horizon.step_ms)
        energy = history.energy(spec, truth.lost_ms, truth.lost_soc_pct)
        stated: Autonomy = estimate([energy], clear_w, at_ms=truth.lost_ms, horizon=horizon)[0]
        if stated.p10_h is None or stated.p50_h is None or stated.p90_h is None:
            continue
        ended_ms = truth.dark_ms or truth.back_ms or truth.at_ms
        yield Case(
            site=spec.id,
            p10_h=stated.p10_h,
            p50_h=stated.p50_h,
            p90_h=stated.p90_h,
            lasted_h=(ended_ms - truth.lost_ms) / 3_600_000,
            went_dark=truth.dark_ms is not None,
            horizon_h=float(horizon.hours),
        )


def _plane(spec: SiteSpec) -> Plane:
    return Plane(
        latitude=spec.latitude,
        longitude=spec.longitude,
        tilt_deg=spec.tilt_deg,
        azimuth_deg=spec.azimuth_deg,
        peak_w=spec.plant.pv_w,
    )


class _History:
    """Four weeks of sun and load that a city would have measured, hour by hour; days are made once for all shelters."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._days: dict[int, Any] = {}
        self._sky: dict[int, Any] = {}

    def energy(self, spec: SiteSpec, at_ms: int, soc_pct: float) -> ShelterEnergy:
        """What the city knows of a shelter at a moment."""
        today = local_day(at_ms)
        days = range(today - HISTORY_DAYS, today)
        loads, pv_wh = [], []
        for day in days:
            if day not in self._days:
                self._days[day] = self._city.weather.city_day(day)
                self._sky[day] = self._city.sun.day(day)
            weather = self._days[day]
            pv_w = pv_power_w(
                self._sky[day],
                self._city.weather.local_cover(weather, spec.id),
                weather.air_c,
                tilt_deg=spec.tilt_deg,
                azimuth_deg=spec.azimuth_deg,
                rated_w=spec.plant.pv_w,
            )
            pv_wh.append(float(np.minimum(pv_w[:-1], spec.plant.inverter_w).sum()) / 60)
            loads.append([tier[:-1].reshape(24, 60).mean(axis=1) for tier in load_w(spec, weather, self._city.seed)])
        tiers_w = np.array(loads)[:, :SECURED_TIERS]  # days × tiers × hours
        start_ms = day_start_ms(days[0])
        clear_w = clear_sky_w([_plane(spec)], start_ms=start_ms, steps=48 * len(days), step_ms=DAY_MS // 48)[0]
        clear_wh = clear_w.reshape(len(days), 48).sum(axis=1) / 2
        first_hour = (days[0] + 3) % 7 * 24
        hour = (at_ms + TOKYO_MS) % DAY_MS // 3_600_000
        tiers = []
        for tier in range(SECURED_TIERS):
            habit = load_habit(tiers_w[:, tier].reshape(-1).tolist(), first_hour_of_week=first_hour)
            if habit is not None:
                now_w = float(tiers_w[-1, tier, hour])
                tiers.append(TierLoad(tier=tier + 1, typical_w=habit.typical_w, now_w=now_w))
        whole = load_habit(tiers_w.sum(axis=1).reshape(-1).tolist(), first_hour_of_week=first_hour)
        plant = spec.plant
        return ShelterEnergy(
            site=spec.id,
            soc_pct=soc_pct,
            capacity_wh=plant.capacity_wh,
            floor_pct=max(plant.floor_pct, _FLOOR_PCT),
            charge_w=plant.charge_w,
            discharge_w=plant.discharge_w,
            inverter_w=plant.inverter_w,
            backup_w=plant.backup_w,
            tiers=tuple(tiers),
            load_spread=whole.spread if whole is not None else 0.15,
            recent_days=day_ratios(pv_wh, clear_wh.tolist()),
        )
