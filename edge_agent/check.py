"""Reading everything of a site once, for the technician beside the cabinet."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from contract.points import POINTS
from contract.readings import Reading
from device_profiles.model import DeviceMap, DiscoveryError
from edge_agent import plant
from edge_agent.config import BusConfig, SiteConfig
from edge_agent.core import balance
from edge_agent.io.bus import BadAnswer, DeviceRefused, GatewaySilent, LinkDown, Unreachable
from edge_agent.poll import Bus, monotonic_ms
from edge_agent.session import DeviceSession

TRIES = 2
"""One lost frame on a serial line is no reason to send somebody up a ladder."""


@dataclass(frozen=True, slots=True)
class PointSeen:
    """One point as it was read."""

    point: str
    value: float | None
    unit: str
    quality: str
    register: str


@dataclass(slots=True)
class DeviceSeen:
    """One device as it was found."""

    device: str
    bus: str
    address: str
    unit: int
    profile: str
    online: bool = False
    cause: str = ""
    """Why it is dark: unreachable, gateway, garbled, refused, wrong_device, silent."""
    error: str = ""
    identity: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    seconds: float = 0.0
    points: list[PointSeen] = field(default_factory=list)


@dataclass(slots=True)
class SiteSeen:
    """Everything that a check found."""

    site: str
    name: str
    devices: list[DeviceSeen]
    derived: list[PointSeen]
    requests: int
    seconds: float

    @property
    def dark(self) -> list[DeviceSeen]:
        """Devices that did not answer."""
        return [device for device in self.devices if not device.online]


async def check_site(config: SiteConfig) -> SiteSeen:
    """Read everything once. Buses are read at the same time, the devices of a bus one after the other."""
    started = time.monotonic()
    buses = plant.build(config)
    try:
        seen = await asyncio.gather(*(_check_bus(bus, of) for bus, of in zip(buses, config.buses, strict=True)))
    finally:
        for bus in buses:
            bus.line.close()
    devices = [device for of_bus in seen for device in of_bus]
    sessions = {session.id: session.points for bus in buses for session in bus.sessions}
    values = {d.device: {p.point: p.value for p in d.points if p.point in balance.INPUTS} for d in devices}
    derived = balance.derive(balance.inputs_of(sessions), values)
    return SiteSeen(
        site=config.site,
        name=config.name,
        devices=devices,
        derived=[_point(reading, "") for reading in derived],
        requests=sum(bus.line.requests for bus in buses),
        seconds=time.monotonic() - started,
    )


async def _check_bus(bus: Bus, config: BusConfig) -> list[DeviceSeen]:
    found: list[DeviceSeen] = []
    for session in bus.sessions:
        address = config.tcp or config.rtu
        place = f"{config.tcp.host}:{config.tcp.port}" if config.tcp else str(getattr(address, "port", ""))
        seen = DeviceSeen(session.id, bus.id, place, session.unit, session.profile_id)
        if found and found[-1].cause == "unreachable":
            seen.cause, seen.error = found[-1].cause, found[-1].error
        else:
            await _check_device(bus, session, seen)
        found.append(seen)
    return found


async def _check_device(bus: Bus, session: DeviceSession, seen: DeviceSeen) -> None:
    started, before = time.monotonic(), bus.line.requests
    for _ in range(TRIES):
        try:
            polled = await session.poll(bus.line, slow=True, now_ms=monotonic_ms())
        except (LinkDown, DeviceRefused, DiscoveryError) as error:
            seen.cause, seen.error = _cause(error), str(error)
        else:
            seen.online, seen.cause, seen.error = True, "", ""
            registers = _registers(session.map)
            seen.points = [_point(r, registers.get(r.point, "")) for r in (*polled.readings, *polled.once)]
            break
    seen.identity = dict(session.identity)
    seen.requests = bus.line.requests - before
    seen.seconds = time.monotonic() - started


def _cause(error: Exception) -> str:
    causes: list[tuple[type[Exception], str]] = [
        (Unreachable, "unreachable"),
        (GatewaySilent, "gateway"),
        (BadAnswer, "garbled"),
        (DeviceRefused, "refused"),
        (DiscoveryError, "wrong_device"),
    ]
    return next((cause for kind, cause in causes if isinstance(error, kind)), "silent")


def _registers(device: DeviceMap | None) -> dict[str, str]:
    if device is None:
        return {}
    found = {
        f.point: f"{f.table.value} {f.address}" + (f"–{f.address + f.width - 1}" if f.width > 1 else "")
        for f in device.fields
    }
    return found | {s.point: "Σ " + "+".join(s.of) for s in device.sums}


def _point(reading: Reading, register: str) -> PointSeen:
    unit = POINTS[reading.point].unit
    return PointSeen(reading.point, reading.value, unit, reading.quality.value, register)
