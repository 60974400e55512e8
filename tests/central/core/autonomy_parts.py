"""Shelters and skies for the tests of autonomy and what follows from it. All invented."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from central.core.autonomy import Horizon, ShelterEnergy, TierLoad
from central.core.autonomy.values import Floats

MIDNIGHT_MS = 1_726_153_200_000
"""2024-09-13 00:00 in Tokyo, a Friday."""
HOUR_MS = 3_600_000
HORIZON = Horizon(scenarios=60)
DAYS = (0.9, 0.8, 0.3, 0.5, 0.95, 0.7, 0.2, 0.6, 0.85, 0.4, 0.75, 0.9, 0.35, 0.65)


def tier(number: int = 1, watts: float = 500.0, **more: Any) -> TierLoad:
    return TierLoad(tier=number, typical_w=(watts,) * 24, **more)


def shelter(**more: Any) -> ShelterEnergy:
    usual = ShelterEnergy(
        site="E0000000001111",
        soc_pct=80.0,
        capacity_wh=20_000.0,
        inverter_w=30_000.0,
        backup_w=9_900.0,
        charge_w=10_000.0,
        discharge_w=10_000.0,
        tiers=(tier(),),
        recent_days=DAYS,
    )
    return replace(usual, **more)


def dark(count: int = 1, horizon: Horizon = HORIZON) -> Floats:
    return np.zeros((count, horizon.steps))


def sunny(peak_w: float = 5_000.0, count: int = 1, horizon: Horizon = HORIZON) -> Floats:
    """A clear sky from Tokyo midnight on: sun from 6 to 18."""
    hours = (np.arange(horizon.steps) + 0.5) * horizon.step_h % 24
    return np.tile(peak_w * np.clip(np.sin((hours - 6) / 12 * np.pi), 0, None), (count, 1))
