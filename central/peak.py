"""Demand control at the city's side: follows the half hours, learns from those that are over, tells the shelters.

The fast loop is the shelters' own (``edge_agent/core/peak.py``): what is decided here is the limits, which travel
signed with the desired state. Shown is the same proposal that the shelter's own rule makes of the same figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from central.control import Control
from central.core.accounting.halfhours import day_of, demand_w, month_of_day, peak_window, start_of_day
from central.core.city import Aggregate, Queries, SiteNow
from central.core.peak.days import net_line
from central.core.peak.learning import YEAR_DAYS, Courses, Floats, Kept, Learnt, Store, courses, keep, learn
from central.core.peak.now import NO_PAST, DemandNow, Past, demand_now, seen
from central.core.peak.plans import C_RATE, RECHARGE_C, Plan, Plans, decision_of, end_of, limits_of, plans_of
from central.store.accounting import EnergyRows
from central.store.base import StoreError
from contract.demand import MINUTE_MS, Running, counted, half_hour_ms
from contract.shaving import PeakLimits

log = structlog.get_logger(__name__)
LOOK_S: Final = 5.0
LEARN_S: Final = 3_600.0
FIRST_LEARN_S: Final = 30.0
"""After a start the city's other rooms go first."""


class DemandDesk:
    """Plans, running half hours, and what past ones say. Change plans by ``set`` and ``end``; ``run`` follows."""

    def __init__(
        self, queries: Queries, control: Control, energy: EnergyRows, *, now: Callable[[], int], reserve_pct: float
    ) -> None:
        self._queries = queries
        self._control = control
        self._energy = energy
        self._reserve_pct = reserve_pct
        self._plans = Plans({}, frozenset())
        self._running: dict[str, Running] = {}
        self._pasts: dict[str, Past] = {}
        self._kept: dict[str, Kept] = {}
        self._studied: set[str] = set()
        """Shelters whose past was read since the start."""
        self.now = now

    async def load(self) -> None:
        """Plans as the book says them.

        Raises:
            StoreError: it can't be read.
        """
        self._plans = plans_of(entry.decision for entry in await self._control.decisions.book())
        self._tell()

    # --- Questions ---------------------------------------------------------------------------------------------------

    def target_w(self, site: str) -> float | None:
        """What a shelter is to stay under, in W of a half hour's mean; None: nobody said."""
        plan = self._plans.of.get(site)
        return plan.target_w if plan else None

    def demand_w(self, site: str) -> float | None:
        """What a shelter's running half hour will come to, in W; None: not known."""
        now = self._queries.site_now(site)
        found = self._now(now).ends if now else None
        return found.demand_w if found else None

    def all(self) -> list[DemandNow]:
        """How every shelter's demand stands."""
        return [self._now(now) for now in self._queries.now().sites]

    def one(self, site: str) -> DemandNow | None:
        """How one shelter's demand stands; None: there is no such shelter."""
        now = self._queries.site_now(site)
        return self._now(now) if now else None

    def _now(self, now: SiteNow) -> DemandNow:
        site, at_ms = now.site.id, self.now()
        plan, told = self._plans.of.get(site), self._control.fleet.reported.get(site)
        return demand_now(
            now,
            self._running.get(site),
            plan,
            self._limits(plan, now) if plan else None,
            told[0].peak if told else None,
            self._pasts.get(site, NO_PAST),
            reserve_pct=self._reserve_pct,
            at_ms=at_ms,
        )

    def _limits(self, plan: Plan, now: SiteNow) -> PeakLimits:
        kept, past = self._kept.get(plan.site), self._pasts.get(plan.site, NO_PAST)
        return limits_of(plan, now.site, kept, past.courses, self._reserve_pct)

    # --- Changes -----------------------------------------------------------------------------------------------------

    async def set(self, plan: Plan) -> None:
        """Make a plan, or change it. Orders follow within a second where the battery is to see to it.

        Raises:
            PlanError: a figure cannot be used.
            StoreError: nothing was changed.
        """
        decision = decision_of(plan)
        await self._control.decisions.decide([decision])
        self._plans = plans_of([decision], self._plans)
        await self._learn(plan.site)
        self._tell()

    async def end(self, site: str, *, by: str, why: str) -> bool:
        """End a shelter's plan; whether there was one.

        Raises:
            StoreError: nothing was changed.
        """
        if site not in self._plans.of:
            return False
        decision = end_of(site, by=by, why=why, at_ms=self.now())
        await self._control.decisions.decide([decision])
        self._plans = plans_of([decision], self._plans)
        self._tell()
        return True

    def _tell(self) -> None:
        """Let the orders say what the plans say. Until a shelter's past was read, what it was told last stands."""
        sites = {now.site.id: now for now in self._queries.now().sites}
        executing = {site: plan for site, plan in self._plans.of.items() if plan.executes and site in sites}
        waiting = executing.keys() - self._studied
        wanted = {site: self._limits(plan, sites[site]) for site, plan in executing.items() if site not in waiting}
        self._control.shave(wanted, self._plans.executed - waiting)

    # --- Loops -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow and learn until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._following(), name="demand following")
            tasks.create_task(self._learning(), name="demand learning")

    async def _following(self) -> None:
        await self.begin()
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Count what every shelter buys now."""
        now_ms = self.now()
        for now in self._queries.now().sites:
            self._running[now.site.id] = seen(self._running.get(now.site.id), now, now_ms)

    async def begin(self) -> None:
        """After a start: the running half hour so far, as it is stored."""
        now_ms = self.now()
        for now in self._queries.now().sites:
            try:
                self._running[now.site.id] = await self._so_far(now, now_ms)
            except StoreError as error:
                log.warning("demand_not_read", site=now.site.id, error=str(error))
            await asyncio.sleep(0)

    async def _so_far(self, now: SiteNow, now_ms: int) -> Running:
        grid = await self._minutes(now.site.id, "grid.power_w", None, now_ms)
        found = self._queries.site_now(now.site.id)
        named = {point.device for point in found.points if point.point == "battery.power_w"} if found else set()
        batteries = [await self._minutes(now.site.id, "battery.power_w", device, now_ms) for device in sorted(named)]
        running = counted(None, half_hour_ms(now_ms), None, None)
        for at_ms, grid_w in sorted(grid.items()):
            known = [line[at_ms] for line in batteries if at_ms in line]
            running = counted(running, at_ms, grid_w if len(known) == len(batteries) else None, sum(known))
        return running

    async def _minutes(self, site: str, point: str, device: str | None, now_ms: int) -> dict[int, float]:
        samples = await self._queries.series(
            site,
            point,
            device=device,
            from_ms=half_hour_ms(now_ms),
            to_ms=now_ms - now_ms % MINUTE_MS,
            step_ms=MINUTE_MS,
            aggregate=Aggregate.MEAN,
        )
        return {sample.at_ms: sample.value for sample in samples if sample.value is not None}

    async def _learning(self) -> None:
        await asyncio.sleep(FIRST_LEARN_S)
        while True:
            for now in self._queries.now().sites:
                try:
                    await self._learn(now.site.id)
                except StoreError as error:
                    log.warning("demand_not_learnt", site=now.site.id, error=str(error))
                await asyncio.sleep(0.05)
            self._tell()
            await asyncio.sleep(LEARN_S)

    async def _learn(self, site: str) -> None:
        """What a shelter's counted half hours say.

        Raises:
            StoreError: they can't be read.
        """
        now, now_ms = self._queries.site_now(site), self.now()
        if now is None:
            return
        today = day_of(now_ms)
        days = await self._energy.days(today - YEAR_DAYS, today, site=site)
        plan, store = self._plans.of.get(site), _store_of(now, self._reserve_pct)
        line = net_line(days, today - YEAR_DAYS, today)
        first_ms = start_of_day(today - YEAR_DAYS)
        learnt, kept, found = await asyncio.to_thread(_study, line, first_ms, now_ms, store, plan, self._reserve_pct)
        peaks_w = [(month_of_day(one.day), demand_w(one.peak[0])) for one in days if one.peak is not None]
        window = peak_window(month_of_day(today))
        self._pasts[site] = Past(
            learnt=learnt,
            courses=found,
            month_peak_w=max((watts for month, watts in peaks_w if month == window[-1]), default=None),
            year_peak_w=max((watts for month, watts in peaks_w if month in window), default=None),
        )
        if kept is not None:
            self._kept[site] = kept
        self._studied.add(site)


def _study(
    line: Floats, first_ms: int, now_ms: int, store: Store | None, plan: Plan | None, reserve_pct: float
) -> tuple[Learnt | None, Kept | None, Courses | None]:
    learnt = learn(line.tolist(), store) if store is not None else None
    found = courses(line, first_ms, now_ms)
    if plan is None or learnt is None:
        return learnt, None, found
    return learnt, keep(line, first_ms, now_ms, target_w=plan.target_w, reserve_pct=reserve_pct), found


def _store_of(now: SiteNow, reserve_pct: float) -> Store | None:
    """What demand control may use of a shelter's battery; None: it has none that is registered."""
    capacity_wh = now.site.battery_kwh * 1_000
    if capacity_wh <= 0:
        return None
    power_w = capacity_wh * C_RATE
    if now.site.inverter_kw > 0:
        power_w = min(power_w, now.site.inverter_kw * 1_000)
    return Store(
        usable_wh=capacity_wh * (100 - reserve_pct) / 100,
        discharge_w=power_w,
        charge_w=capacity_wh * C_RATE,
        recharge_w=capacity_wh * RECHARGE_C,
    )
