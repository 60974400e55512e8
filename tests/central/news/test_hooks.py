"""Webhooks: signed, in order, again until taken, given up after a day, and nothing lost over a restart."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from central.core.hooks import BACKOFF_S, GIVE_UP_MS, Filter, Hook, HookError, signature
from central.core.news import News, NewsKind, Severity
from central.core.newsmaking import Look
from central.hooks_out import HookBook, Hooks, checked
from central.newsroom import Newsroom
from central.store.records import Records
from tests.central.fake import NOW_MS
from tests.central.news.parts import HOST, Receiver, receiver, says
from tests.support import eventually

OK = says("204 No Content")
EVERYTHING = Filter()
BAD = says("503 Service Unavailable")


def some(kind: NewsKind = NewsKind.ISLANDED, *, ward: str = "中央区", severity: Severity = Severity.WARNING) -> News:
    return News(at_ms=NOW_MS, kind=kind, severity=severity, ward=ward, site="E0000000001111")


@dataclass
class Clock:
    at_ms: int = NOW_MS


@dataclass
class Room:
    records: Records
    newsroom: Newsroom
    book: HookBook
    hooks: Hooks
    clock: Clock

    async def hook(self, url: str, asked: Filter = EVERYTHING) -> Hook:
        return await self.book.add("受け手", url, asked, after_n=self.newsroom.latest, by="管理者")

    async def stands(self) -> Hook:
        return (await self.book.rows.all())[0]

    async def catch_up(self) -> Hook:
        return await self.hooks.catch_up(await self.stands())


def _never() -> Look:
    raise AssertionError("nobody looks here")


@asynccontextmanager
async def room(folder: Path) -> AsyncIterator[Room]:
    records = await Records.open(folder / "records.sqlite")
    try:
        clock = Clock()
        newsroom = Newsroom(records.news, _never, now=lambda: clock.at_ms)
        book = HookBook(records.hooks, allow_hosts=[HOST], now=lambda: clock.at_ms)
        made = Room(records, newsroom, book, Hooks(book, newsroom), clock)
        await newsroom.load()
        yield made
    finally:
        await records.close()


def ids(there: Receiver) -> list[str]:
    return [headers["x-shelter-id"] for headers, _ in there.got]


async def test_a_delivery_is_signed_and_says_what_happened(tmp_path: Path) -> None:
    async with room(tmp_path) as here, receiver() as there:
        hook = await here.hook(there.url)
        await here.newsroom.tell([some()])
        stands = await here.catch_up()
        headers, body = there.got[0]
        at_s, mark = (part.partition("=")[2] for part in headers["x-shelter-signature"].split(","))
        wanted = hmac.new(hook.secret.encode(), at_s.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(mark, wanted)
        assert int(at_s) == NOW_MS // 1_000
        assert headers["x-shelter-webhook"] == hook.id
        told = json.loads(body)
        assert (told["id"], told["kind"], told["site"]) == ("1", "islanded", "E0000000001111")
        assert (stands.delivered, stands.failures, stands.last_said) == (1, 0, "HTTP 204")


async def test_failures_are_tried_again_later_and_in_order(tmp_path: Path) -> None:
    redirect = says("302 Found", "Location: http://127.0.0.1:9/\r\n")
    async with room(tmp_path) as here, receiver(BAD, redirect, b"garbage\r\n\r\n", OK) as there:
        await here.hook(there.url)
        await here.newsroom.tell([some(), some(NewsKind.GRID_BACK)])
        for failures in (1, 2, 3):
            stands = await here.catch_up()
            assert (stands.failures, stands.done_n) == (failures, 0)
            assert stands.next_ms == here.clock.at_ms + BACKOFF_S[failures - 1] * 1_000
            assert not stands.is_due(here.clock.at_ms)
            here.clock.at_ms = stands.next_ms
            assert stands.is_due(here.clock.at_ms)
        stands = await here.catch_up()
        assert ids(there) == ["1", "1", "1", "1", "2"]
        assert (stands.failures, stands.done_n, stands.delivered) == (0, 2, 2)


async def test_what_is_a_day_old_is_given_up_and_can_be_sent_again(tmp_path: Path) -> None:
    async with room(tmp_path) as here, receiver(BAD, BAD, OK) as there:
        hook = await here.hook(there.url)
        await here.newsroom.tell([some(), some(NewsKind.GRID_BACK)])
        here.clock.at_ms += GIVE_UP_MS
        fresh = News(at_ms=here.clock.at_ms, kind=NewsKind.FAULT, severity=Severity.WARNING)
        await here.newsroom.tell([fresh])
        stands = await here.catch_up()
        assert (stands.done_n, stands.failures) == (2, 1)
        letters = await here.book.rows.letters(hook.id)
        assert [(one.n, one.reason, one.again) for one in letters] == [(2, "HTTP 503", False), (1, "HTTP 503", False)]
        assert await here.book.retry(hook.id, 1, by="管理者") == 1
        assert await here.book.retry(hook.id, 99, by="管理者") == 0
        running = asyncio.create_task(here.hooks.run())
        try:
            here.clock.at_ms += BACKOFF_S[0] * 1_000
            await eventually(lambda: len(there.got) == 2)  # Fails once more, and stays a dead letter.
            await here.book.retry(hook.id, None, by="管理者")
            here.clock.at_ms += BACKOFF_S[1] * 1_000
            await eventually(lambda: len(there.got) == 5, timeout_s=15)
        finally:
            running.cancel()
        assert sorted(ids(there)[2:]) == ["1", "2", "3"]
        assert ids(there)[:2] == ["1", "1"]


async def test_a_restart_loses_nothing_and_repeats_nothing_that_was_taken(tmp_path: Path) -> None:
    async with receiver(OK, BAD, OK) as there:
        async with room(tmp_path) as here:
            await here.hook(there.url)
            await here.newsroom.tell([some(), some(), some()])
            await here.catch_up()
            assert ids(there) == ["1", "2"]
        async with room(tmp_path) as here:
            assert here.newsroom.latest == 3
            await here.catch_up()
        assert ids(there) == ["1", "2", "2", "3"]


async def test_one_that_hangs_delays_no_other(tmp_path: Path) -> None:
    async with room(tmp_path) as here, receiver(None) as hanging, receiver() as there:
        await here.hook(hanging.url)
        await here.hook(there.url)
        running = asyncio.create_task(here.hooks.run())
        try:
            await here.newsroom.tell([some(), some()])
            await eventually(lambda: len(there.got) == 2 and len(hanging.got) == 1)
        finally:
            running.cancel()


async def test_only_what_is_asked_for_is_sent(tmp_path: Path) -> None:
    asked = Filter(kinds=frozenset({NewsKind.ISLANDED}), wards=frozenset({"中央区"}), severity=Severity.WARNING)
    async with room(tmp_path) as here, receiver() as there:
        await here.hook(there.url, asked)
        await here.newsroom.tell(
            [some(NewsKind.FAULT), some(ward="緑区"), some(severity=Severity.INFO), some(), some(ward="")]
        )
        assert (await here.catch_up()).done_n == 5
        assert ids(there) == ["4", "5"]


async def test_a_secret_is_in_no_text_and_changes_stand_in_the_book(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        hook = await here.hook(f"http://{HOST}/x")
        assert hook.secret not in repr(hook)
        await here.book.remove(hook.id, by="管理者")
        assert await here.book.rows.all() == []
        book = [entry.decision for entry in await here.records.decisions.book()]
        assert [one.action.value for one in book] == ["webhook_added", "webhook_removed"]
        assert hook.secret not in repr(book)
        with pytest.raises(LookupError):
            await here.book.remove(hook.id, by="管理者")
        with pytest.raises(HookError, match="https"):
            await here.hook("http://elsewhere.example/x")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("", "https://a.example/"),
        ("x" * 61, "https://a.example/"),
        ("a", "ftp://a.example/"),
        ("a", "https:///x"),
        ("a", "https://user:pw@a.example/"),
        ("a", "https://a.example:99999/"),
        ("a", "https://a.example/ x"),
        ("a", "https://例え.example/"),
        ("a", "https://[::1"),
    ],
)
def test_what_can_be_no_webhook_is_refused(name: str, url: str) -> None:
    with pytest.raises(HookError, match=r"^(name|url): "):
        checked(name, url)


def test_the_signature_is_the_documented_one() -> None:
    mark = hmac.new(b"whsec_x", b'1795489805.{"id":"1"}', hashlib.sha256).hexdigest()
    assert signature("whsec_x", 1_795_489_805, b'{"id":"1"}') == f"t=1795489805,v1={mark}"
