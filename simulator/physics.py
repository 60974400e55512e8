"""One moment of a plant: who gives, who takes. A pure function from wishes and limits to flows.

Signs are the house's: power is positive when it feeds the building (PV, battery discharge, grid import).

    pv + battery - loss = inverter      the inverter's DC side, its conversion loss and its AC terminal
    inverter + grid     = load          the building's busbar

Both hold exactly. The battery's own loss is booked inside the battery: of one watt-hour charged, ``efficiency`` is
stored; to give one, ``1 / efficiency`` is taken out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from contract.points import BatteryState, InverterState
from simulator.spec import RELAYS, SECURED_TIERS, TIERS, Plant

_GRID_RECHARGE_SHARE = 0.1
"""Of the charge limit, while the battery is below its reserve and the grid is there."""
_BACKUP_CHARGE_SHARE = 0.5
_RESTART_PCT = 5.0
"""An empty islanded battery must gain this much before the secured output comes back."""


@dataclass(slots=True, kw_only=True)
class Controls:
    """What the control registers say now. A power counts while its switch is on."""

    reserve_pct: float = 30.0
    forced_charge_power_w: float = 0.0
    forced_charge_on: bool = True
    charge_target_pct: float = 100.0
    """A forced charge ends here."""
    discharge_blocked: bool = False
    """The battery gives nothing while the grid is there."""
    backup: bool = False
    """Keep the battery full for an outage instead of using it."""
    export_limit_w: float = math.inf
    export_limit_on: bool = True
    closed: list[bool] = field(default_factory=lambda: [True] * RELAYS)

    @property
    def forced_charge_w(self) -> float:
        """Charge power that is ordered now; 0 is no order."""
        return self.forced_charge_power_w if self.forced_charge_on else 0.0

    @property
    def export_max_w(self) -> float:
        """Most that may go out to the grid."""
        return self.export_limit_w if self.export_limit_on else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Power everywhere in one step, in W."""

    pv_w: float
    battery_w: float
    loss_w: float
    inverter_w: float
    grid_w: float
    load_w: float
    backup_w: float
    """Through the secured output; on grid it passes what the secured tiers take."""
    curtailed_w: float
    islanded: bool
    dark: bool
    """Islanded, and nothing is carried: battery empty and too little sun."""
    carried: tuple[bool, ...]
    """Which tiers have power."""

    @property
    def inverter_state(self) -> InverterState:
        """The contract's word for what the inverter does."""
        if self.islanded:
            return InverterState.OFF if self.dark else InverterState.ISLANDED
        if self.curtailed_w > 0.01 * (self.pv_w + self.curtailed_w):
            return InverterState.LIMITED
        if self.pv_w < 1 and abs(self.battery_w) < 1:
            return InverterState.STANDBY
        return InverterState.OPERATING


def ac_of_dc(plant: Plant, dc_w: float) -> float:
    """What comes out at the AC terminal; below zero for power that goes in."""
    return dc_w - plant.standby_w - plant.loss_share * abs(dc_w)


def dc_of_ac(plant: Plant, ac_w: float) -> float:
    """What the DC side must give for an AC power: the inverse of ``ac_of_dc``."""
    need = ac_w + plant.standby_w
    return need / (1 - plant.loss_share) if need >= 0 else need / (1 + plant.loss_share)


def charge_limit_w(plant: Plant, soc_pct: float, step_h: float) -> float:
    """Most that the battery takes: its rating, tapered near full, never past 100 % within the step."""
    taper = 1.0 if soc_pct < 95.0 else max(0.1, (100.0 - soc_pct) / 5.0)
    room_wh = max(0.0, 100.0 - soc_pct) / 100.0 * plant.capacity_wh
    return min(plant.charge_w * taper, room_wh / plant.efficiency / step_h)


def discharge_limit_w(plant: Plant, soc_pct: float, step_h: float, floor_pct: float) -> float:
    """Most that the battery gives without falling under the floor within the step."""
    stored_wh = max(0.0, soc_pct - max(floor_pct, plant.floor_pct)) / 100.0 * plant.capacity_wh
    return min(plant.discharge_w, stored_wh * plant.efficiency / step_h)


def soc_after(plant: Plant, soc_pct: float, battery_w: float, step_h: float) -> float:
    """State of charge at the end of a step."""
    drawn_w = battery_w / plant.efficiency if battery_w > 0 else battery_w * plant.efficiency
    return min(100.0, max(0.0, soc_pct - drawn_w * step_h / plant.capacity_wh * 100.0))


def on_grid(
    plant: Plant, controls: Controls, *, soc_pct: float, pv_w: float, tiers_w: Sequence[float], step_h: float
) -> Flows:
    """The grid is there: every closed tier has power, and the battery follows its orders."""
    carried = tuple(controls.closed[:TIERS])
    taken = [power if closed else 0.0 for power, closed in zip(tiers_w, carried, strict=True)]
    load_w = sum(taken)
    charge_max = charge_limit_w(plant, soc_pct, step_h)
    discharge_max = discharge_limit_w(plant, soc_pct, step_h, controls.reserve_pct)
    if controls.discharge_blocked:
        discharge_max = 0.0
    battery_w = _battery_wish(plant, controls, soc_pct, pv_w, load_w)
    battery_w = max(-charge_max, min(discharge_max, battery_w))

    most_dc = dc_of_ac(plant, min(plant.inverter_w, load_w + controls.export_max_w))
    used_pv_w = pv_w
    if (excess := pv_w + battery_w - most_dc) > 0:
        # First the battery steps back or takes more, only then is sun thrown away.
        battery_w = max(battery_w - excess, min(battery_w, -charge_max))
        used_pv_w = min(pv_w, max(0.0, most_dc - battery_w))
    least_dc = dc_of_ac(plant, -plant.inverter_w)
    if used_pv_w + battery_w < least_dc:
        battery_w = least_dc - used_pv_w
    dc_w = used_pv_w + battery_w
    inverter_w = ac_of_dc(plant, dc_w)
    return Flows(
        pv_w=used_pv_w,
        battery_w=battery_w,
        loss_w=dc_w - inverter_w,
        inverter_w=inverter_w,
        grid_w=load_w - inverter_w,
        load_w=load_w,
        backup_w=sum(taken[:SECURED_TIERS]),
        curtailed_w=pv_w - used_pv_w,
        islanded=False,
        dark=False,
        carried=carried,
    )


def _battery_wish(plant: Plant, controls: Controls, soc_pct: float, pv_w: float, load_w: float) -> float:
    """What the battery would do if it had no limits."""
    if controls.forced_charge_w and soc_pct < controls.charge_target_pct:
        return -controls.forced_charge_w
    # Self-consumption: cover the building, swallow the surplus.
    own_use = dc_of_ac(plant, min(plant.inverter_w, load_w)) - pv_w
    if controls.backup:
        return min(own_use, -_BACKUP_CHARGE_SHARE * plant.charge_w)
    if soc_pct < controls.reserve_pct:
        return min(own_use, -_GRID_RECHARGE_SHARE * plant.charge_w)
    return own_use


def islanded(
    plant: Plant,
    controls: Controls,
    *,
    soc_pct: float,
    pv_w: float,
    tiers_w: Sequence[float],
    step_h: float,
    exhausted: bool,
    is_broken: bool = False,
) -> Flows:
    """The grid is gone: the secured output carries closed tiers in their order, as many as fit. Tier 4 is dark.

    With ``is_broken`` the secured output does not come up at all.
    """
    if is_broken:
        return _dead(pv_w)
    discharge_max = 0.0 if exhausted else discharge_limit_w(plant, soc_pct, step_h, plant.floor_pct)
    room_w = min(plant.backup_w, plant.inverter_w, ac_of_dc(plant, pv_w + discharge_max))
    carried: list[bool] = []
    load_w = 0.0
    for power, closed in zip(tiers_w[:SECURED_TIERS], controls.closed[:SECURED_TIERS], strict=True):
        fits = closed and not exhausted and load_w + power <= room_w
        carried.append(fits)
        load_w += power if fits else 0.0
    carried += [False] * (TIERS - SECURED_TIERS)
    need_dc = dc_of_ac(plant, load_w)
    if pv_w + discharge_max < need_dc:
        # Not even its own consumption: the inverter is off.
        return _dead(pv_w)
    battery_w = max(-charge_limit_w(plant, soc_pct, step_h), min(discharge_max, need_dc - pv_w))
    used_pv_w = max(0.0, need_dc - battery_w)
    dc_w = used_pv_w + battery_w
    return Flows(
        pv_w=used_pv_w,
        battery_w=battery_w,
        loss_w=dc_w - load_w,
        inverter_w=load_w,
        grid_w=0.0,
        load_w=load_w,
        backup_w=load_w,
        curtailed_w=max(0.0, pv_w - used_pv_w),
        islanded=True,
        dark=not any(carried),
        carried=tuple(carried),
    )


def _dead(pv_w: float) -> Flows:
    return Flows(
        pv_w=0.0,
        battery_w=0.0,
        loss_w=0.0,
        inverter_w=0.0,
        grid_w=0.0,
        load_w=0.0,
        backup_w=0.0,
        curtailed_w=pv_w,
        islanded=True,
        dark=True,
        carried=(False,) * TIERS,
    )


def is_exhausted(plant: Plant, soc_pct: float, *, was: bool, flows: Flows) -> bool:
    """Whether an islanded battery is empty; it stays so until it has gained a little, or the grid is back."""
    if not flows.islanded:
        return False
    if was:
        return soc_pct < plant.floor_pct + _RESTART_PCT
    return soc_pct <= plant.floor_pct + 0.01


def battery_state(plant: Plant, soc_pct: float, battery_w: float) -> BatteryState:
    """The contract's word for what the battery does."""
    if battery_w > 1:
        return BatteryState.DISCHARGING
    if battery_w < -1:
        return BatteryState.CHARGING
    if soc_pct >= 99.5:
        return BatteryState.FULL
    if soc_pct <= plant.floor_pct + 0.1:
        return BatteryState.EMPTY
    return BatteryState.STANDBY
