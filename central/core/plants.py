"""From what is known of a shelter to what the estimates take: registry, live view, its past, and staff's facts. Pure.

Where something is not known the careful or usual figure stands in, and ``Assumed`` names it: nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from central.core.autonomy.learning import LoadHabit
from central.core.autonomy.values import HOURS_OF_DAY, Plane, ShelterEnergy, TierLoad, Words
from central.core.city import Site, SiteNow, SiteState
from central.core.dispatch import ShelterNeed
from central.core.facts import ShelterFacts
from central.core.habits import PastDay, Row, Sunshine, day_of, habit_of, is_secured_known, last_hour_w
from central.core.preview import REACHABLE
from central.core.reach import ShelterCharge
from contract.points import BatteryState
from contract.readings import Quality
from contract.steering import GridState

TILT_DEG: Final = 10.0
AZIMUTH_DEG: Final = 180.0
FLOOR_PCT: Final = 10.0
"""Of usual plants, between the 5 % and the 20 % that makers set."""
CHARGE_PER_H: Final = 0.5
"""Of its capacity, what a battery takes within an hour when nobody says."""
SPREAD_ENTERED: Final = 0.25
SPREAD_FEW: Final = 0.3
FEW_HOURS: Final = 72
"""Load measured for less than this: the habit is a guess, and the band is wider."""
_NEAR_FULL_PCT: Final = 90.0
_OUTLOOK_DAYS: Final = 8


class Assumed(StrEnum):
    """What stands in for something that is not known."""

    FEW_HOURS = "few_hours"
    WHOLE_BUILDING = "whole_building"
    TIERS_ENTERED = "tiers_entered"
    NO_TIERS = "no_tiers"
    BACKUP_RATING = "backup_rating"
    FLOOR = "floor"
    ROOF = "roof"
    NO_PV = "no_pv"
    CHARGE_POWER = "charge_power"
    GRID_CHARGE = "grid_charge"


ASSUMED_SAYS: Final = {
    Assumed.FEW_HOURS: Words(
        "負荷の実績が3日分に満たないため、幅を広げています",
        "Load measured for less than three days: the band is wider",
    ),
    Assumed.WHOLE_BUILDING: Words(
        "停電時に残る負荷が分からないため、建物全体の負荷で計算しています（短めに出ます）",
        "What an outage leaves on is not known: the whole building's load is taken, which errs on the short side",
    ),
    Assumed.TIERS_ENTERED: Words(
        "負荷は職員が入力した値です（実測ではありません）", "Loads are those that staff entered, not measured ones"
    ),
    Assumed.NO_TIERS: Words(
        "負荷区分ごとの値が未入力のため、負荷の切り離しは提案できません",
        "Loads by tier are not entered, so no tier can be proposed to go off",
    ),
    Assumed.BACKUP_RATING: Words(
        "自立出力の定格が未入力のため、パワコンの定格で計算しています",
        "The secured output's rating is not entered: the inverter's is taken",
    ),
    Assumed.FLOOR: Words(
        f"放電下限が未入力のため、{FLOOR_PCT:.0f} %としています",
        f"The battery's floor is not entered: {FLOOR_PCT:.0f} % is taken",
    ),
    Assumed.ROOF: Words(
        f"パネルの向きが未入力のため、真南・傾斜{TILT_DEG:.0f}度としています",
        f"The roof is not entered: south at {TILT_DEG:.0f} degrees is taken",
    ),
    Assumed.NO_PV: Words("太陽光発電は登録されていません", "No PV is registered"),
    Assumed.CHARGE_POWER: Words(
        "充電電力が届いていないため、容量の半分を1時間で充電できるとしています",
        "The battery's charge power is not known: half its capacity in an hour is taken",
    ),
    Assumed.GRID_CHARGE: Words(
        "系統からの充電電力が未入力のため、蓄電池の上限まで充電できるとしています",
        "Charging from the grid is not entered: up to the battery's limit is taken",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A shelter as the estimates take it."""

    now: SiteNow
    energy: ShelterEnergy
    """Without the grid: what an outage leaves on."""
    building: ShelterEnergy
    """With the grid: the load of the whole building."""
    charge: ShelterCharge
    facts: ShelterFacts
    assumed: tuple[Assumed, ...]
    charge_assumed: tuple[Assumed, ...]
    """Those that only matter for charging."""
    tiers_on: int | None
    """How many tiers have power, from the critical one, in an outage that is there; ``None``: all, or not known."""

    @property
    def has_tiers(self) -> bool:
        """Whether its load is known by tier, so that some can be proposed to go off."""
        return bool(self.facts.tiers_w)


def plane_of(site: Site, facts: ShelterFacts) -> Plane:
    """A shelter's modules; the usual roof where nobody entered it."""
    return Plane(
        latitude=site.latitude,
        longitude=site.longitude,
        tilt_deg=TILT_DEG if facts.tilt_deg is None else facts.tilt_deg,
        azimuth_deg=AZIMUTH_DEG if facts.azimuth_deg is None else facts.azimuth_deg,
        peak_w=site.pv_kw * 1_000,
    )


def plant_of(
    now: SiteNow,
    days: Mapping[int, PastDay],
    sun: Sunshine,
    facts: ShelterFacts,
    *,
    now_ms: int,
    reserve_pct: float,
) -> Plant:
    """Put together what is known of a shelter. ``reserve_pct``: what the city's orders keep, where no device says."""
    assumed: list[Assumed] = []
    whole = habit_of(days, Row.BUILDING_W, now_ms=now_ms)
    tiers, spread = _tiers(now, days, facts, whole, assumed, now_ms=now_ms)
    site = now.site
    inverter_w = site.inverter_kw * 1_000 or math.inf
    if facts.backup_w is None:
        assumed.append(Assumed.BACKUP_RATING)
    if facts.floor_pct is None:
        assumed.append(Assumed.FLOOR)
    if not site.pv_kw:
        assumed.append(Assumed.NO_PV)
    elif facts.tilt_deg is None or facts.azimuth_deg is None:
        assumed.append(Assumed.ROOF)
    capacity_wh = _capacity_wh(now)
    health = _lowest(now, "battery.soh_pct")
    charge_w, charge_assumed = _charge_w(now, capacity_wh, inverter_w)
    today = day_of(now_ms)
    energy = ShelterEnergy(
        site=site.id,
        soc_pct=now.soc_pct,
        capacity_wh=capacity_wh,
        usable_share=health / 100 if health else 1.0,
        floor_pct=FLOOR_PCT if facts.floor_pct is None else facts.floor_pct,
        charge_w=charge_w,
        discharge_w=_sum(now, "battery.max_discharge_power_w") or math.inf,
        inverter_w=inverter_w,
        backup_w=inverter_w if facts.backup_w is None else facts.backup_w,
        tiers=tiers,
        load_spread=spread,
        recent_days=sun.recent_days or (None,),
        today_ratio=sun.today_ratio,
        today_share=sun.today_share,
        outlook=tuple(facts.weather.get(day) for day in range(today, today + _OUTLOOK_DAYS)),
    )
    at_home = _one_tier(whole, last_hour_w(days, Row.BUILDING_W, now_ms=now_ms))
    grid_w = facts.grid_charge_w
    if grid_w is None:
        charge_assumed = (*charge_assumed, Assumed.GRID_CHARGE)
        grid_w = charge_w
    grid_lost = now.state is SiteState.ISLANDED or now.steering.grid in {GridState.LOST, GridState.REJECTED}
    return Plant(
        now=now,
        energy=energy,
        building=_with_tiers(energy, at_home, whole),
        charge=ShelterCharge(
            site=site.id,
            soc_pct=now.soc_pct,
            usable_wh=energy.usable_wh,
            reserve_pct=reserve_pct if now.reserve_pct is None else now.reserve_pct,
            charge_w=charge_w,
            grid_charge_w=grid_w,
            online=now.state in REACHABLE,
            fault=now.state is SiteState.FAULT or bool(now.devices_dark),
            grid_lost=grid_lost,
            verified=now.proof.is_switchable,
        ),
        facts=facts,
        assumed=tuple(assumed),
        charge_assumed=charge_assumed,
        tiers_on=_tiers_on(now, len(tiers)),
    )


def need_of(plant: Plant, p10_h: float | None) -> ShelterNeed:
    """A shelter's need of a visit. ``p10_h``: hours that its loads surely last; ``None``: not known."""
    return ShelterNeed(
        site=plant.now.site.id,
        hours_left=p10_h,
        people=plant.facts.people,
        people_on_devices=plant.facts.people_on_devices,
        on_grid=is_on_grid(plant.now),
        supplied=plant.facts.supplied,
    )


def is_on_grid(now: SiteNow) -> bool:
    """Whether the grid is there for certain: the shelter says so, and its word is fresh."""
    return now.state in {SiteState.ON_GRID, SiteState.FAULT} and now.steering.grid is GridState.PRESENT


def _tiers(
    now: SiteNow,
    days: Mapping[int, PastDay],
    facts: ShelterFacts,
    whole: LoadHabit | None,
    assumed: list[Assumed],
    *,
    now_ms: int,
) -> tuple[tuple[TierLoad, ...], float]:
    """Loads that an outage leaves on, and how far an hour of theirs is off; notes what was assumed."""
    islanded_w = now.load_w if now.state is SiteState.ISLANDED else None
    row = Row.SECURED_W if is_secured_known(days, today=day_of(now_ms)) else Row.BUILDING_W
    habit = whole if row is Row.BUILDING_W else habit_of(days, row, now_ms=now_ms)
    if habit is not None and habit.hours < FEW_HOURS:
        assumed.append(Assumed.FEW_HOURS)
    spread = SPREAD_ENTERED
    if habit is not None:
        spread = habit.spread if habit.hours >= FEW_HOURS else max(habit.spread, SPREAD_FEW)
    if facts.tiers_w:
        assumed.append(Assumed.TIERS_ENTERED)
        return _entered(facts.tiers_w, habit, islanded_w, _tiers_on(now, len(facts.tiers_w)), now_ms), spread
    assumed.append(Assumed.NO_TIERS)
    if habit is not None and row is Row.BUILDING_W:
        assumed.append(Assumed.WHOLE_BUILDING)
    # Without the grid, what runs now is what the outage has left on.
    now_w = max(0.0, islanded_w) if islanded_w is not None else last_hour_w(days, row, now_ms=now_ms)
    return _one_tier(habit, now_w), min(5.0, spread)


def _one_tier(habit: LoadHabit | None, now_w: float | None) -> tuple[TierLoad, ...]:
    typical_w = habit.typical_w if habit is not None else (0.0,) * HOURS_OF_DAY
    return (TierLoad(tier=1, typical_w=typical_w, now_w=now_w),)


def _entered(
    tiers_w: Sequence[float], habit: LoadHabit | None, islanded_w: float | None, tiers_on: int | None, now_ms: int
) -> tuple[TierLoad, ...]:
    """Loads that staff entered, in the shape of the day that was measured; in an outage moved by what runs now."""
    mean_w = sum(habit.typical_w) / len(habit.typical_w) if habit is not None else 0.0
    shape: tuple[float, ...] = (1.0,) * HOURS_OF_DAY
    if habit is not None and mean_w > 0:
        shape = tuple(value / mean_w for value in habit.typical_w)
    on = len(tiers_w) if tiers_on is None else tiers_on
    hour = (now_ms // 3_600_000 + 9 + 3 * HOURS_OF_DAY) % len(shape)
    usual_w = sum(tiers_w[:on]) * shape[hour]
    moved = islanded_w / usual_w if islanded_w is not None and usual_w > 0 else None
    return tuple(
        TierLoad(
            tier=number,
            typical_w=tuple(watts * part for part in shape),
            now_w=None if moved is None or number > on else max(0.0, moved) * watts * shape[hour],
        )
        for number, watts in enumerate(tiers_w, start=1)
    )


def _with_tiers(energy: ShelterEnergy, tiers: tuple[TierLoad, ...], habit: LoadHabit | None) -> ShelterEnergy:
    return replace(energy, tiers=tiers, load_spread=min(5.0, habit.spread) if habit is not None else SPREAD_ENTERED)


def _capacity_wh(now: SiteNow) -> float | None:
    """The devices' own capacity, else the registered one."""
    batteries = {point.device for point in now.points if point.point == "battery.soc_pct"}
    own = {
        point.device: point.value
        for point in now.points
        if point.point == "battery.capacity_wh" and point.value and point.device in batteries
    }
    if batteries and own.keys() == batteries:
        return sum(own.values())
    return now.site.battery_kwh * 1_000 or None


def _charge_w(now: SiteNow, capacity_wh: float | None, inverter_w: float) -> tuple[float, tuple[Assumed, ...]]:
    """What the battery takes. Near full it says little, so the usual power stands in there."""
    said_w = _sum(now, "battery.max_charge_power_w")
    full = BatteryState.FULL in _values(now, "battery.state") or (now.soc_pct or 0.0) >= _NEAR_FULL_PCT
    if said_w is not None and (said_w > 0 and not full):
        return min(said_w, inverter_w), ()
    return min((capacity_wh or 0.0) * CHARGE_PER_H, inverter_w), (Assumed.CHARGE_POWER,)


def _tiers_on(now: SiteNow, count: int) -> int | None:
    """Tiers that have power in an outage, when all relays say so and the closed ones are the first ones."""
    if now.state is not SiteState.ISLANDED:
        return None
    closed = []
    for tier in range(1, count + 1):
        values = _values(now, f"tier{tier}.closed")
        if len(values) != 1:
            return None
        closed.append(values[0] == 1)
    on = closed.index(False) if False in closed else len(closed)
    return None if any(closed[on:]) or not on else on


def _values(now: SiteNow, point: str) -> list[float]:
    """Good, fresh values of a point."""
    return [
        one.value for one in now.points if one.point == point and one.value is not None and one.quality is Quality.GOOD
    ]


def _sum(now: SiteNow, point: str) -> float | None:
    """A figure that several devices share in, when all of them are good and fresh."""
    said = [one for one in now.points if one.point == point]
    values = _values(now, point)
    return sum(values) if said and len(values) == len(said) else None


def _lowest(now: SiteNow, point: str) -> float | None:
    """The lowest last value of any device, at any age: for what hardly ever changes."""
    return min((one.value for one in now.points if one.point == point and one.value), default=None)
