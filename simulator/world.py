"""One shelter in time. Pure: ``advance(to_ms)`` is told the time, the same seed gives the same life.

The world moves in whole steps on a fixed grid, so its state at a moment does not depend on how often it was asked.
Powers are those of the step that ended last; counters are the exact sum of powers times step.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from simulator.load import load_w
from simulator.noise import Floats, key_of, uniform
from simulator.physics import Controls, Flows, is_exhausted, islanded, on_grid, soc_after
from simulator.spec import STEP_TIER, SiteSpec
from simulator.sun import Sun, pv_power_w
from simulator.weather import DAY_MS, TOKYO_MS, CityDay, Weather, local_day

_MINUTE_MS = 60_000
_YEAR_WH_PER_W = 1_150.0
"""Yield of a year per watt of modules, for counters of a plant that has been in use."""


class City:
    """What all sites share: seed, sun and weather, each day calculated once."""

    def __init__(self, seed: int, weather: Weather | None = None) -> None:
        self.seed = seed
        self.weather = weather or Weather(seed)
        self.sun = Sun()
        self._days: dict[int, CityDay] = {}

    def day(self, day: int) -> CityDay:
        """The city's weather of a day."""
        if day not in self._days:
            if len(self._days) > 2:
                del self._days[min(self._days)]
            self._days[day] = self.weather.city_day(day)
        return self._days[day]


@dataclass(slots=True, kw_only=True)
class Counters:
    """Energy in Wh since the plant was built. They only rise."""

    pv_wh: float = 0.0
    charge_wh: float = 0.0
    discharge_wh: float = 0.0
    inverter_wh: float = 0.0
    """Out of the AC terminal; what goes in is not counted back."""
    import_wh: float = 0.0
    export_wh: float = 0.0
    load_wh: float = 0.0

    def add(self, flows: Flows, step_h: float) -> None:
        """Book one step."""
        self.pv_wh += flows.pv_w * step_h
        self.load_wh += flows.load_w * step_h
        self.inverter_wh += max(0.0, flows.inverter_w) * step_h
        if flows.battery_w > 0:
            self.discharge_wh += flows.battery_w * step_h
        else:
            self.charge_wh -= flows.battery_w * step_h
        if flows.grid_w > 0:
            self.import_wh += flows.grid_w * step_h
        else:
            self.export_wh -= flows.grid_w * step_h


@dataclass(frozen=True, slots=True)
class _Curves:
    """One day of one site, minute by minute, compact and quick to index."""

    day: int
    pv_w: array[float]
    tiers_w: tuple[array[float], ...]
    air_c: array[float]


class SiteWorld:
    """Sun, load, battery, inverter and grid of one shelter."""

    def __init__(self, spec: SiteSpec, city: City, *, start_ms: int, step_ms: int = 1_000) -> None:
        self.spec = spec
        self.city = city
        self.step_ms = step_ms
        self.at_ms = start_ms - start_ms % step_ms
        self.steps = 0
        """Grows with every step: whoever keeps a picture of the world knows whether it is old."""
        self.controls = Controls(reserve_pct=spec.reserve_pct, export_limit_w=spec.plant.inverter_w)
        self.soc_pct = spec.initial_soc_pct
        self.grid_up = True
        self.load_factor = 1.0
        self.step_load_w = 0.0
        """A known load on phase L1 of tier 3, beside what people use: for the technician's sign test."""
        self.secured_output_broken = False
        self.is_by_hand = False
        """Somebody has to switch the inverter to stand-alone operation and back, as with many Japanese ones."""
        self.stands_alone = False
        """Of an inverter that is switched by hand: somebody has switched it over. What hangs on the grid alone has no
        part in the world meanwhile."""
        self.counters = _old_counters(spec)
        self._exhausted = False
        self._curves = self._day_curves(local_day(self.at_ms))
        self.flows = self._flows_now()

    def advance(self, to_ms: int) -> None:
        """Live on to the last whole step that ends by ``to_ms``."""
        step_h = self.step_ms / 3_600_000
        while self.at_ms + self.step_ms <= to_ms:
            flows = self._flows_now()
            self.counters.add(flows, step_h)
            self.soc_pct = soc_after(self.spec.plant, self.soc_pct, flows.battery_w, step_h)
            self._exhausted = is_exhausted(self.spec.plant, self.soc_pct, was=self._exhausted, flows=flows)
            self.flows = flows
            self.at_ms += self.step_ms
            self.steps += 1

    def touch(self) -> None:
        """Say that something was changed from outside, so that pictures of the world are drawn anew."""
        self.steps += 1

    @property
    def air_c(self) -> float:
        """Temperature of the air."""
        return self._at(self._curves.air_c, *self._place())

    @property
    def pv_available_w(self) -> float:
        """What the modules could give now."""
        return self._at(self._curves.pv_w, *self._place())

    @property
    def step_w(self) -> float:
        """What the known load takes now: nothing while its tier has no power."""
        return self.step_load_w if self.flows.carried[STEP_TIER - 1] else 0.0

    def _flows_now(self) -> Flows:
        minute, share = self._place()
        tiers = [self._at(tier, minute, share) * self.load_factor for tier in self._curves.tiers_w]
        tiers[STEP_TIER - 1] += self.step_load_w
        pv_w = self._at(self._curves.pv_w, minute, share)
        step_h = self.step_ms / 3_600_000
        if self.grid_up and not (self.is_by_hand and self.stands_alone):
            return on_grid(
                self.spec.plant, self.controls, soc_pct=self.soc_pct, pv_w=pv_w, tiers_w=tiers, step_h=step_h
            )
        return islanded(
            self.spec.plant,
            self.controls,
            soc_pct=self.soc_pct,
            pv_w=pv_w,
            tiers_w=tiers,
            step_h=step_h,
            exhausted=self._exhausted,
            is_broken=self.secured_output_broken or (self.is_by_hand and not self.stands_alone),
        )

    def _place(self) -> tuple[int, float]:
        """Minute of the Tokyo day and the share of it that has passed; takes the next day's curves at midnight."""
        day, in_day_ms = divmod(self.at_ms + TOKYO_MS, DAY_MS)
        if day != self._curves.day:
            self._curves = self._day_curves(day)
        minute, rest_ms = divmod(in_day_ms, _MINUTE_MS)
        return minute, rest_ms / _MINUTE_MS

    @staticmethod
    def _at(curve: array[float], minute: int, share: float) -> float:
        left = curve[minute]
        return left + (curve[minute + 1] - left) * share

    def _day_curves(self, day: int) -> _Curves:
        city = self.city.day(day)
        spec = self.spec
        pv_w = pv_power_w(
            self.city.sun.day(day),
            self.city.weather.local_cover(city, spec.id),
            city.air_c,
            tilt_deg=spec.tilt_deg,
            azimuth_deg=spec.azimuth_deg,
            rated_w=spec.plant.pv_w,
        )
        tiers = load_w(spec, city, self.city.seed)
        return _Curves(day, _packed(pv_w), tuple(_packed(tier) for tier in tiers), _packed(city.air_c))


def _packed(values: Floats) -> array[float]:
    return array("f", values.astype(np.float32).tobytes())


def _old_counters(spec: SiteSpec) -> Counters:
    pv_wh = spec.plant.pv_w * _YEAR_WH_PER_W * spec.years_in_use
    luck = uniform(key_of(spec.id, "counters"), np.arange(3))
    load_wh = pv_wh * (1.1 + 0.6 * float(luck[0]))
    export_wh = pv_wh * (0.12 + 0.1 * float(luck[1]))
    charge_wh = spec.plant.capacity_wh * (120 + 60 * float(luck[2])) * spec.years_in_use
    return Counters(
        pv_wh=pv_wh,
        charge_wh=charge_wh,
        discharge_wh=charge_wh * spec.plant.efficiency**2,
        inverter_wh=pv_wh * 0.96,
        import_wh=load_wh + export_wh - pv_wh * 0.96,
        export_wh=export_wh,
        load_wh=load_wh,
    )
