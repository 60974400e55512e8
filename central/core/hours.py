"""Hours left of every shelter: the estimate, the rationing, what was assumed, and one line in words. Pure.

Three figures of a shelter answer three questions. ``left``: how long what is on now lasts (or what would stay on, were
the grid lost now). ``critical``: how long tier 1 alone lasts. ``ration``: what to leave on until a target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from central.core.autonomy.estimate import course
from central.core.autonomy.values import Autonomy, Floats, Horizon, Note, Unknown, Words
from central.core.autonomy.words import NOTE_SAYS, UNKNOWN_SAYS, hours_say
from central.core.city import HoursNow, SiteState
from central.core.dispatch import Visit, order
from central.core.plants import ASSUMED_SAYS, Assumed, Plant, is_on_grid, need_of
from central.core.preview import NO_HOURS, Hours
from central.core.rationing import TARGET_H, Outlook, Ration, ration
from central.core.reach import CityReach, Reach, city_reach, reach


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterHours:
    """One shelter's hours."""

    site: str
    at_ms: int
    left: Autonomy
    """Of the tiers that have power now, or of all where the grid is there."""
    critical: Autonomy
    """Of tier 1 alone; where loads are not known by tier, of all."""
    ration: Ration | None
    """``None``: loads are not known by tier."""
    tiers_on: int | None
    assumed: tuple[Assumed, ...]
    says: Words
    notes: tuple[Words, ...]
    """What a reader should know besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CityHours:
    """All shelters' hours at one moment."""

    at_ms: int
    shelters: Mapping[str, ShelterHours]
    plants: Mapping[str, Plant] = field(default_factory=dict)
    cases: int = 0
    """Past days that the shown quantiles were learnt from; 0: none yet, the usual ones are shown."""

    def of(self, site: str) -> Hours:
        """Hours at critical load, for the preview of an incident."""
        found = self.shelters.get(site)
        return NO_HOURS if found is None else Hours(p10_h=found.critical.p10_h, p50_h=found.critical.p50_h)

    def rows(self) -> list[ShelterHours]:
        """The one with the fewest hours first; those of which nothing is known last."""
        return sorted(
            self.shelters.values(),
            key=lambda one: (
                one.left.p10_h is None,
                one.left.p10_h or 0.0,
                one.left.p50_h or 0.0,
                one.site,
            ),
        )

    def visits(self, *, target_h: float) -> tuple[Visit, ...]:
        """Whom to go to first."""
        needs = [need_of(plant, self.shelters[site].left.p10_h) for site, plant in self.plants.items()]
        return order(needs, target_h=target_h)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachNow:
    """All shelters before an announced event, as of one moment."""

    at_ms: int
    onset_ms: int
    target_pct: float
    city: CityReach
    shelters: tuple[Reach, ...]
    """The one whose order is due first, first; then those that need none, those that can't, and the unknown."""
    assumed: Mapping[str, tuple[Words, ...]]


def hours_of(
    plants: Sequence[Plant], clear_w: Floats, *, at_ms: int, horizon: Horizon, target_h: int = TARGET_H
) -> CityHours:
    """Hours of all shelters. ``clear_w``: clear-sky power by shelter and step of the horizon, from ``at_ms`` on."""
    rations = ration([plant.energy for plant in plants], clear_w, at_ms=at_ms, target_h=target_h, horizon=horizon)
    shelters = {
        plant.now.site.id: _hours(plant, found, at_ms=at_ms) for plant, found in zip(plants, rations, strict=True)
    }
    return CityHours(at_ms=at_ms, shelters=shelters, plants={plant.now.site.id: plant for plant in plants})


def reach_of(
    plants: Sequence[Plant], clear_w: Floats, *, at_ms: int, onset_ms: int, target_pct: float, horizon: Horizon
) -> ReachNow:
    """Which shelters can be at the target by the onset. ``clear_w`` as for ``hours_of``; its horizon ends after it.

    The sun counted on is that of a poor day, the load that of the whole building.
    """
    known = [plant for plant in plants if plant.charge.usable_wh]
    rows = [row for row, plant in enumerate(plants) if plant.charge.usable_wh]
    sun_w, load_w = course(
        [plant.building for plant in known],
        clear_w[rows] if rows else np.zeros((0, horizon.steps)),
        at_ms=at_ms,
        horizon=horizon,
    )
    pv_w, taken_w = np.zeros_like(clear_w), np.zeros_like(clear_w)
    pv_w[rows], taken_w[rows] = sun_w, load_w
    found = reach(
        [plant.charge for plant in plants],
        pv_w,
        taken_w,
        at_ms=at_ms,
        onset_ms=onset_ms,
        step_ms=horizon.step_ms,
        target_pct=target_pct,
    )
    order_of = {"can": 1, "cannot": 2, "unknown": 3}
    return ReachNow(
        at_ms=at_ms,
        onset_ms=onset_ms,
        target_pct=target_pct,
        city=city_reach(found),
        shelters=tuple(
            sorted(
                found,
                key=lambda one: (
                    one.latest_order_ms is None,
                    one.latest_order_ms or 0,
                    order_of[one.verdict.value],
                    one.site,
                ),
            )
        ),
        assumed={plant.now.site.id: tuple(ASSUMED_SAYS[each] for each in plant.charge_assumed) for plant in plants},
    )


def _hours(plant: Plant, found: Ration, *, at_ms: int) -> ShelterHours:
    choices = found.choices
    on = plant.tiers_on
    left = choices[-1 if on is None else min(on, len(choices)) - 1].autonomy
    notes = [NOTE_SAYS[note] for note in left.notes if plant.now.site.pv_kw or note is Note.POWER_SHORT]
    if left.unknown is None:
        notes += [ASSUMED_SAYS[each] for each in plant.assumed]
    elif left.unknown is Unknown.NO_LOAD and not plant.has_tiers:
        notes.append(ASSUMED_SAYS[Assumed.NO_TIERS])
    return ShelterHours(
        site=plant.now.site.id,
        at_ms=at_ms,
        left=left,
        critical=choices[0].autonomy,
        ration=found if plant.has_tiers else None,
        tiers_on=on,
        assumed=plant.assumed if left.unknown is None else (),
        says=_says(plant, left),
        notes=tuple(notes),
    )


def _says(plant: Plant, left: Autonomy) -> Words:
    """One line: whether the grid is gone, the careful figure, the likely one and the far one."""
    if left.unknown is not None or left.p10_h is None or left.p50_h is None or left.p90_h is None:
        return UNKNOWN_SAYS[left.unknown or Unknown.NO_SOC]
    careful, likely, far = (hours_say(hours, left.horizon_h) for hours in (left.p10_h, left.p50_h, left.p90_h))
    if plant.now.state is SiteState.ISLANDED:
        when = Words("停電中。", "Without the grid: ")
    elif is_on_grid(plant.now):
        when = Words("いま停電した場合、", "Were the grid lost now: ")
    else:
        when = Words("系統がない場合、", "Without the grid: ")
    if left.p10_h >= left.horizon_h:
        return Words(f"{when.ja}{careful.ja}もつ見込み", f"{when.en}{careful.en}")
    return Words(
        f"{when.ja}中心見込み{likely.ja}（少なくとも{careful.ja}、長ければ{far.ja}）",
        f"{when.en}{likely.en} (at least {careful.en}, at best {far.en})",
    )


def hours_now(found: ShelterHours) -> HoursNow:
    """What the live view carries."""
    left = found.left
    return HoursNow(
        at_ms=found.at_ms,
        p10_h=left.p10_h,
        p50_h=left.p50_h,
        p90_h=left.p90_h,
        horizon_h=left.horizon_h,
        says_ja=found.says.ja,
        says_en=found.says.en,
    )


def tiers_to_keep(found: ShelterHours) -> int | None:
    """How many tiers rationing would leave on; ``None``: it proposes nothing."""
    if found.ration is None or found.ration.outlook is Outlook.UNKNOWN:
        return None
    return len(found.ration.keep)
