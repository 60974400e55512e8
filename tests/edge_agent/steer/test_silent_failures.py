"""Twelve ways in which a device says yes and does something else: each is caught, named, and verified no more."""

from __future__ import annotations

import pytest

from contract.steering import Mode, Reason, Stage
from simulator.planted import Planted
from tests.edge_agent.steer.house import House, house

PROVEN = {Stage.VERIFIED, Stage.HELD}


async def tried(it: House, seconds: float) -> None:
    await it.live(10)
    it.order(Mode.BACKUP)
    await it.live(seconds)


@pytest.mark.parametrize(
    ("fault", "family", "reason"),
    [
        (Planted.WRITE_IGNORED, "goodwe-et", Reason.WRITE_IGNORED),
        (Planted.WRITE_SCALED, "huawei-sun2000", Reason.WRONG_VALUE),
        (Planted.WRITE_HALF, "huawei-sun2000", Reason.PARTLY_WRITTEN),
        (Planted.WRITE_SWAPPED, "huawei-sun2000", Reason.WORDS_SWAPPED),
        (Planted.WRITE_SWALLOWED, "sungrow-sh", Reason.WRITE_LOST),
        (Planted.NO_EFFECT, "goodwe-et", Reason.PLANT_DISOBEYS),
        (Planted.STALE_ECHO, "goodwe-et", Reason.STALE_ECHO),
    ],
)
async def test_a_device_that_does_not_do_it_is_never_called_verified(
    fault: Planted, family: str, reason: Reason
) -> None:
    async with house(family, planted=[fault]) as it:
        if fault is Planted.WRITE_HALF:  # What stood there has other words than what is written, in both halves.
            assert not it.site.devices["inverter"].set_register("forcible_power", 80_000)
        await tried(it, 300)
        assert reason in it.log.reasons()
        assert not PROVEN.intersection(it.log.stages(1))
        assert (it.stage, it.said.mode) == (Stage.FAILED, Mode.BACKUP)


@pytest.mark.parametrize(
    ("fault", "family", "reason"),
    [
        (Planted.WRITE_REVERTS, "goodwe-et", Reason.FELL_BACK),
        (Planted.WRITE_REVERTS_77S, "goodwe-et", Reason.FELL_BACK),
        (Planted.WRITE_REVERTS_120S, "goodwe-et", Reason.FELL_BACK),
        (Planted.HEARTBEAT_STOPS, "victron-gx", Reason.HEARTBEAT_LOST),
        (Planted.HEARTBEAT_STOPS, "sma", Reason.HEARTBEAT_LOST),
    ],
)
async def test_a_device_that_falls_back_is_called_verified_no_more(fault: Planted, family: str, reason: Reason) -> None:
    async with house(family, planted=[fault]) as it:
        await tried(it, 900)
        assert reason in it.log.reasons()
        assert it.stage is Stage.REVERTED
        stages = it.log.stages(1)
        assert Stage.HELD not in stages
        assert not PROVEN.intersection(stages[stages.index(Stage.REVERTED) :])


async def test_a_zero_that_is_not_written_is_named() -> None:
    async with house("goodwe-et", planted=[Planted.ZERO_IGNORED]) as it:
        await tried(it, 60)
        assert it.stage is Stage.VERIFIED
        it.order(Mode.NORMAL, revision=2)
        await it.live(300)
        assert Reason.ZERO_NOT_WRITTEN in it.log.reasons()
        assert not PROVEN.intersection(it.log.stages(2))
        assert it.stage is Stage.FAILED


async def test_one_of_two_batteries_that_does_not_obey_is_named() -> None:
    async with house("goodwe-et", second=[Planted.NO_EFFECT]) as it:
        await tried(it, 300)
        assert not PROVEN.intersection(it.log.stages(1))
        last = it.said.receipt
        assert last is not None
        assert (last.stage, last.reason) == (Stage.FAILED, Reason.ONE_OF_SEVERAL)
        assert "inverter2: plant_disobeys" in last.detail
        assert it.said.devices["inverter"] in PROVEN
        assert it.said.devices["inverter2"] is Stage.FAILED


async def test_two_batteries_that_obey_are_verified() -> None:
    async with house("goodwe-et", second=[]) as it:
        await tried(it, 60)
        assert it.stage is Stage.VERIFIED


async def test_the_same_order_again_is_a_new_start_for_a_device_that_gave_up() -> None:
    async with house("goodwe-et") as it:
        device = it.site.devices["inverter"]
        write = device.write
        device.write = lambda table, address, words: None  # type: ignore[method-assign]
        await tried(it, 300)
        assert it.stage is Stage.FAILED
        device.write = write  # type: ignore[method-assign]  # Somebody has allowed remote control at the device.
        await it.live(900)
        assert it.stage is Stage.FAILED, "it has given up"
        it.order(Mode.BACKUP, revision=2)
        await it.live(120, until=lambda: it.stage is Stage.VERIFIED)
        assert it.stage is Stage.VERIFIED
        assert Stage.VERIFIED in it.log.stages(2)
