"""What the devices say now, for the page: from the agent's own polls, or read while somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from contract.messages import EventKind, Severity
from contract.readings import DeviceReadings, Reading
from device_profiles.controls import faults_in
from device_profiles.model import Control, DiscoveryError, FaultText
from edge_agent.config import SiteConfig
from edge_agent.core.damping import Detail
from edge_agent.io.bus import DeviceRefused, LinkDown
from edge_agent.poll import Bus, Records, monotonic_ms
from edge_agent.session import DeviceSession

EVERY_S: Final = 5.0
LOOKED_AT_S: Final = 30.0
"""So long after the last look the devices are left in peace again."""
FIRST_S_MAX: Final = 1.5
"""A page that comes before the first values does not wait longer for them."""


@dataclass(frozen=True, slots=True)
class DeviceNow:
    """A device and its newest values."""

    id: str
    profile: str
    address: str
    unit: int
    is_online: bool
    why: str
    """The last error of a dark device, as the line told it."""
    read_ms: int
    """UTC milliseconds of the newest value; 0: never."""
    identity: Mapping[str, str]
    readings: tuple[Reading, ...]
    faults: tuple[FaultText, ...]
    is_asked: bool = True
    """Whether it was asked at all yet."""
    controls: tuple[Control, ...] = ()
    """What can be ordered of it, once it was met."""


class Live(Protocol):
    """Where the page has its values from."""

    async def look(self) -> Sequence[DeviceNow]:
        """All devices now. Raises ConfigError when a site file cannot be used."""

    async def pause(self) -> None:
        """Give the devices' connections back: a job wants them. The next look takes them again."""

    @property
    def is_paused(self) -> bool:
        """Whether values stand still because of a job."""


class Latest:
    """The newest value of each point."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Reading]] = {}
        self._at_ms: dict[str, int] = {}

    def take(self, device: str, at_ms: int, readings: Iterable[Reading]) -> None:
        """New values of a device; a constant that was read once stays."""
        self._of.setdefault(device, {}).update((reading.point, reading) for reading in readings)
        self._at_ms[device] = max(at_ms, self._at_ms.get(device, 0))

    def of(
        self, session: DeviceSession, address: str, *, is_online: bool, why: str = "", is_asked: bool = True
    ) -> DeviceNow:
        """A device as it is now. What a dark device said before is not now."""
        readings = tuple(self._of.get(session.id, {}).values()) if is_online else ()
        values = {reading.point: reading.value for reading in readings}
        texts = session.map.faults if session.map is not None else ()
        return DeviceNow(
            id=session.id,
            profile=session.profile_id,
            address=address,
            unit=session.unit,
            is_online=is_online,
            why="" if is_online else why,
            read_ms=self._at_ms.get(session.id, 0),
            identity=dict(session.identity),
            readings=readings,
            faults=faults_in(texts, values),
            is_asked=is_asked,
            controls=session.map.controls if session.map is not None else (),
        )


class Overheard:
    """A recorder that lets the page listen: everything goes on as it came."""

    def __init__(self, records: Records, latest: Latest) -> None:
        self._records, self._latest = records, latest

    def record(self, taken: Sequence[DeviceReadings]) -> object:
        """One outbox entry, on disk when it returns."""
        for each in taken:
            self._latest.take(each.device, each.taken_at_ms, each.readings)
        return self._records.record(taken)

    def look(self) -> object:
        """Once a tick, also when there is nothing to record."""
        return self._records.look()

    def tell(
        self,
        kind: EventKind,
        *,
        at_ms: int,
        severity: Severity = Severity.INFO,
        device: str = "",
        detail: Detail | None = None,
    ) -> object:
        """An event."""
        return self._records.tell(kind, at_ms=at_ms, severity=severity, device=device, detail=detail)


class AgentLive:
    """The running agent's own values: the page asks no device anything."""

    is_paused = False

    def __init__(self, config: SiteConfig, buses: Sequence[Bus], latest: Latest) -> None:
        self._places = {bus.id: bus.place for bus in config.buses}
        self._buses, self._latest = buses, latest

    async def look(self) -> Sequence[DeviceNow]:
        """All devices as the last poll saw them."""
        return [
            self._latest.of(
                session,
                self._places[bus.id],
                is_online=bool(session.last_answer_ms) and not session.health.failures,
            )
            for bus in self._buses
            for session in bus.sessions
        ]

    async def pause(self) -> None:
        """Nothing to give back: jobs use the agent's own lines."""


class FolderLive:
    """Reads the devices of a site file while somebody looks at the page, and leaves them in peace otherwise.

    ``mark``: what changes when the site file does, empty while there is none; ``open_site``: its buses, their places.
    """

    def __init__(
        self,
        mark: Callable[[], str],
        open_site: Callable[[], tuple[Sequence[Bus], Mapping[str, str]]],
        now_ms: Callable[[], int],
        *,
        is_busy: Callable[[], bool],
    ) -> None:
        self._mark, self._open_site, self._now_ms, self._is_busy = mark, open_site, now_ms, is_busy
        self._latest = Latest()
        self._known = ""
        """Mark of the site file that the buses are of."""
        self._buses: Sequence[Bus] = ()
        self._places: Mapping[str, str] = {}
        self._shown: dict[str, DeviceNow] = {}
        self._looked_ms = 0
        self._task: asyncio.Task[None] | None = None
        self._first = asyncio.Event()

    @property
    def is_paused(self) -> bool:
        """Whether a job has the devices."""
        return self._is_busy()

    async def look(self) -> Sequence[DeviceNow]:
        """All devices; the first look waits a moment for the first values."""
        self._looked_ms = monotonic_ms()
        if not self._is_busy():
            await self._follow_file()
        if self._buses and not self._is_busy() and (self._task is None or self._task.done()):
            self._first.clear()
            self._task = asyncio.create_task(self._keep_reading(self._buses), name="page reads")
        if self._task is not None and not self._task.done():
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_S_MAX):
                    await self._first.wait()
        return list(self._shown.values())

    async def _follow_file(self) -> None:
        """Take the site file as it is; what is known of its devices is kept while it stays the same."""
        mark = self._mark()
        if mark == self._known:
            return
        await self.pause()
        self._known, self._buses, self._places, self._shown, self._latest = "", (), {}, {}, Latest()
        if mark:
            self._buses, self._places = self._open_site()
            for bus in self._buses:
                for session in bus.sessions:
                    place = self._places[bus.id]
                    self._shown[session.id] = self._latest.of(session, place, is_online=False, is_asked=False)
        self._known = mark

    async def pause(self) -> None:
        """Stop reading and close the connections."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
        self._task = None

    async def _keep_reading(self, buses: Sequence[Bus]) -> None:
        async def read(bus: Bus) -> None:
            for session in bus.sessions:
                self._shown[session.id] = await self._read(bus, session, self._places[bus.id])

        try:
            while monotonic_ms() - self._looked_ms < LOOKED_AT_S * 1000:
                async with asyncio.TaskGroup() as tasks:
                    for each in buses:
                        tasks.create_task(read(each))
                self._first.set()
                await asyncio.sleep(EVERY_S)
        finally:
            for each in buses:
                each.line.close()

    async def _read(self, bus: Bus, session: DeviceSession, place: str) -> DeviceNow:
        try:
            polled = await session.poll(bus.line, slow=True, now_ms=monotonic_ms())
        except (LinkDown, DeviceRefused, DiscoveryError) as error:
            session.lost()
            return self._latest.of(session, place, is_online=False, why=str(error))
        self._latest.take(session.id, self._now_ms(), (*polled.readings, *polled.once))
        return self._latest.of(session, place, is_online=True)
