"""Incidents: every phase answers every act, persons and reasons, and what several incidents want of one shelter."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.audit import Action, Decision
from central.core.incidents import (
    NEXT,
    RELEASED,
    STRICTNESS,
    Act,
    AskedWronglyError,
    Incident,
    Phase,
    Step,
    Wish,
    confirm,
    declare,
    end,
    incidents_of,
    new_id,
    same_person,
    wanted,
)
from central.core.refusals import SAYS, No, RefusedError
from central.core.scope import Scope, ScopeKind
from contract.steering import Mode

AT = 1_795_000_000_000
CITY = Scope(ScopeKind.CITY)
BACKUP = Wish(mode=Mode.BACKUP)


def declared(
    wish: Wish = BACKUP, *, sites: tuple[str, ...] = ("A", "B"), by: str = "田中"
) -> tuple[Decision, Incident]:
    made = declare(wish, CITY, sites, by=by, why="台風15号", at_ms=AT, known=())
    return made, incidents_of([made])[made.incident]


def active(wish: Wish, sites: set[str], *, name: str) -> Incident:
    step = Step(by="p", why=f"why {name}", at_ms=AT)
    return Incident(
        id=name, phase=Phase.ACTIVE, wish=wish, scope=CITY, sites=frozenset(sites), declared=step, confirmed=step
    )


def test_every_phase_answers_every_act_and_every_no_has_words() -> None:
    assert NEXT.keys() == set(product(Phase, Act))
    assert SAYS.keys() == set(No)


@pytest.mark.parametrize(("phase", "act"), list(product(Phase, Act)))
def test_steps_are_what_the_table_says(phase: Phase, act: Act) -> None:
    made, incident = declared()
    here = replace(incident, phase=phase, confirmed=None if phase is Phase.DECLARED else incident.declared)
    answer = NEXT[phase, act]

    def step() -> list[Decision]:
        if act is Act.CONFIRM:
            return confirm(here, ["A"], citywide=False, by="x", why="y", at_ms=AT)
        return [end(here, act, by="x", why="y", at_ms=AT)]

    if isinstance(answer, No):
        with pytest.raises(RefusedError) as caught:
            step()
        assert caught.value.no is answer
        return
    after = incidents_of(step(), [here])[made.incident]
    assert after.phase is answer


def test_a_confirmed_incident_holds_the_shelters_that_its_scope_has_then() -> None:
    made, incident = declared(sites=("A", "B"))
    assert not incident.holds("A")
    steps = confirm(incident, ["B", "C"], citywide=False, by="佐藤", why="確認済み", at_ms=AT + 1)
    after = incidents_of([made, *steps])[made.incident]
    assert [after.holds(site) for site in "ABC"] == [False, True, True]
    assert after.confirmed == Step(by="佐藤", why="確認済み", at_ms=AT + 1)


@pytest.mark.parametrize("name", ["田中", " 田 中 ", "田中\u3000"])
def test_the_whole_city_wants_another_person_however_the_name_is_typed(name: str) -> None:
    _, incident = declared()
    with pytest.raises(RefusedError) as caught:
        confirm(incident, ["A"], citywide=True, by=name, why="w", at_ms=AT)
    assert caught.value.no is No.ANOTHER_PERSON
    assert [d.action for d in confirm(incident, ["A"], citywide=True, by="佐藤", why="w", at_ms=AT)] == [
        Action.CONFIRMED
    ]


def test_breaking_the_glass_is_an_entry_of_its_own() -> None:
    made, incident = declared()
    steps = confirm(incident, ["A"], citywide=True, by="田中", why="連絡不能", at_ms=AT, break_glass=True)
    assert [step.action for step in steps] == [Action.BREAK_GLASS, Action.CONFIRMED]
    assert incidents_of([made, *steps])[made.incident].broke_glass
    # Who has a second person needs no glass.
    calm = confirm(incident, ["A"], citywide=True, by="佐藤", why="w", at_ms=AT, break_glass=True)
    assert [step.action for step in calm] == [Action.CONFIRMED]


def test_a_drill_that_switches_nothing_wants_one_person_and_a_live_one_two() -> None:
    _, drill = declared(replace(BACKUP, is_drill=True))
    assert confirm(drill, ["A"], citywide=True, by="田中", why="w", at_ms=AT)
    _, live = declared(replace(BACKUP, is_drill=True, is_live=True))
    with pytest.raises(RefusedError):
        confirm(live, ["A"], citywide=True, by="田中", why="w", at_ms=AT)


def test_closing_waits_for_shelters_that_are_out_unless_somebody_says_so() -> None:
    _, incident = declared()
    down = replace(incident, phase=Phase.STANDING_DOWN)
    with pytest.raises(RefusedError) as caught:
        end(down, Act.CLOSE, by="x", why="y", at_ms=AT, out=2)
    assert caught.value.no is No.STILL_OUT
    assert end(down, Act.CLOSE, by="x", why="y", at_ms=AT, out=2, anyway=True).detail == {"still_out": 2}


@pytest.mark.parametrize(("by", "why"), [("", "w"), ("  \n", "w"), ("p", ""), ("p" * 101, "w"), ("p", "w" * 201)])
def test_a_person_and_a_reason_are_on_everything(by: str, why: str) -> None:
    _, incident = declared()
    with pytest.raises(AskedWronglyError):
        declare(BACKUP, CITY, ["A"], by=by, why=why, at_ms=AT, known=())
    with pytest.raises(AskedWronglyError):
        confirm(incident, ["A"], citywide=False, by=by, why=why, at_ms=AT)
    with pytest.raises(AskedWronglyError):
        end(incident, Act.CLOSE, by=by, why=why, at_ms=AT)


@pytest.mark.parametrize(
    "asked",
    [
        {"mode": Mode.NORMAL},
        {"mode": Mode.RECOVERY},
        {"mode": Mode.MAINTENANCE},
        {"mode": Mode.BACKUP, "target_pct": 101},
        {"mode": Mode.BACKUP, "target_pct": float("nan")},
        {"mode": Mode.BACKUP, "tiers_closed": 9},
        {"mode": Mode.BACKUP, "charge_power_w": -1},
        {"mode": Mode.BACKUP, "is_live": True},
    ],
)
def test_what_cannot_be_wanted_is_refused_with_words(asked: dict[str, object]) -> None:
    with pytest.raises(AskedWronglyError, match=r"."):
        Wish(**asked)  # type: ignore[arg-type]


def test_ids_count_through_the_day_of_tokyo() -> None:
    late = 1_795_532_400_000  # 2026-11-25 00:00 in Tokyo
    assert new_id(late - 1, (), is_drill=False) == "I20261124-1"
    assert new_id(late, ["I20261125-1", "D20261125-9", "I20261124-30"], is_drill=True) == "D20261125-10"


def test_names_are_compared_as_people_read_them() -> None:
    assert same_person("Ｔａｎａｋａ", "tanaka")
    assert not same_person("田中", "田中(総務)")


# --- Several incidents ------------------------------------------------------------------------------------------------


def test_the_stricter_mode_wins_and_an_end_releases_only_its_own() -> None:
    storm = active(Wish(mode=Mode.STORM_WATCH, target_pct=90), {"A", "B"}, name="I1")
    quake = active(BACKUP, {"B", "C"}, name="I2")
    flood = active(Wish(mode=Mode.ISOLATED), {"C"}, name="I3")
    city = [storm, quake, flood]
    assert [wanted(city, site).mode for site in "ABCD"] == [
        Mode.STORM_WATCH,
        Mode.BACKUP,
        Mode.ISOLATED,
        Mode.NORMAL,
    ]
    quake_over = [storm, replace(quake, phase=Phase.STANDING_DOWN), flood]
    assert [wanted(quake_over, site).mode for site in "ABC"] == [Mode.STORM_WATCH, Mode.STORM_WATCH, Mode.ISOLATED]
    assert wanted(city, "D") is RELEASED


def test_of_equal_modes_the_stricter_figures_hold() -> None:
    one = active(Wish(mode=Mode.BACKUP, target_pct=80, tiers_closed=3, charge_power_w=5_000), {"A"}, name="I1")
    other = active(Wish(mode=Mode.BACKUP, target_pct=95, tiers_closed=5, charge_power_w=2_000), {"A"}, name="I2")
    found = wanted([other, one], "A")
    assert (found.target_pct, found.tiers_closed, found.charge_power_w) == (95, 3, 2_000)
    assert found.incidents == ("I1", "I2")


def test_a_real_incident_comes_before_a_live_drill_before_a_drill() -> None:
    drill = active(Wish(mode=Mode.ISOLATED, is_drill=True), {"A"}, name="D1")
    live = active(Wish(mode=Mode.BACKUP, is_drill=True, is_live=True), {"A"}, name="D2")
    real = active(Wish(mode=Mode.STORM_WATCH), {"A"}, name="I1")
    assert wanted([drill, live, real], "A").mode is Mode.STORM_WATCH
    assert wanted([drill, live], "A").is_live
    assert not wanted([drill], "A").switches


WISHES = st.builds(
    Wish,
    mode=st.sampled_from([mode for mode in STRICTNESS if mode is not Mode.NORMAL]),
    target_pct=st.sampled_from([50.0, 80.0, 100.0]),
    tiers_closed=st.integers(0, 8),
)


@given(st.lists(st.tuples(WISHES, st.frozensets(st.sampled_from("ABC"))), max_size=6), st.randoms())
def test_what_is_wanted_does_not_depend_on_the_order_of_incidents(
    asked: list[tuple[Wish, frozenset[str]]], random: object
) -> None:
    city = [active(wish, set(sites), name=f"I{n}") for n, (wish, sites) in enumerate(asked)]
    mixed = list(city)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    for site in "ABC":
        assert wanted(mixed, site) == wanted(city, site)
        modes = [incident.wish.mode for incident in city if site in incident.sites]
        assert STRICTNESS[wanted(city, site).mode] == max((STRICTNESS[mode] for mode in modes), default=0)
