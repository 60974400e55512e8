"""A shelter's month: the sum of its days, and what of the PV energy was used on site. Pure; energies in whole Wh.

    self-consumed = PV - export - PV's share of the battery's loss

PV is counted after any curtailment, so what was held back is not in it and is not subtracted again. All export counts
against PV: what the battery gave to the grid is never the shelter's own use. The battery's loss is what it took minus
what it gave in the month, so what it holds at the month's end is used in the next one, and nothing is counted twice.
Its PV share is what it took while PV gave as much, half hour by half hour, of all that it took.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from central.core.accounting.counters import LETTERS, Mark
from central.core.accounting.days import HALF_HOUR_S, WELL_KNOWN, SiteDay
from central.core.accounting.flows import Flow, LoadBasis, PvBasis
from central.core.accounting.halfhours import HALF_HOUR_MS, SLOTS, days_of_month, start_of_day

_IN_GAPS: Final = frozenset({LETTERS[Mark.SUMMED], LETTERS[Mark.AT_LEAST]})
_UNKNOWN: Final = LETTERS[Mark.UNKNOWN]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a month's energy costs. A closed month keeps the terms that it was closed with."""

    yen_per_kwh: Decimal
    """Without tax."""
    tax_rate: Decimal
    source: str
    verified: bool
    """Whether somebody has held the price against the contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthFigures:
    """What a shelter's month comes to."""

    site: str
    month: str
    wh: Mapping[Flow, int]
    summed_wh: Mapping[Flow, int] = field(default_factory=dict)
    """Of ``wh``, what flowed in longer gaps: known as a sum alone."""
    charge_pv_wh: int = 0
    """Charged while PV gave as much."""
    self_wh: int = 0
    """PV energy used on site."""
    adjusted_wh: int = 0
    """What corrections by hand add to ``self_wh``."""
    peak_wh: int | None = None
    """Highest import of a half hour."""
    peak_ms: int | None = None
    """When that half hour began."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """Letter of ``counters.LETTERS`` → half hours; a half hour counts by the flow that is known worst."""
    odd: int = 0
    """Half hours whose flows do not add up."""
    limited: int = 0
    """Half hours in which PV was held back."""
    islanded_s: int = 0
    islanded_wh: int = 0
    """Delivered to the load without the grid."""
    pv_basis: PvBasis = PvBasis.NONE
    load_basis: LoadBasis = LoadBasis.REST
    terms: Terms | None = None
    """Of a closed month; ``None``: it is open, or there was no price."""

    @property
    def billed_wh(self) -> int:
        """What the bill counts."""
        return max(0, self.self_wh + self.adjusted_wh)

    @property
    def battery_loss_wh(self) -> int:
        """Taken minus given by the battery, what it holds more or less at the end included."""
        return self.wh.get(Flow.CHARGE, 0) - self.wh.get(Flow.DISCHARGE, 0)

    @property
    def known_share(self) -> float:
        """Part of the half hours that were measured, restarts and short gaps included (0 to 1)."""
        all_slots = sum(self.slots.values())
        known = sum(count for letter, count in self.slots.items() if letter in WELL_KNOWN)
        return known / all_slots if all_slots else 0.0


def month_figures(site: str, month: str, days: Iterable[SiteDay], *, until_ms: int | None = None) -> MonthFigures:
    """Add up a month. Days that are not there are unknown half hours; those after ``until_ms`` are not waited for."""
    wanted = days_of_month(month)
    found = {one.day: one for one in days if one.day in wanted}
    wh = dict.fromkeys({flow for one in found.values() for flow in one.wh}, 0)
    summed = dict.fromkeys(wh, 0)
    slots = dict.fromkeys(LETTERS, 0)
    charge_pv = odd = limited = islanded_s = islanded_wh = 0
    peak: tuple[int, int] | None = None
    for day in wanted:
        passed = SLOTS if until_ms is None else min(SLOTS, max(0, (until_ms - start_of_day(day)) // HALF_HOUR_MS))
        one = found.get(day)
        if one is None:
            slots[_UNKNOWN] += passed
            continue
        worst = one.worst()[:passed]
        for letter in LETTERS:
            slots[letter] += worst.count(letter)
        for flow, values in one.wh.items():
            wh[flow] += sum(values)
            if not _IN_GAPS.isdisjoint(one.marks[flow]):
                summed[flow] += sum(v for v, mark in zip(values, one.marks[flow], strict=True) if mark in _IN_GAPS)
        charge_pv += charged_by_pv(one)
        odd += len(one.odd)
        limited += len(one.beside.limited)
        for slot, seconds in one.beside.islanded_s.items():
            islanded_s += seconds
            islanded_wh += (one.own_wh(Flow.LOAD, slot) or 0) * seconds // HALF_HOUR_S
        if (high := one.peak) and (peak is None or high[0] > peak[0]):
            peak = high[0], start_of_day(day) + high[1] * HALF_HOUR_MS
    newest = found[max(found)] if found else None
    return MonthFigures(
        site=site,
        month=month,
        wh=wh,
        summed_wh={flow: value for flow, value in summed.items() if value},
        charge_pv_wh=charge_pv,
        self_wh=self_consumed(wh, charge_pv),
        peak_wh=peak[0] if peak else None,
        peak_ms=peak[1] if peak else None,
        slots={letter: count for letter, count in slots.items() if count},
        odd=odd,
        limited=limited,
        islanded_s=islanded_s,
        islanded_wh=islanded_wh,
        pv_basis=newest.pv_basis if newest else PvBasis.NONE,
        load_basis=newest.load_basis if newest else LoadBasis.REST,
    )


def self_consumed(wh: Mapping[Flow, int], charge_pv_wh: int) -> int:
    """PV energy used on site, Wh (the rule is at the top of this file); never below zero."""
    charge = wh.get(Flow.CHARGE, 0)
    loss = charge - wh.get(Flow.DISCHARGE, 0)
    share = loss * charge_pv_wh // charge if charge else loss
    return max(0, wh.get(Flow.PV, 0) - wh.get(Flow.EXPORT, 0) - share)


def total_of(figures: Sequence[MonthFigures]) -> Mapping[Flow, int]:
    """Energies of several months or shelters together."""
    found: dict[Flow, int] = {}
    for one in figures:
        for flow, value in one.wh.items():
            found[flow] = found.get(flow, 0) + value
    return found


def charged_by_pv(one: SiteDay) -> int:
    """What the battery took on a day while PV gave as much, Wh."""
    if Flow.PV not in one.wh or Flow.CHARGE not in one.wh:
        return 0
    return sum(map(min, one.wh[Flow.CHARGE], one.wh[Flow.PV]))
