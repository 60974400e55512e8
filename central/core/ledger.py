"""The ledger of outbox entries: which numbers of which shelter's outbox are here, which are lost, and of what time.

It is kept as runs of neighbouring numbers, so a shelter that never stopped costs one run however long it has been
reporting. Runs never overlap within an outbox: a number has one fate. What has arrived stays arrived. Of two losses the
harder one holds (dropped before thinned to 15 min before thinned to 1 min).

Thinning keeps one entry of many, so what a thinned stretch kept arrives as single numbers all over it. These melt into
the stretch (its ``rows`` grows) instead of cutting it into thousands of runs; three neighbours or more are full
resolution, and stand as a run of their own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from central.core.city import Fate
from central.core.runs import HOLE_MIN_MS, Book, Run, first_of, hole_limit_ms, last_of, spread
from contract.messages import Loss, SeqRange

INTERVAL_DEFAULT_MS: Final = 5_000
RUNS_MAX: Final = 20_000
"""Runs of one outbox in memory; a year of a shelter makes some hundred."""
EPOCHS_MAX: Final = 200
"""Outboxes of one site in memory; a new one is made when a file is lost."""
REFUSED: Final = "refused"
"""How the reason of entries begins that arrived and could not be used."""


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


class Ledger:
    """The books of all outboxes of the city. ``changes`` gives what has to be written since it was last asked."""

    def __init__(self, runs: Iterable[LedgerRun] = (), *, runs_each: int | None = None) -> None:
        """``runs``: what was kept; ``runs_each``: how many of each outbox at most, if older ones were left out."""
        self._books: dict[tuple[str, str], Book] = {}
        self._epochs: dict[str, list[str]] = {}
        self._touched: set[tuple[str, str]] = set()
        for run in sorted(runs, key=lambda run: run.first_seq):
            self._book(run.site, run.epoch).runs.append(
                Run(run.first_seq, run.last_seq, run.from_ms, run.to_ms, run.fate, run.reason, run.rows)
            )
        self._cut = {
            site for (site, _), book in self._books.items() if runs_each is not None and len(book.runs) >= runs_each
        }

    def is_cut(self, site: str) -> bool:
        """Whether older runs of the site are kept only where they are written."""
        return site in self._cut

    def _book(self, site: str, epoch: str) -> Book:
        book = self._books.get((site, epoch))
        if book is None:
            book = self._books[site, epoch] = Book()
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
            book.put(Run(first, last, times_ms[0], times_ms[-1], Fate.ARRIVED, "", count), limit_ms)
            return
        for run in spread(ranges, times_ms, limit_ms):
            book.put(run, limit_ms)

    def refused(self, site: str, epoch: str, ranges: Sequence[SeqRange], reason: str, now_ms: int) -> None:
        """Entries came and nothing of them can be used. Their time is not to be trusted: their neighbours' holds."""
        for first, last in ranges:
            at_ms = self._time_before(site, epoch, first, now_ms)
            self._lose(site, epoch, Run(first, last, at_ms, at_ms, Fate.LOST, f"{REFUSED}: {reason}", 0))

    def lost(self, site: str, epoch: str, losses: Iterable[Loss], now_ms: int) -> None:
        """The edge gave up stretches of this outbox, or of the one that each loss names. Time 0: it is not known."""
        for loss in losses:
            from_ms, to_ms = loss.from_ms, loss.to_ms
            if not from_ms or not to_ms:
                from_ms = to_ms = self._time_before(site, loss.epoch or epoch, loss.first_seq, now_ms)
            run = Run(loss.first_seq, loss.last_seq, from_ms, to_ms, Fate.LOST, loss.reason.value, loss.rows)
            self._lose(site, loss.epoch or epoch, run)

    def _time_before(self, site: str, epoch: str, seq: int, now_ms: int) -> int:
        runs = self._book(site, epoch).runs
        at = bisect_left(runs, seq, key=last_of)
        return runs[at - 1].to_ms if at else now_ms

    def _lose(self, site: str, epoch: str, run: Run) -> None:
        self._touched.add((site, epoch))
        self._book(site, epoch).put(run, HOLE_MIN_MS)

    def changes(self) -> Changes:
        """What to write, and forget that it has to be written."""
        upserts: list[LedgerRun] = []
        deletes: list[Key] = []
        for site, epoch in self._touched:
            book = self._books[site, epoch]
            for first in book.touched:
                at = bisect_left(book.runs, first, key=first_of)
                if at < len(book.runs) and book.runs[at].first == first:
                    upserts.append(_public(site, epoch, book.runs[at]))
                else:
                    deletes.append((site, epoch, first))
            book.touched.clear()
            self._let_go(site, book)
        self._touched.clear()
        return Changes(tuple(upserts), tuple(deletes))

    def change_again(self, upserts: Iterable[LedgerRun], deletes: Iterable[Key]) -> None:
        """Changes that could not be written: tell them again next time, as far as they still hold."""
        for site, epoch, first, is_there in (
            *((run.site, run.epoch, run.first_seq, True) for run in upserts),
            *((*key, False) for key in deletes),
        ):
            book = self._books.get((site, epoch))
            if book is None:
                continue
            at = bisect_left(book.runs, first, key=first_of)
            if (at < len(book.runs) and book.runs[at].first == first) is is_there:
                book.touched.add(first)
                self._touched.add((site, epoch))

    def _let_go(self, site: str, book: Book) -> None:
        """Keep the memory bounded, whatever a shelter sends for years: what is let go of here is written."""
        if len(book.runs) > RUNS_MAX:
            del book.runs[: -RUNS_MAX // 2]
            self._cut.add(site)
        epochs = self._epochs[site]
        while len(epochs) > EPOCHS_MAX and (site, epochs[0]) not in self._touched:
            del self._books[site, epochs.pop(0)]
            self._cut.add(site)

    def newest_ms(self) -> int:
        """Time of the newest entry of all that are in memory; 0 without one."""
        return max((run.to_ms for book in self._books.values() for run in book.runs), default=0)

    def runs(self, site: str) -> list[LedgerRun]:
        """All runs of a site: outbox by outbox, each in the order of its numbers."""
        return [
            _public(site, epoch, run) for epoch in self._epochs.get(site, ()) for run in self._books[site, epoch].runs
        ]


def _public(site: str, epoch: str, run: Run) -> LedgerRun:
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
