"""Polling over real HTTP: conditions, everything once, faults, limits, and what is not followed."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from central.core.alerts.telegram import Origin
from central.feeds.atom import FEED_BYTES_MAX, Entry, read_feed, worth
from central.feeds.desk import Taken
from central.feeds.poll import BACKOFF_MAX_S, GAP_MS, LONG_AGAIN_MS, POLL_S, TRIES_MAX, Feed, Poller
from central.feeds.xml import BYTES_MAX, RefusedError
from central.store.base import StoreError
from tests.central.feeds.agency import Agency, feed_of, running
from tests.central.feeds.parts import CHUO, first_report, quake, weather
from tests.central.ingest.parts import Clock


@dataclass
class Desk:
    """Takes what the poller brings, as long as its records are there."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    is_away: bool = False

    async def take(self, data: bytes, *, source: str, origin: Origin) -> Taken:
        assert origin is Origin.FEED
        if self.is_away:
            raise StoreError("away")
        self.taken.append((source, data))
        return Taken("first", "")


@dataclass
class House:
    agency: Agency
    desk: Desk
    clock: Clock
    poller: Poller
    feed: Feed

    async def poll(self) -> list[str]:
        """Sources that one poll brought."""
        before = len(self.desk.taken)
        await self.poller.poll(self.feed)
        return [source for source, _ in self.desk.taken[before:]]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with running() as agency, httpx.AsyncClient(trust_env=False) as client:
        desk, clock = Desk(), Clock()
        feed = Feed(f"{agency.base}/feed/eqvol.xml")
        poller = Poller([feed], client, desk.take, offices=["120000"], seen=[], now=clock)
        yield House(agency, desk, clock, poller, feed)


async def test_what_is_new_is_fetched_once_oldest_first_and_nothing_else(house: House) -> None:
    first = house.agency.telegram("VXSE51", first_report("5+"), n=1)
    second = house.agency.telegram("VXSE53", quake({CHUO: "5+"}), n=2)
    other = house.agency.telegram("VFVO53", b"ash", n=3)
    house.agency.publish(other, second, first)
    assert await house.poll() == [first, second]
    assert house.desk.taken[1][1] == quake({CHUO: "5+"})
    assert await house.poll() == []
    assert house.agency.kept == 1
    third = house.agency.telegram("VXSE53", quake({CHUO: "6-"}, serial="2"), n=4)
    house.agency.publish(third, other, second, first)
    assert await house.poll() == [third]
    assert max(house.agency.hits[url.removeprefix(house.agency.base)] for url in (first, second, third)) == 1
    assert house.agency.hits[other.removeprefix(house.agency.base)] == 0
    assert all("shelter-ems" in agent for agent in house.agency.agents)


async def test_weather_of_other_offices_is_not_fetched(house: House) -> None:
    ours = house.agency.telegram("VPWW55", weather(), n=1, office="120000")
    theirs = house.agency.telegram("VPWW55", weather(), n=2, office="270000")
    house.agency.publish(theirs, ours)
    assert await house.poll() == [ours]


async def test_after_a_pause_the_long_feed_is_asked_first(house: House) -> None:
    house.feed.long_url = f"{house.agency.base}/feed/eqvol_l.xml"
    old = house.agency.telegram("VXSE53", quake({CHUO: "4"}), n=1)
    new = house.agency.telegram("VXSE53", quake({CHUO: "5-"}, serial="2"), n=2)
    house.agency.publish(old, name="eqvol_l")
    house.agency.publish(new)
    assert await house.poll() == [old, new]
    house.clock.now_ms += GAP_MS
    await house.poll()
    assert house.agency.hits["/feed/eqvol_l.xml"] == 1
    house.clock.now_ms += LONG_AGAIN_MS + 1
    await house.poll()
    assert house.agency.hits["/feed/eqvol_l.xml"] == 2


async def test_without_the_long_feed_the_short_one_is_read_and_the_long_one_asked_again(house: House) -> None:
    house.feed.long_url = f"{house.agency.base}/feed/eqvol_l.xml"
    new = house.agency.telegram("VXSE53", quake({CHUO: "5-"}), n=2)
    old = house.agency.telegram("VXSE53", quake({CHUO: "4"}), n=1)
    house.agency.publish(new)
    assert await house.poll() == [new]
    house.agency.publish(old, name="eqvol_l")
    assert await house.poll() == []
    house.clock.now_ms += LONG_AGAIN_MS
    assert await house.poll() == [old]


async def test_a_telegram_that_fails_is_tried_again_although_the_feed_has_not_changed(house: House) -> None:
    url = house.agency.telegram("VXSE53", quake({CHUO: "5+"}), n=1)
    house.agency.publish(url)
    house.agency.fails[url.removeprefix(house.agency.base)] = 2
    assert [await house.poll() for _ in range(4)] == [[], [], [url], []]


async def test_a_telegram_that_never_comes_is_given_up_and_counted_as_refused(house: House) -> None:
    gone = f"{house.agency.base}/data/20260921013001_0_VXSE53_010000.xml"
    house.agency.publish(gone)
    found = [await house.poll() for _ in range(TRIES_MAX + 1)]
    assert found == [[]] * (TRIES_MAX - 1) + [[gone], []]
    assert house.desk.taken == [(gone, b"")]


async def test_a_feed_that_fails_is_asked_less_often_and_says_why(house: House) -> None:
    pauses = []
    for _ in range(6):
        await house.poll()
        pauses.append(house.feed.pause_s)
    assert pauses == [2 * POLL_S, 4 * POLL_S, 8 * POLL_S, BACKOFF_MAX_S, BACKOFF_MAX_S, BACKOFF_MAX_S]
    assert "404" in house.feed.trouble
    house.agency.publish()
    await house.poll()
    assert (house.feed.pause_s, house.feed.trouble) == (POLL_S, "")


async def test_what_could_not_be_kept_comes_again(house: House) -> None:
    url = house.agency.telegram("VXSE53", quake({CHUO: "5+"}), n=1)
    house.agency.publish(url)
    house.desk.is_away = True
    assert await house.poll() == []
    house.desk.is_away = False
    assert await house.poll() == [url]


async def test_addresses_elsewhere_and_redirections_are_not_followed(house: House) -> None:
    base = house.agency.base
    for address in (
        "http://127.0.0.1:1/data/20260921013001_0_VXSE53_010000.xml",
        f"{base.replace('http', 'https')}/data/20260921013001_0_VXSE53_010000.xml",
        "file:///data/20260921013001_0_VXSE53_010000.xml",
        f"{base}/data/20260921013001_0_VXSE53_010000.xml?x=1",
        f"{base}/data/20260921013001_0_VXSE53_010000.xml/../../secret",
        "http://[bad/20260921013001_0_VXSE53_010000.xml",
        "",
    ):
        house.agency.publish(address)
        assert await house.poll() == []
    house.feed.url = f"{base}/moved.xml"
    await house.poll()
    assert "302" in house.feed.trouble
    assert house.agency.hits["/elsewhere.xml"] == 0


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        (gzip.compress(b"x" * (FEED_BYTES_MAX + 10)), "more than"),
        (gzip.compress(gzip.compress(b"\0" * 200_000_000)), "not XML"),
        (gzip.compress(b"\0" * 300_000_000), "more than"),
        (b"not gzip at all", "not gzip"),
        (gzip.compress(feed_of([]))[:-9], "cut off"),
    ],
    ids=("large", "packed twice", "bomb", "no gzip", "cut off"),
)
async def test_a_bomb_or_a_broken_answer_is_refused_within_its_limit(house: House, packed: bytes, says: str) -> None:
    house.agency.packed["/feed/eqvol.xml"] = packed
    assert await house.poll() == []
    assert says in house.feed.trouble


async def test_a_telegram_that_is_too_large_is_given_up_at_once(house: House) -> None:
    url = house.agency.telegram("VXSE53", b"x" * (BYTES_MAX + 10), n=1)
    house.agency.publish(url)
    assert await house.poll() == [url]
    assert house.desk.taken == [(url, b"")]


async def test_what_was_fetched_before_a_restart_is_not_fetched_again(house: House) -> None:
    url = house.agency.telegram("VXSE53", quake({CHUO: "5+"}), n=1)
    house.agency.publish(url)
    async with httpx.AsyncClient(trust_env=False) as client:
        poller = Poller([house.feed], client, house.desk.take, offices=[], seen=[url], now=house.clock)
        await poller.poll(house.feed)
    assert house.desk.taken == []


def test_a_feed_with_something_else_in_it_is_no_feed() -> None:
    with pytest.raises(RefusedError, match="not an Atom feed"):
        read_feed(b"<html/>", url="http://x/feed")
    assert worth([Entry("a", "VXSE53", "010000")] * 2, seen=[], offices=[]) == [Entry("a", "VXSE53", "010000")]
