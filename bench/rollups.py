"""The city's roll-ups on a real InfluxDB 1.6 that holds a day of readings of every shelter, one each five seconds.

Timed are the loops' own turns as the service runs them: a minute of the city, the half hour in which every shelter's
day is read from its beginning (at midnight, when it is longest), the accounting of that half hour, and what it carries
over to the boards. In the same run the server answers the plainest question over the same day, which is the floor. The
readings are invented, the same course for every shelter with noise of its own sort, and are written as finished lines.

    make bench BENCH=rollups BENCH_ARGS="--shelters 182 --interval 5"

It needs influxd 1.6 and nginx (tests/install_system_parts.sh), some minutes to fill, and about a gigabyte of disk.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import math
import random
import resource
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from statistics import median
from typing import Final

from bench.report import Target, finish, progress
from central.accounting import Accountant
from central.core.accounting.halfhours import day_number, start_of_day
from central.core.city import Site
from central.core.facts import Fact
from central.core.live import LiveView
from central.core.news import News
from central.reports.tables import load_tables
from central.rollup import SETTLE_MS, Rollup, Sources
from central.rollup_energy import EnergyRollup
from central.rollup_room import saved_co2
from central.settings import AccountingSettings
from central.store.base import StoreRow
from central.store.influx import InfluxStore
from central.store.influx_lines import LineMaker
from central.store.influx_query import InfluxQuery
from central.store.influx_rollups import InfluxRollups
from central.store.influx_write import InfluxAddress
from central.store.records import Records
from simulator.fleet import build
from tests.influx_support import Influx, running_influx

DAY_MS: Final = 86_400_000
HALF_HOUR_MS: Final = 1_800_000
SLOW_EVERY: Final = 12
LINES_PER_WRITE: Final = 10_000
MINUTE_S: Final = 10.0
HALF_HOUR_S: Final = 30.0
MEMORY_MB: Final = 400.0
DAY: Final = day_number(date(2026, 10, 1))
"""The same day whenever it runs."""
RAW: Final = "bench"
ROLLUP: Final = "bench_rollup"
FAST: Final = {
    "inverter": ("pv.power_w", "pv.energy_wh", "inverter.energy_wh", "inverter.state", "inverter.islanded"),
    "battery": ("battery.power_w", "battery.soc_pct", "battery.charge_energy_wh", "battery.discharge_energy_wh"),
    "meter": ("grid.power_w", "grid.import_energy_wh", "grid.export_energy_wh"),
    "site": ("load.power_w",),
}
SLOW: Final = {"battery": ("battery.soh_pct", "battery.capacity_wh", "battery.reserve_soc_pct")}


class Day:
    """One shelter's day in steps; energies follow from powers, so half hours can be counted."""

    def __init__(self, day_ms: int, interval_ms: int) -> None:
        self._day_ms, self._interval_ms = day_ms, interval_ms
        self._noise = random.Random(7)
        self._wh = dict.fromkeys(("pv", "out", "charge", "discharge", "import", "export"), 1_000_000.0)

    def rows(self, site: str) -> Iterator[StoreRow]:
        """All rows, from midnight to midnight, both included."""
        for step, at_ms in enumerate(range(self._day_ms, self._day_ms + DAY_MS + 1, self._interval_ms)):
            values = self._step((at_ms - self._day_ms) / 3_600_000)
            due = [*FAST.items(), *(SLOW.items() if step % SLOW_EVERY == 0 else ())]
            for device, points in due:
                yield StoreRow(site, device, at_ms, points, tuple(values[point] for point in points))

    def _step(self, hour: float) -> dict[str, float]:
        pv_w = max(0.0, math.sin((hour - 6) / 12 * math.pi)) * 12_000 * self._noise.uniform(0.7, 1.0)
        load_w = 3_000 + 2_000 * math.sin(hour / 24 * math.pi) + self._noise.uniform(-300, 300)
        battery_w = -2_000.0 if 9 <= hour < 12 else 2_500.0 if 18 <= hour < 20 else 0.0
        out_w = pv_w + battery_w
        grid_w = load_w - out_w
        hours = self._interval_ms / 3_600_000
        flows = {
            "pv": pv_w,
            "out": max(0.0, out_w),
            "charge": max(0.0, -battery_w),
            "discharge": max(0.0, battery_w),
            "import": max(0.0, grid_w),
            "export": max(0.0, -grid_w),
        }
        for name, watts in flows.items():
            self._wh[name] += watts * hours
        told = {
            "pv.power_w": pv_w,
            "battery.power_w": battery_w,
            "grid.power_w": grid_w,
            "load.power_w": load_w,
            "pv.energy_wh": self._wh["pv"],
            "inverter.energy_wh": self._wh["out"],
            "inverter.state": 4.0,
            "inverter.islanded": 0.0,
            "battery.charge_energy_wh": self._wh["charge"],
            "battery.discharge_energy_wh": self._wh["discharge"],
            "battery.soc_pct": 40 + 30 * math.sin(hour / 24 * math.pi),
            "battery.soh_pct": 97.0,
            "battery.capacity_wh": 16_400.0,
            "battery.reserve_soc_pct": 30.0,
            "grid.import_energy_wh": self._wh["import"],
            "grid.export_energy_wh": self._wh["export"],
        }
        return {name: float(round(value)) for name, value in told.items()}


def sites_of(count: int) -> list[Site]:
    """Synthetic shelters as they would be registered."""
    return [
        Site(
            id=spec.id,
            name=spec.name,
            ward=spec.ward,
            latitude=spec.latitude,
            longitude=spec.longitude,
            pv_kw=12.0,
            inverter_kw=16.5,
            battery_kwh=16.4,
            synthetic=True,
        )
        for spec in build(count, 7)
    ]


def fill(influx: Influx, rows: Sequence[StoreRow], template: str, names: Sequence[str]) -> int:
    """Write the day of one shelter for all of them; returns the number of lines. The lines are made once."""
    made = LineMaker().of_rows(rows)
    headers = {"Authorization": "Basic " + b64encode(influx.token.encode()).decode()}
    bodies = ["\n".join(made[at : at + LINES_PER_WRITE]) for at in range(0, len(made), LINES_PER_WRITE)]
    connection = http.client.HTTPConnection("127.0.0.1", influx.influx_port, timeout=120)
    for number, name in enumerate(names, 1):
        for body in bodies:
            connection.request("POST", f"/write?db={RAW}&precision=ms", body.replace(template, name).encode(), headers)
            answer = connection.getresponse()
            if answer.status != 204:
                raise SystemExit(f"InfluxDB does not take the readings: HTTP {answer.status} {answer.read()[:300]!r}")
            answer.read()
        if number % 20 == 0:
            progress(f"{number} of {len(names)} shelters are filled")
    connection.close()
    return len(made) * len(names)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds on the clock, as whoever waits for the loop's next turn sees them."""
    began_s = time.perf_counter()
    await work()
    return time.perf_counter() - began_s


async def run(influx: Influx, folder: Path, shelters: int, interval_s: float) -> int:
    """Fill, time, report."""
    day_ms = start_of_day(DAY)
    sites = sites_of(shelters)
    template = "E9999999999999"
    rows = list(Day(day_ms, round(interval_s * 1_000)).rows(template))
    progress(f"a day of {shelters} shelters: {len(rows) * shelters:,} rows")
    began_s = time.perf_counter()
    address = InfluxAddress(url=influx.url, token=influx.token, bucket=RAW, org=influx.org, timeout_s=120)
    store = await InfluxStore.open(address)
    # The store tells the server the points of its shapes, which finished lines do not.
    for name in (template, *(site.id for site in sites)):
        await store.write([row if name == template else moved(row, name) for row in rows[:8]])
    lines = await asyncio.to_thread(fill, influx, rows, template, [site.id for site in sites])
    fill_s = time.perf_counter() - began_s
    progress(f"filled in {fill_s:.0f} s")

    now = [day_ms + DAY_MS - HALF_HOUR_MS + SETTLE_MS + 1_000]
    live = LiveView()
    live.set_sites(sites)
    for site in sites:
        live.update([moved(row, site.id) for row in rows[-8:]], now[0])
    records = await Records.open(folder / "records.db")
    rollups = InfluxRollups(address, ROLLUP)
    accountant = Accountant(store, records.energy, lambda: sites, lambda: now[0])
    energy = EnergyRollup(
        records.energy,
        rollups,
        sites=lambda: sites,
        now=lambda: now[0],
        saved_co2=saved_co2(load_tables(AccountingSettings()).factors),
    )
    rollup = Rollup(
        Sources(
            live=live,
            store=store,
            facts=no_facts,
            news_after=no_news,
            latest_news=lambda: 0,
            incidents=lambda: (),
            standings=lambda _now_ms: (),
        ),
        rollups,
        now=lambda: now[0],
    )
    before_mb = rss_mb()
    progress("before the half hour: what the loops do once after a start")
    first_s = await timed(rollup.follow)
    await accountant.follow()
    for site in sites[: min(8, shelters)]:
        await accountant.count_day(site, DAY)
    await energy.follow()
    now[0] += HALF_HOUR_MS
    minutes = [await timed(rollup.minute) for _ in range(5)]
    days_s = await timed(rollup.follow)
    counted_s = await timed(accountant.follow)
    carried_s = await timed(energy.follow)
    floor_s = await asyncio.to_thread(floor, influx, day_ms)
    known = (await rollups.known_days(from_ms=day_ms, to_ms=day_ms + DAY_MS)).values()
    figures = {
        "minute_s": Target(MINUTE_S).judge(round(median(minutes), 2)),
        "half_hour_s": Target(HALF_HOUR_S).judge(round(days_s + counted_s + carried_s, 1)),
        "memory_mb": Target(MEMORY_MB).judge(round(rss_mb(), 0)),
        "shelters_written": Target(shelters, at_least=True).judge(sum(pct > 99 for pct in known)),
    }
    await rollups.close()
    await store.close()
    await records.close()
    return finish(
        "rollups",
        figures,
        shelters=shelters,
        interval_s=interval_s,
        lines=lines,
        fill_s=round(fill_s),
        first_turn_s=round(first_s, 1),
        days_s=round(days_s, 1),
        counted_s=round(counted_s, 1),
        carried_s=round(carried_s, 1),
        floor_s=round(floor_s, 1),
        times_the_floor=round(days_s / floor_s, 1),
        memory_before_mb=round(before_mb),
    )


def floor(influx: Influx, day_ms: int) -> float:
    """Seconds for the four powers of the same day in half hours of all shelters, in one question each."""
    asker = InfluxQuery(influx.url, influx.token, RAW, timeout_s=120)
    began_s = time.perf_counter()
    for point in ("pv.power_w", "load.power_w", "grid.power_w", "battery.power_w"):
        asker.ask(
            f'SELECT mean("{point}") FROM shelter WHERE time >= {day_ms}ms AND time < {day_ms + DAY_MS}ms'
            ' GROUP BY time(30m), "site"'
        )
    asker.close()
    return time.perf_counter() - began_s


def moved(row: StoreRow, site: str) -> StoreRow:
    """The same row of another shelter."""
    return StoreRow(site, row.device, row.at_ms, row.points, row.values)


async def no_facts() -> Sequence[Fact]:
    """Nobody entered anything."""
    return ()


async def no_news(_after: int, _limit: int) -> Sequence[News]:
    """Nothing happened."""
    return ()


def rss_mb() -> float:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shelters", type=int, default=182)
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between readings")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, running_influx(Path(made) / "influx") as influx:
        influx.make_database(RAW)
        influx.make_database(ROLLUP)
        return asyncio.run(run(influx, Path(made), chosen.shelters, chosen.interval))


if __name__ == "__main__":
    sys.exit(main())
