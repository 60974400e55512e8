"""From a site file to the buses and sessions that poll it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from device_profiles.load import Profile, load
from device_profiles.model import ProfileError
from edge_agent.config import BusConfig, ConfigError, SiteConfig
from edge_agent.io.bus import LineAddress, RegisterLine, RtuAddress, RtuOverTcpAddress, TcpAddress
from edge_agent.io.modbus import ModbusLine
from edge_agent.poll import Bus
from edge_agent.session import DeviceSession

RTU_SILENCE_S_MIN: Final = 0.002
"""Above 19200 baud the standard keeps to about this."""
MakeLine = Callable[[BusConfig, list[Profile]], RegisterLine]


def build(config: SiteConfig, make_line: MakeLine | None = None) -> list[Bus]:
    """The buses of a site; nothing is connected yet.

    Raises:
        ConfigError: a profile cannot be used, with every fault.
    """
    make_line = make_line or line_of
    faults: list[str] = []
    buses: list[Bus] = []
    for bus in config.buses:
        sessions: list[DeviceSession] = []
        profiles: list[Profile] = []
        for device in bus.devices:
            try:
                profile = load(device.profile)
            except ProfileError as error:
                faults.append(f"device {device.id}: {error}")
                continue
            profiles.append(profile)
            sessions.append(DeviceSession(device, profile))
        if len(sessions) == len(bus.devices):
            buses.append(Bus(bus.id, make_line(bus, profiles), sessions))
    if faults:
        raise ConfigError("\n".join(faults))
    return buses


def line_of(bus: BusConfig, profiles: list[Profile]) -> ModbusLine:
    """The line of a bus, as slow as the most delicate of its devices needs it."""
    address: LineAddress
    interval_s = max(profile.limits.request_interval_s for profile in profiles)
    if bus.tcp is not None:
        address = TcpAddress(host=bus.tcp.host, port=bus.tcp.port)
    elif bus.rtu_over_tcp is not None:
        address = RtuOverTcpAddress(host=bus.rtu_over_tcp.host, port=bus.rtu_over_tcp.port)
        interval_s = max(interval_s, _silence_s(bus.rtu_over_tcp.baudrate))
    else:
        assert bus.rtu is not None
        rtu = bus.rtu
        address = RtuAddress(port=rtu.port, baudrate=rtu.baudrate, parity=rtu.parity, stopbits=rtu.stopbits)
        interval_s = max(interval_s, _silence_s(rtu.baudrate))
    clients = [profile.limits.clients_max for profile in profiles if profile.limits.clients_max]
    return ModbusLine(
        address,
        connect_delay_s=max(profile.limits.connect_delay_s for profile in profiles),
        request_interval_s=interval_s,
        clients_max=min(clients, default=0),
    )


def _silence_s(baudrate: int) -> float:
    """Silence of 3.5 characters of 11 bits separates two frames."""
    return max(3.5 * 11 / baudrate, RTU_SILENCE_S_MIN)
