"""How a device can misbehave. Plain values; devices and servers act on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What a faulty device does."""

    SILENT = "silent"
    """Takes connections and never answers."""
    REFUSE = "refuse"
    """An inverter's port is closed; behind a serial gateway, the gateway says that the device does not respond."""
    SLOW = "slow"
    ILLEGAL = "illegal"
    """Says of some registers that it has no such address."""
    GARBAGE = "garbage"
    """Answers with noise."""
    FROZEN = "frozen"
    """Answers for ever with the values of the moment when it froze."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a device."""

    kind: FaultKind
    delay_s: float = 2.0
    points: tuple[str, ...] = ()
    """Points whose registers an ``ILLEGAL`` device denies."""


@dataclass(slots=True, kw_only=True)
class Link:
    """State of a site's way to the broker."""

    cut: bool = False
    delay_s: float = 0.0
    loss: float = 0.0
    """Share of packets that are lost. Over TCP a lost packet is one that comes late: it is sent again."""
