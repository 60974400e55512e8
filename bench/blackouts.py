"""Simulated blackouts, and what the city would know when one begins. All of it is invented, and follows from seeds.

The truth is the simulator's physics minute by minute. The forecast is given what a city has: the rated sizes, the
state of charge, four weeks of measured PV by day and of load by hour, and today so far. It knows neither the weather
to come nor the simulator's losses.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from central.core.autonomy import Horizon, Plane, ShelterEnergy, TierLoad
from central.core.autonomy.learning import day_ratios, load_habit
from central.core.autonomy.values import Floats
from central.solar import clear_sky_w
from simulator.fleet import SITES, build
from simulator.load import load_w
from simulator.spec import RELAYS, TIERS, SiteSpec
from simulator.sun import ClearDay, Sun, clear_day, pv_power_w
from simulator.weather import DAY_MS, TOKYO_MS, day_start_ms, local_day
from simulator.world import City, SiteWorld

FLEET_SEED: Final = 1
HISTORY_DAYS: Final = 28
BLACKOUTS_PER_SEED: Final = 8
_DAYS_APART: Final = 6
"""Weather has forgotten itself by then."""
_FIRST_DAY: Final = 19_723
"""2024-01-01."""
_MINUTES: Final = 1_440
_SHARE_MIN: Final = 0.02
"""Of a day's sun that must have passed before the day is judged by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout:
    """One shelter that loses the grid, what was known of it, and when its tiers went dark."""

    seed: int
    at_ms: int
    shelter: ShelterEnergy
    clear_w: Floats
    truth_h: float
    """Hours until the first of its tiers had no power; the horizon when all of them lasted."""


class Life:
    """What one shelter's sun and loads are, day by day and minute by minute; each day is calculated once."""

    def __init__(self, spec: SiteSpec, city: City) -> None:
        self.spec = spec
        self.city = city
        self._days: dict[int, tuple[Floats, Floats]] = {}

    def pv_w(self, days: range) -> Floats:
        """What the inverter lets through, one row per day."""
        return np.stack([self._day(day)[0] for day in days])

    def tiers_w(self, days: range) -> Floats:
        """Load by day, tier and minute."""
        return np.stack([self._day(day)[1] for day in days])

    def _day(self, day: int) -> tuple[Floats, Floats]:
        if day not in self._days:
            weather = self.city.weather.city_day(day)
            pv_w = pv_power_w(
                self.city.sun.day(day),
                self.city.weather.local_cover(weather, self.spec.id),
                weather.air_c,
                tilt_deg=self.spec.tilt_deg,
                azimuth_deg=self.spec.azimuth_deg,
                rated_w=self.spec.plant.pv_w,
            )
            tiers_w = np.stack(load_w(self.spec, weather, self.city.seed))
            self._days[day] = np.minimum(pv_w[:-1], self.spec.plant.inverter_w), tiers_w[:, :-1]
        return self._days[day]


class _Suns(Sun):
    """Clear days, kept for all blackouts."""

    def day(self, day: int) -> ClearDay:
        return _sun(day)


@lru_cache(maxsize=1_000)
def _sun(day: int) -> ClearDay:
    return clear_day(day)


def blackouts(seeds: range, *, horizon: Horizon) -> Iterator[Blackout]:
    """Each seed makes a weather, a shelter and some weeks of its life, in which it loses the grid now and then."""
    specs = build(SITES, FLEET_SEED)
    for seed in seeds:
        dice = random.Random(seed)
        city = City(seed)
        city.sun = _Suns()
        life = Life(dice.choice(specs), city)
        first = _FIRST_DAY + _DAYS_APART * dice.randrange(365 * 2 // _DAYS_APART)
        for number in range(BLACKOUTS_PER_SEED):
            at_ms = day_start_ms(first + number * _DAYS_APART) + dice.randrange(24 * 12) * 300_000
            tiers = dice.choice((1, 1, 2, 2, 3))
            soc_pct = round(dice.uniform(20, 100), 1)
            yield blackout(life, at_ms, tiers=tiers, soc_pct=soc_pct, horizon=horizon)


def blackout(life: Life, at_ms: int, *, tiers: int, soc_pct: float, horizon: Horizon) -> Blackout:
    """A shelter loses the grid with so much in its battery and so many tiers on."""
    spec = life.spec
    plane = Plane(
        latitude=spec.latitude,
        longitude=spec.longitude,
        tilt_deg=spec.tilt_deg,
        azimuth_deg=spec.azimuth_deg,
        peak_w=spec.plant.pv_w,
    )
    return Blackout(
        seed=life.city.seed,
        at_ms=at_ms,
        shelter=_known(life, at_ms, tiers, soc_pct, plane),
        clear_w=clear_sky_w([plane], start_ms=at_ms, steps=horizon.steps, step_ms=horizon.step_ms)[0],
        truth_h=_truth_h(spec, life.city, at_ms, tiers, soc_pct, horizon.hours),
    )


def _truth_h(spec: SiteSpec, city: City, at_ms: int, tiers: int, soc_pct: float, hours: int) -> float:
    world = SiteWorld(spec, city, start_ms=at_ms, step_ms=60_000)
    world.soc_pct = soc_pct
    world.grid_up = False
    world.controls.closed = [tier < tiers for tier in range(RELAYS)]
    for minute in range(hours * 60):
        world.advance(at_ms + (minute + 1) * 60_000)
        if not all(world.flows.carried[:tiers]):
            return minute / 60
    return float(hours)


def _known(life: Life, at_ms: int, tiers: int, soc_pct: float, plane: Plane) -> ShelterEnergy:
    today = local_day(at_ms)
    days = range(today - HISTORY_DAYS, today + 1)
    minutes_today = (at_ms + TOKYO_MS) % DAY_MS // 60_000
    minutes = HISTORY_DAYS * _MINUTES + minutes_today
    clear_w = clear_sky_w([plane], start_ms=day_start_ms(days[0]), steps=48 * len(days), step_ms=1_800_000)[0]
    clear_wh = clear_w.reshape(len(days), 48).sum(axis=1) / 2
    pv_w = life.pv_w(days)
    pv_wh = pv_w[:-1].sum(axis=1) / 60
    clear_so_far_wh = float(np.repeat(clear_w[-48:], 30)[:minutes_today].sum()) / 60
    so_far_wh = float(pv_w[-1, :minutes_today].sum()) / 60
    today_share = min(1.0, clear_so_far_wh / float(clear_wh[-1]))
    is_day_known = today_share > _SHARE_MIN

    by_tier = life.tiers_w(days).transpose(1, 0, 2).reshape(TIERS, -1)[:tiers, :minutes]
    first_hour = (days[0] + 3) % 7 * 24
    habits = [load_habit(_hours(row), first_hour_of_week=first_hour) for row in (*by_tier, by_tier.sum(axis=0))]
    known = [habit for habit in habits if habit is not None]
    plant = life.spec.plant
    return ShelterEnergy(
        site=life.spec.id,
        soc_pct=soc_pct,
        capacity_wh=plant.capacity_wh,
        floor_pct=plant.floor_pct,
        charge_w=plant.charge_w,
        discharge_w=plant.discharge_w,
        inverter_w=plant.inverter_w,
        backup_w=plant.backup_w,
        tiers=tuple(
            TierLoad(tier=tier, typical_w=habit.typical_w, now_w=float(by_tier[tier - 1, -60:].mean()))
            for tier, habit in enumerate(known[:-1], start=1)
        ),
        load_spread=known[-1].spread,
        recent_days=day_ratios(pv_wh.tolist(), clear_wh[:-1].tolist()),
        today_ratio=so_far_wh / clear_so_far_wh if is_day_known else None,
        today_share=today_share if is_day_known else 0.0,
    )


def _hours(minutes_w: Floats) -> list[float | None]:
    whole = len(minutes_w) // 60 * 60
    return list(minutes_w[:whole].reshape(-1, 60).mean(axis=1).tolist())
