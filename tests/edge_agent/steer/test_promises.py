"""Ways in which a promise of disaster mode could be broken: clocks, the switch on site, orders that overtake others."""

from __future__ import annotations

import asyncio

import pytest

from contract.messages import Event, EventKind
from contract.steering import Desired, Mode, Reason, Receipt, Source, Stage, receipt_detail, receipt_of
from device_profiles.load import load
from device_profiles.model import Control
from edge_agent.core.dating import dated
from edge_agent.core.interlocks import Reason as No
from edge_agent.core.interlocks import Rules, View, may_release
from edge_agent.core.receipts import Part, Told, tell
from edge_agent.core.standing import Kept, Position, Switch, turned
from edge_agent.core.telling import Teller
from tests.edge_agent.steer.house import NIGHT_MS, house

DAY_MS = 86_400_000
SITE = "E0000000001111"
HELD, BROKEN = Part(stage=Stage.HELD), Part(stage=Stage.FAILED, reason=Reason.FELL_BACK)
WATER_GONE = Switch(position=Position.AUTO, at_ms=NIGHT_MS, lifts_isolation=True, by="someone")


def newest(receipts: list[Receipt]) -> Receipt:
    """As the city reads them: by their time."""
    return max(receipts, key=lambda receipt: receipt.at_ms)


def wanted(mode: Mode, revision: int = 1) -> Desired:
    return Desired(site=SITE, revision=revision, issued_ms=1, expires_ms=2, mode=mode)


def test_a_clock_that_was_set_back_puts_no_receipt_before_the_proof() -> None:
    told, proof = tell(Told(), 7, HELD, {}, NIGHT_MS)
    _, bad = tell(told, 7, BROKEN, {}, NIGHT_MS - DAY_MS)
    assert newest([*proof, *bad]).stage is Stage.REVERTED


async def test_nor_does_a_reboot_in_between() -> None:
    async with house() as it:
        await it.live(10)
        it.order(Mode.BACKUP)
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        it.dark = {"inverter"}
        it.clock.wrong_ms = -3_600_000
        it.wake_up()
        await it.live(120)
        assert newest([r for r in it.log.receipts if r.revision == 1 and not r.device]).stage is Stage.REVERTED


@pytest.mark.parametrize(
    ("wrong_ms", "reason"), [(-DAY_MS, Reason.FROM_THE_FUTURE), (DAY_MS, Reason.EXPIRED)], ids=["behind", "ahead"]
)
async def test_what_a_wrong_clock_refused_is_taken_when_the_clock_is_right(wrong_ms: int, reason: Reason) -> None:
    async with house() as it:
        await it.live(10)
        it.clock.wrong_ms = wrong_ms
        it.order(Mode.BACKUP)
        await it.live(60)
        assert [r.reason for r in it.log.receipts] == [reason], "it is told once"
        assert it.said.mode is Mode.NORMAL
        it.clock.wrong_ms = 0
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        assert (it.said.mode, it.said.revision) == (Mode.BACKUP, 1)


async def test_an_older_order_that_waited_for_its_time_does_not_take_the_place_of_a_newer_one() -> None:
    async with house() as it:
        await it.live(10)
        it.clock.wrong_ms = -DAY_MS
        it.order(Mode.ISOLATED, revision=5)
        it.clock.wrong_ms = 0
        it.order(Mode.NORMAL, revision=6)
        await it.live(60)
        assert (it.said.mode, it.said.revision) == (Mode.NORMAL, 6)


@pytest.mark.parametrize(("told_ms", "shown_ms"), [(35_000, NIGHT_MS), (NIGHT_MS - 5, NIGHT_MS - 5)])
def test_a_receipt_from_before_the_time_was_known_gets_it_when_it_is_sent(told_ms: int, shown_ms: int) -> None:
    receipt = Receipt(revision=1, stage=Stage.REVERTED, at_ms=told_ms)
    event = Event(epoch="e", seq=1, at_ms=told_ms, kind=EventKind.RECEIPT, detail={**receipt_detail(receipt)})
    assert receipt_of(dated(event, NIGHT_MS).detail).at_ms == shown_ms
    assert dated(event, NIGHT_MS).at_ms == NIGHT_MS


def test_what_was_proven_of_one_mode_is_not_shown_with_another() -> None:
    teller, storm = Teller(Told()), wanted(Mode.STORM_WATCH)
    teller.taken(Receipt(revision=1, stage=Stage.ACCEPTED, at_ms=1))
    stormy = Kept(desired=storm, revision=1, mode=Mode.STORM_WATCH, source=Source.CITY)
    teller.news(stormy, HELD, {}, 2)
    teller.mode_changed()
    alone = Kept(desired=storm, revision=1, mode=Mode.BACKUP, source=Source.GRID_LOSS)
    teller.news(alone, HELD, {}, 3)
    assert teller.receipt is not None
    assert (teller.receipt.revision, teller.receipt.stage) == (0, Stage.HELD)
    teller.mode_changed()
    teller.news(stormy, Part(), {}, 4)
    assert teller.receipt is None, "storm watch again, and nothing of it was seen yet"
    teller.news(stormy, HELD, {}, 5)
    assert teller.receipt is not None
    assert (teller.receipt.revision, teller.receipt.stage) == (1, Stage.HELD)


async def test_a_shelter_on_its_own_keeps_its_proof_when_the_city_stands_down() -> None:
    async with house() as it:
        await it.live(10)
        it.order(Mode.STORM_WATCH)
        it.grid(is_there=False)
        await it.live(120, until=lambda: it.said.mode is Mode.BACKUP and it.stage is Stage.VERIFIED)
        it.order(Mode.NORMAL, revision=2)
        await it.live(60, until=lambda: it.said.receipt is not None and it.said.receipt.revision == 0)
        await it.live(10)
        assert (it.said.mode, it.said.source, it.said.revision) == (Mode.BACKUP, Source.GRID_LOSS, 2)
        assert it.said.receipt is not None
        assert (it.said.receipt.revision, it.stage) == (0, Stage.VERIFIED)


async def test_the_city_is_told_that_somebody_lifted_the_isolation() -> None:
    async with house() as it:
        await it.live(10)
        it.order(Mode.ISOLATED)
        await it.live(30)
        it.switch = WATER_GONE
        await it.live(30)
        assert it.said.mode is Mode.NORMAL
        last = newest([r for r in it.log.receipts if r.revision == 1 and not r.device])
        assert (last.stage, last.reason) == (Stage.REFUSED, Reason.LOCAL_SWITCH)


async def test_a_lifted_isolation_is_lifted_once() -> None:
    async with house() as it:
        await it.live(10)
        it.order(Mode.ISOLATED)
        it.switch = WATER_GONE
        await it.live(10)
        assert it.said.mode is Mode.NORMAL
        it.order(Mode.ISOLATED, revision=2)
        await it.live(10)
        it.switch = Switch(position=Position.MAINTENANCE, at_ms=NIGHT_MS, lifts_isolation=True, by="control test")
        await it.live(10)
        it.wake_up()
        it.switch = WATER_GONE
        await it.live(10)
        assert it.said.mode is Mode.ISOLATED, "the water came after somebody had said that it is gone"


def test_another_turn_that_lifts_counts_again() -> None:
    kept = turned(Kept(lift_ms=WATER_GONE.at_ms, is_lift_spent=True), WATER_GONE)
    assert not kept.switch.lifts_isolation
    later = Switch(position=Position.AUTO, at_ms=NIGHT_MS + 1, lifts_isolation=True)
    assert turned(kept, later).switch.lifts_isolation


def block_of(family: str) -> Control:
    return next(c for ways in load(family).controls for c in ways if c.kind == "discharge_block")


@pytest.mark.parametrize(("soc_pct", "no"), [(9.0, No.BELOW_FLOOR), (None, No.BLIND), (11.0, None)])
def test_a_battery_below_its_floor_is_not_released_by_writing_back_either(soc_pct: float | None, no: No | None) -> None:
    control = block_of("huawei-sun2000")
    assert not control.off, "what stood there is its only release"
    seen = View(taken_ms=0, values={} if soc_pct is None else {"battery.soc_pct": soc_pct})
    refused = may_release(control, seen, Rules(floor_pct=10))
    assert (refused and refused.reason) == no
    assert may_release(control, None, Rules()) is not None
    isolated = may_release(control, seen, Rules(is_isolated=True))
    assert isolated is not None
    assert isolated.reason is No.ISOLATED


async def test_what_was_under_way_when_the_mode_changed_is_released() -> None:
    async with house() as it:
        await it.live(10)
        device = it.steerer.batteries["inverter"]
        await it.live(5)
        it.order(Mode.STORM_WATCH)
        begun, go_on = asyncio.Event(), asyncio.Event()
        order = device.order

        async def slow(*given: object) -> object:
            device.order = order  # type: ignore[method-assign]
            begun.set()
            await go_on.wait()
            return await order(*given)  # type: ignore[arg-type]

        device.order = slow  # type: ignore[method-assign,assignment]
        acting = asyncio.create_task(it.steerer.act("inverter"))
        await begun.wait()
        it.order(Mode.ISOLATED, revision=2)
        await it.poll()
        go_on.set()
        await acting
        await it.live(90)
        assert it.said.mode is Mode.ISOLATED
        assert "charge" not in device.held
