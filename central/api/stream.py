"""``/api/v1/stream``: live values and news as server-sent events, filtered, and resumed by ``Last-Event-ID``.

An event's id holds two marks, ``VALUES.NEWS``: the version of the live values in this process, and the number of the
last news. Values that a reader missed come as they are now; news come one by one from the records, each once, also over
a restart. A reader keeps no queue: it takes what is newer than its marks when it can, so a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec
import structlog
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from central.api.gate import needs
from central.api.live import HEARTBEAT_S, RETRY_MS, Key, Live, encode
from central.api.models.news import EXAMPLE, news_out
from central.api.problems import Problem, nearest
from central.api.routes import ERRORS, STREAM, STREAM_HEADERS
from central.core.access import Right
from central.core.city import Queries
from central.core.hooks import SEVERITIES
from central.core.news import News, NewsKind, Severity
from central.newsroom import Newsroom
from central.store.base import StoreError

log = structlog.get_logger(__name__)
NEWS_AT_ONCE: Final = 200
STALLED_S: Final = 60.0
"""A reader that takes nothing for so long is cut; it comes back by itself with its marks."""
CITY: Final = "city"
FIELDS: Final = frozenset(
    {"stage", "switchable", "mode", "wanted_mode", "state", "last_reading_at", "pv_w", "load_w", "grid_w"}
    | {"battery_w", "soc_pct", "reserve_pct", "stored_wh", "devices_dark"}
)
"""What a stream says of a shelter (``models.stream_row``)."""
_object = msgspec.json.Decoder(dict[str, Any])

Sites = Annotated[list[str] | None, Query(max_length=200, description="One shelter's id, or several")]
Wards = Annotated[list[str] | None, Query(max_length=50, description="One ward, or several, Japanese or English")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a reader asked for. ``None`` and empty: everything."""

    values: bool
    news: bool
    sites: frozenset[str] | None
    wards: frozenset[str] | None
    """Japanese names."""
    kinds: frozenset[NewsKind]
    severity: Severity
    fields: frozenset[str]

    def texts(self, found: Mapping[Key, str]) -> dict[Key, str]:
        """What of the values is sent. The city's totals are for those who ask for the whole city."""
        if self.sites is not None:
            found = {key: text for key, text in found.items() if key[0] in self.sites}
        if not self.fields:
            return dict(found)
        return {key: text if key[0] == CITY else self._cut(text) for key, text in found.items()}

    def _cut(self, text: str) -> str:
        told = {name: value for name, value in _object.decode(text).items() if name in self.fields}
        return msgspec.json.encode(told).decode()

    def takes(self, news: News) -> bool:
        """Whether this news is sent. What concerns no single shelter or ward concerns all of them."""
        wards = {news.ward} if news.ward else set(news.values.get("wards", ()))
        return (
            (not self.kinds or news.kind in self.kinds)
            and SEVERITIES.index(news.severity) >= SEVERITIES.index(self.severity)
            and (self.sites is None or not news.site or news.site in self.sites)
            and (self.wards is None or not wards or bool(wards & self.wards))
        )


class Cuttable(StreamingResponse):
    """A stream whose reader is cut when it takes nothing for ``STALLED_S``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_in_time(message: Any) -> None:
            async with asyncio.timeout(STALLED_S):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except (TimeoutError, BaseExceptionGroup) as error:
            if isinstance(error, BaseExceptionGroup) and error.split(TimeoutError)[1] is not None:
                raise
            log.info("stream_reader_cut", stalled_s=STALLED_S)


def marks(text: str) -> tuple[str, int | None]:
    """A reader's two marks. Without one of news it gets those from now on."""
    values, _, digits = text.partition(".")
    return values, int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 15 else None


async def told(live: Live, newsroom: Newsroom | None, wanted: Wanted, mark: str) -> AsyncIterator[bytes]:
    """Bytes of one reader's answer."""
    version, known = marks(mark)
    latest = newsroom.latest if newsroom else 0
    # A number that was never given is of another database: it means nothing here.
    seen = latest if known is None or known > latest else known
    sent: dict[Key, str] = {}
    live.guests[STREAM] += 1
    try:
        yield b"retry: %d\n\n" % RETRY_MS
        while not live.is_closed:
            bells = [live.bell, *([newsroom.bell] if newsroom else [])]
            if wanted.values:
                feed = live.current(STREAM)
                texts = wanted.texts(feed.since(version))
                version = feed.mark
                if wanted.fields:
                    texts = {key: text for key, text in texts.items() if sent.get(key) != text}
                    sent.update(texts)
                if texts:
                    yield encode(texts, f"{version}.{seen}", "changes", raw=True)
            if wanted.news and newsroom:
                if seen < newsroom.oldest - 1:
                    yield _gap(version, seen, newsroom.oldest)
                    seen = newsroom.oldest - 1
                more = await newsroom.after(seen, NEWS_AT_ONCE)
                for news in more:
                    seen = news.n
                    if wanted.takes(news):
                        yield _event(f"{version}.{seen}", "news", news_out(news).model_dump_json().encode())
                if more:
                    continue
            if not live.is_closed and not await _any(bells, HEARTBEAT_S):
                yield b": still here\n\n"
        yield b": the service is ending, come back\n\n"
    except StoreError as error:
        log.warning("stream_without_news", error=str(error))
        yield b": the records do not answer, come back\n\n"
    finally:
        live.guests[STREAM] -= 1


async def _any(bells: list[asyncio.Event], limit_s: float) -> bool:
    """Until one of them rings; false when none did in time."""
    waiting = [asyncio.create_task(bell.wait()) for bell in bells]
    try:
        done, _ = await asyncio.wait(waiting, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in waiting:
            task.cancel()


def _event(mark: str, name: str, data: bytes) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (mark.encode(), name.encode(), data)


def _gap(version: str, seen: int, oldest: int) -> bytes:
    body = msgspec.json.encode({"after": str(seen), "before": str(oldest)})
    return _event(f"{version}.{oldest - 1}", "gap", body)


def router(queries: Queries, live: Live) -> APIRouter:
    """The stream. News are there when ``app.state`` has a ``newsroom``."""
    routes = APIRouter(prefix="/api/v1", responses=ERRORS, dependencies=[Depends(needs(Right.READ))])
    example = (
        f'id: 3fa1b2c4-57.1041\nevent: changes\ndata: {{"{EXAMPLE["site"]}": {{"now": {{"state": "islanded"}}}}}}\n\n'
        f"id: 3fa1b2c4-57.1042\nevent: news\ndata: {msgspec.json.encode(EXAMPLE).decode()}\n\n"
    )
    shown = {"text/event-stream": {"schema": {"type": "string"}, "example": example}}

    @routes.get(
        "/stream",
        tags=["city"],
        summary="Live values and news as server-sent events",
        response_class=StreamingResponse,
        responses={200: {"description": "Events without end", "content": shown}},
    )
    async def stream(
        request: Request,
        site: Sites = None,
        ward: Wards = None,
        event: Annotated[list[Literal["changes", "news"]] | None, Query(description="Default: both")] = None,
        kind: Annotated[list[NewsKind] | None, Query(description="News of these kinds only")] = None,
        severity: Annotated[Severity, Query(description="News of at least this severity")] = Severity.INFO,
        fields: Annotated[
            str, Query(max_length=500, description="Fields of a shelter's values, with commas: `state,soc_pct`")
        ] = "",
        since: Annotated[str, Query(max_length=64, description="Id of the last event that you have")] = "",
        last_event_id: Annotated[str, Header(max_length=64, description="The same, as browsers send it")] = "",
    ) -> StreamingResponse:
        """Event `changes`: `{site id: {"now": …}}` and `{"city": {"now": …}}`, first all, then only what changed; the
        city's totals come when no shelter and no ward is asked for. Event `news`: what happened, each once. Event
        `gap`: news between two numbers are not kept any more.

        Without a mark news come from now on. Who comes back with `Last-Event-ID` gets the news that were missed, each
        once, over restarts of the service too (they are kept for 90 days, at most 100,000), and the values as they are
        now. Without a message for 30 s the connection is gone; who takes nothing for 60 s is cut.
        """
        live.check_room()
        wards, sites = _places(queries, ward or [], site or [])
        events = set(event or ("changes", "news"))
        wanted = Wanted(
            values="changes" in events,
            news="news" in events,
            sites=sites,
            wards=wards,
            kinds=frozenset(kind or ()),
            severity=severity,
            fields=_fields(fields),
        )
        newsroom: Newsroom | None = getattr(request.app.state, "newsroom", None)
        body = told(live, newsroom, wanted, last_event_id or since)
        return Cuttable(body, media_type="text/event-stream", headers=STREAM_HEADERS)

    return routes


def _places(
    queries: Queries, wards: list[str], sites: list[str]
) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """The wards by their Japanese names and the shelters that a reader is told of; None: all of them.

    Raises:
        Problem: one is unknown.
    """
    if not wards and not sites:
        return None, None
    known = [now.site for now in queries.now().sites]
    names = {name: one.ward for one in known for name in (one.ward, one.ward_en) if name}
    _check("ward", wards, names)
    _check("site", sites, {one.id: one.ward for one in known})
    asked = frozenset(names[ward] for ward in wards) if wards else None
    found = frozenset(
        one.id for one in known if (not sites or one.id in sites) and (asked is None or one.ward in asked)
    )
    return asked, found


def _fields(text: str) -> frozenset[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    _check("fields", found, dict.fromkeys(FIELDS, ""))
    return frozenset(found)


def _check(where: str, given: list[str], known: Mapping[str, str]) -> None:
    for one in given:
        if one not in known:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Unknown name",
                f"There is no {where} {one[:60]!r}.",
                where=f"query: {where}",
                attempt="Use one of the names in 'nearest', or leave it out.",
                nearest=nearest(one, known),
            )
