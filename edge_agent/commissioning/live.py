"""The plant while it is tested: its devices met once, and looked at again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from device_profiles.model import Control, DeviceMap, DiscoveryError
from edge_agent import plant
from edge_agent.commissioning.trial import Values, View, view_of
from edge_agent.config import SiteConfig
from edge_agent.core import balance
from edge_agent.core.interlocks import SOC
from edge_agent.io.bus import DeviceRefused, LinkDown
from edge_agent.poll import Bus, monotonic_ms
from edge_agent.session import DeviceSession

TRIES: Final = 3
"""A device that takes one client may still think of the last one, and a frame may be lost."""
AGAIN_S: Final = 1.0


class NotThereError(Exception):
    """A device cannot be tested: it is not in the site file, or does not answer. The text says which and why."""


@dataclass(frozen=True, slots=True)
class Place:
    """A device and its line."""

    bus: Bus
    session: DeviceSession

    @property
    def map(self) -> DeviceMap:
        """Its registers. Only for a device that was met."""
        assert self.session.map is not None
        return self.session.map


class LivePlant:
    """The devices of a site on their lines."""

    def __init__(self, buses: Sequence[Bus], pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self.buses = tuple(buses)
        self._pause = pause
        self.places = {session.id: Place(bus, session) for bus in buses for session in bus.sessions}

    async def place(self, device: str) -> Place:
        """A device, met.

        Raises:
            NotThereError: it is not in the site file, or does not answer.
        """
        place = self.places.get(device)
        if place is None:
            raise NotThereError(f"{device}: not in the site file")
        for tries in reversed(range(TRIES)):
            try:
                await place.session.meet(place.bus.line)
            except LinkDown as error:
                if not tries:
                    raise NotThereError(f"{device}: {error}") from None
                await self._pause(AGAIN_S)
            except (DeviceRefused, DiscoveryError) as error:
                raise NotThereError(f"{device}: {error}") from None
            else:
                break
        return place

    async def values(self, device: str) -> Values:
        """The good values of a device now; none when it does not answer."""
        place = self.places[device]
        for _ in range(TRIES):
            try:
                polled = await place.session.poll(place.bus.line, slow=False, now_ms=monotonic_ms())
            except LinkDown:
                continue
            except (DeviceRefused, DiscoveryError):
                return {}
            break
        else:
            return {}
        return {r.point: r.value for r in (*polled.readings, *polled.once) if r.value is not None}

    async def every_value(self) -> dict[str, Values]:
        """The good values of all devices now, one device after the other."""
        return {device: await self.values(device) for device in self.places}

    async def with_battery(self) -> list[str]:
        """Devices that tell a state of charge now."""
        return [device for device, values in (await self.every_value()).items() if SOC in values]

    async def view(self, device: str) -> View:
        """What a control test of a device must see."""
        own = await self.values(device)
        grid = balance.inputs_of({each: place.session.points for each, place in self.places.items()}).grid
        meter = next((each for each in grid if each != device), None)
        return view_of(own, await self.values(meter) if meter is not None else {})

    async def controllable(self) -> list[tuple[str, Control]]:
        """Every control of every device that answers."""
        found = []
        for device in self.places:
            try:
                place = await self.place(device)
            except NotThereError:
                continue
            found += [(device, control) for control in place.map.controls]
        return found


@contextmanager
def live_plant(
    config: SiteConfig,
    make_line: plant.MakeLine | None = None,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Iterator[LivePlant]:
    """The plant of a site file; its lines are given back at the end. Raises ConfigError."""
    buses = plant.build(config, make_line)
    try:
        yield LivePlant(buses, pause)
    finally:
        for bus in buses:
            bus.line.close()
