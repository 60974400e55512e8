"""A simulated month in fast time, for checking dashboards and drawing pictures: synthetic shelters, no real one.

The plants are the simulator's physics. What dashboards read is made by central's own code: its store, its live view,
its estimate of hours, its newsmaking, its accounting and its roll-ups. The last days hold a drill and a blackout of one
ward, so that the boards of a disaster have something to show; the orders' receipts are invented.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from central.accounting import Accountant
from central.core.accounting.halfhours import day_of
from central.core.audit import Decision
from central.core.city import Site, SiteKind
from central.core.facts import Fact, FactName
from central.core.incidents import Act, Incident, Phase, Wish, confirm, declare, end, incidents_of
from central.core.live import LiveView
from central.core.news import News
from central.core.newsmaking import Look, Teller
from central.core.orders import Order, Progress, Standing
from central.core.scope import Scope, ScopeKind
from central.core.steering import SteeringNow
from central.core.today import DAY_MS, HOUR_MS, midnight_ms
from central.forecast import Forecast
from central.reports.tables import load_tables
from central.rollup import SETTLE_MS, Rollup, Sources
from central.rollup_energy import EnergyRollup
from central.rollup_room import saved_co2
from central.settings import AccountingSettings
from central.store.base import StoreRow, TelemetryStore
from central.store.influx_rollups import RollupStore
from central.store.records import Records
from contract.messages import ClockState, OutboxStatus, Status
from contract.points import POINTS
from contract.steering import Desired, GridState, Mode, Source, Stage
from simulator.fleet import build
from simulator.spec import SiteSpec
from simulator.truth import truth
from simulator.world import City, SiteWorld

STEP_MS: Final = 300_000
LIVE_MS: Final = 48 * HOUR_MS
"""So much of the month's end is lived through as the pages would have shown it."""
HOURS_EVERY_MS: Final = 6 * HOUR_MS
_WRITE_ROWS: Final = 5_000
_OUT_FROM_MS: Final = -20 * HOUR_MS
_OUT_TO_MS: Final = -15 * HOUR_MS
"""The blackout, before the end."""
_DRILL_MS: Final = -40 * HOUR_MS
_WHO: Final = "合成データ"
_TIERS_W: Final = "300,500,900"
_DEVICES: Final = {
    "inverter": (
        "pv.power_w",
        "pv.energy_wh",
        "inverter.energy_wh",
        "inverter.temperature_c",
        "inverter.state",
        "inverter.islanded",
        "inverter.fault_bits",
    ),
    "battery": (
        "battery.power_w",
        "battery.soc_pct",
        "battery.soh_pct",
        "battery.reserve_soc_pct",
        "battery.capacity_wh",
        "battery.charge_energy_wh",
        "battery.discharge_energy_wh",
        "battery.temperature_c",
        "battery.state",
    ),
    "meter": ("grid.power_w", "grid.import_energy_wh", "grid.export_energy_wh"),
    "relay": ("tier1.closed", "tier2.closed", "tier3.closed", "tier4.closed"),
    "site": ("load.power_w", "backup.power_w"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was made."""

    sites: int
    days: int
    from_ms: int
    to_ms: int
    rows: int
    news: int


async def fill(
    store: TelemetryStore,
    rollups: RollupStore,
    *,
    sites: int,
    days: int,
    to_ms: int,
    seed: int = 7,
    told: Callable[[str], None] = lambda _said: None,
) -> Sample:
    """Live through a month of a synthetic city that ends at ``to_ms``, and let central's code roll it up.

    Args:
        store: where raw readings go; an empty one.
        rollups: where roll-ups go; an empty one.
        sites: how many shelters.
        days: how many whole days before the last, unfinished one.
        to_ms: the end, UTC milliseconds.
        seed: decides weather, places and plants.
        told: is told how far it is.

    Raises:
        StoreError: a store did not take something.
    """
    month = _Month(store, rollups, sites=sites, days=days, to_ms=to_ms - to_ms % STEP_MS, seed=seed)
    told(f"{sites} synthetic shelters, {days} days: raw readings")
    await month.live()
    told("days of plants")
    await month.roll_up()
    told("accounted half hours and days")
    await month.account()
    told("the last two days minute by minute")
    await month.replay()
    return Sample(
        sites=sites, days=days, from_ms=month.from_ms, to_ms=month.to_ms, rows=month.rows, news=len(month.news)
    )


class _Month:
    def __init__(
        self, store: TelemetryStore, rollups: RollupStore, *, sites: int, days: int, to_ms: int, seed: int
    ) -> None:
        self._store = store
        self._rollups = rollups
        self.to_ms = to_ms
        self.from_ms = midnight_ms(to_ms) - days * DAY_MS
        self.rows = 0
        self.news: list[News] = []
        self._now_ms = self.from_ms
        self._specs = build(sites, seed)
        self._wards = {spec.id: spec.ward for spec in self._specs}
        self._out_ward = self._specs[0].ward
        self._live = LiveView()
        self._live.set_sites([_site(spec) for spec in self._specs])
        self._live.steered_by(self._steering)
        self._worlds = self._made_worlds(seed)
        self._kept: dict[int, list[StoreRow]] = {}
        self._decisions: list[Decision] = []
        self._rollup = Rollup(
            Sources(
                live=self._live,
                store=store,
                facts=self._facts,
                news_after=self._news_after,
                latest_news=lambda: len(self.news),
                incidents=lambda: self._incidents().values(),
                standings=self._standings,
            ),
            rollups,
            now=lambda: self._now_ms,
        )

    def _made_worlds(self, seed: int) -> dict[str, SiteWorld]:
        city = City(seed)
        return {spec.id: SiteWorld(spec, city, start_ms=self.from_ms, step_ms=STEP_MS) for spec in self._specs}

    # --- The month ---------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Physics to raw rows, day by day because all worlds share the weather of a day."""
        waiting: list[StoreRow] = []
        for at_ms in range(self.from_ms, self.to_ms + 1, STEP_MS):
            rows = list(self._step(at_ms))
            if at_ms >= self.to_ms - LIVE_MS or at_ms == self.from_ms:
                self._kept[at_ms] = rows
            waiting += rows
            if len(waiting) >= _WRITE_ROWS:
                await self._write(waiting)
                waiting = []
        await self._write(waiting)

    def _step(self, at_ms: int) -> Iterator[StoreRow]:
        for spec in self._specs:
            world = self._worlds[spec.id]
            world.grid_up = not self._is_out(spec.id, at_ms)
            world.advance(at_ms)
            yield from _rows_of(spec.id, at_ms, truth(world))

    async def _write(self, rows: Sequence[StoreRow]) -> None:
        if rows:
            await self._store.write(rows)
            self.rows += len(rows)

    async def roll_up(self) -> None:
        """Each day once, when it is over."""
        self._live.update(self._kept[self.from_ms])
        for day_ms in range(self.from_ms, self.to_ms, DAY_MS):
            self._now_ms = min(day_ms + DAY_MS, self.to_ms) + SETTLE_MS + 1_000
            await self._rollup.follow()

    async def account(self) -> None:
        """Each shelter's days from its counters, in records that are thrown away, and from there to the boards."""
        self._now_ms = self.to_ms + SETTLE_MS + 1_000
        with tempfile.TemporaryDirectory() as folder:
            records = await Records.open(Path(folder) / "records.db")
            try:
                accountant = Accountant(self._store, records.energy, self._live.sites, lambda: self._now_ms)
                for site in self._live.sites():
                    for day in range(day_of(self.from_ms), day_of(self.to_ms) + 1):
                        await accountant.count_day(site, day)
                await EnergyRollup(
                    records.energy,
                    self._rollups,
                    sites=self._live.sites,
                    now=lambda: self._now_ms,
                    saved_co2=saved_co2(load_tables(AccountingSettings()).factors),
                ).follow()
            finally:
                await records.close()

    async def replay(self) -> None:
        """The last days as the pages would have shown them."""
        teller = Teller({}, since_ms=self.to_ms - LIVE_MS)
        forecast = Forecast(self._live, self._store, self._facts, now=lambda: self._now_ms)
        for at_ms, rows in self._kept.items():
            if at_ms < self.to_ms - LIVE_MS:
                continue
            self._now_ms = at_ms
            self._decide()
            self._live.update(rows, at_ms)
            for spec in self._specs:
                self._live.set_status(spec.id, _status(at_ms), at_ms)
            if (at_ms - self.to_ms) % HOURS_EVERY_MS == 0 or at_ms == self.to_ms + _OUT_FROM_MS:
                await forecast.refresh()
            look = Look(city=self._live.city(at_ms), incidents=list(self._incidents().values()))
            news, changed = teller.differences(look)
            teller.took(changed)
            self.news += [replace(one, n=len(self.news) + place) for place, one in enumerate(news, 1)]
            await self._rollup.minute()

    # --- What people did ---------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        """A drill the day before yesterday, and an incident that ends an hour after the blackout."""
        acts = (
            (_DRILL_MS, _DRILL_MS + HOUR_MS, Wish(mode=Mode.BACKUP, is_drill=True), "定例訓練（合成）"),
            (_OUT_FROM_MS + STEP_MS, _OUT_TO_MS + HOUR_MS, Wish(mode=Mode.BACKUP), "区の停電（合成）"),
        )
        offset_ms = self._now_ms - self.to_ms
        for begin_ms, end_ms, wish, why in acts:
            scope = Scope(ScopeKind.WARD, (self._out_ward,))
            named = sorted(spec.id for spec in self._specs if spec.ward == self._out_ward)
            known = self._incidents()
            if offset_ms == begin_ms:
                self._decisions.append(declare(wish, scope, named, by=_WHO, why=why, at_ms=self._now_ms, known=known))
                newest = [*self._incidents().values()][-1]
                self._decisions += confirm(newest, named, citywide=False, by=f"{_WHO}2", why=why, at_ms=self._now_ms)
            elif offset_ms in (end_ms, end_ms + STEP_MS) and known:
                act = Act.STAND_DOWN if offset_ms == end_ms else Act.CLOSE
                self._decisions.append(
                    end([*known.values()][-1], act, by=_WHO, why=why, at_ms=self._now_ms, anyway=True)
                )

    def _incidents(self) -> dict[str, Incident]:
        return incidents_of(self._decisions)

    def _steering(self, site: str, now_ms: int) -> SteeringNow:
        alone = self._is_out(site, now_ms)
        return SteeringNow(
            mode=Mode.BACKUP if alone or self._holds(site) else Mode.NORMAL,
            source=Source.GRID_LOSS if alone else Source.DEFAULT,
            grid=GridState.LOST if alone else GridState.PRESENT,
        )

    def _standings(self, now_ms: int) -> list[Standing]:
        """Invented: every shelter that an incident holds has taken the order, and proves it within ten minutes."""
        found = []
        for incident in self._incidents().values():
            if incident.phase is Phase.ACTIVE and not incident.wish.is_drill and incident.confirmed:
                age_ms = now_ms - incident.confirmed.at_ms
                stage = Stage.ACCEPTED if age_ms < 2 * STEP_MS else Stage.HELD
                found += [_standing(site, incident, stage, now_ms) for site in sorted(incident.sites)]
        return found

    def _holds(self, site: str) -> bool:
        running = [one for one in self._incidents().values() if one.phase is Phase.ACTIVE]
        return any(site in one.sites and not one.wish.is_drill for one in running)

    def _is_out(self, site: str, at_ms: int) -> bool:
        is_time = self.to_ms + _OUT_FROM_MS <= at_ms < self.to_ms + _OUT_TO_MS
        return is_time and self._wards[site] == self._out_ward

    async def _facts(self) -> Sequence[Fact]:
        """Loads that an outage leaves on, as staff would have entered them."""
        return [
            Fact(site=spec.id, name=FactName.TIERS_W, value=_TIERS_W, by=_WHO, at_ms=self.from_ms)
            for spec in self._specs
        ]

    async def _news_after(self, n: int, limit: int) -> Sequence[News]:
        return self.news[n : n + limit]


def _standing(site: str, incident: Incident, stage: Stage, now_ms: int) -> Standing:
    desired = Desired(
        site=site,
        revision=1,
        issued_ms=now_ms,
        expires_ms=now_ms + DAY_MS,
        mode=incident.wish.mode,
        incident=incident.id,
    )
    order = Order(desired=desired, payload=b"")
    return Standing(site=site, order=order, progress=Progress(stage=stage, at_ms=now_ms), due_ms=None, is_overdue=False)


def _site(spec: SiteSpec) -> Site:
    return Site(
        id=spec.id,
        name=spec.name,
        name_en=spec.name_en,
        ward=spec.ward,
        ward_en=spec.ward_en,
        kind=SiteKind(spec.kind),
        latitude=spec.latitude,
        longitude=spec.longitude,
        pv_kw=spec.plant.pv_w / 1_000,
        inverter_kw=spec.plant.inverter_w / 1_000,
        battery_kwh=spec.plant.capacity_wh / 1_000,
        synthetic=True,
    )


def _status(at_ms: int) -> Status:
    outbox = OutboxStatus(epoch="synthetic", next_seq=1, bytes=4_096, bytes_max=100_000_000)
    return Status(
        online=True, at_ms=at_ms, interval_s=STEP_MS / 1_000, clock=ClockState.KNOWN, agent="synthetic", outbox=outbox
    )


def _rows_of(site: str, at_ms: int, values: dict[str, float]) -> Iterable[StoreRow]:
    for device, points in _DEVICES.items():
        measured = tuple(POINTS[point].from_wire(POINTS[point].to_wire(values[point])) for point in points)
        yield StoreRow(site, device, at_ms, points, measured)
