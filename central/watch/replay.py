"""Reads what the store and the records hold of the last weeks, and plays alert rules over it. Nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from central.core.audit import Decision
from central.core.autonomy.values import Floats
from central.core.city import Aggregate, EventRecord, Site
from central.core.facts import NO_FACTS, ShelterFacts
from central.core.habits import DAY_MS
from central.core.peak.plans import Plans, plans_of
from central.core.plants import plane_of
from central.core.watch import pv
from central.core.watch.alerts import Alert
from central.core.watch.past import HALF_HOUR_MS, STEPS_OF_DAY, SUN_UP, Past, Sky, played
from central.core.watch.rules import Rule
from central.queries import TOKYO_MIDNIGHT_MS
from central.store.base import StoreRow, TelemetryStore
from contract.messages import EventKind

LEAD_DAYS: Final = pv.WINDOW_DAYS
"""So many days before the period are read, for the comparison of plants looks back."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A point, how it is read, and what several devices of it make: their sum, or the word of the worst."""

    aggregate: Aggregate
    join: Callable[[Sequence[Floats]], Floats]


def _summed(lines: Sequence[Floats]) -> Floats:
    """Every device has its part from its first reading to its last: then one that is missing leaves the sum unknown."""
    total, lives = np.zeros_like(lines[0]), np.zeros(len(lines[0]), dtype=bool)
    for line in lines:
        known = np.flatnonzero(np.isfinite(line))
        if known.size:
            part = slice(known[0], known[-1] + 1)
            total[part] += line[part]
            lives[part] = True
    return np.where(lives, total, np.nan)


def _least(lines: Sequence[Floats]) -> Floats:
    return np.asarray(np.fmin.reduce(list(lines)), dtype=np.float64)


def _most(lines: Sequence[Floats]) -> Floats:
    return np.asarray(np.fmax.reduce(list(lines)), dtype=np.float64)


def _first(lines: Sequence[Floats]) -> Floats:
    """The device whose word counts; another one before it came or after it was gone."""
    found = lines[0]
    for line in lines[1:]:
        found = np.where(np.isfinite(found), found, line)
    return found


LINES: Final[Mapping[str, _Line]] = {
    "pv.power_w": _Line(Aggregate.MEAN, _summed),
    "battery.soc_pct": _Line(Aggregate.LAST, _first),
    "battery.reserve_soc_pct": _Line(Aggregate.LAST, _first),
    "battery.soh_pct": _Line(Aggregate.LAST, _least),
    "grid.power_w": _Line(Aggregate.MEAN, _first),
    "inverter.islanded": _Line(Aggregate.MAX, _most),
    "inverter.state": _Line(Aggregate.MAX, _most),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the past is read from."""

    store: TelemetryStore
    device_with: Callable[[str, str], str | None]
    """Shelter and point → the device whose word counts; ``None``: it has none."""
    rows: Mapping[str, Sequence[StoreRow]]
    """Shelter → the newest row of every device that it ever had."""
    events: Mapping[str, Sequence[EventRecord]] = field(default_factory=dict)
    """Shelter → its events."""
    book: Sequence[Decision] = ()
    """Decisions in their order: targets of demand are among them."""
    facts: Mapping[str, ShelterFacts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Alerts that would have been raised in the period, in the order of their beginning; those that end, ended."""

    alerts: Sequence[Alert]
    half_hours: int
    """Half hours of all shelters of which any reading is there."""
    pv_devices: int
    """PV devices of all shelters that were read."""


async def replay(
    rules: Sequence[Rule],
    sources: Sources,
    sites: Sequence[Site],
    *,
    reserve_pct: float,
    from_ms: int,
    to_ms: int,
    progress: Callable[[int], None] = lambda _done: None,
) -> Replayed:
    """Play a period. ``from_ms``: a midnight in Tokyo; ``progress`` is told how many shelters were read.

    Raises:
        StoreError: the store can't be read.
    """
    start_ms = from_ms - LEAD_DAYS * DAY_MS
    steps = max(0, (to_ms - start_ms) // HALF_HOUR_MS)
    shape = (len(sites), steps)
    lines = {point: np.full(shape, np.nan) for point in LINES}
    heard = np.zeros(shape, dtype=bool)
    lost = np.zeros(shape, dtype=bool)
    pv_devices = 0
    for row, site in enumerate(sites):
        for point, how in LINES.items():
            devices = _devices(sources, site.id, point)
            pv_devices += len(devices) if point == "pv.power_w" else 0
            found = [
                await _read(sources.store, site.id, device, point, how.aggregate, start_ms, heard[row])
                for device in devices
            ]
            if found and steps:
                lines[point][row] = how.join(found)
        _lose(lost[row], sources.events.get(site.id, ()), start_ms)
        progress(row + 1)
    if not sites or not steps:
        return Replayed(alerts=(), half_hours=0, pv_devices=pv_devices)
    with np.errstate(invalid="ignore"):
        islanded = lines["inverter.islanded"] > 0
    past = Past(
        sites=[site.id for site in sites],
        wards={site.id: site.ward for site in sites},
        start_ms=start_ms,
        heard=heard,
        pv_w=lines["pv.power_w"],
        soc_pct=lines["battery.soc_pct"],
        reserve_pct=lines["battery.reserve_soc_pct"],
        soh_pct=lines["battery.soh_pct"],
        grid_w=lines["grid.power_w"],
        islanded=islanded,
        state=lines["inverter.state"],
        lost=lost,
        target_w=_targets_w(sources.book, [site.id for site in sites], start_ms, steps),
    )
    alerts = played(rules, past, _sky(sites, sources.facts, start_ms, steps), reserve_pct=reserve_pct)
    return Replayed(
        alerts=sorted((one for one in alerts if one.raised_ms >= from_ms), key=lambda one: one.n),
        half_hours=int(heard[:, LEAD_DAYS * STEPS_OF_DAY :].sum()),
        pv_devices=pv_devices,
    )


def _devices(sources: Sources, site: str, point: str) -> list[str]:
    """Devices that have a point or once had it: first the one whose word counts."""
    chosen = sources.device_with(site, point)
    had = sorted({row.device for row in sources.rows.get(site, ()) if point in row.points})
    return [chosen, *(device for device in had if device != chosen)] if chosen is not None else had


async def _read(
    store: TelemetryStore, site: str, device: str, point: str, aggregate: Aggregate, start_ms: int, heard: Floats
) -> Floats:
    """A point's half hours. ``heard`` is told of rows, bad ones too."""
    steps = len(heard)
    line = np.full(steps, np.nan)
    for sample in await store.series(
        site,
        device,
        point,
        from_ms=start_ms,
        to_ms=start_ms + steps * HALF_HOUR_MS,
        step_ms=HALF_HOUR_MS,
        aggregate=aggregate,
        origin_ms=TOKYO_MIDNIGHT_MS,
    ):
        step = (sample.at_ms - start_ms) // HALF_HOUR_MS
        if 0 <= step < steps:
            heard[step] = True
            line[step] = np.nan if sample.value is None else sample.value
    return line


def _lose(lost: Floats, events: Iterable[EventRecord], start_ms: int) -> None:
    """Mark half hours in which a device did not answer, from the event that says so to the one that it is back."""
    since: dict[str, int] = {}
    for event in sorted(events, key=lambda one: one.at_ms):
        step = max(0, (event.at_ms - start_ms) // HALF_HOUR_MS)
        if event.kind == EventKind.DEVICE_LOST:
            since.setdefault(event.device, step)
        elif event.kind == EventKind.DEVICE_BACK and event.device in since:
            lost[since.pop(event.device) : step + 1] = True
    for step in since.values():
        lost[step:] = True


def _targets_w(book: Iterable[Decision], sites: Sequence[str], start_ms: int, steps: int) -> Floats:
    """Each half hour's target as it was set when the half hour began."""
    found = np.full((len(sites), steps), np.nan)
    plans = Plans({}, frozenset())
    for decision in book:
        before, plans = plans, plans_of([decision], plans)
        if before.of == plans.of:
            continue
        first = max(0, -(-(decision.at_ms - start_ms) // HALF_HOUR_MS))
        for row, site in enumerate(sites):
            plan = plans.of.get(site)
            found[row, first:] = plan.target_w if plan else np.nan
    return found


def _sky(sites: Sequence[Site], facts: Mapping[str, ShelterFacts], start_ms: int, steps: int) -> Sky:
    from central.solar import clear_sky_w  # It takes a second to load.

    planes = [plane_of(site, facts.get(site.id, NO_FACTS)) for site in sites]
    peak_w = np.array([plane.peak_w for plane in planes])
    sky_w = clear_sky_w(planes, start_ms=start_ms, steps=steps, step_ms=HALF_HOUR_MS)
    return Sky(
        clear_w=pv.reachable_w(sky_w, [site.inverter_kw * 1_000 for site in sites]),
        is_up=sky_w > SUN_UP * peak_w[:, None],
        peak_w=peak_w,
        neighbours=pv.nearest([site.latitude for site in sites], [site.longitude for site in sites], peak_w),
    )
