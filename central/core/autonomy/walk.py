"""The battery's way through many scenarios at once, until the loads go dark. Pure NumPy, no loop over shelters.

Within a step sun and load are constant. The sun feeds the loads first; what is left charges the battery up to its
limits, and what then is left is wasted. The loads end when the battery reaches its floor (the moment inside the step
is interpolated) or when they ask for more than the inverter, the secured output or battery and sun together can give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from central.core.autonomy.values import Samples, ShelterEnergy

TAPER_FROM: Final = 0.95
"""Above this share of full a battery takes less and less, down to a tenth of its charge power."""
TAPER_MIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ends:
    """When the loads end, by shelter and scenario."""

    hours: Samples
    """Hours until then; the walk's whole length where they never do."""
    lasts: NDArray[np.bool_]
    """They never do."""
    power_short: NDArray[np.bool_]
    """What ends them is power, not energy."""


def walk(shelters: Sequence[ShelterEnergy], steps: Iterable[tuple[Samples, Samples]], *, step_h: float) -> Ends:
    """Follow every scenario of every shelter. ``steps`` gives ``(pv_w, load_w)``; SoC and capacity must be known."""
    full_wh = _column([one.usable_wh for one in shelters])
    floor_wh = _column([one.usable_wh * one.floor_pct / 100 for one in shelters])
    start_wh = _column([one.usable_wh * (one.soc_pct or 0.0) / 100 for one in shelters])
    charge_w = _column([min(one.charge_w, 1e9) for one in shelters])
    discharge_w = _column([min(one.discharge_w, 1e9) for one in shelters])
    output_w = _column([min(one.backup_w, one.inverter_w) / max(1.0, one.peak_factor) for one in shelters])
    efficiency = _column([one.efficiency for one in shelters])
    own_w = _column([one.own_use_w for one in shelters])
    passed = _column([1 - one.conversion_loss for one in shelters])
    hours_per_step = np.float32(step_h)

    stored_wh: Samples | None = None
    for number, (pv_w, load_w) in enumerate(steps):
        if stored_wh is None:
            stored_wh = np.broadcast_to(start_wh, pv_w.shape).copy()
            ended_h = np.full(pv_w.shape, np.inf, dtype=np.float32)
            power_short = np.zeros(pv_w.shape, dtype=np.bool_)
        lack_w = (load_w + own_w) / passed - pv_w
        too_much = (load_w > output_w) | (lack_w > discharge_w)
        drawn_wh = np.clip(lack_w, 0, discharge_w) * hours_per_step / efficiency
        left_wh = np.maximum(stored_wh - floor_wh, 0)
        empty = drawn_wh > left_wh
        running = np.isinf(ended_h)
        with np.errstate(divide="ignore", invalid="ignore"):
            into = np.where(too_much, np.float32(0), left_wh / drawn_wh)
        ending = running & (too_much | empty)
        np.copyto(ended_h, (number + into) * hours_per_step, where=ending)
        power_short |= ending & too_much
        taper = np.clip((full_wh - stored_wh) / (full_wh * np.float32(1 - TAPER_FROM) + 1e-6), TAPER_MIN, 1)
        gained_wh = np.clip(-lack_w, 0, charge_w * taper) * hours_per_step * efficiency
        stored_wh = np.clip(stored_wh - np.minimum(drawn_wh, left_wh) + gained_wh, 0, full_wh)
    if stored_wh is None:
        raise ValueError("a walk needs at least one step")
    lasts = np.isinf(ended_h)
    length_h = np.float32((number + 1) * step_h)
    return Ends(np.minimum(ended_h, length_h), lasts, power_short)


def _column(values: Sequence[float]) -> Samples:
    return np.array(values, dtype=np.float32)[:, None]
