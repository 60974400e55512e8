"""Schedule, back-off, health, refusals: values in, values out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.readings import Quality
from device_profiles.blocks import plan
from device_profiles.model import Block, DeviceMap, Field, Group, Limits, Sum, Table, ValueType
from edge_agent.core.backoff import RETRY_MS_MAX, delay_ms, own_line, probe_pause_ms, shared_line
from edge_agent.core.health import Change, Health, after_answer, after_silence
from edge_agent.core.polling import plans_for, row, without
from edge_agent.core.refusals import Refusals, forget, hunt, remember, touched
from edge_agent.core.schedule import Schedule, Tick, phase_ms
from tests.edge_agent.fieldbus.plants import field

H = Table.HOLDING


# --- Schedule ---------------------------------------------------------------------------------------------------------


def test_ticks_stand_at_multiples_of_the_interval_whatever_a_poll_takes() -> None:
    schedule, now, last = Schedule(interval_ms=1000, phase_ms=137), 50_000_321, None
    seen: list[Tick] = []
    for n in range(600):
        tick = schedule.next_after(last, now)
        seen.append(tick)
        last, now = tick.number, max(now, tick.at_ms) + (7, 230, 990)[n % 3]
    assert [tick.at_ms % 1000 for tick in seen] == [137] * 600
    assert {b.at_ms - a.at_ms for a, b in pairwise(seen)} == {1000}
    assert sum(tick.skipped for tick in seen) == 0


def test_a_tick_that_is_late_by_less_than_an_interval_still_runs() -> None:
    schedule = Schedule(interval_ms=1000)
    assert schedule.next_after(10, 11_999) == Tick(11, 11_000, 0)


def test_ticks_that_nobody_had_time_for_are_skipped_and_counted() -> None:
    schedule = Schedule(interval_ms=1000)
    assert schedule.next_after(10, 14_200) == Tick(14, 14_000, 3)


def test_a_tick_never_comes_twice_even_when_the_clock_goes_back() -> None:
    schedule = Schedule(interval_ms=1000)
    assert schedule.next_after(10, 3_000).number == 11


@given(st.integers(0, 10**12), st.integers(1, 10**6), st.integers(0, 10**5))
def test_the_first_tick_is_not_in_the_past(now: int, interval: int, phase: int) -> None:
    schedule = Schedule(interval_ms=interval, phase_ms=phase)
    tick = schedule.next_after(None, now)
    assert now <= tick.at_ms < now + interval


def test_sites_are_spread_over_the_interval() -> None:
    phases = [phase_ms(f"E00000{n:05d}111", 5000) for n in range(182)]
    tenths = [sum(1 for phase in phases if phase // 500 == tenth) for tenth in range(10)]
    assert min(tenths) >= 8, tenths


def test_slow_ticks_come_every_so_many() -> None:
    schedule = Schedule(interval_ms=5000, slow_every=12)
    assert sum(schedule.is_slow(n) for n in range(1200, 1320)) == 10


# --- Back-off ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 100), st.integers(0, 10**9), st.floats(0, 1), st.sampled_from([1000, 5000, 60_000]))
def test_a_wait_is_bounded_and_never_nothing(failures: int, dark: int, jitter: float, interval: int) -> None:
    for rules in (own_line(interval), shared_line(interval)):
        assert 1 <= delay_ms(rules, failures=failures, dark_for_ms=dark, jitter=jitter) <= RETRY_MS_MAX


def test_a_device_with_its_own_line_is_tried_at_every_tick_for_two_minutes_and_then_less_often() -> None:
    rules = own_line(1000)
    assert all(delay_ms(rules, failures=n, dark_for_ms=n * 1000, jitter=0) < 1000 for n in range(1, 100))
    assert delay_ms(rules, failures=500, dark_for_ms=3_600_000, jitter=0) == 30_000


def test_waits_on_a_shared_line_double() -> None:
    rules = shared_line(1000)
    waits = [delay_ms(rules, failures=n, dark_for_ms=0, jitter=0) for n in range(1, 7)]
    assert waits == [800, 1600, 3200, 6400, 10_000, 10_000]


def test_jitter_spreads_but_does_not_prolong() -> None:
    rules = shared_line(1000)
    waits = [delay_ms(rules, failures=3, dark_for_ms=0, jitter=j / 10) for j in range(11)]
    assert waits == sorted(waits, reverse=True)
    assert (waits[0], waits[-1]) == (3200, 1600)


def test_probes_cost_a_tenth_of_the_line_at_most() -> None:
    assert 1000 / (1000 + probe_pause_ms(1000)) == pytest.approx(0.1)


# --- Health -----------------------------------------------------------------------------------------------------------


def test_one_lost_frame_is_no_news_and_is_asked_again_at_once() -> None:
    health, change = after_silence(Health(), shared_line(1000), now_ms=5000, jitter=0)
    assert (change, health.is_lost, health.is_due(5000)) == (Change.NONE, False, True)
    assert after_answer(health) == (Health(), Change.NONE)


def test_a_device_is_lost_once_and_back_once() -> None:
    health, told = Health(), []
    for n in range(5):
        health, change = after_silence(health, shared_line(1000), now_ms=n * 1000, jitter=0)
        told.append(change)
    health, back = after_answer(health)
    assert told == [Change.NONE, Change.LOST, Change.NONE, Change.NONE, Change.NONE]
    assert back is Change.BACK
    assert after_answer(health)[1] is Change.NONE


# --- Refusals ---------------------------------------------------------------------------------------------------------


def device_with(block: Block, have: set[int]) -> tuple[tuple[int, ...] | None, bool]:
    wanted = range(block.start, block.end)
    return (tuple(wanted), True) if have.issuperset(wanted) else (None, False)


@given(
    st.sets(st.integers(0, 60), min_size=1, max_size=25), st.sets(st.integers(0, 60), max_size=6), st.integers(0, 16)
)
def test_a_hunt_finds_the_guilty_fields_and_reads_all_others(
    addresses: set[int], missing: set[int], gap_max: int
) -> None:
    fields = [field("load.power_w", at) for at in sorted(addresses)]
    have = set(range(61)) - missing
    refusals = Refusals()
    for _ in range(2):  # What one poll learns, the next one keeps to.
        asked = [f for f in fields if f.address not in missing or refusals == Refusals()]
        for block in plan(asked, refusals.limits(Limits(gap_max=gap_max))):
            words, answered = device_with(block, have)
            if answered:
                continue
            assert refusals == Refusals() or not refusals.holes or block in plan(asked, Limits(gap_max=gap_max))
            hunting = hunt(block, fields)
            try:
                part = next(hunting)
                while True:
                    words, _ = device_with(part, have)
                    part = hunting.send(words)
            except StopIteration as done:
                found = done.value
            refusals = remember(refusals, found, fields, now_ms=0)
            inside = {f.address for f in fields if block.start <= f.address < block.end}
            read = {at for part, _ in found.words for at in range(part.start, part.end)}
            assert inside - missing <= read
            assert {at for part in found.guilty for at in range(part.start, part.end)} == inside & missing


def test_a_refused_scale_factor_takes_the_values_that_need_it_along() -> None:
    fields = [
        field("battery.power_w", 10, scale_factor_address=20),
        field("battery.soc_pct", 11, scale_factor_address=21),
    ]
    assert touched([Block(H, 20, 1)], fields) == {"battery.power_w"}


def test_refused_registers_are_asked_again_soon_and_then_rarely() -> None:
    fields = [field("load.power_w", 5)]
    refusals, now, waits = Refusals(), 0, []
    for _ in range(5):
        hunting = hunt(Block(H, 5, 1), fields)
        with pytest.raises(StopIteration) as done:
            next(hunting)
        refusals = remember(refusals, done.value.value, fields, now_ms=now)
        assert refusals.points == {"load.power_w"}
        assert not refusals.is_due(now)
        waits.append(refusals.ask_again_at_ms - now)
        now = refusals.ask_again_at_ms
        assert refusals.is_due(now)
        refusals = forget(refusals)
        assert not refusals.points
    assert waits == [60_000, 600_000, 3_600_000, 3_600_000, 3_600_000]


# --- Rows -------------------------------------------------------------------------------------------------------------

MAP = DeviceMap(
    profile="p",
    fields=(
        field("pv1.power_w", 0),
        field("pv2.power_w", 1),
        field("grid.meter_online", 2, type=ValueType.U16),
        field("grid.power_w", 50, guard="grid.meter_online"),
        field("pv.energy_wh", 90, group=Group.SLOW),
        field("battery.capacity_wh", 91, group=Group.ONCE),
    ),
    sums=(Sum(point="pv.power_w", of=("pv1.power_w", "pv2.power_w")),),
)
GUARDED = Block(H, 50, 1)


def quality(readings: tuple[object, ...], point: str) -> tuple[float | None, str]:
    return next((r.value, r.quality.value) for r in readings if r.point == point)  # type: ignore[attr-defined]


def test_the_fast_poll_leaves_out_what_is_slow_or_read_once() -> None:
    plans = plans_for(MAP)
    assert [f.point for f in plans.fast.fields] == ["pv1.power_w", "pv2.power_w", "grid.meter_online", "grid.power_w"]
    assert [f.point for f in plans.full.fields][-1] == "pv.energy_wh"
    assert [f.point for f in plans.once.fields] == ["battery.capacity_wh"]
    assert list(plans.fast.guards) == [GUARDED]


def test_a_row_has_every_point_of_its_plan_and_says_why_one_is_missing() -> None:
    plans = plans_for(MAP, Refusals(points=frozenset({"pv2.power_w"})))
    image = {(H, 0): 700, (H, 2): 1}
    readings = row(plans.fast, image, {GUARDED: Quality.REFUSED})
    assert [r.point for r in readings] == [*(f.point for f in plans.fast.fields), "pv.power_w"]
    assert quality(readings, "pv2.power_w") == (None, "illegal_address")
    assert quality(readings, "grid.power_w") == (None, "refused")
    assert quality(readings, "pv.power_w") == (700, "good"), "a string that is not there counts as nothing"


def test_a_sum_without_one_of_its_readings_is_missing_too() -> None:
    readings = row(plans_for(MAP).fast, {(H, 0): 700, (H, 2): 1}, {Block(H, 1, 1): Quality.TIMEOUT})
    assert quality(readings, "pv.power_w") == (None, "missing_input")


def test_what_the_plant_does_not_have_is_not_read() -> None:
    left = without(MAP, ["grid", "pv2.power_w"])
    assert [f.point for f in left.fields] == ["pv1.power_w", "pv.energy_wh", "battery.capacity_wh"]
    assert left.sums[0].of == ("pv1.power_w",)
    assert isinstance(left.fields[0], Field)
