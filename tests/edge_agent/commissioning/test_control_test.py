"""What a control test orders and when the plant follows: decisions over values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.commissioning import ControlVerdict
from device_profiles.controls import by_name
from device_profiles.image import template
from device_profiles.model import Argument, ControlKind
from edge_agent.commissioning.control_test import Tested
from edge_agent.commissioning.trial import Cannot, Following, Trial, View, plan_trial, value_to_try, view_of
from edge_agent.commissioning.words_tests import control_result

percent = st.integers(0, 100).map(float)


@given(before=percent, soc=st.none() | percent, low=percent, high=percent, floor=percent)
def test_a_reserve_to_try_is_near_in_range_and_never_under_the_floor(
    before: float, soc: float | None, low: float, high: float, floor: float
) -> None:
    value = value_to_try(before, soc, low, high, floor_pct=floor)
    room = [v for step in range(5, 11) for v in (before + step, before - step) if max(low, floor) <= v <= high]
    if value is None:
        assert not room
        return
    assert value in room
    if value < before:
        assert not [v for v in room if v > before], "it goes lower only from the top of the range"
    if soc is not None and before < soc <= before + 10 <= high and before + 10 >= max(low, floor):
        assert value >= soc, "near the state of charge it goes above it, so that a discharge is seen to stop"


def test_a_scale_that_is_off_by_ten_shows_in_the_value_that_is_tried() -> None:
    assert value_to_try(40, 80, 0, 100) == 50
    assert value_to_try(43, None, 0, 100) == 50
    assert value_to_try(100, 80, 0, 100) == 90
    assert value_to_try(None, None, 5, 100) == 30


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (View(soc_pct=50, is_islanded=True), "grid_lost"),
        (View(soc_pct=50, is_faulty=True), "device_fault"),
        (View(), "soc_unknown"),
        (View(soc_pct=98), "battery_full"),
    ],
)
def test_when_it_would_not_be_right_to_try_nothing_is_ordered(view: View, why: str) -> None:
    device = template("huawei-sun2000").device_map
    charge = next(each for each in device.controls if each.kind == ControlKind.CHARGE)
    found = plan_trial(charge, by_name(device.registers), 0.0, view)
    assert isinstance(found, Cannot)
    assert found.why == why


def test_the_view_takes_the_grid_from_the_meter() -> None:
    own = {"battery.soc_pct": 50.0, "battery.power_w": -800.0, "grid.power_w": 5.0, "inverter.islanded": 0.0}
    view = view_of(own, {"grid.power_w": 700.0})
    assert (view.soc_pct, view.battery_w, view.grid_w, view.is_islanded) == (50.0, -800.0, 700.0, False)
    assert view_of(own | {"inverter.islanded": 1.0}, {}).is_islanded


def follow(kind: str, trial: Trial, watts: list[float | None], *, is_grid: bool = False) -> Following:
    following = Following(kind, trial, effect_s=20, block_s=6)
    for at_s, power in enumerate(watts):
        following.look(View(grid_w=power) if is_grid else View(battery_w=power), at_s * 2.0)
    return following


def test_a_charge_is_seen_when_the_battery_takes_power() -> None:
    trial = Trial(arguments={Argument.POWER_W: 1_000}, is_visible=True)
    assert follow(ControlKind.CHARGE, trial, [500, None, -100, -900]).follows
    slow = follow(ControlKind.CHARGE, trial, [500.0] * 20)
    assert slow.is_decided
    assert not slow.follows
    assert slow.seen_w == 500


def test_a_blocked_discharge_must_stay_blocked() -> None:
    trial = Trial(arguments={}, is_visible=True)
    assert follow(ControlKind.DISCHARGE_BLOCK, trial, [900, 10, 0, 0, 0]).follows
    assert not follow(ControlKind.DISCHARGE_BLOCK, trial, [900, 0, 0, 800] * 4).follows


def test_an_export_limit_is_seen_at_the_meter_and_what_cannot_be_seen_is_not_claimed() -> None:
    trial = Trial(arguments={Argument.POWER_W: 1_000}, is_visible=True)
    assert follow(ControlKind.EXPORT_LIMIT, trial, [-3_000, -2_000, -1_050], is_grid=True).follows
    hidden = follow(ControlKind.EXPORT_LIMIT, Trial(arguments={}, is_visible=False), [-3_000], is_grid=True)
    assert hidden.is_decided
    assert not hidden.follows


@pytest.mark.parametrize(
    "kind",
    [
        *("write_reverts", "no_effect", "not_restored", "cannot_save", "grid_lost", "device_fault", "soc_unknown"),
        *("unread",),
    ],
)
def test_every_verdict_has_words_and_advice_in_both_languages(kind: str) -> None:
    verdict = ControlVerdict.NOT_RESTORED if kind == "not_restored" else ControlVerdict.FAILED
    result, advice = control_result(Tested(device="d", control="reserve", verdict=verdict, kind=kind, unit="%"))
    assert result.ja
    assert result.en
    assert advice is not None
    assert advice.ja
    assert advice.en
