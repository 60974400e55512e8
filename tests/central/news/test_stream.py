"""The stream of values and news: filters, exact resume, and its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from central.api.app import create_app
from central.core.news import News, NewsKind, Severity
from central.core.newsmaking import Look
from central.newsroom import Newsroom
from central.store.records import Records
from tests.central.api.conftest import Service
from tests.central.api.test_live import Stream
from tests.central.fake import NOW_MS, FakeQueries
from tests.support import eventually

SITE = "E0000000001111"


def _never() -> Look:
    raise AssertionError("nobody looks here")


@asynccontextmanager
async def city(folder: Path) -> AsyncIterator[tuple[Service, Newsroom]]:
    """A service with a newsroom over records in a folder; opened again it is the service after a restart."""
    records = await Records.open(folder / "records.sqlite")
    queries = FakeQueries.of_city()
    app = create_app(queries, ready=dict, clock=lambda: queries.at_ms, interval_s=0.02)
    newsroom = app.state.newsroom = Newsroom(records.news, _never, now=lambda: queries.at_ms)
    await newsroom.load()
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city") as client:
            yield Service(app, queries, client, {}, []), newsroom
    finally:
        await records.close()


@asynccontextmanager
async def reading(service: Service, query: str, mark: str = "") -> AsyncIterator[Stream]:
    stream = Stream(service)
    live = service.app.state.live
    async with asyncio.TaskGroup() as tasks:
        producer = tasks.create_task(live.run())
        tasks.create_task(stream.run(f"/api/v1/stream?{query}", {"Last-Event-ID": mark} if mark else {}))
        try:
            await eventually(lambda: live.readers > 0)
            yield stream
        finally:
            stream.leave()
            producer.cancel()


def some(
    kind: NewsKind = NewsKind.ISLANDED,
    *,
    site: str = SITE,
    ward: str = "中央区",
    severity: Severity = Severity.CRITICAL,
) -> News:
    return News(at_ms=NOW_MS, kind=kind, severity=severity, site=site, ward=ward, group="g", values={"soc_pct": 64.0})


async def test_news_come_with_values_and_each_has_both_marks(tmp_path: Path) -> None:
    async with city(tmp_path) as (service, newsroom), reading(service, "") as stream:
        mark, event, first = await stream.next()
        assert event == "changes"
        assert len(first) == 183
        assert mark.endswith(".0")
        await newsroom.tell([some()])
        mark, event, told = await stream.next()
        assert event == "news"
        assert mark.endswith(".1")
        said: dict[str, Any] = told
        assert (said["id"], said["at"], said["kind"]) == ("1", "2026-11-24T03:10:05.000Z", "islanded")
        assert said["values"] == {"soc_pct": 64.0}


async def test_who_comes_back_after_a_restart_misses_no_news_and_gets_none_twice(tmp_path: Path) -> None:
    async with city(tmp_path) as (service, newsroom):
        await newsroom.tell([some()])
        async with reading(service, "event=news") as stream:
            await newsroom.tell([some(NewsKind.GRID_BACK)])
            mark, _, told = await stream.next()
            assert str(told["kind"]) == "grid_back"
        await newsroom.tell([some(NewsKind.FAULT)])
    async with city(tmp_path) as (service, newsroom):
        await newsroom.tell([some(NewsKind.FAULT_OVER)])
        async with reading(service, "", mark) as stream:
            _, event, values = await stream.next()
            assert (event, len(values)) == ("changes", 183)
            kinds = [str((await stream.next())[2]["kind"]) for _ in range(2)]
            assert kinds == ["fault", "fault_over"]
        async with reading(service, "event=news", "whatever.99") as stream:
            await newsroom.tell([some(NewsKind.ALERT)])
            assert str((await stream.next())[2]["kind"]) == "alert"


async def test_values_and_news_are_filtered(tmp_path: Path) -> None:
    async with city(tmp_path) as (service, newsroom):
        async with reading(service, f"site={SITE}&fields=state,soc_pct&kind=islanded&severity=warning") as stream:
            _, _, first = await stream.next()
            assert set(first) == {SITE}
            assert set(first[SITE]["now"]) == {"state", "soc_pct"}  # type: ignore[call-overload]
            await newsroom.tell(
                [
                    some(NewsKind.FAULT),
                    some(site="E0000000002111"),
                    some(severity=Severity.INFO),
                    some(site="", ward=""),
                    some(),
                ]
            )
            assert [str((await stream.next())[2]["id"]) for _ in range(2)] == ["4", "5"]
            service.queries.change(SITE, pv_w=1.0)
            service.queries.change(SITE, soc_pct=12.0)
            _, event, changes = await stream.next()
            assert event == "changes"
            assert changes == {SITE: {"now": {"state": "on_grid", "soc_pct": 12.0}}}
        async with reading(service, "ward=Midori&event=changes") as stream:
            assert len((await stream.next())[2]) == 25


async def test_a_gap_is_said_when_news_are_not_kept_any_more(tmp_path: Path) -> None:
    async with city(tmp_path) as (service, newsroom):
        await newsroom.tell([some(), some(), some()])
        newsroom.oldest = 3
        async with reading(service, "event=news", "x.1") as stream:
            told: Any
            _, event, told = await stream.next()
            assert (event, told) == ("gap", {"after": "1", "before": "3"})
            assert str((await stream.next())[2]["id"]) == "3"


async def test_unknown_names_are_refused_with_what_is_near(tmp_path: Path) -> None:
    async with city(tmp_path) as (service, _):
        for query, where in (("site=E000000000111", "site"), ("ward=Midor", "ward"), ("fields=soc", "fields")):
            answer = await service.client.get(f"/api/v1/stream?{query}")
            assert answer.status_code == 400
            assert answer.json()["where"] == f"query: {where}"
            assert answer.json()["nearest"] or where == "fields"
        assert (await service.client.get("/api/v1/stream?kind=nonsense")).status_code == 422
        document = (await service.client.get("/api/v1/openapi.json")).json()
        shown = document["paths"]["/api/v1/stream"]["get"]["responses"]["200"]["content"]["text/event-stream"]
        assert "event: news" in shown["example"]


async def test_a_stream_ends_with_the_service_and_leaves_no_reader_behind(tmp_path: Path) -> None:
    async with city(tmp_path) as (service, _):
        live = service.app.state.live
        stream = Stream(service)
        running = asyncio.create_task(stream.run("/api/v1/stream?event=news", {}))
        await eventually(lambda: live.readers > 0)
        live.close()
        await asyncio.wait_for(running, 5)
        assert live.readers == 0
        said = b""
        with suppress(asyncio.QueueEmpty):
            while True:
                said += stream._chunks.get_nowait()
        assert b": the service is ending" in said
        assert json.loads((await service.client.get("/api/v1/stream")).text)["title"] == "No room for another stream"
