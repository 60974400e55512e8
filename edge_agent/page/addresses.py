"""Where the page may listen, and under which names it answers. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

PORT: Final = 8_080
_LOCAL: Final = ("localhost",)


class AddressError(ValueError):
    """An address that the page does not listen on. The text says what to give instead."""


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on."""

    host: str
    port: int

    @property
    def is_everywhere(self) -> bool:
        """Whether this means every network that the machine stands in."""
        return ipaddress.ip_address(self.host).is_unspecified

    @property
    def url(self) -> str:
        """What to type into the phone, but for the scheme."""
        return f"{_bracketed(self.host)}:{self.port}"


def parse_listen(text: str, port: int = PORT) -> Listen:
    """An address such as ``192.168.10.5:8080`` or ``[fd00::5]:8080``; ``localhost`` is 127.0.0.1.

    Raises:
        AddressError: no address, no port, or one that the internet reaches.
    """
    host, port_text = _split(text.strip())
    if port_text:
        if not (port_text.isascii() and port_text.isdigit() and 0 <= int(port_text) <= 65_535):
            raise AddressError(f"{text}: want a port from 1 to 65535 after the colon")
        port = int(port_text)
    try:
        address = ipaddress.ip_address("127.0.0.1" if host in _LOCAL else host)
    except ValueError:
        raise AddressError(f"{text}: want an address of this machine such as 192.168.10.5:{PORT}, not a name") from None
    if address.is_global or address.is_multicast:
        raise AddressError(f"{text}: the internet reaches this address; want that of the cabinet's own network")
    return Listen(str(address), port)


def is_expected_host(header: str, listen: Listen) -> bool:
    """Whether a request was meant for us. A page elsewhere that lets its own name point here is not let in.

    Such a trick always comes with a name; so an address, or this machine's word for itself, is what we answer to.
    """
    host, port = _split(header.strip().lower())
    if port and not (port.isascii() and port.isdigit()):
        return False
    if host in _LOCAL:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return listen.is_everywhere or address.is_loopback or str(address) == listen.host


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        # What stands there is no address, and is refused as such.
        return (host, rest.removeprefix(":")) if bracket and (not rest or rest[0] == ":") else (text, "")
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
