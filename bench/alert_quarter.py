"""A quarter of simulated shelters with planted faults, as the city sees it: half hour by half hour, in fast time.

Sun, load, battery and grid are the simulator's physics. What the city is told of links, clocks, certificates and health
is made here, with a little noise, since physics knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.alert_faults import Kind, Planted, plant
from bench.alert_traps import DAY_MS, HOLIDAY_LOAD, HOUR_MS, Traps, traps
from central.core.autonomy.values import TOKYO_MS, Plane
from central.core.habits import curtailed
from central.core.plants import AZIMUTH_DEG, TILT_DEG
from central.core.watch import episodes, pv
from central.core.watch.episodes import Episodes
from central.core.watch.looking import Look
from central.core.watch.readings import Readings
from central.solar import clear_sky_w
from simulator.fleet import build
from simulator.noise import key_of, uniform
from simulator.spec import SiteSpec
from simulator.world import City, SiteWorld

STEP_MS: Final = 1_800_000
STEPS_OF_DAY: Final = DAY_MS // STEP_MS
POLICY_RESERVE_PCT: Final = 30.0
RESERVE_LEFT_PCT: Final = 5.0
"""What is left of the setting in a device that lost it."""
TARGET_ROOM: Final = 1.13
"""A target is so many times the highest half hour of the quarter without a fault."""
REBOOT_MIN: Final = 8.0
RESTART_MIN: Final = 1.0
"""How long the broker has been away at the look in which it restarts."""
WEAK_STEPS: Final = frozenset({14, 20, 27, 40})
"""Half hours of a day in which a weak link goes."""
RECALIBRATED_PCT: Final = 7.0

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Quarter:
    """What happened, shelters × half hours. Powers are those of the half hour; NaN: not known to the city."""

    specs: tuple[SiteSpec, ...]
    planted: Sequence[Planted]
    traps: Traps
    start_ms: int
    days: int
    seed: int
    pv_w: Floats
    grid_w: Floats
    soc_pct: Floats
    reserve_pct: Floats
    islanded: NDArray[np.bool_]
    target_w: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def steps(self) -> int:
        """Half hours."""
        return self.days * STEPS_OF_DAY


def simulated(sites: int, *, seed: int, start_ms: int, days: int) -> Quarter:
    """Let the shelters live. PV faults change what the modules give, others what the registers say."""
    specs = build(sites, seed)
    shape = (sites, days * STEPS_OF_DAY)
    quarter = Quarter(
        specs=specs,
        planted=plant(specs, seed=seed, start_ms=start_ms, days=days),
        traps=traps(specs, seed=seed, start_ms=start_ms, days=days, step_ms=STEP_MS),
        start_ms=start_ms,
        days=days,
        seed=seed,
        pv_w=np.zeros(shape),
        grid_w=np.zeros(shape),
        soc_pct=np.zeros(shape),
        reserve_pct=np.zeros(shape),
        islanded=np.zeros(shape, dtype=bool),
    )
    city = City(seed)
    # A plant's fault is there from the next midnight on: that is when the simulator draws its day.
    worlds = [SiteWorld(spec, city, start_ms=start_ms - STEP_MS, step_ms=STEP_MS) for spec in specs]
    for day in range(days):
        for row, world in enumerate(worlds):
            _live(quarter, world, row, day)
    loud = _is_loud(quarter)
    quarter.target_w = TARGET_ROOM * np.maximum(1_000.0, np.where(loud, 0.0, quarter.grid_w).max(axis=1))
    return quarter


def _live(quarter: Quarter, world: SiteWorld, row: int, day: int) -> None:
    spec = quarter.specs[row]
    own = [one for one in quarter.planted if spec.id in one.sites]
    outages = [one for one in quarter.traps.outages if spec.id in one.sites]
    noon_ms = quarter.start_ms + day * DAY_MS + DAY_MS // 2
    share = quarter.traps.yields[spec.id] * quarter.traps.dim[spec.id].get(day, 1.0)
    for one in own:
        share *= _pv_share(one, noon_ms)
    world.spec = replace(spec, plant=replace(spec.plant, pv_w=spec.plant.pv_w * share))
    world.controls.export_limit_w = 0.0 if spec.id in quarter.traps.no_export else spec.plant.inverter_w
    usual = HOLIDAY_LOAD if day in quarter.traps.holidays else 1.0
    for step in range(day * STEPS_OF_DAY, (day + 1) * STEPS_OF_DAY):
        at_ms = quarter.start_ms + step * STEP_MS
        world.grid_up = not any(one.is_on(at_ms) for one in outages)
        is_lost = any(one.kind is Kind.RESERVE_LOST and one.is_on(at_ms) for one in own)
        world.controls.reserve_pct = RESERVE_LEFT_PCT if is_lost else spec.reserve_pct
        loud = [one.strength for one in own if one.kind is Kind.DEMAND_HIGH and one.is_on(at_ms)]
        world.load_factor = 1.45 + 0.35 * loud[0] if loud else usual
        world.advance(at_ms)
        flows = world.flows
        quarter.pv_w[row, step] = flows.pv_w * _hour_share(own, at_ms)
        quarter.grid_w[row, step] = flows.grid_w
        quarter.soc_pct[row, step] = world.soc_pct
        quarter.reserve_pct[row, step] = world.controls.reserve_pct
        quarter.islanded[row, step] = flows.islanded


def _pv_share(one: Planted, at_ms: int) -> float:
    if not one.is_on(at_ms):
        return 1.0
    if one.kind is Kind.DEAD_INVERTER:
        return 0.0
    if one.kind is Kind.STRING_LOSS:
        return 0.77 - 0.25 * one.strength
    if one.kind is Kind.SOILING:
        return 1.0 - (0.28 + 0.2 * one.strength) * min(1.0, 1.6 * one.share(at_ms))
    return 1.0


def _hour_share(own: Sequence[Planted], at_ms: int) -> float:
    """What is left of the PV of this half hour, beside what is the same all day."""
    hour = (at_ms + TOKYO_MS) % DAY_MS / HOUR_MS
    for one in own:
        if one.is_on(at_ms) and one.kind is Kind.HOT_INVERTER and 10.5 <= hour < 14.5:
            return 0.02
        if one.is_on(at_ms) and one.kind is Kind.SHADE and hour >= 11.0 - one.strength:
            return 0.25
    return 1.0


def _is_loud(quarter: Quarter) -> NDArray[np.bool_]:
    """Half hours in which a shelter takes more than it should."""
    at_ms = quarter.start_ms + np.arange(quarter.steps) * STEP_MS
    found = np.zeros(quarter.grid_w.shape, dtype=bool)
    rows = {spec.id: row for row, spec in enumerate(quarter.specs)}
    for one in quarter.planted:
        if one.kind is Kind.DEMAND_HIGH:
            for site in one.sites:
                found[rows[site]] |= (at_ms >= one.from_ms) & (at_ms < one.to_ms)
    return found


def looks(quarter: Quarter) -> Iterator[Look]:
    """What the city's watch sees, look after look."""
    return _Seer(quarter).looks()


class _Seer:
    """The city's side: it knows roofs as the registry's usual ones, and what it was told."""

    def __init__(self, quarter: Quarter) -> None:
        self._quarter = quarter
        specs = quarter.specs
        self._planes = [
            Plane(
                latitude=spec.latitude,
                longitude=spec.longitude,
                tilt_deg=TILT_DEG,
                azimuth_deg=AZIMUTH_DEG,
                peak_w=spec.plant.pv_w,
            )
            for spec in specs
        ]
        self._peak_w = np.array([spec.plant.pv_w for spec in specs])
        self._neighbours = pv.nearest(
            [spec.latitude for spec in specs], [spec.longitude for spec in specs], self._peak_w
        )
        clear_w = clear_sky_w(self._planes, start_ms=quarter.start_ms, steps=quarter.steps, step_ms=STEP_MS)
        self._sun = clear_w / self._peak_w[:, None]
        self._clear_w = pv.reachable_w(clear_w, [spec.plant.inverter_w for spec in specs])
        self._seen_w = np.full(clear_w.shape, np.nan)
        self._wards = {spec.id: spec.ward for spec in specs}
        luck = uniform(key_of(quarter.seed, "told"), np.arange(clear_w.size)).reshape(clear_w.shape)
        self._luck = 2 * luck - 1
        self._health = uniform(key_of(quarter.seed, "soh"), np.arange(len(specs)))
        self._own = [[one for one in quarter.planted if spec.id in one.sites] for spec in specs]
        self._faults, self._links = Episodes(), Episodes()
        self._judged: pv.PlantDays | None = None
        self._silent_since: dict[str, int] = {}

    def looks(self) -> Iterator[Look]:
        """Half hour by half hour; the last days are judged once each midnight."""
        for step in range(self._quarter.steps):
            at_ms = self._quarter.start_ms + step * STEP_MS
            if step % STEPS_OF_DAY == 0 and step:
                self._judge(step)
            yield self._look(step, at_ms)

    def _judge(self, step: int) -> None:
        first = max(0, step - pv.WINDOW_DAYS * STEPS_OF_DAY)
        days = (step - first) // STEPS_OF_DAY
        shape = (len(self._planes), days, STEPS_OF_DAY)
        shares = pv.shares(self._seen_w[:, first:step].reshape(shape), self._clear_w[:, first:step].reshape(shape))
        self._judged = pv.judged(shares, self._neighbours)

    def _look(self, step: int, at_ms: int) -> Look:
        quarter = self._quarter
        broker = next((one for one in quarter.planted if one.kind is Kind.BROKER and one.is_on(at_ms)), None)
        on = [{one.kind: one for one in own if one.is_on(at_ms)} for own in self._own]
        silent = [self._silent_min(row, on[row], step, at_ms) for row in range(len(on))]
        heard = np.array([minutes == 0 for minutes in silent])
        good = np.array([step not in quarter.traps.gaps[spec.id] for spec in quarter.specs])
        # As the gatherer has it: who is full and sells nothing says nothing of its modules.
        held = quarter.islanded[:, step] | (curtailed(quarter.soc_pct[:, step], quarter.grid_w[:, step]) > 0)
        seen_w = np.where(heard & good & ~held, quarter.pv_w[:, step], np.nan)
        self._seen_w[:, step] = seen_w
        pv_now = pv.now_pct(seen_w, self._clear_w[:, step], self._peak_w, self._neighbours)
        down_min = (at_ms - broker.from_ms) / 60_000 + 1 if broker else 0.0
        if step in quarter.traps.broker_restarts:
            down_min = max(down_min, RESTART_MIN)
        self._count(on, silent, step, at_ms, is_broker_away=down_min > 0)
        readings = {
            spec.id: self._readings(row, on[row], silent[row], pv_now[row], step, at_ms)
            for row, spec in enumerate(quarter.specs)
        }
        return Look(
            at_ms=at_ms,
            wards=self._wards,
            readings=readings,
            service=Readings(broker_down_min=down_min, store_down_min=0.0),
        )

    def _silent_min(self, row: int, on: dict[Kind, Planted], step: int, at_ms: int) -> float:
        spec = self._quarter.specs[row]
        cut = [on[kind] for kind in (Kind.LINK_CUT, Kind.WARD_SILENT) if kind in on]
        if cut:
            # In the minutes after the cut a shelter does not pass for silent yet.
            return max((at_ms - one.from_ms) / 60_000 + 1 for one in cut)
        if Kind.BROKER in on:
            return (at_ms - on[Kind.BROKER].from_ms) / 60_000 + 1
        if step in self._quarter.traps.broker_restarts:
            return RESTART_MIN
        found = self._quarter.traps
        flaps = Kind.LINK_FLAPS in on and step % 4 == 0
        is_weak = step // STEPS_OF_DAY in found.weak_links[spec.id] and step % STEPS_OF_DAY in WEAK_STEPS
        return REBOOT_MIN if flaps or is_weak or step in found.reboots[spec.id] else 0.0

    def _count(
        self, on: list[dict[Kind, Planted]], silent: list[float], step: int, at_ms: int, *, is_broker_away: bool
    ) -> None:
        found = self._quarter.traps
        away: dict[str, bool | None] = {}
        faulty: dict[str, bool | None] = {}
        for row, spec in enumerate(self._quarter.specs):
            away[spec.id] = None if is_broker_away else silent[row] > 0
            often = Kind.FAULTS in on[row] and step % 6 == 0
            faulty[spec.id] = None if silent[row] else often or step in found.lone_faults[spec.id]
        self._links = episodes.followed(self._links, away, at_ms)
        self._faults = episodes.followed(self._faults, faulty, at_ms)

    def _readings(
        self, row: int, on: dict[Kind, Planted], silent_min: float, pv_now: float, step: int, at_ms: int
    ) -> Readings:
        quarter, judged = self._quarter, self._judged
        spec, luck = quarter.specs[row], float(self._luck[row, step])
        told = Readings(
            silent_min=silent_min,
            link_drops=float(self._links.count(spec.id)),
            faults=float(self._faults.count(spec.id)),
            pv_of_neighbours_pct=_known(judged.of_neighbours_pct[row]) if judged else None,
            pv_of_clear_sky_pct=_known(judged.of_clear_sky_pct[row]) if judged else None,
            certificate_days=self._certificate_days(row, at_ms),
        )
        if silent_min:
            return told
        fallen_pct = RECALIBRATED_PCT if step in quarter.traps.recalibrations[spec.id] else 0.0
        return replace(
            told,
            pv_now_of_neighbours_pct=_known(pv_now),
            soh_pct=self._soh_pct(row, at_ms) + 0.8 * luck,
            clock_off_s=_clock_off_s(on, at_ms) + quarter.traps.clocks_s[spec.id] + 20 * abs(luck),
            is_clock_unknown=Kind.CLOCK_UNKNOWN in on or Kind.CITY_CLOCKS in on,
            soc_pct=float(quarter.soc_pct[row, step]) + 0.8 * luck - fallen_pct,
            reserve_pct=max(POLICY_RESERVE_PCT, float(quarter.reserve_pct[row, step])),
            is_sun_up=bool(self._sun[row, step] > 0.01),
            is_islanded=bool(quarter.islanded[row, step]),
            demand_w=max(0.0, float(quarter.grid_w[row, step])),
            target_w=float(quarter.target_w[row]),
            outbox_pct=_outbox_pct(on, at_ms, luck),
            outbox_age_h=0.1,
        )

    def _soh_pct(self, row: int, at_ms: int) -> float:
        """Most batteries are between 73 and 94 %, and lose a little in a quarter."""
        soh_pct = 73.0 + 21 * float(self._health[row]) - 0.8 * (at_ms - self._quarter.start_ms) / (92 * DAY_MS)
        for one in self._own[row]:
            if one.kind is Kind.SOH_FADE:
                # What has faded stays so.
                return 74.0 - (5.5 + 3 * one.strength) * min(1.0, 2.0 * one.share(at_ms))
        return soh_pct

    def _certificate_days(self, row: int, at_ms: int) -> float:
        for one in self._own[row]:
            if one.kind is Kind.CERTIFICATE:
                left_d = 30.0 - (at_ms - one.from_ms) / DAY_MS
                return left_d if at_ms < one.to_ms else 397.0
        return 250.0


def _clock_off_s(on: dict[Kind, Planted], at_ms: int) -> float:
    drifting = on.get(Kind.CLOCK_DRIFT)
    if drifting is None:
        return 0.0
    return (60 + 60 * drifting.strength) * (at_ms - drifting.from_ms) / DAY_MS


def _outbox_pct(on: dict[Kind, Planted], at_ms: int, luck: float) -> float:
    filling = on.get(Kind.OUTBOX)
    filled = (60 + 30 * filling.strength) * min(1.0, 1.5 * filling.share(at_ms)) if filling else 0.0
    return 4 + 2 * luck + filled


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def hours(from_ms: int, to_ms: int) -> float:
    """Hours between two moments."""
    return (to_ms - from_ms) / HOUR_MS
