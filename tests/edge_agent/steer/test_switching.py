"""From a signed desired state to a plant that obeys, on every family that can be ordered."""

from __future__ import annotations

import pytest

from contract.steering import GridState, Mode, Source, Stage
from edge_agent.core.modes import Policy
from tests.edge_agent.steer.house import house

FAMILIES = ("goodwe-et", "huawei-sun2000", "sunspec", "sungrow-sh", "sma", "solaredge", "fronius-gen24", "victron-gx")


@pytest.mark.parametrize("family", FAMILIES)
async def test_backup_is_ordered_verified_held_and_released(family: str) -> None:
    async with house(family) as it:
        await it.live(10)
        it.order(Mode.BACKUP)
        await it.live(120, until=lambda: it.stage is Stage.VERIFIED)
        assert it.stage is Stage.VERIFIED
        assert it.said.mode is Mode.BACKUP
        assert it.site.world.flows.battery_w <= 0
        await it.live(700, until=lambda: it.stage is Stage.HELD)
        assert it.log.stages(1)[-1] is Stage.HELD
        it.order(Mode.NORMAL, revision=2)
        await it.live(400, until=lambda: it.stage is Stage.VERIFIED)
        assert it.stage is Stage.VERIFIED
        assert it.site.world.flows.battery_w >= 0
        assert (it.said.mode, it.said.source, it.said.grid) == (Mode.NORMAL, Source.CITY, GridState.PRESENT)


async def test_storm_watch_fills_the_battery_and_then_holds_it() -> None:
    async with house(soc_pct=88) as it:
        await it.live(10)
        it.order(Mode.STORM_WATCH, target_pct=90)
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        assert it.site.world.flows.battery_w < -5_000
        await it.live(600, until=lambda: it.steerer.state.points.policy is Policy.HOLD)
        await it.live(1_500)
        assert it.steerer.state.points.policy is Policy.HOLD
        assert abs(it.site.world.flows.battery_w) < 200
        assert it.site.world.controls.reserve_pct == 90
        assert not it.site.world.controls.backup, "that is for backup alone"
        assert Stage.REVERTED not in it.log.stages(1)


async def test_a_newer_order_takes_the_place_of_one_that_is_under_way() -> None:
    async with house("huawei-sun2000") as it:
        await it.live(10)
        it.order(Mode.BACKUP)
        await it.live(1)
        it.order(Mode.NORMAL, revision=2)
        await it.live(120, until=lambda: it.stage is Stage.VERIFIED)
        assert (it.said.mode, it.said.revision) == (Mode.NORMAL, 2)
        assert it.site.world.controls.reserve_pct == 30
        assert not it.site.world.controls.forced_charge_w


async def test_what_holds_is_not_written_again() -> None:
    async with house() as it:
        await it.live(10)
        it.order(Mode.BACKUP)
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        written: list[int] = []
        device = it.site.devices["inverter"]
        write = device.write
        device.write = lambda table, address, words: (written.append(address), write(table, address, words))[1]  # type: ignore[method-assign]
        await it.live(900)
        it.wake_up()
        await it.live(100)
        assert it.stage is Stage.VERIFIED
        await it.live(600)
        assert it.stage is Stage.HELD
        assert written == []


async def test_an_export_limit_is_put_back_as_it_stood() -> None:
    async with house() as it:
        device = it.site.devices["inverter"]
        device.set_register("export_limit", 4_000)
        device.set_register("export_limit_on", 1)
        await it.live(10)
        it.order(Mode.BACKUP, export_limit_w=0)
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        assert device.value_of("export_limit") == 0
        it.order(Mode.NORMAL, revision=2)
        await it.live(200, until=lambda: it.stage is Stage.VERIFIED)
        assert (device.value_of("export_limit"), device.value_of("export_limit_on")) == (4_000, 1)
