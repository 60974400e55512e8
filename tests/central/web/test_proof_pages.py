"""Pages of proof over HTTP: the city's line, a shelter's section, and reports, a hostile one among them."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from urllib.parse import quote

import msgspec
import pytest

from central.web.catalogue import Lang
from contract.commissioning import REPORT_BYTES_MAX, ReportedPhoto, ReportedValue, to_document
from tests.central.api.conftest import Service
from tests.central.fake import NOW_MS, SITES, FakeQueries
from tests.central.web.reading import check_sound, page
from tests.central.web.reports import (
    BAD,
    GOOD,
    INVERTER,
    NO_SUN,
    OTHER_SIGNER,
    RESERVE,
    SITE,
    TURNED,
    kept,
    tell,
)

BAD_SITE = "E0000000007111"
BAD_THERE = msgspec.structs.replace(BAD, site=BAD_SITE, name="中央第7小学校")
EVIL = "<script>alert(1)</script><evil>\"'&amp;{{7*7}}{0.__class__}%n%s\x00\x07\x1b[2J\u202egnp.exe\u2066\u200f"
"""Marks, quotes, templates, format strings, control characters, and marks that turn the direction of a line."""
PAGE_BYTES_MAX = 3_000_000


@pytest.mark.parametrize("lang", Lang)
@pytest.mark.parametrize("path", ["/?stage=installed", f"/sites/{SITE}", f"/sites/{SITE}/report", "/reports/{other}"])
async def test_pages_with_proof_in_them_are_sound(service: Service, path: str, lang: Lang) -> None:
    other = kept(msgspec.structs.replace(GOOD, at_ms=NOW_MS - 1_000), OTHER_SIGNER)
    tell(service.queries, kept(GOOD), other)
    address = path.format(other=other.sha256)
    found = await page(service, f"{address}{'&' if '?' in address else '?'}lang={lang.value}")
    check_sound(found, lang.value)
    links = [given["href"] for given in found.all("a") if given["href"].startswith("/") and "/api" not in given["href"]]
    assert all("lang=" in link for link in links)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?stage=verified", 1),
        ("?stage=installed", 1),
        ("?stage=planned", SITES - 2),
        ("?stage=installed&state=islanded", 1),
        ("?stage=verified&state=islanded", 0),
        (f"?stage=planned&ward={quote('中央区')}", 31),
    ],
)
async def test_the_list_is_filtered_by_stage_together_with_ward_and_state(
    service: Service, query: str, count: int
) -> None:
    tell(service.queries, kept(GOOD))
    tell(service.queries, kept(BAD_THERE))
    found = await page(service, f"/{query}")
    assert len(found.rows) == count
    switch = [given["href"] for given in found.all("a") if given.get("hreflang")]
    assert "stage=" in switch[0], "the language switch keeps the filter"


async def test_a_stage_that_does_not_exist_is_refused_in_words(service: Service) -> None:
    found = await page(service, "/?stage=proven&lang=en", 400)
    assert "“proven”" in found.text


async def test_the_line_of_stages_leads_to_the_filtered_list(service: Service) -> None:
    tell(service.queries, kept(GOOD))
    found = await page(service, "/?lang=en")
    links = [given["href"] for given in found.all("a") if given.get("href", "").startswith("/?stage=")]
    assert links == [f"/?stage={stage}&lang=en#list" for stage in ("verified", "installed", "planned")]
    assert found.live["city", "n_verified", "count"] == ["1"]
    assert found.live["city", "n_planned", "count"] == [str(SITES - 1)]


async def test_a_city_where_nothing_is_proven_looks_calm(service: Service) -> None:
    service.queries.shelters = FakeQueries.of_city(5).shelters
    found = await page(service, "/")
    assert "5か所すべて平常です" in found.text
    assert [given["data-level"] for given in found.all("section") if "data-level" in given] == ["calm"]


async def test_the_stages_reach_open_pages_by_the_stream(service: Service) -> None:
    live = service.app.state.live
    feed = live.current("city:ja")
    mark, release = feed.mark, feed.texts["city", "release"]
    tell(service.queries, kept(GOOD))
    service.queries.at_ms += 1_000
    feed = live.current("city:ja")
    changed = feed.since(mark)
    assert changed["city", "n_verified"] == "1"
    assert feed.texts["city", "release"] == release, "the city's page changes in place"


async def test_a_verified_shelter_says_by_whom_and_what_it_does_not_say(service: Service) -> None:
    tell(service.queries, kept(GOOD))
    text = (await service.client.get(f"/sites/{SITE}?lang=en")).text
    section = text.split('<section class="proof"')[1].split("</section>")[0]
    for said in (
        "<strong>verified</strong>",
        "<b>yes</b>",
        "24 Nov 2026 11:10, technician 試験 太郎",
        f'href="/sites/{SITE}/report?lang=en"',
        "nothing of changes made after that time",
    ):
        assert said in section
    assert "accept-key" not in section


async def test_a_shelter_that_is_not_verified_says_what_is_missing(service: Service) -> None:
    tell(service.queries, kept(BAD_THERE))
    text = (await service.client.get(f"/sites/{BAD_SITE}")).text
    for said in ("設置済み・未確認", "いいえ", "機器「meter」が応答しません", "電力量計のCTが逆向き", "すぐに技術者へ"):
        assert said in text


async def test_a_shelter_whose_history_can_not_be_read_still_tells_its_proof(service: Service) -> None:
    service.queries.broken = True
    tell(service.queries, kept(GOOD))
    assert 'class="proof"' in (await page(service, f"/sites/{SITE}")).text


async def test_a_report_is_shown_whole(service: Service) -> None:
    tell(service.queries, kept(BAD_THERE))
    found = await page(service, f"/sites/{BAD_SITE}/report")
    for said in (
        "判定: 設置済み・未確認",
        "模擬設備",
        "対処: CTの向き（K→L）を確認してください",
        "復元できず",
        "停電（自立運転）試験は行っていません",
        "機器が値なしと回答",
        "時刻は目安です",
        "実機の記録と一致",
        kept(BAD_THERE).sha256,
    ):
        assert said in found.text, said
    assert "根拠ではありません" not in found.text
    good = (await page(service, f"/sites/{BAD_SITE}/report?lang=en")).text
    assert "Check the direction of the CTs" in good


async def test_photos_come_by_name_and_digest_only(service: Service) -> None:
    tell(service.queries, kept(GOOD))
    found = await page(service, f"/sites/{SITE}/report")
    assert "photo-1.jpg" in found.text
    assert "5d" * 32 in found.text
    assert found.all("img") == []


async def test_a_report_that_does_not_count_says_so(service: Service) -> None:
    older = kept(BAD)
    tell(service.queries, kept(msgspec.structs.replace(GOOD, at_ms=NOW_MS - 1_000)), older)
    found = await page(service, f"/reports/{older.sha256}")
    assert "いまの判定の根拠ではありません" in found.text
    assert f"/sites/{SITE}/report?lang=ja" in [given.get("href") for given in found.all("a")]


async def test_a_report_of_a_shelter_that_is_not_registered_any_more_is_still_readable(service: Service) -> None:
    service.queries.kept_reports.append(kept(GOOD))
    del service.queries.shelters[SITE]
    found = await page(service, f"/reports/{kept(GOOD).sha256}")
    assert "中央第1小学校" in found.text
    assert f"/sites/{SITE}" not in found.text


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (f"/sites/{SITE}/report?lang=en", 404, "There is no report yet"),
        ("/sites/E0000000009991/report?lang=en", 404, "No shelter is registered"),
        (f"/reports/{'0' * 64}?lang=en", 404, "There is no report “000000000000…”"),
        ("/reports/%3Cscript%3E?lang=en", 404, "&lt;script&gt;"),
        ("/reports/a%00%E2%80%AEb?lang=en", 404, "“a\ufffd\ufffdb”"),
    ],
)
async def test_a_report_that_is_not_there_is_told_in_words(service: Service, path: str, status: int, said: str) -> None:
    found = await page(service, path, status)
    assert said in found.text
    assert found.faults == []


async def test_a_report_of_another_version_tells_the_command_that_shows_it(service: Service) -> None:
    record = kept(GOOD)
    newer = record.document.replace('"technician"', '"v": 2, "technician"')
    service.queries.kept_reports.append(replace(record, document=newer))
    found = await page(service, f"/reports/{record.sha256}?lang=en", 422)
    assert f"shelter-central reports show {record.sha256[:12]}" in found.text


async def test_a_hostile_report_stays_text(service: Service) -> None:
    short, device = EVIL[:200], "".join(c for c in EVIL if c.isprintable())[:64]
    long = (EVIL * 30)[:2_000]
    hostile = msgspec.structs.replace(
        GOOD,
        name=short,
        technician=EVIL[:100],
        company=short,
        software=short,
        remarks=long,
        devices=[
            msgspec.structs.replace(
                INVERTER,
                id=device,
                profile=short,
                confidence="<evil>",
                address=short,
                cause=short,
                online=False,
                identity={short: short},
                values=[ReportedValue(point=device, value=-1e308, unit="<evil>", quality="<evil>")],
            )
        ],
        checks=[
            msgspec.structs.replace(TURNED, kind=short, device=EVIL[:128], ja=long, en=long, try_ja=long, try_en=long)
        ],
        controls=[msgspec.structs.replace(RESERVE, device=device, control=short, unit="<evil>", ja=long, en=long)],
        photos=[ReportedPhoto(name=short, sha256=EVIL[:64].ljust(64, "<"), bytes=1, caption=short)],
    )
    tell(service.queries, kept(hostile))
    for path in (f"/sites/{SITE}", f"/sites/{SITE}/report", f"/sites/{SITE}/report?lang=en", "/"):
        found = await page(service, path)
        check_sound(found, "en" if "en" in path.partition("?")[2] else "ja")
        assert found.all("evil") == []
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u200e\u200f]", found.text)
        assert "{{7*7}}" in found.text or path == "/"


async def test_the_largest_report_makes_a_page_of_bounded_size(service: Service) -> None:
    device = msgspec.structs.replace(INVERTER, values=[ReportedValue(point="<" * 64, value=1.0)] * 400)
    large = msgspec.structs.replace(
        GOOD,
        devices=[device] * 6,
        checks=[msgspec.structs.replace(NO_SUN, ja="<" * 2_000)] * 150,
        photos=[ReportedPhoto(name="n", sha256="0" * 64, bytes=1)] * 500,
    )
    assert REPORT_BYTES_MAX / 2 < len(to_document(large)) <= REPORT_BYTES_MAX
    tell(service.queries, kept(large))
    answer = await service.client.get(f"/sites/{SITE}/report", headers={"accept-encoding": "identity"})
    assert answer.status_code == 200
    assert len(answer.content) < PAGE_BYTES_MAX
    assert "ほか250件は" in answer.text
    usual = kept(BAD_THERE)
    tell(service.queries, usual)
    answer = await service.client.get(f"/reports/{usual.sha256}", headers={"accept-encoding": "identity"})
    assert len(answer.content) < 30_000
    assert len(gzip.compress(answer.content)) < 8_000
