"""A storm of silences through real parts: broker, intake, stores, live view and watch of a city of 182 shelters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from central.broker import Broker, BrokerAddress
from central.core.city import Site
from central.core.ledger import Ledger
from central.core.live import LiveView
from central.core.news import NewsKind
from central.core.newsmaking import Look
from central.core.watch.alerts import Alert
from central.inbox import Inbox
from central.ingest import Ingest
from central.newsroom import Newsroom
from central.queries import CityQueries
from central.store.records import Records
from central.store.sqlite import SqliteStore
from central.watch.gather import Gatherer, NoCertificates, NoTargets, Sources
from central.watch.loop import Watch
from central.watch.rule_file import RuleFile
from central.watch.service import ServiceSources
from contract.topics import Channel, topic
from tests.central.fake import make_sites
from tests.central.ingest.parts import Clock, live_message
from tests.support import Mosquitto, MqttClient, eventually

pytestmark = pytest.mark.mosquitto
MINUTE_MS = 60_000
CARRIERS_WARD = "若葉区"
"""All shelters of this ward are with one mobile carrier."""


@dataclass
class Storm:
    """The city's side over a real broker; the clock is the test's."""

    mosquitto: Mosquitto
    broker: Broker
    ingest: Ingest
    records: Records
    newsroom: Newsroom
    watch: Watch
    clock: Clock
    sites: list[Site]
    seq: int = 0

    async def speak(self, sites: Iterable[Site]) -> None:
        """Each of these shelters sends a reading of now, and the city has it."""
        self.seq += 1
        told = self.ingest.counts.messages
        async with MqttClient("127.0.0.1", self.mosquitto.port) as client:
            chosen = list(sites)
            for site in chosen:
                message = live_message(self.seq, at_ms=self.clock.now_ms)
                await client.publish(topic(site.id, Channel.TELEMETRY), message, qos=1)
        await eventually(
            lambda: self.ingest.counts.messages >= told + len(chosen) and not self.ingest.is_busy, what="their readings"
        )

    async def live(self, minutes: int, speaking: Iterable[Site] = ()) -> None:
        """Time goes on, in steps of five minutes; after each the watch looks."""
        chosen = list(speaking)
        for _ in range(minutes // 5):
            self.clock.now_ms += 5 * MINUTE_MS
            if chosen:
                await self.speak(chosen)
            await self.watch.look()

    @property
    def open(self) -> list[str]:
        return [f"{one.family.value} {one.about.kind.value} {one.about.name}".strip() for one in self.watch.alerts]

    async def told(self) -> list[NewsKind]:
        kinds = {NewsKind.ALERT, NewsKind.ALERT_OVER}
        return [one.kind for one in await self.newsroom.after(0) if one.kind in kinds]

    async def all_alerts(self) -> list[Alert]:
        return await self.records.alerts.newest()


@asynccontextmanager
async def city(folder: Path, mosquitto: Mosquitto) -> AsyncIterator[Storm]:
    clock, live, inbox, sites = Clock(), LiveView(), Inbox(), make_sites()
    async with AsyncExitStack() as stack:
        store = await SqliteStore.open(folder / "telemetry.sqlite")
        stack.push_async_callback(store.close)
        records = await Records.open(folder / "records.sqlite")
        stack.push_async_callback(records.close)
        broker, ledger = Broker(BrokerAddress(port=mosquitto.port), inbox), Ledger([], runs_each=64)
        ingest = Ingest(
            inbox, store, records, live=live, ledger=ledger, send=broker.acknowledge, now=clock, linger_s=0.01
        )
        ingest.set_sites(sites)
        live.set_sites(sites)
        queries = CityQueries(live=live, ledger=ledger, ingest=ingest, store=store, records=records, now=clock)
        newsroom = Newsroom(records.news, lambda: Look(city=queries.now()), now=clock)
        await newsroom.load()
        sources = Sources(
            queries=queries,
            days=lambda _site: {},
            facts=records.facts.newest,
            service=ServiceSources(
                ready=lambda: {"mqtt": broker.trouble or "ok", "store": ingest.trouble.store or "ok"},
                stats=queries.ingest_stats,
            ),
            reserve_pct=30.0,
            targets=NoTargets(),
            certificates=NoCertificates(),
        )
        watch = Watch(RuleFile(None), records.alerts, Gatherer(sources, started_ms=clock()), newsroom, now=clock)
        await watch.load()
        for work in (broker.run(), ingest.run()):
            task = asyncio.create_task(work)
            stack.push_async_callback(_ended, task)
        await eventually(broker.subscribed.is_set, what="the subscription")
        yield Storm(mosquitto, broker, ingest, records, newsroom, watch, clock, sites)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_dead_broker_is_one_alert_and_all_is_over_when_it_is_back(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with city(tmp_path, mosquitto) as storm:
        await storm.live(10, storm.sites)
        assert storm.open == []
        mosquitto.kill()
        await eventually(lambda: bool(storm.broker.trouble), what="that the broker is missed")
        await storm.live(60)
        assert storm.open == ["service service"], "one alert, and none of a shelter"
        assert storm.watch.alerts[0].evidence[0].rule == "broker-down"
        mosquitto.start()
        await eventually(lambda: not storm.broker.trouble, what="that the broker is back")
        await storm.live(5)
        assert storm.open == ["service service"], "over after a minute with the broker; nobody is silent yet"
        await storm.live(20, storm.sites)
        assert storm.open == []
        assert len(await storm.all_alerts()) == 1
        assert await storm.told() == [NewsKind.ALERT, NewsKind.ALERT_OVER]


async def test_a_carrier_that_fails_in_a_ward_is_one_alert_of_the_ward(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with city(tmp_path, mosquitto) as storm:
        others = [site for site in storm.sites if site.ward != CARRIERS_WARD]
        await storm.live(5, storm.sites)
        await storm.live(25, others)
        assert storm.open == [f"link ward {CARRIERS_WARD}"]
        (alert,) = storm.watch.alerts
        assert set(alert.sites) == {site.id for site in storm.sites if site.ward == CARRIERS_WARD}
        await storm.live(10, storm.sites)
        assert storm.open == []
        assert len(await storm.all_alerts()) == 1, "and none of its thirty shelters had one of its own"
        assert await storm.told() == [NewsKind.ALERT, NewsKind.ALERT_OVER]
