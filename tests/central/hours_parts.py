"""A shelter with weeks of past in a real store, for the tests of hours left. All invented."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from central.core.city import Site
from central.core.facts import Fact, tidy
from central.core.live import LiveView
from central.forecast import Forecast
from central.store.base import StoreRow
from central.store.records import Records
from central.store.sqlite import SqliteStore
from tests.central.ingest.parts import Clock

SITE = "E0000000001111"
OTHER = "E0000000002111"
NOW_MS = 1_795_489_805_000
"""2026-11-24 12:10:05 in Tokyo, a Tuesday."""
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
STEP_MS = 600_000
INVERTER = ("pv.power_w", "battery.soc_pct", "inverter.islanded", "backup.power_w")
BUILDING = ("load.power_w",)


def site(site_id: str = SITE, **more: object) -> Site:
    usual: dict[str, object] = {"name": "第一小学校", "ward": "中央区", "latitude": 35.6, "longitude": 140.1}
    usual |= {"pv_kw": 10.0, "inverter_kw": 10.0, "battery_kwh": 20.0, "synthetic": True}
    return Site(id=site_id, **(usual | more))  # type: ignore[arg-type]


def load_w(at_ms: int) -> float:
    """1 kW at night, 2 kW at noon."""
    hour = (at_ms / HOUR_MS + 9) % 24
    return 1_000 + 1_000 * max(0.0, math.sin((hour - 6) / 12 * math.pi))


def pv_w(at_ms: int) -> float:
    hour = (at_ms / HOUR_MS + 9) % 24
    share = 0.3 + 0.1 * (at_ms // DAY_MS * 7 % 5)
    return 5_000 * share * max(0.0, math.sin((hour - 6.5) / 11 * math.pi))


def past(
    *, from_ms: int, to_ms: int, soc_pct: float = 60.0, islanded: float = 0.0, backup_w: float = 0.0, of: str = SITE
) -> Iterable[StoreRow]:
    """Rows of the inverter and of the building."""
    for at_ms in range(from_ms, to_ms, STEP_MS):
        yield StoreRow(of, "inverter", at_ms, INVERTER, (pv_w(at_ms), soc_pct, islanded, backup_w))
        yield StoreRow(of, "site", at_ms, BUILDING, (load_w(at_ms),))


@dataclass
class House:
    """The service's part, and what it rests on."""

    live: LiveView
    store: SqliteStore
    records: Records
    forecast: Forecast
    clock: Clock

    async def lived(self, *, days: float, soc_pct: float = 60.0, of: str = SITE, backup_w: float = 0.0) -> None:
        """A past until now in the store, and fresh values in the view."""
        from_ms = self.clock.now_ms - round(days * DAY_MS)
        rows = list(past(from_ms=from_ms, to_ms=self.clock.now_ms, soc_pct=soc_pct, of=of, backup_w=backup_w))
        await self.store.write(rows)
        self.now(soc_pct=soc_pct, of=of, backup_w=backup_w)

    def now(
        self,
        *,
        soc_pct: float = 60.0,
        islanded: float = 0.0,
        load: float = 1_500.0,
        of: str = SITE,
        backup_w: float = 0,
    ) -> None:
        """Fresh values."""
        at_ms = self.clock.now_ms - 1_000
        values = (1_000.0, soc_pct, islanded, backup_w)
        self.live.update(
            [StoreRow(of, "inverter", at_ms, INVERTER, values), StoreRow(of, "site", at_ms, BUILDING, (load,))],
            self.clock.now_ms,
        )

    async def say(self, *words: str, of: str = SITE) -> None:
        """What staff enter."""
        pairs = [tidy(*word.split("=", 1)) for word in words]
        await self.records.facts.add(
            [Fact(site=of, name=name, value=value, by="田中", at_ms=self.clock.now_ms) for name, value in pairs]
        )


@asynccontextmanager
async def house(folder: Path, *sites: Site) -> AsyncIterator[House]:
    """A city of one shelter, or of those that are given."""
    records = await Records.open(folder / "records.sqlite")
    store = await SqliteStore.open(folder / "telemetry.sqlite")
    try:
        live, clock = LiveView(), Clock(NOW_MS)
        live.set_sites(sites or [site()])
        forecast = Forecast(live, store, records.facts.newest, now=clock)
        yield House(live, store, records, forecast, clock)
    finally:
        await store.close()
        await records.close()
