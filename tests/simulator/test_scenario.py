"""Scenario files: all faults at once, times in three forms, and the same occurrences from the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.fleet import build
from simulator.scenario import (
    GridBack,
    GridLost,
    LinkCut,
    ScenarioError,
    Where,
    load,
    names,
    parse,
)
from simulator.timeline import compile_steps, episodes, linked_sites, selected
from simulator.times import duration_ms, moment_ms
from simulator.weather import DAY_MS
from tests.simulator.support import NOON_MS

CITY = build(182, 7)
HEAD = "title: t\nabout: a\nlasts: 1h\n"


def faults_of(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse(text, "mine.yaml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", names())
def test_every_scenario_of_the_house_loads_and_fits_the_city(name: str) -> None:
    scenario = load(name)
    start_ms = scenario.start_ms or NOON_MS
    occurrences = compile_steps(scenario, CITY, start_ms=start_ms, seed=7)
    assert all(start_ms <= each.at_ms <= start_ms + duration_ms(scenario.lasts) for each in occurrences)
    assert occurrences == compile_steps(scenario, CITY, start_ms=start_ms, seed=7)


def test_the_three_scenarios_that_others_count_on_exist() -> None:
    assert {"quiet_day", "typhoon_2019", "bad_links"} <= set(names())


def test_all_faults_are_told_at_once_with_their_place() -> None:
    faults = faults_of(
        HEAD
        + "speed: fast\n"
        + "steps:\n"
        + "  - {at: 25:70, do: grid_lost}\n"
        + "  - {at: +10m, do: grid_lsot}\n"
        + "  - {at: +10m, do: grid_lost, where: {ward: 緑}}\n"
        + "  - {at: +10m, do: load_factor}\n"
        + "  - {at: +10m, do: relay, tier: 9, closed: true, colour: red}\n"
        + "  - {at: +10m, do: fault, device: meter, kind: illegal}\n"
        + "  - {at: +10m, do: weather, sky: storm, lasts: 3h, where: {ward: 緑区}}\n"
    )
    text = "\n".join(faults)
    assert all(fault.startswith("mine.yaml: ") for fault in faults)
    assert "speed: Input should be a valid number" in text
    assert "'25:70' is no time" in text
    assert "grid_lsot" in text
    assert "unknown ward '緑', perhaps '緑区'" in text
    assert "factor: missing" in text
    assert "colour: unknown key" in text
    assert "steps[5].relay.tier" in text
    assert "'points' belongs to kind 'illegal'" in text
    assert "leave out 'where'" in text


def test_text_that_is_no_scenario_is_refused_with_a_reason() -> None:
    assert "not YAML" in faults_of("title: [")[0]
    assert "top" in faults_of("- a list")[0]
    assert {"mine.yaml: title: missing", "mine.yaml: about: missing"} <= set(faults_of("lasts: 1h"))


def test_an_unknown_scenario_names_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="perhaps 'typhoon_2019'"):
        load("typhoon_2018")
    with pytest.raises(ScenarioError, match="no such file"):
        load(tmp_path / "absent.yaml")
    (tmp_path / "own.yaml").write_text(HEAD, encoding="utf-8")
    assert load(tmp_path / "own.yaml").title == "t"


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("90s", 90_000), ("1h30m", 5_400_000), ("20d", 20 * DAY_MS), ("0.5s", 500)]
)
def test_durations_are_read(text: str, milliseconds: int) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "1", "1x", "m", "-1h", "1h 2m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        duration_ms(text)


def test_moments_are_after_the_start_by_the_clock_or_fixed() -> None:
    assert moment_ms("+2h", NOON_MS) == NOON_MS + 7_200_000
    assert moment_ms("13:30", NOON_MS) == NOON_MS + 5_400_000
    assert moment_ms("11:00", NOON_MS) == NOON_MS + DAY_MS - 3_600_000
    assert moment_ms("12:00", NOON_MS) == NOON_MS
    assert moment_ms("2026-05-29T12:00+09:00", 0) == NOON_MS


def test_times_need_no_quotes_in_the_file() -> None:
    scenario = parse(
        HEAD + "starts: 2026-05-29T12:00+09:00\nsteps:\n  - {at: 13:30, do: note, text: lunch is over}\n", "x"
    )
    assert scenario.start_ms == NOON_MS
    assert compile_steps(scenario, CITY, start_ms=NOON_MS, seed=7)[0].at_ms == NOON_MS + 5_400_000


def test_selection_by_ward_fraction_and_id() -> None:
    ward = selected(Where(ward="緑区"), CITY, 7)
    assert len(ward) == 25
    assert selected(Where(ward="Midori Ward"), CITY, 7) == ward
    third = selected(Where(fraction=1 / 3, draw="a"), CITY, 7)
    assert len(third) == round(182 / 3)
    assert selected(Where(fraction=1 / 3, draw="a"), CITY, 7) == third
    assert selected(Where(fraction=1 / 3, draw="b"), CITY, 7) != third
    assert selected(Where(fraction=0.001), CITY, 7)
    assert [spec.id for spec in selected(Where(sites=[CITY[5].id]), CITY, 7)] == [CITY[5].id]


def test_a_site_that_the_fleet_lacks_is_told() -> None:
    scenario = parse(HEAD + "steps:\n  - {at: +1m, do: grid_lost, where: {sites: [E1210000080111]}}\n", "x")
    with pytest.raises(ScenarioError, match=r"step 1 \(grid_lost\): no site E1210000080111"):
        compile_steps(scenario, CITY, start_ms=0, seed=7)


def test_the_typhoon_takes_most_grids_in_one_night_and_gives_them_back_over_20_days() -> None:
    scenario = load("typhoon_2019")
    assert scenario.start_ms is not None
    occurrences = compile_steps(scenario, CITY, start_ms=scenario.start_ms, seed=7)
    lost = {each.site: each.at_ms for each in occurrences if isinstance(each.step, GridLost)}
    back = {each.site: each.at_ms for each in occurrences if isinstance(each.step, GridBack)}
    assert len(lost) == round(0.7 * 182)
    outages_d = sorted((back[site] - at_ms) / DAY_MS for site, at_ms in lost.items())
    assert len(set(lost.values())) > 100
    assert outages_d[0] > 0
    assert 18 < outages_d[-1] < 21
    assert outages_d[len(outages_d) // 2] < 5
    assert len(episodes(occurrences)) == 2


def test_staff_decide_for_a_ward_or_the_city_and_end_what_they_declared() -> None:
    backup = "  - {at: +1m, do: incident, name: one, mode: backup, why: w%s}\n"
    over = "  - {at: +2m, do: stand_down, name: %s, why: w}\n"
    plot = parse(HEAD + "steps:\n" + backup % ", where: {ward: 緑区}" + over % "one", "mine.yaml")
    # Once for the city, whatever the number of shelters.
    assert [(each.site, each.step.do) for each in compile_steps(plot, CITY, start_ms=0, seed=7)] == [
        ("", "incident"),
        ("", "stand_down"),
    ]
    (fault,) = faults_of(HEAD + "steps:\n" + backup % ", where: {fraction: 0.5}")
    assert "a ward's or the whole city's" in fault
    (fault,) = faults_of(HEAD + "steps:\n" + backup % "" + over % "two")
    assert "no step declares it; declared: ['one']" in fault


def test_bad_links_break_links_and_mend_all_of_them() -> None:
    occurrences = compile_steps(load("bad_links"), CITY, start_ms=0, seed=7)
    cut = {each.site for each in occurrences if isinstance(each.step, LinkCut)}
    assert 50 < len(cut) < 70
    assert cut < linked_sites(occurrences)
