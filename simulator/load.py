"""What a building takes, by kind, weekday, hour and temperature (Tokyo time)."""

from __future__ import annotations

from typing import Final

import numpy as np

from simulator.noise import Floats, drift, key_of
from simulator.spec import TIERS, Kind, SiteSpec
from simulator.weather import MINUTES, CityDay

# Share of the peak at each full hour, 0 to 24.
_SCHOOL_DAY: Final = (
    *(0.10, 0.10, 0.10, 0.10, 0.10, 0.12, 0.18, 0.40, 0.72, 0.86, 0.92, 0.97, 1.00),
    *(0.92, 0.90, 0.84, 0.70, 0.56, 0.42, 0.28, 0.18, 0.13, 0.11, 0.10, 0.10),
)
_SCHOOL_REST: Final = (
    *(0.10, 0.10, 0.10, 0.10, 0.10, 0.10, 0.11, 0.13, 0.18, 0.22, 0.23, 0.23, 0.22),
    *(0.22, 0.22, 0.20, 0.18, 0.15, 0.13, 0.12, 0.11, 0.10, 0.10, 0.10, 0.10),
)
_CENTRE_OPEN: Final = (
    *(0.09, 0.09, 0.09, 0.09, 0.09, 0.09, 0.10, 0.14, 0.36, 0.70, 0.88, 0.95, 0.86),
    *(0.96, 1.00, 0.97, 0.88, 0.74, 0.70, 0.74, 0.66, 0.34, 0.12, 0.09, 0.09),
)
_CENTRE_SHUT: Final = (*(0.09,) * 9, *(0.16,) * 8, *(0.09,) * 8)
# How the load without air conditioning splits over tiers 1 to 4.
_SHARES: Final = {
    Kind.ELEMENTARY_SCHOOL: (0.04, 0.22, 0.34, 0.40),
    Kind.JUNIOR_HIGH_SCHOOL: (0.04, 0.22, 0.36, 0.38),
    Kind.COMMUNITY_CENTRE: (0.07, 0.25, 0.36, 0.32),
}
_CRITICAL_BASE_W: Final = {
    Kind.ELEMENTARY_SCHOOL: 380.0,
    Kind.JUNIOR_HIGH_SCHOOL: 420.0,
    Kind.COMMUNITY_CENTRE: 260.0,
}
_AIR_SHARE: Final = 0.45
"""Air conditioning at full strength, as a share of the peak of everything else."""


def is_school_day(day: int) -> bool:
    """Monday to Friday outside the long holidays (a rule of thumb; no calendar of public holidays)."""
    if weekday_of(day) >= 5:
        return False
    month_day = str(np.datetime64(day, "D"))[5:]
    in_summer = "07-21" <= month_day <= "08-31"
    in_winter = month_day >= "12-24" or month_day <= "01-06"
    in_spring = "03-26" <= month_day <= "04-05"
    return not (in_summer or in_winter or in_spring)


def weekday_of(day: int) -> int:
    """Monday is 0; 1970-01-01 was a Thursday."""
    return (day + 3) % 7


def load_w(spec: SiteSpec, city: CityDay, seed: int) -> tuple[Floats, ...]:
    """Power that each tier wants, minute by minute."""
    in_use = _in_use(spec.kind, city.day)
    hour = np.arange(MINUTES) / 60.0
    use = np.interp(hour, np.arange(25), in_use)
    people = drift(key_of(seed, spec.id, "people"), city.at_s, 5_400.0)
    wanted = spec.load_peak_w * use * (0.88 + 0.24 * people)
    uncomfortable = np.clip((15.0 - city.air_c) / 12.0, 0, 1) + np.clip((city.air_c - 25.0) / 8.0, 0, 1)
    air_w = spec.load_peak_w * _AIR_SHARE * use * uncomfortable
    tiers: list[Floats] = []
    for number, share in enumerate(_SHARES[spec.kind], start=1):
        busy = drift(key_of(seed, spec.id, "tier", number), city.at_s, 180.0 + 90.0 * number) - 0.5
        tier = wanted * share * (1 + 0.3 * busy)
        if number == 1:
            tier = tier + _CRITICAL_BASE_W[spec.kind]
        if number == TIERS:
            # Compressors come and go.
            cycle = drift(key_of(seed, spec.id, "compressor"), city.at_s, 420.0)
            tier = tier + air_w * (0.6 + 0.8 * cycle)
        tiers.append(np.asarray(tier))
    return tuple(tiers)


def _in_use(kind: Kind, day: int) -> tuple[float, ...]:
    if kind is Kind.COMMUNITY_CENTRE:
        return _CENTRE_SHUT if weekday_of(day) == 0 else _CENTRE_OPEN
    return _SCHOOL_DAY if is_school_day(day) else _SCHOOL_REST
