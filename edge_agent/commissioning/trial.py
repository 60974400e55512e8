"""What a control test orders and what the plant must then do. Pure: values in, a plan or a reason not to out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from contract.points import BatteryState, InverterState
from device_profiles.model import Argument, Control, ControlKind, Register

STEP_PCT: Final = 5.0
STEP_PCT_MAX: Final = 10.0
CHARGE_W: Final = 1_000.0
IDLE_W: Final = 100.0
"""Battery power below this is no flow: inverters wobble by as much."""
EXPORT_W_MIN: Final = 300.0
FULL_PCT: Final = 97.0
RESERVE_WITHOUT_BEFORE_PCT: Final = 30.0

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is seen of the plant now. Power above zero feeds the building; None: not known."""

    soc_pct: float | None = None
    battery_w: float | None = None
    grid_w: float | None = None
    is_islanded: bool = False
    is_faulty: bool = False
    max_charge_w: float | None = None


@dataclass(frozen=True, slots=True)
class Cannot:
    """The control is not tried, and why (words in words_walk.py, CANNOT)."""

    why: str
    facts: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is ordered, and whether the plant can be seen to follow."""

    arguments: Mapping[str, float]
    is_visible: bool
    """Whether the effect would show now: a battery that rests cannot be seen to stop discharging."""


def view_of(device: Values, site: Values) -> View:
    """The view from a device's own values and, for the grid, those of the site's meter."""
    grid = site.get("grid.power_w", device.get("grid.power_w"))
    state = device.get("inverter.state")
    return View(
        soc_pct=device.get("battery.soc_pct"),
        battery_w=device.get("battery.power_w"),
        grid_w=grid,
        is_islanded=device.get("inverter.islanded") == 1 or state == InverterState.ISLANDED,
        is_faulty=state == InverterState.FAULT or device.get("battery.state") == BatteryState.FAULT,
        max_charge_w=device.get("battery.max_charge_power_w"),
    )


def plan_trial(
    control: Control, registers: Mapping[str, Register], before: float | None, view: View, *, floor_pct: float = 0.0
) -> Trial | Cannot:
    """What to order of a control, or why it is not tried now.

    Args:
        control: of the device.
        registers: of the device, by name.
        before: what its first register with a value holds now.
        view: the plant as it is.
        floor_pct: the battery is never allowed to go below this.
    """
    cannot = _not_now(control, view)
    if cannot is not None:
        return cannot
    main = registers[main_register(control)]
    match control.kind:
        case ControlKind.RESERVE:
            return _reserve(main, before, view, floor_pct)
        case ControlKind.CHARGE:
            return _charge(control, registers, view)
        case ControlKind.EXPORT_LIMIT:
            return _export_limit(main, view)
        case ControlKind.DISCHARGE_BLOCK:
            return Trial(arguments={}, is_visible=(view.battery_w or 0.0) > IDLE_W)
        case _:
            return Trial(arguments={}, is_visible=False)


def _reserve(register: Register, before: float | None, view: View, floor_pct: float) -> Trial | Cannot:
    value = value_to_try(before, view.soc_pct, register.low, register.high, floor_pct=floor_pct)
    if value is None:
        return Cannot("no_room", {"low": register.low, "high": register.high, "unit": register.unit})
    crosses = view.soc_pct is not None and before is not None and before < view.soc_pct <= value
    return Trial(arguments={Argument.SOC_PCT: value}, is_visible=crosses and (view.battery_w or 0.0) > IDLE_W)


def _export_limit(register: Register, view: View) -> Trial:
    export_w = -(view.grid_w or 0.0)
    is_exporting = export_w >= EXPORT_W_MIN
    wanted = round(export_w / 2, -1) if is_exporting else CHARGE_W
    limit_w = min(max(wanted, register.low, 0.0), register.high)
    return Trial(arguments={Argument.POWER_W: limit_w}, is_visible=is_exporting and limit_w < export_w)


def value_to_try(
    before: float | None, soc_pct: float | None, low: float, high: float, *, floor_pct: float = 0.0
) -> float | None:
    """A reserve to test with, 5 to 10 points from what stands there; None when the range leaves no room.

    Above the present state of charge where that is near, so that a discharge is seen to stop; else a little higher,
    which never lets the battery discharge further; only from the top of the range lower, never under the floor.
    """
    low = max(low, floor_pct)
    if before is None:
        return min(max(RESERVE_WITHOUT_BEFORE_PCT, low), high) if low <= high else None
    higher = [before + STEP_PCT + n for n in range(int(STEP_PCT_MAX - STEP_PCT) + 1)]
    crossing = [value for value in higher if soc_pct is not None and before < soc_pct <= value]
    lower = [before - STEP_PCT - n for n in range(int(STEP_PCT_MAX - STEP_PCT) + 1)]
    wanted = (*sorted(crossing, key=_is_uneven), *sorted(higher, key=_is_uneven), *sorted(lower, key=_is_uneven))
    return next((value for value in wanted if low <= value <= high), None)


def _is_uneven(value: float) -> bool:
    """A multiple of ten is better: a scale that is off by ten then shows to the digit."""
    return value % 10 != 0


def _charge(control: Control, registers: Mapping[str, Register], view: View) -> Trial | Cannot:
    given: dict[str, float] = {}
    for write in control.on:
        register = registers[write.register]
        if write.to == Argument.POWER_W:
            most = min(register.high, view.max_charge_w or register.high)
            given[Argument.POWER_W] = max(register.low, min(CHARGE_W, most))
        elif write.to == Argument.SOC_PCT:
            given[Argument.SOC_PCT] = register.high
    return Trial(arguments=given, is_visible=view.battery_w is not None)


def main_register(control: Control) -> str:
    """The register that a control is about: the first that takes a value, else the first that is written."""
    takes = [write.register for write in control.on if isinstance(write.to, Argument)]
    return takes[0] if takes else control.on[0].register


def _not_now(control: Control, view: View) -> Cannot | None:
    if control.kind.startswith("tier"):
        return None
    if view.is_islanded or view.is_faulty:
        return Cannot("grid_lost" if view.is_islanded else "device_fault")
    if control.kind == ControlKind.EXPORT_LIMIT:
        return None
    if view.soc_pct is None:
        return Cannot("soc_unknown")
    if control.kind == ControlKind.CHARGE and view.soc_pct >= FULL_PCT:
        return Cannot("battery_full", {"soc_pct": view.soc_pct})
    return None


@dataclass(slots=True)
class Following:
    """Whether the plant follows an order, look by look. ``is_decided`` ends the watch, ``follows`` is the verdict."""

    kind: str
    trial: Trial
    effect_s: float
    block_s: float
    follows: bool = False
    is_decided: bool = False
    seen_w: float | None = None
    """The power that decided it."""
    _quiet_since_s: float | None = None

    def look(self, view: View, at_s: float) -> None:
        """Take one look, ``at_s`` seconds after the order."""
        if self.is_decided:
            return
        if not self.trial.is_visible:
            self.is_decided = True
            return
        watched = -view.grid_w if self.kind == ControlKind.EXPORT_LIMIT and view.grid_w is not None else view.battery_w
        self.seen_w = watched if watched is not None else self.seen_w
        if watched is not None and self._shows(watched):
            if self._quiet_since_s is None:
                self._quiet_since_s = at_s
            if at_s - self._quiet_since_s >= self._stays_s:
                self.follows = self.is_decided = True
        else:
            self._quiet_since_s = None
        if not self.is_decided and at_s >= self.effect_s + self._stays_s:
            self.is_decided = True

    @property
    def _stays_s(self) -> float:
        return self.block_s if self.kind == ControlKind.DISCHARGE_BLOCK else 0.0

    def _shows(self, watts: float) -> bool:
        match self.kind:
            case ControlKind.CHARGE:
                return watts <= -max(IDLE_W, 0.3 * self.trial.arguments.get(Argument.POWER_W, 0.0))
            case ControlKind.EXPORT_LIMIT:
                limit_w = self.trial.arguments[Argument.POWER_W]
                return watts <= limit_w + max(IDLE_W, 0.1 * limit_w)
            case _:
                return watts <= IDLE_W
