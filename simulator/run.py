"""Wires a fleet together: worlds, Modbus ports, links and the clock, from start to a clean end."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import structlog

from device_profiles.image import Template, template
from device_profiles.load import load, profile_ids
from simulator.faults import FaultKind
from simulator.files import EdgeSettings, Network
from simulator.manners import manners_of
from simulator.planted import Planted
from simulator.proxy import LinkProxy
from simulator.scenario import LinkCut, Note, Scenario, SkyTurns
from simulator.server import DevicePort
from simulator.site import SimulatedSite, buses_of, units_of
from simulator.spec import Archetype, SiteSpec
from simulator.timeline import Occurrence, compile_steps, episodes, linked_sites
from simulator.weather import Weather
from simulator.world import City

log = structlog.get_logger()

_TICK_S: Final = 0.5
_SITES_PER_BREATH: Final = 8
"""Sites that advance before waiting requests are answered."""
_STEPS_MS: Final = (1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000)
_STEPS_PER_S: Final = 4
_DESCRIPTORS_PER_SITE: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldClock:
    """World time as a function of the machine's monotonic time."""

    start_ms: int
    started_s: float
    speed: float = 1.0

    def now_ms(self, monotonic_s: float) -> int:
        """World time as UTC milliseconds."""
        return self.start_ms + round((monotonic_s - self.started_s) * 1000 * self.speed)


def step_ms_for(speed: float) -> int:
    """Length of a world's step: fine when time is real, coarser as it runs faster, never above a minute."""
    wanted = speed * 1000 / _STEPS_PER_S
    return next((step for step in _STEPS_MS if step >= wanted), _STEPS_MS[-1])


def inverter_families() -> tuple[str, ...]:
    """Profiles of the library that an inverter of a shelter can have: they tell of generator or battery."""
    return tuple(each for each in profile_ids() if _is_inverter(each))


def _is_inverter(profile_id: str) -> bool:
    points = {field.point for field in template(profile_id).device_map.fields}
    return not points.isdisjoint({"pv.power_w", "pv1.power_w", "battery.power_w"})


def archetypes_available() -> tuple[Archetype, ...]:
    """Inverter families whose profile is in the library."""
    known = set(profile_ids())
    return tuple(archetype for archetype in Archetype if archetype.value in known)


@dataclass(slots=True)
class _Served:
    """A site with what it listens on."""

    site: SimulatedSite
    inverter: DevicePort
    gateway: DevicePort
    proxy: LinkProxy | None = None

    @property
    def parts(self) -> list[DevicePort | LinkProxy]:
        return [self.inverter, self.gateway, *([self.proxy] if self.proxy else [])]


@dataclass(slots=True)
class Fleet:
    """Shelters that live and answer Modbus until they are closed."""

    sites: list[SimulatedSite]
    clock: WorldClock
    network: Network
    linked: frozenset[str] = frozenset()
    """Sites whose way to the broker goes through a link that the scenario breaks."""
    has_manners: bool = False
    """Whether inverters behave on the wire as their family does: one client, a first request that is swallowed."""
    _city_ahead: list[Occurrence] = field(default_factory=list)
    _served: list[_Served] = field(default_factory=list)

    async def open(self, settings: EdgeSettings | None = None, progress: Callable[[int], None] | None = None) -> None:
        """Listen for all sites. Raises OSError when an address is taken; nothing is left open then."""
        raise_descriptor_limit(_DESCRIPTORS_PER_SITE * len(self.sites) + 100)
        try:
            for index, site in enumerate(self.sites):
                served = self._serve(index, site, settings)
                self._served.append(served)
                for part in served.parts:
                    await part.open()
                if progress:
                    progress(index + 1)
        except BaseException:
            await self.close()
            raise

    async def run(self) -> None:
        """Let the worlds live until cancelled; what the scenario brings happens on the way."""
        loop = asyncio.get_running_loop()
        while True:
            started_s = loop.time()
            await self.tick()
            await asyncio.sleep(max(0.05, _TICK_S - (loop.time() - started_s)))

    def turn(self, speed: float) -> None:
        """Let time run at another speed from now on."""
        now_s = asyncio.get_running_loop().time()
        self.clock = WorldClock(start_ms=self.clock.now_ms(now_s), started_s=now_s, speed=speed)

    async def tick(self) -> None:
        """Bring every site up to the clock once."""
        loop = asyncio.get_running_loop()
        self._tell_city(self.clock.now_ms(loop.time()))
        for number, served in enumerate(self._served):
            happened = served.site.advance(self.clock.now_ms(loop.time()))
            if happened:
                await self._apply(served, cut=any(isinstance(step, LinkCut) for step in happened))
            if number % _SITES_PER_BREATH == 0:
                await asyncio.sleep(0)

    async def close(self) -> None:
        """End every connection and free every address."""
        for served in self._served:
            for part in served.parts:
                await part.close()
        self._served.clear()
        # Transports close in the loop's next rounds.
        for _ in range(3):
            await asyncio.sleep(0)

    def _serve(self, index: int, site: SimulatedSite, settings: EdgeSettings | None) -> _Served:
        host = self.network.host(index)
        units = units_of(site.spec)
        behind = {
            name: {units[each]: site.devices[each] for each in names} for name, names in buses_of(site.spec).items()
        }
        manners = manners_of(load(site.devices["inverter"].profile)) if self.has_manners else None
        served = _Served(
            site,
            DevicePort(host, self.network.inverter_port, behind["inverter"], manners),
            DevicePort(host, self.network.gateway_port, behind["gateway"]),
        )
        if settings is not None and site.spec.id in self.linked:
            served.proxy = LinkProxy(
                host,
                self.network.link_port,
                broker_host=settings.mqtt_host,
                broker_port=settings.mqtt_port,
                link=site.link,
            )
        return served

    async def _apply(self, served: _Served, *, cut: bool) -> None:
        """Make sockets follow the site's faults."""
        if cut and served.proxy is not None:
            await served.proxy.drop()
        fault = served.site.devices["inverter"].fault
        refuses = fault is not None and fault.kind is FaultKind.REFUSE
        if refuses:
            await served.inverter.close()
        elif not served.inverter.is_open:
            try:
                await served.inverter.open()
            except OSError as error:
                log.error("port_lost", site=served.site.spec.id, error=str(error))

    def _tell_city(self, now_ms: int) -> None:
        while self._city_ahead and self._city_ahead[0].at_ms <= now_ms:
            step = self._city_ahead.pop(0).step
            if isinstance(step, Note):
                log.warning("note", text=step.text)
            elif isinstance(step, SkyTurns):
                log.info("weather", sky=step.sky, lasts=step.lasts)


def build_fleet(
    specs: Sequence[SiteSpec],
    scenario: Scenario,
    *,
    seed: int,
    clock: WorldClock,
    network: Network,
    progress: Callable[[int], None] | None = None,
    planted: Sequence[Planted] = (),
    liars: Mapping[str, Sequence[Planted]] | None = None,
    has_manners: bool = False,
    step_ms: int | None = None,
) -> Fleet:
    """Worlds and devices of all sites, ready to be opened. ``planted`` faults are in every site, ``liars`` in some.
    ``step_ms``: of the worlds, where the clock will run faster later.

    Raises:
        ScenarioError: a step names sites that are not among ``specs``.
    """
    occurrences = compile_steps(scenario, specs, start_ms=clock.start_ms, seed=seed)
    by_site: dict[str, list[Occurrence]] = {}
    for occurrence in occurrences:
        by_site.setdefault(occurrence.site, []).append(occurrence)
    city = City(seed, Weather(seed, episodes(occurrences)))
    template_of: Callable[[str], Template] = cache(template)
    sites: list[SimulatedSite] = []
    for spec in specs:
        site = SimulatedSite(
            spec,
            city,
            start_ms=clock.start_ms,
            step_ms=step_ms or step_ms_for(clock.speed),
            template=template_of,
            occurrences=by_site.get(spec.id, ()),
            planted=(*planted, *(liars or {}).get(spec.id, ())),
        )
        sites.append(site)
        if progress:
            progress(len(sites))
    return Fleet(sites, clock, network, linked_sites(occurrences), has_manners, by_site.get("", []))


def raise_descriptor_limit(wanted: int) -> None:
    """Ask for as many open sockets as the fleet needs, within what the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        goal = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (goal, hard))
