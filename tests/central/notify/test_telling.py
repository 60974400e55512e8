"""Who is told of what, and when: minute by minute, without a clock, a database or a network."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.news import News, NewsKind, Severity
from central.core.notify.cases import CALM_MS, ENDS, FAMILIES, JOIN_MS, Ack, Case, acknowledged, take
from central.core.notify.people import MINUTE_MS, Quiet, RuleBook
from central.core.notify.reading import read_book
from central.core.notify.telling import Notice, Purpose, tell
from tests.central.fake import NOW_MS

HEAD = """
people:
  ann: {name: Ann, mail: a@b.example, drills: true}
  ben: {name: Ben, mail: b@b.example}
  cho: {name: Cho, mail: c@b.example}
rules:
"""
SIMPLE = HEAD + "  all: {to: [ann], window_s: 60, repeat_min: 15}\n"
CHAIN = (
    HEAD
    + "  all:\n    to: [ann]\n    escalate:\n      - {after_min: 10, to: [ben]}\n"
    + "      - {after_min: 25, to: [cho], over: [mail]}\n"
)
MORNING_MS = NOW_MS - NOW_MS % 86_400_000 + 86_400_000 - 2 * 3_600_000
"""07:00 in Tokyo: 22:00 UTC of the day before."""


def book_of(text: str) -> RuleBook:
    return read_book(text.encode())


@dataclass
class City:
    """Decides as the desk does, at moments that the test chooses."""

    book: RuleBook
    at_ms: int = NOW_MS
    cases: dict[str, Case] = field(default_factory=dict)
    sent: list[tuple[int, Notice]] = field(default_factory=list)
    numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def happens(self, kind: NewsKind, *sites: str, severity: Severity = Severity.CRITICAL, **more: Any) -> None:
        for site in sites:
            news = News(
                n=next(iter(self.numbers)),
                at_ms=self.at_ms,
                kind=kind,
                severity=severity,
                site=site,
                ward="緑区",
                **more,
            )
            self.cases |= {case.id: case for case in take(self.cases, news, self.book, self.at_ms)}
            assert not [case for case in self.cases.values() if case.ended_ms]

    def look(self) -> list[Notice]:
        recent = Counter(n.person for at_ms, n in self.sent if at_ms > self.at_ms - 60 * MINUTE_MS)
        now = []
        for id_, case in list(self.cases.items()):
            self.cases[id_], notices = tell(case, self.book, self.at_ms, recent)
            recent.update(one.person for one in notices)
            now += notices
        self.sent += [(self.at_ms, one) for one in now]
        self.cases = {id_: case for id_, case in self.cases.items() if not case.ended_ms}
        return now

    def passes(self, minutes: float, *, every: float = 0.5) -> list[Notice]:
        """Time passes, with a look every so many minutes; returns what was sent."""
        found = []
        for _ in range(round(minutes / every)):
            self.at_ms += round(every * MINUTE_MS)
            found += self.look()
        return found

    def acks(self, person: str = "", n: int = 1) -> None:
        for id_, case in self.cases.items():
            ack = Ack(n=n, case=id_, person=person, by=person or "desk", at_ms=self.at_ms)
            self.cases[id_] = acknowledged(case, [ack], self.book)


def said(notices: list[Notice]) -> list[tuple[str, str]]:
    return [(one.person, one.purpose.value) for one in notices]


SITES = [f"E{n:03d}" for n in range(182)]


def test_every_kind_of_news_is_told_or_ends_something() -> None:
    assert FAMILIES.keys() | ENDS.keys() == set(NewsKind)
    assert not FAMILIES.keys() & ENDS.keys()


def test_a_citywide_outage_is_one_message_for_each_receiver() -> None:
    city = City(book_of(HEAD + "  a: {to: [ann, ben]}\n  b: {kinds: [islanded], to: [ben, cho]}\n"))
    for part in range(0, 182, 13):
        city.happens(NewsKind.ISLANDED, *SITES[part : part + 13])
        city.at_ms += 4_000
        assert city.look() == []
    sent = city.passes(20)
    assert sorted(said(sent)) == [("ann", "first"), ("ben", "first"), ("cho", "first")]
    assert {len(one.items) for one in sent} == {182}


def test_nothing_is_sent_before_the_window_and_one_alone_is_told_after_it() -> None:
    city = City(book_of(SIMPLE))
    city.happens(NewsKind.ISLANDED, "E1")
    assert city.passes(0.5) == []
    assert said(city.passes(0.5)) == [("ann", "first")]


def test_growth_is_told_when_it_doubles_and_at_the_latest_after_a_while() -> None:
    city = City(book_of(SIMPLE))
    city.happens(NewsKind.ISLANDED, *SITES[:10])
    assert said(city.passes(2)) == [("ann", "first")]
    city.happens(NewsKind.ISLANDED, *SITES[10:15])
    assert city.passes(14) == []
    (late,) = city.passes(1)
    assert (late.purpose, len(late.fresh), len(late.items)) == (Purpose.MORE, 5, 15)
    city.happens(NewsKind.ISLANDED, *SITES[15:31])
    (doubled,) = city.passes(3)
    assert (doubled.purpose, len(doubled.fresh)) == (Purpose.MORE, 16)


def test_messages_of_an_outage_that_grows_all_day_are_few() -> None:
    city = City(book_of(SIMPLE))
    for site in SITES:
        city.happens(NewsKind.ISLANDED, site)
        city.passes(2.5)
    city.passes(20)
    assert len(city.sent) <= 40
    assert {key for _, one in city.sent for key in one.fresh} == set(SITES)


def test_the_end_is_told_once_when_all_is_well_for_a_while() -> None:
    city = City(book_of(SIMPLE))
    city.happens(NewsKind.ISLANDED, "E1", "E2")
    city.passes(5)
    city.happens(NewsKind.GRID_BACK, "E1", severity=Severity.INFO)
    assert city.passes(60) == []
    city.happens(NewsKind.GRID_BACK, "E2", severity=Severity.INFO)
    assert city.passes(CALM_MS / MINUTE_MS - 1) == []
    assert said(city.passes(2)) == [("ann", "end")]
    assert city.passes(60) == []
    assert city.cases == {}


def test_a_shelter_that_flaps_is_told_once() -> None:
    city = City(book_of(SIMPLE))
    for _ in range(20):
        city.happens(NewsKind.ISLANDED, "E1")
        city.passes(2)
        city.happens(NewsKind.GRID_BACK, "E1", severity=Severity.INFO)
        city.passes(2)
    assert said([one for _, one in city.sent]) == [("ann", "first")]
    assert said(city.passes(120)) == [("ann", "end")]


def test_what_comes_back_after_its_end_was_told_is_told_again() -> None:
    city = City(book_of(HEAD + "  all: {to: [ann]}\n  east: {to: [ben], resolved: false}\n"))
    city.happens(NewsKind.ISLANDED, "E1")
    city.passes(2)
    city.happens(NewsKind.GRID_BACK, "E1", severity=Severity.INFO)
    city.passes(30)
    city.happens(NewsKind.ISLANDED, "E1")
    city.passes(3)
    assert said([one for _, one in city.sent]) == [
        ("ann", "first"),
        ("ben", "first"),
        ("ann", "end"),
        ("ann", "first"),
        ("ben", "first"),
    ]


def test_what_is_over_before_it_was_told_is_told_only_when_it_is_critical() -> None:
    city = City(book_of(SIMPLE))
    city.happens(NewsKind.SITE_SILENT, "E1", severity=Severity.WARNING)
    city.happens(NewsKind.ISLANDED, "E2")
    city.at_ms += 20_000
    city.happens(NewsKind.SITE_HEARD, "E1", severity=Severity.INFO)
    city.happens(NewsKind.GRID_BACK, "E2", severity=Severity.INFO)
    (only,) = city.passes(60)
    assert (only.purpose, only.fresh) == (Purpose.FIRST, ("E2",))
    assert city.cases == {}


def test_nobody_acknowledges_so_the_next_is_told_and_then_the_next() -> None:
    city = City(book_of(CHAIN))
    city.happens(NewsKind.ISLANDED, "E1")
    assert said(city.passes(1)) == [("ann", "first")]
    assert city.passes(9.5) == []
    (second,) = city.passes(0.5)
    assert (second.person, second.purpose, second.unanswered_ms) == ("ben", Purpose.ESCALATED, 10 * MINUTE_MS)
    (third,) = city.passes(15)
    assert (third.person, [each.value for each in third.over]) == ("cho", ["mail"])
    assert third.wants_ack
    assert city.passes(600) == []
    assert all(case.waits_ms for case in city.cases.values())


@pytest.mark.parametrize("who", ["ann", "cho", ""])
def test_an_acknowledgement_ends_the_chain_until_more_is_told(who: str) -> None:
    city = City(book_of(CHAIN))
    city.happens(NewsKind.ISLANDED, "E1")
    city.passes(5)
    city.acks(who)
    assert city.passes(20) == []
    city.happens(NewsKind.ISLANDED, "E2", "E3")
    assert said(city.passes(11.5)) == [("ann", "more"), ("ben", "escalated")]


def test_an_acknowledgement_counts_only_for_rules_that_name_the_person() -> None:
    text = HEAD + "  a: {to: [ann], escalate: [{after_min: 5, to: [ben]}]}\n"
    city = City(book_of(text + "  b: {to: [cho], escalate: [{after_min: 5, to: [ben]}]}\n"))
    city.happens(NewsKind.ISLANDED, "E1")
    city.passes(2)
    city.acks("ann")
    assert said(city.passes(10)) == [("ben", "escalated")]
    assert city.sent[-1][1].items == ("E1",)


def test_what_is_well_again_is_not_escalated() -> None:
    city = City(book_of(CHAIN))
    city.happens(NewsKind.ISLANDED, "E1")
    city.passes(5)
    city.happens(NewsKind.GRID_BACK, "E1", severity=Severity.INFO)
    assert said(city.passes(60)) == [("ann", "end")]


@pytest.mark.parametrize(
    ("start", "end", "minute", "quiet"),
    [
        (1_320, 420, 1_320, True),
        (1_320, 420, 1_319, False),
        (1_320, 420, 0, True),
        (1_320, 420, 419, True),
        (1_320, 420, 420, False),
        (720, 780, 779, True),
        (720, 780, 780, False),
        (720, 720, 720, False),
    ],
)
def test_quiet_hours_are_tokyo_s_and_go_over_midnight(start: int, end: int, minute: int, quiet: bool) -> None:
    at_ms = NOW_MS - NOW_MS % 86_400_000 + (minute - 540) * MINUTE_MS
    assert Quiet(from_min=start, to_min=end).covers(at_ms) is quiet


def quiet_city(critical: str = "through") -> City:
    text = HEAD.replace(
        "mail: a@b.example", f'mail: a@b.example, quiet: {{from: "22:00", to: "07:00", critical: {critical}}}'
    )
    rule = "  all: {to: [ann], escalate: [{after_min: 10, to: [ben]}]}\n"
    return City(book_of(text + rule), at_ms=MORNING_MS - 3 * 3_600_000)


def test_what_is_not_critical_waits_for_the_morning_and_does_not_wake_the_next() -> None:
    city = quiet_city()
    city.happens(NewsKind.FAULT, "E1", severity=Severity.WARNING)
    city.happens(NewsKind.FAULT, "E2", severity=Severity.WARNING)
    assert city.passes(179) == []
    city.happens(NewsKind.FAULT_OVER, "E2", severity=Severity.INFO)
    (morning,) = city.passes(2)
    assert (morning.person, morning.fresh) == ("ann", ("E1",))


def test_what_is_critical_breaks_through() -> None:
    city = quiet_city()
    city.happens(NewsKind.ISLANDED, "E1")
    assert said(city.passes(2)) == [("ann", "first")]


def test_who_holds_even_what_is_critical_is_passed_over_for_the_next() -> None:
    city = quiet_city("hold")
    city.happens(NewsKind.ISLANDED, "E1")
    assert said(city.passes(12)) == [("ben", "escalated")]
    city.acks()
    assert city.passes(160) == []
    assert said(city.passes(20)) == [("ann", "first")]


def test_a_drill_is_told_to_who_wants_it_and_escalated_among_them() -> None:
    city = City(book_of(HEAD + "  all: {to: [ann, ben], escalate: [{after_min: 5, to: [cho, ann]}]}\n"))
    step: dict[str, Any] = {"incident": "i1", "is_drill": True, "values": {"mode": "backup"}}
    city.happens(NewsKind.INCIDENT_DECLARED, "", severity=Severity.INFO, **step)
    assert said(city.passes(7)) == [("ann", "first"), ("ann", "escalated")]
    nobody = City(book_of(HEAD + "  all: {to: [ben]}\n"))
    nobody.happens(NewsKind.INCIDENT_DECLARED, "", severity=Severity.INFO, **step)
    assert nobody.cases == {}


def test_steps_of_an_incident_are_one_case_to_its_end() -> None:
    city = City(book_of(SIMPLE))
    more: dict[str, Any] = {"incident": "i1", "values": {"mode": "backup", "wards": ["緑区"]}}
    city.happens(NewsKind.INCIDENT_DECLARED, "", severity=Severity.WARNING, **more)
    city.passes(2)
    city.happens(NewsKind.INCIDENT_CONFIRMED, "", **more)
    city.passes(2)
    city.happens(NewsKind.NOT_OBEYED, "E1", incident="i1", values={"mode": "backup", "cause": "x"})
    city.passes(1)
    city.happens(NewsKind.MODE_PROVEN, "E1", severity=Severity.INFO, values={"mode": "normal"})
    assert [len(case.open_items) for case in city.cases.values()] == [2, 1]
    city.happens(NewsKind.INCIDENT_CLOSED, "", severity=Severity.INFO, **more)
    assert [len(case.open_items) for case in city.cases.values()] == [0, 0]
    sent = city.passes(JOIN_MS / MINUTE_MS + 5)
    assert said(sent) == [("ann", "more"), ("ann", "end")]
    assert sent[0].fresh == ("incident_closed",)
    assert city.cases == {}


def test_a_proposal_that_changed_is_told_again() -> None:
    city = City(book_of(SIMPLE))
    city.happens(NewsKind.PROPOSED, "", group="proposal-1")
    city.passes(2)
    city.happens(NewsKind.PROPOSED, "", group="proposal-1", values={"rule": "quake"})
    assert said(city.passes(2)) == [("ann", "more")]


def test_the_hourly_limit_holds_back_and_nothing_is_left_out() -> None:
    text = SIMPLE.replace("drills: true", "drills: true, limit_per_hour: 2")
    city = City(book_of(text))
    for n in range(8):
        city.happens(NewsKind.SHELTER_OPENED, f"E{n}", severity=Severity.WARNING)
        city.passes(4)
    assert len(city.sent) == 2
    city.passes(60)
    assert {key for _, one in city.sent for key in one.fresh} == {f"shelter_opened:E{n}" for n in range(8)}


def test_people_and_rules_that_are_gone_are_told_nothing_and_hold_nothing_open() -> None:
    city = City(book_of(CHAIN))
    city.happens(NewsKind.SHELTER_OPENED, "E1", severity=Severity.WARNING)
    city.book = RuleBook()
    assert city.passes(40) == []
    assert city.cases == {}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["lost", "back", "low", "ok", "ack", "wait"]),
        st.sampled_from(SITES[:6]),
        st.sampled_from([0.0, 0.5, 3.0, 40.0, 400.0]),
    ),
    max_size=30,
)
MIXED = """
people:
  ann: {name: Ann, mail: a@b.example, quiet: {from: "20:00", to: "06:00", critical: hold}, limit_per_hour: 1}
  ben: {name: Ben, mail: b@b.example, quiet: {from: "12:00", to: "13:00"}, limit_per_hour: 3}
rules:
  one: {to: [ann], wards: [緑区], window_s: 30, escalate: [{after_min: 5, to: [ben]}]}
  two: {to: [ben], kinds: [hours_low], severity: critical, repeat_min: 60}
"""


@given(STEPS)
def test_whatever_happens_everything_critical_is_told_to_somebody(steps: list[tuple[str, str, float]]) -> None:
    city = City(book_of(MIXED))
    happened: Counter[str] = Counter()
    kinds = {"lost": NewsKind.ISLANDED, "back": NewsKind.GRID_BACK, "low": NewsKind.HOURS_LOW, "ok": NewsKind.HOURS_OK}
    holds: set[tuple[str, str]] = set()
    for n, (what, site, minutes) in enumerate(steps, 1):
        if what == "ack":
            city.acks(n=n)
        elif what != "wait":
            opens = what in {"lost", "low"}
            kind = "grid" if what in {"lost", "back"} else "hours"
            if opens == ((kind, site) not in holds):
                holds ^= {(kind, site)}
                city.happens(kinds[what], site, severity=Severity.CRITICAL if opens else Severity.INFO)
                happened[f"{kind}:{site}"] += opens
        city.passes(minutes, every=max(minutes / 40, 0.5))
    city.passes(26 * 60, every=10)
    told = {f"{one.case.split('-')[0]}:{key}" for _, one in city.sent for key in one.fresh}
    assert told == {key for key, n in happened.items() if n}
    per_hour = Counter((one.person, at_ms // (60 * MINUTE_MS)) for at_ms, one in city.sent)
    assert max(per_hour.values(), default=0) <= 12
