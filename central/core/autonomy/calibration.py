"""Whether stated bands hold what came, and which quantiles to show so that they do.

Every past day is a case: the estimate is made as though the grid had been lost at some hour, and the walk is repeated
with the sun and the loads that were then measured. So a city learns of its errors without an outage.

An outcome's *place* is where it lies among the scenarios, 0 to 1. Scenarios that reach the horizon end at the same
hour, so the place of an outcome that lasted is a stretch. The quantiles are set as a promise is kept, by counting: how
often did what came lie outside what was stated?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from central.core.autonomy.values import Levels, Samples, ShelterEnergy
from central.core.autonomy.walk import walk

_CASES_AGAINST: Final = 40
"""How many cases the usual levels weigh against what was learnt."""
_NARROWEST: Final = 0.2
_WIDEST: Final = 0.01
_SHORTER_SHARE: Final = 0.08
"""How often a shelter may go dark before its P10: a little less than its name says, since that is the costly error."""
_LONGER_SHARE: Final = 0.10


@dataclass(frozen=True, slots=True)
class Place:
    """Where an outcome lies: the share of scenarios that ends before it, and the share that does not outlast it."""

    below: float
    to: float


def place_of(outcome_h: float, scenario_hours: Samples, *, horizon_h: float) -> Place:
    """Place of an outcome among a shelter's scenarios. One at or past the horizon is one that lasted."""
    if outcome_h >= horizon_h:
        return Place(float((scenario_hours < horizon_h).mean()), 1.0)
    return Place(float((scenario_hours < outcome_h).mean()), float((scenario_hours <= outcome_h).mean()))


def replayed_h(shelter: ShelterEnergy, pv_w: Sequence[float], load_w: Sequence[float], *, step_h: float) -> float:
    """Hours that a shelter would have lasted with the sun and the loads that were then measured, step by step."""
    column = np.array([pv_w, load_w], dtype=np.float32).T
    steps = ((row[:1, None], row[1:, None]) for row in column)
    return float(walk([shelter], steps, step_h=step_h).hours[0, 0])


def learnt(places: Sequence[Place], usual: Levels | None = None) -> Levels:
    """Quantiles to show, given where past outcomes lay. Few cases change little; no case changes nothing.

    The band gets wider when outcomes fell outside it too often, and narrower when too seldom, within limits.
    """
    usual = usual or Levels()
    if not places:
        return usual
    weight = len(places) / (len(places) + _CASES_AGAINST)
    ends = np.array([place.to for place in places])
    begins = np.array([place.below for place in places])
    seen = (
        float(np.quantile(ends, _SHORTER_SHARE)),
        float(np.quantile((begins + ends) / 2, usual.mid)),
        float(np.quantile(begins, 1 - _LONGER_SHARE)),
    )
    low, mid, high = (
        (1 - weight) * level + weight * found
        for level, found in zip((usual.low, usual.mid, usual.high), seen, strict=True)
    )
    low = min(_NARROWEST, max(_WIDEST, low))
    high = min(1 - _WIDEST, max(1 - _NARROWEST, high))
    return Levels(low=low, mid=min(high - 0.01, max(low + 0.01, mid)), high=high)
