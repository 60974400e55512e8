"""A fleet that lives: what a scenario brings happens at its moment, in the world and on the sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from simulator.faults import FaultKind
from simulator.files import EdgeSettings
from simulator.fleet import build
from simulator.run import Fleet, WorldClock, build_fleet, step_ms_for
from simulator.scenario import Scenario
from simulator.weather import DAY_MS
from tests.simulator.support import NOON_MS, at, network, quiet, still_fleet

SPECS = build(3, 7)
FIRST = SPECS[0].id


def with_steps(*steps: dict[str, Any]) -> Scenario:
    return Scenario.model_validate({**quiet().model_dump(), "steps": list(steps)})


def only(site: str) -> dict[str, Any]:
    return {"sites": [site]}


def test_time_runs_as_fast_as_it_is_told() -> None:
    clock = WorldClock(start_ms=NOON_MS, started_s=100.0, speed=1440)
    assert clock.now_ms(100.0) == NOON_MS
    assert clock.now_ms(160.0) == NOON_MS + DAY_MS


@pytest.mark.parametrize(
    ("speed", "step_ms"), [(0.5, 1_000), (1, 1_000), (10, 5_000), (60, 15_000), (1_440, 60_000), (10_000, 60_000)]
)
def test_steps_grow_with_speed_but_never_past_a_minute(speed: float, step_ms: int) -> None:
    assert step_ms_for(speed) == step_ms


def test_what_a_scenario_brings_happens_at_its_moment_and_only_where_it_says() -> None:
    fleet = still_fleet(
        SPECS,
        scenario=with_steps(
            {"at": "+30s", "do": "grid_lost", "where": only(FIRST)},
            {"at": "+40s", "do": "fault", "device": "meter", "kind": "slow", "delay_s": 4, "where": only(FIRST)},
            {"at": "+40s", "do": "load_factor", "factor": 0.5, "where": only(FIRST)},
            {"at": "+40s", "do": "relay", "tier": 3, "closed": False, "where": only(FIRST)},
            {"at": "+40s", "do": "link_slow", "delay_s": 2, "where": only(FIRST)},
            {"at": "+90s", "do": "grid_back"},
            {"at": "+90s", "do": "mend", "device": "meter"},
            {"at": "+90s", "do": "link_back"},
        ),
    )
    hit, other = fleet.sites[0], fleet.sites[1]
    hit.advance(NOON_MS + 30_000)
    assert not hit.world.flows.islanded
    assert not hit.world.grid_up
    # One late call lives through everything in between, to the millisecond.
    import_wh = hit.world.counters.import_wh
    happened = hit.advance(NOON_MS + 80_000)
    assert [step.do for step in happened] == ["fault", "load_factor", "relay", "link_slow"]
    assert hit.world.counters.import_wh == import_wh
    assert hit.world.flows.islanded
    assert not hit.world.flows.carried[2]
    fault = hit.devices["meter"].fault
    assert fault is not None
    assert (fault.kind, fault.delay_s) == (FaultKind.SLOW, 4)
    assert hit.link.delay_s == 2
    hit.advance(NOON_MS + 100_000)
    assert not hit.world.flows.islanded
    assert hit.devices["meter"].fault is None
    assert hit.link.delay_s == 0
    other.advance(NOON_MS + 80_000)
    assert not other.world.flows.islanded
    assert other.link.delay_s == 0


def test_the_same_seed_brings_the_same_storm_to_every_shelter() -> None:
    scenario = with_steps(
        {"at": "+10m", "spread": "2h", "do": "grid_lost", "where": {"fraction": 0.5}},
        {"at": "+10m", "do": "weather", "sky": "storm", "lasts": "6h"},
    )

    def life(pause_ms: int) -> list[dict[str, float]]:
        clock = WorldClock(start_ms=NOON_MS, started_s=0.0, speed=60)
        fleet = build_fleet(build(10, 7), scenario, seed=7, clock=clock, network=network())
        for site in fleet.sites:
            for at_ms in range(NOON_MS, NOON_MS + 4 * 3_600_000 + 1, pause_ms):
                site.advance(at_ms)
        return [site.truth() for site in fleet.sites]

    assert life(3_600_000) == life(60_000)


async def test_links_follow_the_scenario() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)

    broker = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = broker.sockets[0].getsockname()[1]
    fleet = still_fleet(
        SPECS,
        scenario=with_steps({"at": "+10s", "do": "link_cut", "where": only(FIRST)}, {"at": "+20s", "do": "link_back"}),
    )
    assert fleet.linked == {FIRST}
    await fleet.open(EdgeSettings(mqtt_host="127.0.0.1", mqtt_port=port))
    try:
        await at(fleet, 5)
        assert await echoes(fleet)
        open_reader, open_writer = await asyncio.open_connection(fleet.network.host(0), fleet.network.link_port)
        open_writer.write(b"x")
        assert await open_reader.read(10) == b"x"
        await at(fleet, 11)
        assert await said(open_reader) == b""
        assert not await echoes(fleet)
        await at(fleet, 21)
        assert await echoes(fleet)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(fleet.network.host(1), fleet.network.link_port)
    finally:
        await fleet.close()
        broker.close()


async def said(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(60):
            return await reader.read(10)
    except ConnectionError:
        return b""


async def echoes(fleet: Fleet) -> bool:
    reader, writer = await asyncio.open_connection(fleet.network.host(0), fleet.network.link_port)
    try:
        writer.write(b"hello")
        return await said(reader) == b"hello"
    finally:
        writer.transport.abort()
