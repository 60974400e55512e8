"""How long each shelter's loads last without the grid, as P10, P50 and P90."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from central.core.autonomy.scenarios import DAYS_ENOUGH, Futures
from central.core.autonomy.values import Autonomy, Floats, Horizon, Note, Samples, ShelterEnergy, Unknown
from central.core.autonomy.walk import Ends, walk

_AT_ONCE: Final = 48
"""Shelters calculated together: their arrays stay in the processor's cache."""
_MOSTLY: Final = 0.5


def unknown_of(shelter: ShelterEnergy) -> Unknown | None:
    """Why nothing can be stated for a shelter; ``None`` when it can."""
    if not shelter.usable_wh:
        return Unknown.NO_CAPACITY
    if shelter.soc_pct is None:
        return Unknown.NO_SOC
    if not any(any(tier.typical_w) or tier.now_w for tier in shelter.tiers):
        return Unknown.NO_LOAD
    return None


def estimate(
    shelters: Sequence[ShelterEnergy], clear_w: Floats, *, at_ms: int, horizon: Horizon | None = None
) -> tuple[Autonomy, ...]:
    """How long each shelter's loads last from ``at_ms`` (UTC) on, in the shelters' order.

    Args:
        shelters: what is known of each; all its tiers are carried.
        clear_w: clear-sky PV power, one row per shelter and one column per step of the horizon.
        at_ms: the moment at which the grid is gone, and at which the clear sky begins.
        horizon: how far, how finely, how many scenarios, which seed; the usual one when left out.

    Raises:
        ValueError: ``clear_w`` does not have a row per shelter and a column per step.
    """
    horizon = horizon or Horizon()
    if clear_w.shape != (len(shelters), horizon.steps):
        raise ValueError(f"clear_w: want {(len(shelters), horizon.steps)} values, got {clear_w.shape}")
    found: dict[int, Autonomy] = {}
    known: list[int] = []
    for place, shelter in enumerate(shelters):
        why = unknown_of(shelter)
        if why is None:
            known.append(place)
        else:
            found[place] = Autonomy(site=shelter.site, horizon_h=float(horizon.hours), unknown=why)
    for first in range(0, len(known), _AT_ONCE):
        places = known[first : first + _AT_ONCE]
        some = [shelters[place] for place in places]
        ends = ends_of(some, clear_w[places], at_ms=at_ms, horizon=horizon)
        levels = [horizon.levels.low, horizon.levels.mid, horizon.levels.high]
        bands = np.quantile(ends.hours, levels, axis=1)
        for row, (place, shelter) in enumerate(zip(places, some, strict=True)):
            found[place] = _stated(shelter, bands[:, row], ends, row, horizon)
    return tuple(found[place] for place in range(len(shelters)))


def ends_of(shelters: Sequence[ShelterEnergy], clear_w: Floats, *, at_ms: int, horizon: Horizon) -> Ends:
    """When the loads end in each scenario: what the band is taken from. Every shelter must be a known one."""
    return walk(shelters, Futures(shelters, clear_w, at_ms=at_ms, horizon=horizon), step_h=horizon.step_h)


def _stated(shelter: ShelterEnergy, band: Samples, ends: Ends, row: int, horizon: Horizon) -> Autonomy:
    notes = []
    measured = sum(ratio is not None for ratio in shelter.recent_days)
    if not measured:
        notes.append(Note.SUN_NOT_COUNTED)
    elif measured < DAYS_ENOUGH:
        notes.append(Note.FEW_DAYS)
    if float(ends.power_short[row].mean()) > _MOSTLY:
        notes.append(Note.POWER_SHORT)
    p10_h, p50_h, p90_h = (round(float(hours), 2) for hours in band)
    return Autonomy(
        site=shelter.site,
        horizon_h=float(horizon.hours),
        p10_h=p10_h,
        p50_h=p50_h,
        p90_h=p90_h,
        lasting_share=float(ends.lasts[row].mean()),
        notes=tuple(notes),
    )


def course(
    shelters: Sequence[ShelterEnergy], clear_w: Floats, *, at_ms: int, horizon: Horizon, sun_level: float = 0.2
) -> tuple[Floats, Floats]:
    """The sun to count on and the load to expect, by shelter and step, in W.

    The sun is that of a poor day: each step's ``sun_level`` quantile of all scenarios. The load is their mean.
    """
    if clear_w.shape != (len(shelters), horizon.steps):
        raise ValueError(f"clear_w: want {(len(shelters), horizon.steps)} values, got {clear_w.shape}")
    if not shelters:
        return np.zeros((0, horizon.steps)), np.zeros((0, horizon.steps))
    steps = list(Futures(shelters, clear_w, at_ms=at_ms, horizon=horizon))
    sun_w = np.stack([np.quantile(pv_w, sun_level, axis=1).astype(np.float64) for pv_w, _ in steps], axis=1)
    load_w = np.stack([load.mean(axis=1, dtype=np.float64) for _, load in steps], axis=1)
    return sun_w, load_w
