"""What looks like a fault in a quarter and is none: a rule that answers to it is wrong. The same seed sets the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from simulator.spec import SiteSpec

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
LEAD_DAYS: Final = 15
"""Nothing befalls a city before: the comparison of plants looks back for two weeks."""
SNOW: Final = 0.04
"""What modules give under snow."""
NO_EXPORT_SHARE: Final = 0.4
"""So many shelters may not feed in: a full battery on a bright day makes their PV hold back."""
TYPHOON_DAYS: Final = 6
HOLIDAY_DAYS: Final = 7
HOLIDAY_LOAD: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time in which some shelters have no grid."""

    sites: frozenset[str]
    from_ms: int
    to_ms: int

    def is_on(self, at_ms: int) -> bool:
        """Whether it goes on."""
        return self.from_ms <= at_ms < self.to_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Traps:
    """Everything that befalls a city in a quarter and is nobody's fault."""

    reboots: dict[str, frozenset[int]] = field(default_factory=dict)
    """Shelter → steps in which its router restarts: some minutes without a word."""
    lone_faults: dict[str, frozenset[int]] = field(default_factory=dict)
    """Shelter → steps in which one fault comes and goes."""
    outages: Sequence[Stretch] = ()
    """The grid is gone in a ward for a morning, or at one shelter for a day's planned work: batteries do their part."""
    dim: dict[str, dict[int, float]] = field(default_factory=dict)
    """Shelter → day → what is left of its sun: snow or ash, roofs that clear one after the other, a typhoon's week."""
    holidays: frozenset[int] = frozenset()
    """Days on which schools stand empty."""
    no_export: frozenset[str] = frozenset()
    """Shelters that may not feed in."""
    broker_restarts: frozenset[int] = frozenset()
    """Steps in which the broker has been away for a minute."""
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


def traps(specs: Sequence[SiteSpec], *, seed: int, start_ms: int, days: int, step_ms: int) -> Traps:
    """What befalls these shelters."""
    dice = random.Random(f"traps/{seed}")
    steps_of_day = DAY_MS // step_ms
    steps = days * steps_of_day
    in_week = 7 * steps_of_day
    free = sorted(spec.id for spec in specs)
    return Traps(
        reboots={spec.id: frozenset(dice.sample(range(steps), 2 * steps // in_week)) for spec in specs},
        lone_faults={spec.id: _lone(dice, days, steps_of_day) for spec in specs},
        outages=[*_ward_outages(specs, dice, start_ms, days), *_planned_outages(specs, dice, start_ms, days)],
        dim=_dim(specs, dice, days),
        holidays=frozenset(_stretch(dice, days, HOLIDAY_DAYS)) | frozenset(_stretch(dice, days, HOLIDAY_DAYS)),
        no_export=frozenset(dice.sample(free, round(NO_EXPORT_SHARE * len(free)))),
        broker_restarts=frozenset(dice.sample(range(LEAD_DAYS * steps_of_day, steps), days // 15)),
        yields={spec.id: dice.uniform(0.90, 1.04) for spec in specs},
        clocks_s={spec.id: dice.choice((0.0, 0.0, 0.0, dice.uniform(20, 95))) for spec in specs},
        weak_links={spec.id: frozenset(dice.sample(range(0, days, 2), days // 20)) for spec in specs},
        recalibrations={spec.id: frozenset(dice.sample(range(0, steps, 4), days // 8)) for spec in specs},
        gaps={spec.id: frozenset(dice.sample(range(steps), steps // 12)) for spec in specs},
    )


def _ward_outages(specs: Sequence[SiteSpec], dice: random.Random, start_ms: int, days: int) -> list[Stretch]:
    found = []
    for _ in range(4):
        ward = dice.choice(sorted({spec.ward for spec in specs}))
        from_ms = start_ms + dice.randrange(LEAD_DAYS, days) * DAY_MS + 5 * HOUR_MS
        sites = frozenset(spec.id for spec in specs if spec.ward == ward)
        found.append(Stretch(sites=sites, from_ms=from_ms, to_ms=from_ms + dice.choice((2, 3, 4)) * HOUR_MS))
    return found


def _planned_outages(specs: Sequence[SiteSpec], dice: random.Random, start_ms: int, days: int) -> list[Stretch]:
    """The yearly inspection of a shelter's switchgear, from eight or nine in the morning into the afternoon."""
    found = []
    for spec in dice.sample(list(specs), len(specs) // 6):
        from_ms = start_ms + dice.randrange(LEAD_DAYS, days) * DAY_MS + dice.choice((8, 9)) * HOUR_MS
        to_ms = from_ms + dice.choice((4, 5, 6)) * HOUR_MS
        found.append(Stretch(sites=frozenset({spec.id}), from_ms=from_ms, to_ms=to_ms))
    return found


def _dim(specs: Sequence[SiteSpec], dice: random.Random, days: int) -> dict[str, dict[int, float]]:
    """Two days of snow on all roofs, a day on which each roof clears at its own time, and a dark week of rain bands."""
    snow, typhoon = _stretch(dice, days - 1, 2), _stretch(dice, days, TYPHOON_DAYS)
    found: dict[str, dict[int, float]] = {}
    for spec in specs:
        own = {day: dice.uniform(0.08, 0.25) for day in typhoon}
        own[snow.stop] = dice.uniform(0.15, 1.0)
        found[spec.id] = own | dict.fromkeys(snow, SNOW)
    return found


def _lone(dice: random.Random, days: int, steps_of_day: int) -> frozenset[int]:
    """One fault every two weeks, never three within a day: that would be what the rule is for."""
    found = dice.sample(range(0, days, 2), days // 14)
    return frozenset(day * steps_of_day + dice.randrange(steps_of_day) for day in found)


def _stretch(dice: random.Random, days: int, length: int) -> range:
    first = dice.randrange(LEAD_DAYS, days - length)
    return range(first, first + length)
