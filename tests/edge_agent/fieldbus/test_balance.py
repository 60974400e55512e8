"""The site's own figures: sums of what was read in this tick, or an honest gap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.readings import DeviceReadings, Quality, Reading
from edge_agent.core import balance
from edge_agent.core.balance import BalanceWatch, GridWatch, derive, inputs_of, is_islanded, watch, watch_grid
from edge_agent.core.gather import TickBook

HYBRID = ("pv.power_w", "battery.power_w", "inverter.power_w", "inverter.islanded", "grid.power_w", "battery.soc_pct")
INPUTS = inputs_of({"hybrid": HYBRID, "pv-only": ("pv.power_w", "inverter.power_w"), "meter": ("grid.power_w",)})
VALUES: dict[str, dict[str, float | None]] = {
    "hybrid": {
        "pv.power_w": 4000,
        "battery.power_w": -1500,
        "inverter.power_w": 2400,
        "inverter.islanded": 0,
        "grid.power_w": 777,
    },
    "pv-only": {"pv.power_w": 1000, "inverter.power_w": 980},
    "meter": {"grid.power_w": 300},
}


def derived(values: dict[str, dict[str, float | None]]) -> dict[str, float | None]:
    return {r.point: r.value for r in derive(INPUTS, values)}


def changed(device: str, point: str, value: float | None) -> dict[str, dict[str, float | None]]:
    return {**VALUES, device: {**VALUES[device], point: value}}


def test_the_load_is_pv_and_battery_and_grid_over_all_devices() -> None:
    assert derived(VALUES) == {"load.power_w": 4000 - 1500 + 1000 + 300, "balance.error_w": 3500 - 2400 - 980}


def test_the_meter_counts_and_the_inverters_copy_of_it_stands_in_when_it_is_dark() -> None:
    assert INPUTS.grid == ("meter", "hybrid")
    assert derived(changed("meter", "grid.power_w", None))["load.power_w"] == 3500 + 777


@pytest.mark.parametrize(
    ("device", "point", "lost"),
    [
        ("hybrid", "pv.power_w", {"load.power_w", "balance.error_w"}),
        ("pv-only", "pv.power_w", {"load.power_w", "balance.error_w"}),
        ("hybrid", "battery.power_w", {"load.power_w", "balance.error_w"}),
        ("hybrid", "inverter.power_w", {"balance.error_w"}),
    ],
)
def test_a_missing_input_makes_the_value_missing(device: str, point: str, lost: set[str]) -> None:
    found = derive(INPUTS, changed(device, point, None))
    assert {r.point for r in found if r.quality is Quality.MISSING_INPUT} == lost


def test_a_device_that_nobody_has_met_leaves_no_sum_complete() -> None:
    inputs = inputs_of({"hybrid": HYBRID, "later": None})
    assert {r.quality for r in derive(inputs, VALUES)} == {Quality.MISSING_INPUT}


def test_an_island_needs_no_meter() -> None:
    values = {**changed("hybrid", "inverter.islanded", 1.0), "meter": {}}
    values["hybrid"]["grid.power_w"] = None
    assert derived(values)["load.power_w"] == 3500
    values["hybrid"]["inverter.islanded"] = None
    assert derived(values)["load.power_w"] is None


def test_a_site_without_a_meter_has_no_load_and_one_without_devices_has_nothing() -> None:
    assert inputs_of({"a": ("pv.power_w", "inverter.power_w")}).points == ("balance.error_w",)
    assert inputs_of({"relay": ("tier1.closed",)}).points == ()


def test_the_balance_is_off_after_several_polls_and_right_again_with_hysteresis() -> None:
    state, news = BalanceWatch(), []
    for error in [900] * 5 + [100] + [900] * 6 + [400] * 6 + [300] * 6:
        state, changed_now = watch(state, error, 1000)
        news.append(changed_now)
    assert [n for n, told in enumerate(news) if told] == [11, 23]


def test_a_big_plant_may_be_off_by_more_and_a_missing_error_says_nothing() -> None:
    state = BalanceWatch()
    for error in [900.0, None] * 20:
        state, _ = watch(state, error, 10_000)
    assert state == BalanceWatch()
    for _ in range(6):
        state, _ = watch(state, 1600, 10_000)
    assert state.is_off
    assert watch(state, None, 0) == (state, False)


def test_unknown_is_never_islanded() -> None:
    state, news = GridWatch(), []
    for said in (None, False, None, False, True, None, True, None, False, None):
        state, told = watch_grid(state, said)
        news.append(told)
    assert [n for n, told in enumerate(news) if told] == [4, 8]
    assert watch_grid(GridWatch(), True) == (GridWatch(True), True), "an agent that starts in an outage says so"


def test_inverters_that_disagree_are_not_islanded() -> None:
    inputs = inputs_of({"a": HYBRID, "b": HYBRID})
    assert is_islanded(inputs, {"a": {balance.ISLANDED: 1.0}, "b": {balance.ISLANDED: 0.0}}) is None
    assert is_islanded(inputs, {"a": {balance.ISLANDED: 1.0}, "b": {}}) is True
    assert is_islanded(inputs, {}) is None


# --- The book of a tick -----------------------------------------------------------------------------------------------


def taken(device: str, at_ms: int, **values: float) -> DeviceReadings:
    return DeviceReadings(device, at_ms, tuple(Reading(p.replace("__", "."), v) for p, v in values.items()))


def book() -> TickBook:
    inputs = inputs_of({"a": ("pv.power_w",), "b": ("grid.power_w",)})
    return TickBook(["a", "b"], lambda values: derive(inputs, values))


def brief(rows: list[DeviceReadings]) -> list[tuple[str, int, float | None]]:
    return [(row.device, row.taken_at_ms, row.readings[0].value) for row in rows]


def test_a_tick_is_one_entry_with_the_derived_row_in_it() -> None:
    b = book()
    assert b.post(7, "a", [taken("a", 1000, pv__power_w=5)]) == []
    assert brief(b.post(7, "b", [taken("b", 1020, grid__power_w=3)])) == [
        ("a", 1000, 5),
        ("b", 1020, 3),
        ("site", 1020, 8),
    ]
    assert b.grace_over(7) == []


def test_a_late_device_gets_an_entry_of_its_own_and_the_derived_row_waits_for_it() -> None:
    b = book()
    b.post(7, "a", [taken("a", 1000, pv__power_w=5)])
    assert brief(b.grace_over(7)) == [("a", 1000, 5)]
    assert brief(b.post(7, "b", [taken("b", 1900, grid__power_w=3)])) == [("b", 1900, 3), ("site", 1900, 8)]


def test_a_device_that_misses_its_tick_leaves_a_derived_row_that_says_so() -> None:
    b = book()
    b.post(7, "a", [taken("a", 1000, pv__power_w=5)])
    b.grace_over(7)
    assert brief(b.post(8, "a", [taken("a", 2000, pv__power_w=6)])) == [("site", 1000, None)]
    assert brief(b.post(7, "b", [taken("b", 2100, grid__power_w=3)])) == [("b", 2100, 3)], "never summed with tick 8"
    assert brief(b.post(8, "b", [taken("b", 2200, grid__power_w=4)])) == [
        ("a", 2000, 6),
        ("b", 2200, 4),
        ("site", 2200, 10),
    ]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "grace"]), st.integers(0, 4)), max_size=40))
def test_every_row_is_recorded_exactly_once_in_whatever_order_it_comes(steps: list[tuple[str, int]]) -> None:
    b, posted, recorded = book(), 0, []
    for n, (who, number) in enumerate(steps):
        if who == "grace":
            recorded += b.grace_over(number)
        else:
            point = "pv__power_w" if who == "a" else "grid__power_w"
            recorded += b.post(number, who, [taken(who, 1 + n, **{point: n})])
            posted += 1
    recorded += b.close()
    assert sum(1 for row in recorded if row.device != "site") == posted
    assert len({(row.device, row.taken_at_ms) for row in recorded}) == len(recorded)
