"""Targets from the book, what the past says of them, orders that carry them, and how a shelter stands."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow
from central.core.audit import chained, first_fault
from central.core.city import SiteNow, SiteState
from central.core.incidents import RELEASED
from central.core.orders import OF_DEMAND, Order
from central.core.peak.days import bought_w, net_line
from central.core.peak.learning import DAYS_MIN, Courses, Kept, Store, courses, depths, keep, learn
from central.core.peak.now import NO_PAST, Level, demand_now, level_of, seen
from central.core.peak.plans import Basis, Plan, PlanError, decision_of, end_of, limits_of, plans_of
from central.core.switching import Hold, Policy, due, next_order
from contract.demand import DAY_MS, HALF_HOUR_MS, MINUTE_MS, TOKYO_MS, Running
from contract.shaving import Action as Does
from contract.shaving import PeakLimits, Why
from contract.steering import Desired, Mode
from tests.central.fake import NOW_MS, make_sites

SITE = replace(make_sites(1)[0], battery_kwh=26.0, inverter_kw=33.0)
PLAN = Plan(site=SITE.id, target_w=34_000, basis=Basis.HAND, executes=True, recharges=True, by="管理者", at_ms=NOW_MS)
STORE = Store(usable_wh=18_000, discharge_w=13_000, charge_w=13_000, recharge_w=3_250)
LIMITS = PeakLimits(target_w=34_000, keep_pct=[100.0] * 7)
MONDAY_MS = 20_780 * DAY_MS - TOKYO_MS
"""2026-11-23 0:00 in Tokyo."""


def year(peak_w: float = 40_000.0, *, days: int = 56) -> np.ndarray:
    """Days at 5 kW; Monday to Friday from 10:00 to 12:00 at a peak."""
    line = np.full((days, 48), 5_000.0)
    for day in range(days):
        if day % 7 < 5:
            line[day, 20:24] = peak_w
    return line.reshape(-1)


# --- Plans ---------------------------------------------------------------------------------------------------------


def test_plans_follow_from_the_book_and_an_end_ends_them() -> None:
    made = decision_of(PLAN)
    plans = plans_of([made, decision_of(replace(PLAN, target_w=30_000, executes=False, at_ms=NOW_MS + 1))])
    assert plans.of[SITE.id].target_w == 30_000
    assert plans.executed == {SITE.id}, "it was told once, so it has to be told of the end"
    over = plans_of([end_of(SITE.id, by="管理者", why="", at_ms=NOW_MS + 2)], plans)
    assert over.of == {}
    assert over.executed == {SITE.id}
    assert not first_fault(chained([made], last=None))


@pytest.mark.parametrize("target_w", [float("nan"), 0.0, 900.0, 3e6])
def test_a_target_that_no_building_has_is_refused_in_kilowatts(target_w: float) -> None:
    with pytest.raises(PlanError, match="1 to 2000 kW"):
        decision_of(replace(PLAN, target_w=target_w))


def test_a_shelter_is_told_its_sizes_and_the_sun_alone_where_the_grid_may_not_fill_it() -> None:
    high = Courses(courses_w=[[9_000] * 48], kinds=[0] * 7)
    told = limits_of(PLAN, SITE, Kept(keep_pct=[30.0] * 5 + [10.0] * 2), high, 30.0)
    assert (told.capacity_wh, told.discharge_w, told.recharge_w) == (26_000, 13_000, 3_250)
    assert (told.courses_w, told.kinds) == ([[9_000] * 48], [0] * 7)
    assert told.keep_pct == [30.0] * 7, "never less than the reserve"
    assert limits_of(replace(PLAN, recharges=False), SITE, None, None, 30.0).recharge_w == 0
    assert limits_of(PLAN, SITE, None, None, 30.0).keep_pct == [100.0] * 7


# --- What the past says -----------------------------------------------------------------------------------------------


def test_the_lowest_target_is_where_the_battery_is_just_enough() -> None:
    found = learn(year().tolist(), STORE)
    assert found is not None
    # Two hours over the target take all that is in it: 40 kW less 18 kWh times 0.95 in two hours.
    assert found.target_w == pytest.approx(40_000 - 18_000 * 0.95 / 2, rel=0.002)
    assert (found.without_w, found.days) == (40_000, 56)
    assert depths(year(), STORE, found.target_w) is not None


def test_a_bigger_battery_holds_a_lower_target_but_not_below_its_power() -> None:
    more, most = replace(STORE, usable_wh=30_000), replace(STORE, usable_wh=1e6)
    found = [learn(year().tolist(), one) for one in (STORE, more, most)]
    targets = [one.target_w for one in found if one is not None]
    assert targets == sorted(targets, reverse=True)
    assert targets[-1] >= 40_000 - STORE.discharge_w


def test_of_too_little_nothing_is_said() -> None:
    assert learn([5_000.0] * (48 * (DAYS_MIN - 1)), STORE) is None
    gaps: list[float | None] = [None] * (48 * 300)
    assert learn(gaps, STORE) is None


def test_the_battery_is_kept_full_on_busy_days_of_a_season_that_came_near() -> None:
    kept = keep(year(), MONDAY_MS, MONDAY_MS + 60 * DAY_MS, target_w=36_000, reserve_pct=30.0)
    assert kept.keep_pct == [100.0] * 5 + [30.0] * 2
    far = keep(year(), MONDAY_MS, MONDAY_MS + 200 * DAY_MS, target_w=36_000, reserve_pct=30.0)
    assert far.keep_pct == [30.0] * 7, "half a year away nothing is near"
    calm = keep(year(20_000), MONDAY_MS, MONDAY_MS, target_w=36_000, reserve_pct=30.0)
    assert calm.keep_pct == [30.0] * 7


def test_a_school_day_that_came_near_is_as_busy_as_those_that_passed_the_target() -> None:
    line = year().reshape(-1, 7, 48)
    line[:, 3] *= 0.9  # No Thursday passed it.
    kept = keep(line.reshape(-1), MONDAY_MS, MONDAY_MS + 60 * DAY_MS, target_w=37_000, reserve_pct=30.0)
    assert kept.keep_pct == [100.0] * 5 + [30.0] * 2


def test_high_days_of_the_season_are_learnt_by_kind_and_one_odd_day_is_not_believed() -> None:
    line = year()
    line[40 * 48 + 5] = 90_000.0  # A meter's slip at half past two in the morning.
    found = courses(line, MONDAY_MS, MONDAY_MS + 56 * DAY_MS)
    assert found is not None
    assert found.kinds == [0] * 5 + [1] * 2
    work_w, rest_w = found.courses_w
    assert (max(work_w), work_w.index(max(work_w))) == (40_000, 20)
    assert max(rest_w) < 40_000 * 0.6
    assert work_w[5] < 10_000


def test_how_high_days_go_changes_once_a_week_and_of_too_few_days_nothing_is_said() -> None:
    line, monday_ms = year(), MONDAY_MS + 49 * DAY_MS
    within = [courses(line, MONDAY_MS, monday_ms + day * DAY_MS) for day in range(7)]
    assert within == [within[0]] * 7
    assert courses(line, MONDAY_MS, MONDAY_MS + 21 * DAY_MS) is None
    far_ms = MONDAY_MS + 200 * DAY_MS
    assert courses(line, MONDAY_MS, far_ms) is None, "of this season nothing is known"


def test_counted_days_become_what_was_bought_and_what_had_been_without_the_battery() -> None:
    day = SiteDay(
        site=SITE.id,
        day=20_000,
        wh={Flow.IMPORT: [1_000] * 48, Flow.DISCHARGE: [500] * 48, Flow.CHARGE: [0] * 48, Flow.EXPORT: [0] * 48},
        marks={
            Flow.IMPORT: "m" * 47 + "-",
            Flow.DISCHARGE: "m" * 46 + "--",
            Flow.CHARGE: "m" * 48,
            Flow.EXPORT: "m" * 48,
        },
    )
    line = net_line([day], 19_999, 20_000)
    assert line.shape == (96,)
    assert line[48] == 3_000
    assert np.isnan(line[:48]).all()
    assert math.isnan(line[-2]), "nobody knows what the battery gave"
    assert bought_w(day)[0] == 2_000
    assert bought_w(day)[-1] is None


# --- Orders -----------------------------------------------------------------------------------------------------------


def asked(current: Order | None, policy: Policy, **more: bool) -> Desired | Hold | None:
    return next_order(
        SITE.id,
        RELEASED,
        current,
        is_switchable=more.get("is_switchable", True),
        is_settled=more.get("is_settled", True),
        reported_revision=0,
        policy=policy,
        now_ms=NOW_MS,
    )


def ordered(*, peak: PeakLimits | None = None, reason: str = "", is_drill: bool = False) -> Order:
    wanted = Desired(
        site=SITE.id,
        revision=7,
        issued_ms=NOW_MS,
        expires_ms=NOW_MS + 30 * DAY_MS,
        mode=Mode.NORMAL,
        peak=peak,
        reason=reason,
        is_drill=is_drill,
    )
    return Order(desired=wanted, payload=b"")


WANTED = Policy(peaks={SITE.id: LIMITS}, shaved=frozenset({SITE.id}))


def test_a_verified_shelter_is_told_of_its_limits_in_normal_mode_and_nobody_is_called_for_it() -> None:
    told = asked(None, WANTED)
    assert isinstance(told, Desired)
    assert (told.mode, told.peak, told.reason) == (Mode.NORMAL, LIMITS, OF_DEMAND)
    assert asked(None, WANTED, is_switchable=False) is None
    assert asked(None, Policy()) is None
    made, _ = due(
        [],
        {},
        [SITE.id],
        is_switchable=lambda _: True,
        is_settled=lambda _: True,
        reported_revision=lambda _: 0,
        may_catch_up=lambda _: True,
        policy=WANTED,
        now_ms=NOW_MS,
    )
    assert [one.peak for one in made] == [LIMITS]


def test_what_it_was_told_is_not_told_again_and_an_end_is() -> None:
    held = ordered(peak=LIMITS, reason=OF_DEMAND)
    assert asked(held, WANTED) is None
    over = asked(held, replace(WANTED, peaks={}))
    assert isinstance(over, Desired)
    assert (over.peak, over.revision) == (None, 8)


def test_after_a_drill_only_an_order_that_counts_takes_limits_back() -> None:
    drill = ordered(is_drill=True)
    over = asked(drill, replace(WANTED, peaks={}))
    assert isinstance(over, Desired)
    assert not over.is_drill
    assert asked(drill, Policy()) is None


def test_a_release_that_is_not_proven_stays_worth_a_visit() -> None:
    told = asked(ordered(), WANTED, is_settled=False)
    assert isinstance(told, Desired)
    assert told.reason != OF_DEMAND


# --- Now ------------------------------------------------------------------------------------------------------------


def shelter(**more: object) -> SiteNow:
    given = {"grid_w": 36_000.0, "battery_w": 0.0, "soc_pct": 80.0, "reserve_pct": 30.0, **more}
    return SiteNow(site=SITE, state=SiteState.ON_GRID, **given)  # type: ignore[arg-type]


def followed(now: SiteNow, minutes: int = 12) -> Running:
    running = None
    start_ms = NOW_MS - NOW_MS % HALF_HOUR_MS
    for minute in range(minutes):
        running = seen(running, now, start_ms + minute * MINUTE_MS)
    assert running is not None
    return running


def test_the_page_shows_what_the_shelters_own_rule_makes_of_the_same_figures() -> None:
    now = shelter()
    running = followed(now)
    found = demand_now(now, running, PLAN, LIMITS, None, NO_PAST, reserve_pct=30.0, at_ms=running.at_ms)
    assert found.level is Level.OVER
    assert found.share == pytest.approx(36 / 34)
    assert found.proposal.why is Why.NO_BATTERY, "these limits name no power of the battery"
    sized = limits_of(PLAN, SITE, None, None, 30.0)
    found = demand_now(now, running, PLAN, sized, None, NO_PAST, reserve_pct=30.0, at_ms=running.at_ms)
    assert found.proposal.action is Does.DISCHARGE


def test_a_silent_battery_makes_the_grids_power_useless() -> None:
    now = shelter(battery_w=None)
    running = followed(now)
    found = demand_now(now, running, PLAN, LIMITS, None, NO_PAST, reserve_pct=30.0, at_ms=running.at_ms)
    assert (found.level, found.ends, found.proposal.why) == (Level.UNKNOWN, None, Why.NO_METER)


@pytest.mark.parametrize(
    ("target_w", "level"),
    [(36_000, Level.OVER), (37_500, Level.CLOSE), (39_500, Level.NEAR), (42_000, Level.UNDER), (None, Level.NO_TARGET)],
)
def test_levels_are_of_the_forecast(target_w: float | None, level: Level) -> None:
    now = shelter()
    running = followed(now)
    plan = replace(PLAN, target_w=target_w) if target_w else None
    found = demand_now(now, running, plan, None, None, NO_PAST, reserve_pct=30.0, at_ms=running.at_ms)
    assert found.level is level is level_of(found.ends, target_w)
