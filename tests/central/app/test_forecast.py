"""Hours left from a real store: what is known, what is not, what is assumed, and what a failing store costs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from central.core.autonomy import Levels, Note, Unknown
from central.core.plants import Assumed
from central.core.preview import NO_HOURS
from central.core.rationing import Outlook
from central.core.reach import Verdict, Why
from central.forecast import NotYetError
from tests.central.hours_parts import DAY_MS, HOUR_MS, NOW_MS, OTHER, SITE, STEP_MS, house, load_w, past, site


async def test_hours_follow_from_charge_load_and_sun(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.lived(days=20)
        while await here.forecast.fill(10):
            pass
        found = (await here.forecast.refresh()).shelters[SITE]
        left = found.left
        assert left.unknown is None
        assert left.p10_h is not None
        assert left.p50_h is not None
        assert left.p90_h is not None
        assert left.p10_h <= left.p50_h <= left.p90_h
        # 60 % of 20 kWh above the assumed floor is 10 kWh: at 1 to 2 kW some hours, the sun helps at first.
        assert 4 < left.p50_h < 24
        assert Note.FEW_DAYS not in left.notes
        assert Assumed.FEW_HOURS not in found.assumed
        assert found.ration is None
        assert set(found.assumed) == {
            Assumed.NO_TIERS,
            Assumed.WHOLE_BUILDING,
            Assumed.BACKUP_RATING,
            Assumed.FLOOR,
            Assumed.ROOF,
        }
        assert here.forecast.hours(SITE).p50_h == left.p50_h
        shown = here.live.site(SITE, NOW_MS)
        assert shown is not None
        assert shown.hours is not None
        assert shown.hours.says_ja == found.says.ja


async def test_little_past_says_so_and_widens_the_band(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.lived(days=1.5)
        short = (await here.forecast.refresh()).shelters[SITE]
        assert Assumed.FEW_HOURS in short.assumed
        assert Note.FEW_DAYS in short.left.notes or Note.SUN_NOT_COUNTED in short.left.notes
        assert any("3日分" in note.ja for note in short.notes)
        energy = (await here.forecast.refresh()).plants[SITE].energy
        assert energy.load_spread >= 0.3


@pytest.mark.parametrize(
    ("registered", "soc_pct", "unknown"),
    [
        (site(), None, Unknown.NO_SOC),
        (site(battery_kwh=0.0), 60.0, Unknown.NO_CAPACITY),
        (site(), 60.0, Unknown.NO_LOAD),
    ],
)
async def test_what_is_not_known_is_not_stated(
    tmp_path: Path, registered: object, soc_pct: float | None, unknown: Unknown
) -> None:
    async with house(tmp_path, registered) as here:  # type: ignore[arg-type]
        if unknown is not Unknown.NO_LOAD:
            await here.store.write(list(past(from_ms=NOW_MS - 5 * DAY_MS, to_ms=NOW_MS)))
        if soc_pct is not None:
            here.now(soc_pct=soc_pct)
        found = (await here.forecast.refresh()).shelters[SITE]
        assert found.left.unknown is unknown
        assert found.left.p50_h is None
        assert found.says.en.startswith("Unknown")
        assert found.says.ja.startswith("不明")
        assert here.forecast.hours(SITE) == NO_HOURS


async def test_who_is_heard_after_the_hours_were_worked_out_makes_them_due_again(tmp_path: Path) -> None:
    """After a start of the service shelters are heard one by one: none waits minutes for its hours."""
    async with house(tmp_path, site(), site(OTHER)) as here:
        await here.store.write(list(past(from_ms=NOW_MS - 5 * DAY_MS, to_ms=NOW_MS)))
        await here.forecast.refresh()
        assert not here.forecast.is_behind(), "nobody was heard yet, so nothing new can be said"
        here.now(soc_pct=60.0)
        assert here.forecast.is_behind(), "its charge is known"
        await here.forecast.refresh()
        assert not here.forecast.is_behind()
        while await here.forecast.fill(10):
            pass
        assert here.forecast.is_behind(), "its past is known"
        found = (await here.forecast.refresh()).shelters
        assert found[SITE].left.unknown is None
        assert found[OTHER].left.unknown is Unknown.NO_SOC
        assert not here.forecast.is_behind(), "a shelter that stays silent asks for nothing"


async def test_loads_by_tier_are_rationed_and_the_critical_one_lasts_longest(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.lived(days=10, soc_pct=90.0)
        await here.say("tiers_w=80,900,2500", "backup_kw=9.9", "floor_pct=5", "tilt_deg=20", "azimuth_deg=180")
        await here.forecast.fill(30)
        found = (await here.forecast.refresh()).shelters[SITE]
        assert found.assumed == (Assumed.TIERS_ENTERED,)
        assert found.ration is not None
        assert found.ration.outlook is Outlook.SOME_LAST
        assert found.ration.keep == (1,)
        assert found.critical.p10_h is not None
        assert found.left.p10_h is not None
        assert found.critical.p10_h > found.left.p10_h
        assert here.forecast.hours(SITE).p10_h == found.critical.p10_h
        shorter = await here.forecast.shelter(SITE, target_h=4)
        assert shorter is not None
        assert shorter.ration is not None
        assert len(shorter.ration.keep) > 1
        longer = await here.forecast.shelter(SITE, target_h=120)
        assert longer is not None
        assert longer.left.horizon_h == 120


async def test_a_secured_output_that_is_measured_is_believed_over_the_building(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.lived(days=10, backup_w=300.0)
        await here.forecast.fill(30)
        found = (await here.forecast.refresh()).shelters[SITE]
        assert Assumed.WHOLE_BUILDING not in found.assumed
        typical = here.forecast.latest.plants[SITE].energy.tiers[0].typical_w  # type: ignore[union-attr]
        assert typical == pytest.approx((300.0,) * len(typical))


async def test_without_the_grid_what_runs_now_counts(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.lived(days=10)
        here.clock.now_ms += 2_000
        here.now(islanded=1.0, load=400.0)
        small = (await here.forecast.refresh()).shelters[SITE]
        assert small.says.en.startswith("Without the grid")
        assert here.forecast.latest is not None
        assert here.forecast.latest.plants[SITE].energy.tiers[0].now_w == 400.0
        here.clock.now_ms += 2_000
        here.now(islanded=1.0, load=4_000.0)
        large = (await here.forecast.refresh()).shelters[SITE]
        assert small.left.p50_h is not None
        assert large.left.p50_h is not None
        assert large.left.p50_h < small.left.p50_h


async def test_days_that_come_late_are_read_again(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.lived(days=0.2)
        await here.forecast.fill(30)
        await here.forecast.refresh()
        before = here.forecast.latest
        assert before is not None
        await here.store.write(list(past(from_ms=NOW_MS - 6 * DAY_MS, to_ms=NOW_MS - DAY_MS)))
        here.clock.now_ms += 7 * HOUR_MS
        here.now()
        await here.forecast.fill(30)
        await here.forecast.refresh()
        after = here.forecast.latest
        assert after is not None
        known = [sum(r is not None for r in city.plants[SITE].energy.recent_days) for city in (before, after)]
        assert known[0] == 0
        assert known[1] == 4, "days of which the daylight is there wholly"


async def test_the_past_is_read_bit_by_bit_and_once(tmp_path: Path) -> None:
    async with house(tmp_path, site(), site(OTHER)) as here:
        await here.lived(days=3)
        await here.lived(days=3, of=OTHER)
        assert await here.forecast.fill(0.0), "no time: everything is still to be read"
        assert not await here.forecast.fill(60)
        assert not await here.forecast.fill(0.0), "nothing is read twice"


async def test_a_store_that_fails_costs_the_past_and_not_the_answer(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.lived(days=3)
        await here.say("tiers_w=500")
        await here.store.close()
        found = await here.forecast.refresh()
        assert "closed" in here.forecast.trouble
        assert found.shelters[SITE].left.p50_h is not None
        assert Assumed.TIERS_ENTERED in found.shelters[SITE].assumed


async def test_an_answer_serves_until_it_is_old_and_many_who_ask_share_one(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.lived(days=1)
        first, second = await asyncio.gather(here.forecast.fresh(), here.forecast.fresh())
        assert await here.forecast.fresh() is here.forecast.latest
        assert {first.at_ms, second.at_ms} == {NOW_MS}
        here.clock.now_ms += 301_000
        assert (await here.forecast.fresh()).at_ms == NOW_MS + 301_000


async def test_an_answer_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        with pytest.raises(NotYetError, match="ask again"):
            await here.forecast.fresh(wait_s=0.0)


async def test_reach_says_who_can_be_charged_and_why_others_cannot(tmp_path: Path) -> None:
    async with house(tmp_path, site(), site(OTHER), site("E0000000003111")) as here:
        await here.lived(days=5)
        await here.lived(days=5, soc_pct=99.0, of=OTHER)
        found = await here.forecast.reach(onset_ms=NOW_MS + 6 * HOUR_MS, target_pct=95)
        of = {one.site: one for one in found.shelters}
        assert of[SITE].verdict is Verdict.CANNOT
        assert of[SITE].why is Why.NOT_VERIFIED
        assert of[SITE].soc_at_onset_pct is None
        assert of["E0000000003111"].why is Why.OFFLINE
        assert found.city.can + found.city.cannot + found.city.unknown == 3


async def test_visits_go_to_the_unknown_and_the_short_before_the_supplied(tmp_path: Path) -> None:
    async with house(tmp_path, site(), site(OTHER)) as here:
        await here.lived(days=5)
        await here.lived(days=5, of=OTHER)
        await here.say("people=100", "medical=2")
        await here.say("people=900", "supplied=1", of=OTHER)
        visits = (await here.forecast.refresh()).visits(target_h=72)
        assert [one.site for one in visits] == [SITE, OTHER]
        assert visits[0].score_person_h > 0
        assert visits[1].score_person_h == 0


async def test_past_days_teach_how_wide_a_band_to_show(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        assert (await here.forecast.look_back()).cases == 0
        await here.lived(days=21)
        await here.forecast.fill(60)
        await here.forecast.refresh()
        usual = Levels()
        found = await here.forecast.look_back()
        assert found.cases >= 5
        assert found.levels != usual
        assert await here.forecast.look_back() is found, "once a day"
        city = await here.forecast.refresh()
        assert city.cases == found.cases
        here.clock.now_ms += DAY_MS
        await here.forecast.refresh()
        assert await here.forecast.look_back() is not found


async def test_a_short_past_teaches_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.lived(days=4)
        await here.forecast.fill(60)
        await here.forecast.refresh()
        found = await here.forecast.look_back()
        assert (found.cases, found.levels) == (0, Levels())


async def test_one_odd_shelter_does_not_cost_the_others_their_hours(tmp_path: Path) -> None:
    async with house(tmp_path, site(inverter_kw=-1.0), site(OTHER)) as here:
        await here.lived(days=2)
        await here.lived(days=2, of=OTHER)
        assert set((await here.forecast.refresh()).shelters) == {OTHER}


def test_the_invented_load_is_what_the_tests_say() -> None:
    noon = NOW_MS // DAY_MS * DAY_MS + 3 * HOUR_MS
    assert load_w(noon) == pytest.approx(2_000)
    assert load_w(noon + 12 * HOUR_MS) == pytest.approx(1_000)
    assert HOUR_MS % STEP_MS == 0
