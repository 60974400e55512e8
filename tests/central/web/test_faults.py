"""What the pages say when something is missing, wrong or broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from central.api.live import Live
from central.api.outlook import OutlookKeeper
from central.web.catalogue import Lang
from central.web.pages import Pages
from contract.messages import DeviceStatus, OutboxStatus, Status
from tests.central.api.conftest import Service
from tests.central.fake import FakeQueries
from tests.central.web.reading import page

SITE = "E0000000007111"


async def test_a_shelter_without_any_word_yet_has_a_page(service: Service) -> None:
    found = await page(service, "/sites/E0000000140111")
    assert "まだ一度も接続していません" in found.text
    assert "この24時間に値はありません" in found.text


async def test_live_values_are_shown_when_the_history_can_not_be_read(service: Service) -> None:
    service.queries.broken = True
    found = await page(service, f"/sites/{SITE}")
    assert "履歴をいま読み出せません" in found.text
    assert "84.0" in found.text
    assert [entry["event"] for entry in service.logs] == ["history_unreadable"]


async def test_a_store_that_does_not_answer_keeps_nobody_from_the_live_values() -> None:
    queries = FakeQueries.of_city(10)
    queries.stuck = True
    live = Live(queries.now, epoch="a", interval_s=2, clock=lambda: queries.at_ms)
    outlook = OutlookKeeper(queries, lambda: queries.at_ms)
    pages = Pages(queries, live, outlook, lambda: queries.at_ms, "市", "City", history_wait_s=0.02)
    text = await pages.site(SITE, Lang.JA)
    assert "履歴をいま読み出せません" in text
    assert "84.0" in text


async def test_a_fault_while_a_page_is_made_is_a_page_too(service: Service) -> None:
    service.queries.shelters[SITE] = None  # type: ignore[assignment]
    found = await page(service, "/?lang=en", 500)
    assert "The page could not be made" in found.text
    assert "tell the operator" in found.text
    assert "Traceback" not in found.text


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/sites/E0000000007112", 404, ["「E0000000007112」", "もしかして", "中央第7小学校", "一覧から選んで"]),
        ("/?ward=%E6%B8%8B%E8%B0%B7%E5%8C%BA", 400, ["「渋谷区」", "選択肢から"]),
        ("/?state=dead&lang=en", 400, ["“dead”", "Choose ward and state"]),
        ("/no-such-page?lang=en", 404, ["There is no such page", "start from the city"]),
        ("/static/other.js", 404, ["このページはありません"]),
        (f"/?ward={'x' * 200}", 422, ["要求に応えられませんでした"]),
        ("/sites/%3Cscript%3E", 404, ["&lt;script&gt;"]),
    ],
)
async def test_an_error_is_a_page_that_says_what_to_try(
    service: Service, path: str, status: int, said: list[str]
) -> None:
    found = await page(service, path, status)
    for text in said:
        assert text in found.text
    assert found.faults == []


async def test_writing_to_a_page_is_refused_in_words(service: Service) -> None:
    answer = await service.client.post("/")
    assert answer.status_code == 405
    assert "閲覧専用" in answer.text


async def test_names_from_the_registry_can_not_become_markup(service: Service) -> None:
    site = service.queries.shelters[SITE].site
    service.queries.change(SITE, site=replace(site, name='<b>"x"</b>', ward="<i>'区'</i>"))
    for path in ("/", f"/sites/{SITE}"):
        found = await page(service, path)
        assert found.faults == []
        assert "<b>&#34;" not in found.text
        assert '<b>"x"' not in found.text
        assert "<i>" not in found.text


async def test_a_shelter_that_tells_the_end_of_the_calendar_has_a_page(service: Service) -> None:
    end_ms = 253_402_300_799_999
    device = DeviceStatus(id="inverter", profile="x", online=True, last_answer_ms=end_ms)
    box = OutboxStatus(epoch="a", next_seq=2, waiting=1, oldest_ms=end_ms)
    status = Status(online=True, at_ms=end_ms, devices=[device], outbox=box)
    service.queries.change(SITE, status=status, last_reading_ms=end_ms)
    await page(service, f"/sites/{SITE}")
    await page(service, "/")
    for path in (f"/api/v1/sites/{SITE}", f"/api/v1/sites/{SITE}/latest", "/api/v1/sites"):
        assert (await service.client.get(path)).status_code == 200
