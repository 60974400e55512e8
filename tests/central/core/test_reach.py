"""Reachability: by when to order, and why some can't be ready."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.autonomy.values import Floats
from central.core.reach import ORDER_MARGIN_MS, Reach, ShelterCharge, Verdict, Why, city_reach, reach, tokyo
from tests.central.core.autonomy_parts import HOUR_MS, MIDNIGHT_MS

STEP_MS = HOUR_MS // 2
STEPS = 96


def charge(**more: object) -> ShelterCharge:
    usual = ShelterCharge(
        site="A",
        soc_pct=50.0,
        usable_wh=20_000.0,
        reserve_pct=30.0,
        charge_w=5_000.0,
        grid_charge_w=5_000.0,
        efficiency=1.0,
    )
    return replace(usual, **more)  # type: ignore[arg-type]


def flat(watts: float, count: int = 1) -> Floats:
    return np.full((count, STEPS), watts)


def one(
    shelter: ShelterCharge, *, hours: float = 12.0, pv_w: float = 0.0, load_w: float = 0.0, to: float = 90.0
) -> Reach:
    (found,) = reach(
        [shelter],
        flat(pv_w),
        flat(load_w),
        at_ms=MIDNIGHT_MS,
        onset_ms=MIDNIGHT_MS + round(hours * HOUR_MS),
        step_ms=STEP_MS,
        target_pct=to,
    )
    return found


def test_the_latest_order_leaves_just_the_time_to_charge() -> None:
    # 50 to 90 % of 20 kWh are 8 kWh; at 5 kW that takes 1.6 h, so two hours in half-hour steps.
    found = one(charge())
    assert (found.verdict, found.why) == (Verdict.CAN, Why.IN_TIME)
    assert found.latest_order_ms == MIDNIGHT_MS + 10 * HOUR_MS - ORDER_MARGIN_MS
    assert found.soc_unordered_pct == 50.0
    assert "09/13 09:50までに指示" in found.says.ja
    assert "order by 09/13 09:50 Tokyo time" in found.says.en


def test_loads_drain_it_down_to_the_reserve_until_the_order() -> None:
    busy = one(charge(), load_w=4_000.0)
    assert busy.soc_unordered_pct == 30.0
    # From 30 % it is 12 kWh: 2.4 h, so 2.5.
    assert busy.latest_order_ms == MIDNIGHT_MS + round(9.5 * HOUR_MS) - ORDER_MARGIN_MS


def test_without_an_order_the_sun_may_do() -> None:
    found = one(charge(), pv_w=3_000.0)
    assert (found.verdict, found.why, found.latest_order_ms) == (Verdict.CAN, Why.ALREADY, None)


@pytest.mark.parametrize(
    ("change", "hours", "why"),
    [
        ({"charge_w": 300.0}, 12.0, Why.CHARGE_POWER),
        ({"grid_charge_w": 200.0}, 12.0, Why.CHARGE_POWER),
        ({}, 1.0, Why.CHARGE_POWER),
        ({"grid_charge_w": 0.0}, 12.0, Why.NO_SUN),
        ({"grid_lost": True}, 12.0, Why.GRID_LOST),
        ({"online": False, "fault": True}, 12.0, Why.OFFLINE),
        ({"fault": True}, 12.0, Why.FAULT),
    ],
)
def test_who_cannot_says_why(change: dict[str, object], hours: float, why: Why) -> None:
    found = one(charge(**change), hours=hours)
    assert (found.verdict, found.why, found.latest_order_ms) == (Verdict.CANNOT, why, None)
    assert found.says.ja
    assert found.says.en


@pytest.mark.parametrize(("change", "why"), [({"soc_pct": None}, Why.NO_SOC), ({"usable_wh": 0.0}, Why.NO_CAPACITY)])
def test_what_is_not_known_is_neither_yes_nor_no(change: dict[str, object], why: Why) -> None:
    found = one(charge(**change))
    assert (found.verdict, found.why, found.soc_at_onset_pct) == (Verdict.UNKNOWN, why, None)


def test_the_last_percents_come_slowly() -> None:
    quick = one(charge(soc_pct=90.0), to=94.0).latest_order_ms
    slow = one(charge(soc_pct=90.0), to=100.0).latest_order_ms
    assert quick is not None
    assert slow is not None
    # 4 % are 0.8 kWh: 0.16 h, one step. 10 % take 0.2 h to 95 %, 0.46 h to 99.5 % as the power falls with the room left
    # (1 kWh / 5 kW * ln 10), and 0.2 h at a tenth of it: 0.86 h, two steps.
    assert quick - slow == STEP_MS


def test_an_onset_that_has_come_knows_only_what_is_there() -> None:
    assert one(charge(soc_pct=95.0), hours=0.0).why is Why.ALREADY
    assert one(charge(), hours=-5.0).why is Why.CHARGE_POWER


def test_the_city_s_order_is_due_when_the_first_shelter_would_drop_out() -> None:
    some = [
        charge(site="A"),
        charge(site="B", charge_w=1_000.0),
        charge(site="C", online=False),
        charge(site="D", soc_pct=None),
        charge(site="E", charge_w=1_000.0),
    ]
    found = reach(
        some, flat(0, 5), flat(0, 5), at_ms=MIDNIGHT_MS, onset_ms=MIDNIGHT_MS + 12 * HOUR_MS, step_ms=STEP_MS,
        target_pct=90.0,
    )  # fmt: skip
    city = city_reach(found)
    assert (city.can, city.cannot, city.unknown) == (3, 1, 1)
    assert city.latest_order_ms == MIDNIGHT_MS + 4 * HOUR_MS - ORDER_MARGIN_MS
    assert [count for _, count in city.deadlines] == [2, 1]
    assert city.reasons == {Why.IN_TIME: 3, Why.NO_SOC: 1, Why.OFFLINE: 1}
    assert city.says.ja == ("5か所のうち、間に合う3か所、間に合わない1か所、判定できない1か所。指示の期限は09/13 03:50")
    assert city_reach(()).latest_order_ms is None


@settings(max_examples=80, deadline=None)
@given(
    soc_pct=st.floats(0, 100),
    charge_w=st.floats(0, 10_000),
    grid_w=st.floats(0, 10_000),
    pv_w=st.floats(0, 8_000),
    load_w=st.floats(0, 8_000),
    hours=st.floats(0, 40),
    lost=st.booleans(),
)
def test_an_earlier_order_never_gives_less_and_the_latest_one_is_kept(
    soc_pct: float, charge_w: float, grid_w: float, pv_w: float, load_w: float, hours: float, lost: bool
) -> None:
    shelter = charge(soc_pct=soc_pct, charge_w=charge_w, grid_charge_w=grid_w, grid_lost=lost)
    found = one(shelter, hours=hours, pv_w=pv_w, load_w=load_w)
    assert found.soc_at_onset_pct is not None
    assert found.soc_unordered_pct is not None
    assert 0 <= found.soc_unordered_pct <= found.soc_at_onset_pct + 0.11 <= 100.2
    if found.verdict is Verdict.CAN:
        assert found.soc_at_onset_pct >= 90.0 - 0.11
    if found.latest_order_ms is not None:
        assert MIDNIGHT_MS <= found.latest_order_ms <= MIDNIGHT_MS + round(hours * HOUR_MS)
    more = one(replace(shelter, charge_w=charge_w + 1_000), hours=hours, pv_w=pv_w, load_w=load_w)
    assert more.verdict is Verdict.CAN or found.verdict is Verdict.CANNOT


def test_courses_that_end_too_early_are_refused() -> None:
    with pytest.raises(ValueError, match="1 shelters x 120 steps"):
        one(charge(), hours=60.0)
    with pytest.raises(ValueError, match="soc_pct must be 0 to 100"):
        charge(soc_pct=-1.0)
    with pytest.raises(ValueError, match="target of 1 to 100"):
        one(charge(), to=0.0)


def test_times_are_tokyo_s() -> None:
    assert tokyo(MIDNIGHT_MS) == "09/13 00:00"


def test_of_an_unproven_shelter_no_order_is_promised() -> None:
    found = one(charge(verified=False))
    assert (found.verdict, found.why, found.latest_order_ms) == (Verdict.CANNOT, Why.NOT_VERIFIED, None)
    assert found.soc_at_onset_pct is None, "no order can be given"
    assert found.soc_unordered_pct == 50.0
    assert "今指示すれば" not in found.says.ja
    there = one(charge(verified=False, soc_pct=95.0))
    assert (there.verdict, there.why) == (Verdict.CAN, Why.ALREADY)
