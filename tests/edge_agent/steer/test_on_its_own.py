"""What a shelter does when nobody can reach it: outage, return, reboot, and devices that nobody sees."""

from __future__ import annotations

from dataclasses import replace

from contract.steering import GridState, Mode, Source, Stage
from edge_agent.core.modes import Band, Policy
from edge_agent.core.standing import Phase, Position, Switch, recovery_delay_ms
from tests.edge_agent.steer.house import House, house


async def lose_grid(it: House) -> None:
    await it.live(20)
    it.grid(is_there=False)
    await it.live(60)


async def test_a_grid_that_is_lost_for_thirty_seconds_means_backup_within_one_poll() -> None:
    async with house() as it:
        await it.live(20)
        it.grid(is_there=False)
        lost_ms = it.clock.utc_ms
        await it.live(60, until=lambda: it.said.mode is Mode.BACKUP)
        assert 30_000 <= it.clock.utc_ms - lost_ms <= 37_000
        assert (it.said.source, it.said.grid, it.log.modes) == (Source.GRID_LOSS, GridState.LOST, ["backup"])
        await it.live(20)
        assert it.log.stages(0)[-1] is Stage.VERIFIED


async def test_a_flicker_changes_nothing() -> None:
    async with house() as it:
        await it.live(20)
        for _ in range(3):
            it.grid(is_there=False)
            await it.live(20)
            it.grid(is_there=True)
            await it.live(20)
        assert (it.said.mode, it.log.modes) == (Mode.NORMAL, [])


async def test_a_grid_that_is_back_has_to_prove_itself_and_the_site_waits_its_turn() -> None:
    async with house(soc_pct=20) as it:
        await lose_grid(it)
        it.grid(is_there=True)
        back_ms = it.clock.utc_ms
        await it.live(30)
        assert it.said.mode is Mode.BACKUP
        assert it.steerer.state.points.policy is Policy.REST
        await it.live(200)
        assert abs(it.site.world.flows.battery_w) < 200, "neither charged from the grid nor discharged any more"
        assert it.said.until_ms > it.clock.utc_ms
        delay_ms = recovery_delay_ms(it.own, 1, 900)
        await it.live(1_600, until=lambda: it.said.mode is Mode.RECOVERY)
        assert 600_000 + delay_ms <= it.clock.utc_ms - back_ms <= 612_000 + delay_ms
        await it.live(60)
        assert it.site.world.flows.battery_w < -1_000, "the reserve comes first"
        it.site.world.soc_pct = 31
        await it.live(60, until=lambda: it.said.mode is Mode.NORMAL)
        assert it.log.modes == ["backup", "recovery", "normal"]


async def test_a_grid_that_goes_again_starts_the_proof_anew() -> None:
    async with house() as it:
        await lose_grid(it)
        for _ in range(3):
            it.grid(is_there=True)
            await it.live(500)
            it.grid(is_there=False)
            await it.live(10)
        assert it.log.modes == ["backup"]


async def test_the_city_s_backup_holds_through_an_outage_and_after_it() -> None:
    async with house() as it:
        await it.live(10)
        it.order(Mode.BACKUP)
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        it.grid(is_there=False)
        await it.live(120)
        assert (it.said.mode, it.said.source, it.stage) == (Mode.BACKUP, Source.CITY, Stage.VERIFIED)
        it.grid(is_there=True)
        await it.live(1_700)
        assert it.log.modes == ["backup"]
        assert it.site.world.flows.battery_w < -1_000
        assert Stage.REVERTED not in it.log.stages(1)


async def test_normal_from_the_city_waits_until_the_grid_is_back() -> None:
    async with house() as it:
        await lose_grid(it)
        it.order(Mode.NORMAL)
        await it.live(60)
        assert (it.said.mode, it.said.source, it.said.revision) == (Mode.BACKUP, Source.GRID_LOSS, 1)
        assert it.log.stages(1) == [Stage.ACCEPTED]
        it.grid(is_there=True)
        await it.live(1_800, until=lambda: it.stage is Stage.VERIFIED and it.said.mode is Mode.NORMAL)
        assert it.log.stages(1)[-1] is Stage.VERIFIED


async def test_it_wakes_up_in_the_mode_in_which_it_fell_asleep() -> None:
    async with house() as it:
        await it.live(10)
        it.order(Mode.BACKUP)
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        written = len(it.log.receipts)
        it.wake_up()
        it.steerer.tick()
        assert it.said.mode is Mode.BACKUP
        assert it.stage is Stage.ACCEPTED, "what was verified before the reboot is not claimed before it is seen"
        await it.live(60)
        assert it.stage is Stage.VERIFIED
        assert len(it.log.receipts) == written, "nothing is told twice"


async def test_it_wakes_up_in_an_outage_and_stays_in_backup() -> None:
    async with house() as it:
        await lose_grid(it)
        it.wake_up()
        it.dark = set(it.sessions)
        await it.live(120)
        assert (it.said.mode, it.said.grid) == (Mode.BACKUP, GridState.UNKNOWN)
        assert it.steerer.state.kept.phase is Phase.OUTAGE


async def test_what_nobody_sees_is_never_an_outage() -> None:
    async with house() as it:
        await it.live(20)
        it.dark = {"inverter", "meter", "relay"}
        await it.live(300)
        assert (it.said.mode, it.said.grid) == (Mode.NORMAL, GridState.UNKNOWN)
        it.dark = {"inverter", "meter"}
        await it.live(300)
        assert (it.said.mode, it.said.grid) == (Mode.NORMAL, GridState.METER_DARK)


async def test_an_order_for_a_dark_device_fails_and_is_done_when_it_is_back() -> None:
    async with house() as it:
        await it.live(10)
        it.dark = {"inverter"}
        await it.live(20)
        it.order(Mode.BACKUP)
        await it.live(120)
        assert it.log.stages(1)[-1] is Stage.FAILED
        it.dark = set()
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        assert it.log.stages(1)[-1] is Stage.VERIFIED


async def test_a_device_that_goes_dark_is_not_claimed_to_hold() -> None:
    async with house() as it:
        await it.live(10)
        it.order(Mode.BACKUP)
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        it.dark = {"inverter"}
        await it.live(120)
        assert it.stage is Stage.REVERTED
        it.dark = set()
        await it.live(120)
        assert it.stage is Stage.VERIFIED


async def test_isolated_stays_off_whatever_the_grid_does() -> None:
    async with house() as it:
        await it.live(10)
        it.order(Mode.ISOLATED)
        await it.live(60)
        assert it.said.mode is Mode.ISOLATED
        assert it.stage is Stage.WAITING
        assert "ブレーカー" in it.said.by_hand_ja
        assert not any(it.said.tiers_closed)
        it.grid(is_there=False)
        await it.live(120)
        it.grid(is_there=True)
        await it.live(120)
        assert it.log.modes == ["isolated"]
        it.switch = Switch(position=Position.BACKUP)
        await it.live(20)
        assert it.said.mode is Mode.ISOLATED, "the interlock has more say than the switch on site"
        it.switch = Switch(position=Position.BACKUP, lifts_isolation=True, at_ms=1)
        await it.live(20)
        assert (it.said.mode, it.said.source) == (Mode.BACKUP, Source.LOCAL_SWITCH)
        it.order(Mode.ISOLATED, revision=2)
        await it.live(20)
        assert it.said.mode is Mode.ISOLATED, "a newer order counts again"


async def test_the_switch_on_site_has_more_say_than_the_city_and_the_city_sees_it() -> None:
    async with house() as it:
        await it.live(10)
        it.switch = Switch(position=Position.BACKUP)
        await it.live(30)
        it.order(Mode.NORMAL)
        await it.live(30)
        assert (it.said.mode, it.said.source) == (Mode.BACKUP, Source.LOCAL_SWITCH)
        assert [(r.stage, r.reason.value) for r in it.log.receipts if r.revision == 1 and not r.device] == [
            (Stage.ACCEPTED, ""),
            (Stage.REFUSED, "local_switch"),
        ]
        it.switch = Switch(position=Position.AUTO)
        await it.live(90)
        assert (it.said.mode, it.stage) == (Mode.NORMAL, Stage.VERIFIED)


async def test_a_technician_s_lock_out_leaves_everything_as_it_is() -> None:
    async with house() as it:
        await it.live(10)
        it.switch = Switch(position=Position.MAINTENANCE)
        it.order(Mode.BACKUP)
        before = it.site.devices["inverter"].registers()
        it.grid(is_there=False)
        await it.live(60)
        it.grid(is_there=True)
        await it.live(30)
        assert (it.said.mode, it.said.source) == (Mode.MAINTENANCE, Source.LOCK_OUT)
        assert it.log.stages(1)[-1] is Stage.REFUSED
        controls = it.site.devices["inverter"].device_map.registers
        now = it.site.devices["inverter"].registers()
        assert all(now[r.block.table, r.block.start] == before[r.block.table, r.block.start] for r in controls)


async def test_a_drill_is_judged_and_writes_nothing() -> None:
    async with house() as it:
        await it.live(10)
        before = {
            r.name: it.site.devices["inverter"].value_of(r.name)
            for r in it.site.devices["inverter"].device_map.registers
        }
        it.order(Mode.BACKUP, is_drill=True)
        await it.live(120)
        receipt = [r for r in it.log.receipts if r.revision == 1][-1]
        assert (receipt.stage, receipt.reason.value) == (Stage.REFUSED, "drill")
        assert "reserve 100 %" in receipt.detail
        assert (it.said.mode, it.said.is_drill, it.said.revision) == (Mode.NORMAL, True, 1)
        after = {name: it.site.devices["inverter"].value_of(name) for name in before}
        assert after == before


async def test_a_live_drill_switches() -> None:
    async with house() as it:
        await it.live(10)
        it.order(Mode.BACKUP, is_drill=True, is_live_drill=True)
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        assert (it.said.mode, it.stage) == (Mode.BACKUP, Stage.VERIFIED)


async def test_at_the_floor_every_tier_is_shed_and_comes_back_with_the_sun() -> None:
    async with house(soc_pct=14) as it:
        it.tiers = replace(it.tiers, entered_w=(800.0, 1_500.0, 3_000.0, 6_000.0))
        it.rated_w = 9_900.0
        it.wake_up()
        await it.live(20)
        it.grid(is_there=False)
        await it.live(60)
        assert any(it.said.tiers_closed)
        it.site.world.soc_pct = 9.0
        await it.live(60)
        assert it.steerer.state.band is Band.FLOOR
        assert not any(it.said.tiers_closed)
        it.site.world.soc_pct = 40.0
        await it.live(120)
        assert it.said.tiers_closed[0], "the critical tier comes back first"


async def test_a_person_has_to_switch_and_is_asked_until_it_is_done() -> None:
    async with house(by_hand=("自立運転へ切り替え", "Switch to stand-alone")) as it:
        await it.live(20)
        world = it.site.world
        world.secured_output_broken = True
        it.grid(is_there=False)
        await it.live(90)
        assert (it.said.mode, it.stage) == (Mode.BACKUP, Stage.WAITING)
        assert it.said.by_hand_en == "Switch to stand-alone"
        world.secured_output_broken = False
        world.touch()
        await it.live(30)
        assert it.stage is Stage.VERIFIED
        assert it.said.by_hand_en == ""
