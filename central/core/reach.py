"""Before an announced event: which shelters can be charged by its onset, which can't and why, and by when to order.
Pure.

Every moment from now to the onset is tried as the moment of the order. Until then the shelter lives as usual (the sun
feeds the building, the battery helps down to its reserve); from then on it charges as fast as it may: the sun goes
into the battery first, the grid adds what is allowed. The latest order is the last one that still reaches the target.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

import numpy as np

from central.core.autonomy.values import HOUR_MS, TOKYO_MS, Floats, Words
from central.core.autonomy.walk import TAPER_FROM, TAPER_MIN

TARGET_PCT: Final = 95.0
ORDER_MARGIN_MS: Final = 10 * 60_000
"""From the order to a shelter that was seen to charge, with time to ask again."""
_TOKYO: Final = timezone(timedelta(milliseconds=TOKYO_MS))
_CLOSE_PCT: Final = 0.05
_PARTS: Final = 6
"""Of a step: near full the charge power falls within minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterCharge:
    """What decides how fast a shelter's battery can be filled."""

    site: str
    soc_pct: float | None
    usable_wh: float
    """Between empty and full cells, as they are today."""
    reserve_pct: float
    """Down to here the battery helps the building in normal times."""
    charge_w: float
    """Most that the battery takes."""
    grid_charge_w: float
    """Most that may come from the grid for it; 0 where charging from the grid is not possible or not allowed."""
    efficiency: float = 0.97
    online: bool = True
    fault: bool = False
    """Inverter or battery reports a fault, or does not answer."""
    grid_lost: bool = False
    verified: bool = True
    """Only a verified shelter is sent orders."""

    def __post_init__(self) -> None:
        if self.soc_pct is not None and not 0 <= self.soc_pct <= 100:
            raise ValueError(f"{self.site}: soc_pct must be 0 to 100, got {self.soc_pct}")
        if not 0 <= self.reserve_pct <= 100:
            raise ValueError(f"{self.site}: reserve_pct must be 0 to 100, got {self.reserve_pct}")
        if min(self.usable_wh, self.charge_w, self.grid_charge_w) < 0 or not 0.1 <= self.efficiency <= 1:
            raise ValueError(f"{self.site}: energies and powers must be 0 or more, efficiency 0.1 to 1")


class Verdict(StrEnum):
    """Whether the target can be reached by the onset."""

    CAN = "can"
    CANNOT = "cannot"
    UNKNOWN = "unknown"


class Why(StrEnum):
    """The reason of a verdict."""

    ALREADY = "already"
    """As things go it will be there without an order."""
    IN_TIME = "in_time"
    """An order that is given in time reaches it."""
    CHARGE_POWER = "charge_power"
    NO_SUN = "no_sun"
    """It charges from the sun alone, and there is too little of it."""
    GRID_LOST = "grid_lost"
    FAULT = "fault"
    NOT_VERIFIED = "not_verified"
    """It would need an order, and nothing is ordered of a shelter that is not proven."""
    OFFLINE = "offline"
    NO_SOC = "no_soc"
    NO_CAPACITY = "no_capacity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One shelter before an event."""

    site: str
    verdict: Verdict
    why: Why
    target_pct: float
    soc_at_onset_pct: float | None = None
    """When the order is given now; ``None``: none can be given."""
    soc_unordered_pct: float | None = None
    """When no order is given."""
    latest_order_ms: int | None = None
    """UTC; ``None`` when no order is needed, or none helps."""
    says: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class CityReach:
    """All shelters before an event."""

    can: int
    cannot: int
    unknown: int
    reasons: Mapping[Why, int] = field(default_factory=dict)
    latest_order_ms: int | None = None
    """Until then an order to the whole city reaches every shelter that can be reached at all."""
    deadlines: tuple[tuple[int, int], ...] = ()
    """``(latest order, shelters)``: how many drop out when that moment passes, the earliest first."""
    says: Words


def reach(
    shelters: Sequence[ShelterCharge],
    pv_w: Floats,
    load_w: Floats,
    *,
    at_ms: int,
    onset_ms: int,
    step_ms: int,
    target_pct: float = TARGET_PCT,
) -> tuple[Reach, ...]:
    """Whether each shelter can be at ``target_pct`` at the onset.

    ``pv_w`` is the sun to count on and ``load_w`` the load to expect, by shelter and step from ``at_ms`` on, until the
    onset at least (``autonomy.course`` gives both).

    Raises:
        ValueError: the courses end before the onset, or a figure is out of its range.
    """
    if step_ms < 1 or not 0 < target_pct <= 100:
        raise ValueError(f"want a step and a target of 1 to 100 %, got {step_ms} ms, {target_pct} %")
    steps = max(0, onset_ms - at_ms) // step_ms
    if pv_w.shape != load_w.shape or pv_w.shape[0] != len(shelters) or pv_w.shape[1] < steps:
        raise ValueError(
            f"sun and load: want {len(shelters)} shelters x {steps} steps, got {pv_w.shape} and {load_w.shape}"
        )
    if not shelters:
        return ()
    at_onset = _stored_at_onset(shelters, pv_w[:, :steps], load_w[:, :steps], step_h=step_ms / HOUR_MS)
    found = []
    for row, shelter in enumerate(shelters):
        full_wh = max(shelter.usable_wh, 1e-9)
        soc_pct = at_onset[:, row] / full_wh * 100
        reached = soc_pct >= target_pct - _CLOSE_PCT
        # How many orders in a row, from now on, still reach it.
        in_time = int(np.argmin(reached)) if not reached.all() else len(reached)
        found.append(_judged(shelter, soc_pct, in_time, at_ms, step_ms, target_pct))
    return tuple(found)


def _stored_at_onset(shelters: Sequence[ShelterCharge], pv_w: Floats, load_w: Floats, *, step_h: float) -> Floats:
    """Energy at the onset by step of the order (the last row: never) and shelter."""
    full_wh = np.array([one.usable_wh for one in shelters])
    reserve_wh = full_wh * np.array([one.reserve_pct for one in shelters]) / 100
    charge_w = np.array([one.charge_w for one in shelters])
    grid_w = np.array([0.0 if one.grid_lost else one.grid_charge_w for one in shelters])
    lost = np.array([one.grid_lost for one in shelters])
    efficiency = np.array([one.efficiency for one in shelters])
    steps = pv_w.shape[1]
    stored = np.tile(full_wh * np.array([(one.soc_pct or 0.0) / 100 for one in shelters]), (steps + 1, 1))
    ordered_at = np.arange(steps + 1)[:, None]
    for step in range(steps):
        surplus_w = pv_w[:, step] - load_w[:, step]
        is_ordered = ordered_at <= step
        # Without the grid the building comes first, order or not, and no reserve is kept from it.
        source_w = np.where(is_ordered & ~lost, pv_w[:, step] + grid_w, np.maximum(surplus_w, 0))
        spare_wh = np.maximum(0, stored - np.where(lost, 0, reserve_wh))
        drawn_wh = np.minimum(np.maximum(-surplus_w, 0) * step_h / efficiency, spare_wh)
        drawn_wh = np.where(is_ordered & ~lost, 0, drawn_wh)
        stored = stored - drawn_wh
        for _ in range(_PARTS):
            taper = np.clip((full_wh - stored) / (full_wh * (1 - TAPER_FROM) + 1e-9), TAPER_MIN, 1)
            gained_wh = np.minimum(source_w, charge_w * taper) * step_h / _PARTS * efficiency
            stored = np.minimum(stored + gained_wh, full_wh)
    return stored


def _judged(
    shelter: ShelterCharge, soc_pct: Floats, in_time: int, at_ms: int, step_ms: int, target_pct: float
) -> Reach:
    why = _why_not(shelter)
    if why is not None:
        unknown = why in {Why.NO_SOC, Why.NO_CAPACITY}
        return Reach(
            site=shelter.site,
            verdict=Verdict.UNKNOWN if unknown else Verdict.CANNOT,
            why=why,
            target_pct=target_pct,
            says=_SAYS[why],
        )
    now_pct, never_pct = round(float(soc_pct[0]), 1), round(float(soc_pct[-1]), 1)
    if in_time == len(soc_pct):
        verdict, why, latest_ms = Verdict.CAN, Why.ALREADY, None
    elif not shelter.verified:
        verdict, why, latest_ms = Verdict.CANNOT, Why.NOT_VERIFIED, None
    elif in_time:
        verdict, why = Verdict.CAN, Why.IN_TIME
        latest_ms = max(at_ms, at_ms + (in_time - 1) * step_ms - ORDER_MARGIN_MS)
    else:
        verdict, latest_ms = Verdict.CANNOT, None
        why = Why.GRID_LOST if shelter.grid_lost else Why.CHARGE_POWER if shelter.grid_charge_w else Why.NO_SUN
    return Reach(
        site=shelter.site,
        verdict=verdict,
        why=why,
        target_pct=target_pct,
        soc_at_onset_pct=None if why is Why.NOT_VERIFIED else now_pct,
        soc_unordered_pct=never_pct,
        latest_order_ms=latest_ms,
        says=_with_figures(why, now_pct, target_pct, latest_ms),
    )


def _why_not(shelter: ShelterCharge) -> Why | None:
    """What stands in the way whatever the sun does; the first that holds is told."""
    if not shelter.online:
        return Why.OFFLINE
    if shelter.fault:
        return Why.FAULT
    if not shelter.usable_wh:
        return Why.NO_CAPACITY
    if shelter.soc_pct is None:
        return Why.NO_SOC
    return None


_SAYS: Final = {
    Why.ALREADY: Words("指示がなくても目標に達する見込みです", "Gets there without an order"),
    Why.IN_TIME: Words("指示が間に合えば目標に達します", "Gets there if ordered in time"),
    Why.CHARGE_POWER: Words("充電電力または時間が足りません", "Too little charge power for the time left"),
    Why.NO_SUN: Words(
        "系統から充電できず、日射も足りません", "Cannot charge from the grid, and there is too little sun"
    ),
    Why.GRID_LOST: Words("停電中で、日射だけでは足りません", "The grid is gone, and the sun alone is too little"),
    Why.FAULT: Words("機器の故障または応答なし。現地確認が必要です", "Fault, or a device is silent: check on site"),
    Why.NOT_VERIFIED: Words(
        "動作確認が済んでいないため、指示を出せません", "Not verified, so no order can be sent: commission it first"
    ),
    Why.OFFLINE: Words(
        "通信断のため指示が届きません。復旧すれば最新の指示に従います",
        "Offline: the order cannot be confirmed; it follows the newest one when its link is back",
    ),
    Why.NO_SOC: Words("蓄電池の残量が届いていないため判定できません", "Unknown: no fresh reading of the battery"),
    Why.NO_CAPACITY: Words("蓄電池の容量が未登録のため判定できません", "Unknown: no battery capacity is registered"),
}


def _with_figures(why: Why, soc_pct: float, target_pct: float, latest_ms: int | None) -> Words:
    plain = _SAYS[why]
    ja, en = plain.ja, plain.en
    if why is Why.NOT_VERIFIED:
        return plain
    if latest_ms is not None:
        when = tokyo(latest_ms)
        ja, en = f"{ja}（{when}までに指示）", f"{en} (order by {when} Tokyo time)"
    return Words(
        f"{ja}。今指示すれば想定時刻の残量は{soc_pct:.0f} %（目標{target_pct:.0f} %）",
        f"{en}. Ordered now: {soc_pct:.0f} % at the onset (target {target_pct:.0f} %)",
    )


def city_reach(shelters: Sequence[Reach]) -> CityReach:
    """The whole city in numbers, and the moment by which the order must be given."""
    verdicts = Counter(one.verdict for one in shelters)
    reasons = Counter(one.why for one in shelters)
    deadlines = Counter(one.latest_order_ms for one in shelters if one.latest_order_ms is not None)
    ordered = tuple(sorted(deadlines.items()))
    latest_ms = ordered[0][0] if ordered else None
    can, cannot, unknown = (verdicts[verdict] for verdict in (Verdict.CAN, Verdict.CANNOT, Verdict.UNKNOWN))
    ja = f"{len(shelters)}か所のうち、間に合う{can}か所、間に合わない{cannot}か所、判定できない{unknown}か所"
    en = f"Of {len(shelters)} shelters {can} can be ready, {cannot} cannot, {unknown} are unknown"
    if latest_ms is not None:
        when = tokyo(latest_ms)
        ja, en = f"{ja}。指示の期限は{when}", f"{en}. Order by {when} Tokyo time"
    return CityReach(
        can=can,
        cannot=cannot,
        unknown=unknown,
        reasons=dict(sorted(reasons.items())),
        latest_order_ms=latest_ms,
        deadlines=ordered,
        says=Words(ja, en),
    )


def tokyo(at_ms: int) -> str:
    """A moment in Tokyo time, to the minute that has begun."""
    return datetime.fromtimestamp(at_ms / 1_000, tz=_TOKYO).strftime("%m/%d %H:%M")
