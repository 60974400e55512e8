"""The data promise: what became of every moment of a shelter between two times. Pure.

Each outbox tells its own story of the time that it knows; the stories are laid over each other (two outboxes of one
shelter may overlap when one replaces the other), and of each moment the best that is known holds:

    arrived > lost > waiting > not measured > unknown

What an outbox tells, from its runs and from the edge's last word about it (``Status.outbox``):

    run                          arrived, or lost with its reason
    between runs, numbers go on  not measured: the agent stood still
    between runs, numbers lack   waiting; lost ("not_at_edge") when the edge says that it has nothing so old any more
    before the first run         waiting, as far back as the lacking numbers reach; nothing before number 1
    after the last run           going on (a reading stands for what follows, up to the longest pause that is none);
                                 waiting when the edge numbered more; not measured when it says that it did not
    everything else              before the first outbox: not measured ("before_first"); after the last word: unknown
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from central.core.city import Fate, Stretch
from central.core.ledger import LedgerRun
from central.core.runs import hole_limit_ms
from contract.messages import OutboxStatus, Status

NOT_AT_EDGE: Final = "not_at_edge"
"""The edge does not have these entries any more, and they are not here: acknowledged data that the city lost."""
OUTBOX_REPLACED: Final = "outbox_replaced"
"""An outbox ended without a word and another one followed: what the first still held is not known."""
BEFORE_FIRST: Final = "before_first"
"""The shelter had sent nothing yet: there was nothing to promise."""
FUTURE: Final = "future"
SETTLED_MS: Final = 600_000
"""So long after a status was said, what was on its way then has arrived."""
WORD_FRESH_MS: Final = 180_000
"""How long the status of a connected edge holds."""

_RANK: Final = {fate: rank for rank, fate in enumerate((Fate.ARRIVED, Fate.LOST, Fate.WAITING, Fate.NOT_MEASURED))}


@dataclass(frozen=True, slots=True)
class Word:
    """The edge's last word: its status and when the city received it."""

    status: Status
    received_ms: int

    @property
    def at_ms(self) -> int:
        """The moment that it speaks of."""
        return self.status.at_ms or self.received_ms


@dataclass(frozen=True, slots=True)
class _Span:
    from_ms: int
    to_ms: int
    fate: Fate
    reason: str = ""
    entries: int = 0


def promise(
    runs: Sequence[LedgerRun], word: Word | None, *, from_ms: int, to_ms: int, now_ms: int, interval_ms: float
) -> tuple[Stretch, ...]:
    """Stretches that cover ``from_ms`` to ``to_ms`` without gap or overlap. ``runs``: all of one site."""
    spans = [span for span in _spans(runs, word, now_ms, interval_ms) if span.to_ms > span.from_ms]
    return tuple(_merged(_laid_over(spans, from_ms, to_ms)))


def _spans(runs: Sequence[LedgerRun], word: Word | None, now_ms: int, interval_ms: float) -> Iterator[_Span]:
    yield _Span(now_ms, _END_MS, Fate.UNKNOWN, FUTURE)
    books: dict[str, list[LedgerRun]] = {}
    for run in runs:
        books.setdefault(run.epoch, []).append(run)
    outbox = word.status.outbox if word else None
    if outbox is not None and word is not None:
        books.setdefault(outbox.epoch, [])
    stories = [
        _Story(sorted(book, key=lambda run: run.first_seq), outbox if outbox and outbox.epoch == epoch else None)
        for epoch, book in books.items()
    ]
    begins: list[tuple[int, int]] = []
    for story in stories:
        told = list(story.tell(word, now_ms, interval_ms))
        yield from told
        if told:
            begins.append((min(span.from_ms for span in told), max(span.to_ms for span in told)))
    if not begins:
        return
    begins.sort()
    yield _Span(0, begins[0][0], Fate.NOT_MEASURED, BEFORE_FIRST)
    end_ms = begins[0][1]
    for begin_ms, until_ms in begins[1:]:
        if begin_ms > end_ms:
            yield _Span(end_ms, begin_ms, Fate.LOST, OUTBOX_REPLACED)
        end_ms = max(end_ms, until_ms)


@dataclass(frozen=True, slots=True)
class _Story:
    """One outbox: its runs in the order of their numbers, and its status if the edge's last word is about it."""

    runs: Sequence[LedgerRun]
    outbox: OutboxStatus | None

    def tell(self, word: Word | None, now_ms: int, interval_ms: float) -> Iterator[_Span]:
        limit_ms = hole_limit_ms(interval_ms)
        if not self.runs:
            if self.outbox is not None and self.outbox.waiting:
                yield _Span(self.outbox.oldest_ms or now_ms, now_ms, Fate.WAITING, "", self.outbox.waiting)
            return
        first = self.runs[0]
        if first.first_seq > 1:
            yield self._before(first, word, now_ms, interval_ms)
        for run, later in zip(self.runs, [*self.runs[1:], None], strict=True):
            # A reading stands for the time up to the next one, as long as that is no hole.
            end_ms = run.to_ms + round(interval_ms)
            if later is not None and 0 <= later.from_ms - run.to_ms <= limit_ms:
                end_ms = later.from_ms
            end_ms = min(end_ms, max(now_ms, run.to_ms))
            yield _Span(run.from_ms, end_ms, run.fate, run.reason, run.last_seq - run.first_seq + 1)
            if later is not None:
                yield self._between(run.last_seq + 1, later.first_seq - 1, end_ms, later.from_ms, word, now_ms)
        yield from self._after(self.runs[-1], word, now_ms, interval_ms, limit_ms)

    def _before(self, first: LedgerRun, word: Word | None, now_ms: int, interval_ms: float) -> _Span:
        reach_ms = first.from_ms - round((first.first_seq - 1) * interval_ms)
        if self.outbox is not None and 0 < self.outbox.first_seq < first.first_seq and self.outbox.oldest_ms:
            reach_ms = min(self.outbox.oldest_ms, first.from_ms)
        return self._between(1, first.first_seq - 1, max(0, reach_ms), first.from_ms, word, now_ms)

    def _between(
        self, first_seq: int, last_seq: int, from_ms: int, to_ms: int, word: Word | None, now_ms: int
    ) -> _Span:
        lacking = last_seq - first_seq + 1
        if lacking <= 0:
            return _Span(from_ms, to_ms, Fate.NOT_MEASURED)
        outbox = self.outbox
        if outbox is not None and word is not None and now_ms - word.at_ms >= 0 and word.at_ms - to_ms >= SETTLED_MS:
            oldest = outbox.first_seq if outbox.waiting else outbox.next_seq
            if oldest > last_seq:
                return _Span(from_ms, to_ms, Fate.LOST, NOT_AT_EDGE, lacking)
        return _Span(from_ms, to_ms, Fate.WAITING, "", lacking)

    def _after(
        self, last: LedgerRun, word: Word | None, now_ms: int, interval_ms: float, limit_ms: int
    ) -> Iterator[_Span]:
        """From the last run to now."""
        end_ms = last.to_ms + round(interval_ms)
        if now_ms - last.to_ms <= limit_ms:
            yield _Span(last.to_ms, now_ms, last.fate, last.reason)
            return
        outbox = self.outbox
        if outbox is None or word is None:
            return
        said_ms = min(word.at_ms, now_ms)
        if word.status.online and now_ms - said_ms <= WORD_FRESH_MS:
            said_ms = now_ms  # Connected, and it would have said so if anything were different.
        more = outbox.next_seq - 1 - last.last_seq
        if more > 0:
            yield _Span(end_ms, max(said_ms, end_ms), Fate.WAITING, "", more)
        elif said_ms > end_ms:
            # It spoke after its last entry and had numbered nothing since: it was on and did not measure.
            yield _Span(end_ms, said_ms, Fate.NOT_MEASURED)


_END_MS: Final = 2**62


def _laid_over(spans: Iterable[_Span], from_ms: int, to_ms: int) -> Iterator[Stretch]:
    """Cut the time at every beginning and end, and take the best span of each piece."""
    ordered = sorted((span for span in spans if span.from_ms < to_ms and span.to_ms > from_ms), key=_begin_of)
    cuts = {from_ms, to_ms}
    for span in ordered:
        cuts |= {max(span.from_ms, from_ms), min(span.to_ms, to_ms)}
    edges = sorted(cuts)
    open_spans: list[tuple[int, int, _Span]] = []
    at = 0
    for begin_ms, end_ms in pairwise(edges):
        while at < len(ordered) and ordered[at].from_ms <= begin_ms:
            span = ordered[at]
            heapq.heappush(open_spans, (_RANK.get(span.fate, len(_RANK)), at, span))
            at += 1
        while open_spans and open_spans[0][2].to_ms <= begin_ms:
            heapq.heappop(open_spans)
        if open_spans:
            yield _piece(open_spans[0][2], begin_ms, end_ms)
        else:
            yield Stretch(from_ms=begin_ms, to_ms=end_ms, fate=Fate.UNKNOWN)


def _begin_of(span: _Span) -> int:
    return span.from_ms


def _piece(span: _Span, from_ms: int, to_ms: int) -> Stretch:
    entries = round(span.entries * (to_ms - from_ms) / (span.to_ms - span.from_ms))
    return Stretch(from_ms=from_ms, to_ms=to_ms, fate=span.fate, reason=span.reason, entries=entries)


def _merged(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    last: Stretch | None = None
    for stretch in stretches:
        if last is not None and (last.fate, last.reason) == (stretch.fate, stretch.reason):
            last = Stretch(
                from_ms=last.from_ms,
                to_ms=stretch.to_ms,
                fate=last.fate,
                reason=last.reason,
                entries=last.entries + stretch.entries,
            )
            continue
        if last is not None:
            yield last
        last = stretch
    if last is not None:
        yield last
