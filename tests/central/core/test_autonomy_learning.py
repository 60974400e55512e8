"""What is learnt of loads, skies and of the forecast's own errors, and the sun's clear sky itself."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.autonomy import Levels, Plane, ShelterEnergy
from central.core.autonomy.calibration import Place, learnt, place_of
from central.core.autonomy.learning import day_ratios, load_habit
from central.core.autonomy.scenarios import Futures, sky_of
from central.solar import clear_sky_w
from tests.central.core.autonomy_parts import DAYS, HORIZON, HOUR_MS, MIDNIGHT_MS, shelter, sunny

CHIBA = Plane(latitude=35.6, longitude=140.1, tilt_deg=10.0, azimuth_deg=180.0, peak_w=10_000.0)


def weeks(count: int, *, workday: float, weekend: float) -> list[float | None]:
    return [workday if hour % 168 < 120 else weekend for hour in range(168 * count)]


class TestLoads:
    def test_a_week_s_habit_is_learnt_by_hour_of_the_week(self) -> None:
        habit = load_habit(weeks(3, workday=1_000.0, weekend=200.0), first_hour_of_week=0)
        assert habit is not None
        assert habit.typical_w[0] == 1_000.0
        assert habit.typical_w[167] == 200.0
        assert not habit.of_last_days
        assert habit.spread == 0.03

    def test_the_first_hour_may_be_any(self) -> None:
        shifted = weeks(4, workday=1_000.0, weekend=200.0)[30:]
        habit = load_habit(shifted, first_hour_of_week=30)
        assert habit is not None
        assert (habit.typical_w[0], habit.typical_w[121]) == (1_000.0, 200.0)

    def test_when_the_last_days_are_another_life_they_are_believed(self) -> None:
        full: list[float | None] = [*weeks(3, workday=1_000.0, weekend=200.0), *[3_000.0] * 24 * 6]
        habit = load_habit(full, first_hour_of_week=0)
        assert habit is not None
        assert habit.of_last_days
        assert set(habit.typical_w) == {3_000.0}

    def test_gaps_are_no_zeros(self) -> None:
        holed = [None if hour % 5 == 0 else value for hour, value in enumerate(weeks(3, workday=800.0, weekend=800.0))]
        habit = load_habit(holed, first_hour_of_week=0)
        assert habit is not None
        assert set(habit.typical_w) == {800.0}
        assert habit.hours == sum(value is not None for value in holed)

    def test_nothing_measured_is_nothing_learnt(self) -> None:
        assert load_habit([None] * 200, first_hour_of_week=0) is None
        assert load_habit([], first_hour_of_week=0) is None

    def test_a_few_hours_are_spread_over_the_week_with_a_general_doubt(self) -> None:
        habit = load_habit([500.0, 700.0], first_hour_of_week=8)
        assert habit is not None
        assert habit.spread == 0.2
        assert habit.typical_w[8] == 500.0
        assert habit.typical_w[24 + 8] == 500.0
        assert habit.typical_w[0] == 600.0

    def test_the_hour_of_the_week_has_limits(self) -> None:
        with pytest.raises(ValueError, match="0 to 167"):
            load_habit([1.0], first_hour_of_week=168)


class TestSkies:
    def test_days_are_shares_of_the_clear_sky(self) -> None:
        assert day_ratios([5_000.0, None, 100.0], [10_000.0, 9_000.0, 0.0]) == (0.5, None, None)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.one_of(st.none(), st.floats(0, 1.4)), max_size=40), st.floats(-6, 6))
    def test_any_days_give_a_sky_that_stays_in_its_bounds(self, days: list[float | None], score: float) -> None:
        sky = sky_of(days)
        if sky is None:
            assert all(ratio is None for ratio in days)
            return
        ratio = float(sky.ratio_at(np.array(score)))
        assert 0 <= ratio <= sky.ratio_max
        assert math.isfinite(ratio)
        assert 0 <= sky.memory <= 0.95
        better = float(sky.ratio_at(np.array(score + 1)))
        assert better >= ratio - 1e-9

    def test_the_drawn_days_are_spread_as_the_recent_ones(self) -> None:
        futures = list(Futures([shelter(recent_days=DAYS * 2)], sunny(), at_ms=MIDNIGHT_MS, horizon=HORIZON))
        pv_wh = np.array([pv[0] for pv, _ in futures])
        third_day = pv_wh[96:144].sum(axis=0) / sunny()[0, 96:144].sum()
        assert third_day.mean() == pytest.approx(np.mean(DAYS), abs=0.1)
        assert third_day.std() == pytest.approx(np.std(DAYS), abs=0.1)

    def test_today_so_far_tells_of_today_and_little_of_later(self) -> None:
        def means(**known: float) -> tuple[float, float]:
            at_ms = MIDNIGHT_MS + 12 * HOUR_MS
            sky_w = np.roll(sunny(), -24, axis=1)
            steps = list(Futures([shelter(**known)], sky_w, at_ms=at_ms, horizon=HORIZON))
            pv_w = np.array([pv[0].mean() for pv, _ in steps])
            return float(pv_w[:12].mean()), float(pv_w[72:].mean())

        poor, good = means(today_ratio=0.15, today_share=0.5), means(today_ratio=0.95, today_share=0.5)
        assert good[0] > 1.5 * poor[0]
        assert good[1] == pytest.approx(poor[1], rel=0.25)

    def test_an_announced_storm_outweighs_fair_days_until_it_has_passed(self) -> None:
        fair = shelter(recent_days=(0.9, 0.95) * 7)
        storm = replace(fair, outlook=(0.12, None, 0.12))

        def by_day(energy: ShelterEnergy) -> list[float]:
            steps = Futures([energy], sunny(), at_ms=MIDNIGHT_MS, horizon=HORIZON)
            pv_w = np.array([pv[0].mean() for pv, _ in steps]).reshape(3, 48)
            return list(pv_w.sum(axis=1) / sunny()[0, :48].sum())

        usual, announced = by_day(fair), by_day(storm)
        assert announced[0] == pytest.approx(0.12, abs=0.02)
        assert announced[1] == usual[1]
        assert announced[2] == pytest.approx(0.12, abs=0.02)

    def test_the_clear_sky_over_chiba(self) -> None:
        """Midsummer and midwinter noon, night, and the day's sum, within what textbooks give for latitude 35.6°."""
        june_ms, december_ms = 1_718_895_600_000, 1_734_706_800_000
        for start_ms, noon_share, hours in (
            (june_ms, (0.75, 0.90), (6.0, 7.5)),
            (december_ms, (0.38, 0.56), (2.2, 3.5)),
        ):
            (power_w,) = clear_sky_w([CHIBA], start_ms=start_ms, steps=48, step_ms=1_800_000)
            assert noon_share[0] <= power_w.max() / CHIBA.peak_w <= noon_share[1]
            assert int(power_w.argmax()) in {22, 23, 24}
            assert power_w[0] == power_w[6] == power_w[46] == 0
            assert hours[0] <= power_w.sum() / 2 / CHIBA.peak_w <= hours[1]

    def test_each_plane_has_its_own_sky_and_order(self) -> None:
        east, west = replace(CHIBA, tilt_deg=40.0, azimuth_deg=90.0), replace(CHIBA, tilt_deg=40.0, azimuth_deg=270.0)
        far = replace(CHIBA, longitude=130.4)
        rows = clear_sky_w([east, west, far, CHIBA], start_ms=MIDNIGHT_MS, steps=48, step_ms=1_800_000)
        assert rows[0].argmax() < rows[3].argmax() < rows[1].argmax()
        assert rows[2].argmax() > rows[3].argmax()
        again = clear_sky_w([CHIBA], start_ms=MIDNIGHT_MS, steps=48, step_ms=1_800_000)
        assert rows[3] == pytest.approx(again[0])

    def test_no_planes_are_refused(self) -> None:
        with pytest.raises(ValueError, match="want planes"):
            clear_sky_w([], start_ms=0, steps=1, step_ms=1)


class TestErrors:
    HOURS = np.arange(1, 101, dtype=np.float32)

    def test_a_place_is_the_share_that_ends_before(self) -> None:
        assert place_of(10.5, self.HOURS, horizon_h=200.0) == Place(0.10, 0.10)
        lasting = np.array([5.0, 72.0, 72.0, 72.0], dtype=np.float32)
        assert place_of(72.0, lasting, horizon_h=72.0) == Place(0.25, 1.0)

    def test_nothing_learnt_changes_nothing(self) -> None:
        assert learnt([]) == Levels()

    def test_a_forecast_that_was_too_sure_gets_wider(self) -> None:
        sure = learnt([Place(x, x) for x in (0.01, 0.99) * 200])
        assert sure.low < 0.04
        assert sure.high > 0.95

    def test_a_forecast_that_was_too_vague_gets_narrower_within_limits(self) -> None:
        vague = learnt([Place(x, x) for x in np.linspace(0.4, 0.6, 400)])
        assert (vague.low, vague.high) == (0.2, 0.8)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=30))
    def test_whatever_came_the_levels_stay_levels(self, pairs: list[tuple[float, float]]) -> None:
        levels = learnt([Place(min(pair), max(pair)) for pair in pairs])
        assert 0.01 <= levels.low <= 0.2
        assert 0.8 <= levels.high <= 0.99
