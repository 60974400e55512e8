"""Watches over simulated shelters: what an edge would have read, without a wire between.

Registers are drawn by the simulator and decoded by the edge's codec, so a watch is as coarse as the devices are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from contract.points import POINTS
from device_profiles.codec import readings
from device_profiles.discover import discover
from device_profiles.image import Template, run, template
from device_profiles.load import load, profile_ids
from device_profiles.model import DeviceMap, Group, Table
from edge_agent.core.judging.finding import Finding, Severity
from edge_agent.core.judging.judge import judge
from edge_agent.core.judging.series import Place, Sample, Series
from simulator.fleet import build
from simulator.planted import Planted
from simulator.site import SimulatedSite
from simulator.world import City

NOON_MS = 1_780_023_600_000
"""2026-05-29 12:00 in Tokyo."""
Image = dict[tuple[Table, int], int]
HOUR_MS = 3_600_000
SEED = 7


@cache
def made(profile: str) -> Template:
    return template(profile)


@cache
def city(seed: int) -> City:
    return City(seed)


@cache
def inverters() -> tuple[str, ...]:
    """Families of inverters that the simulator can be."""
    found = []
    for name in profile_ids():
        points = {f.point for f in made(name).device_map.fields} | {total.point for total in made(name).device_map.sums}
        if "inverter.power_w" in points:
            found.append(name)
    return tuple(found)


@cache
def meters() -> tuple[str, ...]:
    found = []
    for name in profile_ids():
        points = {f.point for f in made(name).device_map.fields}
        if "grid.power_w" in points and not {"inverter.power_w", "battery.soc_pct"} & points:
            found.append(name)
    return tuple(found)


def site(
    profile: str,
    *,
    at_ms: int = NOON_MS,
    faults: Iterable[Planted] = (),
    seed: int = SEED,
    meter: str = "sdm630",
    step_ms: int = 1_000,
    soc_pct: float | None = None,
) -> SimulatedSite:
    """A shelter with this family's inverter, the meter and the relays."""
    (spec,) = build(1, seed, (profile,))
    spec = replace(spec, meter=meter, initial_soc_pct=spec.initial_soc_pct if soc_pct is None else soc_pct)
    return SimulatedSite(spec, city(seed), start_ms=at_ms, step_ms=step_ms, template=made, planted=faults)


@dataclass
class Watch:
    """A site that is looked at."""

    site: SimulatedSite
    maps: dict[str, DeviceMap]
    spoil: dict[str, Callable[[Image], Image]] = field(default_factory=dict)
    """Device → what happens to its registers on their way."""

    @classmethod
    def of(cls, simulated: SimulatedSite, wrong: Mapping[str, Callable[[DeviceMap], DeviceMap]] | None = None) -> Watch:
        """A site read with its own profiles; ``wrong``: device → what is changed in its map."""
        maps: dict[str, DeviceMap] = {}
        for name, device in simulated.devices.items():
            known = run(discover(load(device.profile)), device.registers())
            change = (wrong or {}).get(name)
            maps[name] = change(known) if change else known
        return cls(simulated, maps)

    def image(self, device: str) -> Image:
        """The registers of a device as they are read now."""
        image: Image = dict(self.site.devices[device].registers())
        spoil = self.spoil.get(device)
        return spoil(image) if spoil else image

    def sample(self, *, first: bool) -> Sample:
        """One round; ``first``: with what is read once after connecting."""
        values = {}
        for name in self.site.devices:
            fields = [f for f in self.maps[name].fields if first or f.group is not Group.ONCE]
            seen = readings(fields, self.image(name), self.maps[name].sums)
            values[name] = {
                r.point: POINTS[r.point].from_wire(POINTS[r.point].to_wire(r.value))
                for r in seen
                if r.value is not None
            }
        return Sample(self.site.world.at_ms / 1000, values)

    def look(self, *, reads: int = 6, every_s: float = 4.0, place: Place | None = None) -> Series:
        """Several rounds; world time passes between them."""
        samples = []
        start = self.site.world.at_ms
        for n in range(reads):
            self.site.advance(int(start + n * every_s * 1000))
            samples.append(self.sample(first=n == 0))
        points = {
            name: frozenset({f.point for f in each.fields if f.point in POINTS} | {s.point for s in each.sums})
            for name, each in self.maps.items()
        }
        sums = {name: {s.point: (*s.of, *s.less) for s in each.sums} for name, each in self.maps.items()}
        return Series(samples=tuple(samples), points=points, place=place or Place(), sums=sums)


def findings(series: Series) -> list[Finding]:
    return [finding for judged in judge(series) for finding in judged.findings]


def loud(series: Series) -> list[Finding]:
    """Faults and warnings."""
    return [finding for finding in findings(series) if finding.severity is not Severity.NOTE]
