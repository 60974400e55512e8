"""PV energy of a month's shelters side by side: what one of them would have given, from what the others gave. Pure.

What a shelter would have given in a half hour is what the middle one of the other shelters gave per kW of modules,
times how this shelter compares with them when nothing limits it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from central.core.accounting.days import WELL_KNOWN, SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import SLOTS, days_of_month

NEIGHBOURS_MIN: Final = 3
"""With fewer unlimited shelters nothing is estimated."""
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Compared:
    """PV energy per kW of modules: shelters (rows) by half hours of the month. NaN: not known."""

    sites: Sequence[str]
    given: Floats
    held: Bools
    """Half hours in which the inverter was limited."""
    middle: Floats
    """Of the unlimited shelters, by half hour."""

    def expected(self, row: int) -> Floats:
        """What a shelter would have given."""
        own = np.where(self.held[row], np.nan, self.given[row])
        both = ~np.isnan(own) & ~np.isnan(self.middle)
        shared = float(np.sum(self.middle[both]))
        ratio = float(np.sum(own[both])) / shared if shared > 0 else 1.0
        return np.asarray(self.middle * ratio)


def compared(month: str, days: Mapping[str, Sequence[SiteDay]], pv_kw: Mapping[str, float]) -> Compared:
    """Lay the shelters' half hours side by side. ``pv_kw``: rated power of the modules, kW."""
    sites = [site for site in days if pv_kw.get(site, 0) > 0]
    numbers = days_of_month(month)
    given = np.full((len(sites), len(numbers) * SLOTS), np.nan)
    held = np.zeros(given.shape, dtype=bool)
    for row, site in enumerate(sites):
        for one in days[site]:
            if one.day not in numbers or Flow.PV not in one.wh:
                continue
            first = (one.day - numbers.start) * SLOTS
            known = np.array([letter in WELL_KNOWN for letter in one.marks[Flow.PV]])
            given[row, first : first + SLOTS] = np.where(known, one.wh[Flow.PV], np.nan) / pv_kw[site]
            held[row, [first + slot for slot in one.beside.limited]] = True
    free = np.where(held, np.nan, given)
    enough = np.sum(~np.isnan(free), axis=0) >= NEIGHBOURS_MIN
    middle = np.full(given.shape[1], np.nan)
    if enough.any():
        middle[enough] = np.nanmedian(free[:, enough], axis=0)
    return Compared(sites, given, held, middle)
