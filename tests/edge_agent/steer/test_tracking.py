"""A device on its way through an order, move by move."""

from __future__ import annotations

import pytest

from contract.steering import Reason, Stage
from edge_agent.core.effects import Verdict
from edge_agent.core.receipts import Part, Told, merged, tell
from edge_agent.core.tracking import (
    Came,
    Check,
    Idle,
    Order,
    Peek,
    Timing,
    Track,
    after_check,
    after_order,
    came_back,
    gone_dark,
    look,
    next_step,
)
from edge_agent.core.wanted import DeviceOrder

T = Timing()
RESERVE, CHARGE = DeviceOrder(kind="reserve", arguments={"soc_pct": 90}), DeviceOrder(kind="charge")
GOOD = Came(is_good=True, writes=1)


def written(now_ms: int = 1_000, **more: object) -> Track:
    """A track whose two orders have been carried out."""
    track = Track(number=1, orders=(RESERVE, CHARGE), refresh_s={}, began_ms=0, **more)  # type: ignore[arg-type]
    for _ in track.orders:
        step = next_step(track, T, now_ms)
        assert isinstance(step, Order)
        track = after_order(track, step, GOOD, T, now_ms)
    return track


def verified(now_ms: int = 1_000) -> Track:
    track = look(written(now_ms), Verdict.FOLLOWS, T, now_ms + 500)
    track = look(track, Verdict.FOLLOWS, T, now_ms + 1_000)
    assert track.stage is Stage.VERIFIED
    return track


def test_orders_go_one_by_one_and_then_the_plant_is_looked_at() -> None:
    track = written()
    assert (track.stage, track.part.writes) == (Stage.READ_BACK, 2)
    assert next_step(track, T, 1_100) == Idle(1_400)
    assert next_step(track, T, 1_400) == Peek()


def test_what_was_seen_before_the_write_proves_nothing() -> None:
    track = look(written(), Verdict.FOLLOWS, T, 1_000)
    assert track == written()
    assert look(track, Verdict.FOLLOWS, T, 1_001).stage is Stage.READ_BACK, "one look is none"


def test_ten_minutes_and_a_late_check_make_held() -> None:
    track = verified()
    at_ms = 1_000
    for after_s in T.checks_s:
        at_ms = 1_000 + round(after_s * 1000)
        assert isinstance(next_step(track, T, at_ms), Check)
        track = after_check(track, holds=True, timing=T, now_ms=at_ms)
        assert look(track, Verdict.FOLLOWS, T, at_ms).stage is Stage.VERIFIED
    assert look(track, Verdict.FOLLOWS, T, at_ms + 1_001).stage is Stage.HELD


def test_too_soon_is_no_failure() -> None:
    track = Track(number=1, orders=(RESERVE,), refresh_s={}, began_ms=0)
    track = after_order(track, Order(RESERVE), Came(is_good=False, wait_s=40), T, 0)
    assert (track.tries, next_step(track, T, 0)) == (0, Idle(40_001))
    assert next_step(track, T, 40_001) == Order(RESERVE)


def test_tries_are_limited_and_each_is_told() -> None:
    track, now_ms = Track(number=1, orders=(RESERVE,), refresh_s={}, began_ms=0), 0
    failed = Came(is_good=False, reason=Reason.WRITE_IGNORED)
    for _ in range(len(T.retries_s) + 1):
        step = next_step(track, T, now_ms)
        assert isinstance(step, Order)
        track = after_order(track, step, failed, T, now_ms)
        assert (track.stage, track.part.reason) == (Stage.FAILED, Reason.WRITE_IGNORED)
        now_ms = track.retry_ms or now_ms
    assert next_step(track, T, 10**9) == Idle(None)


def test_what_passes_by_itself_is_tried_for_as_long_as_it_lasts() -> None:
    track, now_ms = Track(number=1, orders=(RESERVE,), refresh_s={}, began_ms=0), 0
    for _ in range(20):
        step = next_step(track, T, now_ms)
        assert isinstance(step, Order)
        track = after_order(track, step, Came(is_good=False, reason=Reason.SOC_BELOW_FLOOR), T, now_ms)
        assert track.retry_ms is not None
        now_ms = track.retry_ms


@pytest.mark.parametrize(
    ("holds", "reason"), [(True, Reason.PLANT_DISOBEYS), (False, Reason.STALE_ECHO), (None, Reason.PLANT_DISOBEYS)]
)
def test_a_plant_that_never_followed_is_told_by_what_its_registers_say(holds: bool | None, reason: Reason) -> None:
    track = written()
    for at_ms in (2_000, 30_000, 61_001):
        track = look(track, Verdict.DISOBEYS, T, at_ms)
    assert track.check_now
    track = after_check(track, holds, T, 61_001)
    assert (track.stage, track.part.reason) == (Stage.FAILED, reason)


def test_a_register_that_fell_back_is_told_and_believed_later() -> None:
    track = after_check(verified(), holds=False, timing=T, now_ms=21_000, detail="reserve holds 30 %")
    assert (track.stage, track.part.reason) == (Stage.REVERTED, Reason.FELL_BACK)
    again = written(30_000, part=track.part, fell_back=True, verified_ms=track.verified_ms)
    again = look(look(again, Verdict.FOLLOWS, T, 31_000), Verdict.FOLLOWS, T, 90_000)
    assert again.stage is Stage.REVERTED
    assert look(again, Verdict.FOLLOWS, T, 31_000 + 600_000).stage is Stage.VERIFIED


def test_a_heartbeat_is_told_again_and_its_loss_named() -> None:
    track = Track(number=1, orders=(CHARGE,), refresh_s={"charge": 60.0}, began_ms=0)
    track = after_order(track, Order(CHARGE), GOOD, T, 0)
    track = look(look(track, Verdict.FOLLOWS, T, 500), Verdict.FOLLOWS, T, 1_000)
    track = after_check(track, holds=True, timing=T, now_ms=20_000)
    track = after_check(track, holds=True, timing=T, now_ms=60_000)
    step = next_step(track, T, 60_000)
    assert step == Order(CHARGE, is_refresh=True)
    refreshed = after_order(track, Order(CHARGE, is_refresh=True), GOOD, T, 60_000)
    assert refreshed.refreshed_ms == 60_000
    lost = after_order(track, Order(CHARGE, is_refresh=True), Came(is_good=False, reason=Reason.DEVICE_DARK), T, 60_000)
    assert (lost.stage, lost.part.reason) == (Stage.REVERTED, Reason.HEARTBEAT_LOST)


def test_a_device_that_was_dark_is_ordered_anew() -> None:
    track = gone_dark(verified(), 60_000, T)
    assert (track.stage, track.part.reason) == (Stage.REVERTED, Reason.DEVICE_DARK)
    back = came_back(track, 100_000)
    assert (back.stage, next_step(back, T, 100_000)) == (Stage.ACCEPTED, Order(RESERVE))


def part(stage: Stage, reason: Reason = Reason.NONE) -> Part:
    return Part(stage=stage, reason=reason)


@pytest.mark.parametrize(
    ("parts", "stage", "reason"),
    [
        ({"a": part(Stage.VERIFIED), "b": part(Stage.READ_BACK)}, Stage.READ_BACK, Reason.NONE),
        ({"a": part(Stage.HELD), "b": part(Stage.VERIFIED)}, Stage.VERIFIED, Reason.NONE),
        ({"a": part(Stage.VERIFIED), "b": part(Stage.FAILED, Reason.WRITE_LOST)}, Stage.FAILED, Reason.ONE_OF_SEVERAL),
        ({"a": part(Stage.FAILED, Reason.WRITE_LOST)}, Stage.FAILED, Reason.WRITE_LOST),
        ({"a": part(Stage.WAITING), "b": part(Stage.HELD)}, Stage.WAITING, Reason.NONE),
        ({}, Stage.FAILED, Reason.NO_CONTROL),
    ],
)
def test_a_shelter_is_no_further_than_its_slowest_device(parts: dict[str, Part], stage: Stage, reason: Reason) -> None:
    found = merged(parts, {})
    assert (found.stage, found.reason) == (stage, reason)


def test_receipts_go_forward_and_a_later_plan_takes_nothing_back() -> None:
    told, said = Told(), []
    for now in (Stage.ACCEPTED, Stage.READ_BACK, Stage.VERIFIED, Stage.ACCEPTED, Stage.READ_BACK, Stage.HELD):
        told, receipts = tell(told, 7, Part(stage=now, writes=1), {}, 0)
        said += [receipt.stage for receipt in receipts]
    assert said == [Stage.ACCEPTED, Stage.WRITTEN, Stage.READ_BACK, Stage.VERIFIED, Stage.HELD]
    told, receipts = tell(told, 7, part(Stage.FAILED, Reason.FELL_BACK), {}, 0)
    assert [receipt.stage for receipt in receipts] == [Stage.REVERTED], "what was proven and is no more"
