"""What registers order of a plant: from the values of the control registers to what the physics obeys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from device_profiles.controls import in_force, value_in
from device_profiles.model import Argument, Control, ControlKind, Image, Register
from simulator.physics import Controls
from simulator.spec import RELAYS

Given = Mapping[str, float]
"""Arguments of an order by name."""


def ordered(controls: Iterable[Control], registers: Mapping[str, Register], image: Image) -> dict[str, Given | None]:
    """Each control's arguments while it is in force, None while it is not."""
    found = {control.kind: in_force(control, registers, image) for control in controls}
    return {kind: given if given is not None and _counts(kind, given) else None for kind, given in found.items()}


def _counts(kind: str, given: Given) -> bool:
    """Where a power alone is the order, some value of it is none: a charge with nothing, a limit below zero."""
    power_w = given.get(Argument.POWER_W)
    if power_w is None:
        return True
    return power_w > 0 if kind == ControlKind.CHARGE else power_w >= 0


def obey(steered: Controls, orders: Mapping[str, Given | None], charge_w: float) -> None:
    """Let orders steer a plant; ``charge_w`` is what it charges with when no power is named."""
    for kind, given in orders.items():
        match kind:
            case ControlKind.RESERVE:
                if given is not None:
                    steered.reserve_pct = given[Argument.SOC_PCT]
            case ControlKind.CHARGE:
                steered.forced_charge_on = given is not None
                steered.forced_charge_power_w = 0.0 if given is None else given.get(Argument.POWER_W, charge_w)
                steered.charge_target_pct = 100.0 if given is None else given.get(Argument.SOC_PCT, 100.0)
            case ControlKind.DISCHARGE_BLOCK:
                steered.discharge_blocked = given is not None
            case ControlKind.BACKUP:
                steered.backup = given is not None
            case ControlKind.EXPORT_LIMIT:
                steered.export_limit_on = given is not None
                steered.export_limit_w = 0.0 if given is None else given.get(Argument.POWER_W, 0.0)
            case _ if kind.startswith("tier") and int(kind.removeprefix("tier")) <= RELAYS:
                steered.closed[int(kind.removeprefix("tier")) - 1] = given is not None
            case _:
                pass  # Nothing of a simulated plant answers to it.


def fits(register: Register, image: Image) -> bool:
    """Whether what stands in a register is within its range."""
    value = value_in(register, image)
    return value is not None and register.low - register.tolerance <= value <= register.high + register.tolerance
