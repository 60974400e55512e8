"""Demand control at the edge: the reserve doses what the battery gives, and never goes under the shelter's own."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.demand import HOUR_MS, MINUTE_MS
from contract.shaving import Action, PeakLimits, Why
from contract.steering import Desired, GridState, Mode, Stage
from edge_agent.core.modes import Policy, SetPoints, Sight
from edge_agent.core.peak import (
    CHANGES_MAX,
    CHANGES_OUT,
    CHANGES_SAVE,
    NO_PEAK,
    UNKNOWN_MS_MAX,
    Peak,
    Seen,
    advance_peak,
    limits_of,
    report_of,
    seen_of,
    with_peak,
)
from edge_agent.core.standing import Kept
from simulator.physics import Controls, on_grid, soc_after
from simulator.spec import Plant
from tests.edge_agent.steer.house import House, house

NOON_MS = 1_795_489_200_000
LIMITS = PeakLimits(target_w=20_000, keep_pct=[90.0] * 7, recharge_w=3_000)
SEEN = Seen(grid_w=16_000.0, battery_w=0.0, soc_pct=85.0, capacity_wh=26_000.0, discharge_max_w=13_000.0)
FREE = SetPoints(policy=Policy.FREE, reserve_pct=30.0)


def lived(
    seen: Seen, *, minutes: int, peak: Peak = NO_PEAK, at_ms: int = NOON_MS, limits: PeakLimits | None = LIMITS
) -> Peak:
    """A look a minute."""
    for minute in range(minutes):
        now_ms = at_ms + minute * MINUTE_MS
        peak = advance_peak(peak, limits, seen, 30.0, now_ms=now_ms, utc_ms=now_ms)
    return peak


def test_under_the_target_nothing_is_given_away() -> None:
    peak = lived(SEEN, minutes=5)
    assert (peak.proposal.why, peak.floor_pct) == (Why.FOR_LATER, 84.0)
    assert len(peak.changed_ms) == 1


def test_a_half_hour_over_its_target_lets_out_what_is_missing_in_one_change() -> None:
    peak = lived(replace(SEEN, grid_w=24_000.0), minutes=28, peak=lived(SEEN, minutes=1))
    missing_pct = (24_000 * 0.985 - 20_000 * 0.985) * 0.5 / 26_000 * 100
    assert peak.floor_pct is not None
    assert 85 - 3 * missing_pct < peak.floor_pct < 85 - missing_pct / 2
    assert len(peak.changed_ms) <= 4


def test_the_reserve_is_never_wanted_lower_than_the_shelters_own() -> None:
    low = replace(SEEN, grid_w=60_000.0, soc_pct=33.0)
    peak = lived(low, minutes=30)
    assert peak.floor_pct == 30.0
    points = with_peak(FREE, peak, LIMITS, batteries=1, utc_ms=NOON_MS)
    assert points.reserve_pct == 30.0


def test_recharging_waits_for_low_demand_and_is_shared_by_the_batteries() -> None:
    night = lived(replace(SEEN, grid_w=4_000.0, soc_pct=50.0), minutes=5)
    points = with_peak(FREE, night, LIMITS, batteries=2, utc_ms=NOON_MS)
    assert (points.policy, points.charge_power_w, points.target_pct) == (Policy.CHARGE, 1_500, 90.0)
    day = lived(replace(SEEN, soc_pct=50.0), minutes=5)
    assert with_peak(FREE, day, LIMITS, batteries=2, utc_ms=NOON_MS).policy is Policy.FREE


def test_a_poll_that_fails_changes_nothing_and_a_dark_meter_gives_the_device_its_own_reserve_back() -> None:
    saving = lived(SEEN, minutes=5)
    dark = replace(SEEN, grid_w=None)
    brief = lived(dark, minutes=2, peak=saving, at_ms=NOON_MS + 5 * MINUTE_MS)
    assert (brief.floor_pct, brief.proposal.why) == (84.0, Why.NO_METER)
    long = lived(dark, minutes=UNKNOWN_MS_MAX // MINUTE_MS + 2, peak=saving, at_ms=NOON_MS + 5 * MINUTE_MS)
    assert long.floor_pct is None
    assert with_peak(FREE, long, LIMITS, batteries=1, utc_ms=NOON_MS) == FREE


def test_without_the_time_nobody_knows_the_half_hour() -> None:
    peak = advance_peak(lived(SEEN, minutes=5), LIMITS, SEEN, 30.0, now_ms=NOON_MS + HOUR_MS, utc_ms=None)
    assert (peak.floor_pct, peak.proposal.why) == (None, Why.NO_CLOCK)


def test_the_register_is_spared_and_keeping_leaves_changes_for_peaks() -> None:
    peak, at_ms = NO_PEAK, NOON_MS - 12 * HOUR_MS
    for turn in range(200):
        charge = 40.0 if turn % 2 else 85.0  # As no battery does: every look wants another reserve.
        seen = replace(SEEN, soc_pct=charge)
        peak = advance_peak(peak, LIMITS, seen, 30.0, now_ms=at_ms, utc_ms=at_ms)
        at_ms += 5 * MINUTE_MS
    assert CHANGES_SAVE <= len(peak.changed_ms) <= CHANGES_OUT


def test_letting_out_leaves_changes_for_filling_it_again() -> None:
    begins_ms = NOON_MS - 12 * HOUR_MS
    spent = replace(lived(SEEN, minutes=1), changed_ms=tuple(range(begins_ms, begins_ms + CHANGES_OUT)))
    high, low = replace(SEEN, grid_w=24_000.0), replace(SEEN, grid_w=4_000.0, soc_pct=50.0)
    kept = lived(high, minutes=28, peak=spent)
    assert (kept.proposal.action, kept.floor_pct) == (Action.DISCHARGE, spent.floor_pct)
    assert lived(low, minutes=28, peak=spent).recharge_w == LIMITS.recharge_w
    full = replace(spent, changed_ms=tuple(range(begins_ms, begins_ms + CHANGES_MAX)))
    assert full.is_spent
    assert lived(low, minutes=28, peak=full).recharge_w == 0
    tomorrow = lived(low, minutes=28, peak=full, at_ms=NOON_MS + 12 * HOUR_MS)
    assert (tomorrow.recharge_w, len(tomorrow.changed_ms)) == (LIMITS.recharge_w, 1)


def test_what_was_charged_does_not_leak_away_and_is_not_charged_again() -> None:
    """A battery that gave back what it got until its old reserve would be filled all night, again and again."""
    night_ms = NOON_MS - 10 * HOUR_MS
    charging = lived(replace(SEEN, grid_w=4_000.0, soc_pct=70.0), minutes=5, at_ms=night_ms)
    assert charging.recharge_w > 0
    full = replace(SEEN, grid_w=4_000.0, soc_pct=90.0)
    over = lived(full, minutes=30, peak=charging, at_ms=night_ms + 5 * MINUTE_MS)
    assert (over.recharge_w, over.floor_pct, len(over.changed_ms)) == (0.0, 89.0, 2)


def test_a_long_day_gets_a_change_for_each_half_hour_and_a_longer_one_two_half_hours_for_each() -> None:
    """Half hours over the target until the evening: the changes of the day have to last as long."""
    course = [4_000] * 18 + [24_000] * 26 + [4_000] * 4
    limits = PeakLimits(target_w=20_000, keep_pct=[90.0] * 7, courses_w=[course], kinds=[0] * 7)
    high, begins_ms = replace(SEEN, grid_w=24_000.0), NOON_MS - 12 * HOUR_MS

    def floors(changes: int) -> tuple[float, float]:
        changed_ms = tuple(range(begins_ms, begins_ms + changes))
        before = replace(lived(SEEN, minutes=1), changed_ms=changed_ms)
        after = lived(high, minutes=29, peak=before, limits=limits)
        assert before.floor_pct is not None
        assert after.floor_pct is not None
        assert len(after.changed_ms) == changes + 1, "it is not mended where changes are few"
        return before.floor_pct, after.floor_pct

    (before, one), (_, two) = floors(0), floors(CHANGES_OUT - 5)
    assert before - two >= 1.5 * (before - one)


def test_what_is_told_of_it() -> None:
    assert report_of(NO_PEAK) is None
    told = report_of(lived(SEEN, minutes=2))
    assert told is not None
    assert (told.action, told.floor_pct, told.is_spent) == (Action.SAVE, 84.0, False)


def test_limits_count_in_normal_mode_with_the_grid_there_and_never_else() -> None:
    desired = Desired(site="E0000000001111", revision=1, issued_ms=0, expires_ms=1, mode=Mode.NORMAL, peak=LIMITS)
    kept = Kept(desired=desired, mode=Mode.NORMAL)
    assert limits_of(kept, FREE, Sight.THERE) == LIMITS
    assert limits_of(kept, FREE, Sight.GONE) is None
    assert limits_of(kept, SetPoints(policy=Policy.LEAVE), Sight.THERE) is None
    for mode in set(Mode) - {Mode.NORMAL}:
        assert limits_of(replace(kept, mode=mode), FREE, Sight.THERE) is None


def test_without_every_batterys_power_the_grids_is_useless() -> None:
    meter = {"grid.power_w": 5_000.0}
    battery = {"battery.soc_pct": 80.0, "battery.power_w": 1_000.0, "battery.capacity_wh": 10_000.0}
    assert seen_of({"meter": meter}).grid_w is None
    assert seen_of({"meter": meter, "one": battery}).grid_w == 5_000
    both = {"meter": meter, "one": battery, "two": {"battery.soc_pct": 70.0}}
    assert (seen_of(both).grid_w, seen_of(both).capacity_wh) == (None, None)


anything = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(
        st.tuples(st.integers(0, 600_000), anything, anything, st.none() | st.floats(-50, 150), anything, anything),
        max_size=60,
    ),
    st.floats(0, 100),
)
def test_whatever_is_seen_the_reserve_stays_between_the_shelters_own_and_what_there_is(
    steps: list[tuple[int, float | None, float | None, float | None, float | None, float | None]], reserve_pct: float
) -> None:
    peak, now_ms = NO_PEAK, NOON_MS
    for wait_ms, grid_w, battery_w, soc_pct, capacity_wh, most_w in steps:
        now_ms += wait_ms
        seen = Seen(
            grid_w=grid_w, battery_w=battery_w, soc_pct=soc_pct, capacity_wh=capacity_wh, discharge_max_w=most_w
        )
        peak = advance_peak(peak, LIMITS, seen, reserve_pct, now_ms=now_ms, utc_ms=now_ms)
        points = with_peak(replace(FREE, reserve_pct=reserve_pct), peak, LIMITS, batteries=1, utc_ms=now_ms)
        assert reserve_pct <= points.reserve_pct <= 100
        assert points.policy in {Policy.FREE, Policy.CHARGE}


@pytest.mark.parametrize("seed", range(16))
def test_on_no_day_of_any_weather_is_the_reserve_touched_or_the_register_worn(seed: int) -> None:
    """Two days of an invented building on the simulator's battery, with a course that may be far from the truth."""
    dice = random.Random(seed)
    reserve_pct, soc_pct = float(dice.randrange(20, 60)), dice.uniform(15, 100)
    plant = Plant(
        pv_w=30_000, inverter_w=33_000, backup_w=9_900, capacity_wh=26_100, charge_w=13_050, discharge_w=13_050
    )
    controls = Controls(reserve_pct=reserve_pct)
    base_w = [dice.uniform(2_000, 34_000) for _ in range(96)]
    course = [round(watts * dice.uniform(0.3, 1.7)) for watts in base_w[:48]]
    limits = PeakLimits(
        target_w=dice.uniform(8_000, 30_000),
        keep_pct=[dice.choice((reserve_pct, 100.0)) for _ in range(7)],
        recharge_w=dice.choice((0, 3_000)),
        courses_w=[course],
        kinds=[0] * 7,
    )
    peak, flows, changes = NO_PEAK, None, [0, 0]
    for minute in range(2 * 1_440):
        at_ms = NOON_MS - 12 * HOUR_MS + minute * MINUTE_MS
        seen = Seen(
            grid_w=flows.grid_w if flows else None,
            battery_w=flows.battery_w if flows else None,
            soc_pct=round(soc_pct, 1),
            capacity_wh=plant.capacity_wh,
            discharge_max_w=plant.discharge_w,
        )
        was, peak = peak, advance_peak(peak, limits, seen, reserve_pct, now_ms=at_ms, utc_ms=at_ms)
        changes[minute // 1_440] += peak.changed_ms[-1:] not in {was.changed_ms[-1:], ()}
        controls.reserve_pct = max(reserve_pct, peak.floor_pct or 0.0)
        controls.forced_charge_power_w = peak.recharge_w
        load_w = base_w[minute // 30] * dice.uniform(0.7, 1.3)
        flows = on_grid(
            plant, controls, soc_pct=soc_pct, pv_w=dice.uniform(0, 9_000), tiers_w=[load_w, 0, 0, 0], step_h=1 / 60
        )
        assert flows.battery_w <= 0 or soc_pct > reserve_pct, f"seed {seed}, minute {minute}"
        assert flows.battery_w <= 0 or flows.grid_w > -1, "nothing is exported"
        before_pct, soc_pct = soc_pct, soc_after(plant, soc_pct, flows.battery_w, 1 / 60)
        assert soc_pct >= min(before_pct, reserve_pct) - 1e-9, f"seed {seed}, minute {minute}"
    assert max(changes) <= CHANGES_MAX


# --- On a plant -----------------------------------------------------------------------------------------------------


def target_under(it: House, share: float) -> PeakLimits:
    """A target by what the building takes now, with the sizes that the city knows: not every device tells them."""
    return PeakLimits(
        target_w=round(share * it.site.world.flows.load_w),
        keep_pct=[100.0] * 7,
        capacity_wh=it.site.spec.plant.capacity_wh,
        discharge_w=it.site.spec.plant.discharge_w,
    )


@pytest.mark.parametrize("family", ["goodwe-et", "huawei-sun2000", "sunspec"])
async def test_a_simulated_plant_holds_its_half_hour_and_not_one_percent_of_the_reserve(family: str) -> None:
    async with house(family, soc_pct=80, start_ms=NOON_MS - 14 * HOUR_MS) as it:
        await it.live(60)
        it.order(Mode.NORMAL, peak=target_under(it, 0.6))
        await it.live(120, until=lambda: it.site.world.controls.reserve_pct > 70)
        assert it.site.world.controls.reserve_pct >= 75, "nothing is given away while it can wait"
        assert it.said.peak is not None
        began_wh = it.site.world.counters.import_wh
        load_w = it.site.world.flows.load_w
        await it.live(1_800 - 180 - 30)
        bought_w = (it.site.world.counters.import_wh - began_wh) * 2
        assert bought_w < 0.8 * load_w
        assert it.site.world.soc_pct > 60, "no more than was missing"
        assert Stage.REVERTED not in it.log.stages(1)


async def test_an_outage_and_another_mode_have_the_whole_battery() -> None:
    async with house(soc_pct=80) as it:
        await it.live(30)
        it.order(Mode.NORMAL, peak=target_under(it, 3.0))
        await it.live(120, until=lambda: it.site.world.controls.reserve_pct > 70)
        it.grid(is_there=False)
        await it.live(90, until=lambda: it.said.grid is GridState.LOST)
        assert it.said.peak is None
        assert it.site.world.flows.battery_w > 0, "a raised reserve never stands in the way of an outage"
        assert it.site.world.flows.load_w > 0
