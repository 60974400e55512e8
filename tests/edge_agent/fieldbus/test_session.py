"""One device: getting to know it, what it refuses, and blocks that stay silent."""

from __future__ import annotations

import pytest

from contract.readings import Quality, Reading
from device_profiles.model import Block, Table
from edge_agent.io.bus import BadAnswer, DeviceRefused, LinkDown
from edge_agent.session import DeviceSession, Polled
from tests.edge_agent.fieldbus.parts import FakeLine
from tests.edge_agent.fieldbus.plants import registers_of, session

PLANT = {"pv.power_w": 5000.0, "battery.power_w": -1000.0, "inverter.power_w": 3900.0, "battery.soc_pct": 55.0}


def value(polled: Polled, point: str) -> tuple[float | None, Quality]:
    reading = next(r for r in polled.readings if r.point == point)
    return reading.value, reading.quality


async def poll(device: DeviceSession, line: FakeLine, *, slow: bool = False, now_ms: int = 0) -> Polled:
    return await device.poll(line, slow=slow, now_ms=now_ms)


async def test_identity_is_read_once_and_every_poll_takes_the_planned_requests() -> None:
    line, device = FakeLine({1: registers_of("huawei-sun2000", PLANT)}), session("huawei-sun2000")
    first = await poll(device, line)
    assert first.is_new
    assert device.identity["model"].startswith("SUN2000")
    assert device.plans is not None
    line.asked.clear()
    second = await poll(device, line)
    assert not second.is_new
    assert [block for _, block in line.asked] == list(device.plans.fast.blocks)
    assert value(second, "pv.power_w") == (5000, Quality.GOOD)
    line.asked.clear()
    full = await poll(device, line, slow=True)
    assert [block for _, block in line.asked] == list(device.plans.full.blocks)
    assert len(full.readings) > len(second.readings)


async def test_sunspec_is_learnt_from_the_device_and_again_after_it_was_away() -> None:
    line, device = FakeLine({1: registers_of("sunspec")}), session("sunspec")
    assert device.points is None
    assert device.dark(slow=False) == (), "of a device that was never seen nobody knows the points"
    await poll(device, line)
    assert device.points
    assert device.dark(slow=False)
    before = line.requests
    await poll(device, line)
    usual = line.requests - before
    device.lost()
    before = line.requests
    assert (await poll(device, line)).is_new
    assert line.requests - before > usual


async def test_refused_registers_are_found_told_once_and_left_out_while_the_rest_is_read() -> None:
    registers = registers_of("huawei-sun2000", PLANT)
    del registers[Table.HOLDING, 37763]
    line, device = FakeLine({1: registers}), session("huawei-sun2000")
    first = await poll(device, line)
    assert first.refused == ("battery.voltage_v",)
    assert value(first, "battery.voltage_v") == (None, Quality.ILLEGAL_ADDRESS)
    assert value(first, "battery.power_w") == (-1000, Quality.GOOD), "the poll that met the refusal has its values"
    assert value(first, "battery.soc_pct") == (55, Quality.GOOD)
    line.asked.clear()
    second = await poll(device, line, now_ms=1000)
    assert second.refused is None
    assert [r.point for r in second.readings] == [r.point for r in first.readings], "the layout stays"
    assert not any(block.start <= 37763 < block.end for _, block in line.asked)


async def test_refused_registers_are_asked_again_and_come_back() -> None:
    registers = registers_of("huawei-sun2000", PLANT)
    kept = registers.pop((Table.HOLDING, 37763))
    line, device = FakeLine({1: registers}), session("huawei-sun2000")
    await poll(device, line)
    registers[Table.HOLDING, 37763] = kept
    assert value(await poll(device, line, now_ms=59_000), "battery.voltage_v")[0] is None
    assert value(await poll(device, line, now_ms=60_000), "battery.voltage_v")[1] is Quality.GOOD
    assert not device.refusals.points


async def test_a_device_that_was_away_is_asked_for_its_refused_registers_again() -> None:
    registers = registers_of("huawei-sun2000", PLANT)
    kept = registers.pop((Table.HOLDING, 37763))
    line, device = FakeLine({1: registers}), session("huawei-sun2000")
    await poll(device, line)
    registers[Table.HOLDING, 37763] = kept
    device.lost()
    assert value(await poll(device, line, now_ms=1000), "battery.voltage_v")[1] is Quality.GOOD


async def test_a_device_that_refuses_everything_is_asked_again_every_minute() -> None:
    line, device = FakeLine({2: {}}), session("sdm630", unit=2)
    for minute in range(4):
        polled = await poll(device, line, now_ms=minute * 60_000)
        assert {r.quality for r in polled.readings} == {Quality.ILLEGAL_ADDRESS}
    line.units[2] = registers_of("sdm630", {"grid.power_w": 7})
    assert value(await poll(device, line, now_ms=240_000), "grid.power_w") == (7, Quality.GOOD)


async def test_a_device_that_refuses_everything_is_still_asked_whether_it_is_there() -> None:
    line, device = FakeLine({2: {}}), session("sdm630", unit=2)
    await poll(device, line)
    line.asked.clear()
    await poll(device, line, now_ms=1000)
    assert len(line.asked) == 1
    line.units[2] = registers_of("sdm630", {"grid.power_w": 7})
    await poll(device, line, now_ms=2000)
    assert value(await poll(device, line, now_ms=3000), "grid.power_w") == (7, Quality.GOOD)
    device = session("sdm630", unit=2)
    line.units[2] = {}
    await poll(device, line)
    del line.units[2]
    with pytest.raises(LinkDown):
        await poll(device, line, now_ms=1000)


async def test_a_device_that_falls_silent_while_a_refused_block_is_split_is_not_called_dark() -> None:
    registers = registers_of("huawei-sun2000", PLANT)
    del registers[Table.HOLDING, 32085]
    line, device = FakeLine({1: registers}), session("huawei-sun2000")

    async def hang_up(_: int, block: Block) -> None:
        if 32069 <= block.start < 32090 and block.count < 20:  # Met only while its block is split.
            raise LinkDown("gone")

    line.before = hang_up
    await poll(device, line)
    for n in range(1, 4):
        polled = await poll(device, line, now_ms=n * 1000)
        assert value(polled, "battery.power_w") == (-1000, Quality.GOOD)
        assert value(polled, "inverter.power_w") == (None, Quality.TIMEOUT)
    line.asked.clear()
    await poll(device, line, now_ms=4000)
    assert not any(32069 <= block.start < 32090 for _, block in line.asked), "it is set aside like any silent block"
    line.before = None
    assert value(await poll(device, line, now_ms=60_000), "inverter.power_w") == (3900, Quality.GOOD)


async def test_a_device_that_is_mute_about_who_it_is_is_read_all_the_same() -> None:
    line, device = FakeLine({1: registers_of("huawei-sun2000", PLANT)}), session("huawei-sun2000")
    await poll(device, line)
    known = device.plans.full.blocks if device.plans else ()
    asked_once = {block for _, block in line.asked if block not in known}
    device = session("huawei-sun2000")

    async def mute(_: int, block: Block) -> None:
        if block in asked_once:
            raise LinkDown("no answer")

    line.before = mute
    with pytest.raises(LinkDown):
        await poll(device, line)  # It may well be the whole device: asking on would cost its neighbours.
    assert value(await poll(device, line, now_ms=1000), "pv.power_w") == (5000, Quality.GOOD)
    assert not device.identity
    device.lost()
    line.units.clear()
    line.asked.clear()
    with pytest.raises(LinkDown):
        await poll(device, line, now_ms=2000)
    assert len(line.asked) == 1, "a dark device costs one timeout"


async def test_a_busy_device_leaves_a_gap_in_that_block_only() -> None:
    line, device = FakeLine({1: registers_of("huawei-sun2000", PLANT)}), session("huawei-sun2000")
    await poll(device, line)

    async def busy(_: int, block: Block) -> None:
        if block.start == 37760:
            raise DeviceRefused(6, block)

    line.before = busy
    polled = await poll(device, line)
    assert value(polled, "battery.power_w") == (None, Quality.REFUSED)
    assert value(polled, "pv.power_w") == (5000, Quality.GOOD)
    assert not device.refusals.points


@pytest.mark.parametrize(("error", "quality"), [(LinkDown, Quality.TIMEOUT), (BadAnswer, Quality.MALFORMED)])
async def test_a_block_at_which_the_device_hangs_up_does_not_hide_the_others(
    error: type[LinkDown], quality: Quality
) -> None:
    line, device = FakeLine({1: registers_of("huawei-sun2000", PLANT)}), session("huawei-sun2000")
    await poll(device, line)

    async def hang_up(_: int, block: Block) -> None:
        if block.start == 32003:  # The very first one.
            raise error("gone")

    line.before = hang_up
    with pytest.raises(error):
        await poll(device, line)
    for n in range(3):
        polled = await poll(device, line, now_ms=n * 1000)
        assert value(polled, "battery.power_w") == (-1000, Quality.GOOD)
        assert value(polled, "inverter.islanded") == (None, quality)
    line.asked.clear()
    await poll(device, line, now_ms=3000)
    assert not any(block.start == 32003 for _, block in line.asked), "silent three times: asked less often"
    line.before = None
    assert value(await poll(device, line, now_ms=60_000), "inverter.islanded") == (0, Quality.GOOD)


async def test_a_device_that_was_dark_for_long_is_read_whole_as_soon_as_it_is_back() -> None:
    line, device = FakeLine({1: registers_of("huawei-sun2000", PLANT)}), session("huawei-sun2000")
    await poll(device, line)
    registers = line.units.pop(1)
    for n in range(30):
        with pytest.raises(LinkDown):
            await poll(device, line, now_ms=n * 1000)
    line.units[1] = registers
    polled = await poll(device, line, now_ms=30_000)
    assert {r.quality for r in polled.readings} <= {Quality.GOOD, Quality.NOT_AVAILABLE}


async def test_a_guarded_block_is_not_asked_while_its_guard_says_no() -> None:
    registers = registers_of("huawei-sun2000", {**PLANT, "grid.meter_online": 0})
    line, device = FakeLine({1: registers}), session("huawei-sun2000")
    polled = await poll(device, line)
    assert value(polled, "grid.power_w") == (None, Quality.NOT_AVAILABLE)
    assert not any(block.start <= 37113 < block.end for _, block in line.asked)


async def test_a_dark_row_has_the_points_of_the_poll() -> None:
    device = session("huawei-sun2000")
    dark = device.dark(slow=False)
    assert dark
    assert set(dark) == {Reading(r.point, None, Quality.TIMEOUT) for r in dark}


async def test_what_the_plant_is_without_is_never_asked() -> None:
    line = FakeLine({1: registers_of("huawei-sun2000", PLANT)})
    device = session("huawei-sun2000", without=["battery", "grid"])
    await poll(device, line)
    while_learning = len(line.asked)
    polled = await poll(device, line, slow=True)
    assert not any(r.point.startswith(("battery.", "grid.")) for r in polled.readings)
    assert len(line.asked) > while_learning
    assert not any(block.start >= 37758 and block.end < 37800 for _, block in line.asked[while_learning:])
