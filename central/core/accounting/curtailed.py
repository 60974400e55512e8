"""PV energy that was held back: an estimate from neighbours, since nobody measures it. Pure.

In a half hour in which a shelter's inverter was limited, it would have given what the middle one of the other shelters
gave per kW of modules, times how this shelter compares with them when nothing limits it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from central.core.accounting.days import WELL_KNOWN, SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import SLOTS, days_of_month

NEIGHBOURS_MIN: Final = 3
"""With fewer unlimited shelters nothing is estimated."""


def curtailed_wh(month: str, days: Mapping[str, Sequence[SiteDay]], pv_kw: Mapping[str, float]) -> dict[str, int]:
    """Shelter → estimated energy held back in the month, Wh; shelters that were not limited are not in it."""
    sites = [site for site in days if pv_kw.get(site, 0) > 0]
    limited = {site for site in sites if any(one.beside.limited for one in days[site])}
    if not limited:
        return {}
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
    found = {}
    for row, site in enumerate(sites):
        if site not in limited:
            continue
        both = ~np.isnan(free[row]) & ~np.isnan(middle)
        shared = float(np.sum(middle[both]))
        ratio = float(np.sum(free[row][both])) / shared if shared > 0 else 1.0
        lacks = np.maximum(0.0, middle * ratio - np.nan_to_num(given[row]))
        found[site] = round(float(np.nansum(np.where(held[row], lacks, 0.0))) * pv_kw[site])
    return found
