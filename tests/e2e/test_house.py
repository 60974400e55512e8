"""The whole house: real devices' protocol, real broker, real store, whole processes; and what kill -9 does to it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from central.access import headers_of
from demo.house import House, Plan
from demo.processes import Child
from edge_agent.io.outbox_audit import audit
from tests.support import eventually, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
needs_mosquitto = pytest.mark.mosquitto
DEMO = Path(sys.executable).with_name("shelter-demo")


def run_demo(*arguments: str) -> tuple[dict[str, object], str]:
    command = [DEMO, *arguments, "--port", str(free_port()), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=360, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return report, done.stderr


@needs_mosquitto
def test_the_demo_stores_every_reading_of_every_shelter_once(tmp_path: Path) -> None:
    report, said = run_demo("--sites", "6", "--for", "6", "--interval-s", "1", "--keep", str(tmp_path / "demo"))
    assert report["sites_online"] == report["sites_expected"] == 6, said
    assert report["broker"] == "mosquitto"
    assert report["readings_polled"] == report["readings_stored"]
    assert isinstance(report["readings_polled"], int)
    assert report["readings_polled"] > 6 * 6 * 20
    assert report["readings_lost"] == report["readings_duplicated"] == report["readings_waiting"] == 0
    assert report["readings_changed"] == report["readings_foreign"] == 0
    assert report["dead_letters"] == {}
    assert not [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(tmp_path) in " ".join(process.info["cmdline"] or [])
    ]


def test_the_demo_runs_without_mosquitto() -> None:
    report, said = run_demo("--sites", "3", "--for", "4", "--interval-s", "1", "--embedded-broker")
    assert report["broker"] == "embedded", said
    assert report["sites_online"] == 3
    assert report["readings_lost"] == report["readings_duplicated"] == 0


class Storm:
    """Kills and restarts parts at moments that a seed decides."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = random.Random(seed)
        self.kills = dict.fromkeys(("edge", "central", "broker"), 0)

    async def strike(self, role: str) -> None:
        child: Child = self.random.choice(self.house.roles[role])
        await asyncio.sleep(self.random.uniform(0.1, 1.2))
        await child.kill()
        self.kills[role] += 1
        await asyncio.sleep(self.random.uniform(0.0, 0.6))
        if role == "broker":
            await self.house.start_broker()
        else:
            await child.start()
            await child.ready()


@needs_mosquitto
async def test_kill_nine_of_edge_central_and_broker_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("STORM_SEED", random.SystemRandom().randrange(1 << 30)))
    replay = f"STORM_SEED={seed}"
    plan = Plan(folder=tmp_path / "house", sites=4, interval_s=0.5, edge_processes=2)
    async with House(plan) as house:
        await house.prepare()
        await house.start()
        await eventually(lambda: everybody_online(house), timeout_s=40, what="all shelters online")
        storm = Storm(house, seed)
        order = [role for role in storm.kills for _ in range(10)]
        storm.random.shuffle(order)
        for role in order:
            await storm.strike(role)
        assert storm.kills == {"edge": 10, "central": 10, "broker": 10}
        await eventually(lambda: everybody_online(house), timeout_s=60, what=f"all online after the storm, {replay}")
        await eventually(lambda: nothing_waits(house), timeout_s=60, what=f"outboxes drained, {replay}")
        await end_agents_with_empty_outboxes(house)
        await house.stop()
        counts = await house.compare()
    assert counts.polled > 1000, replay
    assert (counts.lost, counts.duplicated, counts.changed, counts.foreign, counts.waiting) == (0, 0, 0, 0, 0), (
        counts,
        replay,
    )


async def end_agents_with_empty_outboxes(house: House) -> None:
    """An agent's farewell has a limit that a busy machine can reach. What it leaves, its next start delivers."""
    agents = house.roles["edge"]
    for _ in range(4):
        await asyncio.gather(*(child.stop() for child in agents))
        if nothing_waits(house, younger_s=0.0):
            return
        await asyncio.gather(*(child.start() for child in agents))
        await asyncio.gather(*(child.ready() for child in agents))
        await eventually(lambda: nothing_waits(house), timeout_s=60, what="outboxes drained by the next start")


async def everybody_online(house: House) -> bool:
    return await house.online() == house.plan.sites


def nothing_waits(house: House, younger_s: float = 3.0) -> bool:
    """Whatever the shelters accepted is acknowledged; what is younger than this may be on its way."""
    settled_ms = time.time_ns() // 1_000_000 - round(younger_s * 1_000)
    return not any(
        row.at_ms < settled_ms
        for path in house.site_files()
        for entry in audit(path.with_name("outbox.sqlite"))
        if not entry.is_delivered
        for row in entry.rows
    )


@needs_mosquitto
async def test_the_page_shows_every_shelter_of_the_running_house(tmp_path: Path) -> None:
    async with House(Plan(folder=tmp_path / "house", sites=3, interval_s=1.0, edge_processes=1)) as house:
        await house.prepare()
        await house.start()
        await eventually(lambda: everybody_online(house), timeout_s=40, what="all shelters online")
        asked = urllib.request.Request(house.url, headers=headers_of(house.central_folder))
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(asked, timeout=5).read().decode())
        for path in house.site_files():
            assert path.parent.name in page
        await house.stop()
