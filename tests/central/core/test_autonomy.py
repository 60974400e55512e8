"""Hours of autonomy: the battery's arithmetic, what is unknown, and what must hold whatever the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.plain_walk import plain_hours
from central.core.autonomy import Autonomy, Horizon, Levels, Note, ShelterEnergy, TierLoad, Unknown, course, estimate
from central.core.autonomy.calibration import replayed_h
from central.core.autonomy.scenarios import Futures
from central.core.autonomy.values import Floats
from central.core.autonomy.walk import walk
from central.core.autonomy.words import NOTE_SAYS, UNKNOWN_SAYS, hours_say
from tests.central.core.autonomy_parts import HORIZON, HOUR_MS, MIDNIGHT_MS, dark, shelter, sunny, tier

EVEN = {"load_spread": 0.0, "own_use_w": 0.0, "conversion_loss": 0.0, "efficiency": 1.0, "peak_factor": 1.0}


def one(energy: ShelterEnergy, clear_w: Floats | None = None, horizon: Horizon = HORIZON) -> Autonomy:
    (found,) = estimate(
        [energy], dark(horizon=horizon) if clear_w is None else clear_w, at_ms=MIDNIGHT_MS, horizon=horizon
    )
    return found


class TestArithmetic:
    def test_a_steady_load_without_sun_lasts_as_long_as_the_energy_above_the_floor(self) -> None:
        # 20 kWh, 80 % less 5 % floor = 15 kWh at 500 W.
        found = one(shelter(**EVEN))
        assert (found.p10_h, found.p50_h, found.p90_h) == (30.0, 30.0, 30.0)

    def test_losses_own_use_and_state_of_health_count(self) -> None:
        found = one(
            shelter(**{**EVEN, "efficiency": 0.9, "own_use_w": 50.0, "conversion_loss": 0.05}, usable_share=0.9)
        )
        by_hand_h = 20_000 * 0.9 * 0.75 * 0.9 / (550 / 0.95)
        assert found.p50_h == pytest.approx(by_hand_h, abs=0.02)

    def test_below_the_floor_nothing_is_left(self) -> None:
        assert one(shelter(soc_pct=3.0)).p90_h == 0.0

    def test_what_lasts_past_the_horizon_says_so(self) -> None:
        found = one(shelter(tiers=(tier(watts=50.0),), **EVEN))
        assert found.p10_h == found.horizon_h == 72.0
        assert found.lasting_share == 1.0
        assert found.p10_h is not None
        said = hours_say(found.p10_h, found.horizon_h)
        assert (said.ja, said.en) == ("72時間以上", "72 h or more")

    def test_a_full_battery_wastes_the_sun(self) -> None:
        # Sun of one day only, more than the battery can hold: what counts is its size.
        clear_w = sunny(50_000.0)
        clear_w[:, 48:] = 0
        found = one(shelter(soc_pct=100.0, recent_days=(1.0,) * 14, **EVEN, tiers=(tier(watts=1_000.0),)), clear_w)
        # From about the sun's end, 19 kWh at 1 kW.
        assert found.p50_h == pytest.approx(18 + 19, abs=0.8)

    def test_a_load_above_the_secured_output_ends_at_once_and_is_called_a_lack_of_power(self) -> None:
        found = one(shelter(tiers=(tier(watts=12_000.0),)))
        assert found.p90_h == 0.0
        assert found.notes == (Note.POWER_SHORT,)
        assert "出力の上限" in NOTE_SAYS[found.notes[0]].ja

    def test_a_measured_load_moves_the_next_hours_and_is_forgotten(self) -> None:
        usual = one(shelter(**EVEN)).p50_h
        more = one(shelter(tiers=(tier(now_w=1_000.0),), **EVEN)).p50_h
        assert usual is not None
        assert more is not None
        # The integral of 2 ** exp(-t / 3 h) - 1 over time is 3 h * (ln 2 + ln² 2 / 4 + ln³ 2 / 18 + …) = 2.50 h.
        assert usual - more == pytest.approx(2.50, abs=0.03)

    def test_the_hour_of_the_week_is_tokyo_s(self) -> None:
        # A load on Fridays from 0 to 24 alone: it stops when the day that begins the walk is over.
        week = [0.0] * 168
        week[4 * 24 : 5 * 24] = [800.0] * 24
        found = one(shelter(tiers=(TierLoad(tier=1, typical_w=tuple(week)),), **EVEN))
        assert found.p10_h == pytest.approx(15_000 / 800, abs=0.3)
        # Less than a Friday's worth of load lasts for good, since nothing follows.
        week = [value * 0.6 for value in week]
        assert one(shelter(tiers=(TierLoad(tier=1, typical_w=tuple(week)),), **EVEN)).p10_h == 72.0


class TestUnknown:
    @pytest.mark.parametrize(
        ("energy", "why"),
        [
            (shelter(soc_pct=None), Unknown.NO_SOC),
            (shelter(capacity_wh=None), Unknown.NO_CAPACITY),
            (shelter(capacity_wh=0.0), Unknown.NO_CAPACITY),
            (shelter(tiers=()), Unknown.NO_LOAD),
            (shelter(tiers=(tier(watts=0.0),)), Unknown.NO_LOAD),
        ],
    )
    def test_what_is_not_known_gets_no_number(self, energy: ShelterEnergy, why: Unknown) -> None:
        found = one(energy)
        assert found.unknown is why
        assert (found.p10_h, found.p50_h, found.p90_h, found.lasting_share) == (None, None, None, None)
        assert UNKNOWN_SAYS[why].ja.startswith("不明")
        assert UNKNOWN_SAYS[why].en.startswith("Unknown")

    def test_unknown_shelters_do_not_move_the_others(self) -> None:
        known, other = shelter(site="A"), shelter(site="B", soc_pct=40.0)
        three = estimate([known, shelter(soc_pct=None), other], sunny(count=3), at_ms=MIDNIGHT_MS, horizon=HORIZON)
        assert three[0] == one(known, sunny())
        assert three[1].unknown is Unknown.NO_SOC
        assert three[2] == one(other, sunny())

    def test_a_dark_pv_sensor_counts_as_no_sun_and_says_so(self) -> None:
        blind = one(shelter(recent_days=(None,) * 14, today_ratio=0.9, today_share=0.5), sunny())
        none = one(shelter(), dark())
        assert blind.notes == (Note.SUN_NOT_COUNTED,)
        assert blind.p50_h == none.p50_h
        assert one(shelter(recent_days=()), sunny()).notes == (Note.SUN_NOT_COUNTED,)

    def test_few_measured_days_are_told(self) -> None:
        assert one(shelter(recent_days=(0.5, None, 0.7)), sunny()).notes == (Note.FEW_DAYS,)

    def test_a_wrong_shape_of_the_sky_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"clear_w: want \(1, 144\)"):
            estimate([shelter()], np.zeros((1, 3)), at_ms=MIDNIGHT_MS, horizon=HORIZON)


class TestWhateverTheNumbers:
    @settings(max_examples=40, deadline=None)
    @given(
        soc_pct=st.floats(0, 100),
        more_soc=st.floats(0, 50),
        watts=st.floats(1, 15_000),
        peak_w=st.floats(0, 60_000),
        hour=st.integers(0, 167),
    )
    def test_more_charge_less_load_or_more_sun_never_shorten_it(
        self, soc_pct: float, more_soc: float, watts: float, peak_w: float, hour: int
    ) -> None:
        horizon = Horizon(scenarios=10)
        base = shelter(soc_pct=soc_pct, tiers=(tier(watts=watts),))
        fuller = replace(base, soc_pct=min(100.0, soc_pct + more_soc))
        lighter = replace(base, tiers=(tier(watts=watts * 0.7),))
        clear_w = sunny(peak_w)
        at_ms = MIDNIGHT_MS + hour * HOUR_MS

        def band(energy: ShelterEnergy, sky_w: Floats) -> Floats:
            (found,) = estimate([energy], sky_w, at_ms=at_ms, horizon=horizon)
            assert found.p10_h is not None
            assert found.p50_h is not None
            assert found.p90_h is not None
            assert 0 <= found.p10_h <= found.p50_h <= found.p90_h <= 72
            return np.array([found.p10_h, found.p50_h, found.p90_h])

        plain = band(base, clear_w)
        # Half an hour's noise of single precision at most.
        assert (band(fuller, clear_w) >= plain - 0.02).all()
        assert (band(lighter, clear_w) >= plain - 0.02).all()
        assert (band(base, clear_w * 1.5) >= plain - 0.02).all()

    def test_the_same_seed_gives_the_same_hours_and_another_one_others(self) -> None:
        assert one(shelter(), sunny()) == one(shelter(), sunny())
        assert one(shelter(), sunny()) != one(shelter(), sunny(), replace(HORIZON, seed=2))

    def test_wider_levels_state_a_wider_band(self) -> None:
        narrow = one(shelter(), sunny(2_000.0))
        wide = one(shelter(), sunny(2_000.0), replace(HORIZON, levels=Levels(low=0.02, high=0.98)))
        assert narrow.p10_h is not None
        assert wide.p10_h is not None
        assert wide.p10_h < narrow.p10_h

    def test_the_quick_walk_ends_where_the_plain_one_does(self) -> None:
        horizon = replace(HORIZON, scenarios=25)
        some = [
            shelter(site=f"S{n}", soc_pct=20.0 + 15 * n, tiers=(tier(watts=400.0 + 300 * n),), floor_pct=3.0 * n)
            for n in range(5)
        ]
        clear_w = sunny(6_000.0, 5)
        steps = list(Futures(some, clear_w, at_ms=MIDNIGHT_MS, horizon=horizon))
        quick = walk(some, steps, step_h=horizon.step_h)
        ends: set[bool] = set()
        for row, energy in enumerate(some):
            for scenario in range(horizon.scenarios):
                pv_w = [float(pv[row, scenario]) for pv, _ in steps]
                load_w = [float(load[row, scenario]) for _, load in steps]
                plain_h = plain_hours(energy, pv_w, load_w, step_h=horizon.step_h)
                replayed = replayed_h(energy, pv_w, load_w, step_h=horizon.step_h)
                assert quick.hours[row, scenario] == pytest.approx(plain_h, abs=0.05)
                assert replayed == pytest.approx(plain_h, abs=0.05)
                ends.add(plain_h < horizon.hours)
        assert ends == {True, False}

    def test_a_poor_day_s_course_is_below_the_clear_sky(self) -> None:
        sun_w, load_w = course([shelter()], sunny(), at_ms=MIDNIGHT_MS, horizon=HORIZON)
        assert sun_w.shape == load_w.shape == (1, HORIZON.steps)
        assert (sun_w <= sunny() * 1.3).all()
        assert 0 < sun_w.sum() < sunny().sum() * np.mean(shelter().recent_days)
        assert load_w.mean() == pytest.approx(500.0, rel=0.05)


class TestBadValues:
    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"soc_pct": 101.0}, "soc_pct must be 0 to 100"),
            ({"usable_share": 1.2}, "usable_share must be 0 to 1"),
            ({"backup_w": -1.0}, "backup_w must be 0 or more"),
            ({"tiers": (tier(2), tier(1))}, "tiers must stand in their order"),
            ({"capacity_wh": float("nan")}, "capacity_wh must be 0 or more"),
            ({"recent_days": (0.5, float("nan"))}, "recent_days must be 0 to 10"),
        ],
    )
    def test_a_shelter_that_cannot_be_is_refused(self, change: dict[str, object], says: str) -> None:
        with pytest.raises(ValueError, match=says):
            shelter(**change)

    def test_a_tier_wants_whole_days_of_loads(self) -> None:
        with pytest.raises(ValueError, match="want 24 or 168 hours, got 5"):
            TierLoad(tier=1, typical_w=(1.0,) * 5)
        with pytest.raises(ValueError, match="0 W or more"):
            TierLoad(tier=1, typical_w=(-1.0,) * 24)

    @pytest.mark.parametrize("change", [{"hours": 0}, {"step_min": 7}, {"scenarios": 3}])
    def test_a_horizon_has_limits(self, change: dict[str, int]) -> None:
        with pytest.raises(ValueError, match="must be"):
            Horizon(**change)
