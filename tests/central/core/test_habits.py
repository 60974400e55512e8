"""A shelter's past by the hour: what counts as measured, and what is learnt from it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from central.core.city import Sample
from central.core.habits import (
    HISTORY_DAYS,
    PastDay,
    Row,
    curtailed,
    day_of,
    habit_of,
    held_back,
    hours_of,
    is_ever_full,
    is_secured_known,
    last_hour_w,
    start_of,
    sunshine,
)

HOUR_MS = 3_600_000
NOON_MS = 1_795_489_200_000
"""2026-11-24 12:00 in Tokyo, a Tuesday."""
TODAY = day_of(NOON_MS)
SUN = np.clip(np.sin((np.arange(24) + 0.5 - 6) / 12 * np.pi), 0, None) * 1_000


def day(
    number: int, *, building: float = 800.0, secured: float = math.nan, sun: float = 0.5, held: float = 0.0
) -> PastDay:
    hours = np.zeros((len(Row), 24), dtype=np.float32)
    hours[Row.BUILDING_W], hours[Row.SECURED_W], hours[Row.HELD] = building, secured, held
    hours[Row.PV_W] = SUN * sun
    return PastDay(number, hours)


def days(count: int, **more: float) -> dict[int, PastDay]:
    return {number: day(number, **more) for number in range(TODAY - count, TODAY)}


def test_days_begin_at_midnight_in_tokyo() -> None:
    assert start_of(TODAY) == NOON_MS - 12 * HOUR_MS
    assert day_of(start_of(TODAY)) == TODAY
    assert day_of(start_of(TODAY) - 1) == TODAY - 1


def test_an_hour_with_few_good_readings_is_not_measured() -> None:
    first = start_of(TODAY)
    samples = [
        Sample(first, 100.0, 720),
        Sample(first + HOUR_MS, 200.0, 359),
        Sample(first + 2 * HOUR_MS, 300.0, 360),
        Sample(first + 3 * HOUR_MS, None, 0),
        Sample(first - HOUR_MS, 9.0, 720),
    ]
    found = hours_of(samples, first_day=TODAY, days=1)[0]
    assert found[[0, 2]].tolist() == [100.0, 300.0]
    assert np.isnan(found[[1, 3, 4]]).all()
    assert np.isnan(hours_of([], first_day=TODAY, days=2)).all()


def test_a_full_battery_without_the_grid_says_nothing_of_the_sky() -> None:
    found = held_back(np.array([[1.0, 0.2, 0.0, 1.0]]), np.array([[98.0, 97.0, 99.0, math.nan]]))
    assert found.tolist() == [[1.0, 1.0, 0.0, 0.0]]


def test_a_full_battery_that_neither_sells_nor_buys_says_nothing_of_the_sky() -> None:
    soc_pct = np.array([98.0, 98.0, 98.0, 96.0, math.nan, 98.0])
    grid_w = np.array([200.0, -6_000.0, 3_000.0, 0.0, 0.0, math.nan])
    assert curtailed(soc_pct, grid_w).tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert is_ever_full(soc_pct)
    assert not is_ever_full(np.array([96.9, math.nan]))


def test_a_habit_wants_measured_hours_and_knows_its_weekdays() -> None:
    assert habit_of({}, Row.BUILDING_W, now_ms=NOON_MS) is None
    assert habit_of(days(3, building=math.nan), Row.BUILDING_W, now_ms=NOON_MS) is None
    past = days(21)
    for number in past:
        if (number + 3) % 7 >= 5:  # Saturday and Sunday.
            past[number] = day(number, building=200.0)
    found = habit_of(past, Row.BUILDING_W, now_ms=NOON_MS)
    assert found is not None
    assert found.hours == 21 * 24
    assert len(found.typical_w) == 168
    assert found.typical_w[12] == pytest.approx(800)
    assert found.typical_w[5 * 24 + 12] == pytest.approx(200)


def test_hours_of_today_that_are_not_over_are_not_learnt_from() -> None:
    past = days(2) | {TODAY: day(TODAY, building=math.nan)}
    past[TODAY].hours[Row.BUILDING_W][:12] = 800.0
    past[TODAY].hours[Row.BUILDING_W][12] = 5.0
    found = habit_of(past, Row.BUILDING_W, now_ms=NOON_MS)
    assert found is not None
    assert found.hours == 60
    assert last_hour_w(past, Row.BUILDING_W, now_ms=NOON_MS) == 800.0
    assert last_hour_w(past, Row.BUILDING_W, now_ms=NOON_MS + 2 * HOUR_MS) is None
    assert last_hour_w(past, Row.BUILDING_W, now_ms=start_of(TODAY)) == 800.0
    assert last_hour_w({}, Row.BUILDING_W, now_ms=NOON_MS) is None


@pytest.mark.parametrize(("secured", "known"), [(300.0, True), (0.0, False), (math.nan, False)])
def test_a_secured_output_that_reports_nothing_is_not_believed(secured: float, known: bool) -> None:
    assert is_secured_known(days(10, secured=secured), today=TODAY) is known


def test_a_secured_output_that_was_seen_in_an_outage_alone_is_not_enough() -> None:
    past = days(10) | {TODAY - 1: day(TODAY - 1, secured=300.0)}
    assert not is_secured_known(past, today=TODAY)


def test_days_of_sun_are_shares_of_the_clear_sky_and_gaps_stay_gaps() -> None:
    first = TODAY - HISTORY_DAYS
    clear = np.tile(SUN, (HISTORY_DAYS + 1, 1))
    past = days(4, sun=0.6)
    past[TODAY - 2] = day(TODAY - 2, held=1.0)
    past[TODAY - 3].hours[Row.PV_W][8:14] = math.nan
    past[TODAY - 4].hours[Row.PV_W][:4] = math.nan  # At night: nothing is missing.
    past[TODAY] = day(TODAY, sun=0.3)
    found = sunshine(past, clear, first_day=first, now_ms=NOON_MS)
    assert found.recent_days[:-4] == (None,) * (HISTORY_DAYS - 4)
    assert found.recent_days[-4] == pytest.approx(0.6, abs=1e-4)
    assert found.recent_days[-3:-1] == (None, None)
    assert found.recent_days[-1] == pytest.approx(0.6, abs=1e-4)
    assert found.today_ratio is not None
    assert found.today_share == pytest.approx(0.5, abs=0.01)


def test_today_counts_up_to_the_last_whole_hour() -> None:
    clear = np.tile(SUN, (HISTORY_DAYS + 1, 1))
    past = {TODAY: day(TODAY, sun=0.3)}
    past[TODAY].hours[Row.PV_W][12:] = math.nan
    found = sunshine(past, clear, first_day=TODAY - HISTORY_DAYS, now_ms=NOON_MS + 5)
    assert found.today_ratio == pytest.approx(0.3, abs=1e-4)
    early = sunshine(past, clear, first_day=TODAY - HISTORY_DAYS, now_ms=start_of(TODAY) + HOUR_MS)
    assert (early.today_ratio, early.today_share) == (None, 0.0)


def test_without_modules_or_with_wrong_ones_no_day_is_judged() -> None:
    clear = np.zeros((HISTORY_DAYS + 1, 24))
    found = sunshine(days(3), clear, first_day=TODAY - HISTORY_DAYS, now_ms=NOON_MS)
    assert set(found.recent_days) == {None}
    tenfold = sunshine(
        days(3, sun=10.0), np.tile(SUN, (HISTORY_DAYS + 1, 1)), first_day=TODAY - HISTORY_DAYS, now_ms=NOON_MS
    )
    assert set(tenfold.recent_days) == {None}
