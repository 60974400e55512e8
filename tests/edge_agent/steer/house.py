"""A steered shelter in virtual time: a simulated plant behind real Modbus ports, polled and steered step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from contract.messages import EventKind, Severity
from contract.readings import DeviceReadings
from contract.signing import Signer, fingerprint
from contract.steering import Desired, Mode, Reason, Receipt, Reported, Stage, receipt_of, sign
from device_profiles.image import template
from device_profiles.load import load
from edge_agent.config import DeviceConfig
from edge_agent.core import balance
from edge_agent.core.standing import Own, Switch
from edge_agent.core.tiers import Tiers
from edge_agent.io.bus import BusError, TcpAddress
from edge_agent.io.modbus import ModbusLine
from edge_agent.io.state_file import SiteMemory
from edge_agent.obey import Obeyer
from edge_agent.session import DeviceSession
from edge_agent.steer import Steerer
from edge_agent.steer_device import SteeredDevice
from edge_agent.steer_site import Site
from edge_agent.steer_tiers import TierSteer
from simulator.fleet import build
from simulator.planted import Planted
from simulator.server import DevicePort
from simulator.site import SimulatedSite, profiles_of, units_of
from simulator.world import City

NOON_MS = 1_780_023_600_000
"""2026-05-29 12:00 in Tokyo."""
NIGHT_MS = NOON_MS - 14 * 3_600_000
CITY = Signer.new()
KEYS = {fingerprint(CITY.public): CITY.public}
POLL_MS = 5_000


@dataclass
class Clock:
    """World time: UTC, and since boot. ``is_known`` false: nobody told the shelter what time it is."""

    utc_ms: int = NIGHT_MS
    is_known: bool = True
    wrong_ms: int = 0
    """So far the shelter's clock is ahead."""

    def boot_ms(self) -> int:
        return self.utc_ms - NIGHT_MS + 1_000_000

    def now_ms(self) -> int:
        return self.utc_ms + self.wrong_ms if self.is_known else self.boot_ms()


@dataclass
class Log:
    """What the shelter tells as events."""

    events: list[tuple[EventKind, dict[str, object], int]] = field(default_factory=list)

    def record(self, taken: Sequence[DeviceReadings]) -> None:
        """Nothing is kept."""

    def look(self) -> None:
        """Nothing to look at."""

    def tell(
        self,
        kind: EventKind,
        *,
        at_ms: int,
        severity: Severity = Severity.INFO,
        device: str = "",
        detail: dict[str, str | int | float | bool] | None = None,
    ) -> None:
        self.events.append((kind, dict(detail or {}), at_ms))

    @property
    def receipts(self) -> list[Receipt]:
        return [receipt_of(detail) for kind, detail, _ in self.events if kind is EventKind.RECEIPT]

    @property
    def modes(self) -> list[str]:
        return [str(detail["mode"]) for kind, detail, _ in self.events if kind is EventKind.MODE_CHANGED]

    def stages(self, revision: int) -> list[Stage]:
        return [r.stage for r in self.receipts if r.revision == revision and not r.device]

    def reasons(self) -> list[Reason]:
        return [r.reason for r in self.receipts if r.reason is not Reason.NONE]


class House:
    """One shelter. ``live`` lets time pass: the world moves, devices are polled, and what is due is done."""

    def __init__(
        self,
        sites: Sequence[SimulatedSite],
        sessions: dict[str, tuple[DeviceSession, ModbusLine]],
        clock: Clock,
        **steering: object,
    ) -> None:
        self.sites, self.site, self.sessions, self.clock = tuple(sites), sites[0], sessions, clock
        self.log = Log()
        self.memory: SiteMemory | None = None
        self.switch: Switch | None = None
        self.dark: set[str] = set()
        self.own = Own(site="E0000000001111")
        self.by_hand: tuple[str, str] | None = None
        self.tiers = Tiers()
        self.rated_w: float | None = None
        for name, value in steering.items():
            setattr(self, name, value)
        self.steerer = self.wake_up()
        self._polls = 0

    def wake_up(self) -> Steerer:
        """Start the agent anew, with what it kept."""
        obeyer = partial(Obeyer, sleep=self._pause)

        def steered(name: str) -> SteeredDevice:
            session, line = self.sessions[name]
            return SteeredDevice(session, line, now_ms=self.clock.boot_ms, make_obeyer=obeyer)

        batteries = [n for n, (s, _) in self.sessions.items() if not s.control_kinds.isdisjoint({"charge", "reserve"})]
        relays = [n for n, (s, _) in self.sessions.items() if "tier1" in s.control_kinds]
        self.steerer = Steerer(
            Site(own=self.own, keys=KEYS, by_hand=self.by_hand),
            [steered(name) for name in batteries],
            TierSteer([steered(name) for name in relays], tiers=self.tiers, rated_w=self.rated_w),
            self.log,
            self.clock,
            memory=self.memory,
            save=self._keep,
            switch=lambda: self.switch,
        )
        return self.steerer

    def _keep(self, memory: SiteMemory) -> None:
        self.memory = memory

    async def _pause(self, seconds: float) -> None:
        self._pass(seconds)

    def _pass(self, seconds: float) -> None:
        self.clock.utc_ms += round(seconds * 1000)
        for site in self.sites:
            site.advance(self.clock.utc_ms)

    def grid(self, *, is_there: bool) -> None:
        """The public grid fails or returns."""
        for site in self.sites:
            site.world.grid_up = is_there
            site.world.touch()

    async def poll(self) -> None:
        """One tick of the agent."""
        taken: list[DeviceReadings] = []
        points: dict[str, tuple[str, ...] | None] = {}
        values: dict[str, dict[str, float | None]] = {}
        for name, (session, line) in self.sessions.items():
            slow = self._polls % 12 == 0
            try:
                if name in self.dark:
                    raise BusError("dark")
                polled = await session.poll(line, slow=slow, now_ms=self.clock.boot_ms())
                readings = (*polled.readings, *polled.once)
            except BusError:
                readings = session.dark(slow=slow)
            points[name] = session.points
            values[name] = {r.point: r.value for r in readings}
            taken.append(DeviceReadings(name, self.clock.now_ms(), tuple(readings)))
        self._polls += 1
        derived = balance.derive(balance.inputs_of(points), values)
        self.steerer.see([*taken, DeviceReadings("site", self.clock.now_ms(), derived)])

    async def live(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, or less when the condition holds before."""
        end_ms = self.clock.utc_ms + round(seconds * 1000)
        next_poll_ms = self.clock.utc_ms
        while self.clock.utc_ms < end_ms and not until():
            if self.clock.utc_ms >= next_poll_ms:
                await self.poll()
                next_poll_ms = self.clock.utc_ms + POLL_MS
            self.steerer.tick()
            for name in self.sessions:
                if name in self.steerer.batteries or any(d.id == name for d in self.steerer.tiers.devices):
                    await self.steerer.act(name)
            self._pass(1.0)

    def order(self, mode: Mode, revision: int = 1, **more: object) -> Desired:
        """The city orders a mode."""
        wanted = Desired(
            site=self.own.site,
            revision=revision,
            issued_ms=self.clock.utc_ms,
            expires_ms=self.clock.utc_ms + 3_600_000,
            mode=mode,
            **more,  # type: ignore[arg-type]
        )
        self.steerer.hear(sign(wanted, CITY))
        return wanted

    @property
    def said(self) -> Reported:
        """What the shelter reports now."""
        assert self.steerer.report.last is not None
        return self.steerer.report.last

    @property
    def stage(self) -> Stage:
        """How far it is with the mode that holds, by its own word."""
        receipt = self.said.receipt
        return Stage.ACCEPTED if receipt is None else receipt.stage


@asynccontextmanager
async def house(
    family: str = "goodwe-et",
    *,
    planted: Sequence[Planted] = (),
    second: Sequence[Planted] | None = None,
    soc_pct: float = 60.0,
    start_ms: int = NIGHT_MS,
    **steering: object,
) -> AsyncIterator[House]:
    """A shelter of the synthetic city with an inverter of this family; ``second`` gives it another one with a battery.

    The second inverter's plant is a world of its own: what it takes does not go through the first one's meter.
    """
    spec = replace(build(1, 7, [family])[0], initial_soc_pct=soc_pct)
    faults = [planted] if second is None else [planted, second]
    sites = [
        SimulatedSite(spec, City(7), start_ms=start_ms, step_ms=1_000, template=template, planted=each)
        for each in faults
    ]
    clock = Clock(utc_ms=start_ms)
    units = {name: (units_of(spec)[name], profile) for name, profile in profiles_of(spec).items()}
    behind = {units[name][0]: device for name, device in sites[0].devices.items()}
    if second is not None:
        units["inverter2"] = (77, family)
        behind[77] = sites[1].devices["inverter"]
    port = DevicePort("127.0.0.1", 0, behind)
    await port.open()
    line = ModbusLine(TcpAddress(host="127.0.0.1", port=port.port))
    sessions = {}
    for name, (unit, profile) in units.items():
        config = DeviceConfig(id=name, profile=profile, unit=unit, timeout_s=2.0)
        sessions[name] = (DeviceSession(config, load(profile)), line)
    try:
        yield House(sites, sessions, clock, **steering)
    finally:
        line.close()
        await port.close()
