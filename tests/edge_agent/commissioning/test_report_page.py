"""The report's page: complete in both languages, nothing unescaped, every word there."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec
import pytest

from contract.commissioning import (
    CheckVerdict,
    ControlVerdict,
    Report,
    ReportedCheck,
    ReportedControl,
    ReportedDevice,
    ReportedPhoto,
    ReportedValue,
    SiteStage,
    judge,
)
from contract.signing import Signer, fingerprint
from edge_agent.commissioning.report_page import page_of
from edge_agent.commissioning.words_report import REPORT_WORDS

PUBLIC = Signer.new().public
REPORT = Report(
    site="E0000000001111",
    name="模擬小学校",
    started_ms=1_795_000_000_000,
    at_ms=1_795_000_300_000,
    clock_is_set=True,
    technician="試験 太郎",
    software="0.1.0",
    devices=[
        ReportedDevice(
            id="inverter",
            profile="goodwe-et",
            confidence="recorded",
            address="192.0.2.10:502",
            unit=247,
            online=True,
            identity={"model": "GW20K-ET"},
            values=[
                ReportedValue(point="battery.power_w", value=-1234.0, unit="W"),
                ReportedValue(point="battery.soc_pct", value=55.0, unit="%"),
                ReportedValue(point="grid.power_w", quality="timeout", unit="W"),
            ],
        )
    ],
    checks=[
        ReportedCheck(kind="balance", verdict=CheckVerdict.PASSED, ja="収支は合っています", en="the balance is right"),
        ReportedCheck(kind="swapped_ct", verdict=CheckVerdict.FAILED, ja="CT が逆", en="CT turned", try_ja="向き"),
    ],
    controls=[
        ReportedControl(
            device="inverter",
            control="reserve",
            verdict=ControlVerdict.PASSED,
            before=30,
            written=40,
            read_back=40,
            restored=30,
            unit="%",
        )
    ],
    is_synthetic=True,
)


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.found.append(data.strip())


def texts_of(report: Report, lang: str) -> Texts:
    parser = Texts()
    parser.feed(page_of(report, PUBLIC, lang))
    return parser


def test_both_languages_have_the_same_words() -> None:
    def shape(words: object) -> object:
        return {key: shape(value) for key, value in words.items()} if isinstance(words, dict) else ""

    assert shape(REPORT_WORDS["ja"]) == shape(REPORT_WORDS["en"])


@pytest.mark.parametrize(
    ("lang", "wanted"),
    [
        (
            "ja",
            ["試運転報告書", "未完了:設置済み・未確認", "CT が逆", "充電", "30 %", "40 %", "2026-11-18 20:11:40 JST"],
        ),
        ("en", ["Commissioning report", "Not finished: installed, not verified", "CT turned", "charge", "30 %"]),
    ],
)
def test_everything_is_said(lang: str, wanted: list[str]) -> None:
    told = texts_of(REPORT, lang).found
    assert set(wanted) <= set(told)
    joined = " ".join(told)
    assert "試験 太郎" in joined
    assert fingerprint(PUBLIC) in joined
    assert "-1,234 W" in joined


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_reason_that_a_judgement_can_give_has_words(lang: str) -> None:
    bad = msgspec.structs.replace(REPORT.controls[0], verdict=ControlVerdict.NOT_RESTORED)
    failed = msgspec.structs.replace(bad, verdict=ControlVerdict.FAILED)
    dark = msgspec.structs.replace(REPORT.devices[0], online=False)
    report = msgspec.structs.replace(
        REPORT, devices=[dark], controls=[bad, failed], backup=failed, checked_ms=REPORT.at_ms - 2 * 86_400_000
    )
    missing = {*judge(report).missing, *judge(msgspec.structs.replace(REPORT, devices=[])).missing}
    assert {each.partition(":")[0] for each in missing} == REPORT_WORDS[lang]["missing"].keys()
    told = texts_of(report, lang).found
    assert not [text for text in told if "{of}" in text or "{ of" in text]


def test_a_verified_site_is_said_to_be_so_and_only_then() -> None:
    good = msgspec.structs.replace(REPORT, checks=REPORT.checks[:1], sign_proven=True)
    assert judge(good).stage is SiteStage.VERIFIED
    assert "Passed: verified" in texts_of(good, "en").found
    assert "Passed: verified" not in texts_of(REPORT, "en").found


def test_hostile_texts_stay_texts() -> None:
    evil = "<script>alert(1)</script>{{ 7*7 }}"
    device = msgspec.structs.replace(REPORT.devices[0], identity={evil: evil}, cause=evil)
    photo = ReportedPhoto(name='x" onerror="alert(1)', sha256="0" * 64, bytes=1, caption=evil)
    report = msgspec.structs.replace(
        REPORT, technician=evil, name=evil, remarks=evil, devices=[device], photos=[photo], company=evil
    )
    seen = texts_of(report, "ja")
    assert "script" not in seen.tags
    assert evil in " ".join(seen.found)
    assert 'onerror="alert(1)"' not in page_of(report, PUBLIC, "ja")


def test_a_simulated_cabinet_is_called_so() -> None:
    assert REPORT_WORDS["en"]["synthetic"] in texts_of(REPORT, "en").found
    assert (
        REPORT_WORDS["en"]["synthetic"] not in texts_of(msgspec.structs.replace(REPORT, is_synthetic=False), "en").found
    )
