"""Everything that instruments could measure at a shelter now, by the contract's point names. Pure."""

from __future__ import annotations

from typing import Final

from contract.points import PHASES, InverterState
from simulator.noise import key_of
from simulator.physics import Controls, battery_state
from simulator.spec import FREQUENCY_HZ, PHASE_VOLTAGE_V, RELAYS, SECURED_TIERS
from simulator.world import SiteWorld

_PHASE_SHARES: Final = (0.36, 0.33, 0.31)
_STRING_V: Final = 620.0
_BATTERY_V: Final = 450.0
_NIGHT_STRING_V: Final = 0.0


class ShelterPlant:
    """A shelter's world as the plant that its devices show; what is measured is worked out once a step."""

    def __init__(self, world: SiteWorld) -> None:
        self._world = world
        self._seen: dict[str, float] = {}
        self._seen_steps = -1

    @property
    def steps(self) -> int:
        """Grows whenever the world has changed."""
        return self._world.steps

    @property
    def at_ms(self) -> int:
        """World time."""
        return self._world.at_ms

    @property
    def controls(self) -> Controls:
        """What steers it."""
        return self._world.controls

    @property
    def charge_w(self) -> float:
        """Power of a charge that names none."""
        return self._world.spec.plant.charge_w

    @property
    def serial(self) -> str:
        """Serial number of the inverter."""
        return self._world.spec.serial

    def truth(self) -> dict[str, float]:
        """What instruments could measure now."""
        if self._seen_steps != self._world.steps:
            self._seen, self._seen_steps = truth(self._world), self._world.steps
        return self._seen

    def touch(self) -> None:
        """Say that something was changed from outside."""
        self._world.touch()


def truth(world: SiteWorld) -> dict[str, float]:
    """The state of the world in the house's units and signs, before any device rounds it."""
    return {
        **_pv(world),
        **_battery(world),
        **_inverter(world),
        **_grid(world),
        **_outputs(world),
    }


def _pv(world: SiteWorld) -> dict[str, float]:
    flows, spec = world.flows, world.spec
    found = {"pv.power_w": flows.pv_w, "pv.energy_wh": world.counters.pv_wh}
    lit = flows.pv_w > 0
    # Hot modules have a lower voltage; the trackers differ a little for good.
    for number in range(1, spec.trackers + 1):
        share = (1 + 0.04 * (number - (spec.trackers + 1) / 2)) / spec.trackers
        volts = _STRING_V * (1 - 0.0022 * (world.air_c - 15)) - 3.0 * number if lit else _NIGHT_STRING_V
        found[f"pv{number}.power_w"] = flows.pv_w * share
        found[f"pv{number}.voltage_v"] = volts
        found[f"pv{number}.current_a"] = flows.pv_w * share / volts if lit else 0.0
    return found


def _battery(world: SiteWorld) -> dict[str, float]:
    plant, flows, counters = world.spec.plant, world.flows, world.counters
    volts = _BATTERY_V * (0.93 + 0.0012 * world.soc_pct)
    return {
        "battery.power_w": flows.battery_w,
        "battery.voltage_v": volts,
        "battery.current_a": flows.battery_w / volts,
        "battery.soc_pct": world.soc_pct,
        "battery.soh_pct": 100.0 - 1.5 * world.spec.years_in_use,
        "battery.reserve_soc_pct": world.controls.reserve_pct,
        "battery.temperature_c": 12.0 + 0.5 * world.air_c + 4.0 * abs(flows.battery_w) / plant.charge_w,
        "battery.capacity_wh": plant.capacity_wh,
        "battery.max_charge_power_w": plant.charge_w,
        "battery.max_discharge_power_w": plant.discharge_w,
        "battery.charge_energy_wh": counters.charge_wh,
        "battery.discharge_energy_wh": counters.discharge_wh,
        "battery.fault_code": 0.0,
        "battery.fault_bits": 0.0,
        "battery.state": float(battery_state(plant, world.soc_pct, flows.battery_w)),
    }


def _inverter(world: SiteWorld) -> dict[str, float]:
    flows = world.flows
    dead = flows.inverter_state is InverterState.OFF
    return {
        "inverter.power_w": flows.inverter_w,
        "inverter.dc_power_w": flows.pv_w + flows.battery_w,
        "inverter.reactive_power_var": 0.0,
        "inverter.frequency_hz": 0.0 if dead else _frequency_hz(world),
        "inverter.energy_wh": world.counters.inverter_wh,
        "inverter.temperature_c": 8.0 + 0.8 * world.air_c + 22.0 * abs(flows.inverter_w) / world.spec.plant.inverter_w,
        "inverter.state": float(flows.inverter_state),
        "inverter.islanded": float(flows.islanded),
        "inverter.fault_bits": 0.0,
        "inverter.fault2_bits": 0.0,
        "inverter.warning_bits": 0.0,
        "inverter.fault_code": 0.0,
        "inverter.clock_s": world.at_ms / 1000,
        **_phases("inverter", flows.inverter_w, 0.0 if dead else _phase_v(world), even=True),
    }


def _grid(world: SiteWorld) -> dict[str, float]:
    flows, up = world.flows, world.grid_up
    volts, step_w = (_phase_v(world), world.step_w) if up else (0.0, 0.0)
    return {
        "grid.power_w": flows.grid_w,
        "grid.reactive_power_var": 0.0,
        "grid.frequency_hz": _frequency_hz(world) if up else 0.0,
        "grid.import_energy_wh": world.counters.import_wh,
        "grid.export_energy_wh": world.counters.export_wh,
        "grid.meter_online": float(up),
        "grid.fault_bits": 0.0,
        "grid.phase_order": 0.0,
        **_phases("grid", flows.grid_w, volts, even=False, on_l1_w=step_w),
    }


def _outputs(world: SiteWorld) -> dict[str, float]:
    flows, closed = world.flows, world.controls.closed
    live = any(flows.carried[:SECURED_TIERS])
    return {
        "backup.power_w": flows.backup_w,
        **_phases("backup", flows.backup_w, _phase_v(world) if live else 0.0, even=False, on_l1_w=world.step_w),
        "load.power_w": flows.load_w,
        "load.energy_wh": world.counters.load_wh,
        **{f"tier{number}.closed": float(closed[number - 1]) for number in range(1, RELAYS + 1)},
    }


def _phases(group: str, power_w: float, volts: float, *, even: bool, on_l1_w: float = 0.0) -> dict[str, float]:
    """Voltage, power and current by phase; ``on_l1_w`` of the power is on the first phase alone."""
    found: dict[str, float] = {}
    for order, phase in enumerate(PHASES):
        share = 1 / 3 if even else _PHASE_SHARES[order]
        phase_w = (power_w - on_l1_w) * share + (on_l1_w if order == 0 else 0.0)
        phase_v = volts * (1 + 0.004 * (order - 1))
        found[f"{group}.{phase}_voltage_v"] = phase_v
        found[f"{group}.{phase}_power_w"] = phase_w
        found[f"{group}.{phase}_current_a"] = phase_w / phase_v if phase_v else 0.0
    return found


def _phase_v(world: SiteWorld) -> float:
    """Feeding lifts the voltage, taking lowers it."""
    if world.flows.islanded:
        return PHASE_VOLTAGE_V
    return PHASE_VOLTAGE_V * (1 - 0.02 * world.flows.grid_w / max(world.spec.plant.inverter_w, 1.0))


def _frequency_hz(world: SiteWorld) -> float:
    """A wobble that is the same for the whole grid at one moment."""
    wobble = (key_of("frequency", world.at_ms // 1000) % 1_000 - 500) / 500
    return FREQUENCY_HZ + 0.02 * wobble
