"""Real Modbus: what an edge reads is the world's truth, what it writes steers the world, what is absent is refused."""

from __future__ import annotations

import asyncio
import socket

import pytest
from pymodbus.exceptions import ModbusIOException

from contract.points import POINTS, InverterState
from device_profiles.controls import by_name, in_force
from simulator.faults import Fault, FaultKind
from simulator.fleet import build
from simulator.run import Fleet, archetypes_available
from simulator.scenario import Scenario
from simulator.site import UNITS, profiles_of
from simulator.spec import Archetype
from tests.simulator.support import (
    NOON_MS,
    at,
    client_of,
    discovered,
    network,
    opened,
    order,
    quiet,
    read_fields,
    still_fleet,
)

ARCHETYPES = archetypes_available()
# What a device cannot know as exactly as the world: steps of its registers in the point's unit.
COARSE = {"energy_wh": 100.0, "power_w": 10.0, "current_a": 0.2, "_c": 0.5, "soh_pct": 1.0, "soc_pct": 1.0}


def fleet_of(archetype: Archetype, sites: int = 1) -> Fleet:
    return still_fleet(build(sites, 7, (archetype,)))


def tolerance(point: str) -> float:
    return next((step for ending, step in COARSE.items() if point.endswith(ending)), 0.2)


def test_every_archetype_has_its_profile() -> None:
    assert set(ARCHETYPES) == set(Archetype)


@pytest.mark.parametrize("archetype", ARCHETYPES)
@pytest.mark.parametrize("device", UNITS)
async def test_an_edge_reads_the_worlds_truth(archetype: Archetype, device: str) -> None:
    fleet = fleet_of(archetype)
    site = fleet.sites[0]
    site.advance(NOON_MS + 120_000)
    async with opened(fleet), client_of(fleet, 0, device) as client:
        device_map = await discovered(client, profiles_of(site.spec)[device], UNITS[device])
        found = await read_fields(client, UNITS[device], device_map, device_map.fields)
    truth = site.truth()
    good = {point: reading.value for point, reading in found.items() if reading.value is not None}
    wanted = {"inverter": "battery.soc_pct", "meter": "grid.power_w", "relay": "tier1.closed"}[device]
    assert wanted in good
    states = {"battery.state", "inverter.state"}
    for point, value in good.items():
        assert point in truth, f"{point} = {value} is read, but the world does not know it"
        if point not in states:
            assert value == pytest.approx(truth[point], abs=tolerance(point)), point
    missing = {field.point for field in device_map.fields} - good.keys()
    assert not missing & truth.keys(), "these points have no good reading"


@pytest.mark.parametrize("archetype", ARCHETYPES)
async def test_an_outage_is_seen_in_the_registers(archetype: Archetype) -> None:
    fleet = fleet_of(archetype)
    site = fleet.sites[0]
    site.world.grid_up = False
    site.advance(NOON_MS + 10_000)
    async with opened(fleet), client_of(fleet, 0, "inverter") as client:
        device_map = await discovered(client, archetype.value, 1)
        unguarded = [field for field in device_map.fields if field.guard is None]
        found = await read_fields(client, 1, device_map, unguarded)
    assert found["inverter.islanded"].value == 1
    # SunSpec's model 103 has no word for an island in its state.
    assert found["inverter.state"].value in {InverterState.ISLANDED, InverterState.OPERATING}
    assert found["inverter.power_w"].value == pytest.approx(site.world.flows.load_w, abs=10)


@pytest.mark.parametrize("archetype", ARCHETYPES)
async def test_what_an_edge_writes_steers_the_world(archetype: Archetype) -> None:
    fleet = fleet_of(archetype)
    site = fleet.sites[0]
    async with opened(fleet), client_of(fleet, 0, "inverter") as client:
        device_map = await discovered(client, archetype.value, 1)
        registers = by_name(device_map.registers)
        controls = {control.kind: control for control in device_map.controls}
        for kind, given in {"reserve": {"soc_pct": 77.0}, "charge": {"power_w": 4_000.0, "soc_pct": 90.0}}.items():
            if kind in controls:
                await order(client, device_map, controls[kind], given)
                back = in_force(controls[kind], registers, site.devices["inverter"].registers())
                assert back is not None
                for argument, value in back.items():
                    assert value == pytest.approx(given[argument], abs=0.1 if argument == "soc_pct" else 30)
    if "reserve" in controls:
        assert site.world.controls.reserve_pct == pytest.approx(77, abs=0.5)
    if "charge" in controls:
        site.world.soc_pct = 50
        site.advance(NOON_MS + 5_000)
        assert site.world.flows.battery_w == pytest.approx(-4_000, abs=30)


async def test_a_relay_coil_sheds_its_tier() -> None:
    fleet = fleet_of(Archetype.HUAWEI)
    site = fleet.sites[0]
    before_w = site.world.flows.load_w
    async with opened(fleet), client_of(fleet, 0, "relay") as client:
        answer = await client.write_coil(3, False, device_id=3)
        assert not answer.isError()
        assert (await client.read_coils(0, count=8, device_id=3)).bits[:8] == [True] * 3 + [False] + [True] * 4
    site.advance(NOON_MS + 2_000)
    assert site.world.flows.carried == (True, True, True, False)
    assert site.world.flows.load_w < 0.8 * before_w


@pytest.mark.parametrize(
    ("device", "address"), [("inverter", 9), ("inverter", 65_530), ("meter", 9_999), ("relay", 50)]
)
async def test_an_address_that_is_not_there_is_illegal(device: str, address: int) -> None:
    fleet = fleet_of(Archetype.HUAWEI)
    async with opened(fleet), client_of(fleet, 0, device) as client:
        if device == "relay":
            answer = await client.read_coils(address, count=1, device_id=UNITS[device])
        else:
            answer = await client.read_holding_registers(address, count=2, device_id=UNITS[device])
        assert answer.exception_code == 2


async def test_only_controls_can_be_written_and_only_within_their_range() -> None:
    fleet = fleet_of(Archetype.HUAWEI)
    site = fleet.sites[0]
    reserve = by_name(site.devices["inverter"].device_map.registers)["reserve"].field
    async with opened(fleet), client_of(fleet, 0, "inverter") as client:
        assert (await client.write_register(32_080, 1, device_id=1)).exception_code == 2
        assert (await client.write_register(reserve.address, 60_000, device_id=1)).exception_code == 3
    assert site.world.controls.reserve_pct == site.spec.reserve_pct


async def test_a_unit_that_does_not_exist_stays_silent() -> None:
    fleet = fleet_of(Archetype.HUAWEI)
    async with opened(fleet), client_of(fleet, 0, "meter") as client:
        with pytest.raises(ModbusIOException):
            await client.read_input_registers(0, count=2, device_id=77)


async def test_a_silent_device_does_not_disturb_its_neighbour() -> None:
    fleet = fleet_of(Archetype.HUAWEI)
    fleet.sites[0].devices["meter"].set_fault(Fault(kind=FaultKind.SILENT))
    async with opened(fleet):
        async with client_of(fleet, 0, "meter") as client:
            with pytest.raises(ModbusIOException):
                await client.read_input_registers(0, count=2, device_id=2)
        async with client_of(fleet, 0, "relay") as client:
            assert not (await client.read_coils(0, count=8, device_id=3)).isError()


async def test_faults_deny_spoil_slow_and_freeze() -> None:
    fleet = fleet_of(Archetype.HUAWEI)
    site = fleet.sites[0]
    meter = site.devices["meter"]
    async with opened(fleet):
        async with client_of(fleet, 0, "meter") as client:
            device_map = await discovered(client, "sdm630", 2)
            fields = [field for field in device_map.fields if field.point == "grid.power_w"]
            meter.set_fault(Fault(kind=FaultKind.ILLEGAL, points=("grid.power_w",)))
            assert await read_fields(client, 2, device_map, fields) == {}
            meter.set_fault(Fault(kind=FaultKind.REFUSE))
            assert (await client.read_input_registers(0, count=2, device_id=2)).exception_code == 11
            meter.set_fault(Fault(kind=FaultKind.FROZEN))
            before = await read_fields(client, 2, device_map, fields)
            site.advance(NOON_MS + 3_600_000)
            assert await read_fields(client, 2, device_map, fields) == before
            meter.set_fault(Fault(kind=FaultKind.SLOW, delay_s=0.2))
            started_s = asyncio.get_running_loop().time()
            assert await read_fields(client, 2, device_map, fields) != before
            assert asyncio.get_running_loop().time() - started_s >= 0.2
        meter.set_fault(Fault(kind=FaultKind.GARBAGE))
        async with client_of(fleet, 0, "meter") as client:
            with pytest.raises(ModbusIOException):
                await client.read_input_registers(0, count=2, device_id=2)


async def test_an_inverter_that_refuses_shuts_its_port_until_it_is_mended() -> None:
    text = {
        "at": "+5s",
        "do": "fault",
        "device": "inverter",
        "kind": "refuse",
    }
    scenario = Scenario.model_validate(
        {**quiet().model_dump(), "steps": [text, {"at": "+9s", "do": "mend", "device": "inverter"}]}
    )
    fleet = still_fleet(build(1, 7), scenario=scenario)
    address = (fleet.network.host(0), fleet.network.inverter_port)
    async with opened(fleet):
        await at(fleet, 6)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        await at(fleet, 10)
        _, writer = await asyncio.open_connection(*address)
        writer.close()


async def test_a_huawei_inverter_stays_silent_about_its_meter_in_an_outage() -> None:
    fleet = fleet_of(Archetype.HUAWEI)
    site = fleet.sites[0]
    async with opened(fleet), client_of(fleet, 0, "inverter") as client:
        assert not (await client.read_holding_registers(37_113, count=2, device_id=1)).isError()
        site.world.grid_up = False
        site.advance(NOON_MS + 2_000)
        assert (await client.read_holding_registers(37_100, count=1, device_id=1)).registers == [0]
        with pytest.raises(ModbusIOException):
            await client.read_holding_registers(37_113, count=2, device_id=1)


async def test_thirty_sites_start_answer_and_leave_nothing_behind() -> None:
    fleet = still_fleet(build(30, 7))
    tasks_before = len(asyncio.all_tasks())
    await fleet.open()
    async with client_of(fleet, 29, "relay") as client:
        assert not (await client.read_coils(0, count=8, device_id=3)).isError()
    await fleet.close()
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) == tasks_before
    for index in (0, 29):
        for port in (fleet.network.inverter_port, fleet.network.gateway_port):
            with socket.socket() as probe:
                assert probe.connect_ex((fleet.network.host(index), port)) != 0


async def test_a_taken_address_is_told_and_nothing_stays_open() -> None:
    with socket.socket() as squatter:
        squatter.bind((network().host(1), network().gateway_port))
        squatter.listen()
        fleet = still_fleet(build(3, 7))
        with pytest.raises(OSError, match="cannot listen on"):
            await fleet.open()
    with socket.socket() as probe:
        assert probe.connect_ex((network().host(0), network().inverter_port)) != 0


def test_every_point_of_the_truth_is_in_the_contract_and_plausible() -> None:
    fleet = still_fleet(build(6, 7))
    for site in fleet.sites:
        for point, value in site.truth().items():
            assert POINTS[point].is_plausible(value), f"{site.spec.id} {point} = {value}"


def test_all_devices_of_the_city_can_show_any_hour_and_an_outage() -> None:
    fleet = still_fleet(build(182, 7))
    for hours in (0, 6, 10, 14):
        for number, site in enumerate(fleet.sites):
            site.world.step_ms = 60_000
            site.world.grid_up = (number + hours) % 3 > 0
            site.advance(NOON_MS + hours * 3_600_000)
            for device in site.devices.values():
                device.draw()
                words = device._image.values()
                assert words
                assert all(0 <= word <= 0xFFFF for word in words), f"{site.spec.id} {device.profile}"


def test_controls_begin_as_the_registers_say() -> None:
    fleet = still_fleet(build(40, 7))
    for site in fleet.sites:
        controls = site.world.controls
        assert controls.reserve_pct == site.spec.reserve_pct
        assert controls.forced_charge_w == 0
        assert controls.export_max_w >= site.spec.plant.inverter_w
        assert not controls.backup
        assert controls.closed == [True] * 8
