"""Every point that exists: its name, unit, wire resolution and plausible range.

The list is closed. A profile that names an unknown point does not load, and central refuses a reading of one.

Signs (one rule, stated once): power and current are positive when they feed the building, so PV generation,
battery **discharge** and grid **import** are positive and ``load = pv + battery + grid`` always holds.
Energy is a counter in Wh that only rises; a fall is a counter reset.

On the wire a value is a whole number of the point's smallest step, ``10 ** -decimals`` of its unit: 230.4 V with one
decimal is 2304. So live and late data carry exactly the same number and no value changes type on its way.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

TRACKERS_MAX: Final = 16
TIERS_MAX: Final = 8
PHASES: Final = ("l1", "l2", "l3")
_STEPS_PER_UNIT: Final = (1, 10, 100, 1_000)


class Kind(StrEnum):
    """How a point behaves in time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    STATE = "state"


class InverterState(IntEnum):
    """Normalised value of ``inverter.state``; each profile maps its device's own words to these."""

    UNKNOWN = 0
    OFF = 1
    STANDBY = 2
    STARTING = 3
    OPERATING = 4
    LIMITED = 5
    FAULT = 6
    ISLANDED = 7
    MAINTENANCE = 8


class BatteryState(IntEnum):
    """Normalised value of ``battery.state``."""

    UNKNOWN = 0
    OFF = 1
    STANDBY = 2
    CHARGING = 3
    DISCHARGING = 4
    FULL = 5
    EMPTY = 6
    FAULT = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured quantity. ``low`` and ``high`` bound what a working device can report, in ``unit``."""

    name: str
    unit: str
    decimals: int
    low: float
    high: float
    kind: Kind = Kind.GAUGE

    @property
    def step(self) -> float:
        """Smallest difference that the wire carries, in ``unit``."""
        return 1 / _STEPS_PER_UNIT[self.decimals]

    def to_wire(self, value: float) -> int:
        """Round a value in ``unit`` to whole steps."""
        return round(value * _STEPS_PER_UNIT[self.decimals])

    def from_wire(self, steps: int) -> float:
        """Value in ``unit`` of a whole number of steps; the float is the one nearest to the decimal number."""
        return steps / _STEPS_PER_UNIT[self.decimals]

    def is_plausible(self, value: float) -> bool:
        """Whether a working device could report this value. NaN is not plausible."""
        return self.low <= value <= self.high


def _power(name: str, limit_w: float = 2_000_000, *, low: float | None = None) -> Point:
    return Point(name=name, unit="W", decimals=0, low=-limit_w if low is None else low, high=limit_w)


def _voltage(name: str, high: float) -> Point:
    return Point(name=name, unit="V", decimals=1, low=0, high=high)


def _current(name: str, limit_a: float = 5_000) -> Point:
    return Point(name=name, unit="A", decimals=2, low=-limit_a, high=limit_a)


def _energy(name: str) -> Point:
    return Point(name=name, unit="Wh", decimals=0, low=0, high=1e13, kind=Kind.COUNTER)


def _percent(name: str) -> Point:
    return Point(name=name, unit="%", decimals=1, low=0, high=100)


def _celsius(name: str) -> Point:
    return Point(name=name, unit="°C", decimals=1, low=-60, high=150)


def _frequency(name: str) -> Point:
    return Point(name=name, unit="Hz", decimals=2, low=0, high=100)


def _state(name: str, high: int) -> Point:
    return Point(name=name, unit="", decimals=0, low=0, high=high, kind=Kind.STATE)


def _phases(group: str) -> list[Point]:
    return [
        point
        for phase in PHASES
        for point in (
            _voltage(f"{group}.{phase}_voltage_v", 1_000),
            _current(f"{group}.{phase}_current_a"),
            _power(f"{group}.{phase}_power_w"),
        )
    ]


def _all_points() -> list[Point]:
    pv = [_power("pv.power_w", low=-1_000), _energy("pv.energy_wh")]
    for n in range(1, TRACKERS_MAX + 1):
        pv += [
            _voltage(f"pv{n}.voltage_v", 2_000),
            _current(f"pv{n}.current_a", 500),
            _power(f"pv{n}.power_w", low=-1_000),
        ]
    battery = [
        _power("battery.power_w"),
        _current("battery.current_a"),
        _voltage("battery.voltage_v", 2_000),
        _percent("battery.soc_pct"),
        _percent("battery.soh_pct"),
        _percent("battery.reserve_soc_pct"),
        _celsius("battery.temperature_c"),
        Point(name="battery.capacity_wh", unit="Wh", decimals=0, low=0, high=1e8),
        _power("battery.max_charge_power_w", low=0),
        _power("battery.max_discharge_power_w", low=0),
        _energy("battery.charge_energy_wh"),
        _energy("battery.discharge_energy_wh"),
        _state("battery.state", max(BatteryState)),
    ]
    inverter = [
        _power("inverter.power_w"),
        Point(name="inverter.reactive_power_var", unit="var", decimals=0, low=-2_000_000, high=2_000_000),
        _frequency("inverter.frequency_hz"),
        *_phases("inverter"),
        _energy("inverter.energy_wh"),
        _celsius("inverter.temperature_c"),
        _state("inverter.state", max(InverterState)),
        _state("inverter.islanded", 1),
        _state("inverter.fault_bits", 2**32 - 1),
    ]
    grid = [
        _power("grid.power_w"),
        Point(name="grid.reactive_power_var", unit="var", decimals=0, low=-2_000_000, high=2_000_000),
        _frequency("grid.frequency_hz"),
        *_phases("grid"),
        _energy("grid.import_energy_wh"),
        _energy("grid.export_energy_wh"),
        _state("grid.meter_online", 1),
    ]
    backup = [_power("backup.power_w"), *_phases("backup")]
    # The site's own figures, derived at the edge, and those that a device measures itself.
    site = [_power("load.power_w"), _energy("load.energy_wh"), _power("balance.error_w")]
    tiers = [_state(f"tier{n}.closed", 1) for n in range(1, TIERS_MAX + 1)]
    # What came later stands at the end.
    later = [
        *(_state(f"inverter.{word}", 2**32 - 1) for word in ("fault_code", "fault2_bits", "warning_bits")),
        _state("battery.fault_code", 2**32 - 1),
        _state("battery.fault_bits", 2**32 - 1),
        _state("grid.fault_bits", 2**32 - 1),
        _state("grid.phase_order", 1),
        Point(name="inverter.clock_s", unit="s", decimals=0, low=0, high=4e9),
        # What the inverter takes from its DC side, battery included; a maker may tell this and not the generator's.
        _power("inverter.dc_power_w"),
    ]
    return [*pv, *battery, *inverter, *grid, *backup, *site, *tiers, *later]


POINTS: Final[dict[str, Point]] = {point.name: point for point in _all_points()}
"""All points by name. New ones are put at the end: a point's place is its number on the wire, for good."""

POINT_NAMES: Final[tuple[str, ...]] = tuple(POINTS)
"""Name of each number."""
POINT_NUMBERS: Final[dict[str, int]] = {name: number for number, name in enumerate(POINT_NAMES)}
"""Number of each name: what stands in a layout's definition, since names are what costs."""
