"""Runs of neighbouring outbox numbers, and the book that keeps those of one outbox apart or joins them. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter
from typing import Final

from central.core.city import Fate
from contract.messages import INTEGER_MAX, LossReason, SeqRange

HOLE_MIN_MS: Final = 60_000
KEPT_MAX: Final = 2
"""Neighbouring entries that still count as what thinning kept."""

_THINNED: Final = (LossReason.THINNED_1MIN.value, LossReason.THINNED_15MIN.value)
_HARDNESS: Final = {reason: rank for rank, reason in enumerate(_THINNED)}
_HARD: Final = len(_THINNED)


def hole_limit_ms(interval_ms: float) -> int:
    """The longest pause between two entries that still counts as going on: three intervals, at least a minute."""
    return max(HOLE_MIN_MS, round(3 * interval_ms))


@dataclass(slots=True)
class Run:
    """A run while it is worked on."""

    first: int
    last: int
    from_ms: int
    to_ms: int
    fate: Fate
    reason: str
    rows: int

    def part(self, first: int, last: int) -> Run:
        """The run cut down to some of its numbers; time and rows are shared out evenly."""
        count, span_ms = self.last - self.first + 1, self.to_ms - self.from_ms
        steps = max(1, count - 1)
        return Run(
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
        """Whether it is a loss of resolution only."""
        return self.fate is Fate.LOST and self.reason in _HARDNESS

    def is_continued_by(self, later: Run, limit_ms: int) -> bool:
        """Whether both are one run: next numbers, same fate, no hole in time either way."""
        return (
            later.first == self.last + 1
            and later.fate is self.fate
            and later.reason == self.reason
            and -limit_ms <= later.from_ms - self.to_ms <= limit_ms
        )

    def swallow(self, later: Run) -> None:
        """Go on with what follows."""
        self.last = later.last
        self.from_ms = min(self.from_ms, later.from_ms)
        self.to_ms = max(self.to_ms, later.to_ms)
        self.rows = min(self.rows + later.rows, INTEGER_MAX)  # What a shelter tells must not outgrow a column.


first_of = attrgetter("first")
last_of = attrgetter("last")


class Book:
    """All runs of one outbox, in the order of their numbers."""

    __slots__ = ("runs", "touched")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.touched: set[int] = set()
        """First numbers of runs that are new, changed or gone since changes were last asked for."""

    def put(self, new: Run, limit_ms: int) -> None:
        """Enter a run; what of its numbers is known better already stays as it is."""
        runs = self.runs
        if not runs or new.first > runs[-1].last:
            # What happens nearly always: the next entry of a live shelter.
            if runs and runs[-1].is_continued_by(new, limit_ms):
                runs[-1].swallow(new)
            else:
                runs.append(new)
            self.touched.add(runs[-1].first)
            return
        low = bisect_left(runs, new.first, key=last_of)
        high = bisect_right(runs, new.last, key=first_of)
        # One neighbour on each side may go on into what is new.
        left, old, right = runs[max(0, low - 1) : low], runs[low:high], runs[high : high + 1]
        before = {run.first: replace(run) for run in (*left, *old, *right)}
        placed = _arrive(old, new) if new.fate is Fate.ARRIVED else _lose(old, new)
        joined = _join((*left, *placed, *right), limit_ms)
        runs[low - len(left) : high + len(right)] = joined
        after = {run.first: run for run in joined}
        self.touched |= before.keys() - after.keys()
        self.touched |= {first for first, run in after.items() if before.get(first) != run}


def _arrive(old: Sequence[Run], new: Run) -> list[Run]:
    """Old runs and what of ``new`` is news, in order."""
    placed: list[Run] = []
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


def _lose(old: Sequence[Run], new: Run) -> list[Run]:
    """Old runs and what of a loss was not known, in order."""
    placed: list[Run] = []
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


def _cut(placed: list[Run], run: Run, new: Run, at: int) -> int:
    """Keep of an old run what ``new`` does not take; returns the next number of ``new`` to place."""
    if run.first < new.first:
        placed.append(run.part(run.first, new.first - 1))
    if run.last > new.last:
        placed += [new.part(at, new.last), run.part(new.last + 1, run.last)]
        return new.last + 1
    return at


def _join(runs: Iterable[Run], limit_ms: int) -> list[Run]:
    joined: list[Run] = []
    for run in runs:
        if joined and joined[-1].is_continued_by(run, limit_ms):
            joined[-1].swallow(run)
        else:
            joined.append(run)
    return joined


def spread(ranges: Sequence[SeqRange], times_ms: Sequence[int], limit_ms: int) -> Iterator[Run]:
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
            yield Run(number, until, times_ms[begin], times_ms[end - 1], Fate.ARRIVED, "", end - begin)
            number = until + 1
