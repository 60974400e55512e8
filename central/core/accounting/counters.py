"""From the readings of one energy counter to the energy of half hours: whole watt-hours, nothing lost or made. Pure.

The energy of a half hour is the difference of the counter at its two ends. Between readings the counter is taken to
rise evenly; the share is rounded down once for each end, so neighbours always add up to what the counter rose.
Readings are a set: in which order they came changes nothing.

A counter that falls, or rises by more than the plant can give, was reset, exchanged or has run over; a lone reading
that the next ones contradict was none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from central.core.accounting.halfhours import HALF_HOUR_MS

Ints = NDArray[np.int64]
Marks = NDArray[np.int8]

NEAR_MS: Final = 300_000
"""Two readings around an end that are so near to each other measure it."""
BRIDGE_MS: Final = 7_200_000
"""Up to this an end between two readings is interpolated; beyond, only the sum over the gap is known."""
DIP_MS: Final = 600_000
"""A value that is contradicted within this time was no reading of the counter."""
MAX_W: Final = 2_000_000
"""Where nothing is known of the plant: no more than this flows (contract/points.py)."""
_MS_PER_H: Final = 3_600_000
_SLACK_WH: Final = 1_000
"""A counter of coarse steps may rise by one at any time."""
ROLLOVERS_WH: Final = (10**8, 10**9, 10**10, 2**31, 2**32, 10 * 2**31, 10 * 2**32, 100 * 2**31, 100 * 2**32)
"""Where counters begin again at zero: displays of six to eight digits, registers of 31 and 32 bits in usual steps."""


class Mark(IntEnum):
    """How well the energy of a half hour is known; a higher number is worse."""

    MEASURED = 0
    RESTARTED = 1
    """The counter began anew inside it: at least this much."""
    INTERPOLATED = 2
    """An end lies in a gap of at most two hours."""
    SUMMED = 3
    """It lies in a longer gap: the sum over the gap is right, when it flowed is not known."""
    AT_LEAST = 4
    """It lies in a longer gap in which the counter began anew: the sum over the gap is at least this."""
    UNKNOWN = 5
    """Before the first reading or after the last one: nothing is known."""


LETTERS: Final = "mrisl-"
"""Letter of each mark in stored days."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of one counter: times in UTC milliseconds, rising, and values in Wh."""

    at_ms: Ints
    wh: Ints

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, float]]) -> Readings:
        """From pairs of time and value in any order. Of two values for one moment the higher one stands."""
        found = sorted((int(at_ms), round(wh)) for at_ms, wh in pairs)
        return cls._unique(
            np.array([at_ms for at_ms, _ in found], dtype=np.int64), np.array([wh for _, wh in found], dtype=np.int64)
        )

    @classmethod
    def _unique(cls, at_ms: Ints, wh: Ints) -> Readings:
        last = np.append(at_ms[1:] != at_ms[:-1], True) if at_ms.size else np.zeros(0, dtype=bool)
        return cls(at_ms[last], wh[last])

    def __len__(self) -> int:
        return int(self.at_ms.size)

    def merged(self, *others: Readings) -> Readings:
        """These and others as one set."""
        at_ms = np.concatenate([self.at_ms, *(other.at_ms for other in others)])
        wh = np.concatenate([self.wh, *(other.wh for other in others)])
        order = np.lexsort((wh, at_ms))
        return self._unique(at_ms[order], wh[order])

    def between(self, from_ms: int, to_ms: int) -> Readings:
        """Readings of ``from_ms`` <= t < ``to_ms``."""
        first, last = np.searchsorted(self.at_ms, [from_ms, to_ms])
        return Readings(self.at_ms[first:last], self.wh[first:last])


NO_READINGS: Final = Readings(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Counted:
    """Energy between neighbouring ends, in Wh, and how well each is known. 0 where nothing is known."""

    wh: Ints
    marks: Marks


@dataclass(frozen=True, slots=True)
class _Rise:
    """What the counter rose from each reading to the next one."""

    at_ms: Ints
    wh: Ints
    from_start: Ints
    """Energy since the first reading, at each reading."""
    broken: NDArray[np.bool_]
    """Steps over which the counter did not simply count on."""


def count(
    readings: Readings, ends_ms: Ints, *, max_w: int = MAX_W, changed_ms: Sequence[int] = (), dip_ms: int = DIP_MS
) -> Counted:
    """Energy between each two neighbouring ends.

    Args:
        readings: of one counter.
        ends_ms: moments in rising order.
        max_w: no more can flow through this counter.
        changed_ms: moments at which the device was exchanged for another one.
        dip_ms: so soon a false reading is contradicted.
    """
    intervals = max(0, ends_ms.size - 1)
    if not len(readings):
        return Counted(np.zeros(intervals, np.int64), np.full(intervals, Mark.UNKNOWN, np.int8))
    rise = _rise(_healed(readings, max_w, dip_ms), max_w, changed_ms)
    at_ms, last = rise.at_ms, rise.at_ms.size - 1
    left = np.searchsorted(at_ms, ends_ms, side="right") - 1
    inside = (left >= 0) & ((left < last) | (at_ms[left] == ends_ms))
    left = np.clip(left, 0, last)
    exact = at_ms[left] == ends_ms
    step = np.minimum(left, max(0, last - 1))
    if last:
        span_ms = np.diff(at_ms)[step]
        # A counter that stands at the same value after a gap stood there all the time: nothing flowed.
        still = (rise.wh[step] == 0) & ~rise.broken[step]
        # Watt-hours times milliseconds stay far below 2**63 for any step that a plant can take.
        into = np.where(exact, 0, rise.wh[step] * (ends_ms - at_ms[left]) // span_ms)
    else:
        span_ms = into = np.zeros(ends_ms.size, np.int64)
        still = np.ones(ends_ms.size, dtype=bool)
    energy = rise.from_start[left] + into
    gap_ms = np.where(exact | still, 0, span_ms)
    end_marks = np.where(
        gap_ms <= NEAR_MS, Mark.MEASURED, np.where(gap_ms <= BRIDGE_MS, Mark.INTERPOLATED, Mark.SUMMED)
    )
    end_marks = np.where(inside, end_marks, Mark.UNKNOWN)
    marks = np.maximum(end_marks[:-1], end_marks[1:])
    until = np.concatenate([[0], np.cumsum(rise.broken)])
    crossed = until[np.where(exact[1:], left[1:], np.minimum(left[1:] + 1, last))] - until[left[:-1]]
    marks = np.where((marks <= Mark.INTERPOLATED) & (crossed > 0), Mark.RESTARTED, marks)
    marks = np.where((marks == Mark.SUMMED) & (crossed > 0), Mark.AT_LEAST, marks)
    wh = np.where(marks == Mark.UNKNOWN, 0, np.diff(energy))
    return Counted(wh.astype(np.int64), marks.astype(np.int8))


def thinned(
    readings: Readings, *, max_w: int = MAX_W, changed_ms: Sequence[int] = (), dip_ms: int = DIP_MS
) -> Readings:
    """The readings that the energy of half hours rests on: of each half hour the first and the last one, and both
    sides of every break. Counting these gives what counting all gives.
    """
    if len(readings) < 3:
        return readings
    found = _healed(readings, max_w, dip_ms)
    halves = found.at_ms // HALF_HOUR_MS
    turns = halves[1:] != halves[:-1]
    broken = _is_broken(found, max_w)
    broken[_places(found.at_ms, changed_ms)] = True
    kept = np.zeros(len(found), dtype=bool)
    kept[0] = kept[-1] = True
    kept[1:] |= turns | broken
    kept[:-1] |= turns | broken
    return Readings(found.at_ms[kept], found.wh[kept])


def around(readings: Readings, end_ms: int) -> tuple[tuple[int, int], ...]:
    """The one reading, or the two, that an end's value comes from: time in ms and value in Wh."""
    right = int(np.searchsorted(readings.at_ms, end_ms))
    if right < len(readings) and readings.at_ms[right] == end_ms:
        return ((end_ms, int(readings.wh[right])),)
    places = [place for place in (right - 1, right) if 0 <= place < len(readings)]
    return tuple((int(readings.at_ms[place]), int(readings.wh[place])) for place in places)


def step_wh(readings: Readings) -> int:
    """The counter's own step, as far as its values show it, Wh; 0: it never moved."""
    return int(np.gcd.reduce(np.diff(readings.wh))) if len(readings) > 1 else 0


def _allowed_wh(span_ms: Ints, max_w: int) -> Ints:
    return span_ms * max_w // _MS_PER_H + _SLACK_WH


def _is_broken(readings: Readings, max_w: int) -> NDArray[np.bool_]:
    rose = np.diff(readings.wh)
    return np.asarray((rose < 0) | (rose > _allowed_wh(np.diff(readings.at_ms), max_w)))


def _healed(readings: Readings, max_w: int, dip_ms: int) -> Readings:
    """Without values that the readings soon after contradict: a fall or a leap that is taken back."""
    broken = np.flatnonzero(_is_broken(readings, max_w))
    if not broken.size:
        return readings
    at_ms, wh = readings.at_ms, readings.wh
    kept = np.ones(len(readings), dtype=bool)
    for before in (int(place) for place in broken):
        if not kept[before]:
            continue
        for after in range(before + 2, len(readings)):
            span_ms = int(at_ms[after] - at_ms[before])
            if span_ms > dip_ms:
                break
            if 0 <= int(wh[after] - wh[before]) <= span_ms * max_w // _MS_PER_H + _SLACK_WH:
                kept[before + 1 : after] = False
                break
    return Readings(at_ms[kept], wh[kept])


def _rise(readings: Readings, max_w: int, changed_ms: Sequence[int]) -> _Rise:
    at_ms, wh = readings.at_ms, readings.wh
    rose = np.diff(wh)
    broken = _is_broken(readings, max_w)
    allowed = _allowed_wh(np.diff(at_ms), max_w)
    for place in (int(each) for each in np.flatnonzero(broken)):
        rose[place], broken[place] = _over(int(wh[place]), int(wh[place + 1]), int(allowed[place]))
    for place in _places(at_ms, changed_ms):
        # From the old device's last value to the new one's first: neither says what flowed between.
        rose[place], broken[place] = 0, True
    return _Rise(at_ms, rose, np.concatenate([[0], np.cumsum(rose)]).astype(np.int64), broken)


def _places(at_ms: Ints, changed_ms: Sequence[int]) -> list[int]:
    """The steps in which these moments lie."""
    steps = (int(np.searchsorted(at_ms, moment)) - 1 for moment in changed_ms)
    return [step for step in steps if 0 <= step < at_ms.size - 1]


def _over(before: int, after: int, allowed: int) -> tuple[int, bool]:
    """Energy over a break, and whether it is one: a counter that has run over counted on."""
    for size in ROLLOVERS_WH:
        if after < before <= size and after + size - before <= allowed:
            return after + size - before, False
    # After a reset it has counted up to its new value; of another device nothing is known.
    return (after, True) if after < before and after <= allowed else (0, True)
