"""The way out: from the outbox to the broker, and the city's acknowledgements back into the outbox.

``core/backfill.py`` decides what goes next; here it is read, encoded and sent, and what comes back is applied. The
loop lives until it is cancelled; then it sends what is newest, waits briefly for acknowledgements and says goodbye.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import aiomqtt
import structlog
from msgspec.structs import replace

from contract.layouts import Layout
from contract.messages import Ack, ClockState, Status
from contract.ranges import RangeSet
from contract.topics import Channel, topic
from contract.trouble import advice
from contract.wire import (
    MESSAGE_BYTES_MAX,
    Row,
    WireError,
    decode_ack,
    decode_event,
    encode,
    history_telemetry,
    live_telemetry,
)
from edge_agent.core.backfill import Delivery, History, Pace, Single
from edge_agent.core.clock import SiteClock
from edge_agent.core.dating import dated
from edge_agent.core.reconnect import STEADY_MS, delay_s
from edge_agent.io.broker import Connection, MqttLink, heed_cancellation, is_refused, subscribe
from edge_agent.io.outbox import Outbox, OutboxUnreadableError
from edge_agent.io.outbox_file import EVENT, Entry, complain, rows_of

log = structlog.get_logger()

STATUS_EVERY_MS: Final = 60_000
STATUS_LOOK_MS: Final = 5_000
"""How often it is looked whether the status changed; so it is sent at most this often."""
DEAF_MS: Final = 300_000
"""Connected and unanswered for this long: connect anew."""
CLOCK_WAIT_MS: Final = 600_000
"""Online for so long and nobody told the time: the wall clock's word is taken."""
UNREADABLE_WAIT_MS: Final = 1_000
FAREWELL_S: Final = 3.0
_NEVER: Final = -1
REASONS_MAX: Final = 20
"""Different reasons for being without a connection that are logged in one outage."""


@dataclass(slots=True)
class PublishStats:
    """What this process sent and heard."""

    connects: int = 0
    messages: int = 0
    bytes: int = 0
    acks: int = 0
    acks_foreign: int = 0
    """Acknowledgements for another outbox: an earlier file of this site."""
    acks_bad: int = 0
    entries_refused: int = 0


class Steers(Protocol):
    """Who obeys the city (steer.Steerer)."""

    listener: Callable[[], None]
    """Called when there is a new report."""

    @property
    def report_payload(self) -> bytes | None:
        """The reported state as it travels; None while there is none."""

    def hear(self, payload: bytes) -> object:
        """A desired state came."""

    def heard(self, utc_ms: int) -> object:
        """The city said something, at this time."""


class Publisher:
    """One site's sending side. ``status`` gives the site's status; clock and outbox are filled in here."""

    def __init__(
        self,
        outbox: Outbox,
        link: MqttLink,
        *,
        site: str,
        status: Callable[[], Status],
        clock: SiteClock,
        pace: Pace | None = None,
        deaf_ms: int = DEAF_MS,
        steers: Steers | None = None,
    ) -> None:
        self.stats = PublishStats()
        self._outbox = outbox
        self._link = link
        self._status = status
        self._clock = clock
        self._pace = pace or Pace()
        self._deaf_ms = deaf_ms
        self._now_ms = clock.boot_ms  # Never steps, so waits are what they should be.
        self._topics = {channel: topic(site, channel) for channel in Channel}
        self._wake = asyncio.Event()
        self._up_since_ms = _NEVER
        self._told: set[str] = set()
        self._status_at_ms = 0
        self._status_last: Status | None = None
        self._delivery = self._new_delivery()
        self._steers, self._report_last = steers, b""
        if steers is not None:
            steers.listener = self._wake.set
        outbox.listener = self

    # --- The outbox's listener ---------------------------------------------------------------------------------------

    def added(self, seq: int, *, is_event: bool) -> None:
        """A new entry: send it at once."""
        self._delivery.added(seq, is_event=is_event)
        self._wake.set()

    def restored(self, first: int, last: int) -> None:
        """Older entries can be sent now."""
        self._delivery.restored(first, last)
        self._wake.set()

    def replaced(self) -> None:
        """Another file: begin again with what waits in it."""
        self._delivery = self._new_delivery(connected=self._delivery.connected)
        self._wake.set()

    def _new_delivery(self, *, connected: bool = False) -> Delivery:
        known = {layout_id for layout_id, fact in self._outbox.book.layouts.items() if fact.known}
        delivery = Delivery(self._outbox.waiting_ranges(), self._outbox.waiting_events(), known, self._pace)
        if connected:
            delivery.connect(self._outbox.newest_entries(), now_ms=self._now_ms())
        return delivery

    # --- The loop ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, send, listen; again and again, until cancelled."""
        down_since_ms = self._now_ms()
        while True:
            heed_cancellation()
            self._up_since_ms = _NEVER
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                now_ms = self._now_ms()
                if self._up_since_ms != _NEVER and now_ms - self._up_since_ms >= STEADY_MS:
                    down_since_ms = now_ms
                    self._told.clear()
                refused = is_refused(error)
                self._complain(str(error), is_refused=refused)
            finally:
                self._delivery.disconnect()
            outage_s = (self._now_ms() - down_since_ms) / 1000
            await asyncio.sleep(delay_s(outage_s, random.random(), is_refused=refused))  # noqa: S311

    def _complain(self, why: str, *, is_refused: bool) -> None:
        """Say once in an outage why there is no connection, and again when it is for another reason."""
        if why in self._told or len(self._told) >= REASONS_MAX:
            return
        self._told.add(why)
        if is_refused:
            what = "the broker refuses this site: check mqtt.username, password_file and the certificate"
            log.error(what, host=self._link.host, username=self._link.username, error=why)
        else:
            log.warning("no connection to the broker", host=self._link.host, error=why, attempt=advice(why))

    async def _session(self) -> None:
        will = aiomqtt.Will(self._topics[Channel.STATUS], encode(Status(online=False)), qos=1, retain=True)
        async with self._link.client(will, self._heard) as client:
            heed_cancellation()
            self.stats.connects += 1
            self._up_since_ms = self._now_ms()
            if not await subscribe(client, self._topics[Channel.ACK]):
                log.error("the broker does not let this site hear acknowledgements", topic=self._topics[Channel.ACK])
            desired = self._topics[Channel.DESIRED]
            if self._steers is not None and not await subscribe(client, desired, qos=1):
                log.error("the broker does not let this site hear the city's orders", topic=desired)
            log.info("connected to the broker", host=self._link.host, port=self._link.port)
            self._status_last, self._report_last = None, b""
            self._delivery.connect(self._outbox.newest_entries(), now_ms=self._now_ms())
            connection = Connection(client, on_end=self._wake.set)
            try:
                await self._send_all(connection)
            except asyncio.CancelledError:
                with contextlib.suppress(TimeoutError, aiomqtt.MqttError):
                    async with asyncio.timeout(FAREWELL_S):
                        await self._say_goodbye(connection)
                raise
            finally:
                await connection.close()

    async def _send_all(self, connection: Connection) -> None:
        since_ms = self._now_ms()
        while not connection.is_over:
            heed_cancellation()
            if not self._clock.is_known and self._now_ms() - since_ms >= CLOCK_WAIT_MS:
                self._clock.trust_wall()
            await self._send_status_if_due(connection)
            await self._send_report(connection)
            if not await self._send_next(connection):
                await self._sleep(self._delivery.wake_ms(self._now_ms()))
            if self._delivery.is_deaf(self._deaf_ms, self._now_ms()):
                raise aiomqtt.MqttError(f"nothing was acknowledged for {self._deaf_ms / 1000:.0f} s")
        raise aiomqtt.MqttError("the connection ended")

    async def _sleep(self, wait_ms: int) -> None:
        self._wake.clear()
        wait_ms = min(wait_ms, STATUS_LOOK_MS, self._deaf_ms)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1000):
                await self._wake.wait()

    async def _say_goodbye(self, connection: Connection) -> None:
        """Send what is new, wait a moment for its acknowledgement, and say that we go. History stays for next time."""
        deadline_ms = self._now_ms() + FAREWELL_S * 1000 / 2
        while not (self._delivery.is_live_done or connection.is_over) and self._now_ms() < deadline_ms:
            if not await self._send_next(connection, is_leaving=True):
                await self._sleep(100)
        self._outbox.flush()
        offline = replace(self._full_status(), online=False)
        await connection.send(self._topics[Channel.STATUS], encode(offline), retain=True)

    # --- Sending -----------------------------------------------------------------------------------------------------

    async def _send_next(self, connection: Connection, *, is_leaving: bool = False) -> bool:
        job = self._delivery.next(self._now_ms())
        if job is None or (is_leaving and isinstance(job, History)):
            return False
        try:
            if isinstance(job, Single):
                self._send_single(connection, job.seq)
            else:
                self._send_history(connection, job)
            await asyncio.sleep(0)  # Between messages everybody else has a turn.
        except OutboxUnreadableError:
            await self._sleep(UNREADABLE_WAIT_MS)
        return True

    def _send_single(self, connection: Connection, seq: int) -> None:
        entry = self._outbox.entry(seq)
        if entry is None:
            self._delivery.gone(seq)
            return
        if entry.kind == EVENT:
            try:
                event = decode_event(entry.body)
            except WireError as error:  # Nobody could read it; the others must not wait behind it.
                complain("an event in the outbox can't be sent", seq=seq, error=str(error))
                self._delivery.gone(seq)
                return
            event = dated(replace(event, epoch=self._outbox.epoch, seq=seq), max(0, self._outbox.utc_of(entry)))
            self._delivery.sent(seq, now_ms=self._now_ms())
            self._post(connection, Channel.EVENT, encode(event))
            return
        rows = self._rows_of(entry)
        used = {row.layout_id for row in rows}
        definitions = self._definitions(used)
        payload = encode(live_telemetry(self._outbox.epoch, seq, rows, definitions))
        self._delivery.sent(seq, used=used, defined=definitions, now_ms=self._now_ms())
        self._post(connection, Channel.TELEMETRY, payload)

    def _send_history(self, connection: Connection, job: History) -> None:
        bytes_max = job.bytes_max
        while True:
            entries, looked = self._outbox.history(job.ranges, bytes_max=bytes_max)
            rows = [row for entry in reversed(entries) for row in self._rows_of(entry)]
            used = {row.layout_id for row in rows}
            definitions = self._definitions(used)
            carried = list(RangeSet((entry.seq, entry.seq) for entry in entries))
            payload = encode(history_telemetry(self._outbox.epoch, carried, rows, definitions)) if entries else b""
            if len(payload) <= MESSAGE_BYTES_MAX or len(entries) == 1:
                break
            bytes_max //= 2
        self._delivery.history_sent(carried, looked, used=used, defined=definitions, now_ms=self._now_ms())
        if entries:
            self._post(connection, Channel.TELEMETRY, payload)

    def _post(self, connection: Connection, channel: Channel, payload: bytes) -> None:
        self.stats.messages += 1
        self.stats.bytes += len(payload)
        connection.post(self._topics[channel], payload)

    def _rows_of(self, entry: Entry) -> list[Row]:
        return rows_of(entry, self._outbox.utc_of(entry) - entry.at_ms)

    def _definitions(self, layout_ids: Iterable[str]) -> Mapping[str, Layout]:
        found: dict[str, Layout] = {}
        for layout_id in layout_ids:
            fact = self._outbox.book.layouts.get(layout_id)
            if layout_id not in self._delivery.known_layouts and fact is not None:
                found[layout_id] = Layout(fact.device, fact.points)
        return found

    # --- Status ------------------------------------------------------------------------------------------------------

    def _full_status(self) -> Status:
        now_ms = self._clock.now_ms()
        return replace(
            self._status(),
            at_ms=now_ms if self._clock.is_known else 0,
            clock=ClockState.KNOWN if self._clock.is_known else ClockState.UNKNOWN,
            outbox=self._outbox.status(),
        )

    async def _send_status_if_due(self, connection: Connection) -> None:
        now_ms = self._now_ms()
        age_ms = now_ms - self._status_at_ms
        if self._status_last is not None and age_ms < STATUS_LOOK_MS:
            return
        status = self._full_status()
        if self._status_last is not None and age_ms < STATUS_EVERY_MS and _gist(status) == _gist(self._status_last):
            return
        self._status_at_ms, self._status_last = now_ms, status
        await connection.send(self._topics[Channel.STATUS], encode(status), retain=True)

    async def _send_report(self, connection: Connection) -> None:
        report = self._steers.report_payload if self._steers is not None else None
        if report is not None and report != self._report_last:
            self._report_last = report
            await connection.send(self._topics[Channel.REPORTED], report, retain=True)

    # --- Listening ---------------------------------------------------------------------------------------------------

    def _heard(self, topic: str, payload: bytes) -> None:
        if self._steers is not None and topic == self._topics[Channel.DESIRED]:
            if payload:  # An empty one only says that the broker keeps none any more.
                self._steers.hear(payload)
            return
        self.hear(payload)

    def hear(self, payload: bytes) -> None:
        """Apply one acknowledgement. One that can't be read is counted and stops nothing."""
        try:
            ack = decode_ack(payload)
        except WireError as error:
            self.stats.acks_bad += 1
            log.warning("an acknowledgement can't be read", error=str(error), count=self.stats.acks_bad)
            return
        self.stats.acks += 1
        if ack.at_ms:
            self._clock.hear(ack.at_ms)
            if self._steers is not None:
                self._steers.heard(ack.at_ms)
        if ack.epoch != self._outbox.epoch:
            self.stats.acks_foreign += 1
            return
        self._apply(ack)
        if not self._delivery.is_idle:
            self._wake.set()

    def _apply(self, ack: Ack) -> None:
        ranges = [(first, last) for first, last in ack.ranges if first <= last]
        learnt = self._delivery.acked(ranges, now_ms=self._now_ms())
        self._outbox.book.know_layouts(learnt, known=True)
        if ack.need:
            self._outbox.book.know_layouts(self._delivery.needed(ack.need), known=False)
        if ack.refused:
            self.stats.entries_refused += len(ack.refused)
            some = dict(list(ack.refused.items())[:3])
            log.warning("the city refused entries", count=len(ack.refused), reasons=some)
        self._outbox.forget(ranges)
        if ack.again:
            log.info("the city asks for entries again", kept=self._outbox.give_again(ack.again))


def _gist(status: Status) -> Status:
    """What of a status is news: not the times and not the length of the queue."""
    devices = [replace(device, last_answer_ms=0) for device in status.devices]
    return replace(status, at_ms=0, devices=devices, outbox=None)


async def publish(
    outbox: Outbox,
    link: MqttLink,
    *,
    site: str,
    status: Callable[[], Status],
    clock: SiteClock,
    pace: Pace | None = None,
    deaf_ms: int = DEAF_MS,
    steers: Steers | None = None,
) -> None:
    """Send a site's outbox to the city until cancelled; then send the newest and say goodbye within a few seconds."""
    it = Publisher(outbox, link, site=site, status=status, clock=clock, pace=pace, deaf_ms=deaf_ms, steers=steers)
    await it.run()
