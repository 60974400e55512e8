"""The watch over real records and a city of the test; time is what the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from central.core.city import SiteState
from central.core.newsmaking import Look
from central.newsroom import Newsroom
from central.store.records import Records
from central.watch.gather import Gatherer, NoCertificates, NoTargets, Sources
from central.watch.loop import Watch
from central.watch.rule_file import RuleFile
from central.watch.service import ServiceSources
from tests.central.fake import NOW_MS, FakeQueries

MINUTE_MS = 60_000


@dataclass
class Told(NoTargets, NoCertificates):
    """What other rooms know."""

    targets_w: dict[str, float] = field(default_factory=dict)
    demands_w: dict[str, float] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)

    def target_w(self, site: str) -> float | None:
        return self.targets_w.get(site)

    def demand_w(self, site: str) -> float | None:
        return self.demands_w.get(site)

    def expiries(self) -> Mapping[str, int]:
        return self.ends


@dataclass
class Post:
    """One watch and what it looks at."""

    records: Records
    queries: FakeQueries
    newsroom: Newsroom
    watch: Watch
    told: Told
    ready: dict[str, str]

    async def live(self, minutes: int) -> None:
        for _ in range(minutes):
            self.queries.at_ms += MINUTE_MS
            await self.watch.look()

    def silence(self, *sites: str) -> None:
        for site in sites:
            self.queries.change(site, state=SiteState.OFFLINE, last_reading_ms=self.queries.at_ms)

    def wake(self, *sites: str) -> None:
        for site in sites:
            self.queries.change(site, state=SiteState.ON_GRID, last_reading_ms=self.queries.at_ms)

    @property
    def open(self) -> list[str]:
        return sorted(
            f"{one.family.value} {one.about.kind.value} {one.about.name}".strip() for one in self.watch.alerts
        )


def calm_city(count: int = 12) -> FakeQueries:
    """Shelters of one ward that are all well."""
    queries = FakeQueries.of_city(count)
    for site in queries.shelters:
        queries.change(
            site, state=SiteState.ON_GRID, last_reading_ms=NOW_MS, devices_dark=(), soc_pct=80.0, pv_w=9_000.0
        )
    return queries


@asynccontextmanager
async def post(
    folder: Path,
    queries: FakeQueries | None = None,
    rules: Path | None = None,
    service: Callable[[Records, Mapping[str, str]], ServiceSources] | None = None,
) -> AsyncIterator[Post]:
    """A watch that has loaded; nothing runs."""
    city = queries or calm_city()
    records = await Records.open(folder / "records.sqlite")
    try:
        newsroom = Newsroom(records.news, lambda: Look(city=city.now()), now=lambda: city.at_ms)
        await newsroom.load()
        told, ready = Told(), {"mqtt": "ok", "store": "ok", "records": "ok"}
        sources = Sources(
            queries=city,
            days=lambda _site: {},
            facts=records.facts.newest,
            service=service(records, ready) if service else ServiceSources(ready=lambda: ready),
            reserve_pct=30.0,
            targets=told,
            certificates=told,
        )
        gatherer = Gatherer(sources, started_ms=city.at_ms)
        watch = Watch(RuleFile(rules), records.alerts, gatherer, newsroom, now=lambda: city.at_ms)
        await watch.load()
        yield Post(records, city, newsroom, watch, told, ready)
    finally:
        await records.close()
