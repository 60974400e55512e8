"""The whole house on one machine: simulator, broker, central, edge agents. Starts, restarts and ends its parts."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from central.access import headers_of
from central.store.base import TelemetryStore
from central.store.sqlite import SqliteStore
from contract.signing import Signer
from demo import broker as brokers
from demo import proofs
from demo.accounts import Pass, make_people
from demo.audit import Comparison, RowKey, Values, accepted, compare
from demo.processes import Child, ChildError, Usage, all_ready
from edge_agent.io.outbox_audit import audit
from simulator import chronicle, scenario
from simulator.files import standing_at

HOST: Final = "127.0.0.1"
ONLINE: Final = frozenset({"on_grid", "islanded", "fault"})
"""States of a shelter whose readings are fresh."""
NETWORKS: Final = range(42, 100)
PAGE: Final = 500
"""Shelters per question to the API."""
DEVICE_PORT: Final = 15020
"""First port of a simulated shelter (simulator/site.py)."""
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to start."""

    folder: Path
    sites: int = 182
    seed: int = 7
    speed: float | None = None
    """Simulated seconds per second; ``None``: the scenario's own."""
    scenario: str = "quiet_day"
    interval_s: float = 5.0
    http_port: int = 0
    """0: any free one."""
    edge_processes: int = 3
    """Agents share processes here: 182 interpreters would need minutes to start on two cores. In a shelter one agent
    is one process."""
    embedded_broker: bool = False
    unproven: float = 0.03
    """Share of the shelters without a commissioning report: they are shown, and never switched."""
    liars: float = 0.0
    """Share of the inverters that do not do what they say."""
    hold: bool = False
    """The world runs in real time until ``let_go``: staff and agents are there when it begins."""
    has_people: bool = True
    """Whether somebody may sign in already; else the city makes its administrator at its first start, as in service."""
    start_s_max: float = 120.0
    """A part that is not ready by then has not started."""
    steering: Mapping[str, float] = field(default_factory=dict)
    """Settings of the city's section ``steering`` besides those that follow from the speed."""

    @property
    def world_speed(self) -> float:
        """World seconds per second."""
        return self.speed if self.speed is not None else scenario.load(self.scenario).speed


def free_port(wanted: int = 0) -> int:
    """A free loopback port; the wanted one if it is free.

    Raises:
        ChildError: the wanted one is taken.
    """
    with socket.socket() as probe:
        try:
            probe.bind((HOST, wanted))
        except OSError:
            raise ChildError(f"port {wanted} is taken: choose another one with --port, or leave it out") from None
        port: int = probe.getsockname()[1]
        return port


def free_network() -> str:
    """First two numbers of a part of 127.0.0.0/8 where no other fleet listens.

    Raises:
        ChildError: all are taken.
    """
    # Houses that start at the same time look in different places first.
    first = os.getpid() % len(NETWORKS)
    for second in (*NETWORKS[first:], *NETWORKS[:first]):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((f"127.{second}.0.1", DEVICE_PORT))
            except OSError:
                continue
            return f"127.{second}"
    raise ChildError("other fleets listen on every loopback network: end them first")


def program(name: str) -> str:
    """Path of one of our own commands, beside the Python that runs now."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


@dataclass
class House:
    """All parts, by role. Use ``async with``: whatever was started is ended."""

    plan: Plan
    say: Say = lambda _: None
    roles: dict[str, list[Child]] = field(default_factory=dict)
    mqtt_port: int = 0
    http_port: int = 0
    network: str = ""
    passes: Sequence[Pass] = ()
    """Who may sign in to the pages, with the password of this start."""
    _http: httpx.AsyncClient | None = None

    @property
    def central_folder(self) -> Path:
        """Where the city's service keeps its data."""
        return self.plan.folder / "central"

    @property
    def fleet_folder(self) -> Path:
        """Where the shelters' settings and outboxes are."""
        return self.plan.folder / "sites"

    @property
    def files(self) -> brokers.BrokerFiles:
        """What the broker reads."""
        return brokers.BrokerFiles(folder=self.plan.folder / "broker")

    @property
    def key_file(self) -> Path:
        """The city's public key."""
        return self.plan.folder / "city.pub.pem"

    @property
    def truth_file(self) -> Path:
        """What the simulator says is true."""
        return self.plan.folder / "truth.json"

    @property
    def url(self) -> str:
        """Address of the city's page."""
        return f"http://{HOST}:{self.http_port}/"

    @property
    def children(self) -> list[Child]:
        """Every part."""
        return [child for role in self.roles.values() for child in role]

    async def __aenter__(self) -> House:
        self.mqtt_port = free_port()
        self.http_port = free_port(self.plan.http_port)
        self.network = free_network()
        self._http = httpx.AsyncClient(base_url=self.url, timeout=10.0, trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(child.kill() for child in self.children))
        if self._http is not None:
            await self._http.aclose()

    async def prepare(self) -> None:
        """Write the shelters' settings and start the broker.

        Raises:
            ChildError: a part did not start; says which, and the end of its log.
        """
        self.plan.folder.mkdir(parents=True, exist_ok=True)
        self.say("making the city's key")
        who = ["--by", proofs.WHO, "--why", "demo", "--data", str(self.central_folder)]
        await self._run("shelter-central", "keys", "new", *who)
        await self._run("shelter-central", "keys", "export", "--out", str(self.key_file), *who[-2:])
        self.say(f"making {self.plan.sites} synthetic shelters")
        await self._run("shelter-sim", "fleet", *self._fleet_arguments(), "--write-only")
        log = self.plan.folder / "logs" / "broker.log"
        if self.secured:
            self.say("starting Mosquitto, with a password and rules for each shelter")
            brokers.write_credentials(self.files, [path.parent.name for path in self.site_files()])
            await brokers.hash_passwords(self.files)
            child = brokers.mosquitto(self.files, self.mqtt_port, log)
        else:
            self.say("starting the embedded broker (Mosquitto is not installed: apt install mosquitto)")
            child = brokers.embedded(self.mqtt_port, log)
        self.roles["broker"] = [child]
        await self.start_broker()

    async def start_broker(self) -> None:
        """Start the broker (again) and wait until it takes connections."""
        (child,) = self.roles["broker"]
        await child.start()
        await brokers.listening(self.mqtt_port, child)

    async def start(self) -> None:
        """Start devices, city and agents.

        Raises:
            ChildError: a part did not start; says which, and the end of its log.
        """
        self.say("starting the simulated devices")
        self._leave_reports()
        fleet = self._child("simulator", "shelter-sim", "fleet", *self._fleet_arguments())
        await fleet.start()
        self.say("registering the shelters in the city")
        central = ["--data", str(self.central_folder)]
        await self._run("shelter-central", "sites", "import", str(self.fleet_folder / "sites.csv"), *central)
        if self.plan.has_people:
            self.passes = await make_people(self.central_folder, self.plan.folder / "demo-accounts")
        self.say("starting the city's service")
        service = self._child("central", "shelter-central", "run", *central, *self._central_arguments())
        await service.start()
        # What is sent before anybody has subscribed comes again half a minute later; nobody should have to wait for it.
        await all_ready([fleet, service], self.plan.start_s_max)
        self.say(f"starting {self.plan.sites} edge agents")
        for number, chunk in enumerate(chunks(self.site_files(), self.plan.edge_processes), start=1):
            configs = [argument for path in chunk for argument in ("--config", str(path))]
            await self._child("edge", "shelter-edge", "run", *configs, name=f"edge-{number}").start()
        await all_ready(self.roles["edge"], self.plan.start_s_max)

    def _leave_reports(self) -> None:
        files = {path.parent.name: path for path in self.site_files()}
        signer, at_ms = Signer.new(), time.time_ns() // 1_000_000
        for site in files.keys() - proofs.unproven_of(list(files), self.plan.unproven):
            proofs.write_report(files[site], signer, at_ms)

    @property
    def started_ms(self) -> int:
        """The world's time at its start."""
        (fleet,) = self.roles["simulator"]
        return int(fleet.said["start_ms"])

    def let_go(self) -> None:
        """Let the world run at its speed from now on (see ``Plan.hold``)."""
        (fleet,) = self.roles["simulator"]
        fleet.signal(signal.SIGUSR1)

    @property
    def secured(self) -> bool:
        """Whether the broker knows who is who (Mosquitto does, the embedded one does not)."""
        return not self.plan.embedded_broker and brokers.find_program("mosquitto") is not None

    def site_files(self) -> list[Path]:
        """Settings of every shelter."""
        return sorted(self.fleet_folder.glob("*/site.yaml"))

    def _fleet_arguments(self) -> list[str]:
        plan = self.plan
        arguments = ["--dir", str(self.fleet_folder), "--sites", str(plan.sites), "--seed", str(plan.seed)]
        arguments += ["--mqtt-host", HOST, "--mqtt-port", str(self.mqtt_port), "--interval-s", str(plan.interval_s)]
        arguments += ["--scenario", plan.scenario, "--keep-delivered"]
        arguments += ["--speed", str(plan.speed)] if plan.speed is not None else []
        arguments += ["--network", self.network, "--city-key", str(self.key_file)]
        arguments += ["--liars", str(plan.liars), "--truth-file", str(self.truth_file)]
        arguments += ["--hold"] if plan.hold else []
        if self.secured and self.files.credentials.exists():
            arguments += ["--mqtt-credentials-file", str(self.files.credentials)]
        return arguments

    def _central_arguments(self) -> list[str]:
        settings = self.plan.folder / "central.yaml"
        steering = {**(standing_at(self.plan.world_speed) or {}), **self.plan.steering}
        settings.write_text(yaml.safe_dump({"steering": steering}), encoding="utf-8")
        arguments = ["--config", str(settings)]
        arguments += ["--mqtt-host", HOST, "--mqtt-port", str(self.mqtt_port)]
        arguments += ["--http-host", HOST, "--http-port", str(self.http_port)]
        if self.secured:
            arguments += ["--mqtt-user", brokers.CENTRAL_USER]
            arguments += ["--mqtt-password-file", str(self.files.central_password)]
        return arguments

    def _child(self, role: str, command: str, *arguments: str, name: str = "") -> Child:
        name = name or role
        child = Child(name, [program(command), *arguments], self.plan.folder / "logs" / f"{name}.log")
        self.roles.setdefault(role, []).append(child)
        return child

    async def _run(self, command: str, *arguments: str) -> None:
        timeout_s = self.plan.start_s_max
        process = await asyncio.create_subprocess_exec(
            program(command), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(timeout_s):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise ChildError(f"{command} {arguments[0]} did not end within {timeout_s:.0f} s") from None
        if process.returncode != 0:
            raise ChildError(f"{command} {' '.join(arguments)} failed:\n{said.decode(errors='replace')}")

    # --- Looking ------------------------------------------------------------------------------------------------------

    async def ask(self, path: str) -> Any:
        """An answer of the city's API; ``None`` while it does not answer."""
        assert self._http is not None
        try:
            answer = await self._http.get(path, headers=headers_of(self.central_folder))
            answer.raise_for_status()
        except httpx.HTTPError:
            return None
        return answer.json()

    def truth(self) -> chronicle.Page | None:
        """What the simulator says is true now; None before it has started."""
        return chronicle.read(self.truth_file)

    def world_ms(self) -> int | None:
        """The world's time."""
        page = self.truth()
        return max(told.at_ms for told in page.sites.values()) if page is not None else None

    async def verified(self) -> int:
        """Shelters of which a report proves that they may be switched."""
        return sum(one["switchable"] for one in await self.shelters())

    async def shelters(self) -> list[dict[str, Any]]:
        """Every shelter as the city's API shows it; fewer while the service does not answer."""
        found: list[dict[str, Any]] = []
        while page := await self.ask(f"api/v1/sites?limit={PAGE}&offset={len(found)}"):
            found += page["sites"]
            if len(page["sites"]) < PAGE:
                break
        return found

    async def online(self) -> int:
        """Shelters whose readings the city sees fresh."""
        city = await self.ask("api/v1/city")
        if city is None:
            return 0
        return sum(int(count) for state, count in city["counts"].items() if state in ONLINE)

    def check(self) -> None:
        """See that every part still runs.

        Raises:
            ChildError: one ended by itself.
        """
        for child in self.children:
            child.check()

    def usage(self) -> dict[str, Usage]:
        """CPU and peak memory by role; the processes of a role add up."""
        return {role: sum((child.usage() for child in children), Usage()) for role, children in self.roles.items()}

    # --- Ending -------------------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """End all parts in the order in which nothing is lost: agents, then the city, then broker and devices."""
        for role in ("edge", "central", "broker", "simulator"):
            await asyncio.gather(*(child.stop() for child in self.roles.get(role, [])))

    async def compare(self) -> Comparison:
        """Outboxes against store, after ``stop``."""
        store = await SqliteStore.open(self.central_folder / "telemetry.sqlite")
        try:
            total = Comparison()
            for path in self.site_files():
                total += await compare(
                    accepted(audit(path.with_name("outbox.sqlite"))), stored(store, path.parent.name)
                )
            return total
        finally:
            await store.close()


async def stored(store: TelemetryStore, site: str) -> Any:
    """The city's rows of one shelter, in the form that the comparison takes."""
    async for row in store.export(site, from_ms=0, to_ms=1 << 52):
        key: RowKey = (row.device, row.at_ms, row.points)
        values: Values = row.values
        yield key, values


def chunks(items: Sequence[Path], count: int) -> Iterable[Sequence[Path]]:
    """``count`` parts of nearly equal size; fewer when there are fewer items."""
    count = max(1, min(count, len(items)))
    return [items[start::count] for start in range(count)]
