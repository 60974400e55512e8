"""Rows for the tests of the stores, and what a series must be, worked out without any database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from central.core.city import Aggregate, Sample
from central.store.base import StoreRow

SITE = "E0000000001111"
INVERTER = ("pv.power_w", "battery.power_w", "battery.soc_pct")
METER = ("grid.power_w", "grid.l1_voltage_v")
T0 = 1_700_000_000_000


def inverter(n: int, *values: float | None, site: str = SITE, device: str = "inverter", bad: str = "") -> StoreRow:
    """The n-th row of an inverter, 5 s after the one before."""
    return StoreRow(site, device, T0 + n * 5_000, INVERTER, values or (100.0 + n, -20.5, 55.5), bad)


def meter(n: int, *, site: str = SITE) -> StoreRow:
    """The n-th row of a meter."""
    return StoreRow(site, "meter", T0 + n * 5_000, METER, (float(n), 101.3))


def reference(
    rows: Iterable[StoreRow],
    point: str,
    *,
    from_ms: int,
    to_ms: int,
    step_ms: int,
    aggregate: Aggregate,
    origin_ms: int,
) -> list[Sample]:
    """What ``series`` has to return for the rows of one device."""
    steps: dict[int, list[float]] = {}
    for row in sorted(rows, key=lambda row: row.at_ms):
        if from_ms <= row.at_ms < to_ms and point in row.points:
            step = origin_ms + (row.at_ms - origin_ms) // step_ms * step_ms
            good = steps.setdefault(step, [])
            value = row.values[row.points.index(point)]
            if value is not None:
                good.append(value)
    return [Sample(step, _aggregated(aggregate, good), len(good)) for step, good in sorted(steps.items())]


def _aggregated(aggregate: Aggregate, good: Sequence[float]) -> float | None:
    if not good:
        return None
    return {
        Aggregate.MEAN: fmean(good),
        Aggregate.MIN: min(good),
        Aggregate.MAX: max(good),
        Aggregate.LAST: good[-1],
        Aggregate.COUNT: float(len(good)),
    }[aggregate]
