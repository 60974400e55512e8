"""The address of the page that is printed on a card. Pure."""

from __future__ import annotations

import ipaddress

from edge_agent.page.addresses import AddressError, Listen, parse_listen


def card_address(listen: Listen, host_header: str = "") -> str:
    """Address and port that a phone can open, such as ``192.168.10.5:8080``; empty when nobody can say.

    A page that listens on every network is reached by the address that the asking browser has used.
    """
    if not listen.is_everywhere:
        return listen.url if listen.port and not ipaddress.ip_address(listen.host).is_loopback else ""
    try:
        used = parse_listen(host_header, listen.port)
    except AddressError:
        return ""
    is_useless = used.is_everywhere or ipaddress.ip_address(used.host).is_loopback or not used.port
    return "" if is_useless else used.url
