"""The stream: first all, then only changes, and after a break what was missed. Without a server in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.api import live as live_module
from central.api.live import Feed, Key, Live
from central.api.problems import Problem
from central.core.city import CityNow
from tests.central.api.conftest import Service
from tests.central.fake import FakeQueries
from tests.support import eventually

SITE = "E0000000001111"


class Stream:
    """Reads server-sent events of one request to the app, as a browser would. It speaks ASGI, so that it can leave."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._left = asyncio.Event()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._text = b""
        self.status = 0
        self.headers: dict[str, str] = {}

    async def run(self, path: str, headers: Mapping[str, str]) -> None:
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("city", 80),
        }

        async def receive() -> dict[str, object]:
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, object]) -> None:
            if message["type"] == "http.response.start":
                self.status = int(str(message["status"]))
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}  # type: ignore[attr-defined]
            else:
                self._chunks.put_nowait(bytes(message.get("body", b"")))  # type: ignore[call-overload]

        await self._service.app(scope, receive, send)  # type: ignore[arg-type]

    def leave(self) -> None:
        self._left.set()

    async def next(self) -> tuple[str, str, dict[str, dict[str, object]]]:
        """Id, event and data of the next event; comments and ``retry`` are passed over."""
        while True:
            head, found, rest = self._text.partition(b"\n\n")
            if not found:
                self._text += await asyncio.wait_for(self._chunks.get(), 5)
                continue
            self._text = rest
            fields = dict(line.split(": ", 1) for line in head.decode().split("\n") if not line.startswith(":"))
            if "data" in fields:
                return fields["id"], fields["event"], json.loads(fields["data"])


@asynccontextmanager
async def listening(service: Service, path: str, **headers: str) -> AsyncIterator[Stream]:
    stream = Stream(service)
    async with asyncio.TaskGroup() as tasks:
        producer = tasks.create_task(service.app.state.live.run())
        tasks.create_task(stream.run(path, headers))
        try:
            yield stream
        finally:
            stream.leave()
            producer.cancel()


async def test_a_reader_gets_all_first_and_then_only_what_changed(service: Service) -> None:
    async with listening(service, "/api/v1/stream") as stream:
        _, event, first = await stream.next()
        assert event == "changes"
        assert set(first) == {"city", *service.queries.shelters}
        assert first[SITE]["now"]["state"] == "on_grid"  # type: ignore[index]
        service.queries.change(SITE, pv_w=12_345.0)
        _, _, changes = await stream.next()
        assert set(changes) == {"city", SITE}
        assert changes[SITE]["now"]["pv_w"] == 12_345.0  # type: ignore[index]
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["x-accel-buffering"] == "no"
    assert service.app.state.live.readers == 0


async def test_a_reader_that_comes_back_gets_what_it_missed_and_no_more(service: Service) -> None:
    async with listening(service, "/api/v1/stream") as stream:
        mark, _, _ = await stream.next()
    service.queries.change(SITE, soc_pct=12.0)
    service.queries.at_ms += 1_000
    async with listening(service, "/api/v1/stream", **{"Last-Event-ID": mark}) as stream:
        _, _, missed = await stream.next()
        assert set(missed) == {"city", SITE}
        assert missed[SITE]["now"]["soc_pct"] == 12.0  # type: ignore[index]


async def test_a_mark_of_another_process_means_all_again(service: Service) -> None:
    async with listening(service, "/api/v1/stream?since=deadbeef-99") as stream:
        assert len((await stream.next())[2]) == 183


async def test_the_pages_streams_carry_texts_in_the_language_asked_for(service: Service) -> None:
    async with listening(service, "/live/city?lang=en") as stream:
        assert "7 of 182" in str((await stream.next())[2]["city"]["headline"])
    async with listening(service, f"/live/sites/{SITE}?lang=ja") as stream:
        texts = (await stream.next())[2]
        assert texts["inverter/pv.power_w"]["value"] == "9,041 W"
        assert set(texts) >= {SITE, "city", "site/load.power_w"}
        assert "E0000000002111" not in texts


async def test_a_slow_reader_is_let_go_and_the_others_live_on() -> None:
    queries = FakeQueries.of_city(3)
    live = Live(queries.now, epoch="a", interval_s=60, clock=lambda: queries.at_ms)
    live.add("json", lambda city: {("city", "at"): str(city.at_ms)}, event="changes")
    slow, quick = live.stream("json", ""), live.stream("json", "")
    await anext(slow)
    await anext(quick)
    for _ in range(live_module.QUEUE_MAX + 1):
        queries.at_ms += 1_000
        live.tick()
        await anext(quick)
    assert live.readers_dropped == 1
    assert [text async for text in slow] == []
    queries.at_ms += 1_000
    live.tick()
    assert b"changes" in await anext(quick)
    live.close()
    assert [text async for text in quick] == []
    assert live.readers == 0


async def test_a_look_that_fails_ends_no_stream() -> None:
    queries = FakeQueries.of_city(1)
    looks = 0

    def look() -> CityNow:
        nonlocal looks
        looks += 1
        queries.at_ms += 1_000
        if looks in {2, 3}:
            raise RuntimeError("no city today")
        return queries.now()

    live = Live(look, epoch="a", interval_s=0.01, clock=lambda: queries.at_ms)
    live.add("json", lambda city: {("city", "at"): str(city.at_ms)}, event="changes")
    stream = live.stream("json", "")
    await anext(stream)
    run = asyncio.create_task(live.run())
    assert b"changes" in await asyncio.wait_for(anext(stream), 5)
    assert looks == 4
    run.cancel()
    await stream.aclose()


async def test_there_is_no_room_without_end(service: Service) -> None:
    live: Live = service.app.state.live
    live.check_room()
    live.close()
    answer = await service.client.get("/api/v1/stream")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert "poll" in answer.json()["try"]
    with pytest.raises(Problem):
        live.check_room()


async def test_a_silent_stream_says_that_it_is_still_there() -> None:
    queries = FakeQueries.of_city(1)
    live = Live(queries.now, epoch="a", interval_s=60, clock=lambda: queries.at_ms, heartbeat_s=0.02)
    live.add("json", lambda _: {("city", "at"): "x"}, event="changes")
    stream = live.stream("json", "")
    await anext(stream)
    assert await anext(stream) == b": still here\n\n"
    await stream.aclose()


async def test_nobody_listening_costs_no_look(service: Service) -> None:
    live: Live = service.app.state.live
    before = service.queries.looks
    live.tick()
    assert service.queries.looks == before


@given(st.lists(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 3)), min_size=1, max_size=12), st.data())
def test_from_any_mark_the_missing_texts_lead_to_the_newest_view(
    views: list[dict[str, int]], data: st.DataObject
) -> None:
    shown: list[dict[Key, str]] = [{(owner, "x"): str(value) for owner, value in view.items()} for view in views]
    turn = iter(shown)
    feed = Feed(lambda _: next(turn), "e")
    city = FakeQueries.of_city(0).now()
    seen: list[tuple[str, dict[Key, str]]] = [(feed.mark, {})]
    for _ in shown:
        feed.update(city)
        seen.append((feed.mark, dict(feed.texts)))
    mark, had = data.draw(st.sampled_from(seen))
    caught_up = {**had, **feed.since(mark)}
    assert {key: caught_up[key] for key in feed.texts} == feed.texts
    assert not feed.since(feed.mark)


async def test_the_lifespan_produces_for_readers_and_ends_their_streams(service: Service) -> None:
    async with service.app.router.lifespan_context(service.app):
        stream = Stream(service)
        task = asyncio.create_task(stream.run("/api/v1/stream", {}))
        await stream.next()
        service.queries.change(SITE, pv_w=1.0)
        assert SITE in (await stream.next())[2]
        await eventually(lambda: service.app.state.outlook.latest is not None, what="the first outlook")
    await asyncio.wait_for(task, 5)


def test_a_clock_that_was_set_back_does_not_freeze_the_view() -> None:
    queries = FakeQueries.of_city(1)
    live = Live(queries.now, epoch="a", interval_s=2, clock=lambda: queries.at_ms)
    live.add("pv", lambda city: {("city", "pv"): str(city.pv_w)}, event="texts")
    before = live.current("pv").texts["city", "pv"]
    queries.at_ms -= 3_600_000
    queries.change(SITE, pv_w=1.0)
    assert live.current("pv").texts["city", "pv"] == "1.0" != before


async def test_a_channel_that_fails_does_not_silence_the_others() -> None:
    queries = FakeQueries.of_city(1)
    live = Live(queries.now, epoch="a", interval_s=2, clock=lambda: queries.at_ms)
    broken = False

    def render(city: CityNow) -> dict[Key, str]:
        if broken:
            raise OverflowError("date value out of range")
        return {("city", "bad"): "0"}

    live.add("bad", render, event="texts")
    live.add("good", lambda city: {("city", "pv"): str(city.pv_w)}, event="texts")
    streams = [live.stream(name, "") for name in ("bad", "good")]
    for stream in streams:
        await anext(stream)
    broken = True
    queries.change(SITE, pv_w=1.0)
    live.tick()
    assert b'"pv":"1.0"' in await asyncio.wait_for(anext(streams[1]), 5)
    for stream in streams:
        await stream.aclose()
