"""What is proposed for a battery: never under the reserve, never out to the grid, never on what is not known."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.demand import HOUR_MS, Running, forecast
from contract.shaving import (
    EFFICIENCY,
    MARGIN,
    VALID_MS,
    Action,
    Battery,
    PeakLimits,
    Proposal,
    Why,
    aim_w,
    course_of,
    propose,
    to_come_w,
)
from contract.signing import Signer, fingerprint
from contract.steering import Desired, Mode, open_desired, sign
from tests.contract.test_demand import NOON_MS, walked

LIMITS = PeakLimits(target_w=20_000, keep_pct=[80.0] * 7, recharge_w=3_000)
FULL = Battery(soc_pct=90.0, reserve_pct=30.0, capacity_wh=26_000.0, discharge_max_w=13_000.0)


def asked(
    running: Running | None, battery: Battery = FULL, limits: PeakLimits | None = LIMITS, **more: object
) -> Proposal:
    at_ms = running.at_ms if running else NOON_MS
    return propose(limits, running, battery, at_ms, **more)  # type: ignore[arg-type]


def test_a_half_hour_that_would_pass_its_target_is_held_by_what_is_missing() -> None:
    running = walked([22_000.0] * 11)
    told = asked(running)
    assert (told.action, told.why) == (Action.DISCHARGE, Why.WILL_EXCEED)
    ends_w = (22_000 * 10 + (22_000 - told.power_w) * 20) / 30
    assert ends_w < LIMITS.target_w
    assert told.power_w < 5_000, "no more than is missing"


def test_under_the_target_the_charge_is_kept_for_later() -> None:
    low = Battery(soc_pct=79.0, reserve_pct=30.0, capacity_wh=26_000.0, discharge_max_w=13_000.0)
    assert asked(walked([16_000.0] * 11), low).why is Why.FOR_LATER


def test_above_what_is_to_be_kept_the_battery_serves_the_building() -> None:
    assert asked(walked([10_000.0] * 11)).why is Why.ENOUGH


def test_it_is_recharged_only_while_the_demand_stays_low_with_it() -> None:
    low = Battery(soc_pct=60.0, reserve_pct=30.0, capacity_wh=26_000.0, discharge_max_w=13_000.0)
    night, day = asked(walked([4_000.0] * 11), low), asked(walked([14_000.0] * 11), low)
    assert (night.action, night.power_w) == (Action.RECHARGE, 3_000)
    assert day.action is Action.SAVE
    from_sun = msgspec.structs.replace(LIMITS, recharge_w=0)
    assert asked(walked([4_000.0] * 11), low, from_sun).action is Action.SAVE


def test_at_the_reserve_the_demand_is_let_go() -> None:
    at_reserve = Battery(soc_pct=30.5, reserve_pct=30.0, capacity_wh=26_000.0, discharge_max_w=13_000.0)
    told = asked(walked([30_000.0] * 11), at_reserve)
    assert (told.action, told.why, told.power_w) == (Action.SAVE, Why.AT_RESERVE, 0.0)


@pytest.mark.parametrize(
    ("running", "battery", "limits", "why"),
    [
        (None, FULL, LIMITS, Why.NO_METER),
        (walked([22_000.0, None]), FULL, LIMITS, Why.NO_METER),
        (walked([float("nan")] * 3), FULL, LIMITS, Why.NO_METER),
        (walked([22_000.0] * 3), FULL, None, Why.NO_TARGET),
        (walked([22_000.0] * 3), Battery(soc_pct=None, reserve_pct=30, capacity_wh=1, discharge_max_w=1), LIMITS, None),
        (
            walked([22_000.0] * 3),
            Battery(soc_pct=90, reserve_pct=30, capacity_wh=None, discharge_max_w=1),
            LIMITS,
            None,
        ),
        (walked([22_000.0] * 3), Battery(soc_pct=900, reserve_pct=30, capacity_wh=1, discharge_max_w=1), LIMITS, None),
    ],
    ids=["nothing seen", "meter dark", "no number", "no target", "no charge", "no size", "nonsense"],
)
def test_what_is_not_known_leads_to_no_action_and_says_why(
    running: Running | None, battery: Battery, limits: PeakLimits | None, why: Why | None
) -> None:
    told = asked(running, battery, limits)
    assert (told.action, told.why, told.power_w) == (Action.NONE, why or Why.NO_BATTERY, 0.0)


def test_power_rises_by_a_ramp_and_falls_at_once() -> None:
    running = walked([33_000.0] * 20)
    first = asked(running, last=Proposal(action=Action.SAVE, why=Why.FOR_LATER), last_ms=running.at_ms - 6_000)
    assert first.power_w == pytest.approx(1_300)
    later = asked(walked([12_000.0] * 20), last=first, last_ms=running.at_ms)
    assert later.power_w <= first.power_w
    assert later.action is not Action.DISCHARGE


def test_a_day_that_the_battery_cannot_hold_is_shared_out_for_the_lowest_highest_half_hour() -> None:
    running = walked([26_000.0] * 11)
    assert running.flow is not None
    ends = forecast(running, running.at_ms)
    assert ends is not None

    def aimed_w(stored_wh: float, later_w: float) -> float:
        day = [26_000] * 25 + [later_w] * 4 + [8_000] * 19
        limits = msgspec.structs.replace(LIMITS, courses_w=[day], kinds=[0] * 7)
        assert running.flow is not None
        return aim_w(limits, running.flow, ends, stored_wh, running.at_ms)

    target_w = LIMITS.target_w * (1 - MARGIN)
    assert aimed_w(60_000.0, 26_000) == target_w, "there is plenty"
    assert aimed_w(5_000.0, 26_000) == pytest.approx(26_000 - 5_000 * 2 / 5), "five half hours share it"
    assert aimed_w(5_000.0, 40_000) > 25_900, "the day's peak is yet to come, and takes it all"
    assert aimed_w(4_000.0, 8_000) == target_w, "nothing comes after this half hour"
    assert aim_w(LIMITS, running.flow, ends, 4_000.0, running.at_ms) == target_w, "nothing is known of later"


def test_a_day_that_is_lower_than_its_course_is_expected_to_stay_so_for_a_while() -> None:
    running = walked([16_000.0] * 20)
    assert running.flow is not None
    limits = msgspec.structs.replace(LIMITS, courses_w=[[26_000] * 48], kinds=[0] * 7)
    later_w = to_come_w(limits, running.flow, running.at_ms)
    assert len(later_w) == 23
    assert later_w[0] == pytest.approx(18_000)
    assert later_w == sorted(later_w)
    assert later_w[-1] > 25_900


def test_kinds_of_days_choose_the_course() -> None:
    work, rest = [20_000] * 48, [3_000] * 48
    week = [0] * 5 + [1] * 2
    assert course_of([work, rest], week, NOON_MS) == work
    assert course_of([work, rest], week, NOON_MS + 4 * 24 * HOUR_MS) == rest
    assert not course_of([work], week, NOON_MS + 4 * 24 * HOUR_MS), "a kind that has none"
    assert not course_of([work, rest], [], NOON_MS)


anything = st.floats(allow_nan=True, allow_infinity=True)
numbers = st.floats(0, 1e6)


@given(
    st.lists(st.none() | st.floats(-1e5, 1e5) | anything, min_size=1, max_size=40),
    st.none() | st.floats(0, 100) | anything,
    st.floats(0, 100),
    st.none() | numbers | anything,
    st.none() | numbers | anything,
    numbers | anything,
    st.lists(st.integers(-2_000_000, 2_000_000), min_size=48, max_size=48),
    st.lists(st.floats(0, 100), min_size=7, max_size=7),
    st.lists(st.integers(0, 6), max_size=7),
)
def test_no_figure_makes_a_proposal_touch_the_reserve_export_or_overload(
    watts: list[float | None],
    soc_pct: float | None,
    reserve_pct: float,
    capacity_wh: float | None,
    discharge_max_w: float | None,
    target_w: float,
    course: list[int],
    keep_pct: list[float],
    kinds: list[int],
) -> None:
    running = walked(watts)
    battery = Battery(
        soc_pct=soc_pct, reserve_pct=reserve_pct, capacity_wh=capacity_wh, discharge_max_w=discharge_max_w
    )
    limits = PeakLimits(target_w=target_w, keep_pct=keep_pct, recharge_w=3_000, courses_w=[course], kinds=kinds)
    told = propose(limits, running, battery, running.at_ms)
    assert math.isfinite(told.power_w)
    assert told.power_w >= 0
    if told.action is Action.DISCHARGE:
        assert running.flow is not None
        assert soc_pct is not None
        assert capacity_wh
        assert discharge_max_w
        assert told.power_w <= max(0.0, running.flow.net_w), "nothing is exported"
        assert told.power_w <= discharge_max_w
        drawn_pct = told.power_w / EFFICIENCY * VALID_MS / HOUR_MS / capacity_wh * 100
        assert soc_pct - drawn_pct >= reserve_pct - 1e-6
    if told.action is Action.RECHARGE:
        assert running.flow is not None
        assert running.flow.slow_w + told.power_w <= target_w, "no peak is made by recharging"
    if told.action in {Action.NONE, Action.SAVE, Action.OWN_USE}:
        assert told.power_w == 0


def test_limits_travel_signed_and_who_does_not_know_them_reads_the_rest() -> None:
    class OldDesired(msgspec.Struct):
        mode: str = msgspec.field(name="m")

    signer = Signer.new()
    wanted = Desired(
        site="E0000000001111", revision=1, issued_ms=NOON_MS, expires_ms=NOON_MS + 1, mode=Mode.NORMAL, peak=LIMITS
    )
    payload = sign(wanted, signer)
    assert open_desired(payload, keys={fingerprint(signer.public): signer.public}, site=wanted.site) == wanted
    body = msgspec.json.decode(payload)["b"]
    assert msgspec.json.decode(body, type=OldDesired).mode == "normal"
    bare = sign(msgspec.structs.replace(wanted, peak=None), signer)
    assert b"pk" not in bare
