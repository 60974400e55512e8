"""From messages to a batch: what each message brings, and what its sender will be told. No I/O but the inbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog

from central.batch import Batch, Entry
from central.commissioning import report_of, short_detail
from central.core import rules
from central.core.city import EventRecord
from central.core.letters import Letters
from central.core.live import LiveView
from central.core.orders import ReceiptRecord
from central.core.rules import Faults, Reason, Shape
from central.inbox import Inbox
from contract.commissioning import ReportError
from contract.messages import VERSION, ClockState, Epoch, Event, EventKind, Loss, Seq, SeqRange
from contract.steering import Receipt, SteeringError, decode_reported, receipt_of
from contract.topics import Channel, Topic, TopicError, parse
from contract.wire import MESSAGE_BYTES_MAX, WireError, decode_event, decode_status, decode_telemetry, encode

log = structlog.get_logger(__name__)

MESSAGES_MAX: Final = 4_000
ROWS_MAX: Final = 40_000
"""Rows at which a batch is closed; the last message may go beyond."""
BREATHER: Final = 200
BREATHER_ROWS: Final = 2_000
"""Messages, or rows, after which other tasks get a turn."""
_TOPICS_MAX: Final = 10_000
UNKNOWN_KINDS_MAX: Final = 50
OTHER_KINDS: Final = "other"
"""Counts the kinds beyond that many."""


class _Head(msgspec.Struct):
    """What a message must have to be answered, whatever else is wrong with it."""

    epoch: Epoch = msgspec.field(name="e")
    seqs: Seq | list[SeqRange] = msgspec.field(name="s")
    version: int = msgspec.field(name="v", default=VERSION)


_head_decoder = msgspec.json.Decoder(_Head, strict=True)


class Intake:
    """Decodes and judges messages. Keeps the layouts of all sites."""

    def __init__(self, live: LiveView, letters: Letters) -> None:
        self._live = live
        self._letters = letters
        self._topics: dict[str, Topic | str] = {}
        self.known_sites: frozenset[str] = frozenset()
        self.shapes: dict[str, dict[str, Shape]] = {}
        self.events_unknown: dict[str, int] = {}
        """Kinds of a later release → how many events of them were taken."""
        self.messages_max = MESSAGES_MAX
        self.newest_ms = 0
        """The latest moment that this city ever knew."""
        self.clock_is_back = False
        """Whether the city's clock stands before that by more than a shelter's may be fast. Then it is not known whose
        clock is wrong, and to refuse a reading for its time would throw it away: it stays where it is."""

    async def collect(self, inbox: Inbox, now: Callable[[], int]) -> Batch:
        """Empty the inbox into a batch, as far as a batch goes."""
        batch = Batch()
        now_ms = now()
        self.clock_is_back = now_ms < self.newest_ms - rules.AHEAD_MAX_MS
        self.newest_ms = max(self.newest_ms, now_ms)
        breathe_at = BREATHER_ROWS
        while batch.messages < self.messages_max and len(batch.rows) < ROWS_MAX:
            letter = inbox.take()
            if letter is None:
                break
            batch.messages += 1
            self._take(batch, letter[0], letter[1], now_ms)
            if batch.messages % BREATHER == 0 or len(batch.rows) >= breathe_at:
                breathe_at = len(batch.rows) + BREATHER_ROWS
                await asyncio.sleep(0)
        self._live.update(batch.rows, now_ms)
        return batch

    def spoil(self, batch: Batch, entry: Entry, why: str, now_ms: int) -> None:
        """Central can't store an entry: keep its rows as a dead letter, and let the shelter keep the entry."""
        entry.spoilt = True
        rows = batch.rows[entry.row_first : entry.row_end]
        payload = json.dumps([[row.device, row.at_ms, row.points, row.values] for row in rows[:3]]).encode()
        self._letters.add(entry.topic, entry.site, Reason.INTERNAL_ERROR, why, payload, now_ms)

    def _take(self, batch: Batch, name: str, payload: bytes, now_ms: int) -> None:
        topic = self._topic(name)
        if isinstance(topic, str):
            self._letters.add(name, "", Reason.BAD_TOPIC, topic, payload, now_ms)
            return
        if topic.site not in self.known_sites:
            why = f"{topic.site} is not registered: import it, the shelter keeps its data until then"
            self._letters.add(name, topic.site, Reason.UNKNOWN_SITE, why, payload, now_ms)
            return
        lists: tuple[list[Any], ...] = (
            batch.rows,
            batch.entries,
            batch.events,
            batch.losses,
            batch.reports,
            batch.receipts,
        )
        before = [len(each) for each in lists]
        try:
            if topic.channel is Channel.TELEMETRY:
                self._telemetry(batch, topic.site, name, payload, now_ms)
            elif topic.channel is Channel.EVENT:
                self._event(batch, topic.site, name, payload, now_ms)
            elif topic.channel is Channel.STATUS:
                self._status(batch, topic.site, payload, now_ms)
            elif topic.channel is Channel.REPORTED:
                self._reported(batch, topic.site, name, payload, now_ms)
        except WireError as error:
            self._unreadable(batch, topic.site, name, payload, str(error), now_ms)
        except Exception as error:
            # A fault of this program. The message stays with the shelter, the others go on.
            for each, length in zip(lists, before, strict=True):
                del each[length:]
            log.exception("message_failed", topic=name)
            self._letters.add(name, topic.site, Reason.INTERNAL_ERROR, repr(error), payload, now_ms)

    def _topic(self, name: str) -> Topic | str:
        found = self._topics.get(name)
        if found is None:
            try:
                found = parse(name)
            except TopicError as error:
                return str(error)
            if len(self._topics) >= _TOPICS_MAX:
                self._topics.clear()
            self._topics[name] = found
        return found

    def _telemetry(self, batch: Batch, site: str, name: str, payload: bytes, now_ms: int) -> None:
        message = decode_telemetry(payload)
        shapes = self.shapes.get(site)
        if shapes is None:
            shapes = self.shapes[site] = {}
        wrong: dict[str, rules.WrongLayout] = {}
        if message.layouts:
            new, wrong = rules.learn(site, shapes, message)
            if new:
                batch.layouts.setdefault(site, []).extend(new)
        judged = rules.judge(message, shapes, wrong, now_ms)
        if judged.need:
            wanted = batch.need.setdefault((site, message.epoch), [])
            wanted += [layout_id for layout_id in judged.need if layout_id not in wanted]
            return
        too_early = self.clock_is_back and Reason.FUTURE_TIME in judged.faults.counts
        if judged.is_newer or too_early:
            batch.withheld += too_early
            if not too_early:
                # A later release is known by one device's new points. The others' readings are shown and kept now; the
                # entry is not acknowledged, so all of it comes again when this city knows the points.
                batch.rows += judged.rows
            self._bury(judged.faults, site, name, payload, now_ms)
            return
        first = len(batch.rows)
        batch.rows += judged.rows
        seqs = message.seqs
        times_ms = [row.at_ms for row in judged.rows]
        times_ms.sort()
        entry = Entry(
            site,
            message.epoch,
            [(seqs, seqs)] if isinstance(seqs, int) else seqs,
            name,
            first,
            len(batch.rows),
            times_ms[0] if times_ms else 0,
            times_ms,
            is_live=isinstance(seqs, int),
        )
        batch.entries.append(entry)
        if judged.faults:
            entry.refused = judged.faults.reason
            self._bury(judged.faults, site, name, payload, now_ms)
        elif not times_ms and rules.check_event_time(message.base_ms, now_ms) is None:
            entry.times_ms = [message.base_ms]

    def _bury(self, faults: Faults, site: str, name: str, payload: bytes, now_ms: int) -> None:
        for reason, count in faults.counts.items():
            detail = faults.details[reason]
            more = f" (and {count - 1} more)" if count > 1 else ""
            self._letters.add(name, site, reason, detail + more, payload, now_ms)

    def _event(self, batch: Batch, site: str, name: str, payload: bytes, now_ms: int) -> None:
        event = decode_event(payload)
        fault = rules.check_event_time(event.at_ms, now_ms)
        if fault is not None and self.clock_is_back and fault[0] is Reason.FUTURE_TIME:
            self._letters.add(name, site, *fault, payload, now_ms)
            batch.withheld += 1
            return
        entry = Entry(site, event.epoch, [(event.seq, event.seq)], name, len(batch.rows), len(batch.rows))
        batch.entries.append(entry)
        if event.losses:
            batch.losses.append((site, event.epoch, self._sound_losses(event, site, name, payload, now_ms)))
        if fault is not None:
            entry.refused = fault[0]
            self._letters.add(name, site, *fault, payload, now_ms)
            return
        entry.times_ms = [event.at_ms]
        detail = event.detail
        if not event.kind.is_known:
            self._count_unknown(event.kind.value, site)
        if event.kind is EventKind.COMMISSIONING_REPORT:
            try:
                report = report_of(site, event.detail, now_ms)
            except ReportError as error:
                entry.refused = Reason.BAD_REPORT
                self._letters.add(name, site, Reason.BAD_REPORT, str(error), payload, now_ms)
                return
            batch.reports.append(report)
            detail = short_detail(report)
        if event.kind is EventKind.RECEIPT:
            try:
                told = receipt_of(event.detail)
            except SteeringError as error:
                entry.refused = Reason.BAD_RECEIPT
                self._letters.add(name, site, Reason.BAD_RECEIPT, str(error), payload, now_ms)
                return
            self._receipt(batch, site, name, told, payload, now_ms)
        batch.events.append(
            EventRecord(
                site=site,
                epoch=event.epoch,
                seq=event.seq,
                at_ms=event.at_ms,
                received_ms=now_ms,
                kind=event.kind.value,
                severity=event.severity.value,
                device=event.device,
                detail=detail,
            )
        )

    def _count_unknown(self, kind: str, site: str) -> None:
        """An agent of a later release told something that this one has no words for: it is kept as it is."""
        if kind not in self.events_unknown:
            if len(self.events_unknown) < UNKNOWN_KINDS_MAX:
                log.warning("event_of_a_later_release", kind=kind, site=site, advice="update this program")
            else:
                kind = OTHER_KINDS
        self.events_unknown[kind] = self.events_unknown.get(kind, 0) + 1

    def _sound_losses(self, event: Event, site: str, name: str, payload: bytes, now_ms: int) -> list[Loss]:
        """The losses, with time 0 (not known) where the time that is told can't be."""
        sound: list[Loss] = []
        for loss in event.losses:
            fault = rules.check_event_time(loss.from_ms, now_ms) or rules.check_event_time(loss.to_ms, now_ms)
            if fault is None:
                sound.append(loss)
                continue
            if loss.from_ms:
                self._letters.add(name, site, fault[0], f"loss {loss.first_seq}: {fault[1]}", payload, now_ms)
            sound.append(msgspec.structs.replace(loss, from_ms=0, to_ms=0))
        return sound

    def _status(self, batch: Batch, site: str, payload: bytes, now_ms: int) -> None:
        if not payload:
            return  # Somebody took the retained status away. What is known stays.
        status = self._live.set_status(site, decode_status(payload), now_ms)
        batch.statuses[site] = (encode(status), now_ms)
        if status.online and status.clock is ClockState.UNKNOWN and status.outbox and not self.clock_is_back:
            batch.time_asked.add((site, status.outbox.epoch))

    def _reported(self, batch: Batch, site: str, name: str, payload: bytes, now_ms: int) -> None:
        """What a shelter says that it does. Not numbered and not acknowledged: the broker retains it."""
        if not payload:
            return  # Somebody took the retained state away. What is known stays.
        try:
            state = decode_reported(payload)
        except SteeringError as error:
            self._letters.add(name, site, Reason.BAD_RECEIPT, str(error), payload, now_ms)
            return
        batch.reported[site] = (state, now_ms)
        if state.receipt is not None:
            self._receipt(batch, site, name, state.receipt, payload, now_ms)

    def _receipt(self, batch: Batch, site: str, name: str, told: Receipt, payload: bytes, now_ms: int) -> None:
        """Take a receipt. One from the future would stand before all later ones, so it does not count."""
        fault = rules.check_event_time(told.at_ms, now_ms)
        if fault is not None and fault[0] is Reason.FUTURE_TIME:
            self._letters.add(name, site, Reason.BAD_RECEIPT, f"receipt: {fault[1]}", payload, now_ms)
            return
        batch.receipts.append(ReceiptRecord(site=site, receipt=told, received_ms=now_ms))

    def _unreadable(self, batch: Batch, site: str, name: str, payload: bytes, why: str, now_ms: int) -> None:
        """Nothing of it can be used. It is refused for good if it says at least who it is, in our version."""
        head: _Head | None = None
        reason = Reason.BROKEN_MESSAGE
        if len(payload) > MESSAGE_BYTES_MAX:
            reason = Reason.TOO_LARGE
        else:
            try:
                head = _head_decoder.decode(payload)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                head = None
            if "contract version" in why:
                reason, head = Reason.OTHER_VERSION, None
        self._letters.add(name, site, reason, why, payload, now_ms)
        if head is None or name.endswith(Channel.STATUS.value):
            return
        ranges = [(head.seqs, head.seqs)] if isinstance(head.seqs, int) else head.seqs
        ranges = [(first, last) for first, last in ranges if first <= last]
        if ranges:
            rows = len(batch.rows)
            batch.entries.append(Entry(site, head.epoch, ranges, name, rows, rows, refused=reason))
