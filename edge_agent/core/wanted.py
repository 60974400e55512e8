"""From set-points to orders of one device, by what it can be ordered: the same wish for every family. Pure.

Two controls that leave a register at different numbers exclude each other (a maker's "charge" and "keep for backup" are
often two values of one mode): what was ordered and is in the way is released first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from device_profiles.model import Argument, Control, ControlKind, Register
from edge_agent.core.modes import Policy, SetPoints

Kind = ControlKind
RELEASED: Final = (Kind.CHARGE, Kind.DISCHARGE_BLOCK, Kind.BACKUP)
"""What a policy orders and what is therefore released, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOrder:
    """One control of one device, on or off."""

    kind: str
    off: bool = False
    arguments: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Able:
    """What can be ordered of a device, and what is known of it."""

    controls: Mapping[str, Control]
    registers: Mapping[str, Register]
    held: frozenset[str] = frozenset()
    """Kinds that were ordered and not released yet."""
    floor_pct: float = 0.0
    soc_pct: float | None = None
    max_charge_w: float | None = None

    @property
    def has_battery(self) -> bool:
        """Whether anything of a battery can be ordered."""
        return not self.controls.keys().isdisjoint({Kind.RESERVE, *RELEASED})


def able(controls: Sequence[Control], registers: Mapping[str, Register], held: Collection[str] = ()) -> Able:
    """What a device's map allows."""
    return Able(controls={c.kind: c for c in controls}, registers=registers, held=frozenset(held))


def orders_for(points: SetPoints, it: Able) -> tuple[DeviceOrder, ...] | None:
    """The orders that bring a device to the set-points, in their order; None when it has no control for them."""
    match points.policy:
        case Policy.LEAVE:
            return ()
        case Policy.FREE:
            return (*_released(it, RELEASED), *_reserve(it, points.reserve_pct), *_export(it, points))
        case Policy.CHARGE:
            found = _charge(it, points)
        case Policy.HOLD:
            found = _hold(it, points)
        case Policy.REST:
            found = _rest(it)
        case Policy.CARRY:
            return _released(it, (Kind.CHARGE, Kind.DISCHARGE_BLOCK))
        case Policy.OFF:
            block = _on(it, Kind.DISCHARGE_BLOCK)
            return (*_released(it, (Kind.CHARGE, Kind.BACKUP)), *block)
    return None if found is None else (*found, *_export(it, points))


def _charge(it: Able, points: SetPoints) -> tuple[DeviceOrder, ...] | None:
    charge = it.controls.get(Kind.CHARGE)
    reserve = _reserve(it, points.reserve_pct)
    if charge is None:
        kept = _kept(it, points, reserve)
        return None if kept is None else (*_released(it, (Kind.DISCHARGE_BLOCK,)), *kept)
    wanted = {Argument.POWER_W: _charge_power_w(it, charge, points), Argument.SOC_PCT: points.target_pct}
    given = {str(name): _within(it, charge, name, value) for name, value in wanted.items() if _takes(charge, name)}
    backup = _on(it, Kind.BACKUP) if points.wants_backup and _agree(it, charge, points) else ()
    in_the_way = [
        kind for kind in (Kind.DISCHARGE_BLOCK, Kind.BACKUP) if kind in it.held and not (kind is Kind.BACKUP and backup)
    ]
    order = DeviceOrder(kind=Kind.CHARGE, arguments=given)
    return (*_released(it, in_the_way), *backup, *reserve, order)


def _hold(it: Able, points: SetPoints) -> tuple[DeviceOrder, ...] | None:
    kept = _kept(it, points, _reserve(it, points.reserve_pct))
    if kept is None:
        return None
    kinds = {order.kind for order in kept}
    return (*_released(it, [kind for kind in RELEASED if kind not in kinds]), *kept)


def _kept(it: Able, points: SetPoints, reserve: tuple[DeviceOrder, ...]) -> tuple[DeviceOrder, ...] | None:
    """Holding what is in the battery: the maker's own way where it is wanted, the reserve, or a block of discharge."""
    backup = _on(it, Kind.BACKUP) if (points.wants_backup or not reserve) and _agree(it, None, points) else ()
    return (*backup, *reserve) or _on(it, Kind.DISCHARGE_BLOCK) or None


def _rest(it: Able) -> tuple[DeviceOrder, ...] | None:
    """A reserve just under what is in the battery: it neither takes from the grid nor gives much.

    Devices round what they show, and one that is a little below its reserve charges.
    """
    reserve = () if it.soc_pct is None else _reserve(it, max(float(int(it.soc_pct)) - 1.0, it.floor_pct))
    if reserve:
        return (*_released(it, RELEASED), *reserve)
    block = _on(it, Kind.DISCHARGE_BLOCK)
    return (*_released(it, (Kind.CHARGE, Kind.BACKUP)), *block) if block else None


def _released(it: Able, kinds: Collection[str]) -> tuple[DeviceOrder, ...]:
    return tuple(DeviceOrder(kind=kind, off=True) for kind in kinds if kind in it.held and kind in it.controls)


def _on(it: Able, kind: str) -> tuple[DeviceOrder, ...]:
    return (DeviceOrder(kind=kind),) if kind in it.controls else ()


def _reserve(it: Able, soc_pct: float) -> tuple[DeviceOrder, ...]:
    control = it.controls.get(Kind.RESERVE)
    if control is None:
        return ()
    return (
        DeviceOrder(kind=Kind.RESERVE, arguments={Argument.SOC_PCT: _within(it, control, Argument.SOC_PCT, soc_pct)}),
    )


def _export(it: Able, points: SetPoints) -> tuple[DeviceOrder, ...]:
    control = it.controls.get(Kind.EXPORT_LIMIT)
    if control is None:
        return ()
    if points.export_limit_w is None:
        return _released(it, (Kind.EXPORT_LIMIT,)) if points.policy is Policy.FREE else ()
    limit_w = _within(it, control, Argument.POWER_W, points.export_limit_w)
    return (DeviceOrder(kind=Kind.EXPORT_LIMIT, arguments={Argument.POWER_W: limit_w}),)


def _charge_power_w(it: Able, charge: Control, points: SetPoints) -> float:
    most = [w for w in (points.charge_power_w, it.max_charge_w) if w is not None]
    high = [it.registers[w.register].high for w in charge.on if w.to == Argument.POWER_W]
    return min([*most, *high], default=0.0)


def _takes(control: Control, argument: str) -> bool:
    return any(write.to == argument for write in control.on)


def _within(it: Able, control: Control, argument: str, value: float) -> float:
    """The value, or the end of the range that it is past."""
    for write in control.on:
        if write.to == argument:
            register = it.registers[write.register]
            value = min(max(value, register.low), register.high)
    return value


def _agree(it: Able, charge: Control | None, points: SetPoints) -> bool:
    """Whether the maker's own way of being ready leaves alone what the other orders want of the same registers."""
    backup = it.controls.get(Kind.BACKUP)
    if backup is None:
        return False
    wanted: dict[str, float] = {}
    reserve = it.controls.get(Kind.RESERVE)
    if reserve is not None:
        value = _within(it, reserve, Argument.SOC_PCT, points.reserve_pct)
        wanted |= {write.register: value for write in reserve.on if write.to == Argument.SOC_PCT}
    for write in charge.on if charge is not None else ():
        if not isinstance(write.to, Argument):
            wanted[write.register] = write.to
    last = {write.register: write.to for write in backup.on}
    return all(wanted.get(name, to) == to for name, to in last.items())
