"""Lamps, gathering by cause, alerts on their way: minute by minute."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.news import NewsKind, Severity
from central.core.watch import memory
from central.core.watch.alerts import AlertError, StepKind, acknowledged, resolved_by_hand
from central.core.watch.lamps import DARK, turned
from central.core.watch.looking import MUTED_MAX_MS, with_change
from central.core.watch.readings import Readings, demand_pct, reserve_gap_pct
from central.core.watch.rules import Rule
from central.core.watch.telling import news_of
from tests.central.watch.parts import MINUTE_MS, NOW_MS, SILENT, WARDS, City, rules

HERE, THERE = "E0000", "E0001"
CHUO = [site for site, ward in WARDS.items() if ward == "中央区"]
DEMAND = rules("""
rules:
  near: {watch: demand_pct, raise: 90, clear: 85, severity: info}
  over: {watch: demand_pct, raise: 100, clear: 95, severity: critical}
""")
SLOW = rules(
    "rules: {worn: {watch: soh_pct, raise: 70, clear: 72, raise_after_min: 5, clear_after_min: 5, severity: info}}"
)[0]


def kinds(city: City) -> list[StepKind]:
    return [change.step.kind for change in city.log]


# --- Lamps ------------------------------------------------------------------------------------------------------------


def test_a_lamp_is_lit_late_and_put_out_late() -> None:
    values = [75, 69, 69, 75, 69, 69, 69, 69, 69, 69, 71, 71, 71, 71, 71, 71, 73, 73, 69, 73, 73, 73, 73, 73, 73]
    lamp, lit = DARK, []
    for minute, value in enumerate(values):
        lamp = turned(SLOW, lamp, value, NOW_MS + minute * MINUTE_MS)
        lit.append(lamp.is_lit)
    assert lit == [False] * 9 + [True] * 15 + [False]


def test_what_is_not_known_changes_nothing_and_interrupts_what_was_about_to_change() -> None:
    lamp = DARK
    for minute, value in enumerate([69.0, 69.0, 69.0, None, 69.0, 69.0, 69.0, 69.0, 69.0]):
        lamp = turned(SLOW, lamp, value, NOW_MS + minute * MINUTE_MS)
        assert not lamp.is_lit
    lamp = turned(SLOW, lamp, 69, NOW_MS + 9 * MINUTE_MS)
    assert lamp.is_lit
    assert turned(SLOW, lamp, None, NOW_MS + 99 * MINUTE_MS).is_lit


def test_a_clock_that_is_set_back_does_not_light_a_lamp() -> None:
    lamp = turned(SLOW, DARK, 69, NOW_MS)
    lamp = turned(SLOW, lamp, 69, NOW_MS - 100 * MINUTE_MS)
    assert not lamp.is_lit
    assert not turned(SLOW, lamp, 69, NOW_MS - 96 * MINUTE_MS).is_lit
    assert turned(SLOW, lamp, 69, NOW_MS - 95 * MINUTE_MS).is_lit


@settings(max_examples=60)
@given(st.lists(st.sampled_from([60.0, 71.0, 80.0, None]), min_size=1, max_size=80))
def test_a_lamp_turns_at_most_once_in_its_time_whatever_comes(values: list[float | None]) -> None:
    lamp, turns = DARK, []
    for minute, value in enumerate(values):
        after = turned(SLOW, lamp, value, NOW_MS + minute * MINUTE_MS)
        if after.is_lit != lamp.is_lit:
            turns.append(minute)
            span = values[max(0, minute - 5) : minute + 1]
            assert len(span) == 6
            assert all(v is not None and (v <= 70 if after.is_lit else v >= 72) for v in span)
        lamp = after
    assert all(later - earlier >= 5 for earlier, later in itertools.pairwise(turns))


def test_a_reserve_is_missed_after_dusk_alone_and_never_in_an_outage() -> None:
    low = Readings(soc_pct=20, reserve_pct=30, is_sun_up=False, is_islanded=False)
    assert reserve_gap_pct(low) == 10
    assert reserve_gap_pct(replace(low, is_sun_up=True)) is None
    assert reserve_gap_pct(replace(low, is_sun_up=True, soc_pct=40)) == 0
    assert reserve_gap_pct(replace(low, is_islanded=True)) is None
    assert reserve_gap_pct(replace(low, soc_pct=None)) is None
    assert reserve_gap_pct(replace(low, is_sun_up=None)) is None


def test_demand_without_a_target_is_not_judged() -> None:
    assert demand_pct(Readings(demand_w=5_000)) is None
    assert demand_pct(Readings(demand_w=5_000, target_w=0)) is None
    assert demand_pct(Readings(demand_w=5_000, target_w=10_000)) == 50
    assert demand_pct(Readings(demand_w=-5_000, target_w=10_000)) == 0


# --- One cause is one alert -------------------------------------------------------------------------------------------


def test_a_silent_shelter_is_one_alert_with_a_beginning_and_an_end() -> None:
    city = City(SILENT)
    city.say(HERE, silent_min=12)
    city.live(5)
    assert city.open == [f"link site {HERE}"]
    city.say(HERE, silent_min=0)
    city.live(5)
    assert city.open == []
    assert kinds(city) == [StepKind.RAISED, StepKind.RESOLVED]
    assert [change.alert.ward for change in city.log] == ["中央区", "中央区"]


def test_a_wards_silence_is_one_alert_and_what_is_left_of_it_gets_its_own() -> None:
    city = City(SILENT)
    for n, site in enumerate(CHUO):
        city.say(site, silent_min=12)
        city.live(1 if n % 2 else 0)
    city.live(3)
    assert city.open == ["link ward 中央区"]
    (alert,) = city.state.alerts.values()
    assert (set(alert.sites), alert.severity) == (set(CHUO), Severity.WARNING)
    city.say(*CHUO[1:], silent_min=0)
    city.live(6)
    assert city.open == [f"link site {CHUO[0]}"]
    assert StepKind.RAISED in kinds(city)


def test_shelters_that_had_their_own_alert_join_that_of_the_ward() -> None:
    city = City(SILENT)
    city.say(*CHUO[:2], silent_min=12)
    city.live(4)
    assert len(city.open) == 2
    city.say(*CHUO[2:7], silent_min=12)
    city.live(1)
    assert city.open == ["link ward 中央区"]
    (home,) = city.state.alerts.values()
    joined = [change.alert for change in city.log if change.step.kind is StepKind.JOINED]
    assert [one.into for one in joined] == [home.n, home.n]


def test_shelters_that_fell_silent_on_different_days_have_no_cause_in_common() -> None:
    city = City(SILENT)
    for site in CHUO[:6]:
        city.say(site, silent_min=12)
        city.live(70)
    assert len(city.open) == 6
    assert all("site" in one for one in city.open)


def test_most_of_the_city_at_once_is_one_critical_alert() -> None:
    city = City(SILENT)
    city.say(*list(WARDS)[:14], silent_min=12)
    city.live(4)
    assert city.open == ["link city"]
    assert next(iter(city.state.alerts.values())).severity is Severity.CRITICAL


def test_a_dead_broker_is_the_services_alert_and_nobody_elses() -> None:
    asked = (*SILENT, *rules("rules: {broker: {watch: broker_down_min, raise: 2, clear: 0, severity: critical}}"))
    city = City(asked)
    for minute in range(1, 40):
        city.service = Readings(broker_down_min=minute)
        city.say(*WARDS, silent_min=minute)
        city.live(1)
    assert city.open == ["service service"]
    city.service = Readings(broker_down_min=0)
    city.say(*WARDS, silent_min=0)
    city.live(10)
    assert city.open == []
    assert kinds(city) == [StepKind.RAISED, StepKind.RESOLVED]


def test_families_that_have_causes_of_their_own_are_not_gathered() -> None:
    city = City(DEMAND)
    city.say(*WARDS, demand_w=95_000, target_w=100_000)
    city.live(3)
    assert len(city.open) == len(WARDS)


def test_what_is_left_of_a_common_cause_must_be_bad_now_to_have_an_alert() -> None:
    city = City(SILENT)
    city.say(*CHUO, silent_min=12)
    city.live(4)
    city.say(*CHUO, silent_min=0)
    city.say(CHUO[0], silent_min=4)
    city.live(10)
    assert city.open == []


# --- Worse, better, acknowledged, resolved ----------------------------------------------------------------------------


def test_several_rules_of_a_family_are_one_alert_that_becomes_worse_and_eases() -> None:
    city = City(DEMAND)
    for watts in (92_000, 103_000, 103_000, 91_000, 60_000):
        city.say(HERE, demand_w=watts, target_w=100_000)
        city.live(1)
    assert kinds(city) == [StepKind.RAISED, StepKind.WORSE, StepKind.EASED, StepKind.RESOLVED]
    assert {change.alert.n for change in city.log} == {1}
    assert [each.rule for each in city.log[1].alert.evidence] == ["over", "near"]


def acked(city: City, until_ms: int = 0) -> None:
    (alert,) = city.state.alerts.values()
    change = acknowledged(alert, by="田中", at_ms=city.at_ms, until_ms=until_ms)
    city.state = with_change(city.state, change)


def test_who_acknowledged_did_not_acknowledge_what_is_worse() -> None:
    city = City(DEMAND)
    city.say(HERE, demand_w=92_000, target_w=100_000)
    city.live(1)
    acked(city)
    city.live(5)
    (alert,) = city.state.alerts.values()
    assert alert.ack is not None
    city.say(HERE, demand_w=110_000)
    city.live(1)
    (alert,) = city.state.alerts.values()
    assert alert.ack is None


def test_an_acknowledgement_lapses_once_when_its_time_is_over() -> None:
    city = City(SILENT)
    city.say(HERE, silent_min=12)
    city.live(4)
    acked(city, until_ms=city.at_ms + 30 * MINUTE_MS)
    city.live(60)
    assert kinds(city) == [StepKind.RAISED, StepKind.ACK_LAPSED]
    assert city.log[1].step.by == "田中"


def test_what_was_resolved_by_hand_is_quiet_until_it_was_fine_once() -> None:
    city = City(SILENT)
    city.say(HERE, silent_min=12)
    city.live(4)
    (alert,) = city.state.alerts.values()
    city.state = with_change(city.state, resolved_by_hand(alert, by="田中", at_ms=city.at_ms, why="  工事で\n停止中 "))
    city.live(600)
    assert city.open == []
    city.say(HERE, silent_min=0)
    city.live(10)
    city.say(HERE, silent_min=12)
    city.live(4)
    assert city.open == [f"link site {HERE}"]
    assert [change.alert.n for change in city.log] == [1, 2]


def test_it_is_not_quiet_for_ever() -> None:
    city = City(SILENT)
    city.say(HERE, silent_min=12)
    city.live(4)
    (alert,) = city.state.alerts.values()
    city.state = with_change(city.state, resolved_by_hand(alert, by="田中", at_ms=city.at_ms, why="工事"))
    city.at_ms += MUTED_MAX_MS
    city.live(2)
    assert city.open == [f"link site {HERE}"]


def test_what_cannot_be_done_to_an_alert_is_refused_with_its_reason() -> None:
    city = City(SILENT)
    city.say(HERE, silent_min=12)
    city.live(4)
    (alert,) = city.state.alerts.values()
    with pytest.raises(AlertError, match="within the next 30 days"):
        acknowledged(alert, by="田中", at_ms=NOW_MS, until_ms=NOW_MS)
    with pytest.raises(AlertError, match="say why"):
        resolved_by_hand(alert, by="田中", at_ms=NOW_MS, why=" ")
    over = resolved_by_hand(alert, by="田中", at_ms=NOW_MS, why="x").alert
    with pytest.raises(AlertError, match="A1 is over already"):
        resolved_by_hand(over, by="田中", at_ms=NOW_MS, why="x")
    with pytest.raises(AlertError, match="A1 is over"):
        acknowledged(over, by="田中", at_ms=NOW_MS, until_ms=0)


def test_a_shelter_that_is_no_longer_registered_has_no_alert() -> None:
    city = City(SILENT)
    city.say(HERE, silent_min=12)
    city.live(4)
    city.wards = {site: ward for site, ward in WARDS.items() if site != HERE}
    city.readings.pop(HERE)
    city.live(1)
    assert city.open == []


# --- Memory and news --------------------------------------------------------------------------------------------------


def test_what_lies_between_two_looks_is_the_same_after_a_restart() -> None:
    city = City((*SILENT, SLOW))
    city.say(HERE, silent_min=12)
    city.say(THERE, soh_pct=60)
    city.live(3)
    kept = memory.memory_of(city.state, memory.Memory().faults, memory.Memory().links)
    read = memory.read(memory.written(kept))
    assert read == kept
    assert {(rule, site): lamp for rule, site, lamp in read.lamps} == city.state.lamps
    assert memory.read("{") is None


def test_an_alert_and_its_end_are_told_with_the_same_name_and_shelter() -> None:
    city = City(SILENT)
    city.say(HERE, silent_min=12)
    city.live(4)
    city.say(HERE, silent_min=0)
    city.live(4)
    begun, over = [news_of(change.alert, change.step) for change in city.log]
    assert begun is not None
    assert over is not None
    assert (begun.kind, over.kind) == (NewsKind.ALERT, NewsKind.ALERT_OVER)
    assert (begun.values["rule"], begun.site) == (over.values["rule"], over.site) == ("link", HERE)
    assert begun.values["says_ja"] == "通信の異常：通信が12分ありません（基準 10分）"
    assert begun.group == over.group


def test_alerts_of_two_wards_have_different_names() -> None:
    city = City(SILENT, {f"E{n:04d}": ("中央区", "緑区", "美浜区", "若葉区")[n % 4] for n in range(40)})
    city.say(*[site for site, ward in city.wards.items() if ward in {"中央区", "緑区"}][:18], silent_min=12)
    city.live(1)
    told = [news_of(change.alert, change.step) for change in city.log]
    assert sorted(one.values["rule"] for one in told if one) == ["link/中央区", "link/緑区"]


def test_more_shelters_of_the_same_cause_are_a_step_and_no_news() -> None:
    city = City(SILENT)
    city.say(*CHUO[:6], silent_min=12)
    city.live(3)
    city.say(CHUO[7], silent_min=12)
    (grew,) = city.live(1)
    assert (grew.step.kind, grew.step.sites) == (StepKind.GREW, 7)
    assert news_of(grew.alert, grew.step) is None


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from([0.0, 4.0, 12.0, None]), min_size=20, max_size=20), min_size=1, max_size=15))
def test_whatever_comes_every_alert_is_raised_once_ended_once_and_never_twice_at_a_time(
    looks: list[list[float | None]],
) -> None:
    city = City(SILENT)
    for values in looks:
        for site, value in zip(WARDS, values, strict=True):
            city.say(site, silent_min=value)
        city.live(4)
    city.say(*WARDS, silent_min=0)
    city.live(8)
    assert city.open == []
    begun = [change.alert.n for change in city.log if change.step.kind is StepKind.RAISED]
    ended = [change.alert.n for change in city.log if not change.alert.is_open]
    assert len(set(begun)) == len(begun)
    assert sorted(begun) == sorted(ended)
    assert [rule for rule in city.rules if isinstance(rule, Rule)]
