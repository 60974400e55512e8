"""Faults planted into a simulated quarter. The same seed plants the same ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bench.alert_traps import DAY_MS, HOUR_MS, LEAD_DAYS
from central.core.watch.alerts import CITY, SERVICE, About, AboutKind
from central.core.watch.readings import Family
from simulator.spec import SiteSpec


class Kind(StrEnum):
    """What is planted."""

    DEAD_INVERTER = "dead_inverter"
    STRING_LOSS = "string_loss"
    SOILING = "soiling"
    HOT_INVERTER = "hot_inverter"
    SHADE = "shade"
    SOH_FADE = "soh_fade"
    LINK_CUT = "link_cut"
    LINK_FLAPS = "link_flaps"
    FAULTS = "faults"
    CLOCK_DRIFT = "clock_drift"
    CLOCK_UNKNOWN = "clock_unknown"
    RESERVE_LOST = "reserve_lost"
    DEMAND_HIGH = "demand_high"
    OUTBOX = "outbox"
    CERTIFICATE = "certificate"
    BROKER = "broker"
    WARD_SILENT = "ward_silent"
    CITY_CLOCKS = "city_clocks"


NEVER_SET_ON: Final = frozenset({Kind.HOT_INVERTER, Kind.SHADE})
"""Kinds that were thought of after the rules' limits were set: an inverter that goes off each midday, a building that
takes the afternoon's sun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """A kind's family, how long it lasts (days), how soon it has to be found (hours), and how many are planted."""

    family: Family
    lasts_d: tuple[float, float]
    found_h: float
    count: int


NATURES: Final = {
    Kind.DEAD_INVERTER: Nature(family=Family.PV, lasts_d=(2, 9), found_h=48, count=5),
    Kind.STRING_LOSS: Nature(family=Family.PV, lasts_d=(14, 30), found_h=10 * 24, count=5),
    Kind.SOILING: Nature(family=Family.PV, lasts_d=(45, 60), found_h=45 * 24, count=3),
    Kind.HOT_INVERTER: Nature(family=Family.PV, lasts_d=(5, 12), found_h=72, count=3),
    Kind.SHADE: Nature(family=Family.PV, lasts_d=(20, 40), found_h=14 * 24, count=3),
    Kind.SOH_FADE: Nature(family=Family.BATTERY, lasts_d=(20, 40), found_h=20 * 24, count=3),
    Kind.LINK_CUT: Nature(family=Family.LINK, lasts_d=(0.08, 4), found_h=1, count=5),
    Kind.LINK_FLAPS: Nature(family=Family.LINK, lasts_d=(2, 4), found_h=24, count=4),
    Kind.FAULTS: Nature(family=Family.FAULTS, lasts_d=(1, 3), found_h=24, count=4),
    Kind.CLOCK_DRIFT: Nature(family=Family.CLOCK, lasts_d=(5, 12), found_h=5 * 24, count=3),
    Kind.CLOCK_UNKNOWN: Nature(family=Family.CLOCK, lasts_d=(0.2, 2), found_h=2, count=3),
    Kind.RESERVE_LOST: Nature(family=Family.RESERVE, lasts_d=(3, 9), found_h=72, count=4),
    Kind.DEMAND_HIGH: Nature(family=Family.DEMAND, lasts_d=(4, 8), found_h=6 * 24, count=4),
    Kind.OUTBOX: Nature(family=Family.OUTBOX, lasts_d=(2, 4), found_h=72, count=3),
    Kind.CERTIFICATE: Nature(family=Family.CERTIFICATE, lasts_d=(20, 28), found_h=2, count=2),
    Kind.BROKER: Nature(family=Family.SERVICE, lasts_d=(0.06, 0.2), found_h=1.5, count=2),
    Kind.WARD_SILENT: Nature(family=Family.LINK, lasts_d=(0.1, 0.5), found_h=1.5, count=2),
    Kind.CITY_CLOCKS: Nature(family=Family.CLOCK, lasts_d=(0.1, 0.3), found_h=1.5, count=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One fault."""

    kind: Kind
    about: About
    sites: frozenset[str]
    from_ms: int
    to_ms: int
    strength: float
    """0 (just so) to 1 (strong)."""

    def is_on(self, at_ms: int) -> bool:
        """Whether it goes on."""
        return self.from_ms <= at_ms < self.to_ms

    def share(self, at_ms: int) -> float:
        """How much of it has passed, 0 to 1."""
        return min(1.0, max(0.0, (at_ms - self.from_ms) / (self.to_ms - self.from_ms)))


def plant(specs: Sequence[SiteSpec], *, seed: int, start_ms: int, days: int) -> list[Planted]:
    """Faults of these shelters. Each of them has at most one of its own."""
    dice = random.Random(f"alerts/{seed}")
    free = [spec.id for spec in specs]
    dice.shuffle(free)
    wards = sorted({spec.ward for spec in specs})
    planted: list[Planted] = []
    quiet: list[tuple[int, int]] = []
    for kind in (Kind.BROKER, Kind.WARD_SILENT, Kind.CITY_CLOCKS):
        for _ in range(NATURES[kind].count):
            about, sites = SERVICE, frozenset(spec.id for spec in specs)
            if kind is Kind.WARD_SILENT:
                ward = dice.choice(wards)
                about, sites = About(AboutKind.WARD, ward), frozenset(s.id for s in specs if s.ward == ward)
            elif kind is Kind.CITY_CLOCKS:
                about = CITY
            made = _planted(kind, about, sites, dice, start_ms, days)
            while any(made.from_ms < end + DAY_MS and begin < made.to_ms + DAY_MS for begin, end in quiet):
                made = _planted(kind, about, sites, dice, start_ms, days)
            quiet.append((made.from_ms, made.to_ms))
            planted.append(made)
    for kind, nature in NATURES.items():
        if kind in {Kind.BROKER, Kind.WARD_SILENT, Kind.CITY_CLOCKS}:
            continue
        for _ in range(nature.count):
            site = free.pop()
            made = _planted(kind, About(AboutKind.SITE, site), frozenset({site}), dice, start_ms, days)
            # What is cut off already can't be found to be cut off: the city's faults have their days for themselves.
            while any(made.from_ms < end + HOUR_MS and begin - 6 * HOUR_MS < made.from_ms for begin, end in quiet):
                made = _planted(kind, made.about, made.sites, dice, start_ms, days)
            planted.append(made)
    return planted


def _planted(kind: Kind, about: About, sites: frozenset[str], dice: random.Random, start_ms: int, days: int) -> Planted:
    least, most = NATURES[kind].lasts_d
    lasts_d = dice.uniform(least, most)
    begin_d = dice.uniform(LEAD_DAYS, max(LEAD_DAYS + 1, days - lasts_d - 1))
    # The simulator draws a day's sun at midnight.
    grid_ms = DAY_MS if NATURES[kind].family is Family.PV else HOUR_MS
    from_ms = start_ms + round(begin_d * DAY_MS / grid_ms) * grid_ms
    return Planted(
        kind=kind,
        about=about,
        sites=sites,
        from_ms=from_ms,
        to_ms=from_ms + max(HOUR_MS // 2, round(lasts_d * DAY_MS)),
        strength=dice.random(),
    )
