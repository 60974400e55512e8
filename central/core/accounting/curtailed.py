"""PV energy that nobody counted: held back, or forgotten by a counter that began anew in a gap. Estimates. Pure.

What a shelter would have given in a half hour is what the middle one of the other shelters gave per kW of modules,
times how this shelter compares with them when nothing limits it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from central.core.accounting.counters import LETTERS, Mark
from central.core.accounting.days import WELL_KNOWN, SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import SLOTS, days_of_month

NEIGHBOURS_MIN: Final = 3
"""With fewer unlimited shelters nothing is estimated."""
_AT_LEAST: Final = LETTERS[Mark.AT_LEAST]
_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Compared:
    """PV energy per kW of modules: shelters (rows) by half hours of the month. NaN: not known."""

    sites: Sequence[str]
    given: _Floats
    held: _Bools
    """Half hours in which the inverter was limited."""
    in_gap: _Floats
    """Counted in a longer gap in which the counter began anew; NaN elsewhere."""
    middle: _Floats
    """Of the unlimited shelters, by half hour."""

    def expected(self, row: int) -> _Floats:
        """What a shelter would have given."""
        own = np.where(self.held[row], np.nan, self.given[row])
        both = ~np.isnan(own) & ~np.isnan(self.middle)
        shared = float(np.sum(self.middle[both]))
        ratio = float(np.sum(own[both])) / shared if shared > 0 else 1.0
        return np.asarray(self.middle * ratio)


def curtailed_wh(month: str, days: Mapping[str, Sequence[SiteDay]], pv_kw: Mapping[str, float]) -> dict[str, int]:
    """Shelter → estimated energy held back in the month, Wh; shelters that were not limited are not in it."""
    limited = {site for site, own in days.items() if any(one.beside.limited for one in own)}
    if not limited:
        return {}
    found = {}
    compared = _compared(month, days, pv_kw)
    for row, site in enumerate(compared.sites):
        if site not in limited:
            continue
        lacks = np.maximum(0.0, compared.expected(row) - np.nan_to_num(compared.given[row]))
        found[site] = round(float(np.nansum(np.where(compared.held[row], lacks, 0.0))) * pv_kw[site])
    return found


def lost_wh(month: str, days: Mapping[str, Sequence[SiteDay]], pv_kw: Mapping[str, float]) -> dict[str, int]:
    """Shelter → estimated PV energy that its counter forgot when it began anew inside a longer gap, Wh.

    Shelters to which that did not happen are not in it, nor those whose gap has half hours without enough neighbours.
    """
    hit = {site for site, own in days.items() if any(_AT_LEAST in one.marks.get(Flow.PV, "") for one in own)}
    if not hit:
        return {}
    found = {}
    compared = _compared(month, days, pv_kw)
    for row, site in enumerate(compared.sites):
        if site not in hit:
            continue
        gap = ~np.isnan(compared.in_gap[row])
        expected = compared.expected(row)[gap]
        if not np.isnan(expected).any():
            lacks = float(expected.sum() - compared.in_gap[row][gap].sum())
            found[site] = max(0, round(lacks * pv_kw[site]))
    return found


def _compared(month: str, days: Mapping[str, Sequence[SiteDay]], pv_kw: Mapping[str, float]) -> _Compared:
    sites = [site for site in days if pv_kw.get(site, 0) > 0]
    numbers = days_of_month(month)
    given = np.full((len(sites), len(numbers) * SLOTS), np.nan)
    in_gap = np.full(given.shape, np.nan)
    held = np.zeros(given.shape, dtype=bool)
    for row, site in enumerate(sites):
        for one in days[site]:
            if one.day not in numbers or Flow.PV not in one.wh:
                continue
            first = (one.day - numbers.start) * SLOTS
            place = slice(first, first + SLOTS)
            letters = one.marks[Flow.PV]
            known = np.array([letter in WELL_KNOWN for letter in letters])
            per_kw = np.array(one.wh[Flow.PV]) / pv_kw[site]
            given[row, place] = np.where(known, per_kw, np.nan)
            if _AT_LEAST in letters:
                in_gap[row, place] = np.where([letter == _AT_LEAST for letter in letters], per_kw, np.nan)
            held[row, [first + slot for slot in one.beside.limited]] = True
    free = np.where(held, np.nan, given)
    enough = np.sum(~np.isnan(free), axis=0) >= NEIGHBOURS_MIN
    middle = np.full(given.shape[1], np.nan)
    if enough.any():
        middle[enough] = np.nanmedian(free[:, enough], axis=0)
    return _Compared(sites, given, held, in_gap, middle)
