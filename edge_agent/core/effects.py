"""Whether the plant does what its registers say. Pure: what is wanted and what is seen in, a verdict out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from contract.points import PHASES, InverterState
from edge_agent.core.conditions import ISLANDED, LIVE_V, SOC, STATE
from edge_agent.core.modes import Policy, SetPoints

IDLE_W: Final = 150.0
"""Battery power below this is no flow: inverters wobble by as much."""
CHARGE_SHARE_MIN: Final = 0.3
"""So much of what was ordered must flow: some firmware gives half, and a nearly full battery takes less."""
NEARLY_FULL_PCT: Final = 95.0
"""From here on batteries take ever less."""

BATTERY_W: Final = "battery.power_w"
MAX_CHARGE_W: Final = "battery.max_charge_power_w"
Values = Mapping[str, float]

_BATTERY: Final = (BATTERY_W, SOC)
_SECURED: Final = tuple(f"backup.{phase}_voltage_v" for phase in PHASES)
EVIDENCE: Final[Mapping[Policy, tuple[str, ...]]] = {
    Policy.LEAVE: (),
    Policy.FREE: (*_BATTERY, "pv.power_w"),
    Policy.CHARGE: _BATTERY,
    Policy.HOLD: _BATTERY,
    Policy.REST: _BATTERY,
    Policy.CARRY: (STATE, ISLANDED, "backup.power_w", *_SECURED),
    Policy.OFF: (STATE,),
}
"""The points by which each policy is judged."""


class Verdict(Enum):
    """What is seen of an order."""

    FOLLOWS = auto()
    DISOBEYS = auto()
    UNSEEN = auto()
    """The device does not say what would show it."""


def judge(
    points: SetPoints, values: Values, *, charge_w: float | None = None, rest_pct: float | None = None
) -> Verdict:
    """Whether a device with a battery behaves as the set-points want.

    Args:
        points: what is wanted.
        values: the device's fresh values.
        charge_w: power of the forced charge that was ordered; None when none was.
        rest_pct: reserve at which a battery is to rest; it may give what lies above.
    """
    match points.policy:
        case Policy.LEAVE:
            verdict = Verdict.FOLLOWS
        case Policy.CHARGE:
            verdict = _charges(points, values, charge_w)
        case Policy.HOLD:
            verdict = _verdict(_below(values.get(BATTERY_W), IDLE_W))
        case Policy.REST:
            # Devices round the state of charge that they show.
            is_above = rest_pct is not None and values.get(SOC, 0.0) >= rest_pct - 0.5
            verdict = _verdict(is_above or _below(values.get(BATTERY_W), IDLE_W))
        case Policy.OFF:
            verdict = _verdict(_is_off(values))
        case Policy.FREE:
            verdict = _is_free(points, values)
        case Policy.CARRY:
            verdict = _carries(values, is_loaded=points.tiers_closed > 0)
    return verdict


def _charges(points: SetPoints, values: Values, charge_w: float | None) -> Verdict:
    battery_w, soc_pct = values.get(BATTERY_W), values.get(SOC)
    if battery_w is None:
        return Verdict.UNSEEN
    is_full = soc_pct is not None and soc_pct >= points.target_pct - 1.0
    if is_full:
        return _verdict(battery_w <= IDLE_W)
    # What was ordered may be more than this battery takes; how much that is only the device or staff can say.
    known = [watts for watts in (values.get(MAX_CHARGE_W), points.charge_power_w) if watts is not None]
    wanted_w = min([charge_w, *known]) if charge_w is not None and known else 0.0
    share = 0.05 if soc_pct is not None and soc_pct >= NEARLY_FULL_PCT else CHARGE_SHARE_MIN
    return _verdict(battery_w <= -max(IDLE_W, share * wanted_w))


def _is_free(points: SetPoints, values: Values) -> Verdict:
    """No longer forced: a battery above its reserve takes no more than the sun gives."""
    battery_w, soc_pct = values.get(BATTERY_W), values.get(SOC)
    if battery_w is None:
        return Verdict.UNSEEN
    if soc_pct is None or soc_pct <= points.reserve_pct + 2.0:
        return Verdict.FOLLOWS
    sun_w = values.get("pv.power_w", values.get("inverter.dc_power_w"))
    if sun_w is None:
        return Verdict.FOLLOWS
    return _verdict(-battery_w <= max(0.0, sun_w) * 1.05 + IDLE_W)


def _carries(values: Values, *, is_loaded: bool) -> Verdict:
    """The secured output is alive: the device says that it stands alone, or its output has power or voltage."""
    volts = [value for point, value in values.items() if point.startswith("backup.") and point.endswith("_voltage_v")]
    if values.get(STATE) == InverterState.OFF:
        return Verdict.DISOBEYS
    if volts and is_loaded:
        return _verdict(max(volts) >= LIVE_V)
    if values.get("backup.power_w", 0.0) > 0 or values.get(ISLANDED) == 1:
        return Verdict.FOLLOWS
    return Verdict.DISOBEYS if STATE in values else Verdict.UNSEEN


def _is_off(values: Values) -> bool:
    """Only by the device's own word: one that rests has no flows either, and is alive under water."""
    return values.get(STATE) == InverterState.OFF


def _below(value: float | None, limit: float) -> bool | None:
    return None if value is None else value <= limit


def _verdict(is_so: bool | None) -> Verdict:
    if is_so is None:
        return Verdict.UNSEEN
    return Verdict.FOLLOWS if is_so else Verdict.DISOBEYS
