"""Rules over what the store holds: which alerts they would have raised. Nothing is kept, told or changed.

Half hours are looked at one after the other. What the store does not hold is not judged: silence (late data fills it
afterwards), clocks, outboxes, certificates, the service, and demand, whose targets are of today.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from central.core.autonomy.values import Floats
from central.core.city import Aggregate, Site
from central.core.facts import NO_FACTS, ShelterFacts
from central.core.plants import plane_of
from central.core.watch import episodes, pv
from central.core.watch.alerts import Alert
from central.core.watch.episodes import Episodes
from central.core.watch.looking import Look, State, look
from central.core.watch.readings import Family, Readings
from central.core.watch.rules import Rule
from central.queries import TOKYO_MIDNIGHT_MS
from central.store.base import TelemetryStore
from central.watch.gather import HALF_HOUR_MS, SUN_UP
from contract.points import InverterState

DAY_MS: Final = 86_400_000
STEPS_OF_DAY: Final = DAY_MS // HALF_HOUR_MS
LEAD_DAYS: Final = pv.WINDOW_DAYS
"""So many days before the period are read, for the comparison of plants looks back."""
JUDGED: Final = frozenset({Family.PV, Family.BATTERY, Family.FAULTS, Family.RESERVE})
"""Families that the store can tell of."""
POINTS: Final[Mapping[str, Aggregate]] = {
    "pv.power_w": Aggregate.MEAN,
    "battery.soc_pct": Aggregate.LAST,
    "battery.reserve_soc_pct": Aggregate.LAST,
    "battery.soh_pct": Aggregate.LAST,
    "inverter.islanded": Aggregate.MAX,
    "inverter.state": Aggregate.MAX,
}
Device = Callable[[str, str], str | None]
"""Shelter and point → the device whose word counts; ``None``: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Alerts that would have been raised in the period, in the order of their beginning; those that end, ended."""

    alerts: Sequence[Alert]
    half_hours: int
    """Half hours of all shelters that had any reading."""


@dataclass(slots=True)
class _Track:
    """Shelters × half hours of each point; NaN: nothing was read."""

    lines: dict[str, Floats] = field(default_factory=dict)


async def replay(
    rules: Sequence[Rule],
    store: TelemetryStore,
    sites: Sequence[Site],
    device_with: Device,
    *,
    facts: Mapping[str, ShelterFacts],
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
    steps = max(0, -(-(to_ms - start_ms) // HALF_HOUR_MS))
    track = _Track({point: np.full((len(sites), steps), np.nan) for point in POINTS})
    for row, site in enumerate(sites):
        for point, aggregate in POINTS.items():
            device = device_with(site.id, point)
            if device is None:
                continue
            for sample in await store.series(
                site.id,
                device,
                point,
                from_ms=start_ms,
                to_ms=to_ms,
                step_ms=HALF_HOUR_MS,
                aggregate=aggregate,
                origin_ms=TOKYO_MIDNIGHT_MS,
            ):
                step = (sample.at_ms - start_ms) // HALF_HOUR_MS
                if sample.value is not None and 0 <= step < steps:
                    track.lines[point][row, step] = sample.value
        progress(row + 1)
    asked = [rule for rule in rules if rule.family in JUDGED]
    found = _played(asked, track, sites, facts, reserve_pct=reserve_pct, start_ms=start_ms, steps=steps)
    read = sum(np.isfinite(line[:, LEAD_DAYS * STEPS_OF_DAY :]) for line in track.lines.values())
    return Replayed(
        alerts=sorted((one for one in found if one.raised_ms >= from_ms), key=lambda one: one.n),
        half_hours=int((np.asarray(read) > 0).sum()),
    )


def _played(
    rules: Sequence[Rule],
    track: _Track,
    sites: Sequence[Site],
    facts: Mapping[str, ShelterFacts],
    *,
    reserve_pct: float,
    start_ms: int,
    steps: int,
) -> list[Alert]:
    from central.solar import clear_sky_w  # It takes a second to load.

    if not sites or not steps:
        return []
    planes = [plane_of(site, facts.get(site.id, NO_FACTS)) for site in sites]
    peak_w = np.array([plane.peak_w for plane in planes])
    sky_w = clear_sky_w(planes, start_ms=start_ms, steps=steps, step_ms=HALF_HOUR_MS)
    clear_w = pv.reachable_w(sky_w, [site.inverter_kw * 1_000 for site in sites])
    neighbours = pv.nearest([site.latitude for site in sites], [site.longitude for site in sites], peak_w)
    is_up = sky_w > SUN_UP * peak_w[:, None]
    lines = track.lines
    with np.errstate(invalid="ignore"):
        islanded = lines["inverter.islanded"] > 0
        faulty = lines["inverter.state"] == InverterState.FAULT
    power_w = np.where(islanded, np.nan, lines["pv.power_w"])
    wards = {site.id: site.ward for site in sites}
    state, over = State(), list[Alert]()
    counted = Episodes()
    judged: pv.PlantDays | None = None
    for step in range(steps):
        at_ms = start_ms + (step + 1) * HALF_HOUR_MS
        if step % STEPS_OF_DAY == 0 and step:
            first = max(0, step - pv.WINDOW_DAYS * STEPS_OF_DAY)
            shape = (len(sites), (step - first) // STEPS_OF_DAY, STEPS_OF_DAY)
            shares = pv.shares(power_w[:, first:step].reshape(shape), clear_w[:, first:step].reshape(shape))
            judged = pv.judged(shares, neighbours)
        now_pct = pv.now_pct(power_w[:, step], clear_w[:, step], peak_w, neighbours)
        known = np.isfinite(lines["inverter.state"][:, step])
        fault_now = {site.id: bool(faulty[n, step]) if known[n] else None for n, site in enumerate(sites)}
        counted = episodes.followed(counted, fault_now, at_ms)
        readings = {}
        for row, site in enumerate(sites):
            reserve = _value(lines["battery.reserve_soc_pct"][row, step])
            readings[site.id] = Readings(
                pv_now_of_neighbours_pct=_value(now_pct[row]),
                pv_of_neighbours_pct=_value(judged.of_neighbours_pct[row]) if judged else None,
                pv_of_clear_sky_pct=_value(judged.of_clear_sky_pct[row]) if judged else None,
                soh_pct=_value(lines["battery.soh_pct"][row, step]),
                faults=float(counted.count(site.id)),
                soc_pct=_value(lines["battery.soc_pct"][row, step]),
                reserve_pct=max(reserve_pct, reserve or 0.0),
                is_sun_up=bool(is_up[row, step]) if peak_w[row] > 0 else None,
                is_islanded=bool(islanded[row, step]),
            )
        state, changes = look(rules, state, Look(at_ms=at_ms, wards=wards, readings=readings))
        over += [change.alert for change in changes if not change.alert.is_open]
    return [*over, *state.alerts.values()]


def _value(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
