"""Where to look for devices: what the technician typed, this machine's own networks, its serial ports."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

ADDRESSES_MAX: Final = 1024
"""Addresses (a /22) that are scanned without being told twice."""
_LABEL_MAX: Final = 63
_GET_ADDRESS: Final = 0x8915
_GET_MASK: Final = 0x891B


@dataclass(frozen=True, slots=True)
class HostTarget:
    """One device or gateway; ``port`` None: the usual ones."""

    host: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class NetworkTarget:
    """A whole subnet."""

    network: ipaddress.IPv4Network


@dataclass(frozen=True, slots=True)
class SerialTarget:
    """A serial port."""

    port: str


Target = HostTarget | NetworkTarget | SerialTarget


class TargetError(ValueError):
    """A target that cannot be scanned. ``kind`` and ``facts`` are put into words by words_scan."""

    def __init__(self, kind: str, **facts: str | int) -> None:
        self.kind = kind
        self.facts: Mapping[str, str | int] = facts
        super().__init__(f"{kind}: {', '.join(f'{key}={value}' for key, value in facts.items())}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be scanned: hosts with their ports, each host once, and serial ports."""

    hosts: tuple[tuple[str, tuple[int, ...]], ...] = ()
    serial: tuple[str, ...] = ()
    doubts: tuple[TargetError, ...] = field(default=())
    """Why the technician must say ``--yes``: a large network, or one that is not private."""

    @property
    def connections(self) -> int:
        """Connections that will be tried."""
        return sum(len(ports) for _, ports in self.hosts)


def parse_target(text: str) -> Target:
    """A subnet (192.168.1.0/24), HOST, HOST:PORT or a serial port (/dev/ttyUSB0). Raises TargetError."""
    given = text.strip()
    if given.startswith("/") or (given[:3].upper() == "COM" and given[3:].isdigit()):
        return SerialTarget(given)
    if "/" in given:
        try:
            network = ipaddress.ip_network(given, strict=False)
        except ValueError:
            raise TargetError("bad_network", given=given) from None
        if isinstance(network, ipaddress.IPv6Network):
            raise TargetError("ipv6", given=given)
        return NetworkTarget(network)
    host, colon, port = given.partition(":")
    if ":" in port:
        raise TargetError("ipv6", given=given)
    if colon and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535):
        raise TargetError("bad_port", given=given)
    if not _is_host(host):
        raise TargetError("bad_host", given=given)
    return HostTarget(host, int(port) if colon else None)


def check_name(target: Target) -> None:
    """Ask the network for a host given by name. Raises TargetError when nobody knows it."""
    if isinstance(target, HostTarget):
        try:
            socket.getaddrinfo(target.host, None, socket.AF_INET)
        except OSError:
            raise TargetError("unknown_name", given=target.host) from None


def _is_host(text: str) -> bool:
    if text and set(text) <= set("0123456789."):
        try:
            ipaddress.IPv4Address(text)
        except ValueError:
            return False
        return True
    labels = text.split(".")
    return all(
        0 < len(label) <= _LABEL_MAX and label.isascii() and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )


def plan_of(targets: Iterable[Target], ports: Sequence[int]) -> Plan:
    """Hosts and ports in the order given, each once; ``ports`` where a target names none."""
    hosts: dict[str, dict[int, None]] = {}
    serial: dict[str, None] = {}
    doubts: list[TargetError] = []
    for target in targets:
        if isinstance(target, SerialTarget):
            serial[target.port] = None
        elif isinstance(target, HostTarget):
            mine = (target.port,) if target.port is not None else ports
            hosts.setdefault(target.host, {}).update(dict.fromkeys(mine))
        else:
            network = target.network
            if network.num_addresses > ADDRESSES_MAX:
                doubts.append(TargetError("too_large", network=str(network), addresses=network.num_addresses))
            if not network.is_private:
                doubts.append(TargetError("not_private", network=str(network)))
            if not doubts:  # A /8 is not even listed before somebody has said yes.
                for address in network.hosts():
                    hosts.setdefault(str(address), {}).update(dict.fromkeys(ports))
    listed = tuple((host, tuple(mine)) for host, mine in hosts.items())
    return Plan(listed, tuple(serial), tuple(doubts))


def insisted(targets: Iterable[Target], ports: Sequence[int]) -> Plan:
    """The same after the technician has said yes to the doubts."""
    hosts: dict[str, tuple[int, ...]] = {}
    rest: list[Target] = []
    for target in targets:
        if isinstance(target, NetworkTarget):
            hosts |= {str(address): tuple(ports) for address in target.network.hosts()}
        else:
            rest.append(target)
    plan = plan_of(rest, ports)
    named = {host: tuple(dict.fromkeys((*hosts.get(host, ()), *mine))) for host, mine in plan.hosts}
    return Plan(tuple({**hosts, **named}.items()), plan.serial)


def own_networks() -> tuple[str, ...]:
    """The private networks that this machine stands in; empty where the system does not tell."""
    try:
        import fcntl
    except ImportError:
        return ()
    found: dict[str, None] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                address = socket.inet_ntoa(fcntl.ioctl(probe.fileno(), _GET_ADDRESS, request)[20:24])
                mask = socket.inet_ntoa(fcntl.ioctl(probe.fileno(), _GET_MASK, request)[20:24])
            except OSError:
                continue
            network = ipaddress.IPv4Network(f"{address}/{mask}", strict=False)
            if network.is_private and not network.is_loopback and network.prefixlen < 31:
                found[str(network)] = None
    return tuple(found)


def serial_ports() -> tuple[str, ...]:
    """Serial ports of this machine by which a bus may be reached."""
    from serial.tools import list_ports

    return tuple(sorted(str(each.device) for each in list_ports.comports()))
