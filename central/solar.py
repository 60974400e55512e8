"""Clear-sky power of PV planes by pvlib. Times and places in, arrays out; it reads and writes nothing.

What a plant makes of the clear sky (dirt, heat, shade, wiring) is not modelled: the measured days are compared with
this same curve, so their ratio holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from pvlib import atmosphere, clearsky, irradiance, solarposition

from central.core.autonomy.values import Floats, Plane

_PLACES_PER_DEGREE: Final = 10
"""The sun is calculated once per tenth of a degree: there it differs by less than half a minute."""
_LINKE_TURBIDITY: Final = 3.0
_ALTITUDE_M: Final = 20.0
_SYSTEM_SHARE: Final = 0.86
"""A usual plant's output under full sun, as a share of its peak."""


def clear_sky_w(planes: Sequence[Plane], *, start_ms: int, steps: int, step_ms: int) -> Floats:
    """Mean DC power in W of each plane (row) in each step (column) under a cloudless sky.

    Args:
        planes: at least one; a plane of 0 W peak gives zeros.
        start_ms: UTC milliseconds of the first step's beginning.
        steps: how many steps.
        step_ms: length of a step; the sun of its middle stands for it.
    """
    if not planes or steps < 1 or step_ms < 1:
        raise ValueError(f"want planes, steps and a step length, got {len(planes)}, {steps}, {step_ms} ms")
    middles_ms = start_ms + step_ms // 2 + np.arange(steps, dtype=np.int64) * step_ms
    times = pd.DatetimeIndex(pd.to_datetime(middles_ms, unit="ms", utc=True))
    places = [
        (round(plane.latitude * _PLACES_PER_DEGREE), round(plane.longitude * _PLACES_PER_DEGREE)) for plane in planes
    ]
    power_w = np.zeros((len(planes), steps))
    for place in dict.fromkeys(places):
        rows = [row for row, of_plane in enumerate(places) if of_plane == place]
        latitude, longitude = (value / _PLACES_PER_DEGREE for value in place)
        power_w[rows] = _at_place([planes[row] for row in rows], times, latitude, longitude)
    return power_w


def _at_place(planes: Sequence[Plane], times: pd.DatetimeIndex, latitude: float, longitude: float) -> Floats:
    position = solarposition.get_solarposition(times, latitude, longitude, altitude=_ALTITUDE_M)
    zenith = position["apparent_zenith"].to_numpy()
    azimuth = position["azimuth"].to_numpy()
    air_mass = atmosphere.get_absolute_airmass(atmosphere.get_relative_airmass(zenith))
    extra = irradiance.get_extra_radiation(times.day_of_year.to_numpy())
    with np.errstate(divide="ignore", invalid="ignore"):
        clear = clearsky.ineichen(zenith, air_mass, _LINKE_TURBIDITY, altitude=_ALTITUDE_M, dni_extra=extra)
        plane = irradiance.get_total_irradiance(
            np.array([[plane.tilt_deg] for plane in planes]),
            np.array([[plane.azimuth_deg] for plane in planes]),
            zenith[None, :],
            azimuth[None, :],
            np.nan_to_num(clear["dni"])[None, :],
            np.nan_to_num(clear["ghi"])[None, :],
            np.nan_to_num(clear["dhi"])[None, :],
        )
    on_plane = np.clip(np.nan_to_num(np.asarray(plane["poa_global"])), 0.0, None)
    peak_w = np.array([[plane.peak_w] for plane in planes])
    return np.asarray(peak_w * _SYSTEM_SHARE * on_plane / 1_000)
