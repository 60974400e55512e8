"""The page of demand in a whole city: small enough for a weak link, whatever it has to show."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from central.api import demand as api
from central.api.routes import Asker
from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import day_of
from central.core.peak.plans import Basis, Plan
from central.peak import DemandDesk
from central.web import demand as pages
from contract.demand import HALF_HOUR_MS, MINUTE_MS
from tests.central.access.parts import town
from tests.central.fake import NOW_MS, SITES

BYTES_MAX = 70_000
PLAN = Plan(site="", target_w=39_500, basis=Basis.HAND, executes=True, recharges=True, by="test", at_ms=NOW_MS)


async def test_182_shelters_with_target_forecast_and_peak_come_over_a_weak_link(tmp_path: Path) -> None:
    async with town(tmp_path, shown=SITES) as here:
        clock, energy = here.city.clock, here.city.records.energy
        clock.now_ms = NOW_MS - NOW_MS % HALF_HOUR_MS
        desk = DemandDesk(here.queries, here.city.control, energy, now=clock, reserve_pct=30.0)
        asker = Asker(here.queries, clock)
        here.app.include_router(api.router(desk, asker))
        here.app.include_router(pages.router(desk, asker, here.app.state.pages.renderer))
        ids = list(here.queries.shelters)
        yesterday = day_of(clock.now_ms) - 1
        days = [
            SiteDay(site=site, day=yesterday, wh={Flow.IMPORT: [20_000 + n] * 48}, marks={Flow.IMPORT: "m" * 48})
            for n, site in enumerate(ids)
        ]
        await energy.save(days, {}, counted_ms=clock.now_ms)
        for n, site in enumerate(ids):
            here.queries.change(site, grid_w=26_000.0 + 100 * n, battery_w=0.0, soc_pct=80.0)
            await desk.set(replace(PLAN, site=site, executes=n % 2 == 0))
        for _ in range(12):
            clock.now_ms += MINUTE_MS
            desk.look()
        async with here.signed_in("viewer") as client:
            for lang, level, auto in (
                ("ja", "目標を超える見込み", "自動"),
                ("en", "Will pass the target", "Automatic"),
            ):
                page = (await client.get(f"/demand?lang={lang}")).text
                rows = re.findall(r'href="/demand/(E[0-9]{13})\?', page)
                assert sorted(rows) == sorted(ids)
                assert page.count("</i>39.5 kW <small>") >= SITES, "each target"
                assert page.count("<small>(") == SITES, "each range"
                assert len(re.findall(r"4[0-9]\.\d kW", page)) > SITES, "each peak"
                assert page.count(f"<small>{auto}</small>") == SITES // 2
                assert page.index(level) < page.index(rows[0]), "what wants care comes first, under its name"
                assert len(page.encode()) < BYTES_MAX
