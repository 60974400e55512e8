"""The whole agent at a real broker: a signed order in, a plant that obeys, a report and receipts out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiomqtt
import pytest
import yaml

from contract.messages import Event, EventKind
from contract.signing import Signer, public_pem
from contract.steering import (
    Desired,
    Mode,
    Reason,
    Reported,
    Source,
    Stage,
    decode_reported,
    receipt_of,
    sign,
)
from contract.topics import Channel, topic
from contract.wire import decode_event
from edge_agent.app import run_site
from edge_agent.config import load_config
from edge_agent.io.system_clock import wall_ms
from simulator.files import EdgeSettings, Network, write_site
from simulator.fleet import build
from simulator.run import Fleet, WorldClock, build_fleet
from simulator.scenario import Scenario
from tests.edge_agent.steer.house import NIGHT_MS
from tests.support import Mosquitto, MqttClient, eventually, free_port

pytestmark = pytest.mark.mosquitto

CITY, THIEF = Signer.new(), Signer.new()


class Watcher:
    """The city's side of the broker."""

    def __init__(self, site: str, client: aiomqtt.Client) -> None:
        self.site, self.client = site, client
        self.reported: list[Reported] = []
        self.events: list[Event] = []

    async def listen(self) -> None:
        await self.client.subscribe(topic(self.site, Channel.REPORTED), qos=1)
        await self.client.subscribe(topic(self.site, Channel.EVENT), qos=1)
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            if str(message.topic).endswith(Channel.REPORTED):
                self.reported.append(decode_reported(message.payload))
            else:
                self.events.append(decode_event(message.payload))

    async def order(self, mode: Mode, revision: int, signer: Signer = CITY) -> None:
        now_ms = wall_ms()
        wanted = Desired(site=self.site, revision=revision, issued_ms=now_ms, expires_ms=now_ms + 600_000, mode=mode)
        await self.client.publish(topic(self.site, Channel.DESIRED), sign(wanted, signer), qos=1, retain=True)

    def has(self, mode: Mode, stage: Stage, revision: int) -> bool:
        last = self.reported[-1] if self.reported else None
        receipt = last.receipt if last is not None else None
        return (
            last is not None
            and receipt is not None
            and (last.mode, receipt.stage, receipt.revision) == (mode, stage, revision)
        )

    def stages(self, revision: int) -> list[tuple[Stage, Reason]]:
        receipts = [receipt_of(event.detail) for event in self.events if event.kind is EventKind.RECEIPT]
        return [(r.stage, r.reason) for r in receipts if r.revision == revision]


@asynccontextmanager
async def running(fleet: Fleet, config: Path, port: int) -> AsyncIterator[Watcher]:
    await fleet.open()
    site = load_config(config)
    async with MqttClient("127.0.0.1", port, identifier="city") as client:
        watcher = Watcher(site.site, client)
        tasks = [asyncio.create_task(work) for work in (fleet.run(), watcher.listen(), run_site(site))]
        try:
            yield watcher
            assert not [task for task in tasks if task.done()]
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            await fleet.close()


def fleet_of(port: int, folder: Path) -> tuple[Fleet, Path]:
    network = Network(prefix="127.0", inverter_port=free_port(), gateway_port=free_port(), link_port=free_port())
    spec = build(1, 7, ["goodwe-et"])[0]
    clock = WorldClock(start_ms=NIGHT_MS, started_s=asyncio.get_running_loop().time())
    quiet = Scenario(title="quiet", about="nothing happens", lasts="1h")
    fleet = build_fleet([spec], quiet, seed=7, clock=clock, network=network)
    pem = public_pem(CITY.public)
    settings = EdgeSettings(mqtt_host="127.0.0.1", mqtt_port=port, interval_s=0.5, city_key_pem=pem)
    path = write_site(folder, spec, network.host(0), network, settings)
    raw = yaml.safe_load(path.read_text())
    raw["steering"]["standing"] = {"grid_lost_s": 2}
    path.write_text(yaml.safe_dump(raw))
    return fleet, path


async def test_an_order_travels_to_the_plant_and_its_receipts_back(mosquitto: Mosquitto, tmp_path: Path) -> None:
    fleet, path = fleet_of(mosquitto.port, tmp_path / "site")
    async with running(fleet, path, mosquitto.port) as city:
        await city.order(Mode.BACKUP, 1)
        await eventually(lambda: city.has(Mode.BACKUP, Stage.VERIFIED, 1), timeout_s=40, what="backup is verified")
        assert fleet.sites[0].world.controls.backup
        # The outbox sends the newest first, so receipts come in any order.
        wanted = {Stage.ACCEPTED, Stage.WRITTEN, Stage.READ_BACK, Stage.VERIFIED}
        await eventually(lambda: {stage for stage, _ in city.stages(1)} == wanted, what="every receipt")
        await city.order(Mode.NORMAL, 2, signer=THIEF)
        await eventually(lambda: bool(city.stages(0)), timeout_s=20, what="the forged order is answered")
        assert city.stages(0) == [(Stage.REFUSED, Reason.FOREIGN_KEY)]
        await city.order(Mode.NORMAL, 3)
        await eventually(lambda: city.has(Mode.NORMAL, Stage.VERIFIED, 3), timeout_s=60, what="normal is verified")
        assert not fleet.sites[0].world.controls.backup


async def test_standing_orders_need_no_city(mosquitto: Mosquitto, tmp_path: Path) -> None:
    fleet, path = fleet_of(mosquitto.port, tmp_path / "site")
    async with running(fleet, path, mosquitto.port) as city:
        await eventually(
            lambda: bool(city.reported) and city.reported[-1].grid.value == "present", timeout_s=20, what="the grid"
        )
        fleet.sites[0].turn_grid()
        await eventually(lambda: city.reported[-1].mode is Mode.BACKUP, timeout_s=20, what="backup by itself")
        assert city.reported[-1].source is Source.GRID_LOSS
        # Events go through the outbox, the reported state does not: either may come first.
        await eventually(
            lambda: EventKind.MODE_CHANGED in [event.kind for event in city.events], timeout_s=20, what="its event"
        )
