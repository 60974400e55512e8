"""Webhooks out: news → signed POSTs, in order for each webhook, until they are taken or given up.

How far a webhook is stands in the records and moves only after the receiver's answer, so a service that dies in between
delivers the same news again, under the same id, and loses none.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import structlog

from central.api.models.news import news_out
from central.core.audit import Action, Decision
from central.core.hooks import (
    HOOKS_MAX,
    NAME_CHARS_MAX,
    URL_CHARS_MAX,
    Filter,
    Hook,
    HookError,
    Letter,
    failed,
    given_up,
    signature,
    succeeded,
)
from central.core.news import News, NewsKind, Severity
from central.newsroom import Newsroom
from central.outgoing import OutgoingError, post
from central.store.base import StoreError
from central.store.hooks import HookRows

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0
"""How often webhooks are looked at when nothing rings: another process may have added one."""
NEWS_AT_ONCE: Final = 500
HOOKS_AT_ONCE: Final = 8
POST_S: Final = 10.0
Now = Callable[[], int]


class HookBook:
    """Adds, removes, tries and retries webhooks: what API, page and command share."""

    def __init__(self, rows: HookRows, *, allow_hosts: Collection[str], now: Now) -> None:
        self.rows = rows
        self.allow_hosts = tuple(allow_hosts)
        self.now = now

    async def hook(self, id_: str) -> Hook:
        """One webhook.

        Raises:
            LookupError: there is none.
        """
        for one in await self.rows.all():
            if one.id == id_:
                return one
        raise LookupError(id_)

    async def add(self, name: str, url: str, asked: Filter, *, after_n: int, by: str) -> Hook:
        """Register a webhook; it is told of news after ``after_n``. The secret in it is to be shown this once.

        Raises:
            HookError: it can't be one; the text says what to give.
        """
        tidy, address = checked(name, url)
        if needs_https(address, self.allow_hosts):
            raise HookError("url: want https://; http:// is for hosts that outgoing.allow_hosts in the settings names")
        if len(await self.rows.all()) >= HOOKS_MAX:
            raise HookError(f"there are {HOOKS_MAX} webhooks already; remove one first")
        hook = Hook(
            id=f"hook-{secrets.token_hex(4)}",
            name=tidy,
            url=address,
            secret=f"whsec_{secrets.token_urlsafe(32)}",
            filter=asked,
            by=by,
            made_ms=self.now(),
            done_n=after_n,
        )
        await self.rows.add(hook, self._decided(Action.WEBHOOK_ADDED, hook, by))
        return hook

    async def remove(self, id_: str, *, by: str) -> None:
        """Forget a webhook and what could not be delivered to it.

        Raises:
            LookupError: there is none.
        """
        hook = await self.hook(id_)
        await self.rows.drop(id_, self._decided(Action.WEBHOOK_REMOVED, hook, by))

    async def retry(self, id_: str, n: int | None, *, by: str) -> int:
        """Try a dead letter, or all of a webhook, once more; returns how many.

        Raises:
            LookupError: there is no such webhook.
        """
        hook = await self.hook(id_)
        return await self.rows.ask_again(id_, n, self._decided(Action.WEBHOOK_RETRIED, hook, by))

    async def test(self, id_: str) -> tuple[bool, str]:
        """Send one test message now; returns whether it was taken, and what was said. Nothing is kept of it.

        Raises:
            LookupError: there is none.
        """
        hook = await self.hook(id_)
        trial = News(at_ms=self.now(), kind=NewsKind.ALERT, severity=Severity.INFO, values={"rule": "test"})
        return await deliver(hook, "test", body_of(trial), self.now(), allow=self.allow_hosts)

    def _decided(self, action: Action, hook: Hook, by: str) -> Decision:
        return Decision(at_ms=self.now(), by=by, action=action, detail={"webhook": hook.id, "name": hook.name})


class Hooks:
    """Delivers; ``run`` until cancelled."""

    def __init__(self, book: HookBook, newsroom: Newsroom) -> None:
        self._book = book
        self._rows = book.rows
        self._newsroom = newsroom
        self._busy: set[str] = set()
        self._turn = asyncio.Semaphore(HOOKS_AT_ONCE)

    async def run(self) -> None:
        """Each webhook has a task of its own while it has something to deliver, so one that hangs delays no other."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                bell = self._newsroom.bell
                try:
                    await self._look(tasks)
                except StoreError as error:
                    log.warning("webhooks_not_read", error=str(error))
                await self._newsroom.wait(bell, LOOK_S)

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        now_ms = self._book.now()
        again: dict[str, Letter] = {}
        for letter in await self._rows.wanted():
            again.setdefault(letter.hook, letter)
        for hook in await self._rows.all():
            waits = hook.id in again or hook.done_n < self._newsroom.latest
            if waits and hook.id not in self._busy and hook.is_due(now_ms):
                self._busy.add(hook.id)
                tasks.create_task(self._serve(hook, again.get(hook.id)), name=hook.id)

    async def _serve(self, hook: Hook, letter: Letter | None) -> None:
        try:
            async with self._turn:
                if letter is not None:
                    hook = await self._once_more(hook, letter)
                if letter is None or not hook.failures:
                    await self.catch_up(hook)
        except StoreError as error:
            log.warning("webhook_not_noted", hook=hook.id, error=str(error))
        finally:
            self._busy.discard(hook.id)

    async def catch_up(self, hook: Hook) -> Hook:
        """Deliver in order what a webhook asks for, up to the first failure; returns how it stands then.

        Raises:
            StoreError: it could not be noted; what was delivered last is delivered again.
        """
        while waiting := await self._newsroom.after(hook.done_n, NEWS_AT_ONCE):
            for at, news in enumerate(waiting):
                if not hook.filter.takes(news):
                    hook = replace(hook, done_n=news.n)
                    continue
                taken, said = await self._send(hook, str(news.n), body_of(news))
                now_ms = self._book.now()
                if not taken:
                    return await self._failed(hook, waiting[at:], now_ms, said)
                hook = succeeded(hook, news.n, now_ms, said)
                await self._rows.note(hook)
            await self._rows.note(hook)
        return hook

    async def _failed(self, hook: Hook, waiting: list[News], now_ms: int, said: str) -> Hook:
        hook = failed(hook, now_ms, said)
        dead = given_up(waiting, now_ms)
        letters = [
            Letter(hook=hook.id, n=news.n, news=body_of(news).decode(), failed_ms=now_ms, reason=hook.last_said)
            for news in dead
            if hook.filter.takes(news)
        ]
        if dead:
            hook = replace(hook, done_n=dead[-1].n)
            log.warning("webhook_gave_up", hook=hook.id, name=hook.name, news=len(letters), said=said)
        await self._rows.note(hook, buried=letters)
        return hook

    async def _once_more(self, hook: Hook, letter: Letter) -> Hook:
        taken, said = await self._send(hook, str(letter.n), letter.news.encode())
        now_ms = self._book.now()
        if taken:
            hook = succeeded(hook, 0, now_ms, said)
            await self._rows.note(hook, delivered=letter.n)
        else:
            hook = failed(hook, now_ms, said)
            back = replace(letter, again=False, failed_ms=now_ms, reason=hook.last_said)
            await self._rows.note(hook, buried=[back])
        return hook

    async def _send(self, hook: Hook, id_: str, body: bytes) -> tuple[bool, str]:
        return await deliver(hook, id_, body, self._book.now(), allow=self._book.allow_hosts)


def checked(name: str, url: str) -> tuple[str, str]:
    """Name and address, tidied.

    Raises:
        HookError: says what to give.
    """
    tidy, address = " ".join(name.split()), url.strip()
    if not tidy.isprintable() or not 0 < len(tidy) <= NAME_CHARS_MAX:
        raise HookError(f"name: want 1 to {NAME_CHARS_MAX} characters")
    if len(address) > URL_CHARS_MAX or not address.isascii() or not address.isprintable() or " " in address:
        raise HookError(f"url: want at most {URL_CHARS_MAX} ASCII characters without spaces")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise HookError(f"url: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise HookError("url: want https://HOST/PATH")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise HookError("url: want no user, password or fragment; deliveries are signed with the secret")
    return tidy, address


def needs_https(url: str, allow_hosts: Collection[str]) -> bool:
    """Whether an address is refused because it is not encrypted and not a host of one's own."""
    parts = urlsplit(url)
    return parts.scheme != "https" and (parts.hostname or "") not in {host.lower() for host in allow_hosts}


def body_of(news: News) -> bytes:
    """What is sent of news: the same JSON as on the stream."""
    return news_out(news).model_dump_json().encode()


async def deliver(hook: Hook, id_: str, body: bytes, now_ms: int, *, allow: Collection[str]) -> tuple[bool, str]:
    """POST once; returns whether it was taken, and what was said."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "shelter-central",
        "X-Shelter-Webhook": hook.id,
        "X-Shelter-Id": id_,
        "X-Shelter-Signature": signature(hook.secret, now_ms // 1_000, body),
    }
    try:
        answer = await post(hook.url, body, headers, allow=allow, whole_s=POST_S)
    except OutgoingError as error:
        return False, str(error)
    return answer.is_success, f"HTTP {answer.status}"
