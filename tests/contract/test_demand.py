"""Half hours as the electricity meter counts them, and how they will end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.demand import (
    DAY_MS,
    GAP_MS_MAX,
    HALF_HOUR_MS,
    HALF_HOURS,
    HOUR_MS,
    MINUTE_MS,
    Running,
    counted,
    course_w,
    forecast,
    half_hour_ms,
    passed,
    weekday,
)

NOON_MS = 1_795_489_200_000
"""2026-11-24 12:00 in Tokyo, a Tuesday."""


def walked(watts: Sequence[float | None], *, start_ms: int = NOON_MS, battery_w: float = 0.0) -> Running:
    """A reading a minute."""
    running = None
    for minute, power_w in enumerate(watts):
        running = counted(running, start_ms + minute * MINUTE_MS, power_w, battery_w)
    assert running is not None
    return running


def test_half_hours_are_tokyos_and_begin_at_the_full_and_half_hour() -> None:
    assert half_hour_ms(NOON_MS + 29 * MINUTE_MS) == NOON_MS
    assert half_hour_ms(NOON_MS + 30 * MINUTE_MS) == NOON_MS + HALF_HOUR_MS
    assert weekday(NOON_MS) == 1
    assert weekday(NOON_MS + 12 * HOUR_MS) == 2, "midnight in Tokyo, not in Greenwich"


def test_energy_bought_is_counted_and_energy_sold_is_not_taken_off() -> None:
    running = walked([12_000.0, 12_000.0, -6_000.0, -6_000.0, 0.0])
    assert running.bought_wh == pytest.approx(12_000 * 2 / 60)
    assert running.net_wh == pytest.approx((12_000 * 2 - 6_000 * 2) / 60)
    assert running.seen_ms == 4 * MINUTE_MS


def test_what_the_battery_gives_is_net_but_not_bought() -> None:
    running = walked([4_000.0, 4_000.0], battery_w=6_000.0)
    assert running.bought_wh == pytest.approx(4_000 / 60)
    assert running.net_wh == pytest.approx(10_000 / 60)


def test_a_new_half_hour_begins_with_what_flows_over_its_border() -> None:
    running = passed(walked([9_000.0], start_ms=NOON_MS - 20_000), NOON_MS + 10_000)
    assert running.start_ms == NOON_MS
    assert running.bought_wh == pytest.approx(9_000 * 10 / 3_600)


def test_after_a_long_silence_the_power_is_not_known() -> None:
    running = passed(walked([9_000.0]), NOON_MS + 5 * MINUTE_MS)
    assert running.seen_ms == GAP_MS_MAX
    assert running.flow is None
    assert forecast(running, running.at_ms) is None


def test_what_was_not_seen_is_taken_to_have_been_like_the_rest() -> None:
    running = walked([None] * 10 + [20_000.0] * 6)
    ends = forecast(running, running.at_ms)
    assert ends is not None
    assert ends.demand_w == pytest.approx(20_000)
    assert ends.seen_share == pytest.approx(5 / 15)


def test_a_steady_power_ends_as_it_is_and_the_range_closes() -> None:
    early, late = walked([20_000.0] * 3), walked([20_000.0] * 29)
    first, last = forecast(early, early.at_ms), forecast(late, late.at_ms)
    assert first is not None
    assert last is not None
    assert first.demand_w == pytest.approx(20_000)
    assert last.high_w - last.low_w < first.high_w - first.low_w


def test_without_the_battery_more_would_be_bought() -> None:
    running = walked([14_000.0] * 16, battery_w=6_000.0)
    ends = forecast(running, running.at_ms)
    assert ends is not None
    assert ends.demand_w == pytest.approx(14_000)
    assert ends.without_w == pytest.approx(17_000), "half of the half hour is over already"


def test_a_sudden_jump_is_not_believed_to_last_whole() -> None:
    running = walked([10_000.0] * 20 + [30_000.0] * 2)
    ends = forecast(running, running.at_ms)
    assert ends is not None
    assert 10_000 < ends.demand_w < (10_000 * 20 + 30_000 * 10) / 30


def course(*, rises_w: float) -> list[float]:
    """A day that stays at 10 kW, but from noon on rises by so much every half hour."""
    return [10_000.0 + max(0, place - 23) * rises_w for place in range(HALF_HOURS)]


def test_a_course_is_a_line_between_the_middles_of_its_half_hours() -> None:
    rising = course(rises_w=4_000.0)
    assert course_w(rising, NOON_MS + 15 * MINUTE_MS) == 14_000
    assert course_w(rising, NOON_MS + 30 * MINUTE_MS) == 16_000
    assert course_w(rising, NOON_MS - 12 * HOUR_MS) == 10_000, "before the first middle it is the first half hour's"
    assert course_w(rising, NOON_MS + 12 * HOUR_MS - 1) == rising[-1]


def test_a_day_that_goes_as_usual_rises_as_usual_and_less_the_nearer_the_end_is() -> None:
    early, late = walked([10_000.0] * 2), walked([10_000.0] * 28)
    rising = course(rises_w=4_000.0)
    first, last = forecast(early, early.at_ms, rising), forecast(late, late.at_ms, rising)
    assert first is not None
    assert last is not None
    assert first.demand_w > 12_000
    assert last.demand_w < 10_500


def test_a_holiday_does_not_rise_like_the_working_day_that_it_was_taken_for() -> None:
    holiday = walked([1_000.0] * 6)
    ends = forecast(holiday, holiday.at_ms, course(rises_w=4_000.0))
    assert ends is not None
    assert ends.demand_w < 1_500


def test_an_older_reading_changes_nothing() -> None:
    running = walked([9_000.0, 9_000.0])
    assert counted(running, NOON_MS, 50_000.0, 0.0) == running


@given(
    st.lists(
        st.tuples(st.integers(0, 400_000), st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32)),
        max_size=60,
    )
)
def test_whatever_is_read_no_half_hour_is_longer_than_it_is_and_nothing_becomes_nonsense(
    steps: list[tuple[int, float | None]],
) -> None:
    running, at_ms = None, NOON_MS
    for wait_ms, grid_w in steps:
        at_ms += wait_ms
        running = counted(running, at_ms, grid_w, grid_w)
        assert running.start_ms <= at_ms < running.end_ms
        assert 0 <= running.seen_ms <= at_ms - running.start_ms
        assert math.isfinite(running.bought_wh)
        assert running.bought_wh >= 0
        assert math.isfinite(running.net_wh)


def test_a_day_without_a_reading_is_forgotten() -> None:
    running = counted(walked([9_000.0]), NOON_MS + DAY_MS, 5_000.0, 0.0)
    assert (running.bought_wh, running.seen_ms) == (0.0, 0)
