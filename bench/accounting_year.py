"""A fiscal year of invented shelters in fast time: the simulator's physics, what its counters show, and what is true.

The sun, the loads and the physics are the simulator's, in steps of five minutes. Counters are read every minute; what
is handed out are the roll-ups of them that accounting keeps: of each half hour the first and the last reading, and both
sides of a break. Some counters start again at zero, some meters are exchanged, some readings are false, some missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from bench.blackouts import Life
from central.core.accounting.counters import Ints, Readings
from central.core.accounting.flows import Counter, Flow, Rated
from central.core.accounting.halfhours import DAY_MS, HALF_HOUR_MS, day_number, start_of_day
from central.core.autonomy.values import Floats
from simulator.physics import Controls, is_exhausted, islanded, on_grid, soc_after
from simulator.spec import TIERS, SiteSpec
from simulator.world import City

FIRST_DAY: Final = day_number(date(2025, 4, 1))
DAYS: Final = 365
STEP_MS: Final = 300_000
MINUTE_MS: Final = 60_000
STEPS: Final = DAYS * DAY_MS // STEP_MS
START_MS: Final = start_of_day(FIRST_DAY)
END_MS: Final = start_of_day(FIRST_DAY + DAYS)
OUTAGES: Final = 3
SHORT_GAPS: Final = 12
LONG_GAPS: Final = 3
FALSE_READINGS: Final = 5
COUNTERS: Final[dict[Counter, str]] = {
    ("inverter", "pv.energy_wh"): "pv",
    ("inverter", "battery.charge_energy_wh"): "charge",
    ("inverter", "battery.discharge_energy_wh"): "discharge",
    ("inverter", "inverter.energy_wh"): "out",
    ("meter", "grid.import_energy_wh"): "import",
    ("meter", "grid.export_energy_wh"): "export",
}


@dataclass(frozen=True)
class Lived:
    """A year of one plant. ``wh``: name → energy since the year began, at the end of every step, 0 first."""

    spec: SiteSpec
    wh: Mapping[str, Floats]
    truth_wh: Mapping[str, float]
    """Flow, or ``self``, → the year's energy."""

    @property
    def rated(self) -> Rated:
        """Its sizes."""
        plant = self.spec.plant
        return Rated(
            pv_kw=plant.pv_w / 1_000, inverter_kw=plant.inverter_w / 1_000, battery_kwh=plant.capacity_wh / 1_000
        )


@dataclass(frozen=True)
class Metered:
    """What the counters of one shelter show."""

    readings: Mapping[Counter, Readings]
    late: Mapping[Counter, Readings]
    """Readings that are missing in ``readings`` and come long after."""
    breaks: int
    """Resets and exchanged meters: energy of a few minutes that no counter saw."""


def live(spec: SiteSpec, city: City, seed: int) -> Lived:
    """Live through the year."""
    days = range(FIRST_DAY, FIRST_DAY + DAYS)
    life = Life(spec, city)
    pv_w = life.pv_w(days).reshape(-1, 5).mean(axis=1)
    tiers_w = life.tiers_w(days).transpose(1, 0, 2).reshape(TIERS, -1, 5).mean(axis=2).T
    dice = np.random.default_rng([seed, 1])
    out = np.zeros(STEPS, dtype=bool)
    for begin in dice.integers(0, STEPS - 600, OUTAGES):
        out[begin : begin + int(dice.integers(12, 400))] = True
    plant, controls = spec.plant, Controls(reserve_pct=spec.reserve_pct, export_limit_w=spec.plant.inverter_w)
    soc_pct, exhausted, step_h = spec.initial_soc_pct, False, STEP_MS / 3_600_000
    found = np.zeros((6, STEPS))
    for step, (sun_w, loads_w) in enumerate(zip(pv_w.tolist(), tiers_w.tolist(), strict=True)):
        if out[step]:
            flows = islanded(
                plant, controls, soc_pct=soc_pct, pv_w=sun_w, tiers_w=loads_w, step_h=step_h, exhausted=exhausted
            )
        else:
            flows = on_grid(plant, controls, soc_pct=soc_pct, pv_w=sun_w, tiers_w=loads_w, step_h=step_h)
        soc_pct = soc_after(plant, soc_pct, flows.battery_w, step_h)
        exhausted = is_exhausted(plant, soc_pct, was=exhausted, flows=flows)
        found[:, step] = (flows.pv_w, flows.battery_w, flows.inverter_w, flows.grid_w, flows.load_w, flows.loss_w)
    found *= step_h
    pv, battery, inverter, grid, _, _ = found
    steps = {
        "pv": pv,
        "charge": np.maximum(-battery, 0),
        "discharge": np.maximum(battery, 0),
        "out": np.maximum(inverter, 0),
        "import": np.maximum(grid, 0),
        "export": np.maximum(-grid, 0),
    }
    wh = {name: np.concatenate([[0.0], np.cumsum(each)]) for name, each in steps.items()}
    return Lived(spec, wh, _truth(steps))


def _truth(steps: Mapping[str, Floats]) -> dict[str, float]:
    """The year's sums. Where nobody meters the load the inverter's own use from the grid is a part of it."""
    sums = {name: float(each.sum()) for name, each in steps.items()}
    charged_by_pv = float(np.minimum(steps["charge"], steps["pv"]).sum())
    loss = (sums["charge"] - sums["discharge"]) * charged_by_pv / sums["charge"]
    gives = steps["charge"] <= steps["pv"] + steps["discharge"]
    rest = np.where(gives, steps["out"], steps["pv"] + steps["discharge"] - steps["charge"])
    load = float((rest + steps["import"] - steps["export"]).sum())
    flows = {flow.value: sums[flow.value] for flow in Flow if flow is not Flow.LOAD}
    return {**flows, "load": load, "self": sums["pv"] - sums["export"] - loss}


def metered(lived: Lived, seed: int) -> Metered:
    """Read the counters of a shelter whose plant lived like this."""
    dice = np.random.default_rng([seed, 2])
    phase_ms = int(dice.integers(0, MINUTE_MS))
    halves = np.arange(START_MS - HALF_HOUR_MS, END_MS + HALF_HOUR_MS, HALF_HOUR_MS, dtype=np.int64)
    at_ms = np.sort(np.concatenate([halves + phase_ms, halves + phase_ms + HALF_HOUR_MS - MINUTE_MS]))
    gaps = _gaps(dice)
    readings, late, breaks = {}, {}, 0
    for device in ("inverter", "meter"):
        restarts = sorted(int(each) for each in dice.integers(START_MS, END_MS, dice.integers(0, 3)))
        exchange = device == "meter" and bool(dice.random() < 0.3)
        breaks += len(restarts)
        more = [moment + shift for moment in restarts for shift in (-MINUTE_MS, 0)]
        # Around a gap the readings go on to its very ends.
        more += [moment for begin, end in gaps for moment in (begin - 1, end)]
        times = np.unique(np.concatenate([at_ms, np.array(more, dtype=np.int64)]))
        held = np.zeros(times.size, dtype=bool)
        for begin, end in gaps:
            held |= (times >= begin) & (times < end)
        step = int(dice.choice([1, 10, 100]))
        for counter in (each for each in COUNTERS if each[0] == device):
            wh = _shown(lived.wh[COUNTERS[counter]], times, restarts, step, dice, exchange=exchange)
            late[counter] = Readings(times[held], wh[held])
            readings[counter] = _with_false(Readings(times[~held], wh[~held]), dice)
    return Metered(readings, late, breaks)


def _gaps(dice: np.random.Generator) -> list[tuple[int, int]]:
    minutes = [*dice.integers(20, 110, SHORT_GAPS), *dice.integers(240, 3_600, LONG_GAPS)]
    begins = dice.integers(START_MS + DAY_MS, END_MS - 4 * DAY_MS, len(minutes))
    return [(int(begin), int(begin) + int(length) * MINUTE_MS) for begin, length in zip(begins, minutes, strict=True)]


def _shown(
    wh: Floats, times: Ints, restarts: list[int], step: int, dice: np.random.Generator, *, exchange: bool
) -> Ints:
    """What a counter shows: it began long ago, counts in whole steps, and starts again now and then."""
    ends = START_MS + STEP_MS * np.arange(STEPS + 1)
    shown = np.interp(times, ends, wh) + float(dice.integers(5_000_000, 90_000_000))
    for moment in restarts:
        # A reset begins at zero; a meter in its second life somewhere else.
        base = float(dice.integers(0, 30_000_000)) if exchange else 0.0
        shown = np.where(times >= moment, np.interp(times, ends, wh) - np.interp(moment, ends, wh) + base, shown)
    return (shown // step).astype(np.int64) * step


def _with_false(readings: Readings, dice: np.random.Generator) -> Readings:
    """A few readings of zero between true ones a minute apart."""
    places = dice.integers(1, len(readings) - 1, FALSE_READINGS)
    false = [(int(readings.at_ms[place]) + 1, 0) for place in places]
    true = [(int(readings.at_ms[place]) + 2, int(readings.wh[place])) for place in places]
    return readings.merged(Readings.of(false), Readings.of(true))
