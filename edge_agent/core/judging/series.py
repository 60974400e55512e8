"""What the devices of a site said during a watch, as plain values with their times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from contract.points import InverterState

PHASES: Final = ("l1", "l2", "l3")
AGREE_SHARE: Final = 0.8
"""Share of the samples in which something must hold to be called so."""

Track = tuple[tuple[float, float], ...]
"""Moments (UTC seconds) and values of one point."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of reading."""

    at_s: float
    """UTC seconds."""
    values: Mapping[str, Mapping[str, float]]
    """Device → point → value; what has no good value is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is known of the site; None: not told."""

    latitude_deg: float | None = None
    longitude_deg: float | None = None
    pv_rated_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A watch: samples in their order, and which points each device has at all, with or without a value."""

    samples: tuple[Sample, ...]
    points: Mapping[str, frozenset[str]]
    place: Place = field(default_factory=Place)
    sums: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Device → points that are sums of others there, and of which."""

    def is_made_of(self, device: str, point: str, part: str) -> bool:
        """Whether a point is worked out from another one, so that the two cannot prove each other."""
        return part in self.sums.get(device, {}).get(point, ())

    @property
    def span_s(self) -> float:
        """How long the watch was."""
        return self.samples[-1].at_s - self.samples[0].at_s if self.samples else 0.0

    def givers(self, point: str) -> tuple[str, ...]:
        """Devices that have the point."""
        return tuple(device for device, points in self.points.items() if point in points)

    def track(self, device: str, point: str) -> Track:
        """A point's values with their moments."""
        return tuple(
            (sample.at_s, value)
            for sample in self.samples
            if (value := sample.values.get(device, {}).get(point)) is not None
        )

    def typical(self, device: str, point: str) -> float | None:
        """The middle one of a point's values: a single odd one does not count."""
        values = [value for _, value in self.track(device, point)]
        return median(values) if values else None

    def last(self, device: str, point: str) -> float | None:
        """A point's newest value."""
        track = self.track(device, point)
        return track[-1][1] if track else None

    def together(self, device: str, *points: str) -> tuple[tuple[float, ...], ...]:
        """Values of several points of one device, of the samples that have them all."""
        rows = ([sample.values.get(device, {}).get(point) for point in points] for sample in self.samples)
        return tuple(tuple(v for v in row if v is not None) for row in rows if None not in row)

    @property
    def is_islanded(self) -> bool:
        """Whether the grid was away at any time: an inverter said so, or its phases had no voltage."""
        return any(_is_away(values) for sample in self.samples for values in sample.values.values())


_STATES_WITHOUT_GRID: Final = frozenset({InverterState.OFF, InverterState.ISLANDED, InverterState.FAULT})


def _is_away(values: Mapping[str, float]) -> bool:
    if values.get("inverter.islanded") == 1 or values.get("inverter.state") in _STATES_WITHOUT_GRID:
        return True
    for group in ("grid", "inverter"):
        voltages = [v for phase in PHASES if (v := values.get(f"{group}.{phase}_voltage_v")) is not None]
        if voltages and not any(voltages):
            return True
    return values.get("grid.frequency_hz") == 0


Row = tuple[float, ...]


def mostly(rows: Iterable[Row], holds: Callable[[Row], bool]) -> bool:
    """Whether something holds in nearly all rows, and there is one."""
    answers = [holds(row) for row in rows]
    return bool(answers) and sum(answers) >= AGREE_SHARE * len(answers)


def listed(names: Iterable[str]) -> str:
    """Names in one line."""
    return ", ".join(names)
