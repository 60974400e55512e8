"""What both stores think about rows: the name of a shape, steps of a series, and rows in time order. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from central.core.city import Aggregate, Sample
from central.store.base import StoreRefusedError, StoreRow
from contract.points import POINTS


def shape_name(points: tuple[str, ...]) -> str:
    """Sixteen hexadecimal digits that stand for a row's points in their order; safe inside any query language.

    Raises:
        StoreRefusedError: a point is not in the contract, or there is none.
    """
    unknown = [point for point in points if point not in POINTS]
    if unknown or not points:
        raise StoreRefusedError(f"points {unknown} are not in contract/points.py: the row cannot be stored")
    if len(set(points)) != len(points):
        raise StoreRefusedError(f"a row names a point twice: {points}")
    return hashlib.blake2b("\n".join(points).encode(), digest_size=8).hexdigest()


def wrong_length(row: StoreRow) -> StoreRefusedError:
    """What to raise for a row whose values do not fit its points."""
    return StoreRefusedError(
        f"row of {row.site} {row.device} at {row.at_ms}: {len(row.values)} values for {len(row.points)} points"
    )


def first_step_ms(origin_ms: int, step_ms: int) -> int:
    """A step's border at or before the epoch, so that dividing times after it never rounds the wrong way."""
    if step_ms <= 0:
        raise ValueError(f"step_ms must be above 0, got {step_ms}")
    return origin_ms % step_ms - step_ms


@dataclass(frozen=True, slots=True)
class Part:
    """What one table knows of one step. ``value`` is the sum for a mean, else what the aggregate says."""

    at_ms: int
    good: int
    value: float | None
    last_ms: int | None = None
    """Time of the last good reading; only ``LAST`` needs it."""


def merge_parts(aggregate: Aggregate, parts: Iterable[Part]) -> list[Sample]:
    """Put together steps that several tables have a share in (a device whose set of points changed)."""
    steps: dict[int, Part] = {}
    for part in parts:
        other = steps.get(part.at_ms)
        steps[part.at_ms] = part if other is None else _joined(aggregate, other, part)
    return [_sample(aggregate, steps[at_ms]) for at_ms in sorted(steps)]


def _joined(aggregate: Aggregate, a: Part, b: Part) -> Part:
    if a.value is None or b.value is None:
        kept = b if a.value is None else a
        return Part(a.at_ms, a.good + b.good, kept.value, kept.last_ms)
    good, last_ms = a.good + b.good, None
    match aggregate:
        case Aggregate.MEAN:
            value = a.value + b.value
        case Aggregate.MIN:
            value = min(a.value, b.value)
        case Aggregate.MAX:
            value = max(a.value, b.value)
        case Aggregate.COUNT:
            value = float(good)
        case Aggregate.LAST:
            newer = max(a, b, key=lambda part: part.last_ms or 0)
            value, last_ms = newer.value or 0.0, newer.last_ms
    return Part(a.at_ms, good, value, last_ms)


def _sample(aggregate: Aggregate, part: Part) -> Sample:
    if part.good == 0 or part.value is None:
        return Sample(part.at_ms, None, 0)
    value = part.value / part.good if aggregate is Aggregate.MEAN else part.value
    return Sample(part.at_ms, float(value), part.good)


def next_rows(pages: Sequence[Sequence[StoreRow]], page_rows: int) -> tuple[list[StoreRow], int | None]:
    """Rows of several series in time order, as far as all pages reach; and the time to go on from (None: all is out).

    Each page holds the first ``page_rows`` rows of its series (fewer: there are no more).
    """
    full = [page[-1].at_ms for page in pages if len(page) >= page_rows]
    cut_ms = min(full) if full else None
    rows = [row for page in pages for row in page if cut_ms is None or row.at_ms <= cut_ms]
    rows.sort(key=lambda row: (row.at_ms, row.device, row.points))
    return rows, None if cut_ms is None else cut_ms + 1
