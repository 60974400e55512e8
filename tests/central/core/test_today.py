"""Energy since midnight from mean powers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.city import Sample
from central.core.today import (
    HOUR_MS,
    SETTLE_MS,
    STEP_MS,
    DaySum,
    Flow,
    Power,
    add_steps,
    all_shelters,
    midnight_ms,
    settled_ms,
)

NOON_MS = 1_795_489_200_000
"""2026-11-24 12:00 in Tokyo."""
BEGIN_MS = midnight_ms(NOON_MS)


def line(*watts: float | None) -> list[Sample]:
    return [Sample(BEGIN_MS + n * STEP_MS, value, 60) for n, value in enumerate(watts)]


def test_the_day_begins_at_midnight_in_tokyo() -> None:
    assert NOON_MS - BEGIN_MS == 12 * HOUR_MS
    assert midnight_ms(BEGIN_MS) == BEGIN_MS
    assert midnight_ms(BEGIN_MS - 1) == BEGIN_MS - 24 * HOUR_MS


def test_directions_do_not_cancel_out() -> None:
    lines = {Power.GRID: [line(12_000, -6_000)], Power.BATTERY: [line(-2_400, 3_600)]}
    found = add_steps(lines, from_ms=BEGIN_MS, to_ms=BEGIN_MS + 2 * STEP_MS)
    assert found.wh == {
        Flow.IMPORT: pytest.approx(1_000),
        Flow.EXPORT: pytest.approx(500),
        Flow.CHARGE: pytest.approx(200),
        Flow.DISCHARGE: pytest.approx(300),
    }


def test_two_inverters_are_added_and_half_a_sum_is_none() -> None:
    lines = {Power.PV: [line(12_000, 12_000), line(6_000)]}
    found = add_steps(lines, from_ms=BEGIN_MS, to_ms=BEGIN_MS + 2 * STEP_MS)
    assert found == DaySum({Flow.PV: pytest.approx(1_500)}, {Power.PV: 1})


def test_what_an_inverter_takes_at_night_is_no_generation() -> None:
    found = add_steps({Power.PV: [line(-20)]}, from_ms=BEGIN_MS, to_ms=BEGIN_MS + STEP_MS)
    assert found.wh == {Flow.PV: 0.0}


def test_the_step_that_is_under_way_counts_as_far_as_it_has_gone() -> None:
    found = add_steps({Power.LOAD: [line(12_000)]}, from_ms=BEGIN_MS, to_ms=BEGIN_MS + STEP_MS // 4)
    assert found.wh[Flow.LOAD] == pytest.approx(250)


def test_a_gap_is_waited_for_and_then_given_up() -> None:
    lines = {Power.PV: [line(1, 1, None, 1)], Power.LOAD: [line(1, 1, 1, 1)], Power.GRID: []}
    gap_ms = BEGIN_MS + 2 * STEP_MS
    assert settled_ms(lines, from_ms=BEGIN_MS, now_ms=BEGIN_MS + 4 * STEP_MS) == gap_ms
    assert settled_ms(lines, from_ms=gap_ms, now_ms=gap_ms + SETTLE_MS) == gap_ms + 2 * STEP_MS
    assert settled_ms({Power.PV: []}, from_ms=BEGIN_MS, now_ms=NOON_MS) == BEGIN_MS, "never heard: all may still come"


@given(
    watts=st.lists(st.floats(-50_000, 50_000), min_size=1, max_size=40),
    cut=st.integers(0, 40),
    more_ms=st.integers(1, STEP_MS),
)
def test_in_two_parts_it_is_the_same_as_in_one(watts: list[float], cut: int, more_ms: int) -> None:
    lines = {Power.GRID: [line(*watts)], Power.BATTERY: [line(*watts)]}
    to_ms = BEGIN_MS + (len(watts) - 1) * STEP_MS + more_ms
    cut_ms = min(BEGIN_MS + cut * STEP_MS, to_ms - (to_ms - BEGIN_MS) % STEP_MS)
    whole = add_steps(lines, from_ms=BEGIN_MS, to_ms=to_ms)
    parts = add_steps(lines, from_ms=BEGIN_MS, to_ms=cut_ms) + add_steps(lines, from_ms=cut_ms, to_ms=to_ms)
    assert parts.steps == whole.steps
    assert parts.wh == pytest.approx(whole.wh)
    # Nothing is made of nothing: both directions together are the plain integral.
    plain = sum(value * min(STEP_MS, to_ms - BEGIN_MS - n * STEP_MS) for n, value in enumerate(watts)) / HOUR_MS
    assert whole.wh[Flow.IMPORT] - whole.wh[Flow.EXPORT] == pytest.approx(plain, abs=1e-6)


def test_the_city_says_of_how_many_shelters_it_knows_the_whole_day() -> None:
    good = DaySum({Flow.PV: 100.0}, {Power.PV: 144, Power.LOAD: 100})
    found = all_shelters([good, good, DaySum()], from_ms=BEGIN_MS, at_ms=NOON_MS)
    assert found.sites == 3
    assert found.known_wh(Flow.PV) == 200.0
    assert found.known_wh(Flow.CHARGE) is None
    assert (found.complete[Power.PV], found.complete[Power.LOAD]) == (2, 0)
