"""Scanning: real Modbus on loopback, every family, gateways, closed doors; slow, read-only, and stopped at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import pairwise

import pytest

from device_profiles.identify import Sureness, Verdict
from device_profiles.image import template
from device_profiles.load import load
from device_profiles.model import Table
from edge_agent.commissioning.identify import identify_unit
from edge_agent.commissioning.ports import questions, units_of
from edge_agent.commissioning.scan import PortFound, PortState, Scanner
from edge_agent.io.bus import LinkDown, RtuAddress, TcpAddress
from edge_agent.io.modbus import ModbusLine
from simulator.manners import Manners, manners_of
from simulator.server import SerialPort
from tests.edge_agent.commissioning.scan_parts import (
    HOST,
    PROFILES,
    Clock,
    Standing,
    listening,
    quick_line,
    reference,
    scanner,
)
from tests.edge_agent.fieldbus.parts import lying, tcp_reply
from tests.support import free_port


async def look_at(scan: Scanner, port: int) -> PortFound:
    """Scan one port that listens."""
    await scan.network([(HOST, (port,))])
    (found,) = scan.found.ports
    return found


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.id)
async def test_every_family_is_found_at_its_usual_unit_and_identified_without_a_write(profile: object) -> None:
    family = load(getattr(profile, "id", ""))
    unit, device = family.units[0], reference(family.id)
    async with listening({unit: device}) as port:
        found = await look_at(scanner(units=(250, unit)), port)
    assert unit in units_of(PROFILES), "tried without being named"
    (seen,) = found.units
    assert seen.unit == unit
    assert seen.identified is not None
    assert seen.identified.verdict is Verdict.ONE
    assert seen.identified.proposals[0].profile == family.id
    assert device.writes == []
    assert found.state is PortState.ANSWERS
    assert not found.is_gateway


async def test_a_gateway_with_several_units_is_told_as_one() -> None:
    units = {1: reference("sunspec"), 2: reference("sdm630"), 3: reference("relay")}
    async with listening(units, Manners(missing_unit=11)) as port:
        found = await look_at(scanner(all_units=True), port)
    assert found.is_gateway
    assert [(each.unit, each.identified.proposals[0].profile) for each in found.units if each.identified] == [
        (1, "sunspec"),
        (2, "sdm630"),
        (3, "relay"),
    ]
    others = questions(PROFILES, all_units=True).of
    assert found.gateway_answers == len(others) - 3, "the gateway says of every other unit that it does not answer"


async def test_a_device_that_answers_to_any_number_is_one_device() -> None:
    device = reference("huawei-sun2000")
    async with listening(dict.fromkeys((1, 2, 3), device)) as port:
        scan = scanner(units=(1, 2, 3))
        found = await look_at(scan, port)
    assert [each.same_as for each in found.units] == [None, 1, 1]
    assert scan.found.units == 1
    assert not found.is_gateway


async def test_a_port_without_units_a_silent_gateway_and_another_service_are_told_apart() -> None:
    async with listening({}) as port:
        assert (await look_at(scanner(units=(1, 2)), port)).state is PortState.NO_UNIT
    async with listening({}, Manners(missing_unit=10)) as port:
        assert (await look_at(scanner(units=(1, 2)), port)).state is PortState.GATEWAY_SILENT

    async def other(request: bytes) -> Iterable[bytes]:
        return [tcp_reply(request, [1] * 99)]

    port = free_port()
    async with lying(port, other):
        assert (await look_at(scanner(units=(1,)), port)).state is PortState.GARBLED


async def test_a_device_whose_only_connection_is_taken_is_told_as_such() -> None:
    async with listening({1: reference("huawei-sun2000")}, Manners(clients_max=1)) as port:
        _, other = await asyncio.open_connection(HOST, port)
        try:
            scan = scanner(units=(1, 2, 3, 4))
            found = await look_at(scan, port)
        finally:
            other.close()
    assert found.state is PortState.HUNG_UP
    assert found.hang_ups == 2, "it is not knocked at again and again"


async def test_a_host_that_refuses_is_noted_and_one_that_does_not_exist_is_not() -> None:
    scan = scanner()
    await scan.network([(HOST, (free_port(),))])
    assert scan.found.ports == []
    assert scan.found.shut == [HOST]


async def test_a_scan_keeps_its_rate_over_all_hosts_together() -> None:
    clock = Clock()
    device = reference("sdm630")
    async with listening({1: device}) as port:
        hosts = [(f"127.0.0.{n}", (free_port(),)) for n in range(2, 12)]
        pace = clock.pace(5.0)
        await scanner(pace=pace).network([*hosts, (HOST, (port,))])
    assert pace.turns >= len(hosts) + 1 + len(device.reads), "every connection and request waited for a turn"
    assert clock.now_s >= (pace.turns - 1) / 5.0 - 1e-6


async def test_turns_are_never_closer_than_the_rate_allows() -> None:
    clock = Clock()
    pace = clock.pace(20.0)
    times = []
    for n in range(50):
        await pace.turn()
        times.append(clock.now_s)
        clock.now_s += 0.3 if n % 7 == 0 else 0.0
    assert all(later - sooner >= 1 / 20 - 1e-9 for sooner, later in pairwise(times))


async def test_one_request_at_a_time_for_each_host() -> None:
    open_requests, most = 0, 0

    async def slow(request: bytes) -> Iterable[bytes]:
        nonlocal open_requests, most
        open_requests += 1
        most = max(most, open_requests)
        await asyncio.sleep(0)
        open_requests -= 1
        return [tcp_reply(request, [0] * int.from_bytes(request[10:12], "big"))]

    ports = (free_port(), free_port())
    async with lying(ports[0], slow), lying(ports[1], slow):
        scan = scanner(units=(1,), is_identifying=False)
        await scan.network([(HOST, ports)])
    assert len(scan.found.ports) == 2
    assert most == 1


async def test_what_was_found_is_there_after_a_stop_and_nothing_is_asked_any_more() -> None:
    asked = asyncio.Event()

    async def mute(_: bytes) -> Iterable[bytes]:
        asked.set()
        return []

    silent, device = free_port(), reference("sdm630")
    async with listening({1: device}) as port, lying(silent, mute):
        scan = scanner(units=(1,), timeout_s=60)
        task = asyncio.create_task(scan.network([(HOST, (port, silent))]))
        await asyncio.wait_for(asked.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        before = len(device.reads)
        await asyncio.sleep(0)
    first, second = scan.found.ports
    assert [each.unit for each in first.units] == [1]
    assert first.is_done
    assert not second.is_done
    assert len(device.reads) == before


@pytest.mark.parametrize("profile", ["sdm630", "relay", "sunspec"])
async def test_a_serial_line_is_found_and_identified(profile: str) -> None:
    device = reference(profile)
    line = SerialPort({7: device})
    await line.open()
    try:
        scan = scanner(units=(3, 7))
        await scan.serial(line.path, ((9_600, "N"), (19_200, "E")))
    finally:
        await line.close()
    (found,) = scan.found.ports
    assert isinstance(found.address, RtuAddress)
    assert found.address.baudrate == 9_600, "the first setting that answers is kept"
    (unit,) = found.units
    assert unit.unit == 7
    assert unit.identified is not None
    assert unit.identified.proposals[0].profile == profile
    assert device.writes == []


async def test_a_serial_port_that_is_not_there_is_told() -> None:
    scan = scanner(units=(1,))
    await scan.serial("/dev/does-not-exist", ((9_600, "N"), (19_200, "N")))
    ((port, _),) = scan.found.faults
    assert port == "/dev/does-not-exist"
    assert scan.found.ports == []


async def test_a_device_that_swallows_its_first_request_and_takes_one_client_is_identified() -> None:
    huawei = load("huawei-sun2000")

    def patient(address: TcpAddress | RtuAddress) -> ModbusLine:
        return ModbusLine(address, connect_delay_s=huawei.limits.connect_delay_s)

    async with listening({1: reference(huawei.id)}, manners_of(huawei)) as port:
        line = patient(TcpAddress(host=HOST, port=port))
        try:
            found = await identify_unit(line, 1, PROFILES, timeout_s=1.0)
        finally:
            line.close()
    assert found.best is not None
    assert found.best.profile == huawei.id
    assert found.best.sureness is Sureness.CERTAIN


async def test_a_unit_that_is_silent_where_others_refuse_is_still_identified() -> None:
    image = template("sdm630").image

    async def meter(request: bytes) -> Iterable[bytes]:
        start, count = int.from_bytes(request[8:10], "big"), int.from_bytes(request[10:12], "big")
        words = [image.get((Table.INPUT, at)) for at in range(start, start + count)]
        if request[7] != 4 or None in words:
            return []
        return [tcp_reply(request, [word for word in words if word is not None])]

    port = free_port()
    async with lying(port, meter):
        line = quick_line(TcpAddress(host=HOST, port=port))
        try:
            found = await identify_unit(line, 1, (load("sdm630"), load("relay"), load("goodwe-et")), timeout_s=0.1)
        finally:
            line.close()
    assert found.best is not None
    assert found.best.profile == "sdm630"


async def test_nobody_there_is_a_link_that_is_down() -> None:
    async with listening({}) as port:
        line = quick_line(TcpAddress(host=HOST, port=port))
        try:
            with pytest.raises(LinkDown):
                await identify_unit(line, 1, PROFILES, timeout_s=0.05)
        finally:
            line.close()


async def test_device_identification_is_asked_over_the_wire_when_registers_say_nothing() -> None:
    device = Standing({(Table.HOLDING, 5): 1}, {0: "Nobody Knows Ltd", 1: "NK-1", 2: "V1"})
    async with listening({1: device}) as port:
        line = quick_line(TcpAddress(host=HOST, port=port))
        try:
            found = await identify_unit(line, 1, PROFILES, timeout_s=0.5)
        finally:
            line.close()
    assert found.verdict is Verdict.NONE
    assert found.texts[0] == "Nobody Knows Ltd"


async def test_a_unit_that_refuses_every_register_is_there() -> None:
    scan = scanner(units=(200,))
    device = Standing({})
    async with listening({200: device}) as port:
        found = await look_at(scan, port)
    assert [each.unit for each in found.units] == [200], "a refusal is an answer"
    assert device.reads, "registers that a family keeps there were asked for"
    assert device.writes == []
