"""Mistakes of an installation, planted on purpose: what an instrument then says instead of the truth. Pure.

Each fault is one mistake, followed through everything that it touches: a turned current transformer turns power,
current and energy alike. The world itself stays right; only ``backup_dead`` is a fault of the plant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from contract.points import PHASES, POINTS, Kind
from device_profiles.model import Field, Register, ValueType, WordOrder

Truth = Mapping[str, float]


class Planted(StrEnum):
    """Every fault that can be planted, by its name on the command line."""

    SWAPPED_CT = "swapped_ct"
    ONE_CT_TURNED = "one_ct_turned"
    CROSSED_PHASES = "crossed_phases"
    CT_RATIO = "ct_ratio"
    SWAPPED_COUNTERS = "swapped_counters"
    BATTERY_SIGN = "battery_sign"
    SOC_SCALE = "soc_scale"
    BATTERY_VOLTAGE = "battery_voltage"
    COUNTERS_STAND = "counters_stand"
    PV_AT_NIGHT = "pv_at_night"
    DEAD_STRING = "dead_string"
    PV_SCALE = "pv_scale"
    SWAPPED_WORDS = "swapped_words"
    OFF_BY_ONE = "off_by_one"
    FROZEN = "frozen"
    METER_OFFLINE = "meter_offline"
    CLOCK_OFF = "clock_off"
    PHASE_ORDER = "phase_order"
    WRITE_IGNORED = "write_ignored"
    WRITE_REVERTS = "write_reverts"
    WRITE_REVERTS_77S = "write_reverts_77s"
    WRITE_REVERTS_120S = "write_reverts_120s"
    WRITE_SCALED = "write_scaled"
    WRITE_HALF = "write_half"
    WRITE_SWAPPED = "write_swapped"
    WRITE_SWALLOWED = "write_swallowed"
    ZERO_IGNORED = "zero_ignored"
    STALE_ECHO = "stale_echo"
    HEARTBEAT_STOPS = "heartbeat_stops"
    NO_EFFECT = "no_effect"
    BACKUP_DEAD = "backup_dead"


ABOUT: Final[Mapping[Planted, str]] = {
    Planted.SWAPPED_CT: "meter: all current transformers turned; power, currents and counters the other way round",
    Planted.ONE_CT_TURNED: "meter: the current transformer of L2 turned; its power negated, the total wrong",
    Planted.CROSSED_PHASES: "meter: transformers of L2 and L3 on each other's conductor; both show about -V·I/2",
    Planted.CT_RATIO: "meter: wrong transformer ratio; currents, powers and counters a fifth, voltages right",
    Planted.SWAPPED_COUNTERS: "meter: import and export counters swapped, power right",
    Planted.BATTERY_SIGN: "inverter: battery power and current negated",
    Planted.SOC_SCALE: "inverter: state of charge a tenth (5.5 % instead of 55 %)",
    Planted.BATTERY_VOLTAGE: "inverter: battery voltage a quarter too low, as if one of four modules were missing",
    Planted.COUNTERS_STAND: "inverter and meter: no energy counter moves",
    Planted.PV_AT_NIGHT: "inverter: PV shows 350 W in the dark (try --at 22:00)",
    Planted.DEAD_STRING: "inverter: the last PV input at 0 A while the others generate (by day: --at 12:00)",
    Planted.PV_SCALE: "inverter: PV power ten times too high (by day: --at 12:00)",
    Planted.SWAPPED_WORDS: "inverter: 32-bit values with the other word first",
    Planted.OFF_BY_ONE: "inverter: every register one address later",
    Planted.FROZEN: "inverter: answers with the values of the start for ever",
    Planted.METER_OFFLINE: "inverter: its own meter does not answer",
    Planted.CLOCK_OFF: "inverter: clock shows UTC instead of Tokyo time, nine hours slow",
    Planted.PHASE_ORDER: "meter: says that the phase order is reversed (only --meter carlo-gavazzi can say so)",
    Planted.WRITE_IGNORED: "inverter: acknowledges a write and keeps the old value",
    Planted.WRITE_REVERTS: "inverter: takes a write and returns to the old value 15 s later",
    Planted.WRITE_REVERTS_77S: "inverter: the same, 77 s later",
    Planted.WRITE_REVERTS_120S: "inverter: the same, 120 s later",
    Planted.WRITE_HALF: "inverter: of a value of several registers only the first half is written",
    Planted.WRITE_SWAPPED: "inverter: words of a written value come to stand in the other order",
    Planted.WRITE_SWALLOWED: "inverter: refuses every write, and its gateway swallows the exception",
    Planted.ZERO_IGNORED: "inverter: acknowledges a zero and keeps the old value",
    Planted.STALE_ECHO: "inverter: its gateway reads back what was written for 20 s; nothing was",
    Planted.HEARTBEAT_STOPS: "inverter: returns to its own ways 90 s after an order, heartbeat or not",
    Planted.WRITE_SCALED: "inverter: shows a tenth of what was written (percentages and watts)",
    Planted.NO_EFFECT: "inverter and relays: registers take what is written, the plant does not follow",
    Planted.BACKUP_DEAD: "plant: the secured output stays dark when the grid is gone (SIGUSR2)",
}
"""One line on each, for people."""

SEEN_BY: Final[Mapping[Planted, tuple[str, str]]] = {
    Planted.BATTERY_SIGN: ("inverter", "battery.power_w"),
    Planted.SOC_SCALE: ("inverter", "battery.soc_pct"),
    Planted.BATTERY_VOLTAGE: ("inverter", "battery.voltage_v"),
    Planted.DEAD_STRING: ("inverter", "pv2.current_a"),
    Planted.METER_OFFLINE: ("inverter", "grid.power_w"),
    Planted.CLOCK_OFF: ("inverter", "inverter.clock_s"),
    Planted.PHASE_ORDER: ("meter", "grid.phase_order"),
}
"""Which device must tell which point, or nobody can see the fault; the others show on any shelter."""

METER: Final = "meter"
INVERTER: Final = "inverter"
_CT_RATIO: Final = 0.2
_UTC_BEHIND_S: Final = 9 * 3_600
_NIGHT_W: Final = 350.0
_NIGHT_V: Final = 380.0
_TURNED: Final = 1
"""Place of L2 among the phases."""
_DARK_W: Final = 1.0
_WIDE: Final = frozenset({ValueType.U32, ValueType.S32, ValueType.U64, ValueType.S64, ValueType.F32, ValueType.F64})


def shown(faults: Iterable[Planted], instrument: str, now: Truth, start: Truth) -> dict[str, float]:
    """What an instrument (``meter`` or ``inverter``) says of a moment. ``start`` is the truth when it was planted."""
    seen = dict(now)
    for fault in faults:
        turn = _TURNS.get((instrument, fault))
        if turn is not None:
            seen.update(turn(seen, start))
    return seen


def word_order_of(faults: Iterable[Planted], instrument: str, field: Field) -> Field:
    """The field as the device keeps it."""
    if instrument != INVERTER or Planted.SWAPPED_WORDS not in faults or field.type not in _WIDE:
        return field
    other = WordOrder.LITTLE if field.word_order is WordOrder.BIG else WordOrder.BIG
    return replace(field, word_order=other)


def address_shift(faults: Iterable[Planted], instrument: str) -> int:
    """How many addresses later than the profile says a register stands."""
    return 1 if instrument == INVERTER and Planted.OFF_BY_ONE in faults else 0


def scaled(faults: Iterable[Planted], instrument: str, register: Register, value: float) -> float:
    """What the device keeps of a written value."""
    if instrument == INVERTER and Planted.WRITE_SCALED in faults and register.unit:
        return value / 10
    return value


def _swapped_ct(seen: Truth, start: Truth) -> dict[str, float]:
    turned = {point: -value for point, value in seen.items() if _is(point, *_METERED)}
    return {**turned, **_swapped_counters(seen, start)}


def _one_ct_turned(seen: Truth, _: Truth) -> dict[str, float]:
    phase = PHASES[_TURNED]
    signs = [-1.0 if order == _TURNED else 1.0 for order in range(len(PHASES))]
    return {
        f"grid.{phase}_power_w": -seen[f"grid.{phase}_power_w"],
        f"grid.{phase}_current_a": -seen[f"grid.{phase}_current_a"],
        "grid.power_w": sum(sign * seen[f"grid.{p}_power_w"] for sign, p in zip(signs, PHASES, strict=True)),
        **_counted(seen, signs),
    }


def _crossed_phases(seen: Truth, _: Truth) -> dict[str, float]:
    """Each of the two now multiplies its voltage with a current that runs 120° apart from it."""
    l1, l2, l3 = (f"grid.{phase}" for phase in PHASES)
    half = math.cos(math.radians(120))
    l2_w = seen[f"{l2}_voltage_v"] * seen[f"{l3}_current_a"] * half
    l3_w = seen[f"{l3}_voltage_v"] * seen[f"{l2}_current_a"] * half
    return {
        f"{l2}_power_w": l2_w,
        f"{l3}_power_w": l3_w,
        # A meter gives a current the sign of its power.
        f"{l2}_current_a": math.copysign(seen[f"{l3}_current_a"], l2_w),
        f"{l3}_current_a": math.copysign(seen[f"{l2}_current_a"], l3_w),
        "grid.power_w": seen[f"{l1}_power_w"] + l2_w + l3_w,
        **_counted(seen, [1.0, half, half]),
    }


def _counted(seen: Truth, signs: list[float]) -> dict[str, float]:
    """Counters of a meter that books each phase by its own sign, all phases having drawn alike."""
    taken, given = seen["grid.import_energy_wh"], seen["grid.export_energy_wh"]
    right = sum(max(0.0, sign) for sign in signs) / len(signs)
    wrong = sum(max(0.0, -sign) for sign in signs) / len(signs)
    return {
        "grid.import_energy_wh": taken * right + given * wrong,
        "grid.export_energy_wh": given * right + taken * wrong,
    }


def _ct_ratio(seen: Truth, _: Truth) -> dict[str, float]:
    return {p: value * _CT_RATIO for p, value in seen.items() if _is(p, *_METERED, "grid.*_energy_wh")}


def _swapped_counters(seen: Truth, _: Truth) -> dict[str, float]:
    return {
        "grid.import_energy_wh": seen["grid.export_energy_wh"],
        "grid.export_energy_wh": seen["grid.import_energy_wh"],
    }


def _battery_sign(seen: Truth, _: Truth) -> dict[str, float]:
    return {point: -seen[point] for point in ("battery.power_w", "battery.current_a")}


def _soc_scale(seen: Truth, _: Truth) -> dict[str, float]:
    return {"battery.soc_pct": seen["battery.soc_pct"] / 10}


def _battery_voltage(seen: Truth, _: Truth) -> dict[str, float]:
    return {"battery.voltage_v": seen["battery.voltage_v"] * 0.75}


def _counters_stand(seen: Truth, start: Truth) -> dict[str, float]:
    return {point: start[point] for point in seen if POINTS[point].kind is Kind.COUNTER}


def _pv_at_night(seen: Truth, _: Truth) -> dict[str, float]:
    if seen["pv.power_w"] > _DARK_W:
        return {}
    return {
        "pv.power_w": _NIGHT_W,
        "inverter.dc_power_w": seen["inverter.dc_power_w"] + _NIGHT_W - seen["pv.power_w"],
        "pv1.power_w": _NIGHT_W,
        "pv1.voltage_v": _NIGHT_V,
        "pv1.current_a": _NIGHT_W / _NIGHT_V,
    }


def _dead_string(seen: Truth, _: Truth) -> dict[str, float]:
    """The others carry its share, so that the plant's balance stays what it is."""
    trackers = [point.removesuffix(".current_a") for point in seen if _is(point, "pv*.current_a")]
    if len(trackers) < 2:
        return {}
    dead = trackers[-1]
    left_w = seen["pv.power_w"] - seen[f"{dead}.power_w"]
    factor = seen["pv.power_w"] / left_w if left_w > 0 else 1.0
    found = {f"{dead}.current_a": 0.0, f"{dead}.power_w": 0.0}
    for other in trackers[:-1]:
        found |= {f"{other}.{what}": seen[f"{other}.{what}"] * factor for what in ("current_a", "power_w")}
    return found


def _pv_scale(seen: Truth, _: Truth) -> dict[str, float]:
    found = {point: value * 10 for point, value in seen.items() if _is(point, "pv.power_w", "pv*.power_w")}
    found["inverter.dc_power_w"] = seen["inverter.dc_power_w"] + 9 * seen["pv.power_w"]
    return found


def _frozen(_: Truth, start: Truth) -> dict[str, float]:
    return dict(start)


def _meter_offline(seen: Truth, _: Truth) -> dict[str, float]:
    gone = {point: math.nan for point in seen if _is(point, "grid.*")}
    return {**gone, "grid.meter_online": 0.0}


def _clock_off(seen: Truth, _: Truth) -> dict[str, float]:
    return {"inverter.clock_s": seen["inverter.clock_s"] - _UTC_BEHIND_S}


def _phase_order(_: Truth, __: Truth) -> dict[str, float]:
    return {"grid.phase_order": 1.0}


def _is(point: str, *patterns: str) -> bool:
    return any(fnmatchcase(point, pattern) for pattern in patterns)


_METERED: Final = ("grid.power_w", "grid.reactive_power_var", "grid.l?_power_w", "grid.l?_current_a")
_TURNS: Final[Mapping[tuple[str, Planted], Callable[[Truth, Truth], dict[str, float]]]] = {
    (METER, Planted.SWAPPED_CT): _swapped_ct,
    (METER, Planted.ONE_CT_TURNED): _one_ct_turned,
    (METER, Planted.CROSSED_PHASES): _crossed_phases,
    (METER, Planted.CT_RATIO): _ct_ratio,
    (METER, Planted.SWAPPED_COUNTERS): _swapped_counters,
    (METER, Planted.COUNTERS_STAND): _counters_stand,
    (METER, Planted.PHASE_ORDER): _phase_order,
    (INVERTER, Planted.COUNTERS_STAND): _counters_stand,
    (INVERTER, Planted.BATTERY_SIGN): _battery_sign,
    (INVERTER, Planted.SOC_SCALE): _soc_scale,
    (INVERTER, Planted.BATTERY_VOLTAGE): _battery_voltage,
    (INVERTER, Planted.PV_AT_NIGHT): _pv_at_night,
    (INVERTER, Planted.DEAD_STRING): _dead_string,
    (INVERTER, Planted.PV_SCALE): _pv_scale,
    (INVERTER, Planted.FROZEN): _frozen,
    (INVERTER, Planted.METER_OFFLINE): _meter_offline,
    (INVERTER, Planted.CLOCK_OFF): _clock_off,
}
"""What each instrument makes of a fault; a pair that is not named changes nothing of what is read."""
