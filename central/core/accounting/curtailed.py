"""PV energy that was held back: an estimate from neighbours, since nobody measures it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from central.core.accounting.days import SiteDay
from central.core.accounting.neighbours import compared


def curtailed_wh(month: str, days: Mapping[str, Sequence[SiteDay]], pv_kw: Mapping[str, float]) -> dict[str, int]:
    """Shelter → estimated energy held back in the month, Wh; shelters that were not limited are not in it."""
    limited = {site for site, own in days.items() if any(one.beside.limited for one in own)}
    if not limited:
        return {}
    found = {}
    side = compared(month, days, pv_kw)
    for row, site in enumerate(side.sites):
        if site not in limited:
            continue
        lacks = np.maximum(0.0, side.expected(row) - np.nan_to_num(side.given[row]))
        found[site] = round(float(np.nansum(np.where(side.held[row], lacks, 0.0))) * pv_kw[site])
    return found
