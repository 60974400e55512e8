"""Devices that were exchanged: said by a person, or seen by their serial numbers in commissioning reports. Pure.

Two reports with different serial numbers say that a device was exchanged between them, not when. While somebody
exchanges it nothing is read, so it was in the longest gap of its readings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from central.core.accounting.counters import NEAR_MS, Readings
from central.core.accounting.halfhours import DAY_MS

LOOK_BACK_MS: Final = 7 * DAY_MS
"""So long before the report that shows a new serial number its device may have been exchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A device's counters before and after this moment have nothing to do with each other."""

    site: str
    device: str
    at_ms: int
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Serials:
    """Serial numbers by device, as one report has them."""

    at_ms: int
    by_device: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Span:
    """A device was exchanged between these moments."""

    device: str
    from_ms: int
    to_ms: int


def spans_of(reports: Sequence[Serials]) -> list[Span]:
    """Where serial numbers changed from one report to the next one that has any."""
    last: dict[str, tuple[int, str]] = {}
    found = []
    for report in sorted(reports, key=lambda one: one.at_ms):
        for device, serial in report.by_device.items():
            if not serial:
                continue
            at_ms, before = last.get(device, (0, serial))
            if before != serial:
                found.append(Span(device, max(at_ms, report.at_ms - LOOK_BACK_MS), report.at_ms))
            last[device] = report.at_ms, serial
    return found


def moment_in(readings: Readings, span: Span) -> int | None:
    """The middle of the longest gap; ``None``: there is none that an exchange could hide in."""
    inside = readings.between(span.from_ms, span.to_ms)
    if len(inside) < 2:
        return None
    gaps = np.diff(inside.at_ms)
    place = int(np.argmax(gaps))
    if gaps[place] <= NEAR_MS:
        return None
    return int(inside.at_ms[place] + gaps[place] // 2)


def changed(exchanges: Sequence[Exchange]) -> dict[str, list[int]]:
    """Device → when it was exchanged."""
    found: dict[str, list[int]] = {}
    for one in exchanges:
        found.setdefault(one.device, []).append(one.at_ms)
    return found
