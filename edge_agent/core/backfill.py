"""What goes to the city next. Pure: knows numbers and times, not bytes.

Order of business, asked anew before every message, so that history never delays live data:

1. new entries, newest first (after a reconnect: the newest entry of every layout, which is the shelter's state);
2. events that wait, newest first;
3. history, newest first, one batch at a time.

An entry that central does not acknowledge in time goes back among the waiting ones. While central says nothing at
all the patience doubles, so a city that is down for days is not shouted at. Live entries are sent once in any case:
when their window is full, the oldest one is left to history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from contract.ranges import Range, RangeSet

RANGES_MAX: Final = 64
"""Stretches of waiting entries that one history batch may gather from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Bounds of what may be on its way."""

    fresh_max: int = 64
    """New entries that wait for their turn; older ones are left to history."""
    live_window: int = 32
    live_age_ms: int = 5_000
    """With a full window a live entry older than this makes room for a new one."""
    event_window: int = 16
    patience_ms: int = 30_000
    patience_max_ms: int = 600_000
    batch_bytes_min: int = 4_096
    batch_bytes_max: int = 96 * 1024
    """Of stored rows; columns make about half of it on the wire, and never more than twice."""
    batch_fast_ms: int = 1_000
    batch_slow_ms: int = 4_000
    """Batches grow while they are acknowledged faster than the one and shrink when slower than the other."""


@dataclass(frozen=True, slots=True)
class Single:
    """Send this entry by itself."""

    seq: int


@dataclass(frozen=True, slots=True)
class History:
    """Send entries of these ranges (newest range first, each from its end), up to so many stored bytes."""

    ranges: tuple[Range, ...]
    bytes_max: int


@dataclass(slots=True)
class _OnItsWay:
    ranges: RangeSet
    sent_ms: int
    is_event: bool = False
    used: frozenset[str] = frozenset()
    defined: frozenset[str] = frozenset()


@dataclass(slots=True)
class Delivery:
    """The sending side of the acknowledgement protocol for one outbox.

    ``waiting`` may name numbers that do not exist; ``history_sent`` says what was looked through.
    """

    waiting: RangeSet
    events: set[int]
    known_layouts: set[str]
    pace: Pace = field(default_factory=Pace)
    connected: bool = False
    heard_ms: int = 0
    """When central last acknowledged something, or the connection began."""
    _fresh: list[int] = field(default_factory=list)
    _singles: dict[int, _OnItsWay] = field(default_factory=dict)
    _batch: _OnItsWay | None = None
    _patience_ms: int = 0
    _batch_bytes: int = 0

    def __post_init__(self) -> None:
        self._patience_ms = self.pace.patience_ms
        self._batch_bytes = self.pace.batch_bytes_max // 4

    # --- What happens ------------------------------------------------------------------------------------------------

    def connect(self, newest: Iterable[int], *, now_ms: int) -> None:
        """A connection is there. ``newest``: the entries that hold the shelter's present state."""
        self.disconnect()
        self.connected = True
        self.heard_ms = now_ms
        self._patience_ms = self.pace.patience_ms
        self._fresh = sorted(seq for seq in newest if seq in self.waiting)[-self.pace.fresh_max :]
        for seq in self._fresh:
            self.waiting.discard(seq)

    def disconnect(self) -> None:
        """The connection is gone: whatever was on its way waits again."""
        self.connected = False
        for seq in self._fresh:
            self.waiting.add(seq)
        self._fresh.clear()
        for seq in list(self._singles):
            self._take_back(seq)
        self._take_back_batch()

    def added(self, seq: int, *, is_event: bool) -> None:
        """A new entry is in the outbox."""
        if is_event:
            self.events.add(seq)
        elif self.connected:
            self._fresh.append(seq)
            if len(self._fresh) > self.pace.fresh_max:
                self.waiting.add(self._fresh.pop(0))
        else:
            self.waiting.add(seq)

    def restored(self, first: int, last: int) -> None:
        """Entries can be sent now that could not be before (their time became known)."""
        self.waiting.add(first, last)

    def next(self, now_ms: int) -> Single | History | None:
        """What to send now, if anything. Say afterwards that it was sent."""
        self._lose_patience(now_ms)
        if not self.connected:
            return None
        if self._fresh and self._has_live_room(now_ms):
            return Single(self._fresh[-1])
        on_their_way = sum(1 for sent in self._singles.values() if sent.is_event)
        if self.events and on_their_way < self.pace.event_window:
            return Single(max(self.events))
        if self.waiting and self._batch is None:
            ranges = list(self.waiting)[-RANGES_MAX:]
            return History(tuple(reversed(ranges)), self._batch_bytes)
        return None

    def sent(self, seq: int, *, used: Iterable[str] = (), defined: Iterable[str] = (), now_ms: int) -> None:
        """One entry went out by itself, with these layouts used and defined in it."""
        is_event = seq in self.events
        self.gone(seq)
        self._singles[seq] = _OnItsWay(RangeSet([(seq, seq)]), now_ms, is_event, frozenset(used), frozenset(defined))

    def gone(self, seq: int) -> None:
        """This entry is not in the outbox any more, or can't be sent yet."""
        self.events.discard(seq)
        self.waiting.discard(seq)
        if seq in self._fresh:
            self._fresh.remove(seq)

    def history_sent(
        self,
        carried: Sequence[Range],
        looked_through: Sequence[Range],
        *,
        used: Iterable[str] = (),
        defined: Iterable[str] = (),
        now_ms: int,
    ) -> None:
        """A batch with these entries went out (or, with none, there was nothing to send in these ranges)."""
        for first, last in looked_through:
            self.waiting.discard(first, last)
        if carried:
            self._batch = _OnItsWay(RangeSet(carried), now_ms, False, frozenset(used), frozenset(defined))

    def acked(self, ranges: Sequence[Range], *, now_ms: int) -> set[str]:
        """Central has these. Returns layouts that it knows from now on."""
        self.heard_ms = now_ms
        self._patience_ms = self.pace.patience_ms
        learnt: set[str] = set()
        for first, last in ranges:
            self.waiting.discard(first, last)
            self.events.difference_update([seq for seq in self.events if first <= seq <= last])
            self._fresh = [seq for seq in self._fresh if not first <= seq <= last]
            for seq in [seq for seq in self._singles if first <= seq <= last]:
                learnt |= self._singles.pop(seq).defined
            if self._batch is not None:
                self._batch.ranges.discard(first, last)
                if not self._batch.ranges:
                    learnt |= self._batch.defined
                    self._adapt(now_ms - self._batch.sent_ms)
                    self._batch = None
        learnt -= self.known_layouts
        self.known_layouts |= learnt
        return learnt

    def needed(self, layout_ids: Iterable[str]) -> set[str]:
        """Central does not know these layouts: what went out without them goes again. Returns those forgotten."""
        missing = set(layout_ids)
        # A message that did define the layout is not taken back here, else a quarrel over it would never end.
        for seq, sent in list(self._singles.items()):
            if missing & (sent.used - sent.defined):
                self._take_back(seq)
        if self._batch is not None and missing & (self._batch.used - self._batch.defined):
            self._take_back_batch()
        forgotten = missing & self.known_layouts
        self.known_layouts -= forgotten
        return forgotten

    # --- What is so --------------------------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing is on its way."""
        return not (self._fresh or self.events or self.waiting or self._singles or self._batch)

    @property
    def is_live_done(self) -> bool:
        """No new entry and no event waits or is on its way; history may."""
        return not (self._fresh or self.events or self._singles)

    def is_deaf(self, limit_ms: int, now_ms: int) -> bool:
        """Whether something is on its way and central has been silent for too long."""
        return self.connected and bool(self._singles or self._batch) and now_ms - self.heard_ms >= limit_ms

    def wake_ms(self, now_ms: int) -> int:
        """How long nothing will change by itself."""
        times = [sent.sent_ms + self._patience_ms for sent in self._singles.values()]
        if self._batch is not None:
            times.append(self._batch.sent_ms + self._patience_ms)
        if self._fresh and self._singles:
            times.append(min(sent.sent_ms for sent in self._singles.values()) + self.pace.live_age_ms)
        return max(0, min(times, default=now_ms + self.pace.patience_ms) - now_ms)

    # --- Inside ------------------------------------------------------------------------------------------------------

    def _has_live_room(self, now_ms: int) -> bool:
        live = [(sent.sent_ms, seq) for seq, sent in self._singles.items() if not sent.is_event]
        if len(live) < self.pace.live_window:
            return True
        sent_ms, oldest = min(live)
        if now_ms - sent_ms < self.pace.live_age_ms:
            return False
        self._take_back(oldest)
        return True

    def _lose_patience(self, now_ms: int) -> None:
        late = now_ms - self._patience_ms
        singles = [seq for seq, sent in self._singles.items() if sent.sent_ms <= late]
        is_batch_late = self._batch is not None and self._batch.sent_ms <= late
        for seq in singles:
            self._take_back(seq)
        if is_batch_late:
            self._batch_bytes = max(self.pace.batch_bytes_min, self._batch_bytes // 2)
            self._take_back_batch()
        if (singles or is_batch_late) and now_ms - self.heard_ms >= self._patience_ms:
            self._patience_ms = min(2 * self._patience_ms, self.pace.patience_max_ms)

    def _take_back(self, seq: int) -> None:
        sent = self._singles.pop(seq)
        if sent.is_event:
            self.events.add(seq)
        else:
            self.waiting.add(seq)

    def _take_back_batch(self) -> None:
        if self._batch is not None:
            for first, last in self._batch.ranges:
                self.waiting.add(first, last)
            self._batch = None

    def _adapt(self, took_ms: int) -> None:
        if took_ms <= self.pace.batch_fast_ms:
            self._batch_bytes = min(2 * self._batch_bytes, self.pace.batch_bytes_max)
        elif took_ms >= self.pace.batch_slow_ms:
            self._batch_bytes = max(self._batch_bytes // 2, self.pace.batch_bytes_min)
