"""Shelters as the city meets them over a broker: they take signed orders, answer by receipts, may be cut off, may lie.

What the real agent does with its devices is tested in its own room; here stands what travels.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import msgspec

from central.commissioning import report_of
from central.core.city import Site
from central.store.records import Batch, Records
from contract.commissioning import as_detail
from contract.messages import ClockState, Event, EventKind, OutboxStatus, Status
from contract.signing import fingerprint
from contract.steering import (
    Desired,
    Mode,
    Reason,
    Receipt,
    Reported,
    Source,
    Stage,
    encode_reported,
    open_desired,
    receipt_detail,
)
from contract.topics import Channel, topic
from contract.wire import encode
from tests.central.ingest.test_reports import GOOD, signed
from tests.support import MqttClient

WARDS = ("中央区", "美浜区", "緑区")


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def site_ids(count: int) -> list[str]:
    return [f"E00000{n:05d}111" for n in range(1, count + 1)]


def sites_of(ids: Iterable[str]) -> list[Site]:
    return [
        Site(
            id=site,
            name=f"第{n}小学校",
            ward=WARDS[n % 3],
            latitude=35.6,
            longitude=140.1,
            synthetic=True,
        )
        for n, site in enumerate(ids)
    ]


async def register(records: Records, ids: list[str], *, verified: Iterable[str]) -> None:
    """Registered shelters, some of them with a report that proves them."""
    await records.save_sites(sites_of(ids))
    reports = []
    for site in verified:
        report = msgspec.structs.replace(GOOD, site=site)
        reports.append(report_of(site, as_detail(signed(report)), GOOD.at_ms))
    await records.save_batch(Batch(reports=reports))


async def prepare(data: Path, ids: list[str], *, verified: Iterable[str]) -> None:
    """A data folder with these shelters."""
    await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
    records = await Records.open(data / "records.sqlite")
    try:
        await register(records, ids, verified=verified)
    finally:
        await records.close()


@dataclass
class Shelter:
    """One scripted agent. ``fails``: what it answers instead of the proof."""

    site: str
    public: bytes
    fails: Reason | None = None
    mode: Mode = Mode.NORMAL
    taken: list[Desired] = field(default_factory=list)
    switched: list[tuple[int, Mode]] = field(default_factory=list)
    """Every time that it really switched: revision and mode."""
    refused: list[Reason] = field(default_factory=list)
    seq: int = 0
    last: bytes | None = None
    """Reported state, said again at every connection."""

    @property
    def revision(self) -> int:
        return self.taken[-1].revision if self.taken else 0

    def answer(self, payload: bytes) -> list[Receipt]:
        """What it says to a message on its topic; nothing to a repeat."""
        desired = open_desired(payload, keys={fingerprint(self.public): self.public}, site=self.site)
        if desired.revision <= self.revision:
            return []
        self.taken.append(desired)
        at_ms = wall_ms()

        def receipt(stage: Stage, n: int, reason: Reason = Reason.NONE) -> Receipt:
            return Receipt(revision=desired.revision, stage=stage, at_ms=at_ms + n, reason=reason)

        accepted = receipt(Stage.ACCEPTED, 0)
        if desired.is_drill and not desired.is_live_drill:
            return [accepted, receipt(Stage.REFUSED, 1, Reason.DRILL)]
        self.switched.append((desired.revision, desired.mode))
        if self.fails is not None:
            return [accepted, receipt(Stage.WRITTEN, 1), receipt(Stage.FAILED, 2, self.fails)]
        self.mode = desired.mode
        return [accepted, receipt(Stage.WRITTEN, 1), receipt(Stage.READ_BACK, 2), receipt(Stage.VERIFIED, 3)]

    def reported(self, last: Receipt | None) -> bytes:
        return encode_reported(
            Reported(
                at_ms=wall_ms(),
                revision=self.revision,
                mode=self.mode,
                source=Source.CITY if self.taken else Source.DEFAULT,
                receipt=last,
                soc_pct=80.0,
            )
        )


class Shelters:
    """Some shelters behind one connection of their own."""

    def __init__(self, port: int, shelters: Iterable[Shelter]) -> None:
        self._port = port
        self.by_site = {shelter.site: shelter for shelter in shelters}
        self.waiting: dict[tuple[str, int], bytes] = {}
        """Events that the city has not acknowledged: sent again at every connection, as an outbox does."""

    async def run(self) -> None:
        """Be online until cancelled; after a lost connection come back."""
        while True:
            try:
                async with MqttClient("127.0.0.1", self._port) as client:
                    await self._session(client)
            except aiomqtt.MqttError:
                await asyncio.sleep(0.1)

    async def _session(self, client: aiomqtt.Client) -> None:
        for site in self.by_site:
            # A pattern would bring the retained orders of shelters that are not behind this connection.
            await client.subscribe([(topic(site, Channel.DESIRED), 1), (topic(site, Channel.ACK), 1)])
            online = Status(
                online=True,
                at_ms=wall_ms(),
                interval_s=5,
                clock=ClockState.KNOWN,
                outbox=OutboxStatus(epoch="a", next_seq=1),
            )
            await client.publish(topic(site, Channel.STATUS), encode(online), qos=1, retain=True)
        for shelter in self.by_site.values():
            if shelter.last is not None:
                await client.publish(topic(shelter.site, Channel.REPORTED), shelter.last, qos=1, retain=True)
        for (site, _), payload in list(self.waiting.items()):
            await client.publish(topic(site, Channel.EVENT), payload, qos=1)
        async for message in client.messages:
            _, _, site, channel = message.topic.value.split("/")
            assert isinstance(message.payload, bytes)
            if channel == Channel.ACK.value:
                self._acknowledged(site, message.payload)
            else:
                await self._obey(client, self.by_site[site], message.payload)

    async def _obey(self, client: aiomqtt.Client, shelter: Shelter, payload: bytes) -> None:
        receipts = shelter.answer(payload)
        if not receipts:
            return
        # Kept before anything is sent, as an agent does: the connection may go at every await.
        events = []
        for receipt in receipts:
            shelter.seq += 1
            event = Event(
                epoch="a",
                seq=shelter.seq,
                at_ms=receipt.at_ms,
                kind=EventKind.RECEIPT,
                detail=dict(receipt_detail(receipt)),
            )
            self.waiting[shelter.site, shelter.seq] = encode(event)
            events.append(self.waiting[shelter.site, shelter.seq])
        state = shelter.last = shelter.reported(receipts[-1])
        for payload in events:
            await client.publish(topic(shelter.site, Channel.EVENT), payload, qos=1)
        await client.publish(topic(shelter.site, Channel.REPORTED), state, qos=1, retain=True)

    def _acknowledged(self, site: str, payload: bytes) -> None:
        from contract.wire import decode_ack

        for first, last in decode_ack(payload).ranges:
            for seq in range(first, last + 1):
                self.waiting.pop((site, seq), None)


@asynccontextmanager
async def online(port: int, shelters: Iterable[Shelter]) -> AsyncIterator[Shelters]:
    """Shelters that are connected for the length of a block."""
    here = Shelters(port, shelters)
    running = asyncio.create_task(here.run())
    try:
        yield here
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
