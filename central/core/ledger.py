"""The ledger of outbox entries: which numbers of which shelter's outbox are here, which are lost, and of what time.

It is kept as runs of neighbouring numbers, so a shelter that never stopped costs one run however long it has been
reporting. Runs never overlap within an outbox: a number has one fate. What has arrived stays arrived. Of two losses the
harder one holds (dropped before thinned to 15 min before thinned to 1 min).

Thinning keeps one entry of many, so what a thinned stretch kept arrives as single numbers all over it. These melt into
the stretch (its ``rows`` grows) instead of cutting it into thousands of runs; three neighbours or more are full
resolution, and stand as a run of their own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter
from typing import Final

from central.core.city import Fate
from contract.messages import Loss, LossReason, SeqRange

HOLE_MIN_MS: Final = 60_000
INTERVAL_DEFAULT_MS: Final = 5_000
KEPT_MAX: Final = 2
"""Neighbouring entries that still count as what thinning kept."""
REFUSED: Final = "refused"
"""How the reason of entries begins that arrived and could not be used."""

_THINNED: Final = (LossReason.THINNED_1MIN.value, LossReason.THINNED_15MIN.value)
_HARDNESS: Final = {reason: rank for rank, reason in enumerate(_THINNED)}
_HARD: Final = len(_THINNED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRun:
    """Neighbouring outbox entries of one site and epoch with one fate, and the time that they span.

    Numbers inside a run have no hole, and neither has its time: where the agent stood still for longer than a few
    intervals a new run begins, although the numbers go on. Identified by ``site``, ``epoch`` and ``first_seq``.
    """

    site: str
    epoch: str
    first_seq: int
    last_seq: int
    from_ms: int
    to_ms: int
    fate: Fate
    """``ARRIVED`` or ``LOST``; whatever stands in no run is waiting, not measured or unknown."""
    reason: str = ""
    rows: int = 0
    """Device rows that arrived, or that are gone."""


Key = tuple[str, str, int]
"""Site, epoch and first number of a run."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a batch changed: runs to write over what is stored, and runs that are no more."""

    upserts: tuple[LedgerRun, ...]
    deletes: tuple[Key, ...]


def hole_limit_ms(interval_ms: float) -> int:
    """The longest pause between two entries that still counts as going on: three intervals, at least a minute."""
    return max(HOLE_MIN_MS, round(3 * interval_ms))


@dataclass(slots=True)
class _Run:
    """A run while it is worked on."""

    first: int
    last: int
    from_ms: int
    to_ms: int
    fate: Fate
    reason: str
    rows: int

    def part(self, first: int, last: int) -> _Run:
        """The run cut down to some of its numbers; time and rows are shared out evenly."""
        count, span_ms = self.last - self.first + 1, self.to_ms - self.from_ms
        steps = max(1, count - 1)
        return _Run(
            first,
            last,
            self.from_ms + span_ms * (first - self.first) // steps,
            self.from_ms + span_ms * (last - self.first) // steps,
            self.fate,
            self.reason,
            self.rows * (last - first + 1) // count,
        )

    @property
    def hardness(self) -> int:
        """How final a loss is."""
        return _HARDNESS.get(self.reason, _HARD)

    @property
    def is_thinned(self) -> bool:
        return self.fate is Fate.LOST and self.reason in _HARDNESS

    def is_continued_by(self, later: _Run, limit_ms: int) -> bool:
        """Whether both are one run: next numbers, same fate, no hole in time either way."""
        return (
            later.first == self.last + 1
            and later.fate is self.fate
            and later.reason == self.reason
            and -limit_ms <= later.from_ms - self.to_ms <= limit_ms
        )

    def swallow(self, later: _Run) -> None:
        """Go on with what follows."""
        self.last = later.last
        self.from_ms = min(self.from_ms, later.from_ms)
        self.to_ms = max(self.to_ms, later.to_ms)
        self.rows += later.rows


_first_of = attrgetter("first")
_last_of = attrgetter("last")


class _Book:
    """All runs of one outbox, in the order of their numbers."""

    __slots__ = ("runs", "touched")

    def __init__(self) -> None:
        self.runs: list[_Run] = []
        self.touched: set[int] = set()
        """First numbers of runs that are new, changed or gone since changes were last asked for."""

    def put(self, new: _Run, limit_ms: int) -> None:
        runs = self.runs
        if not runs or new.first > runs[-1].last:
            # What happens nearly always: the next entry of a live shelter.
            if runs and runs[-1].is_continued_by(new, limit_ms):
                runs[-1].swallow(new)
            else:
                runs.append(new)
            self.touched.add(runs[-1].first)
            return
        low = bisect_left(runs, new.first, key=_last_of)
        high = bisect_right(runs, new.last, key=_first_of)
        # One neighbour on each side may go on into what is new.
        left, old, right = runs[max(0, low - 1) : low], runs[low:high], runs[high : high + 1]
        before = {run.first: replace(run) for run in (*left, *old, *right)}
        placed = _arrive(old, new) if new.fate is Fate.ARRIVED else _lose(old, new)
        joined = _join((*left, *placed, *right), limit_ms)
        runs[low - len(left) : high + len(right)] = joined
        after = {run.first: run for run in joined}
        self.touched |= before.keys() - after.keys()
        self.touched |= {first for first, run in after.items() if before.get(first) != run}


def _arrive(old: Sequence[_Run], new: _Run) -> list[_Run]:
    """Old runs and what of ``new`` is news, in order."""
    placed: list[_Run] = []
    at = new.first
    few = new.last - new.first < KEPT_MAX
    for run in old:
        if run.fate is Fate.ARRIVED or (few and run.is_thinned):
            if at < run.first:
                placed.append(new.part(at, run.first - 1))
            placed.append(run)
            at = max(at, run.last + 1)
        else:
            at = _cut(placed, run, new, at)
    if at <= new.last:
        placed.append(new.part(at, new.last))
    return placed


def _lose(old: Sequence[_Run], new: _Run) -> list[_Run]:
    """Old runs and what of a loss was not known, in order."""
    placed: list[_Run] = []
    at = new.first
    for run in old:
        if run.fate is Fate.ARRIVED:
            kept = run.last - run.first < KEPT_MAX and new.first <= run.first and run.last <= new.last
            if kept and new.is_thinned:
                continue
        elif run.hardness < new.hardness:
            at = _cut(placed, run, new, at)
            continue
        if at < run.first:
            placed.append(new.part(at, run.first - 1))
        placed.append(run)
        at = max(at, run.last + 1)
    if at <= new.last:
        placed.append(new.part(at, new.last))
    return placed


def _cut(placed: list[_Run], run: _Run, new: _Run, at: int) -> int:
    """Keep of an old run what ``new`` does not take; returns the next number of ``new`` to place."""
    if run.first < new.first:
        placed.append(run.part(run.first, new.first - 1))
    if run.last > new.last:
        placed += [new.part(at, new.last), run.part(new.last + 1, run.last)]
        return new.last + 1
    return at


def _join(runs: Iterable[_Run], limit_ms: int) -> list[_Run]:
    joined: list[_Run] = []
    for run in runs:
        if joined and joined[-1].is_continued_by(run, limit_ms):
            joined[-1].swallow(run)
        else:
            joined.append(run)
    return joined


class Ledger:
    """The books of all outboxes of the city. ``changes`` gives what has to be written since it was last asked."""

    def __init__(self, runs: Iterable[LedgerRun] = (), *, runs_each: int | None = None) -> None:
        """``runs``: what was kept; ``runs_each``: how many of each outbox at most, if older ones were left out."""
        self._books: dict[tuple[str, str], _Book] = {}
        self._epochs: dict[str, list[str]] = {}
        self._touched: set[tuple[str, str]] = set()
        for run in sorted(runs, key=lambda run: run.first_seq):
            self._book(run.site, run.epoch).runs.append(
                _Run(run.first_seq, run.last_seq, run.from_ms, run.to_ms, run.fate, run.reason, run.rows)
            )
        self._cut = {
            site for (site, _), book in self._books.items() if runs_each is not None and len(book.runs) >= runs_each
        }

    def is_cut(self, site: str) -> bool:
        """Whether older runs of the site are kept only where they are written."""
        return site in self._cut

    def _book(self, site: str, epoch: str) -> _Book:
        book = self._books.get((site, epoch))
        if book is None:
            book = self._books[site, epoch] = _Book()
            self._epochs.setdefault(site, []).append(epoch)
        return book

    def arrived(
        self,
        site: str,
        epoch: str,
        ranges: Sequence[SeqRange],
        times_ms: Sequence[int],
        *,
        interval_ms: float,
        rows: int | None = None,
    ) -> None:
        """Entries came whole. ``times_ms``: the times of their rows, sorted, at least one (an event has its own)."""
        limit_ms = hole_limit_ms(interval_ms)
        book = self._book(site, epoch)
        self._touched.add((site, epoch))
        if len(ranges) == 1 and times_ms[-1] - times_ms[0] <= limit_ms:
            first, last = ranges[0]
            count = len(times_ms) if rows is None else rows
            book.put(_Run(first, last, times_ms[0], times_ms[-1], Fate.ARRIVED, "", count), limit_ms)
            return
        for run in _spread(ranges, times_ms, limit_ms):
            book.put(run, limit_ms)

    def refused(self, site: str, epoch: str, ranges: Sequence[SeqRange], reason: str, now_ms: int) -> None:
        """Entries came and nothing of them can be used. Their time is not to be trusted: their neighbours' holds."""
        for first, last in ranges:
            at_ms = self._time_before(site, epoch, first, now_ms)
            self._lose(site, epoch, _Run(first, last, at_ms, at_ms, Fate.LOST, f"{REFUSED}: {reason}", 0))

    def lost(self, site: str, epoch: str, losses: Iterable[Loss], now_ms: int) -> None:
        """The edge gave up stretches of this outbox, or of the one that each loss names. Time 0: it is not known."""
        for loss in losses:
            from_ms, to_ms = loss.from_ms, loss.to_ms
            if not from_ms or not to_ms:
                from_ms = to_ms = self._time_before(site, loss.epoch or epoch, loss.first_seq, now_ms)
            run = _Run(loss.first_seq, loss.last_seq, from_ms, to_ms, Fate.LOST, loss.reason.value, loss.rows)
            self._lose(site, loss.epoch or epoch, run)

    def _time_before(self, site: str, epoch: str, seq: int, now_ms: int) -> int:
        runs = self._book(site, epoch).runs
        at = bisect_left(runs, seq, key=_last_of)
        return runs[at - 1].to_ms if at else now_ms

    def _lose(self, site: str, epoch: str, run: _Run) -> None:
        self._touched.add((site, epoch))
        self._book(site, epoch).put(run, HOLE_MIN_MS)

    def changes(self) -> Changes:
        """What to write, and forget that it has to be written."""
        upserts: list[LedgerRun] = []
        deletes: list[Key] = []
        for site, epoch in self._touched:
            book = self._books[site, epoch]
            for first in book.touched:
                at = bisect_left(book.runs, first, key=_first_of)
                if at < len(book.runs) and book.runs[at].first == first:
                    upserts.append(_public(site, epoch, book.runs[at]))
                else:
                    deletes.append((site, epoch, first))
            book.touched.clear()
        self._touched.clear()
        return Changes(tuple(upserts), tuple(deletes))

    def runs(self, site: str) -> list[LedgerRun]:
        """All runs of a site: outbox by outbox, each in the order of its numbers."""
        return [
            _public(site, epoch, run) for epoch in self._epochs.get(site, ()) for run in self._books[site, epoch].runs
        ]


def _public(site: str, epoch: str, run: _Run) -> LedgerRun:
    return LedgerRun(
        site=site,
        epoch=epoch,
        first_seq=run.first,
        last_seq=run.last,
        from_ms=run.from_ms,
        to_ms=run.to_ms,
        fate=run.fate,
        reason=run.reason,
        rows=run.rows,
    )


def _spread(ranges: Sequence[SeqRange], times_ms: Sequence[int], limit_ms: int) -> Iterator[_Run]:
    """Runs of a message that carries many entries, cut where its numbers or its times have a hole.

    The message does not say which row is of which entry. Entries of an outbox are alike, so rows are shared out evenly
    in the order of time; times of runs are exact, numbers where a hole in time cuts them may be a few off.
    """
    entries = sum(last - first + 1 for first, last in ranges)
    rows = len(times_ms)
    done = 0
    for first, last in sorted(ranges):
        count = last - first + 1
        low = min(done * rows // entries, rows - 1)
        high = max(low + 1, (done + count) * rows // entries)
        done += count
        starts = [low, *(at for at in range(low + 1, high) if times_ms[at] - times_ms[at - 1] > limit_ms), high]
        number = first
        for begin, end in pairwise(starts):
            # Each part has one number at least; more parts than numbers means that an entry itself spans a hole.
            until = last if end == high else min(last, max(number, first + (end - low) * count // (high - low) - 1))
            if number > until:
                break
            yield _Run(number, until, times_ms[begin], times_ms[end - 1], Fate.ARRIVED, "", end - begin)
            number = until + 1
