"""What the pages say of proof and reports, before any HTML."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.stages import SiteProof
from central.web import cityview, proofview, reportview, siteview
from central.web.catalogue import CATALOGUES, Lang
from contract.commissioning import ReportedCheck, ReportedControl, ReportedValue, SiteStage
from tests.central.fake import NOW_MS, FakeQueries
from tests.central.web.reports import BAD, GOOD, NO_SUN, OTHER_SIGNER, RESERVE, SITE, TURNED, kept, tell

JA, EN = CATALOGUES[Lang.JA], CATALOGUES[Lang.EN]


def test_the_city_counts_shelters_by_stage() -> None:
    queries = FakeQueries.of_city(3)
    second = list(queries.shelters)[1]
    tell(queries, kept(GOOD))
    tell(queries, kept(msgspec.structs.replace(BAD, site=second)))
    said = cityview.city_texts(queries.now(), None, EN, "r")
    assert [said["city", f"n_{stage.value}"] for stage in proofview.STAGES] == ["1", "1", "1"]
    assert set(proofview.STAGES) == set(SiteStage)


def test_what_is_proven_of_a_shelter_needs_no_attention() -> None:
    queries = FakeQueries.of_city(5)
    before = cityview.city_texts(queries.now(), None, JA, "r")
    tell(queries, kept(BAD))
    after = cityview.city_texts(queries.now(), None, JA, "r")
    assert before["city", "headline"] == after["city", "headline"] == "5か所すべて平常です"
    assert before["city", "level"] == "calm"


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("device_dark:meter", "Device “meter” did not answer"),
        ("check_failed:swapped_ct", "A check failed: the meter's CTs are turned round"),
        ("check_failed:of_tomorrow", "A check failed: of_tomorrow"),
        ("backup_failed", "The outage (backup) test failed"),
        ("word_of_tomorrow:x", "word_of_tomorrow:x"),
        ("check_failed:{0.__class__}", "A check failed: {0.__class__}"),
        ("device_dark:a\u202eb", "Device “a\ufffdb” did not answer"),
    ],
)
def test_what_is_missing_is_said_in_words(missing: str, said: str) -> None:
    assert proofview.missing_words([missing], EN) == [said]


def test_a_setting_that_a_test_left_behind_is_said_first() -> None:
    missing = ("sign_not_proven", "not_restored:inverter", "no_control_tested")
    first, *rest = proofview.missing_words(missing, JA)
    assert "すぐに技術者へ連絡" in first
    assert len(rest) == 2


def test_a_shelter_without_a_report_is_not_ready_and_says_how_to_get_one() -> None:
    shown = proofview.proof_shown(FakeQueries.of_city(1).shelters[SITE], JA)
    assert (shown.stage_words, shown.is_switchable, shown.made_by, shown.key) == ("試運転前", False, "", "")


def test_another_key_is_told_with_the_command_that_accepts_it() -> None:
    queries = FakeQueries.of_city(1)
    newer = kept(msgspec.structs.replace(GOOD, at_ms=NOW_MS - 1_000), OTHER_SIGNER)
    tell(queries, kept(GOOD), newer)
    shown = proofview.proof_shown(queries.shelters[SITE], EN)
    key = proofview.key_shown(newer.public_key)
    assert shown.is_switchable, "the report of the key that holds still counts"
    assert shown.other_sha256 == newer.sha256
    assert shown.other_command == f'shelter-central sites accept-key {SITE} {key} --by "NAME" --why "REASON"'
    assert shown.key != key


def test_an_open_page_is_made_anew_when_something_else_is_proven() -> None:
    queries = FakeQueries.of_city(1)
    before = siteview.shape(queries.shelters[SITE])
    tell(queries, kept(GOOD))
    assert siteview.shape(queries.shelters[SITE]) != before


def test_a_report_is_judged_by_what_is_in_it() -> None:
    """What the city kept as its judgement is not asked: a rule may have changed since."""
    shown = reportview.shown(BAD, kept(GOOD), EN)
    assert shown.stage == "installed"
    assert [row.verdict for row in shown.checks] == ["failed", "passed", "not_judged"]
    assert shown.checks[0].attempt == "Check the direction of the CTs (K to L)"
    assert shown.controls[0].numbers == ["20 %", "35 %", "35 %", "–"]
    assert shown.controls[1].title == "relay: load tier 3"
    assert not shown.has_backup
    assert any("not confirmed" in text for _, text in shown.facts)


def test_the_outage_test_is_not_taken_for_the_devices_own_backup_mode() -> None:
    backup = ReportedControl(device="inverter", control="backup", verdict=RESERVE.verdict)
    shown = reportview.shown(msgspec.structs.replace(GOOD, controls=[backup]), kept(GOOD), EN)
    assert [row.title for row in shown.controls] == [
        "inverter: outage (backup) test",
        "inverter: the device's backup mode",
    ]


@pytest.mark.parametrize(
    ("check", "title", "text"),
    [
        (TURNED, "meter", "電力量計のCTが逆向きです"),
        (msgspec.structs.replace(TURNED, ja=""), "meter", "The meter's CTs are turned round"),
        (ReportedCheck(kind="swapped_ct", verdict=TURNED.verdict), "", "電力量計のCTが逆向き"),
        (msgspec.structs.replace(NO_SUN, ja="inverter:日射なし"), "", "inverter:日射なし"),
    ],
)
def test_a_check_names_its_device_once_and_has_words(check: ReportedCheck, title: str, text: str) -> None:
    (row,) = reportview.shown(msgspec.structs.replace(GOOD, checks=[check]), kept(GOOD), JA).checks
    assert row.text == text
    assert row.title == ("" if title in text else title)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (ReportedValue(point="grid.power_w", value=1_780.0, unit="W"), "1,780 W"),
        (ReportedValue(point="grid.power_w", value=1.78, unit="kW"), "1.78 kW"),
        (ReportedValue(point="grid.power_w", value=1e300, unit="W"), "1e+300 W"),
        (ReportedValue(point="inverter.state", value=7.0), "Islanded"),
        (ReportedValue(point="inverter.clock_s", value=1_795_489_805.0, unit="s"), "24 Nov 2026 12:10:05"),
        (ReportedValue(point="inverter.clock_s", value=-1e11, unit="s"), "-100,000,000,000 s"),
        (ReportedValue(point="pump.speed", value=-0.0001, unit="rpm"), "0 rpm"),
        (ReportedValue(point="grid.power_w", unit="W", quality="timeout"), "–"),
    ],
)
def test_a_value_is_shown_as_it_was_reported(value: ReportedValue, said: str) -> None:
    device = msgspec.structs.replace(GOOD.devices[0], values=[value])
    shown = reportview.shown(msgspec.structs.replace(GOOD, devices=[device]), kept(GOOD), EN)
    assert shown.devices[0].values[0].value == said


@given(st.text(max_size=40))
def test_a_foreign_text_keeps_what_can_be_seen_and_nothing_that_turns_the_line(text: str) -> None:
    shown = proofview.plain(text)
    assert len(shown) == len(text)
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs"} and c not in "\n\t"]
    assert proofview.plain(shown) == shown


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_of_a_report_is_short(value: float) -> None:
    assert len(reportview.number(value)) <= 24


def test_an_unproven_shelter_shows_nothing_as_proven() -> None:
    assert proofview.counted([]) == dict.fromkeys(SiteStage, 0)
    assert not SiteProof().is_switchable
