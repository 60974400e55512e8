"""Rules over a past that a store holds, half hour by half hour: which alerts they would have raised. Pure.

The store holds what came in the end: a silence that an outbox filled afterwards is not in it, only one that left a gap.
Nor does it hold clocks, outboxes, certificates, and how the service itself was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from central.core.autonomy.values import Floats
from central.core.habits import curtailed
from central.core.watch import episodes, pv
from central.core.watch.alerts import Alert
from central.core.watch.episodes import Episodes
from central.core.watch.looking import SETTLE_MS, Look, State, look
from central.core.watch.readings import OF_SERVICE, QUANTITIES, Family, Quantity, Readings
from central.core.watch.rules import MINUTE_MS, Rule
from contract.points import InverterState

HALF_HOUR_MS: Final = 1_800_000
STEPS_OF_DAY: Final = 48
SUN_UP: Final = 0.01
"""The sun is up when a clear sky would give this share of the peak."""
AGAIN_MS: Final = SETTLE_MS + MINUTE_MS
"""Each half hour is looked at twice, so that what waits a few minutes, as rules may, has its minutes."""
_NOT_STORED: Final = frozenset({Family.CLOCK, Family.OUTBOX, Family.CERTIFICATE})
_NOT_STORED_QUANTITIES: Final = frozenset({"link_drops"})
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Shelters × half hours, each by its end. NaN: not known."""

    sites: Sequence[str]
    wards: Mapping[str, str]
    start_ms: int
    heard: Bools
    """Whether any row is there, good or bad."""
    pv_w: Floats
    """Of all PV devices; NaN where one of them is missing."""
    soc_pct: Floats
    reserve_pct: Floats
    """What the device itself keeps."""
    soh_pct: Floats
    """Of the weakest battery."""
    grid_w: Floats
    islanded: Bools
    state: Floats
    """Of the inverter that is worst off."""
    lost: Bools
    """A device did not answer, as events tell."""
    target_w: Floats
    """Demand that was to be kept, as it was set then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """What the sun could give, in the order of the sites."""

    clear_w: Floats
    """Sites × half hours, what the inverter lets through."""
    is_up: Bools
    peak_w: Floats
    neighbours: NDArray[np.int64]


def is_judged(quantity: Quantity) -> bool:
    """Whether a store can tell of a quantity afterwards."""
    if quantity.family in _NOT_STORED or quantity.family in OF_SERVICE:
        return False
    return quantity.name not in _NOT_STORED_QUANTITIES


NOT_JUDGED: Final = tuple(quantity for quantity in QUANTITIES.values() if not is_judged(quantity))


def played(rules: Sequence[Rule], past: Past, sky: Sky, *, reserve_pct: float) -> list[Alert]:
    """All alerts that the rules would have raised. ``reserve_pct``: what the city's orders keep for an outage."""
    asked = [rule for rule in rules if is_judged(rule.quantity)]
    state, over, counted = State(), list[Alert](), Episodes()
    with np.errstate(invalid="ignore"):
        held = past.islanded | (past.state == InverterState.LIMITED) | (curtailed(past.soc_pct, past.grid_w) > 0)
        faulty = (past.state == InverterState.FAULT) | past.lost
    power_w = np.where(held, np.nan, past.pv_w)
    silent_min = _silent_min(past.heard)
    judged: pv.PlantDays | None = None
    for step in range(past.heard.shape[1]):
        at_ms = past.start_ms + (step + 1) * HALF_HOUR_MS
        if step % STEPS_OF_DAY == 0 and step:
            first = max(0, step - pv.WINDOW_DAYS * STEPS_OF_DAY)
            shape = (len(past.sites), (step - first) // STEPS_OF_DAY, STEPS_OF_DAY)
            shares = pv.shares(power_w[:, first:step].reshape(shape), sky.clear_w[:, first:step].reshape(shape))
            judged = pv.judged(shares, sky.neighbours)
        now_pct = pv.now_pct(power_w[:, step], sky.clear_w[:, step], sky.peak_w, sky.neighbours)
        heard = past.heard[:, step]
        so = {site: bool(faulty[row, step]) if heard[row] else None for row, site in enumerate(past.sites)}
        counted = episodes.followed(counted, so, at_ms)
        readings = {}
        for row, site in enumerate(past.sites):
            told = Readings(
                silent_min=_known(silent_min[row, step]),
                pv_of_neighbours_pct=_known(judged.of_neighbours_pct[row]) if judged else None,
                pv_of_clear_sky_pct=_known(judged.of_clear_sky_pct[row]) if judged else None,
                faults=float(counted.count(site)),
            )
            if heard[row]:
                told = _of_half_hour(told, past, sky, row, step, reserve_pct)
                told = replace(told, pv_now_of_neighbours_pct=_known(now_pct[row]))
            readings[site] = told
        for looked_ms in (at_ms, at_ms + AGAIN_MS):
            state, changes = look(asked, state, Look(at_ms=looked_ms, wards=past.wards, readings=readings))
            over += [change.alert for change in changes if not change.alert.is_open]
    return [*over, *state.alerts.values()]


def _of_half_hour(told: Readings, past: Past, sky: Sky, row: int, step: int, reserve_pct: float) -> Readings:
    grid_w = past.grid_w[row, step]
    return replace(
        told,
        soc_pct=_known(past.soc_pct[row, step]),
        reserve_pct=max(reserve_pct, _known(past.reserve_pct[row, step]) or 0.0),
        soh_pct=_known(past.soh_pct[row, step]),
        is_sun_up=bool(sky.is_up[row, step]) if sky.peak_w[row] > 0 else None,
        is_islanded=bool(past.islanded[row, step]),
        demand_w=float(max(0.0, grid_w)) if np.isfinite(grid_w) else None,
        target_w=_known(past.target_w[row, step]),
    )


def _silent_min(heard: Bools) -> Floats:
    """Since when nothing was read, at the end of each half hour; NaN until a shelter was heard first."""
    found = np.full(heard.shape, np.nan)
    silent = np.full(len(heard), np.nan)
    for step in range(heard.shape[1]):
        silent = np.where(heard[:, step], 0.0, silent + HALF_HOUR_MS / MINUTE_MS)
        found[:, step] = silent
    return found


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
