"""Energy that a counter forgot when it began anew inside a gap of days: estimates, never billed. Pure.

No reading gives it back; the sum over the gap is marked as at least so much. PV energy is estimated from what the other
shelters gave in the same half hours. What the meter counted is estimated from days of the shelter itself that are like
the ones of the gap: a school day for a school day, and the sun as near as can be had. What the battery took and gave
depends on the charge that it had: days that are alike told less than nothing of it, so it is not estimated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from central.core.accounting.counters import LETTERS, Mark
from central.core.accounting.days import WELL_KNOWN, SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import SLOTS, date_of, days_of_month
from central.core.accounting.neighbours import Bools, Compared, Floats, compared

LIKE: Final = 3
"""So many days like the one of the gap are averaged."""
LIKE_MIN: Final = 2
"""With fewer nothing is estimated."""
OWN_FLOWS: Final = (Flow.IMPORT, Flow.EXPORT)
"""Estimated from the shelter's own days."""
_AT_LEAST: Final = LETTERS[Mark.AT_LEAST]
_SATURDAY: Final = 5


def lost_wh(
    month: str, days: Mapping[str, Sequence[SiteDay]], pv_kw: Mapping[str, float]
) -> dict[str, dict[Flow, int]]:
    """Shelter → flow → estimate of what its counter forgot in the month, Wh.

    Only what can be estimated is in it: a PV gap with too few neighbours, or a gap in a month without days that are
    like it, is not.
    """
    hit = {
        site for site, own in days.items() if any(_AT_LEAST in letters for one in own for letters in one.marks.values())
    }
    if not hit:
        return {}
    side = compared(month, days, pv_kw)
    rows = {site: row for row, site in enumerate(side.sites)}
    found = {}
    for site in sorted(hit):
        own = _Own(days[site], _sun(month, side, rows.get(site)), pv_kw.get(site, 0.0))
        lost = {flow: wh for flow in (Flow.PV, *OWN_FLOWS) if (wh := own.lost_wh(flow)) is not None}
        if lost:
            found[site] = lost
    return found


def _sun(month: str, side: Compared, row: int | None) -> dict[int, Floats]:
    """Day → PV energy per kW that its half hours would have given; NaN where too few neighbours say."""
    numbers = days_of_month(month)
    if row is None:
        return {day: np.full(SLOTS, np.nan) for day in numbers}
    return dict(zip(numbers, side.expected(row).reshape(len(numbers), SLOTS), strict=True))


@dataclass(frozen=True, slots=True)
class _Own:
    """One shelter's month."""

    days: Sequence[SiteDay]
    sun: Mapping[int, Floats]
    pv_kw: float

    def lost_wh(self, flow: Flow) -> int | None:
        """Expected minus counted; ``None``: nothing was forgotten, or nothing can be said."""
        gaps = {one.day: slots for one in self.days if (slots := _in_gap(one, flow)).any()}
        if not gaps:
            return None
        counted = sum(float(_wh(one, flow)[gaps[one.day]].sum()) for one in self.days if one.day in gaps)
        expected = sum(self._expected(day, slots, flow) for day, slots in gaps.items())
        return None if np.isnan(expected) else max(0, round(expected - counted))

    def _expected(self, day: int, slots: Bools, flow: Flow) -> float:
        """Energy in these half hours of a day; NaN: nothing can be said."""
        sun = self.sun[day][slots].sum()
        if flow is Flow.PV:
            return float(sun * self.pv_kw)
        is_weekend = _is_weekend(day)
        like = sorted(
            (one for one in self.days if one.day != day and _is_known(one, flow, slots)),
            key=lambda one: (
                _is_weekend(one.day) != is_weekend,
                float(np.nan_to_num(abs(self.sun[one.day][slots].sum() - sun))),
                abs(one.day - day),
            ),
        )[:LIKE]
        if len(like) < LIKE_MIN:
            return float("nan")
        return float(np.mean([_wh(one, flow)[slots].sum() for one in like]))


def _is_weekend(day: int) -> bool:
    return date_of(day).weekday() >= _SATURDAY


def _is_known(one: SiteDay, flow: Flow, slots: Bools) -> bool:
    return flow in one.wh and all(one.marks[flow][slot] in WELL_KNOWN for slot in np.flatnonzero(slots))


def _wh(one: SiteDay, flow: Flow) -> Floats:
    return np.asarray(one.wh[flow], dtype=np.float64)


def _in_gap(one: SiteDay, flow: Flow) -> Bools:
    return np.array([letter == _AT_LEAST for letter in one.marks.get(flow, "")], dtype=bool)
