"""A page over an empty folder, and a visitor with or without the PIN. Real sockets on loopback, a clock by hand."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from contract.readings import Quality, Reading
from device_profiles.discover import static_map
from device_profiles.load import load
from device_profiles.model import FaultText
from edge_agent.commissioning.operations import Commissioning
from edge_agent.page.addresses import Listen
from edge_agent.page.explain import explain
from edge_agent.page.jobs import Desk
from edge_agent.page.live import DeviceNow
from edge_agent.page.parts import Parts
from edge_agent.page.pin import Door, new_pin
from edge_agent.page.sessions import Sessions
from edge_agent.page.site import make_app
from edge_agent.page.walk import Walk

PIN = "31415926"
NOW_MS = 1_790_000_000_000


@dataclass
class Clock:
    ms: int = NOW_MS

    def __call__(self) -> int:
        return self.ms


@dataclass
class FakeLive:
    """Two devices that stand still: one with values and a fault, one dark."""

    is_paused: bool = False
    paused: int = 0
    devices: Sequence[DeviceNow] = field(default_factory=lambda: (inverter(), dark_meter()))

    async def look(self) -> Sequence[DeviceNow]:
        return self.devices

    async def pause(self) -> None:
        self.paused += 1


def inverter() -> DeviceNow:
    readings = {
        "battery.soc_pct": 55.0,
        "battery.power_w": -1_250.0,
        "pv.power_w": 3_400.0,
        "pv1.voltage_v": 610.5,
        "grid.power_w": -80.0,
        "grid.import_energy_wh": 12_345_678.0,
        "inverter.state": 4.0,
        "inverter.clock_s": 1_790_000_000.0,
    }
    return DeviceNow(
        id="inverter",
        profile="huawei-sun2000",
        address="192.0.2.10:502",
        unit=1,
        is_online=True,
        why="",
        read_ms=NOW_MS,
        identity={"model": "MODEL <b>X</b>", "serial": "S1"},
        readings=(
            *(Reading(point, value, Quality.GOOD) for point, value in readings.items()),
            Reading("battery.temperature_c", None, Quality.NOT_AVAILABLE),
        ),
        faults=(FaultText(point="inverter.fault_bits", code=4, is_bit=True, ja="系統停電", en="Grid lost"),),
        controls=static_map(load("huawei-sun2000")).controls,
    )


def dark_meter() -> DeviceNow:
    return DeviceNow(
        id="meter",
        profile="sdm630",
        address="192.0.2.11:502",
        unit=2,
        is_online=False,
        why="no answer <script>",
        read_ms=0,
        identity={},
        readings=(),
        faults=(),
    )


@dataclass
class Visitor:
    """Somebody with a browser."""

    client: TestClient
    parts: Parts
    clock: Clock
    folder: Path

    async def get(self, path: str, **more: object) -> ClientResponse:
        return await self.client.get(path, allow_redirects=False, **more)  # type: ignore[arg-type]

    async def text(self, path: str) -> str:
        response = await self.get(path)
        assert response.status == 200, (path, response.status)
        return await response.text()

    async def token(self, path: str) -> str:
        found = re.search(r'name="token" value="([0-9a-f]{64})"', await self.text(path))
        assert found is not None
        return found[1]

    async def post(self, path: str, *, of: str = "/", **fields: str) -> ClientResponse:
        fields.setdefault("token", await self.token(of))
        return await self.client.post(path, data=fields, allow_redirects=False)

    async def log_in(self, pin: str = PIN) -> ClientResponse:
        return await self.post("/login", of="/login", pin=pin)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live() -> FakeLive:
    return FakeLive()


MakeVisitor = Callable[[], Awaitable[Visitor]]


@pytest_asyncio.fixture
async def arrive(tmp_path: Path, clock: Clock, live: FakeLive) -> AsyncIterator[MakeVisitor]:
    """Makes visitors of one page, each with a browser of its own."""
    folder = tmp_path / "cabinet"
    new_pin(tmp_path / "page.pin", PIN)
    parts = Parts(
        listen=Listen("127.0.0.1", 0),
        door=Door(tmp_path / "page.pin", clock),
        sessions=Sessions(clock),
        desk=Desk(clock, explain, live.pause),
        live=live,
        walk=Walk(lambda: Commissioning(folder, clock_is_vouched=lambda: True)),
        now_ms=clock,
        clock_is_set=lambda: True,
        software="0.0",
    )
    server = TestServer(make_app(parts), host="127.0.0.1")
    await server.start_server()
    clients: list[TestClient] = []

    async def make() -> Visitor:
        from aiohttp import CookieJar

        client = TestClient(server, cookie_jar=CookieJar(unsafe=True), headers={"Accept-Language": "ja"})
        clients.append(client)
        return Visitor(client, parts, clock, folder)

    yield make
    for client in clients:
        await client.session.close()
    await server.close()


@pytest_asyncio.fixture
async def stranger(arrive: MakeVisitor) -> Visitor:
    """Somebody without the PIN."""
    return await arrive()


@pytest_asyncio.fixture
async def technician(arrive: MakeVisitor) -> Visitor:
    """Somebody who gave the PIN."""
    visitor = await arrive()
    assert (await visitor.log_in()).status == 303
    return visitor
