"""Thirty days of a shelter, day by day. Pure. A day without data is a gap and says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from central.core.city import Aggregate, Fate, Sample, Stretch
from central.core.promise import BEFORE_FIRST
from central.web import chart, figures
from central.web.catalogue import Catalogue

DAY_MS: Final = 86_400_000
DAYS: Final = 30
TICKS_APART: Final = 5
ASKED: Final = {
    "pv": ("pv.power_w", Aggregate.MEAN),
    "load": ("load.power_w", Aggregate.MEAN),
    "grid": ("grid.power_w", Aggregate.MEAN),
    "soc_low": ("battery.soc_pct", Aggregate.MIN),
    "soc_high": ("battery.soc_pct", Aggregate.MAX),
}
"""Line → point, and how the readings of a day become one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Thirty days as they were read. The last one is today, so far."""

    from_ms: int
    to_ms: int
    now_ms: int
    lines: Mapping[str, Sequence[Sample]]
    stretches: Sequence[Stretch]


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day in words."""

    day: str
    cells: Sequence[str]
    arrived: str
    why: str


def power(days: Days) -> chart.Chart | None:
    """Mean PV, load and grid of each day, kW."""
    lines = {name: _middle(days.lines[name]) for name in ("pv", "load", "grid")}
    return chart.draw(lines, from_ms=days.from_ms, to_ms=days.to_ms, scale=0.001, columns=ticks(days))


def charge(days: Days) -> chart.Chart | None:
    """Lowest and highest charge of each day, %."""
    lines = {name: _middle(days.lines[name]) for name in ("soc_low", "soc_high")}
    return chart.draw(lines, from_ms=days.from_ms, to_ms=days.to_ms, low=0, high=100, ticks=2, columns=ticks(days))


def ticks(days: Days) -> tuple[chart.Tick, ...]:
    """Every fifth day, at its middle."""
    return tuple(
        chart.Tick(
            round((at_ms + DAY_MS / 2 - days.from_ms) / (days.to_ms - days.from_ms) * 100, 2),
            f"{figures.local(at_ms):%-m/%-d}",
        )
        for at_ms in range(days.from_ms, days.to_ms, DAY_MS * TICKS_APART)
    )


def _middle(line: Sequence[Sample]) -> list[Sample]:
    return [Sample(sample.at_ms + DAY_MS // 2, sample.value, sample.count) for sample in line]


def rows(days: Days, words: Catalogue) -> list[DayRow]:
    """All days, the newest first: mean powers in kW, charge in %, what part of the data is here, and why not."""
    values = {name: {sample.at_ms: sample.value for sample in line} for name, line in days.lines.items()}
    found = []
    for at_ms in reversed(range(days.from_ms, days.to_ms, DAY_MS)):
        low, high = values["soc_low"].get(at_ms), values["soc_high"].get(at_ms)
        arrived, why = _fates(days, at_ms, words)
        found.append(
            DayRow(
                figures.moment(at_ms, words.lang).rpartition(" ")[0],
                [
                    *(figures.kilo(values[name].get(at_ms)) for name in ("pv", "load", "grid")),
                    figures.DASH if low is None or high is None else f"{low:.0f}–{high:.0f}",
                ],
                arrived,
                why,
            )
        )
    return found


def _fates(days: Days, at_ms: int, words: Catalogue) -> tuple[str, str]:
    """The part of a day whose data arrived, and the longest reason for the rest."""
    end_ms = min(at_ms + DAY_MS, days.now_ms)
    here_ms, whole_ms = 0, 0
    missing: dict[str, int] = {}
    for one in days.stretches:
        length_ms = min(one.to_ms, end_ms) - max(one.from_ms, at_ms)
        if length_ms <= 0:
            continue
        if one.reason == BEFORE_FIRST:
            missing[words.term("reason", one.reason)] = length_ms
            continue
        whole_ms += length_ms
        if one.fate is Fate.ARRIVED:
            here_ms += length_ms
        else:
            why = gap_words(one, words)
            missing[why] = missing.get(why, 0) + length_ms
    share = figures.share(here_ms / whole_ms, words) if whole_ms else figures.DASH
    return share, max(missing, key=lambda why: missing[why], default="")


def gap_words(stretch: Stretch, words: Catalogue) -> str:
    """Why a stretch has no data here."""
    fate = words.term("fate", stretch.fate.value)
    return f"{fate}: {figures.reason_words(stretch.reason, words)}" if stretch.reason else fate
