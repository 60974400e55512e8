"""Autonomy: is it quick enough to ask at any time, and does what it states hold on blackouts that it has not seen?

Two parts. **Speed**: 182 shelters × 200 scenarios × 72 h at 30 min, in seconds of processor time (of all threads),
beside a plain loop over shelters, scenarios and steps that must come to the same hours. **Truth**: simulated blackouts
of two sets of seeds. On the first set the shown quantiles are learnt, as a city learns them from its past days; on the
second the stated band is compared with what came. A shelter that was foretold to last to the horizon for certain, and
did, is counted apart: it proves little.

    make bench BENCH=autonomy BENCH_ARGS="--seeds 20"
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np

from bench.blackouts import Blackout, blackouts
from bench.plain_walk import plain_hours
from bench.report import Target, finish, progress
from central.core.autonomy import Horizon, Levels, Plane, ShelterEnergy, ends_of, estimate
from central.core.autonomy.calibration import Place, learnt, place_of
from central.core.autonomy.scenarios import Futures
from central.core.autonomy.values import Floats, Samples
from central.solar import clear_sky_w
from simulator.fleet import SITES, build

CALIBRATION_FROM = 0
TEST_FROM = 50_000
"""Nothing in the forecast was chosen by blackouts of these seeds; the lower ones served for that."""
SHELTERS_OF_RIVAL = 4
AT_MS = 1_726_000_000_000
_AGREE_H = 0.05
_ROUND_H = 0.006
"""Hours are stated to two places."""


@dataclass(frozen=True)
class Outcome:
    """One blackout: its scenarios' hours, in order, and what came."""

    hours: Samples
    truth_h: float
    horizon_h: float

    @property
    def place(self) -> Place:
        """Where the truth lies."""
        return place_of(self.truth_h, self.hours, horizon_h=self.horizon_h)

    def band(self, levels: Levels) -> tuple[float, float]:
        """P10 and P90 as they would be stated."""
        low, high = np.quantile(self.hours, [levels.low, levels.high])
        return float(low), float(high)

    def is_trivial(self, levels: Levels) -> bool:
        """It was said to last for certain, and did."""
        return self.band(levels)[0] >= self.horizon_h <= self.truth_h

    def crps_h(self) -> float:
        """Continuous ranked probability score in hours: the less the better, 0 is perfect."""
        count = len(self.hours)
        ordered = np.sort(self.hours.astype(np.float64))
        spread = float((ordered * (2 * np.arange(1, count + 1) - count - 1)).sum()) / count**2
        return float(np.abs(ordered - self.truth_h).mean()) - spread


def outcomes(cases: Sequence[Blackout], horizon: Horizon) -> list[Outcome]:
    """The forecast of each case beside its truth."""
    found = []
    for case in cases:
        ends = ends_of([case.shelter], case.clear_w[None, :], at_ms=case.at_ms, horizon=horizon)
        found.append(Outcome(ends.hours[0], case.truth_h, float(horizon.hours)))
    return found


def held(found: Sequence[Outcome], levels: Levels) -> dict[str, Any]:
    """How often the band held what came, over the cases that prove something."""
    decided = [one for one in found if not one.is_trivial(levels)]
    bands = [one.band(levels) for one in decided]
    shorter = [one.truth_h < low - _ROUND_H for one, (low, _) in zip(decided, bands, strict=True)]
    longer = [one.truth_h > high + _ROUND_H for one, (_, high) in zip(decided, bands, strict=True)]
    far_off = [low > 1.1 * one.truth_h + _ROUND_H for one, (low, _) in zip(decided, bands, strict=True)]
    return {
        "cases": len(decided),
        "trivial_cases": len(found) - len(decided),
        "coverage": round(1 - fmean(shorter) - fmean(longer), 4),
        "p10_optimistic_share": round(fmean(shorter), 4),
        "p10_over_by_a_tenth_share": round(fmean(far_off), 4),
        "p90_short_share": round(fmean(longer), 4),
        "mean_width_h": round(fmean(high - low for low, high in bands), 2),
        "crps_h": round(fmean(one.crps_h() for one in decided), 3),
        "levels": [round(levels.low, 4), round(levels.mid, 4), round(levels.high, 4)],
    }


def back_test(seeds: int, horizon: Horizon) -> tuple[dict[str, Any], dict[str, Any]]:
    """The band with learnt quantiles, and with the usual ones, on blackouts that neither has seen."""
    progress(f"calibration: {seeds} seeds from {CALIBRATION_FROM}")
    past = outcomes(list(blackouts(range(CALIBRATION_FROM, CALIBRATION_FROM + seeds), horizon=horizon)), horizon)
    levels = learnt([one.place for one in past if not one.is_trivial(horizon.levels)], horizon.levels)
    progress(f"test: {seeds} seeds from {TEST_FROM}")
    new = outcomes(list(blackouts(range(TEST_FROM, TEST_FROM + seeds), horizon=horizon)), horizon)
    return held(new, levels), held(new, horizon.levels)


def city() -> tuple[list[ShelterEnergy], list[Plane]]:
    """A whole city of shelters at one moment. Invented."""
    (case,) = (case for number, case in enumerate(blackouts(range(1), horizon=Horizon())) if number == 0)
    shelters, planes = [], []
    for number, spec in enumerate(build(SITES, 1)):
        plant = spec.plant
        shelters.append(
            replace(
                case.shelter,
                site=spec.id,
                soc_pct=20.0 + 80.0 * (number % 17) / 16,
                capacity_wh=plant.capacity_wh,
                charge_w=plant.charge_w,
                discharge_w=plant.discharge_w,
                inverter_w=plant.inverter_w,
                backup_w=plant.backup_w,
            )
        )
        planes.append(
            Plane(
                latitude=spec.latitude,
                longitude=spec.longitude,
                tilt_deg=spec.tilt_deg,
                azimuth_deg=spec.azimuth_deg,
                peak_w=plant.pv_w,
            )
        )
    return shelters, planes


def speed(horizon: Horizon) -> dict[str, float]:
    """Seconds of the whole city, and of the plain loop for as many shelters."""
    shelters, planes = city()
    taken: list[float] = []
    sun: list[float] = []
    clear_w = clear_sky_w(planes, start_ms=AT_MS, steps=horizon.steps, step_ms=horizon.step_ms)
    for _ in range(5):
        begun = time.process_time()
        clear_w = clear_sky_w(planes, start_ms=AT_MS, steps=horizon.steps, step_ms=horizon.step_ms)
        sunny = time.process_time()
        estimate(shelters, clear_w, at_ms=AT_MS, horizon=horizon)
        taken.append(time.process_time() - begun)
        sun.append(sunny - begun)
    few, few_clear_w = shelters[:SHELTERS_OF_RIVAL], clear_w[:SHELTERS_OF_RIVAL]
    begun = time.process_time()
    plain = _plainly(few, few_clear_w, horizon)
    rival_s = (time.process_time() - begun) * len(shelters) / len(few)
    quick = ends_of(few, few_clear_w, at_ms=AT_MS, horizon=horizon).hours
    seconds = sorted(taken)[2]
    return {
        "seconds": round(seconds, 3),
        "of_which_sun_s": round(sorted(sun)[2], 3),
        "plain_loop_s": round(rival_s, 1),
        "times_quicker": round(rival_s / seconds, 1),
        "agreeing_share": round(float((np.abs(quick - plain) <= _AGREE_H).mean()), 4),
    }


def _plainly(shelters: Sequence[ShelterEnergy], clear_w: Floats, horizon: Horizon) -> Floats:
    steps = list(Futures(shelters, clear_w, at_ms=AT_MS, horizon=horizon))
    pv_w = np.stack([pv for pv, _ in steps]).transpose(1, 2, 0).tolist()
    load_w = np.stack([load for _, load in steps]).transpose(1, 2, 0).tolist()
    return np.array(
        [
            [
                plain_hours(shelter, pv_w[row][scenario], load_w[row][scenario], step_h=horizon.step_h)
                for scenario in range(horizon.scenarios)
            ]
            for row, shelter in enumerate(shelters)
        ]
    )


def main() -> int:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100, help="seeds of each set, 8 blackouts each (default 100)")
    given = parser.parse_args()
    if given.seeds < 1:
        parser.error("--seeds must be at least 1")
    horizon = Horizon()
    progress("speed: 182 shelters x 200 scenarios x 72 h")
    quick = speed(horizon)
    begun = time.monotonic()
    new, usual = back_test(given.seeds, horizon)
    took_s = time.monotonic() - begun
    return finish(
        "autonomy",
        {
            "seconds": Target(1.0).judge(quick["seconds"]),
            "times_quicker_than_plain_loop": Target(1.0, at_least=True).judge(quick["times_quicker"]),
            "agreeing_share": Target(0.999, at_least=True).judge(quick["agreeing_share"]),
            "cases": Target(200, at_least=True).judge(new["cases"]),
            "coverage_low": Target(0.75, at_least=True).judge(new["coverage"]),
            "coverage_high": Target(0.85).judge(new["coverage"]),
            "p10_optimistic_share": Target(0.10).judge(new["p10_optimistic_share"]),
            "p10_over_by_a_tenth_share": Target(0.10).judge(new["p10_over_by_a_tenth_share"]),
        },
        speed=quick,
        learnt=new,
        usual=usual,
        back_test_s=round(took_s, 1),
    )


if __name__ == "__main__":
    raise SystemExit(main())
