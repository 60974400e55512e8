"""The page of rules: in words, with what they ask for now, what they led to, and how the sources are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from central.core.alerts.held import Verdict
from central.core.alerts.rules import Then, said, said_ja
from central.core.alerts.telegram import Origin
from central.core.scope import ScopeKind
from central.feeds.desk import AlertDesk, Settled, Source
from central.feeds.service import load_rules
from central.feeds.xml import Why
from central.web.board import rules as page
from central.web.catalogue import TEXTS
from tests.central.board.parts import Place, place
from tests.central.feeds.parts import MIHAMA, PLACES, quake, rules

CONFIG = """
rules:
  strong-quake:
    when: {intensity: "6-"}
    then: act
    approved_by: [一郎, 花子]
    mode: backup
  quake:
    when: {intensity: "5+"}
    then: propose
    mode: storm_watch
    wards: [美浜区]
    target_pct: 90
"""


def desk_of(here: Place) -> AlertDesk:
    city = here.city
    settled = Settled(rules=rules(CONFIG), places=PLACES)
    desk = AlertDesk(settled, city.records.telegrams, city.control, sites=city.live.sites, now=city.clock)
    here.app.include_router(page.router(desk, city.control, here.app.state.pages.renderer))
    return desk


async def test_rules_are_told_in_words_with_what_they_led_to(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("viewer") as client:
        desk = desk_of(here)
        calm = (await client.get("/rules?lang=en")).text
        assert calm.count("its condition does not hold") == 2
        assert "Nothing came yet" in calm
        await desk.take(quake({MIHAMA: "5+"}), source="test", origin=Origin.FOLDER)
        (made,) = here.city.control.incidents
        english, japanese = [(await client.get(f"/rules?lang={lang}")).text for lang in ("en", "ja")]
        for text in (
            "seismic intensity 5 upper or more",
            "Proposes Storm watch: staff confirm it or not",
            "Starts Backup by itself",
            "一郎, 花子",
            "charge to 90 %",
            f"/board/{made}",
            "Waiting to be confirmed",
        ):
            assert text in english
        assert english.count("its condition does not hold") == 1
        for text in (
            "震度5強以上",
            "「荒天準備」を提案します",
            "「非常用」を自動で実行します",
            "新しい通報",
            "一郎、花子",
        ):
            assert text in japanese


async def test_a_source_that_is_not_well_says_why_and_what_is_hostile_stays_text(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("viewer") as client:
        desk = desk_of(here)
        desk.sources = lambda: [
            Source("https://feed.example/eqvol.xml", "ConnectTimeout: <script>alert(1)</script>"),
            Source("https://feed.example/extra.xml", whole_ms=here.city.clock()),
            Source("https://feed.example/new.xml"),
            Source("folder"),
        ]
        desk.counts["hostile"] += 2
        shown = (await client.get("/rules?lang=en")).text
        assert "<script>alert" not in shown
        assert [shown.count(word) for word in ("Not working", "Working", "Not read yet")] == [1, 2, 1]
        assert "ConnectTimeout" in shown
        assert "last read" in shown
        assert "hostile (refused)" in shown


async def test_without_rules_it_says_so_and_how_to_begin(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("viewer") as client, here.client() as nobody:
        here.app.include_router(page.router(None, here.city.control, here.app.state.pages.renderer))
        assert "There is no file of rules" in (await client.get("/rules?lang=en")).text
        assert (await nobody.get("/rules")).status_code in {303, 401}


@pytest.mark.parametrize("rule", load_rules(None, PLACES), ids=lambda rule: rule.name)
def test_every_condition_of_the_example_has_words_in_both_languages(rule: object) -> None:
    when = rule.when  # type: ignore[attr-defined]
    assert re.search("[ぁ-んァ-ヶ一-龠]", said_ja(when))
    assert not re.search("[ぁ-んァ-ヶ一-龠]", said(when))


def test_every_word_of_the_page_is_there() -> None:
    words = [*Verdict, *Why, "not_genuine"]
    assert [word for word in words if f"rules_count.{word}" not in TEXTS] == []
    assert {f"rules_then.{then}" for then in Then} <= TEXTS.keys()
    scopes = {ScopeKind.WARD, ScopeKind.CITY, ScopeKind.GROUP}
    assert {f"rules_scope.{scope}" for scope in scopes} <= TEXTS.keys()
