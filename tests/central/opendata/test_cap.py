"""Alerts in CAP 1.2: by the standard's rules, chained over an incident's life, and free of what is not public."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from central.core.city import Site
from central.core.incidents import Incident, Phase, Step, Wish
from central.core.opendata.cap import SHOWN_AFTER_MS, Message, Publisher, current, messages_of
from central.core.opendata.cap_xml import alert_xml, feed_xml
from central.core.scope import Scope, ScopeKind
from contract.steering import Mode
from tests.central.opendata.cap_rules import NAMESPACE, faults_of

AT_MS = 1_795_489_805_000
STEP_MS = 3_600_000
WHO = Publisher(
    city_ja="千葉市", city_en="Chiba City", sender="bosai@city.example", geocodes={"美浜区": "12106", "緑区": "12105"}
)
REAL = {
    "E1210099901111": Site(
        id="E1210099901111", name="見本小", ward="美浜区", ward_en="Mihama", latitude=35, longitude=140
    ),
    "E1210099902111": Site(
        id="E1210099902111", name="見本中", ward="緑区", ward_en="Midori", latitude=35, longitude=140
    ),
}
CITY = Scope(ScopeKind.CITY)


def step(n: int) -> Step:
    return Step(by="田中", why="秘密の理由 12.5 kW", at_ms=AT_MS + n * STEP_MS)


def incident(phase: Phase, *, mode: Mode = Mode.BACKUP, drill: bool = False, live: bool = False) -> Incident:
    order = list(Phase)
    reached = order.index(phase)
    return Incident(
        id="D20261124-1" if drill else "I20261124-1",
        phase=phase,
        wish=Wish(mode=mode, is_drill=drill, is_live=live),
        scope=CITY,
        sites=frozenset(REAL),
        declared=step(0),
        confirmed=step(1) if reached >= 1 else None,
        stood_down=step(2) if reached >= 2 else None,
        closed=step(3) if reached >= 3 else None,
    )


def xml(message: Message) -> bytes:
    return alert_xml(message, sender_ja=WHO.city_ja, sender_en=WHO.city_en)


def texts(data: bytes, name: str) -> list[str]:
    return [element.text or "" for element in etree.fromstring(data).iter(f"{{{NAMESPACE}}}{name}")]


@pytest.mark.parametrize("mode", [Mode.STORM_WATCH, Mode.BACKUP, Mode.ISOLATED])
@pytest.mark.parametrize("drill", [False, True])
def test_every_message_of_a_life_keeps_the_rules(mode: Mode, drill: bool) -> None:
    chain = messages_of(incident(Phase.CLOSED, mode=mode, drill=drill), REAL, WHO)
    assert [faults_of(xml(one)) for one in chain] == [[], [], []]
    assert [texts(xml(one), "msgType") for one in chain] == [["Alert"], ["Update"], ["Cancel"]]
    assert {texts(xml(one), "status")[0] for one in chain} == {"Exercise" if drill else "Actual"}
    assert [texts(xml(one), "language") for one in chain] == [["ja", "en"]] * 3


def test_each_message_names_all_before_it() -> None:
    first, second, third = messages_of(incident(Phase.CLOSED), REAL, WHO)
    assert first.references == ()
    assert second.references == ("bosai@city.example,I20261124-1.1,2026-11-24T13:10:05+09:00",)
    assert third.references == (*second.references, "bosai@city.example,I20261124-1.2,2026-11-24T14:10:05+09:00")
    assert texts(xml(third), "references") == [" ".join(third.references)]


def test_what_was_only_declared_is_told_to_nobody() -> None:
    assert messages_of(incident(Phase.DECLARED), REAL, WHO) == ()
    withdrawn = replace(incident(Phase.DECLARED), phase=Phase.CLOSED, closed=step(1))
    assert current([withdrawn], REAL, WHO, now_ms=AT_MS) == []


def test_earlier_messages_stay_as_they_were() -> None:
    (first,) = messages_of(incident(Phase.ACTIVE), REAL, WHO)
    assert messages_of(incident(Phase.CLOSED), REAL, WHO)[0] == first


def test_a_live_drill_is_an_exercise_and_says_so() -> None:
    (message,) = messages_of(incident(Phase.ACTIVE, drill=True, live=True), REAL, WHO)
    assert message.status == "Exercise"
    assert all(
        info.headline.startswith(mark) for info, mark in zip(message.infos, ("【訓練】", "EXERCISE: "), strict=True)
    )


def test_synthetic_shelters_never_make_an_actual_alert() -> None:
    synthetic = {name: replace(site, synthetic=True) for name, site in REAL.items()}
    (message,) = messages_of(incident(Phase.ACTIVE), synthetic, WHO)
    assert message.status == "Test"
    assert "合成データ" in message.note


def test_wards_are_named_with_their_codes() -> None:
    (message,) = messages_of(incident(Phase.ACTIVE), REAL, WHO)
    data = xml(message)
    assert texts(data, "areaDesc") == ["千葉市緑区", "千葉市美浜区", "Midori, Chiba City", "Mihama, Chiba City"]
    assert texts(data, "valueName") == ["JIS-X0402"] * 4
    assert texts(data, "value") == ["12105", "12106"] * 2


def test_no_person_reason_shelter_or_figure_is_told() -> None:
    for message in messages_of(incident(Phase.CLOSED), REAL, WHO):
        told = xml(message).decode()
        for word in ("田中", "秘密", "kW", "見本", "E12100"):
            assert word not in told


def test_nothing_claims_that_a_shelter_is_in_backup() -> None:
    (message,) = messages_of(incident(Phase.ACTIVE), REAL, WHO)
    assert "is switching" in message.infos[1].description
    assert "切り替えています" in message.infos[0].description


def test_the_feed_shows_the_newest_of_each_and_forgets_what_is_long_over() -> None:
    closed = incident(Phase.CLOSED)
    other = replace(incident(Phase.ACTIVE), id="I20261124-2", confirmed=step(9))
    assert closed.end_ms is not None
    told = current([closed, other], REAL, WHO, now_ms=closed.end_ms + SHOWN_AFTER_MS - 1)
    assert [one.identifier for one in told] == ["I20261124-2.1", "I20261124-1.3"]
    assert [one.incident for one in current([closed, other], REAL, WHO, now_ms=closed.end_ms + SHOWN_AFTER_MS)] == [
        "I20261124-2"
    ]


hostile = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(ward=hostile.filter(str.strip), city=hostile.filter(str.strip))
def test_no_name_becomes_markup(ward: str, city: str) -> None:
    sites = {name: replace(site, ward=f"<x>{ward}") for name, site in REAL.items()}
    who = replace(WHO, city_ja=f"]]>{city}", city_en=f"&{city}")
    for message in messages_of(incident(Phase.CLOSED), sites, who):
        data = alert_xml(message, sender_ja=who.city_ja, sender_en=who.city_en)
        assert faults_of(data) == []
        assert b"<x>" not in data
    feed = feed_xml(
        current([incident(Phase.ACTIVE)], sites, who, now_ms=AT_MS),
        base='http://x"><y',
        city_ja=city,
        sender="s",
        updated_ms=AT_MS,
    )
    root = etree.fromstring(feed)
    assert len(root.findall("{http://www.w3.org/2005/Atom}entry")) == 1


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        (b"<scope>Public</scope>", b"", "0 of scope"),
        (b"+09:00</sent>", b"Z</sent>", "sent holds"),
        (b"<category>Infra</category>", b"<category>Power</category>", "category holds"),
        (b"<msgType>Alert</msgType>", b"<msgType>Update</msgType>", "references are missing"),
        (b"<urgency>Immediate</urgency>", b"<urgency>Immediate</urgency><event>x</event>", "event stands too late"),
        (b"<areaDesc>", b"<place>x</place><areaDesc>", "is not allowed"),
    ],
)
def test_the_rules_find_what_breaks_them(old: bytes, new: bytes, part: str) -> None:
    (message,) = messages_of(incident(Phase.ACTIVE), REAL, WHO)
    broken = xml(message).replace(old, new)
    assert broken != xml(message)
    assert part in "\n".join(faults_of(broken))
