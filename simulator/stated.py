"""A plant that stands still: every quantity has a stated value, which changes only when somebody sets or orders it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from contract.points import PHASES, BatteryState, InverterState
from simulator.physics import Controls
from simulator.spec import FREQUENCY_HZ, PHASE_VOLTAGE_V, RELAYS

CLOCK: Final = "inverter.clock_s"
_TRACKER_W, _TRACKER_V = 3_000.0, 600.0
_BATTERY_W, _BATTERY_V = -2_000.0, 400.0
_LOSS_W: Final = 200.0
_LOAD_W: Final = 5_000.0
_BACKUP_W: Final = 1_500.0


def usual(trackers: int) -> dict[str, float]:
    """A sunny morning in round numbers: the battery charges, what is left feeds the building, the grid gives the rest.

    Balanced as a real plant is: ``load = inverter + grid``, and the inverter loses 200 W.
    """
    pv_w = _TRACKER_W * max(1, trackers)
    inverter_w = pv_w + _BATTERY_W - _LOSS_W
    found = {
        "pv.power_w": pv_w,
        "pv.energy_wh": 48_765_000.0,
        "battery.power_w": _BATTERY_W,
        "battery.current_a": _BATTERY_W / _BATTERY_V,
        "battery.voltage_v": _BATTERY_V,
        "battery.soc_pct": 55.0,
        "battery.soh_pct": 98.0,
        "battery.reserve_soc_pct": 30.0,
        "battery.temperature_c": 24.0,
        "battery.capacity_wh": 26_000.0,
        "battery.max_charge_power_w": 10_000.0,
        "battery.max_discharge_power_w": 10_000.0,
        "battery.charge_energy_wh": 9_876_000.0,
        "battery.discharge_energy_wh": 8_765_000.0,
        "battery.state": float(BatteryState.CHARGING),
        "battery.fault_code": 0.0,
        "battery.fault_bits": 0.0,
        "inverter.power_w": inverter_w,
        "inverter.dc_power_w": pv_w + _BATTERY_W,
        "inverter.reactive_power_var": 0.0,
        "inverter.frequency_hz": FREQUENCY_HZ,
        "inverter.energy_wh": 41_234_000.0,
        "inverter.temperature_c": 43.0,
        "inverter.state": float(InverterState.OPERATING),
        "inverter.islanded": 0.0,
        "inverter.fault_bits": 0.0,
        "inverter.fault2_bits": 0.0,
        "inverter.warning_bits": 0.0,
        "inverter.fault_code": 0.0,
        "grid.power_w": _LOAD_W - inverter_w,
        "grid.reactive_power_var": 0.0,
        "grid.frequency_hz": FREQUENCY_HZ,
        "grid.import_energy_wh": 12_345_000.0,
        "grid.export_energy_wh": 6_543_000.0,
        "grid.meter_online": 1.0,
        "grid.fault_bits": 0.0,
        "grid.phase_order": 0.0,
        "backup.power_w": _BACKUP_W,
        "load.power_w": _LOAD_W,
        "load.energy_wh": 55_432_000.0,
        **{f"tier{number}.closed": 1.0 for number in range(1, RELAYS + 1)},
    }
    for number in range(1, max(1, trackers) + 1):
        found |= {
            f"pv{number}.voltage_v": _TRACKER_V,
            f"pv{number}.current_a": _TRACKER_W / _TRACKER_V,
            f"pv{number}.power_w": _TRACKER_W,
        }
    for group in ("inverter", "grid", "backup"):
        found |= _thirds(group, found[f"{group}.power_w"], PHASE_VOLTAGE_V)
    return found


class StillPlant:
    """Stated values, and what orders change of them. Only the clock runs, as long as nobody sets it.

    ``now_ms`` is the time that orders run out by.
    """

    def __init__(self, trackers: int, stated: Mapping[str, float], now_ms: Callable[[], int]) -> None:
        self._stated = {**usual(trackers), **stated}
        self._now_ms = now_ms
        self._clock_runs = CLOCK not in stated
        self._changes = 0
        closed = [bool(self._stated[f"tier{number}.closed"]) for number in range(1, RELAYS + 1)]
        reserve_pct = self._stated["battery.reserve_soc_pct"]
        self._controls = Controls(reserve_pct=reserve_pct, export_limit_on=False, closed=closed)

    @property
    def steps(self) -> int:
        """Grows whenever something has changed; the clock changes every second."""
        return self._changes + (self._now_ms() // 1000 if self._clock_runs else 0)

    @property
    def at_ms(self) -> int:
        """UTC milliseconds."""
        return self._now_ms()

    @property
    def controls(self) -> Controls:
        """What steers it."""
        return self._controls

    @property
    def charge_w(self) -> float:
        """Power of a charge that names none."""
        return self._stated["battery.max_charge_power_w"]

    @property
    def serial(self) -> str:
        """The reference device's own."""
        return ""

    def touch(self) -> None:
        """Say that something was changed from outside."""
        self._changes += 1

    def truth(self) -> dict[str, float]:
        """What instruments could measure now."""
        found = dict(self._stated)
        if self._clock_runs:
            found[CLOCK] = self._now_ms() // 1000
        orders = self._controls
        found["battery.reserve_soc_pct"] = orders.reserve_pct
        for number in range(1, RELAYS + 1):
            found[f"tier{number}.closed"] = float(orders.closed[number - 1])
        if orders.forced_charge_w and found["battery.soc_pct"] < orders.charge_target_pct:
            _steer(found, -min(orders.forced_charge_w, self.charge_w), BatteryState.CHARGING)
        elif orders.discharge_blocked and found["battery.power_w"] > 0:
            _steer(found, 0.0, BatteryState.STANDBY)
        return found


def _steer(found: dict[str, float], battery_w: float, state: BatteryState) -> None:
    """Another battery power: the inverter passes it on, and the grid takes or gives the difference."""
    more_w = battery_w - found["battery.power_w"]
    found["battery.power_w"] = battery_w
    found["battery.current_a"] = battery_w / found["battery.voltage_v"] if found["battery.voltage_v"] else 0.0
    found["battery.state"] = float(state)
    found["inverter.dc_power_w"] += more_w
    for group, share in (("inverter", more_w), ("grid", -more_w)):
        found[f"{group}.power_w"] += share
        for phase in PHASES:
            name = f"{group}.{phase}"
            volts = found[f"{name}_voltage_v"]
            found[f"{name}_power_w"] += share / len(PHASES)
            found[f"{name}_current_a"] += share / len(PHASES) / volts if volts else 0.0


def _thirds(group: str, power_w: float, volts: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for phase in PHASES:
        found[f"{group}.{phase}_voltage_v"] = volts
        found[f"{group}.{phase}_power_w"] = power_w / len(PHASES)
        found[f"{group}.{phase}_current_a"] = power_w / len(PHASES) / volts
    return found
