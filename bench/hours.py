"""Hours left of a whole city: what one refresh of the service costs, from live values and four weeks of hours.

182 invented shelters with load, secured output and sun by the hour; three of four have loads by tier, so rationing
estimates each choice. Counted is processor time of all threads: the first refresh (which reads the past and loads the
libraries), later ones, the daily look back, the order of visits, and reachability three days ahead.

    make bench BENCH=hours
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from bench.report import Target, finish, progress
from central.core.autonomy.values import HOUR_MS
from central.core.city import Aggregate, Sample, Site
from central.core.facts import Fact, FactName
from central.core.live import LiveView
from central.forecast import Forecast
from central.store.base import StoreRow, Written

SITES = 182
NOW_MS = 1_795_489_805_000
"""2026-11-24 12:10:05 in Tokyo."""
POINTS = ("pv.power_w", "backup.power_w", "battery.soc_pct", "inverter.islanded")
LOADS = ("load.power_w",)
READINGS_PER_HOUR = 720
T = TypeVar("T")


def site_id(number: int) -> str:
    """Id of an invented shelter."""
    return f"E00000{number:05d}111"


class HourStore:
    """A store that makes up the hours it is asked for. It does not stand for the cost of a real one."""

    async def series(
        self,
        site: str,
        device: str,
        point: str,
        *,
        from_ms: int,
        to_ms: int,
        step_ms: int,
        aggregate: Aggregate,
        origin_ms: int,
    ) -> list[Sample]:
        """An hour's mean by point, day and hour, the same for every shelter."""
        del site, device, aggregate, origin_ms
        return [
            Sample(at_ms, _value(point, at_ms), READINGS_PER_HOUR)
            for at_ms in range(from_ms // step_ms * step_ms, to_ms, step_ms)
        ]

    async def write(self, rows: Sequence[StoreRow]) -> Written:
        """Not asked here."""
        raise NotImplementedError

    async def latest(self, site: str) -> list[StoreRow]:
        """Not asked here."""
        raise NotImplementedError

    def export(self, site: str, *, from_ms: int, to_ms: int) -> AsyncIterator[StoreRow]:
        """Not asked here."""
        raise NotImplementedError

    async def count_rows(self, site: str | None = None) -> int:
        """Not asked here."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing to let go of."""


def _value(point: str, at_ms: int) -> float:
    hour = (at_ms // HOUR_MS + 9) % 24
    day = at_ms // (24 * HOUR_MS)
    if point == "pv.power_w":
        return 12_000 * (0.3 + 0.1 * (day * 7 % 8)) * max(0.0, math.sin((hour - 6) / 12 * math.pi))
    if point == "inverter.islanded":
        return 0.0
    base = 900 + 600 * max(0.0, math.sin((hour - 7) / 12 * math.pi)) + 40 * (day % 5)
    return base if point == "backup.power_w" else 4 * base


def city() -> tuple[LiveView, list[Fact]]:
    """Shelters with fresh values, and what staff entered."""
    live = LiveView()
    numbers = range(1, SITES + 1)
    live.set_sites(
        Site(
            id=site_id(n),
            name=f"第{n}小学校",
            ward="中央区",
            latitude=35.5 + n % 20 / 100,
            longitude=140.0 + n % 30 / 100,
            pv_kw=20.0,
            inverter_kw=30.0,
            battery_kwh=26.0,
            synthetic=True,
        )
        for n in numbers
    )
    for n in numbers:
        row = StoreRow(site_id(n), "inverter", NOW_MS - 2_000, POINTS, (5_000.0, 1_200.0, 20.0 + n % 80, 0.0))
        load = StoreRow(site_id(n), "site", NOW_MS - 2_000, LOADS, (4_800.0,))
        live.update([row, load], NOW_MS)
    facts = [
        Fact(site=site_id(n), name=name, value=value, by="bench", at_ms=1)
        for n in numbers
        if n % 4
        for name, value in (
            (FactName.TIERS_W, "400,700,900"),
            (FactName.PEOPLE, str(n)),
            (FactName.BACKUP_KW, "9.9"),
        )
    ]
    return live, facts


async def _timed(work: Callable[[], Awaitable[T]]) -> tuple[float, T]:
    begun = time.process_time()
    found = await work()
    return time.process_time() - begun, found


async def measure() -> int:
    """Run everything once."""
    live, facts = city()

    async def said() -> list[Fact]:
        return facts

    forecast = Forecast(live, HourStore(), said, now=lambda: NOW_MS)
    progress(f"{SITES} shelters, {len(facts)} facts")
    first_s, _ = await _timed(forecast.refresh)
    filled_s, more = await _timed(lambda: forecast.fill(600))
    taken = [(await _timed(forecast.refresh))[0] for _ in range(5)]
    seconds = sorted(taken)[2]
    lookback_s, lookback = await _timed(forecast.look_back)
    _, found = await _timed(forecast.refresh)
    reach_s, reached = await _timed(lambda: forecast.reach(onset_ms=NOW_MS + 72 * HOUR_MS, target_pct=95))
    begun = time.process_time()
    visits = found.visits(target_h=72)
    visits_s = time.process_time() - begun
    known = sum(one.left.unknown is None for one in found.shelters.values())
    return finish(
        "hours",
        {
            "refresh_s": Target(3.0).judge(round(seconds, 3)),
            "reach_72h_s": Target(3.0).judge(round(reach_s, 3)),
            "known": Target(float(SITES), at_least=True).judge(known),
        },
        first_refresh_s=round(first_s, 3),
        four_weeks_into_memory_s=round(filled_s, 3),
        all_read=not more,
        look_back_s=round(lookback_s, 3),
        look_back_cases=lookback.cases,
        dispatch_order_s=round(visits_s, 4),
        rationed=sum(one.ration is not None for one in found.shelters.values()),
        visits=len(visits),
        reached=len(reached.shelters),
    )


def main() -> int:
    """Measure."""
    return asyncio.run(measure())


if __name__ == "__main__":
    raise SystemExit(main())
