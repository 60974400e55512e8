"""A shelter's accounted energy as rows for graphs: the half hours and days that its statements are made of. Pure.

The days of a month add up to its statement. What the bill counts as used on site follows from a month's sums and not
from a single day's, so a day has what it raised the month's figure by; the last day of a closed month also has what
closing or a correction made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from central.core.accounting.counters import LETTERS, Mark
from central.core.accounting.days import WELL_KNOWN, SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import (
    HALF_HOUR_MS,
    SLOTS,
    days_of_month,
    demand_w,
    fiscal_year_of,
    month_of_day,
    start_of_day,
)
from central.core.accounting.months import MonthFigures, charged_by_pv, self_consumed
from central.core.city import Site
from central.core.rollups.rows import FISCAL_YEAR, RollupRow, Series, tags_of

KINDS: Final[Mapping[str, tuple[Mark, ...]]] = {
    "measured": (Mark.MEASURED, Mark.RESTARTED),
    "interpolated": (Mark.INTERPOLATED,),
    "summed": (Mark.SUMMED, Mark.AT_LEAST),
    "missing": (Mark.UNKNOWN,),
}
"""How a day tells its half hours by how well they are known; each counts by the flow that is known worst."""
OWN: Final = frozenset({Mark.MEASURED, Mark.RESTARTED, Mark.INTERPOLATED})
"""Energy that is one of that half hour, so that a demand follows from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCo2:
    """CO2 of a kWh that is not bought, in kg, and whether somebody checked the figure against its source."""

    kg_per_kwh: float
    verified: bool


def unknown_day(site: str, day: int) -> SiteDay:
    """A day of which nothing was counted."""
    return SiteDay(site=site, day=day, wh={}, marks={})


def half_rows(
    site: Site, one: SiteDay, *, until_ms: int, before_wh: int | None, target_w: float | None
) -> list[RollupRow]:
    """The half hours of a day that have ended.

    Args:
        site: the shelter.
        one: its day.
        until_ms: half hours that end later are left out.
        before_wh: highest import of a half hour in the eleven months before and in this one up to the day.
        target_w: the demand that it is held under; ``None``: it is not told, and what was told stays.
    """
    worst, peak_wh, found = one.worst(), before_wh, []
    for slot in range(SLOTS):
        at_ms = start_of_day(one.day) + slot * HALF_HOUR_MS
        if at_ms + HALF_HOUR_MS > until_ms:
            break
        known: dict[str, float | None] = {
            **{f"{flow.value}_wh": values[slot] for flow, values in one.wh.items()},
            "demand_w": _as_w(one.own_wh(Flow.IMPORT, slot)),
            "without_battery_w": _as_w(_without_battery_wh(one, slot)),
            "year_peak_w": _as_w(peak_wh),
            "target_w": target_w,
            "mark": LETTERS.index(worst[slot]),
            "import_mark": LETTERS.index(one.marks[Flow.IMPORT][slot]) if Flow.IMPORT in one.marks else Mark.UNKNOWN,
            "odd": slot in one.odd,
        }
        found.append(RollupRow(series=Series.ENERGY_HALF, at_ms=at_ms, tags=tags_of(site), fields=_given(known)))
        peak_wh = _highest(peak_wh, one.own_wh(Flow.IMPORT, slot))
    return found


def day_rows(
    site: Site,
    days: Sequence[SiteDay],
    *,
    closed: MonthFigures | None,
    until_ms: int,
    saved: SavedCo2 | None,
) -> list[RollupRow]:
    """Days of one month, which add up to its statement.

    Args:
        site: the shelter.
        days: all of its days in the month that are counted, and more of which nothing is known; not none.
        closed: the figures of a month that is closed, with its corrections; ``None``: it is open.
        until_ms: of half hours that end later nothing is said.
        saved: the emission factor of the fiscal year; ``None``: there is none, and nothing is said of CO2.
    """
    by_day = {one.day: one for one in days}
    month = month_of_day(next(iter(by_day)))
    last = days_of_month(month)[-1]
    if closed is not None:
        by_day.setdefault(last, unknown_day(site.id, last))
    total: dict[Flow, int] = {}
    charge_pv_wh = used_wh = 0
    found = []
    for day in sorted(by_day):
        one = by_day[day]
        wh = {flow: one.total_wh(flow) for flow in one.wh}
        charge_pv_wh += charged_by_pv(one)
        for flow, value in wh.items():
            total[flow] = total.get(flow, 0) + value
        now_used_wh = self_consumed(total, charge_pv_wh)
        if closed is not None and day == last:
            wh |= {flow: wh.get(flow, 0) + value - total.get(flow, 0) for flow, value in closed.wh.items()}
            now_used_wh = closed.billed_wh
        raised_wh = now_used_wh - used_wh if total or closed is not None else None
        used_wh = now_used_wh
        found.append(_day_row(site, one, wh, raised_wh, until_ms, saved))
    return found


def _day_row(
    site: Site, one: SiteDay, wh: Mapping[Flow, int], used_wh: int | None, until_ms: int, saved: SavedCo2 | None
) -> RollupRow:
    passed = min(SLOTS, max(0, (until_ms - start_of_day(one.day)) // HALF_HOUR_MS))
    worst = one.worst()[:passed]
    without = [value for slot in range(SLOTS) if (value := _without_battery_wh(one, slot)) is not None]
    known: dict[str, float | None] = {
        **{f"{flow.value}_wh": value for flow, value in wh.items()},
        "self_used_wh": used_wh,
        "peak_demand_w": _as_w(one.peak[0] if one.peak else None),
        "peak_without_w": _as_w(max(without, default=None)),
        **{name: sum(worst.count(LETTERS[mark]) for mark in marks) for name, marks in KINDS.items()},
        "odd": len(one.odd),
        "known_pct": 100 * sum(letter in WELL_KNOWN for letter in worst) / passed if passed else None,
    }
    if saved is not None and used_wh is not None:
        known["co2_saved_kg"] = used_wh / 1_000 * saved.kg_per_kwh
        known |= {"factor_kg_per_kwh": saved.kg_per_kwh, "factor_verified": saved.verified}
    month = month_of_day(one.day)
    return RollupRow(
        series=Series.ENERGY_DAY,
        at_ms=start_of_day(one.day),
        tags={**tags_of(site), "month": month, "fiscal_year": f"{fiscal_year_of(month)}{FISCAL_YEAR}"},
        fields=_given(known),
    )


def highest_before(days: Sequence[SiteDay], day: int, before_wh: int | None) -> int | None:
    """The highest import of a half hour before a day: of the months before, and of the days of its own month."""
    return _highest(before_wh, *(one.peak[0] for one in days if one.day < day and one.peak))


def carried_row(counted_ms: int, at_ms: int) -> RollupRow:
    """Up to which counting the days are told."""
    return RollupRow(
        series=Series.ENERGY_CARRIED,
        at_ms=at_ms,
        tags={"scope": "city"},
        fields={"counted_ms": float(counted_ms)},
    )


def _without_battery_wh(one: SiteDay, slot: int) -> int | None:
    """What had been bought without the battery: its discharge bought, its charge not."""
    signs = {Flow.IMPORT: 1, Flow.EXPORT: -1, Flow.DISCHARGE: 1, Flow.CHARGE: -1}
    if Flow.IMPORT not in one.wh:
        return None
    net_wh = 0
    for flow, sign in signs.items():
        if flow in one.wh:
            wh = one.own_wh(flow, slot)
            if wh is None:
                return None
            net_wh += sign * wh
    return max(0, net_wh)


def _as_w(wh: int | None) -> float | None:
    return None if wh is None else demand_w(wh)


def _highest(*found: int | None) -> int | None:
    return max((one for one in found if one is not None), default=None)


def _given(known: Mapping[str, float | None]) -> dict[str, float]:
    """Without what is not known: a gap stays a gap."""
    return {name: float(value) for name, value in known.items() if value is not None}
