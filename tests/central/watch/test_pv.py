"""Plants against their sky and their neighbours; beginnings within a day."""

from __future__ import annotations

import numpy as np
import pytest

from central.core.watch import pv
from central.core.watch.episodes import WITHIN_MS, Episodes, followed

PLANTS = 12
NEIGHBOURS = pv.nearest([35.6 + 0.01 * n for n in range(PLANTS)], [140.1] * PLANTS, [30_000.0] * PLANTS)


def days(sky: list[float], **plants: float) -> pv.Floats:
    """Plants × days: each day's sky as a share of a clear one; a plant named ``pN`` gives so much of it."""
    share = np.tile(np.array(sky), (PLANTS, 1))
    for name, part in plants.items():
        share[int(name[1:])] *= part
    return share


def test_neighbours_are_the_nearest_that_have_modules() -> None:
    peaks = [0.0 if n == 1 else 30_000.0 for n in range(PLANTS)]
    found = pv.nearest([35.6 + 0.01 * n for n in range(PLANTS)], [140.1] * PLANTS, peaks)
    assert found.shape == (PLANTS, pv.NEIGHBOURS)
    assert found[0].tolist() == list(range(2, 12))
    assert found[5, :2].tolist() in ([4, 6], [6, 4])
    assert all(row not in neighbours for row, neighbours in enumerate(found.tolist()))


def test_a_plant_without_a_string_stands_out_beside_neighbours_in_any_weather() -> None:
    judged = pv.judged(days([0.2, 0.9, 0.4, 0.15, 0.8, 0.3, 0.95], p3=0.7), NEIGHBOURS)
    assert judged.of_neighbours_pct[3] == pytest.approx(70)
    assert np.delete(judged.of_neighbours_pct, 3) == pytest.approx(np.full(PLANTS - 1, 100))


def test_a_plant_that_was_mended_is_fine_after_two_days() -> None:
    share = days([0.9] * 14)
    share[3, :-2] *= 0.5
    assert pv.judged(share, NEIGHBOURS).of_neighbours_pct[3] == pytest.approx(100)
    share[3, -2:] *= 0.5
    assert pv.judged(share, NEIGHBOURS).of_neighbours_pct[3] == pytest.approx(50)


def test_two_bad_days_are_no_weak_week() -> None:
    share = days([0.9] * 14)
    share[3, -2:] *= 0.4
    assert pv.judged(share, NEIGHBOURS).of_neighbours_pct[3] == pytest.approx(100 * (5 + 0.8) / 7)


def test_a_dark_week_says_nothing_of_a_plant_for_rain_falls_here_and_not_there() -> None:
    dark = pv.judged(days([0.9] * 7 + [0.15] * 6 + [0.5], p3=0.6), NEIGHBOURS)
    assert np.isnan(dark.of_neighbours_pct).all()
    brighter = pv.judged(days([0.9] * 7 + [0.15] * 5 + [0.5, 0.5], p3=0.6), NEIGHBOURS)
    assert brighter.of_neighbours_pct[3] == pytest.approx(60)


def test_a_cloudy_fortnight_says_nothing_of_the_clear_sky_and_snow_on_all_roofs_is_no_fault() -> None:
    cloudy = pv.judged(days([0.3] * 14), NEIGHBOURS)
    assert np.isnan(cloudy.of_clear_sky_pct).all()
    snow = pv.judged(days([0.9] * 12 + [0.02] * 2), NEIGHBOURS)
    assert snow.of_clear_sky_pct == pytest.approx(np.full(PLANTS, 90))
    assert snow.of_neighbours_pct == pytest.approx(np.full(PLANTS, 100))


def test_clear_days_show_a_plant_that_gives_half_even_if_its_near_ones_do_too() -> None:
    share = days([0.3, 0.92] * 7, p0=0.5, p1=0.5, p2=0.5, p3=0.5)
    judged = pv.judged(share, NEIGHBOURS)
    assert judged.of_clear_sky_pct[:4] == pytest.approx(np.full(4, 46))
    assert judged.of_clear_sky_pct[8] == pytest.approx(92)


def test_what_was_not_measured_is_not_judged() -> None:
    share = days([0.9] * 14)
    share[3, -5:] = np.nan
    share[4, :] = np.nan
    judged = pv.judged(share, NEIGHBOURS)
    assert np.isnan(judged.of_neighbours_pct[3])
    assert np.isnan(judged.of_clear_sky_pct[4])
    assert judged.of_clear_sky_pct[3] == pytest.approx(90)
    few = pv.judged(days([0.9] * 14)[:3], pv.nearest([35.6, 35.7, 35.8], [140.0] * 3, [1.0] * 3))
    assert np.isnan(few.of_neighbours_pct).all()
    assert pv.judged(np.zeros((0, 0)), np.zeros((0, 0), dtype=np.int64)).of_neighbours_pct.size == 0


def test_a_days_share_counts_the_hours_that_were_measured_and_wants_enough_of_them() -> None:
    clear = np.zeros((2, 1, 24))
    clear[:, 0, 8:16] = 10_000
    measured = clear * 0.8
    measured[0, 0, 8:11] = np.nan
    measured[1, 0, 8:12] = np.nan
    measured[:, 0, 2] = -40  # Standby at night is no negative sun.
    shares = pv.shares(measured, clear)
    assert shares[0, 0] == pytest.approx(0.8)
    assert np.isnan(shares[1, 0])


def test_what_an_inverter_does_not_let_through_is_not_missed() -> None:
    clear = np.array([[40_000.0, 10_000.0], [40_000.0, 10_000.0]])
    assert pv.reachable_w(clear, [33_000, 0]).tolist() == [[33_000 * pv.INVERTER_ROOM, 10_000], [40_000, 10_000]]


def test_a_dead_inverter_shows_at_once_when_the_sun_shines_on_others() -> None:
    clear, peak = np.full(PLANTS, 20_000.0), np.full(PLANTS, 30_000.0)
    power = np.full(PLANTS, 12_000.0)
    power[3], power[4] = 0, np.nan
    now = pv.now_pct(power, clear, peak, NEIGHBOURS)
    assert now[3] == 0
    assert np.isnan(now[4])
    assert now[5] == pytest.approx(100)
    assert np.isnan(pv.now_pct(power * 0.2, clear, peak, NEIGHBOURS)).all(), "under thick cloud nothing is said"
    assert np.isnan(pv.now_pct(power, clear * 0.1, peak, NEIGHBOURS)).all(), "at dawn nothing is said"


def test_beginnings_are_counted_for_a_day_and_what_goes_on_counts_once() -> None:
    told = Episodes()
    for minute, is_so in enumerate([True, True, None, True, False, True, False]):
        told = followed(told, {"a": is_so}, minute * 60_000)
    assert told.count("a") == 2
    assert told.count("b") == 0
    assert followed(told, {}, WITHIN_MS + 200_000).count("a") == 1
    assert followed(told, {}, 2 * WITHIN_MS).begun == {}
