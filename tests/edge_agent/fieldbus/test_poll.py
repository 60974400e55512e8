"""The loop over real servers and over a line that is under the test's control."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise, product

import pytest

from contract.messages import EventKind
from contract.readings import DeviceReadings, Quality
from device_profiles.model import Block, Table
from edge_agent.core.schedule import Schedule, Tick
from edge_agent.io.bus import LinkDown, RegisterLine, TcpAddress, Unreachable
from edge_agent.io.modbus import ModbusLine
from edge_agent.poll import Bus, BusPoller, SitePoller
from tests.edge_agent.fieldbus.parts import FakeLine, Notebook, serving_tcp, unit_of
from tests.edge_agent.fieldbus.plants import registers_of, session
from tests.support import eventually, free_port

HYBRID = {
    "pv.power_w": 5000.0,
    "battery.power_w": -1000.0,
    "inverter.power_w": 3900.0,
    "inverter.islanded": 0.0,
    "grid.meter_online": 0.0,
}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def polling(
    *buses: Bus, interval_ms: int = 100, slow_every: int = 1000
) -> AsyncIterator[tuple[SitePoller, Notebook]]:
    notebook = Notebook()
    poller = SitePoller(
        buses, notebook, schedule=Schedule(interval_ms=interval_ms, slow_every=slow_every), now_ms=now_ms
    )
    task = asyncio.create_task(poller.run())
    try:
        yield poller, notebook
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled(), task


def tcp(port: int) -> ModbusLine:
    return ModbusLine(TcpAddress(host="127.0.0.1", port=port))


def good(row: DeviceReadings) -> bool:
    return any(reading.quality is Quality.GOOD for reading in row.readings)


def dark(row: DeviceReadings) -> bool:
    return all(reading.quality is Quality.TIMEOUT for reading in row.readings)


def has(notebook: Notebook, device: str, wanted: Callable[[DeviceReadings], bool], since_ms: int = 0) -> bool:
    return any(wanted(row) for row in notebook.rows(device) if row.taken_at_ms >= since_ms)


async def test_a_tick_is_one_entry_with_all_devices_and_the_derived_row() -> None:
    line = FakeLine({1: registers_of("huawei-sun2000", HYBRID), 2: registers_of("sdm630", {"grid.power_w": 300})})
    bus = Bus("b", line, [session("huawei-sun2000", device_id="inverter"), session("sdm630", 2, device_id="meter")])
    async with polling(bus) as (_, notebook):
        await eventually(lambda: len(notebook.entries) >= 5)
    first, *others = notebook.entries[:5]
    rows = ["inverter"] * 3 + ["meter"] * 2 + ["site"]
    assert [row.device for row in first] == rows, "with slow points, and what the inverter says once"
    for entry in others:
        assert [row.device for row in entry] == ["inverter", "meter", "site"]
    for entry in (first, *others):
        derived = {r.point: r.value for r in entry[-1].readings}
        assert derived == {"load.power_w": 4300, "balance.error_w": 100}
    assert notebook.events == []


async def test_slow_points_come_with_the_first_poll_of_each_slow_period() -> None:
    line = FakeLine({2: registers_of("sdm630")})
    async with polling(Bus("b", line, [session("sdm630", 2)]), interval_ms=40, slow_every=5) as (_, notebook):
        await eventually(lambda: len(notebook.entries) >= 17)
    polls = [[row for row in entry if row.device == "sdm630"] for entry in notebook.entries]
    fast, slow = ([reading.point for reading in row.readings] for row in polls[0])
    assert "grid.import_energy_wh" in slow, "the first poll reads everything"
    assert not set(fast) & set(slow)
    assert all([reading.point for reading in rows[0].readings] == fast for rows in polls), "one shape of fast row"
    full = [n for n, rows in enumerate(polls) if len(rows) == 2]
    assert {b - a for a, b in pairwise(full[1:])} == {5}


async def test_a_row_is_stamped_when_its_reading_begins_not_when_the_device_is_got_to_know() -> None:
    line = FakeLine({1: registers_of("huawei-sun2000", HYBRID)})
    asked_ms: list[int] = []

    async def slowly(_: int, __: Block) -> None:
        asked_ms.append(now_ms())
        await asyncio.sleep(0.03 if len(asked_ms) <= 2 else 0)

    line.before = slowly
    async with polling(Bus("b", line, [session("huawei-sun2000")]), interval_ms=500) as (_, notebook):
        await eventually(lambda: bool(notebook.entries))
    first = notebook.entries[0][0]
    assert asked_ms[1] - asked_ms[0] >= 30, "who it is was asked slowly"
    assert first.taken_at_ms >= asked_ms[1]


async def test_a_tick_every_interval_and_no_drift() -> None:
    port = free_port()
    bus = Bus("b", tcp(port), [session("sdm630", 2)])
    async with (
        serving_tcp(port, unit_of(2, registers_of("sdm630"))),
        polling(bus, interval_ms=50) as (poller, notebook),
    ):
        await asyncio.sleep(2.02)
        count = len({row.taken_at_ms for row in notebook.rows("sdm630")})
    assert 40 <= count + poller.ticks_skipped <= 41


async def test_a_device_that_dies_is_dark_in_every_tick_and_back_within_two_intervals() -> None:
    port = free_port()
    units = [unit_of(2, registers_of("sdm630", {"grid.power_w": 42}))]
    async with polling(Bus("b", tcp(port), [session("sdm630", 2)]), interval_ms=200) as (_, notebook):
        async with serving_tcp(port, *units):
            await eventually(lambda: has(notebook, "sdm630", good))
        died_ms = now_ms()
        await asyncio.sleep(1.3)
        async with serving_tcp(port, *units):
            back_ms = now_ms()
            await eventually(lambda: has(notebook, "sdm630", good, back_ms), timeout_s=2)
            first = next(row for row in notebook.rows("sdm630") if row.taken_at_ms >= back_ms and good(row))
            assert first.taken_at_ms - back_ms <= 450
        between = [row for row in notebook.rows("sdm630") if died_ms + 200 <= row.taken_at_ms < back_ms]
        assert len(between) >= 5
        assert all(dark(row) for row in between), "no stale value is told as fresh"
    assert notebook.kinds("sdm630")[:2] == [EventKind.DEVICE_LOST, EventKind.DEVICE_BACK]


async def test_a_dead_unit_costs_its_neighbours_a_tenth_at_most_and_is_probed() -> None:
    """Eight units on one gateway, one of them silent."""
    port, silent = free_port(), {8}
    units = [unit_of(n, registers_of("sdm630")) for n in range(1, 9)]
    sessions = [session("sdm630", n, device_id=f"m{n}") for n in range(1, 9)]
    bus = Bus("b", tcp(port), sessions)
    async with serving_tcp(port, *units, silent=silent), polling(bus, interval_ms=100) as (_, notebook):
        await eventually(lambda: EventKind.DEVICE_LOST in notebook.kinds("m8"))
        start = now_ms()
        await asyncio.sleep(4)
        took = now_ms() - start
        for n in range(1, 8):
            count = sum(good(row) for row in notebook.rows(f"m{n}") if row.taken_at_ms >= start)
            assert count >= took / 100 / 1.1 - 1, f"m{n}: {count} polls in {took} ms"
        silent.clear()
        await eventually(lambda: EventKind.DEVICE_BACK in notebook.kinds("m8"), timeout_s=10)
    assert {who for _, who, _ in notebook.events} == {"m8"}
    assert any(dark(row) for row in notebook.rows("m8"))


async def test_a_late_device_has_an_entry_of_its_own_and_does_not_hold_up_the_others() -> None:
    slow_line = FakeLine({2: registers_of("sdm630", {"grid.power_w": 300})})

    async def late(_: int, __: Block) -> None:
        await asyncio.sleep(0.04)

    slow_line.before = late
    fast = FakeLine({1: registers_of("huawei-sun2000", HYBRID)})
    buses = [Bus("a", fast, [session("huawei-sun2000")]), Bus("b", slow_line, [session("sdm630", 2)])]
    async with polling(*buses, interval_ms=200) as (_, notebook):
        await eventually(lambda: len(notebook.rows("site")) >= 4)
    devices = [[row.device for row in entry] for entry in notebook.entries[2:]]
    assert ["huawei-sun2000"] in devices
    assert ["sdm630", "site"] in devices
    assert all(r.value == 4300 for row in notebook.rows("site")[1:4] for r in row.readings if r.point == "load.power_w")


@pytest.mark.parametrize("lit", list(product([False, True], repeat=3)))
async def test_it_starts_with_any_of_its_devices_dark(lit: tuple[bool, ...]) -> None:
    ports = [free_port(), free_port()]
    names = ("inverter", "meter", "relay")
    buses = [
        Bus("a", tcp(ports[0]), [session("huawei-sun2000", 1, device_id="inverter")]),
        Bus("b", tcp(ports[1]), [session("sdm630", 2, device_id="meter"), session("relay", 3, device_id="relay")]),
    ]
    profiles = {"inverter": ("huawei-sun2000", 1), "meter": ("sdm630", 2), "relay": ("relay", 3)}
    up = [name for name, is_lit in zip(names, lit, strict=True) if is_lit]
    async with AsyncExitStack() as stack:
        for port, group in ((ports[0], names[:1]), (ports[1], names[1:])):
            units = [unit_of(profiles[n][1], registers_of(profiles[n][0])) for n in group if n in up]
            if units:
                await stack.enter_async_context(serving_tcp(port, *units))
        async with polling(*buses) as (_, notebook):
            for name in names:
                wanted = good if name in up else dark
                await eventually(lambda n=name, w=wanted: has(notebook, n, w), what=f"{name} {wanted.__name__}")  # type: ignore[misc]
            for name in set(names) - set(up):
                assert not has(notebook, name, good)


async def test_a_gateway_that_is_gone_is_connected_once_a_tick_and_all_its_units_are_back_at_once() -> None:
    registers = {n: registers_of("sdm630") for n in (1, 2, 3)}
    line = FakeLine(registers)
    gone = True

    async def unreachable(_: int, __: Block) -> None:
        if gone:
            raise Unreachable("no route")

    line.before = unreachable
    sessions = [session("sdm630", n, device_id=f"m{n}") for n in (1, 2, 3)]
    async with polling(Bus("b", line, sessions)) as (_, notebook):
        await eventually(lambda: len(notebook.rows("m3")) >= 10)
        assert line.requests <= len(notebook.rows("m3")) + 2
        gone, back_ms = False, now_ms()
        for n in (1, 2, 3):
            await eventually(lambda n=n: has(notebook, f"m{n}", good, back_ms), timeout_s=0.5)  # type: ignore[misc]


async def test_ticks_that_a_stuck_line_slept_through_are_named_in_one_entry() -> None:
    line = FakeLine({})

    async def stuck(_: int, __: Block) -> None:
        await asyncio.sleep(0.35)

    line.before = stuck
    sessions = [session("sdm630", n, device_id=f"m{n}") for n in (1, 2)]
    async with polling(Bus("b", line, sessions), interval_ms=50) as (poller, notebook):
        await eventually(lambda: len(notebook.rows("m1")) >= 12)
    named = [entry for entry in notebook.entries if len(entry) > 2]
    assert named, "several ticks in an entry"
    assert all(len({row.taken_at_ms for row in entry}) == len(entry) // 2 for entry in named)
    assert all(dark(row) for entry in named for row in entry)
    times = [row.taken_at_ms for row in notebook.rows("m1")]
    assert len(times) == len(set(times)), "no two rows of a device at one moment"
    assert poller.ticks_skipped >= 10


async def test_the_clock_is_looked_at_while_no_device_has_anything_to_say() -> None:
    line = FakeLine({})  # A SunSpec device that was never seen has no rows.
    async with polling(Bus("b", line, [session("sunspec")]), interval_ms=20) as (_, notebook):
        await eventually(lambda: notebook.looks >= 3)
    assert not notebook.entries


async def test_a_failure_that_nobody_foresaw_ends_the_poller() -> None:
    line = FakeLine({2: registers_of("sdm630")})

    async def broken(_: int, __: Block) -> None:
        raise ZeroDivisionError

    line.before = broken
    poller = SitePoller(
        [Bus("b", line, [session("sdm630", 2)])], Notebook(), schedule=Schedule(interval_ms=20), now_ms=now_ms
    )
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(poller.run(), 2)


async def test_grid_lost_and_back_are_told() -> None:
    registers = registers_of("huawei-sun2000", HYBRID)
    line = FakeLine({1: registers})
    async with polling(Bus("b", line, [session("huawei-sun2000")]), interval_ms=30) as (_, notebook):
        await eventually(lambda: len(notebook.entries) >= 3)
        registers |= registers_of("huawei-sun2000", {**HYBRID, "inverter.islanded": 1})
        await eventually(lambda: EventKind.GRID_LOST in notebook.kinds())
        registers |= registers_of("huawei-sun2000", HYBRID)
        await eventually(lambda: EventKind.GRID_BACK in notebook.kinds())
    assert notebook.kinds() == [EventKind.GRID_LOST, EventKind.GRID_BACK]


async def test_a_grid_that_flaps_for_a_day_is_told_less_often_and_its_last_state_in_any_case() -> None:
    registers, at_ms = registers_of("huawei-sun2000", HYBRID), 0
    notebook, line = Notebook(), FakeLine({1: registers})
    bus = Bus("b", line, [session("huawei-sun2000")])
    poller = SitePoller(
        [bus], notebook, schedule=Schedule(interval_ms=30_000), now_ms=now_ms, schedule_ms=lambda: at_ms
    )
    polling = BusPoller(poller, bus)
    polls = 86_400 // 30
    for number in range(polls):
        at_ms = number * 30_000
        await polling.poll(Tick(number, at_ms))
        registers[Table.HOLDING, 32004] ^= 1
    kinds = notebook.kinds()
    assert kinds[:4] == [EventKind.GRID_LOST, EventKind.GRID_BACK] * 2, "the first ones are told at once"
    assert len(kinds) <= 20 + 24 * 6 + 1
    at_ms += 600_000
    await polling.poll(Tick(polls, at_ms))
    told = [(kind, int(str(detail.get("changes", 1)))) for kind, _, detail in notebook.events]
    assert sum(changes for _, changes in told) == polls, "no change is left out of the count"
    assert told[-1][0] is (EventKind.GRID_LOST if registers[Table.HOLDING, 32004] & 1 else EventKind.GRID_BACK)


async def test_a_wrong_scale_shows_as_a_balance_that_is_off() -> None:
    registers = registers_of("huawei-sun2000", {**HYBRID, "pv.power_w": 50_000})
    line = FakeLine({1: registers})
    async with polling(Bus("b", line, [session("huawei-sun2000")]), interval_ms=20) as (_, notebook):
        await eventually(lambda: EventKind.BALANCE_OFF in notebook.kinds())
        registers |= registers_of("huawei-sun2000", HYBRID)
        await eventually(lambda: EventKind.BALANCE_OK in notebook.kinds())


def test_the_line_of_the_tests_is_a_line() -> None:
    line: RegisterLine = FakeLine({})
    assert line.requests == 0
    assert issubclass(Unreachable, LinkDown)
