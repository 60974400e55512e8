"""Half hours of days that were counted, as the demand and as what it had been without the battery. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import SLOTS
from central.core.peak.learning import Floats
from contract.demand import HALF_HOUR_H


def bought_w(one: SiteDay) -> list[float | None]:
    """Mean power bought in each half hour of a day; None: not known for that half hour."""
    return [None if (wh := one.own_wh(Flow.IMPORT, slot)) is None else wh / HALF_HOUR_H for slot in range(SLOTS)]


def net_line(days: Iterable[SiteDay], first_day: int, last_day: int) -> Floats:
    """Mean net power of each half hour from one day to another, both included; NaN: not known.

    Net is what would have been bought without the battery. A shelter whose battery is not counted has none.
    """
    line = np.full((last_day - first_day + 1) * SLOTS, np.nan)
    for one in days:
        if first_day <= one.day <= last_day:
            start = (one.day - first_day) * SLOTS
            line[start : start + SLOTS] = [_net_w(one, slot) for slot in range(SLOTS)]
    return line


def _net_w(one: SiteDay, slot: int) -> float:
    bought_wh = one.own_wh(Flow.IMPORT, slot)
    if bought_wh is None:
        return float("nan")
    total_wh = float(bought_wh)
    for flow, sign in ((Flow.EXPORT, -1), (Flow.DISCHARGE, 1), (Flow.CHARGE, -1)):
        if flow in one.wh:
            wh = one.own_wh(flow, slot)
            if wh is None:
                return float("nan")
            total_wh += sign * wh
    return total_wh / HALF_HOUR_H
