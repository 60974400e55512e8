"""How well plants, links and devices worked in a period. Pure.

The definitions are our own, from what is there:

- Plant: of the half hours with a sun that is high enough and a PV energy that is known, those that are not *down*. Down
  is PV energy of zero in at least four such half hours on end, while nothing held PV back and the grid was there. Dawn,
  rain and a coarse counter are not down; snow on the modules is.
- Link: of the half hours that the service looked at two minutes after their end, those of which a reading had come.
- Device: times in which it reported a fault (in half hours), and in which it did not answer its agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import HALF_HOUR_MS, SLOTS, start_of_day
from central.core.accounting.stretches import Change, stretches

SUN_SHARE: Final = 0.15
"""The sun is high enough when a level plant would give so much of its peak under a clear sky."""
DOWN_SLOTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChange:
    """A device does not answer any more, or does again. ``device`` empty: the agent began anew, nothing is lost yet."""

    site: str
    device: str
    at_ms: int
    lost: bool


class TroubleKind(StrEnum):
    """What was wrong with a device."""

    FAULT = "fault"
    """It reported a fault itself."""
    SILENT = "silent"
    """It did not answer its agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What was wrong with one device of a shelter in a period."""

    device: str
    kind: TroubleKind
    count: int
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """How well one shelter worked. Counts are half hours."""

    site: str
    sunny: int = 0
    """With sun, and a PV energy that is known."""
    down: int = 0
    seen: int = 0
    """Looked at soon after their end."""
    timely: int = 0
    troubles: tuple[Trouble, ...] = ()

    @property
    def plant_share(self) -> float | None:
        """Availability of the plant (0 to 1); ``None``: nothing can be said."""
        return 1 - self.down / self.sunny if self.sunny else None

    @property
    def link_share(self) -> float | None:
        """Availability of the link (0 to 1); ``None``: nothing can be said."""
        return self.timely / self.seen if self.seen else None

    def of(self, kind: TroubleKind) -> tuple[int, int]:
        """How often, and for how many milliseconds, over all devices."""
        found = [one for one in self.troubles if one.kind is kind]
        return sum(one.count for one in found), sum(one.ms for one in found)


def operation(
    site: str,
    days: Sequence[SiteDay],
    sunny: Mapping[int, Sequence[int]],
    silent: Sequence[Trouble],
    link: tuple[int, int],
) -> Operation:
    """How well a shelter worked.

    Args:
        site: its id.
        days: its days.
        sunny: day → half hours with sun, rising.
        silent: its devices that did not answer.
        link: half hours looked at soon after their end, and those of which a reading was there.
    """
    counted = down = 0
    for one in days:
        if Flow.PV in one.wh:
            with_sun, without_pv = _plant(one, sunny.get(one.day, ()))
            counted, down = counted + with_sun, down + without_pv
    return Operation(
        site=site, sunny=counted, down=down, seen=link[0], timely=link[1], troubles=(*_faults(days), *silent)
    )


def silences(changes: Iterable[DeviceChange], *, from_ms: int, to_ms: int) -> dict[str, list[Trouble]]:
    """Shelter → devices that did not answer in a period. An agent that begins anew tells anew what does not answer."""
    told: dict[str, dict[str, list[Change]]] = {}
    for one in sorted(changes, key=lambda each: each.at_ms):
        devices = told.setdefault(one.site, {})
        for device in [one.device] if one.device else list(devices):
            devices.setdefault(device, []).append(Change(site=one.site, at_ms=one.at_ms, holds=one.lost))
    found: dict[str, list[Trouble]] = {}
    for site, devices in told.items():
        for device, own in sorted(devices.items()):
            times = stretches(own, from_ms=from_ms, to_ms=to_ms).get(site, [])
            if times:
                ms = sum(each.ms for each in times)
                found.setdefault(site, []).append(
                    Trouble(device=device, kind=TroubleKind.SILENT, count=len(times), ms=ms)
                )
    return found


def added(parts: Iterable[Operation]) -> Operation | None:
    """Several periods of one shelter together, in their order; ``None``: there are none."""
    found = list(parts)
    if not found:
        return None
    troubles: dict[tuple[str, TroubleKind], tuple[int, int]] = {}
    for each in (trouble for one in found for trouble in one.troubles):
        count, ms = troubles.get((each.device, each.kind), (0, 0))
        troubles[each.device, each.kind] = count + each.count, ms + each.ms
    return Operation(
        site=found[0].site,
        sunny=sum(one.sunny for one in found),
        down=sum(one.down for one in found),
        seen=sum(one.seen for one in found),
        timely=sum(one.timely for one in found),
        troubles=tuple(
            Trouble(device=device, kind=kind, count=count, ms=ms)
            for (device, kind), (count, ms) in sorted(troubles.items())
        ),
    )


def _plant(one: SiteDay, sunny: Sequence[int]) -> tuple[int, int]:
    """Half hours that count, and those of them that are down."""
    counted = down = run = 0
    for slot in sunny:
        pv_wh = one.own_wh(Flow.PV, slot)
        if pv_wh is not None:
            counted += 1
        is_free = slot not in one.beside.limited and slot not in one.beside.islanded_s
        if pv_wh == 0 and is_free:
            run += 1
            continue
        down += run if run >= DOWN_SLOTS else 0
        run = 0
    return counted, down + (run if run >= DOWN_SLOTS else 0)


def _faults(days: Sequence[SiteDay]) -> list[Trouble]:
    """Times in which devices reported a fault; one that goes on over midnight is one."""
    slots: dict[str, set[int]] = {}
    for one in days:
        first = start_of_day(one.day) // HALF_HOUR_MS
        for device, own in one.beside.faults.items():
            slots.setdefault(device, set()).update(first + slot for slot in own if 0 <= slot < SLOTS)
    return [
        Trouble(
            device=device,
            kind=TroubleKind.FAULT,
            count=sum(place - 1 not in places for place in places),
            ms=len(places) * HALF_HOUR_MS,
        )
        for device, places in sorted(slots.items())
    ]
