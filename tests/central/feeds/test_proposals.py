"""Proposals and incidents: done once, replaced, withdrawn, never against what a person decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant
from hypothesis.stateful import rule as step

from central.core.alerts.rules import Then
from central.core.city import Site
from central.core.incidents import Act, Incident, Phase, confirm, declare, end, incidents_of
from central.core.proposals import Advise, Confirm, Declare, Step, Withdraw, by, marked, plan, why
from central.core.scope import Scope, ScopeError, ScopeKind, resolve
from central.core.triggers import Proposal
from tests.central.feeds.parts import CHUO, MIDORI, MIHAMA, MINUTE, quake
from tests.central.feeds.test_triggers import STRONG, judged
from tests.central.fleet import site_ids, sites_of
from tests.central.ingest.parts import NOW

SITES: list[Site] = sites_of(site_ids(6))
PROPOSAL = replace(judged(STRONG, quake({CHUO: "5+"}))[0], kind=Then.PROPOSE, approved_by=())
ACTING = judged(STRONG, quake({CHUO: "5+"}))[0]


def sites_in(scope: Scope) -> frozenset[str]:
    try:
        return frozenset(resolve(scope, SITES, {}))
    except ScopeError:
        return frozenset()


def for_wards(*wards: str, of: Proposal = PROPOSAL) -> Proposal:
    return replace(of, scope=Scope(ScopeKind.WARD, wards), wards=wards)


class City:
    """Incidents, and the steps done to them as the desk does them."""

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}
        self.now_ms = NOW

    def keep(self, *decisions: Any) -> None:
        self.incidents = incidents_of(decisions, self.incidents.values())

    def act(self, *proposals: Proposal) -> list[Step]:
        done: list[Step] = []
        for _ in range(2):
            for one in plan(proposals, self.incidents.values(), sites_in):
                self.do(one)
                done.append(one)
        return done

    def do(self, one: Step) -> None:
        at_ms = self.now_ms = self.now_ms + 1
        if isinstance(one, Declare):
            told = one.proposal
            scoped = sorted(sites_in(told.scope))
            text = {"by": by(told), "why": why(told)}
            self.keep(declare(told.wish, told.scope, scoped, **text, at_ms=at_ms, known=self.incidents))
        elif isinstance(one, Confirm):
            incident = self.incidents[one.incident]
            second = {"by": by(one.proposal, 1), "why": "x"}
            self.keep(*confirm(incident, sorted(incident.sites), citywide=True, **second, at_ms=at_ms))
        elif isinstance(one, Withdraw):
            person = f"trigger {one.rule}"
            self.keep(end(self.incidents[one.incident], Act.STAND_DOWN, by=person, why=one.why, at_ms=at_ms))

    def person(self, incident: str, act: Act) -> None:
        found = self.incidents[incident]
        if act is Act.CONFIRM:
            self.keep(*confirm(found, sorted(found.sites), citywide=False, by="田中", why="x", at_ms=self.now_ms))
        else:
            self.keep(end(found, act, by="田中", why="x", at_ms=self.now_ms))

    def phases(self) -> list[Phase]:
        return [one.phase for one in self.incidents.values()]


def test_a_proposal_is_declared_once_and_waits_for_a_person() -> None:
    city = City()
    assert city.act(PROPOSAL) == [Declare(PROPOSAL)]
    assert city.act(PROPOSAL) == []
    (incident,) = city.incidents.values()
    assert (incident.phase, incident.scope) == (Phase.DECLARED, Scope(ScopeKind.WARD, (CHUO,)))
    (one,) = marked(city.incidents.values())
    assert (one.rule, one.id, one.content) == ("r", PROPOSAL.id, PROPOSAL.content)


def test_a_rule_that_acts_confirms_in_the_name_of_its_second_person() -> None:
    city = City()
    steps = city.act(ACTING)
    (incident,) = city.incidents.values()
    assert steps == [Declare(ACTING), Confirm(ACTING, incident.id)]
    assert incident.confirmed is not None
    assert (incident.declared.by, incident.confirmed.by) == (
        "trigger r, approved by A",
        "trigger r, approved by B",
    )
    assert not incident.broke_glass
    assert city.act(ACTING) == []


def test_a_correction_replaces_what_nobody_confirmed() -> None:
    city = City()
    city.act(PROPOSAL)
    corrected = for_wards(MIHAMA)
    (old,) = city.incidents
    assert [type(one) for one in city.act(corrected)] == [Withdraw, Declare]
    assert city.incidents[old].phase is Phase.CLOSED
    assert city.act(corrected) == []
    assert [type(one) for one in city.act(PROPOSAL)] == [Withdraw, Declare]


def test_a_correction_of_what_holds_shelters_adds_and_never_takes_away() -> None:
    city = City()
    city.act(PROPOSAL)
    city.person(next(iter(city.incidents)), Act.CONFIRM)
    more = for_wards(CHUO, MIHAMA)
    assert city.act(more) == [Declare(more)]
    assert city.phases() == [Phase.ACTIVE, Phase.DECLARED]


def test_a_cancellation_withdraws_what_waits_and_tells_of_what_holds() -> None:
    city = City()
    city.act(PROPOSAL)
    assert [type(one) for one in city.act()] == [Withdraw]
    assert city.phases() == [Phase.CLOSED]
    city.act(PROPOSAL)
    held = list(city.incidents)[-1]
    city.person(held, Act.CONFIRM)
    assert {type(one) for one in city.act()} == {Advise}
    assert city.incidents[held].phase is Phase.ACTIVE


def test_what_a_person_withdrew_stays_so_but_for_shelters_that_it_was_not_about() -> None:
    city = City()
    city.act(for_wards(CHUO, MIHAMA))
    city.person(next(iter(city.incidents)), Act.STAND_DOWN)
    assert city.act(for_wards(CHUO, MIHAMA)) == []
    assert city.act(for_wards(CHUO)) == []
    wider = for_wards(CHUO, MIDORI)
    assert city.act(wider) == [Declare(wider)]


def test_an_aftershock_adds_nothing_to_what_holds_or_waits() -> None:
    city = City()
    aftershock = replace(PROPOSAL, event="later", since_ms=NOW + MINUTE)
    city.act(PROPOSAL)
    assert city.act(PROPOSAL, aftershock) == []
    city.person(next(iter(city.incidents)), Act.CONFIRM)
    assert city.act(PROPOSAL, aftershock) == []


def test_a_drill_and_the_real_thing_do_not_replace_each_other() -> None:
    city = City()
    drill = replace(PROPOSAL, wish=replace(PROPOSAL.wish, is_drill=True))
    city.act(drill)
    assert city.act(drill, PROPOSAL) == [Declare(PROPOSAL)]
    assert [one.wish.is_drill for one in city.incidents.values()] == [True, False]


def test_a_scope_without_shelters_declares_nothing() -> None:
    assert City().act(for_wards("若葉区")) == []


def test_an_incident_that_people_declared_is_not_a_rule_s() -> None:
    city = City()
    text = {"by": "田中", "why": "台風 [01234567.0123]"}
    city.keep(declare(PROPOSAL.wish, PROPOSAL.scope, [SITES[0].id], **text, at_ms=NOW, known=()))
    assert marked(city.incidents.values()) == []
    assert city.act() == []


WARDS = (CHUO, MIHAMA, MIDORI)


class Machine(RuleBasedStateMachine):
    """Alerts come, change and go; people confirm and decline; the service restarts whenever it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.city = City()
        self.asked: dict[str, Proposal] = {}
        self.by_people: dict[str, Phase] = {}

    @step(event=st.sampled_from("ab"), wards=st.sets(st.sampled_from(WARDS), min_size=1), acts=st.booleans())
    def alert(self, event: str, wards: set[str], acts: bool) -> None:
        told = for_wards(*sorted(wards), of=ACTING if acts else PROPOSAL)
        self.asked[event] = replace(told, event=event)

    @step(event=st.sampled_from("ab"))
    def cancel(self, event: str) -> None:
        self.asked.pop(event, None)

    @step()
    def look(self) -> None:
        self.city.act(*self.asked.values())
        assert [one for one in self.city.act(*self.asked.values()) if not isinstance(one, Advise)] == []

    @step(act=st.sampled_from((Act.CONFIRM, Act.STAND_DOWN)), pick=st.integers(0, 100))
    def person(self, act: Act, pick: int) -> None:
        waiting = [one.id for one in self.city.incidents.values() if one.phase is Phase.DECLARED]
        if waiting:
            chosen = waiting[pick % len(waiting)]
            self.city.person(chosen, act)
            self.by_people[chosen] = self.city.incidents[chosen].phase

    @invariant()
    def what_people_decided_stands(self) -> None:
        for incident, phase in self.by_people.items():
            assert self.city.incidents[incident].phase is phase

    @invariant()
    def nothing_that_waits_is_there_twice(self) -> None:
        waits = [one for one in marked(self.city.incidents.values()) if one.incident.phase is Phase.DECLARED]
        assert len({(one.id, one.content) for one in waits}) == len(waits)

    @invariant()
    def only_an_acting_rule_confirms(self) -> None:
        for incident in self.city.incidents.values():
            if incident.confirmed and incident.id not in self.by_people:
                assert incident.confirmed.by == "trigger r, approved by B"
                assert not incident.wish.is_drill


Machine.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestMachine = Machine.TestCase
