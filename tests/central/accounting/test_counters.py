"""One counter: nothing is lost or made, whatever happens to it and in whatever order its readings come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.accounting.counters import (
    LETTERS,
    NO_READINGS,
    Mark,
    Readings,
    around,
    count,
    step_wh,
    thinned,
)
from central.core.accounting.exchanges import Serials, Span, moment_in, spans_of
from central.core.accounting.halfhours import HALF_HOUR_MS

START = 1_790_000_000_000 // HALF_HOUR_MS * HALF_HOUR_MS
MINUTE = 60_000
ENDS = START + HALF_HOUR_MS * np.arange(13, dtype=np.int64)
"""Ends of twelve half hours."""
MAX_W = 50_000


def letters(marks: np.ndarray) -> str:
    return "".join(LETTERS[mark] for mark in marks)


def every_minute(watts: int = 6_000, first: int = -5, last: int = 365) -> list[tuple[int, float]]:
    return [(START + n * MINUTE, 1_000_000 + watts * n // 60) for n in range(first, last)]


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Readings of a counter that only rises, at uneven times, the first and the last one at the ends."""
    gaps = draw(st.lists(st.integers(1, 240), min_size=1, max_size=60))
    times = [0]
    for gap in gaps:
        times.append(times[-1] + gap)
    scale = 12 * 30 / times[-1]
    at = sorted({START + round(one * scale * MINUTE) for one in times})
    wh = 7_000
    found = []
    for n, moment in enumerate(at):
        if n:
            hours = (moment - at[n - 1]) / 3_600_000
            wh += draw(st.integers(0, int(MAX_W * hours)))
        found.append((moment, wh))
    return found


@given(lives())
def test_half_hours_add_up_to_what_the_counter_rose(life: list[tuple[int, int]]) -> None:
    found = count(Readings.of(life), ENDS, max_w=MAX_W)
    assert found.wh.sum() == life[-1][1] - life[0][1]
    assert (found.wh >= 0).all()
    assert Mark.UNKNOWN not in found.marks


@given(lives(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(life: list[tuple[int, int]], random: object) -> None:
    mixed = list(life)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    whole, once = count(Readings.of(life), ENDS, max_w=MAX_W), count(Readings.of(mixed), ENDS, max_w=MAX_W)
    assert (whole.wh == once.wh).all()
    kept = NO_READINGS
    for first in range(0, len(mixed), 3):
        # As it is kept: what came is joined with what was there, and thinned.
        kept = thinned(kept.merged(Readings.of(mixed[first : first + 3])), max_w=MAX_W)
    piecewise = count(kept, ENDS, max_w=MAX_W)
    assert (piecewise.wh == whole.wh).all()
    assert (piecewise.marks == whole.marks).all()


@given(lives(), st.data())
def test_a_reset_anywhere_loses_no_more_than_the_step_it_is_in(
    life: list[tuple[int, int]], data: st.DataObject
) -> None:
    place = data.draw(st.integers(1, max(1, len(life) - 1)))
    base = life[place][1] if place < len(life) else 0
    reset = [*life[:place], *((at, wh - base) for at, wh in life[place:])]
    found = count(Readings.of(reset), ENDS, max_w=MAX_W, dip_ms=0)
    lost = life[place][1] - life[place - 1][1] if place < len(life) else 0
    assert (found.wh >= 0).all()
    assert found.wh.sum() == life[-1][1] - life[0][1] - lost


@given(lives())
def test_thinning_keeps_what_counts(life: list[tuple[int, int]]) -> None:
    readings = Readings.of(life)
    few = thinned(readings, max_w=MAX_W)
    assert len(few) <= len(readings)
    assert (count(few, ENDS, max_w=MAX_W).wh == count(readings, ENDS, max_w=MAX_W).wh).all()


def test_minutes_measure_every_half_hour() -> None:
    found = count(Readings.of(every_minute()), ENDS, max_w=MAX_W)
    assert found.wh.tolist() == [3_000] * 12
    assert letters(found.marks) == "m" * 12


def test_an_end_between_two_readings_is_shared_by_time() -> None:
    found = count(Readings.of([(START - 30_000, 0), (START + 30_000, 100), (START + HALF_HOUR_MS, 1_000)]), ENDS[:2])
    assert found.wh.tolist() == [950]


@pytest.mark.parametrize(
    ("missing", "marks"),
    [
        ((12, 18), "m" * 12),  # Inside a half hour the difference is measured all the same.
        ((25, 40), "iimmmmmmmmmm"),
        ((10, 125), "iiiiimmmmmmm"),
        ((10, 135), "sssssmmmmmmm"),
        ((-9, 20), "-mmmmmmmmmmm"),
        ((340, 400), "mmmmmmmmmmm-"),
    ],
)
def test_gaps_are_marked_by_their_length(missing: tuple[int, int], marks: str) -> None:
    kept = [(at, wh) for at, wh in every_minute() if not missing[0] <= (at - START) / MINUTE < missing[1]]
    found = count(Readings.of(kept), ENDS, max_w=MAX_W)
    assert letters(found.marks) == marks
    assert found.wh[found.marks != Mark.UNKNOWN].sum() == 3_000 * (12 - marks.count("-"))


def test_a_restart_inside_a_gap_leaves_a_lower_limit() -> None:
    for gap, marks in ((100, "mmrrrrmmmmmm"), (260, "mmllllllllmm")):
        kept = [
            (at, wh if at < START + 70 * MINUTE else wh - 1_007_000)
            for at, wh in every_minute()
            if not 70 <= (at - START) / MINUTE < 70 + gap
        ]
        found = count(Readings.of(kept), ENDS, max_w=MAX_W)
        assert (letters(found.marks)[:2], set(letters(found.marks))) == ("mm", set(marks))
        assert found.wh.sum() == 12 * 3_000 - 100, "what the last minute before it gave is lost"


def test_a_counter_that_stood_still_over_a_gap_is_measured() -> None:
    still = [(at, 500.0) for at, _ in every_minute() if not 10 <= (at - START) / MINUTE < 300]
    assert letters(count(Readings.of(still), ENDS).marks) == "m" * 12


def test_nothing_is_known_without_readings() -> None:
    found = count(NO_READINGS, ENDS)
    assert (letters(found.marks), found.wh.sum()) == ("-" * 12, 0)
    one = count(Readings.of([(START, 5)]), ENDS)
    assert letters(one.marks) == "-" * 12


@pytest.mark.parametrize("false", [0.0, 900_000.0, 99_999_999.0])
def test_a_value_that_is_taken_back_was_no_reading(false: float) -> None:
    spoilt = [(at, false if 40 <= (at - START) / MINUTE < 43 else wh) for at, wh in every_minute()]
    found = count(Readings.of(spoilt), ENDS, max_w=MAX_W)
    assert found.wh.tolist() == [3_000] * 12
    assert letters(found.marks) == "m" * 12


def test_a_device_with_a_higher_counter_adds_nothing_of_its_past() -> None:
    swapped = [(at, wh + 8_000_000 if at > START + 100 * MINUTE else wh) for at, wh in every_minute()]
    found = count(Readings.of(swapped), ENDS, max_w=MAX_W)
    assert found.wh.sum() == 12 * 3_000 - 100
    assert letters(found.marks) == "mmmrmmmmmmmm"


def test_an_exchange_that_is_known_breaks_a_counter_that_seems_to_count_on() -> None:
    swapped = [(at, wh + 300 if at > START + 100 * MINUTE else wh) for at, wh in every_minute()]
    moment = START + 100 * MINUTE + 30_000
    readings = Readings.of(swapped)
    for used in (readings, thinned(readings, max_w=MAX_W, changed_ms=[moment])):
        found = count(used, ENDS, max_w=MAX_W, changed_ms=[moment])
        assert found.wh.sum() == 12 * 3_000 - 100
        assert letters(found.marks) == "mmmrmmmmmmmm"


@pytest.mark.parametrize("size", [10**8, 10**9, 2**32])
def test_a_counter_that_runs_over_counts_on(size: int) -> None:
    over = [(at, float((size - 9_000 + round(wh) - 1_000_000) % size)) for at, wh in every_minute()]
    found = count(Readings.of(over), ENDS, max_w=MAX_W)
    assert found.wh.tolist() == [3_000] * 12
    assert letters(found.marks) == "m" * 12


def test_the_readings_around_an_end_are_named() -> None:
    readings = Readings.of([(START - 10, 5), (START + 20, 8), (START + 50, 9)])
    assert around(readings, START) == ((START - 10, 5), (START + 20, 8))
    assert around(readings, START + 20) == ((START + 20, 8),)
    assert around(readings, START + 90) == ((START + 50, 9),)
    assert around(NO_READINGS, START) == ()


def test_a_coarse_counter_shows_its_step() -> None:
    assert step_wh(Readings.of([(START, 1_200), (START + 1, 1_300), (START + 2, 1_500)])) == 100
    assert step_wh(NO_READINGS) == 0


def test_an_exchange_hides_in_the_longest_gap() -> None:
    span = Span("meter", START, START + 6 * 3_600_000)
    assert moment_in(Readings.of(every_minute()), span) is None, "without a gap nobody had the time"
    assert moment_in(NO_READINGS, span) is None
    holed = [(at, wh) for at, wh in every_minute() if not 40 <= (at - START) / MINUTE < 60]
    assert moment_in(Readings.of(holed), span) == START + 49 * MINUTE + 30_000
    reports = [
        Serials(300, {"meter": "b", "inverter": ""}),
        Serials(100, {"meter": "a", "inverter": "x"}),
        Serials(200, {"meter": "a"}),
        Serials(400, {"meter": "b", "inverter": "x"}),
    ]
    assert spans_of(reports) == [Span("meter", 200, 300)]
