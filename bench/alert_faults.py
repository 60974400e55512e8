"""Faults planted into a simulated quarter, and what looks like one and is none. The same seed plants the same ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from central.core.watch.alerts import CITY, SERVICE, About, AboutKind
from central.core.watch.readings import Family
from simulator.spec import SiteSpec

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
LEAD_DAYS: Final = 15
"""Nothing is planted before: the comparison of plants looks back for two weeks."""


class Kind(StrEnum):
    """What is planted."""

    DEAD_INVERTER = "dead_inverter"
    STRING_LOSS = "string_loss"
    SOILING = "soiling"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Everything that befalls a city in a quarter."""

    planted: Sequence[Planted]
    reboots: dict[str, frozenset[int]] = field(default_factory=dict)
    """Shelter → steps in which its router restarts: some minutes without a word."""
    lone_faults: dict[str, frozenset[int]] = field(default_factory=dict)
    """Shelter → steps in which one fault comes and goes."""
    outages: Sequence[Planted] = ()
    """The grid is gone in a ward for a morning; batteries do what they are for."""
    snow_days: frozenset[int] = frozenset()
    """Days from the beginning on which all modules of the city lie under snow, or ash."""
    yields: dict[str, float] = field(default_factory=dict)
    """Shelter → what its plant gives of what the registry lets expect: a tree, a module less, a meter that is off."""
    clocks_s: dict[str, float] = field(default_factory=dict)
    """Shelter → how far a clock there is off for good, within what is allowed."""
    weak_links: dict[str, frozenset[int]] = field(default_factory=dict)
    """Shelter → days on which its link goes four times, and comes back within minutes."""
    recalibrations: dict[str, frozenset[int]] = field(default_factory=dict)
    """Shelter → steps in which the battery's word of its charge falls by some points, and is put right again."""
    gaps: dict[str, frozenset[int]] = field(default_factory=dict)
    """Shelter → steps of which no PV reading is good."""


def plot(specs: Sequence[SiteSpec], *, seed: int, start_ms: int, days: int, step_ms: int) -> Plot:
    """What befalls these shelters. Each of them has at most one fault of its own."""
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
    steps = days * DAY_MS // step_ms
    in_steps = 7 * DAY_MS // step_ms
    return Plot(
        planted=planted,
        reboots={spec.id: frozenset(dice.sample(range(steps), 2 * steps // in_steps)) for spec in specs},
        lone_faults={spec.id: _lone(dice, days, DAY_MS // step_ms) for spec in specs},
        outages=[_outage(specs, dice.choice(wards), dice, start_ms, days) for _ in range(4)],
        snow_days=frozenset(_stretch(dice, days, 2)),
        yields={spec.id: dice.uniform(0.90, 1.04) for spec in specs},
        clocks_s={spec.id: dice.choice((0.0, 0.0, 0.0, dice.uniform(20, 95))) for spec in specs},
        weak_links={spec.id: frozenset(dice.sample(range(0, days, 2), days // 20)) for spec in specs},
        recalibrations={spec.id: frozenset(dice.sample(range(0, steps, 4), days // 8)) for spec in specs},
        gaps={spec.id: frozenset(dice.sample(range(steps), steps // 12)) for spec in specs},
    )


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


def _outage(specs: Sequence[SiteSpec], ward: str, dice: random.Random, start_ms: int, days: int) -> Planted:
    begin_ms = start_ms + dice.randrange(LEAD_DAYS, days) * DAY_MS + 5 * HOUR_MS
    return Planted(
        kind=Kind.WARD_SILENT,
        about=About(AboutKind.WARD, ward),
        sites=frozenset(spec.id for spec in specs if spec.ward == ward),
        from_ms=begin_ms,
        to_ms=begin_ms + dice.choice((2, 3, 4)) * HOUR_MS,
        strength=0.0,
    )


def _lone(dice: random.Random, days: int, steps_of_day: int) -> frozenset[int]:
    """One fault every two weeks, never three within a day: that would be what the rule is for."""
    found = dice.sample(range(0, days, 2), days // 14)
    return frozenset(day * steps_of_day + dice.randrange(steps_of_day) for day in found)


def _stretch(dice: random.Random, days: int, length: int) -> range:
    first = dice.randrange(LEAD_DAYS, days - length)
    return range(first, first + length)
