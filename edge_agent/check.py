"""Reading everything of a site once, for the technician beside the cabinet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from contract.points import POINTS
from contract.readings import Reading
from device_profiles.load import profile_ids
from device_profiles.model import DeviceMap, DiscoveryError
from edge_agent import plant
from edge_agent.config import BusConfig, SiteConfig
from edge_agent.core import balance
from edge_agent.findings import (
    Balance,
    Facts,
    Finding,
    PointSeen,
    Severity,
    balance_of,
    look_at_balance,
    look_at_meters,
    look_at_points,
)
from edge_agent.io.bus import BadAnswer, DeviceRefused, GatewaySilent, LinkDown, Unreachable
from edge_agent.poll import Bus, monotonic_ms
from edge_agent.session import DeviceSession
from edge_agent.surroundings import look_at_broker, look_at_clock, look_at_files

TRIES = 2
"""One lost frame on a serial line is no reason to send somebody up a ladder."""


PROGRESS_AFTER_S = 2.0
"""Whoever waits longer than this is told what is waited for, and again as often."""
Tell = Callable[[Sequence[str]], None]
"""Is told the devices that have not answered yet."""


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
    """Why it is dark: unreachable, hung_up, gateway, garbled, refused, wrong_device, silent."""
    error: str = ""
    identity: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    seconds: float = 0.0
    good: int = 0
    """How many of its points have a value."""
    points: list[PointSeen] = field(default_factory=list)


@dataclass(slots=True)
class SiteSeen:
    """Everything that a check found."""

    site: str
    name: str
    devices: list[DeviceSeen]
    derived: list[PointSeen]
    balance: Balance
    findings: list[Finding]
    """Faults first, then warnings, then notes."""
    requests: int
    seconds: float

    @property
    def dark(self) -> list[DeviceSeen]:
        """Devices that did not answer."""
        return [device for device in self.devices if not device.online]

    @property
    def is_ok(self) -> bool:
        """Whether everything answers and nothing is at fault."""
        return all(finding.severity is not Severity.FAULT for finding in self.findings)


async def check_site(config: SiteConfig, tell: Tell = lambda _: None) -> SiteSeen:
    """Read everything once. Buses are read at the same time, the devices of a bus one after the other.

    Raises:
        ConfigError: a profile cannot be used, with every fault.
    """
    started = time.monotonic()
    buses = plant.build(config)
    waiting = [session.id for bus in buses for session in bus.sessions]
    telling = asyncio.create_task(_keep_telling(waiting, tell))
    try:
        seen, broker = await asyncio.gather(
            asyncio.gather(*(_check_bus(bus, of, waiting) for bus, of in zip(buses, config.buses, strict=True))),
            look_at_broker(config.mqtt),
        )
    finally:
        telling.cancel()
        for bus in buses:
            bus.line.close()
    devices = [device for of_bus in seen for device in of_bus]
    sessions = {session.id: session.points for bus in buses for session in bus.sessions}
    values = {d.device: {p.point: p.value for p in d.points} for d in devices}
    inputs = balance.inputs_of(sessions)
    derived = balance.derive(inputs, values)
    agreed = balance_of(_sums(inputs, values, derived), known=inputs.points)
    findings = _merged(finding for device in devices for finding in _judge(device))
    of_meters = look_at_meters(values)
    if any(finding.kind == "ct_turned" for finding in of_meters):
        agreed = replace(agreed, verdict="ct_turned")
    findings += [*of_meters, *look_at_balance(agreed)]
    findings += [*look_at_files(config), *look_at_clock(), *broker]
    return SiteSeen(
        site=config.site,
        name=config.name,
        devices=devices,
        derived=[_point(reading, "") for reading in derived],
        balance=agreed,
        findings=sorted(findings, key=lambda finding: (not finding.leads, list(Severity).index(finding.severity))),
        requests=sum(bus.line.requests for bus in buses),
        seconds=time.monotonic() - started,
    )


async def _keep_telling(waiting: list[str], tell: Tell) -> None:
    while True:
        await asyncio.sleep(PROGRESS_AFTER_S)
        tell(tuple(waiting))


def _sums(inputs: balance.Inputs, values: balance.Values, derived: Sequence[Reading]) -> Mapping[str, float | None]:
    """The site's powers by point; the grid's is that of the first device which gives it."""
    found: dict[str, float | None] = {reading.point: reading.value for reading in derived}
    for point, givers in (
        (balance.PV, inputs.pv),
        (balance.BATTERY, inputs.battery),
        (balance.INVERTER, inputs.inverter),
    ):
        parts = [values.get(device, {}).get(point) for device in givers]
        if parts and None not in parts:
            found[point] = sum(part for part in parts if part is not None)
    grid = [values.get(device, {}).get(balance.GRID) for device in inputs.grid]
    found[balance.GRID] = next((value for value in grid if value is not None), None)
    return found


def _judge(device: DeviceSeen) -> list[Finding]:
    """What is to be said of one device."""
    others = [profile for profile in profile_ids() if profile != device.profile]
    if device.online:
        return look_at_points(device.device, device.profile, device.points, others)
    facts: Facts = {
        "address": device.address,
        "unit": device.unit,
        "profile": device.profile,
        "error": device.error,
        "others": ", ".join(others),
    }
    cause = device.cause
    if cause == "unreachable" and device.address.startswith("/"):
        cause = "no_port"
    return [Finding(f"dark_{cause}", Severity.FAULT, device.device, facts)]


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """What holds for a whole line is said once, with all of its devices."""
    found: list[Finding] = []
    for finding in findings:
        last = found[-1] if found else None
        is_same = (
            last is not None and finding.kind == last.kind and finding.kind in ("dark_unreachable", "dark_no_port")
        )
        if last is not None and is_same and finding.facts["address"] == last.facts["address"]:
            found[-1] = replace(last, device=f"{last.device}, {finding.device}")
        else:
            found.append(finding)
    return found


async def _check_bus(bus: Bus, config: BusConfig, waiting: list[str]) -> list[DeviceSeen]:
    found: list[DeviceSeen] = []
    for session in bus.sessions:
        seen = DeviceSeen(session.id, bus.id, config.place, session.unit, session.profile_id)
        if found and found[-1].cause == "unreachable":
            seen.cause, seen.error = found[-1].cause, found[-1].error
        else:
            await _check_device(bus, session, seen)
        waiting.remove(session.id)
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
            seen.good = sum(point.value is not None for point in seen.points)
            break
    seen.identity = dict(session.identity)
    seen.requests = bus.line.requests - before
    seen.seconds = time.monotonic() - started


def _cause(error: Exception) -> str:
    if "closed the connection" in str(error):
        return "hung_up"
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
    return found | {s.point: "Σ " + "+".join(s.of) + "".join(f"−{p}" for p in s.less) for s in device.sums}


def _point(reading: Reading, register: str) -> PointSeen:
    unit = POINTS[reading.point].unit
    return PointSeen(reading.point, reading.value, unit, reading.quality.value, register)
