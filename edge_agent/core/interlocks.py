"""The last gate before a register is written. Pure: an order, what is seen, what was done and a time in, a verdict out.

Failure to see means no. Giving the device back its own ways (an "off", or what stood there before a test) is never made
to wait: a device that is left in a forced state is worse than one write too many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from device_profiles.controls import ControlError, PlannedWrite, planned
from device_profiles.model import ARGUMENTS, Argument, Control, ControlKind, Register

VIEW_AGE_MS_MAX: Final = 15_000
SOC: Final = "battery.soc_pct"


class Reason(StrEnum):
    """Why an order is refused."""

    OUT_OF_RANGE = "out_of_range"
    """A value is outside of what the device takes. Facts: register, value, low, high, unit."""
    MISSING_ARGUMENT = "missing_argument"
    """The order lacks a value. Facts: argument."""
    UNKNOWN_ARGUMENT = "unknown_argument"
    """The control takes no such value. Facts: argument."""
    NOTHING_TO_RELEASE = "nothing_to_release"
    """The control has no "off": what was there before has to be written back."""
    TOO_SOON = "too_soon"
    """The least time since the last order of this kind is not over. Facts: wait_s."""
    BLIND = "blind"
    """The device was not seen, or too long ago. Facts: age_s when it was seen."""
    ISOLATED = "isolated"
    """The shelter is kept off: the building is about to be under water."""
    BELOW_FLOOR = "below_floor"
    """The battery would be allowed to discharge below the floor. Facts: floor_pct and soc_pct."""


Facts = Mapping[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is wanted of a device."""

    control: Control
    registers: Mapping[str, Register]
    arguments: Mapping[str, float] = field(default_factory=dict)
    off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known of the device now: values by point. Power above zero feeds the building."""

    taken_ms: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """When orders were last written, by kind. What changed no register does not count."""

    on_ms: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What this site allows."""

    floor_pct: float = 0.0
    """Below this state of charge a discharge is never released, nor the reserve set."""
    view_age_ms_max: int = VIEW_AGE_MS_MAX
    is_isolated: bool = False
    """The shelter is off and stays off: nothing is closed or charged, and no battery released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """It may be written, and this is what."""

    writes: tuple[PlannedWrite, ...]
    unlock: tuple[PlannedWrite, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """It may not."""

    reason: Reason
    facts: Facts = field(default_factory=dict)


Verdict = Allow | Refuse


def judge(order: Order, view: View | None, history: History, now_ms: int, rules: Rules = Rules()) -> Verdict:
    """Whether an order may be written now."""
    refused = _wrong_arguments(order) or _blind(view, now_ms, rules)
    if refused is not None:
        return refused
    assert view is not None
    control = order.control
    try:
        writes = planned(control.off if order.off else control.on, order.registers, order.arguments)
        unlock = planned(control.unlock, order.registers, {})
    except ControlError:
        return Refuse(reason=Reason.OUT_OF_RANGE, facts=_out_of_range(order))
    refused = _isolated(order, rules) or _too_soon(order, history, now_ms) or _below_floor(order, view, rules)
    if refused is not None:
        return refused
    return Allow(writes=writes, unlock=unlock)


ROOM_SHARE_MAX: Final = 0.9
"""So much of what inverter, battery and sun can give may be taken: motors start with more than they run with."""


def may_close(tier_w: float | None, load_w: float | None, room_w: float | None) -> bool:
    """Whether a shelter that stands alone can carry one tier more. Failure to know means no."""
    if tier_w is None or load_w is None or room_w is None:
        return False
    return load_w + tier_w <= ROOM_SHARE_MAX * room_w


def allow_restoring(control: Control, registers: Mapping[str, Register]) -> Allow:
    """Putting back what stood there is always allowed; only the device's own lock may stand before it."""
    return Allow(writes=(), unlock=planned(control.unlock, registers, {}))


def may_release(control: Control, view: View | None, rules: Rules) -> Refuse | None:
    """Why an order may not release what was ordered before, by writing back what stood there; None: it may."""
    order = Order(control=control, registers={}, off=True)
    if view is None:
        return Refuse(reason=Reason.BLIND)
    return _isolated(order, rules) or _below_floor(order, view, rules)


def _wrong_arguments(order: Order) -> Refuse | None:
    control = order.control
    if order.off:
        return None if control.off else Refuse(reason=Reason.NOTHING_TO_RELEASE)
    takes = ARGUMENTS.get(control.kind, ())
    unknown = next((name for name in order.arguments if name not in takes), None)
    if unknown is not None:
        return Refuse(reason=Reason.UNKNOWN_ARGUMENT, facts={"argument": unknown})
    used = {write.to for write in control.on if isinstance(write.to, Argument)}
    # The first argument is what the order is about; a target beside it may be left to the device.
    missing = next((name for name in takes[:1] if name in used and name not in order.arguments), None)
    return None if missing is None else Refuse(reason=Reason.MISSING_ARGUMENT, facts={"argument": str(missing)})


def _blind(view: View | None, now_ms: int, rules: Rules) -> Refuse | None:
    if view is None:
        return Refuse(reason=Reason.BLIND)
    age_ms = now_ms - view.taken_ms
    if 0 <= age_ms <= rules.view_age_ms_max:
        return None
    return Refuse(reason=Reason.BLIND, facts={"age_s": age_ms / 1000})


def _isolated(order: Order, rules: Rules) -> Refuse | None:
    """What an isolated shelter may still be told: to open, to stop, to give nothing."""
    kind = order.control.kind
    is_quiet = kind == ControlKind.DISCHARGE_BLOCK if not order.off else kind != ControlKind.DISCHARGE_BLOCK
    return Refuse(reason=Reason.ISOLATED) if rules.is_isolated and not is_quiet else None


def _too_soon(order: Order, history: History, now_ms: int) -> Refuse | None:
    last_ms = history.on_ms.get(order.control.kind)
    if order.off or last_ms is None:
        return None
    wait_s = order.control.interval_s - (now_ms - last_ms) / 1000
    return Refuse(reason=Reason.TOO_SOON, facts={"wait_s": wait_s}) if wait_s > 0 else None


def _below_floor(order: Order, view: View, rules: Rules) -> Refuse | None:
    soc_pct = view.values.get(SOC)
    if order.control.kind == ControlKind.RESERVE and not order.off:
        wanted = order.arguments[Argument.SOC_PCT]
        if wanted < rules.floor_pct:
            return Refuse(reason=Reason.BELOW_FLOOR, facts={"floor_pct": rules.floor_pct, "soc_pct": wanted})
    if order.control.kind == ControlKind.DISCHARGE_BLOCK and order.off and rules.floor_pct > 0:
        if soc_pct is None:
            return Refuse(reason=Reason.BLIND)
        if soc_pct < rules.floor_pct:
            return Refuse(reason=Reason.BELOW_FLOOR, facts={"floor_pct": rules.floor_pct, "soc_pct": soc_pct})
    return None


def _out_of_range(order: Order) -> Facts:
    """Which value it is; the first one that does not fit."""
    control = order.control
    for write in (*control.unlock, *(control.off if order.off else control.on)):
        value = order.arguments.get(write.to) if isinstance(write.to, Argument) else write.to
        register = order.registers[write.register]
        if value is not None and not register.low <= value <= register.high:
            return {
                "register": register.name,
                "value": value,
                "low": register.low,
                "high": register.high,
                "unit": register.unit,
            }
    return {}
