"""Simulated shelters that answer real Modbus on loopback, checked with a clock that stands between two reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_profiles.load import Profile
from edge_agent.check import LoadStep, SiteSeen, Watching, check_site
from edge_agent.config import BusConfig, parse_config
from edge_agent.io.bus import TcpAddress
from edge_agent.io.modbus import ModbusLine
from simulator.files import Network
from simulator.planted import Planted
from simulator.run import Fleet, WorldClock
from simulator.site import SimulatedSite, buses_of, profiles_of, units_of
from tests.edge_agent.judging.parts import NOON_MS, site
from tests.support import free_port, own_network


@dataclass
class Shelter:
    """One shelter on its ports."""

    simulated: SimulatedSite
    network: Network
    config: dict[str, Any]
    folder: Path

    async def check(self, *, watch_s: float = 20.0, step: LoadStep | None = None) -> SiteSeen:
        """What an agent's check says. World time passes only while the check waits."""

        async def pause(seconds: float) -> None:
            self.simulated.advance(int(self.simulated.world.at_ms + seconds * 1000))

        watching = Watching(watch_s=watch_s, now=lambda: self.simulated.world.at_ms / 1000, pause=pause)
        config = parse_config(self.config, self.folder / "site.yaml")
        return await check_site(config, watching=watching, step=step, line_of=unpaced)


def unpaced(bus: BusConfig, profiles: list[Profile]) -> ModbusLine:
    """The line of a bus whose devices need no rest between two questions, for they are simulated."""
    assert bus.tcp is not None
    clients = [profile.limits.clients_max for profile in profiles if profile.limits.clients_max]
    return ModbusLine(TcpAddress(host=bus.tcp.host, port=bus.tcp.port), clients_max=min(clients, default=0))


@asynccontextmanager
async def shelter(
    folder: Path,
    profile: str,
    *,
    faults: Iterable[Planted] = (),
    at_ms: int = NOON_MS,
    meter: str = "sdm630",
) -> AsyncIterator[Shelter]:
    """A shelter with this family's inverter and these faults, for as long as the block runs."""
    simulated = site(profile, faults=faults, at_ms=at_ms, meter=meter)
    simulated.advance(at_ms + 60_000)
    network = Network(prefix=own_network(), inverter_port=free_port(), gateway_port=free_port())
    fleet = Fleet([simulated], WorldClock(start_ms=at_ms, started_s=0.0), network)
    await fleet.open()
    try:
        yield Shelter(simulated, network, _config(simulated, network), folder)
    finally:
        await fleet.close()


def _config(simulated: SimulatedSite, network: Network) -> dict[str, Any]:
    spec = simulated.spec
    profiles, units = profiles_of(spec), units_of(spec)
    ports = {"inverter": network.inverter_port, "gateway": network.gateway_port}
    return {
        "site": spec.id,
        "mqtt": {"host": "127.0.0.1", "port": free_port()},
        "buses": [
            {
                "id": bus,
                "tcp": {"host": network.host(0), "port": ports[bus]},
                "devices": [
                    {"id": name, "profile": profiles[name], "unit": units[name], "timeout_s": 0.5} for name in names
                ],
            }
            for bus, names in buses_of(spec).items()
        ],
    }
