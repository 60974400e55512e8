"""The agency's feeds, polled: conditional requests, every telegram fetched once, at most three at a time.

A feed is asked every minute, as often as it is made anew. The short feed reaches back ten minutes; after a longer
pause, and at the start, the long one is asked first. Nothing is redirected, no answer is larger than its limit, and
only telegrams on the feed's own host are fetched.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import httpx
import structlog

from central.core.alerts.telegram import Origin
from central.feeds.atom import FEED_BYTES_MAX, Entry, read_feed, worth
from central.feeds.folder import Take
from central.feeds.xml import BYTES_MAX, RefusedError, Why
from central.store.base import StoreError

log = structlog.get_logger(__name__)

POLL_S: Final = 60.0
BACKOFF_MAX_S: Final = 600.0
GAP_MS: Final = 8 * 60_000
LONG_AGAIN_MS: Final = 10 * 60_000
TIMEOUT_S: Final = 20.0
AT_ONCE: Final = 3
TRIES_MAX: Final = 5
"""After so many failures a telegram is given up; a later one of the same event will come."""
SEEN_MAX: Final = 20_000
AGENT: Final = "shelter-ems (disaster shelters' energy; conditional requests, one a minute)"


@dataclass(slots=True)
class Feed:
    """One feed and what is known of it. ``long_url``: the one that reaches further back; empty: none."""

    url: str
    long_url: str = ""
    etag: str = ""
    modified: str = ""
    asked_ms: int = 0
    """When it last answered, and everything in it was taken."""
    long_asked_ms: int = 0
    failures: int = 0
    trouble: str = ""

    @property
    def pause_s(self) -> float:
        """Until it is asked again."""
        return min(POLL_S * 2 ** min(self.failures, 8), BACKOFF_MAX_S) if self.failures else POLL_S


class Poller:
    """Polls feeds; ``run`` until cancelled. ``take`` is the desk's."""

    def __init__(
        self,
        feeds: Iterable[Feed],
        client: httpx.AsyncClient,
        take: Take,
        *,
        offices: Iterable[str],
        seen: Iterable[str],
        now: Callable[[], int],
    ) -> None:
        self.feeds = list(feeds)
        self._client = client
        self._take = take
        self._offices = frozenset(offices)
        self._seen = dict.fromkeys(seen)
        self._tries: dict[str, int] = {}
        self._now = now

    async def run(self) -> None:
        """Ask all feeds, each in its own time."""
        async with asyncio.TaskGroup() as tasks:
            for feed in self.feeds:
                tasks.create_task(self._polling(feed), name=f"feed {feed.url}")

    async def _polling(self, feed: Feed) -> None:
        while True:
            await self.poll(feed)
            await asyncio.sleep(feed.pause_s)

    async def poll(self, feed: Feed) -> None:
        """Ask once, and take what is new. What fails is noted in the feed and tried again at its next turn."""
        try:
            now_ms = self._now()
            whole = await self._catch_up(feed, now_ms)
            whole = await self._ask(feed, feed.url, is_conditional=True) and whole
            if whole:
                feed.asked_ms = now_ms
            feed.failures, feed.trouble = 0, ""
        except (httpx.HTTPError, RefusedError, StoreError, OSError) as error:
            feed.failures += 1
            feed.trouble = f"{type(error).__name__}: {error}"[:300]
            log.warning("feed_not_read", feed=feed.url, error=feed.trouble, retry_s=feed.pause_s)

    async def _catch_up(self, feed: Feed, now_ms: int) -> bool:
        """After a pause, what the short feed names no more. When that fails the short one is asked all the same."""
        if not feed.long_url or 0 <= now_ms - feed.asked_ms <= GAP_MS:
            return True
        if 0 <= now_ms - feed.long_asked_ms < LONG_AGAIN_MS:
            return False
        feed.long_asked_ms = now_ms
        try:
            return await self._ask(feed, feed.long_url, is_conditional=False)
        except (httpx.HTTPError, RefusedError) as error:
            log.warning("long_feed_not_read", feed=feed.long_url, error=f"{type(error).__name__}: {error}")
            return False

    async def _ask(self, feed: Feed, url: str, *, is_conditional: bool) -> bool:
        """Whether everything new in the feed was taken."""
        headers = {}
        if is_conditional and feed.etag:
            headers["If-None-Match"] = feed.etag
        if is_conditional and feed.modified:
            headers["If-Modified-Since"] = feed.modified
        answer, data = await self._get(url, headers, FEED_BYTES_MAX)
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return True
        entries = await asyncio.to_thread(read_feed, data, url=url)
        whole = await self._fetch(worth(entries, seen=self._seen, offices=self._offices))
        if is_conditional:
            # With something missing the feed has to be read again although it has not changed.
            feed.etag = answer.headers.get("ETag", "")[:200] if whole else ""
            feed.modified = answer.headers.get("Last-Modified", "")[:100] if whole else ""
        return whole

    async def _fetch(self, entries: list[Entry]) -> bool:
        whole = True
        for start in range(0, len(entries), AT_ONCE):
            some = entries[start : start + AT_ONCE]
            async with asyncio.TaskGroup() as tasks:
                got = [tasks.create_task(self._download(entry)) for entry in some]
            # They are taken in the feed's order, whichever came first.
            for entry, task in zip(some, got, strict=True):
                data = task.result()
                if data is None:
                    whole = False
                    continue
                await self._take(data, source=entry.url, origin=Origin.FEED)
                self._remember(entry.url)
        return whole

    async def _download(self, entry: Entry) -> bytes | None:
        """A telegram; None when it could not be had now. What is given up, or too large, is an empty one."""
        try:
            _, data = await self._get(entry.url, {}, BYTES_MAX)
        except RefusedError as error:
            log.warning("telegram_refused", url=entry.url, error=str(error))
            return b""
        except httpx.HTTPError as error:
            tries = self._tries[entry.url] = self._tries.get(entry.url, 0) + 1
            log.warning("telegram_not_fetched", url=entry.url, error=f"{type(error).__name__}: {error}", tries=tries)
            return b"" if tries >= TRIES_MAX else None
        return data

    def _remember(self, url: str) -> None:
        self._seen[url] = None
        self._tries.pop(url, None)
        while len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]

    async def _get(self, url: str, headers: dict[str, str], most: int) -> tuple[httpx.Response, bytes]:
        asked = {"Accept-Encoding": "gzip", "User-Agent": AGENT, **headers}
        async with (
            asyncio.timeout(3 * TIMEOUT_S),
            self._client.stream("GET", url, headers=asked, timeout=TIMEOUT_S, follow_redirects=False) as answer,
        ):
            if answer.status_code == httpx.codes.NOT_MODIFIED:
                return answer, b""
            if answer.status_code != httpx.codes.OK:
                raise httpx.HTTPStatusError(f"answer {answer.status_code}", request=answer.request, response=answer)
            return answer, await _bounded(answer, most)


async def _bounded(answer: httpx.Response, most: int) -> bytes:
    """The body, unpacked, and not more of it than is taken."""
    packed = answer.headers.get("Content-Encoding", "identity").lower()
    if packed not in {"identity", "gzip"}:
        raise RefusedError(Why.MALFORMED, f"packed as {packed[:40]!r}, which nobody asked for")
    unpack = zlib.decompressobj(wbits=31) if packed == "gzip" else None
    found = bytearray()
    try:
        async for part in answer.aiter_raw():
            found += unpack.decompress(part, most + 1) if unpack else part
            if len(found) > most or (unpack and unpack.unconsumed_tail):
                raise RefusedError(Why.TOO_LARGE, f"more than {most:,} bytes")
    except zlib.error as error:
        raise RefusedError(Why.MALFORMED, f"not gzip: {error}") from None
    if unpack and not unpack.eof:
        raise RefusedError(Why.MALFORMED, "cut off")
    return bytes(found)
