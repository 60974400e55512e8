"""A shelter's page as staff read and change it: whole, light, the same as its stream, and a form of what is said."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

from central.api.app import create_app
from central.api.desk import Desk
from central.core.access import Role
from central.core.audit import Action
from central.core.facts import FactName
from central.store.base import StoreError
from central.web import siteview_told
from central.web.catalogue import Lang
from central.web.siteview_page import Told
from contract.steering import Stage
from tests.central.access.parts import Town, csrf_of, town
from tests.central.web.reading import Page, check_sound
from tests.central.web.shelter_parts import SITE, AsPerson, stressed, told_of

BYTES_MAX = 100_000
KIND = {"Content-Type": "application/x-www-form-urlencoded"}


@asynccontextmanager
async def served(role: Role = Role.OPERATOR) -> AsyncIterator[tuple[httpx.AsyncClient, FastAPI]]:
    queries = stressed()
    app = create_app(queries, ready=dict, clock=lambda: queries.at_ms, interval_s=0.02, gate=AsPerson(role))
    app.state.pages.told = told_of
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://city") as client:
        yield client, app


@pytest.mark.parametrize("lang", Lang)
@pytest.mark.parametrize("days", ["", "&days=30"])
async def test_a_shelter_in_trouble_has_a_whole_and_light_page(lang: Lang, days: str) -> None:
    async with served(Role.TECHNICIAN) as (client, _):
        answer = await client.get(f"/sites/{SITE}?lang={lang.value}{days}", headers={"accept-encoding": "identity"})
        assert answer.status_code == 200, answer.text[:300]
        check_sound(Page(answer.text), lang.value)
        assert len(answer.content) < BYTES_MAX


async def test_what_the_page_shows_is_what_its_stream_would_send() -> None:
    async with served() as (client, app):
        found = Page((await client.get(f"/sites/{SITE}?lang=ja")).text)
        feed = app.state.live.current(f"site:{SITE}:ja")
        assert {(owner, key) for owner, key, _ in found.live} <= feed.texts.keys()
        for (owner, key, shown_as), texts in found.live.items():
            if not shown_as:
                assert set(texts) == {feed.texts[owner, key]}, (owner, key)


async def test_somebody_at_night_reads_what_is_wrong_and_what_to_do() -> None:
    async with served() as (client, _):
        text = html.unescape((await client.get(f"/sites/{SITE}?lang=ja")).text)
        for said in (
            "停電中。中心見込み16時間",
            "現地の切替スイッチが優先されています",
            "スイッチを「自動」に戻す",
            "異常コード 2105 (0x839)",
            "15分進んでいる",
            "架空 太郎",
            'href="tel:0430000000"',
            "合成 次郎、",
            "30秒続くと自動で非常用",
            f"/board/new?kind=sites&sites={SITE}",
        ):
            assert said in text, said


async def test_who_may_not_switch_or_tell_sees_no_way_to() -> None:
    async with served(Role.VIEWER) as (client, _):
        text = (await client.get(f"/sites/{SITE}")).text
        assert "/board/new" not in text
        assert "<form" not in text


async def test_thirty_days_are_a_line_a_day_and_a_table() -> None:
    async with served() as (client, _):
        found = Page((await client.get(f"/sites/{SITE}?lang=en&days=30")).text)
        lines = {given["class"] for given in found.all("path") if "L" in given.get("d", "")}
        assert {"line-pv", "line-load", "line-grid", "line-soc_low", "line-soc_high"} <= lines
        rows = re.findall(r'<th scope="row" class="nowrap">([0-9]+ [A-Z][a-z]+)</th>', found.text)
        assert len(rows) == len(set(rows)) == 30
        assert (await client.get(f"/sites/{SITE}?days=31")).status_code == 422


async def test_records_that_do_not_answer_leave_the_live_values() -> None:
    async def away(site: str) -> Told:
        raise StoreError("the database is gone")

    async with served() as (client, app):
        app.state.pages.told = away
        answer = await client.get(f"/sites/{SITE}?lang=en")
        assert answer.status_code == 200
        assert "Orders and facts can't be read" in html.unescape(answer.text)
        assert "charging" in answer.text


@asynccontextmanager
async def telling(folder: Path) -> AsyncIterator[tuple[Town, str]]:
    async with town(folder) as here:
        desk = Desk(here.city.control, here.city.live)
        told = siteview_told.SiteTold(here.city.records.facts, desk, here.city.clock)
        here.app.include_router(siteview_told.router(told, here.app.state.pages))
        yield here, next(iter(here.queries.shelters))


async def sent(client: httpx.AsyncClient, site: str, **fields: str) -> httpx.Response:
    page = (await client.get(f"/sites/{site}?lang=en")).text
    body = urlencode({"csrf": csrf_of(page), **fields}).encode()
    return await client.post(f"/sites/{site}/facts?lang=en", content=body, headers=KIND)


async def test_what_is_said_is_shown_with_who_said_it_and_stands_in_the_book(tmp_path: Path) -> None:
    async with telling(tmp_path) as (here, site), here.signed_in("operator") as client:
        answer = await sent(client, site, people="120", was_people="", contact_phone="043-000-0000", tiers_w="9")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/sites/{site}?lang=en&saved=1#facts"
        page = (await client.get(f"/sites/{site}?lang=en&saved=1")).text
        assert "Saved." in page
        assert "120 people" in page
        assert "Operator" in page
        kept = {fact.name: fact.value for fact in await here.city.records.facts.newest()}
        assert kept == {FactName.PEOPLE: "120", FactName.CONTACT_PHONE: "043-000-0000"}, "tiers are not the operator's"
        entry = (await here.city.records.decisions.newest_entries(limit=1))[0].decision
        assert (entry.action, entry.site) == (Action.FACTS_SAID, site)
        assert entry.detail == {"facts": "contact_phone,people"}
        same = await sent(client, site, people="120", was_people="120")
        assert same.headers["location"].endswith("saved=0#facts")


async def test_what_can_not_be_kept_is_named_and_nothing_typed_is_lost(tmp_path: Path) -> None:
    async with telling(tmp_path) as (here, site), here.signed_in("operator") as client:
        answer = await sent(client, site, people="many", contact_name="架空 太郎")
        assert answer.status_code == 400
        text = html.unescape(answer.text)
        assert "want a whole number" in text
        assert 'value="many"' in text
        assert 'value="架空 太郎"' in text
        assert await here.city.records.facts.newest() == []


async def test_a_form_without_its_mark_or_without_the_right_changes_nothing(tmp_path: Path) -> None:
    async with telling(tmp_path) as (here, site):
        body = urlencode({"people": "1"}).encode()
        async with here.signed_in("operator") as client:
            assert (await client.post(f"/sites/{site}/facts", content=body, headers=KIND)).status_code == 403
        async with here.signed_in("viewer") as client:
            assert (await client.post(f"/sites/{site}/facts", content=body, headers=KIND)).status_code == 403
        async with here.client() as client:
            refused = await client.post(f"/sites/{site}/facts", content=body, headers=KIND)
            assert refused.status_code in {303, 401}
        assert await here.city.records.facts.newest() == []


async def test_orders_come_from_the_ledger_with_their_receipts(tmp_path: Path) -> None:
    async with telling(tmp_path) as (here, _), here.signed_in("viewer") as client:
        await here.city.active()
        ordered = next(one for one in here.queries.shelters if one in here.city.control.fleet.orders)
        await here.city.tell(ordered, Stage.ACCEPTED, Stage.WRITTEN, Stage.READ_BACK, Stage.VERIFIED)
        text = (await client.get(f"/sites/{ordered}?lang=en")).text
        assert "#1" in text
        assert "Read back" in text
        assert 'data-good="yes">Proven' in text
