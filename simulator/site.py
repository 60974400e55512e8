"""One shelter with its world, its devices and what the scenario has in store for it. No I/O; time is an argument."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from contract.points import TRACKERS_MAX
from device_profiles.image import Template
from device_profiles.load import load
from simulator.devices import SimulatedDevice
from simulator.faults import Fault, FaultKind, Link
from simulator.planted import Planted
from simulator.scenario import (
    DeviceFault,
    DeviceMended,
    GridBack,
    GridLost,
    LinkBack,
    LinkCut,
    LinkLossy,
    LinkSlow,
    LoadFactor,
    Relay,
    Step,
)
from simulator.spec import SiteSpec
from simulator.timeline import Occurrence
from simulator.truth import ShelterPlant, truth
from simulator.world import City, SiteWorld

UNITS: Final = {"inverter": 1, "meter": 2, "relay": 3}
"""Unit ids where a shelter does not say otherwise."""
_PV: Final = {f"pv{number}" for number in range(1, TRACKERS_MAX + 1)}
RELAY_PROFILE: Final = "relay"
COMPANIONS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "fronius-gen24": (("own_meter", "fronius-meter"),),
    "victron-gx": (("vebus", "victron-vebus"),),
}
"""Further units behind the port of an inverter of some families, by device name and profile."""


class SimulatedSite:
    """A shelter that lives through a scenario."""

    def __init__(
        self,
        spec: SiteSpec,
        city: City,
        *,
        start_ms: int,
        step_ms: int,
        template: Callable[[str], Template],
        occurrences: Iterable[Occurrence] = (),
        planted: Iterable[Planted] = (),
    ) -> None:
        templates = {name: template(profile) for name, profile in profiles_of(spec).items()}
        self.spec = replace(spec, trackers=_trackers(templates["inverter"]) or spec.trackers)
        self.world = SiteWorld(self.spec, city, start_ms=start_ms, step_ms=step_ms)
        self.link = Link()
        self.planted = tuple(planted)
        self.world.secured_output_broken = Planted.BACKUP_DEAD in self.planted
        plant = ShelterPlant(self.world)
        self.devices = {
            name: SimulatedDevice(each, plant, instrument=name, planted=self.planted)
            for name, each in templates.items()
        }
        if Planted.METER_OFFLINE in self.planted and "own_meter" in self.devices:
            self.devices["own_meter"].set_fault(Fault(kind=FaultKind.SILENT))
        self._ahead = deque(sorted(occurrences, key=lambda occurrence: occurrence.at_ms))

    def advance(self, now_ms: int) -> list[Step]:
        """Live on to a moment; returns what happened on the way."""
        happened: list[Step] = []
        while self._ahead and self._ahead[0].at_ms <= now_ms:
            occurrence = self._ahead.popleft()
            self.world.advance(occurrence.at_ms)
            self._let_happen(occurrence.step)
            self.world.touch()
            happened.append(occurrence.step)
        self.world.advance(now_ms)
        for device in self.devices.values():
            device.live()
        return happened

    def turn_load(self, power_w: float) -> bool:
        """Switch the known load on or off; whether it is on now."""
        self.world.step_load_w = 0.0 if self.world.step_load_w else power_w
        self.world.touch()
        return self.world.step_load_w > 0

    def turn_grid(self) -> bool:
        """Take the grid away or bring it back; whether it is there now."""
        self.world.grid_up = not self.world.grid_up
        self.world.touch()
        return self.world.grid_up

    def truth(self) -> dict[str, float]:
        """What instruments could measure at the shelter now, by point."""
        return truth(self.world)

    def _let_happen(self, step: Step) -> None:
        match step:
            case GridLost():
                self.world.grid_up = False
            case GridBack():
                self.world.grid_up = True
            case DeviceFault():
                fault = Fault(kind=FaultKind(step.kind), delay_s=step.delay_s, points=tuple(step.points))
                self.devices[step.device].set_fault(fault)
            case DeviceMended():
                self.devices[step.device].set_fault(None)
            case LinkCut():
                self.link.cut = True
            case LinkSlow():
                self.link.delay_s = step.delay_s
            case LinkLossy():
                self.link.loss = step.loss
            case LinkBack():
                self.link.cut, self.link.delay_s, self.link.loss = False, 0.0, 0.0
            case LoadFactor():
                self.world.load_factor = step.factor
            case Relay():
                self.world.controls.closed[step.tier - 1] = step.closed
            case _:
                pass  # Weather and notes are the city's.


def profiles_of(spec: SiteSpec) -> dict[str, str]:
    """Device name → profile of a shelter."""
    return {
        "inverter": str(spec.archetype),
        **dict(COMPANIONS.get(spec.archetype, ())),
        "meter": spec.meter,
        "relay": RELAY_PROFILE,
    }


def units_of(spec: SiteSpec) -> dict[str, int]:
    """Device name → unit id of a shelter."""
    beside = {name: load(profile).units[0] for name, profile in COMPANIONS.get(spec.archetype, ())}
    return {"inverter": spec.inverter_unit, **beside, "meter": UNITS["meter"], "relay": UNITS["relay"]}


def buses_of(spec: SiteSpec) -> dict[str, tuple[str, ...]]:
    """Bus → names of the devices behind it."""
    names = tuple(profiles_of(spec))
    return {"inverter": names[:-2], "gateway": names[-2:]}


def _trackers(inverter: Template) -> int:
    """How many PV inputs the inverter model has."""
    return len({field.point.partition(".")[0] for field in inverter.device_map.fields} & _PV)
