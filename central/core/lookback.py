"""Does what is stated hold? Every past day is a case: what would have been stated then, beside what came. Pure.

A case is a shelter at a past hour, with a made-up charge: as though the grid had been lost then. It knows only what was
measured before; the sun and the load of the three days after it decide. From where the outcomes lie the
quantiles that are shown are learnt (``autonomy.calibration``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from central.core.autonomy.calibration import Place, learnt, place_of, replayed_h
from central.core.autonomy.estimate import ends_of, unknown_of
from central.core.autonomy.values import HOUR_MS, HOURS_OF_DAY, Floats, Horizon, Levels, ShelterEnergy, TierLoad
from central.core.habits import PastDay, Row, day_of, habit_of, is_secured_known, last_hour_w, line_of, sunshine
from central.core.plants import FEW_HOURS, Plant

CASES_MAX: Final = 120
HORIZON: Final = Horizon(step_min=60, scenarios=100)
_BACK_DAYS: Final = range(4, 15, 2)
_HOURS: Final = (0, 8, 16)
_CHARGES_PCT: Final = (30.0, 50.0, 70.0, 90.0)


@dataclass(frozen=True, slots=True)
class Lookback:
    """What past days taught: how many of them told something, and which quantiles to show."""

    cases: int = 0
    levels: Levels = HORIZON.levels


def look_back(
    plants: Sequence[Plant],
    days: Mapping[str, Mapping[int, PastDay]],
    clear_w: Floats,
    *,
    first_day: int,
    now_ms: int,
) -> Lookback:
    """Learn from the shelters' last weeks. ``clear_w``: by shelter, day from ``first_day`` to today, and hour."""
    today = day_of(now_ms)
    wanted = [
        (row, (today - back) * HOURS_OF_DAY + hour)
        for back in _BACK_DAYS
        for hour in _HOURS
        for row in range(len(plants))
    ]
    stride = max(1, len(wanted) // CASES_MAX)
    places: list[Place] = []
    for number, (row, hour) in enumerate(wanted[::stride]):
        plant = plants[row]
        known = days.get(plant.now.site.id, {})
        charge_pct = _CHARGES_PCT[number % len(_CHARGES_PCT)]
        places += _case(plant, known, clear_w[row], first_day=first_day, hour=hour, soc_pct=charge_pct)
    return Lookback(cases=len(places), levels=learnt(places, HORIZON.levels))


def _case(
    plant: Plant, days: Mapping[int, PastDay], clear_w: Floats, *, first_day: int, hour: int, soc_pct: float
) -> Iterator[Place]:
    """One case; none where the past does not tell. ``hour`` is one of Tokyo's since 1970."""
    day, at_ms = hour // HOURS_OF_DAY, (hour - 9) * HOUR_MS
    row = Row.SECURED_W if is_secured_known(days, today=day) else Row.BUILDING_W
    begin = (hour - first_day * HOURS_OF_DAY, hour - first_day * HOURS_OF_DAY + HORIZON.hours)
    until = first_day + len(clear_w)
    load_w, pv_w, held = (
        line_of(days, each, from_day=first_day, to_day=until)[slice(*begin)] for each in (row, Row.PV_W, Row.HELD)
    )
    if len(load_w) < HORIZON.hours or not np.isfinite(load_w + pv_w).all() or held.any():
        return
    then = _then(plant, days, clear_w, row, first_day=first_day, at_ms=at_ms, soc_pct=soc_pct)
    if then is None or unknown_of(then) is not None:
        return
    clear = clear_w.reshape(-1)[slice(*begin)]
    found = ends_of([then], clear[None, :], at_ms=at_ms, horizon=HORIZON).hours[0]
    truth_h = replayed_h(then, np.maximum(pv_w, 0).tolist(), np.maximum(load_w, 0).tolist(), step_h=HORIZON.step_h)
    if truth_h >= HORIZON.hours <= float(np.quantile(found, HORIZON.levels.low)):
        return  # It was said to last for certain, and did: that proves little.
    yield place_of(truth_h, found, horizon_h=HORIZON.hours)


def _then(
    plant: Plant,
    days: Mapping[int, PastDay],
    clear_w: Floats,
    row: Row,
    *,
    first_day: int,
    at_ms: int,
    soc_pct: float,
) -> ShelterEnergy | None:
    """The shelter as it was known at that hour."""
    habit = habit_of(days, row, now_ms=at_ms)
    if habit is None or habit.hours < FEW_HOURS:
        return None
    sun = sunshine(days, clear_w, first_day=first_day, now_ms=at_ms)
    return replace(
        plant.energy,
        soc_pct=soc_pct,
        tiers=(TierLoad(tier=1, typical_w=habit.typical_w, now_w=last_hour_w(days, row, now_ms=at_ms)),),
        load_spread=min(5.0, habit.spread),
        recent_days=sun.recent_days or (None,),
        today_ratio=sun.today_ratio,
        today_share=sun.today_share,
        outlook=(),
    )
