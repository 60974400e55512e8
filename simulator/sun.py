"""The sun over Chiba City by pvlib: clear sky once a day for the whole city, then each roof's own plane.

The city is 20 km wide, so its sites see the same sun within a minute. pvlib is asked with whole days of minutes at a
time: one day of the city takes 10 ms, one day of a roof a fifth of a millisecond.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from pvlib import atmosphere, clearsky, irradiance, solarposition

from simulator.noise import Floats
from simulator.weather import MINUTES, day_of_year_of, day_start_ms, transmission

LATITUDE: Final = 35.607
LONGITUDE: Final = 140.106
_LINKE_TURBIDITY: Final = 3.2
"""Of a coastal city; fixed, since the yearly swing is smaller than the clouds' doing."""
_SYSTEM_SHARE: Final = 0.86
"""What dirt, wiring and mismatch leave."""
_HEAT_LOSS_PER_K: Final = 0.0035
_DAYS_KEPT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearDay:
    """One cloudless day, minute by minute. Angles in degrees, radiation in W/m²."""

    day_of_year: int
    zenith_deg: Floats
    azimuth_deg: Floats
    global_w_m2: Floats


def clear_day(day: int) -> ClearDay:
    """The sun's path and clear-sky radiation of a Tokyo day."""
    start = pd.Timestamp(day_start_ms(day), unit="ms", tz="UTC")
    times = pd.date_range(start, periods=MINUTES, freq="60s")
    position = solarposition.get_solarposition(times, LATITUDE, LONGITUDE, altitude=20)
    zenith = position["apparent_zenith"].to_numpy()
    day_of_year = day_of_year_of(day)
    air_mass = atmosphere.get_absolute_airmass(atmosphere.get_relative_airmass(zenith))
    with np.errstate(divide="ignore", invalid="ignore"):
        clear = clearsky.ineichen(
            zenith, air_mass, _LINKE_TURBIDITY, altitude=20, dni_extra=irradiance.get_extra_radiation(day_of_year)
        )
    return ClearDay(
        day_of_year=day_of_year,
        zenith_deg=zenith,
        azimuth_deg=position["azimuth"].to_numpy(),
        global_w_m2=np.nan_to_num(np.asarray(clear["ghi"])),
    )


class Sun:
    """Clear days, kept for as long as sites need the same ones."""

    def __init__(self) -> None:
        self._days: OrderedDict[int, ClearDay] = OrderedDict()

    def day(self, day: int) -> ClearDay:
        """The clear day, calculated once."""
        if day not in self._days:
            self._days[day] = clear_day(day)
            while len(self._days) > _DAYS_KEPT:
                self._days.popitem(last=False)
        return self._days[day]


def pv_power_w(
    clear: ClearDay, cover: Floats, air_c: Floats, *, tilt_deg: float, azimuth_deg: float, rated_w: float
) -> Floats:
    """What the modules of a roof could give, minute by minute (DC)."""
    global_w_m2 = clear.global_w_m2 * transmission(cover)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = irradiance.erbs(global_w_m2, clear.zenith_deg, clear.day_of_year)
        plane = irradiance.get_total_irradiance(
            tilt_deg,
            azimuth_deg,
            clear.zenith_deg,
            clear.azimuth_deg,
            np.nan_to_num(parts["dni"]),
            global_w_m2,
            np.nan_to_num(parts["dhi"]),
        )
    on_plane = np.clip(np.nan_to_num(np.asarray(plane["poa_global"])), 0.0, 1_300.0)
    cell_c = air_c + 0.028 * on_plane
    power = rated_w * _SYSTEM_SHARE * on_plane / 1000 * (1 - _HEAT_LOSS_PER_K * (cell_c - 25))
    # Modules give nothing useful under a few W/m².
    return np.asarray(np.where(on_plane > 8.0, np.clip(power, 0.0, None), 0.0))
