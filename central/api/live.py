"""Live values for many readers: the city is looked at once per interval, and each reader gets only what changed.

A ``Feed`` is a set of named texts with the version at which each one last changed. A reader says which version it has
(the page's own, or the ``Last-Event-ID`` of a connection that broke) and gets the texts that are newer: so nothing is
missed between page and stream, nor over a broken connection, and nothing is sent twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import msgspec
import structlog

from central.api.problems import Problem
from central.core.city import CityNow

log = structlog.get_logger(__name__)
READERS_MAX: Final = 500
QUEUE_MAX: Final = 8
"""Messages that may wait for one reader; one that is further behind is let go and comes back by itself."""
HEARTBEAT_S: Final = 15.0
RETRY_MS: Final = 3_000

Key = tuple[str, str]
"""What a text belongs to (a shelter's id, or ``city``), and its name there."""
Render = Callable[[CityNow], Mapping[Key, str]]


@dataclass
class Feed:
    """Texts of one kind (the API's JSON, the page in one language) and when each one changed. Does no I/O."""

    render: Render
    epoch: str
    """Names this process: a version of an earlier one means nothing here."""
    version: int = 0
    seen_at_ms: int = -1
    texts: dict[Key, str] = field(default_factory=dict)
    changed_in: dict[Key, int] = field(default_factory=dict)

    def update(self, city: CityNow) -> dict[Key, str]:
        """Take a new look; returns the texts that changed."""
        self.seen_at_ms = city.at_ms
        fresh = self.render(city)
        changed = {key: text for key, text in fresh.items() if self.texts.get(key) != text}
        gone = self.texts.keys() - fresh.keys()
        for key in gone:
            del self.texts[key], self.changed_in[key]
        if changed or gone:
            self.version += 1
            self.texts.update(changed)
            self.changed_in.update(dict.fromkeys(changed, self.version))
        return changed

    @property
    def mark(self) -> str:
        """Epoch and version, as readers keep it."""
        return f"{self.epoch}-{self.version}"

    def since(self, mark: str) -> dict[Key, str]:
        """Texts that are newer than a reader's mark; all of them when the mark is not of this process."""
        epoch, _, digits = mark.rpartition("-")
        known = int(digits) if epoch == self.epoch and digits.isascii() and digits.isdecimal() else 0
        return {key: self.texts[key] for key, version in self.changed_in.items() if version > known}


def encode(changed: Mapping[Key, str], mark: str, event: str, *, raw: bool) -> bytes:
    """One server-sent event: ``{owner: {name: text}}``. With ``raw`` the texts are JSON already."""
    grouped: dict[str, dict[str, object]] = {}
    for (owner, name), text in changed.items():
        grouped.setdefault(owner, {})[name] = msgspec.Raw(text.encode()) if raw else text
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (mark.encode(), event.encode(), msgspec.json.encode(grouped))


@dataclass(eq=False)
class _Reader:
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))


@dataclass
class Channel:
    """One feed and its readers."""

    feed: Feed
    event: str
    raw: bool = False
    readers: set[_Reader] = field(default_factory=set)


class Live:
    """All channels of an app; ``run`` is the one producer."""

    def __init__(
        self,
        look: Callable[[], CityNow],
        *,
        epoch: str,
        interval_s: float,
        clock: Callable[[], int],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._look = look
        self._epoch = epoch
        self._interval_s = interval_s
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self._channels: dict[str, Channel] = {}
        self._closed = False
        self.readers_dropped = 0
        self.guests: Counter[str] = Counter()
        """Channel → readers that take what is newer than their mark by themselves when the bell rings."""
        self.bell = asyncio.Event()
        """Set, and replaced by a new one, when a channel changed or the service is ending."""

    @property
    def readers(self) -> int:
        """Open connections."""
        return sum(len(channel.readers) for channel in self._channels.values()) + self.guests.total()

    @property
    def is_closed(self) -> bool:
        """Whether every stream has to end."""
        return self._closed

    def add(self, name: str, render: Render, *, event: str, raw: bool = False) -> None:
        """Offer a channel."""
        self._channels[name] = Channel(Feed(render, self._epoch), event, raw)

    def has(self, name: str) -> bool:
        """Whether a channel is there already."""
        return name in self._channels

    def current(self, name: str) -> Feed:
        """A channel's feed, not older than one interval."""
        channel = self._channels[name]
        # A look from the future is one from before the clock was set back: it is as old as any.
        if not 0 <= self._clock() - channel.feed.seen_at_ms < self._interval_s * 1_000:
            self._publish(channel, self._look())
        return channel.feed

    def tick(self) -> None:
        """Look once, and tell every reader what changed."""
        busy = [channel for name, channel in self._channels.items() if channel.readers or self.guests[name]]
        if not busy:
            return
        city = self._look()
        for channel in busy:
            try:
                self._publish(channel, city)
            except Exception as error:  # noqa: BLE001 - one page that can't be made must not silence the others
                log.warning("live_channel_failed", error=repr(error))

    def _publish(self, channel: Channel, city: CityNow) -> None:
        changed = channel.feed.update(city)
        if not changed:
            return
        self._ring()
        if not channel.readers:
            return
        message = encode(changed, channel.feed.mark, channel.event, raw=channel.raw)
        for reader in list(channel.readers):
            try:
                reader.queue.put_nowait(message)
            except asyncio.QueueFull:
                self.readers_dropped += 1
                self._let_go(channel, reader)

    @staticmethod
    def _let_go(channel: Channel, reader: _Reader) -> None:
        channel.readers.discard(reader)
        while not reader.queue.empty():
            reader.queue.get_nowait()
        reader.queue.put_nowait(None)

    async def run(self) -> None:
        """Produce until cancelled. A look that fails is logged: readers hear nothing, and say so by themselves."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                self.tick()
            except Exception as error:  # noqa: BLE001 - one bad look must not end every stream
                log.warning("live_look_failed", error=repr(error))

    def close(self) -> None:
        """End every stream and take no new one. A server that drains its connections must call this first."""
        self._closed = True
        for channel in self._channels.values():
            for reader in list(channel.readers):
                self._let_go(channel, reader)
        self._ring()

    def _ring(self) -> None:
        self.bell.set()
        self.bell = asyncio.Event()

    def check_room(self) -> None:
        """Refuse a reader before its answer starts.

        Raises:
            Problem: there are too many, or the service is ending.
        """
        if not self._closed and self.readers < READERS_MAX:
            return
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "No room for another stream",
            "The service is ending." if self._closed else f"{READERS_MAX} streams are open.",
            attempt="Ask again in a minute, or poll GET /api/v1/sites.",
            headers={"Retry-After": "60"},
        )

    async def stream(self, name: str, mark: str) -> AsyncIterator[bytes]:
        """Bytes of one reader's answer: what is newer than its mark, then changes as they come."""
        feed = self.current(name)
        channel = self._channels[name]
        reader = _Reader()
        channel.readers.add(reader)
        try:
            # Joined and caught up without a pause between, so nothing is missed and nothing comes twice.
            greeting = b"retry: %d\n\n" % RETRY_MS
            if missed := feed.since(mark):
                greeting += encode(missed, feed.mark, channel.event, raw=channel.raw)
            yield greeting
            while True:
                try:
                    # Not wait_for, which may swallow a cancellation that comes together with a message.
                    async with asyncio.timeout(self._heartbeat_s):
                        message = await reader.queue.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if message is None:
                    return
                yield message
        finally:
            channel.readers.discard(reader)
