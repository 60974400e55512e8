"""The file of people and rules: what it means, and that every fault is named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

import central.notify
from central.core.news import NewsKind, Severity
from central.core.notify.people import Channel, Language, Quiet
from central.core.notify.reading import NotifyRulesError, read_book

EXAMPLE = Path(central.notify.__file__).parent / "library" / "rules.yaml"
PEOPLE = "people:\n  ann: {name: Ann, mail: ann@b.example}\n"
RULES = "rules:\n  all: {to: [ann]}\n"


def test_the_example_is_a_file_without_fault() -> None:
    book = read_book(EXAMPLE.read_bytes(), wards=["緑区"], ready=set(Channel))
    duty, chief, facility = book.people.values()
    assert (duty.channels, duty.fallback, duty.wants_drills) == ((Channel.LINE,), (Channel.MAIL,), True)
    assert chief.quiet == Quiet(from_min=1_320, to_min=420)
    assert (facility.language, facility.limit_per_hour) == (Language.EN, 6)
    assert facility.quiet is not None
    assert facility.quiet.holds_critical
    outage = book.rules["outage"]
    assert outage.filter.kinds == {NewsKind.ISLANDED, NewsKind.HOURS_LOW, NewsKind.NOT_OBEYED}
    assert outage.filter.severity is Severity.CRITICAL
    assert [(step.after_ms, step.to, step.over) for step in outage.steps] == [
        (0, ("duty-officer",), ()),
        (600_000, ("section-chief",), ()),
        (1_200_000, ("duty-officer", "section-chief"), (Channel.MAIL,)),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "people is missing"),
        (PEOPLE, "rules is missing"),
        ("people: [a]\nrules: {}", "people: want names and values"),
        (PEOPLE + RULES + "extra: 1", "unknown name 'extra'"),
        (PEOPLE.replace("mail: ann@b.example", "mail: nobody") + RULES, "people.ann: mail: want one address"),
        (PEOPLE.replace("mail: ann@b.example", "line: U12") + RULES, "people.ann: line: want a LINE user"),
        (PEOPLE.replace(", mail: ann@b.example", "") + RULES, "people.ann: no way there"),
        (PEOPLE.replace("ann:", "Ann Lee:") + RULES, "people: 'Ann Lee': an id is"),
        (PEOPLE.replace("}", ", channels: [line]}") + RULES, "people.ann: channels: there is no line address"),
        (PEOPLE.replace("}", ", channels: [post]}") + RULES, "no channel 'post'"),
        (PEOPLE.replace("}", ", quiet: {from: 22, to: '07:00'}}") + RULES, "people.ann.quiet: from: want a time"),
        (PEOPLE.replace("}", ", drills: maybe}") + RULES, "people.ann: drills: want true or false"),
        (PEOPLE.replace("}", ", launguage: en}") + RULES, "unknown name 'launguage', perhaps 'language'"),
        (PEOPLE.replace("mail:", "mail: a@b.example, line:") + RULES, "people.ann: line: want"),
        (PEOPLE + "rules:\n  all: {to: [anne]}", "rules.all: to: no person 'anne', perhaps 'ann'"),
        (PEOPLE + "rules:\n  all: {kinds: [islanded]}", "rules.all: to is missing"),
        (PEOPLE + "rules:\n  all: {to: [ann], kinds: [grid_back]}", "is told by itself at the end of 'islanded'"),
        (PEOPLE + "rules:\n  all: {to: [ann], kinds: [iland]}", "perhaps 'islanded'"),
        (PEOPLE + "rules:\n  all: {to: [ann], wards: [緑]}", "no ward '緑'"),
        (PEOPLE + "rules:\n  all: {to: [ann], window_s: -1}", "window_s: want a number"),
        (PEOPLE + "rules:\n  all: {to: [ann], escalate: [{to: [ann]}]}", "rules.all.escalate[1]: after_min"),
        (PEOPLE + "rules:\n  all: {to: [ann], escalate: 5}", "rules.all: escalate: want a list"),
        (
            PEOPLE + "rules:\n  all: {to: [ann], escalate: [{after_min: 5, to: [ann]}, {after_min: 5, to: [ann]}]}",
            "rules.all.escalate[2]: after_min",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, fault: str) -> None:
    with pytest.raises(NotifyRulesError) as raised:
        read_book(text.encode(), wards=["緑区", "中央区"])
    assert fault in str(raised.value)


def test_a_channel_or_service_that_is_not_set_up_is_a_fault() -> None:
    with pytest.raises(NotifyRulesError, match=r"people\.ann: mail: notify\.mail is not set up"):
        read_book((PEOPLE + RULES).encode(), ready={Channel.LINE})
    text = PEOPLE.replace("mail: ann@b.example", "apprise: slak") + RULES
    with pytest.raises(NotifyRulesError, match="perhaps 'slack'"):
        read_book(text.encode(), services={"slack"})


def test_all_faults_are_told_at_once() -> None:
    text = "people:\n  ann: {name: Ann, mail: x}\n  bob: {mail: y}\nrules:\n  all: {to: [carl]}"
    with pytest.raises(NotifyRulesError) as raised:
        read_book(text.encode())
    assert len(str(raised.value).splitlines()) == 4
