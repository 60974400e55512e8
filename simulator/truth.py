"""Everything that instruments could measure at a shelter now, by the contract's point names. Pure."""

from __future__ import annotations

from typing import Final

from contract.points import PHASES, InverterState
from simulator.noise import key_of
from simulator.physics import battery_state
from simulator.spec import FREQUENCY_HZ, PHASE_VOLTAGE_V, RELAYS, SECURED_TIERS
from simulator.world import SiteWorld

_PHASE_SHARES: Final = (0.36, 0.33, 0.31)
_STRING_V: Final = 620.0
_BATTERY_V: Final = 450.0
_NIGHT_STRING_V: Final = 0.0


def truth(world: SiteWorld) -> dict[str, float]:
    """The state of the world in the house's units and signs, before any device rounds it."""
    return {
        **_pv(world),
        **_battery(world),
        **_inverter(world),
        **_grid(world),
        **_outputs(world),
        **_controls(world),
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
        "battery.state": float(battery_state(plant, world.soc_pct, flows.battery_w)),
    }


def _inverter(world: SiteWorld) -> dict[str, float]:
    flows = world.flows
    dead = flows.inverter_state is InverterState.OFF
    return {
        "inverter.power_w": flows.inverter_w,
        "inverter.reactive_power_var": 0.0,
        "inverter.frequency_hz": 0.0 if dead else _frequency_hz(world),
        "inverter.energy_wh": world.counters.inverter_wh,
        "inverter.temperature_c": 8.0 + 0.8 * world.air_c + 22.0 * abs(flows.inverter_w) / world.spec.plant.inverter_w,
        "inverter.state": float(flows.inverter_state),
        "inverter.islanded": float(flows.islanded),
        "inverter.fault_bits": 0.0,
        **_phases("inverter", flows.inverter_w, 0.0 if dead else _phase_v(world), even=True),
    }


def _grid(world: SiteWorld) -> dict[str, float]:
    flows, up = world.flows, world.grid_up
    return {
        "grid.power_w": flows.grid_w,
        "grid.reactive_power_var": 0.0,
        "grid.frequency_hz": _frequency_hz(world) if up else 0.0,
        "grid.import_energy_wh": world.counters.import_wh,
        "grid.export_energy_wh": world.counters.export_wh,
        "grid.meter_online": float(up),
        **_phases("grid", flows.grid_w, _phase_v(world) if up else 0.0, even=False),
    }


def _outputs(world: SiteWorld) -> dict[str, float]:
    flows, closed = world.flows, world.controls.closed
    live = any(flows.carried[:SECURED_TIERS])
    return {
        "backup.power_w": flows.backup_w,
        **_phases("backup", flows.backup_w, _phase_v(world) if live else 0.0, even=False),
        "load.power_w": flows.load_w,
        "load.energy_wh": world.counters.load_wh,
        **{f"tier{number}.closed": float(closed[number - 1]) for number in range(1, RELAYS + 1)},
    }


def _controls(world: SiteWorld) -> dict[str, float]:
    controls = world.controls
    return {
        "control.reserve_soc_pct": controls.reserve_pct,
        "control.forced_charge_power_w": controls.forced_charge_power_w,
        "control.forced_charge_on": float(controls.forced_charge_on),
        "control.backup": float(controls.backup),
        "control.export_limit_w": controls.export_limit_w,
        "control.export_limit_on": float(controls.export_limit_on),
    }


def _phases(group: str, power_w: float, volts: float, *, even: bool) -> dict[str, float]:
    found: dict[str, float] = {}
    for order, phase in enumerate(PHASES):
        share = 1 / 3 if even else _PHASE_SHARES[order]
        phase_v = volts * (1 + 0.004 * (order - 1))
        found[f"{group}.{phase}_voltage_v"] = phase_v
        found[f"{group}.{phase}_power_w"] = power_w * share
        found[f"{group}.{phase}_current_a"] = power_w * share / phase_v if phase_v else 0.0
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
