"""Lines over a day as SVG paths. Pure. A step without a value breaks the line: a chart must not bridge a gap.

The drawing is stretched to the width of the page, so a path's numbers are parts of ``WIDTH`` and labels are placed by
percent, outside of the stretched part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from central.core.city import Sample, Stretch
from central.core.promise import BEFORE_FIRST

WIDTH: Final = 1_000
HEIGHT: Final = 220
TICKS_WANTED: Final = 5
HOUR_MS: Final = 3_600_000
TOKYO_OFFSET_MS: Final = 9 * HOUR_MS
HOURS_APART: Final = 3
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: where it is (percent from the top or from the left), and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Paths by name, and the grid behind them."""

    paths: Mapping[str, str]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    zero_y: float | None
    """Where zero is, in parts of ``HEIGHT``; ``None`` when it is an edge."""


STEP_MIN: Final = 1e-9
"""Below this a span is no span: every line is flat."""


def nice_step(span: float, wanted: int) -> float:
    """A round distance between grid lines."""
    raw = span / wanted
    if raw < STEP_MIN:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in _STEPS if raw <= step * power * (1 + 1e-9))


def draw(
    lines: Mapping[str, Sequence[Sample]],
    *,
    from_ms: int,
    to_ms: int,
    scale: float = 1.0,
    low: float | None = None,
    high: float | None = None,
    ticks: int = TICKS_WANTED,
    columns: tuple[Tick, ...] | None = None,
) -> Chart | None:
    """Draw lines on one axis; ``None`` when no line has a value. ``scale`` turns W into kW.

    ``columns``: where the grid's upright lines are; every third hour when not said.
    """
    values = [sample.value * scale for line in lines.values() for sample in line if sample.value is not None]
    if not values:
        return None
    bottom = min(0.0, *values) if low is None else low
    top = max(0.0, *values) if high is None else high
    step = nice_step(top - bottom, ticks)
    bottom, top = math.floor(bottom / step) * step, math.ceil(top / step) * step
    if top <= bottom:
        top = bottom + step

    def y(value: float) -> float:
        return (top - value) / (top - bottom) * HEIGHT

    decimals = 0 if step >= 1 else 1 if step >= 0.1 else 2
    count = round((top - bottom) / step)
    rows = tuple(
        Tick(round(y(bottom + n * step) / HEIGHT * 100, 2), f"{bottom + n * step:,.{decimals}f}")
        for n in range(count + 1)
    )
    paths = {name: _path(line, from_ms, to_ms, lambda value: y(value * scale)) for name, line in lines.items()}
    return Chart(
        paths=paths,
        rows=rows,
        columns=hours(from_ms, to_ms) if columns is None else columns,
        zero_y=round(y(0), 1) if bottom < 0 < top else None,
    )


def _path(line: Sequence[Sample], from_ms: int, to_ms: int, y: Callable[[float], float]) -> str:
    parts: list[str] = []
    drawing = False
    alone = False
    for sample in line:
        if sample.value is None or not from_ms <= sample.at_ms <= to_ms:
            if alone:
                parts.append("h0")
            drawing = alone = False
            continue
        x = (sample.at_ms - from_ms) / (to_ms - from_ms) * WIDTH
        parts.append(f"{'L' if drawing else 'M'}{x:.1f} {y(sample.value):.1f}")
        drawing, alone = True, not drawing
    if alone:
        parts.append("h0")  # One value between two gaps is a dot, not nothing.
    return "".join(parts)


def hours(from_ms: int, to_ms: int) -> tuple[Tick, ...]:
    """The Tokyo hours of a span, every third one."""
    distance = HOURS_APART * HOUR_MS
    first = -(-(from_ms + TOKYO_OFFSET_MS) // distance) * distance - TOKYO_OFFSET_MS
    ticks = []
    for at_ms in range(first, to_ms, distance):
        at = round((at_ms - from_ms) / (to_ms - from_ms) * 100, 2)
        if 3 <= at <= 97:
            ticks.append(Tick(at, f"{(at_ms + TOKYO_OFFSET_MS) // HOUR_MS % 24}:00"))
    return tuple(ticks)


@dataclass(frozen=True, slots=True)
class Band:
    """A piece of a bar, in parts of ``WIDTH``."""

    x: float
    width: float
    fate: str


def shade(stretch: Stretch) -> str:
    """The fate by its colour's name. Before a shelter's first data there was nothing to miss, so it has its own."""
    return "before" if stretch.reason == BEFORE_FIRST else stretch.fate.value


def bands(stretches: Sequence[Stretch], *, from_ms: int, to_ms: int) -> tuple[Band, ...]:
    """Stretches of time as pieces of a bar; the shortest one can still be seen."""
    found = []
    for stretch in stretches:
        x = (max(stretch.from_ms, from_ms) - from_ms) / (to_ms - from_ms) * WIDTH
        end = (min(stretch.to_ms, to_ms) - from_ms) / (to_ms - from_ms) * WIDTH
        if end > x:
            found.append(Band(round(x, 1), round(max(end - x, 1.5), 1), shade(stretch)))
    return tuple(found)
