"""Energy accounting of a year: 182 invented shelters, roll-ups of their counters, one core; held against the truth.

Counted is what the service does with a year of readings: half hours with their marks and checks, days and the readings
they rest on packed and kept in the records, the months' figures. Then a month's city report is made. Processor time of
all threads. The shelters are drawn from fewer lives (``--lives``), each with faults of its own: resets, exchanged
meters, false readings, gaps. Of some the readings of the gaps come late; counting again has to give what counting all
at once gives.

    make bench BENCH=accounting BENCH_ARGS="--shelters 182 --lives 14"
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.accounting_year import DAYS, FIRST_DAY, Lived, Metered, live, metered
from bench.report import Target, finish, progress
from central.core.accounting.counters import LETTERS, Mark, Readings, thinned
from central.core.accounting.days import SiteDay, count_days, pack_readings
from central.core.accounting.flows import Counter, Evidence, Flow, sources_of
from central.core.accounting.forgotten import lost_wh
from central.core.accounting.halfhours import (
    DAY_MS,
    bounds_of_month,
    days_of_month,
    month_after,
    month_of_day,
    months_of_fiscal_year,
    start_of_day,
)
from central.core.accounting.months import MonthFigures, month_figures, total_of
from central.core.city import Site
from central.reports.desk import ReportDesk
from central.reports.files import html_file
from central.reports.monthly import monthly
from central.reports.tables import load_tables
from central.settings import AccountingSettings
from central.store.records import Records
from central.web.catalogue import Lang
from simulator.fleet import build
from simulator.world import City

SEED: Final = 20_260_401
YEAR: Final = 2025
MONTH: Final = "2025-08"
AT_LEAST: Final = LETTERS[Mark.AT_LEAST]
OFF_PCT_MAX: Final = 0.5
LATE_CHECKED: Final = 14
"""Shelters of which the readings of gaps come late."""
POINTS: Final = {
    "inverter": {
        *("pv.energy_wh", "battery.charge_energy_wh", "battery.discharge_energy_wh", "inverter.energy_wh"),
        "inverter.state",
    },
    "meter": {"grid.import_energy_wh", "grid.export_energy_wh"},
}
SOURCES: Final = sources_of(POINTS)


@dataclass
class Result:
    """What was measured."""

    counting_s: float = 0.0
    worst_pct: dict[str, float] = field(default_factory=dict)
    worst_where: dict[str, str] = field(default_factory=dict)
    restarts_in_gaps: int = 0
    """Shelters of which a counter began anew in a long gap: what it counted before is lost to everybody."""
    worst_of_others_pct: float = 0.0
    over: set[str] = field(default_factory=set)
    """Shelters of which a year's sum is further off than the target before the estimates."""
    forgot: dict[str, tuple[dict[str, float], Mapping[str, float], list[str]]] = field(default_factory=dict)
    """Shelter whose counter forgot something → its year's sums, the truth, the months of that."""
    odd: int = 0
    known: float = 0.0
    late_differs: int = 0
    breaks: int = 0


def site_of(lived: Lived, number: int) -> Site:
    """The shelter as registered."""
    spec, rated = lived.spec, lived.rated
    return Site(
        id=f"E00000{number:05d}111",
        name=f"{spec.name} {number}",
        ward=spec.ward,
        latitude=spec.latitude,
        longitude=spec.longitude,
        pv_kw=rated.pv_kw,
        inverter_kw=rated.inverter_kw,
        battery_kwh=rated.battery_kwh,
        synthetic=True,
    )


def counted(site: str, lived: Lived, readings: Mapping[Counter, Readings]) -> tuple[list[SiteDay], dict[int, bytes]]:
    """A year of days, and each day's readings packed."""
    rated = lived.rated
    few = {counter: thinned(each, max_w=rated.max_w(counter[1])) for counter, each in readings.items()}
    days = count_days(site, Evidence(readings=few), SOURCES, rated, first_day=FIRST_DAY, days=DAYS)
    packed = {}
    for day in range(FIRST_DAY, FIRST_DAY + DAYS):
        begin = start_of_day(day)
        packed[day] = pack_readings({c: each.between(begin, begin + DAY_MS) for c, each in few.items()})
    return days, packed


def months_of(site: str, days: Sequence[SiteDay]) -> list[MonthFigures]:
    """The fiscal year's months."""
    by_month: dict[str, list[SiteDay]] = {}
    for one in days:
        by_month.setdefault(month_of_day(one.day), []).append(one)
    return [month_figures(site, month, by_month[month]) for month in months_of_fiscal_year(YEAR)]


def compare(result: Result, site: str, lived: Lived, months: Sequence[MonthFigures]) -> None:
    """Hold a year's sums against the truth."""
    sums: dict[str, float] = {flow.value: wh for flow, wh in total_of(months).items()}
    sums["self"] = sum(one.self_wh for one in months)
    has_lost = any(one.slots.get(AT_LEAST) for one in months)
    result.restarts_in_gaps += has_lost
    for name, truth in lived.truth_wh.items():
        off_pct = abs(sums[name] - truth) / truth * 100
        if not has_lost:
            result.worst_of_others_pct = max(result.worst_of_others_pct, round(off_pct, 4))
        if off_pct > OFF_PCT_MAX:
            result.over.add(site)
        if off_pct >= result.worst_pct.get(name, -1.0):
            result.worst_pct[name] = round(off_pct, 4)
            result.worst_where[name] = site
    forgot = [one.month for one in months if one.slots.get(AT_LEAST)]
    if forgot:
        result.forgot[site] = sums, lived.truth_wh, forgot
    result.odd += sum(one.odd for one in months)
    result.known += sum(one.known_share for one in months) / len(months)


def late_differs(site: str, lived: Lived, told: Metered, days: Sequence[SiteDay]) -> bool:
    """Whether readings that come late lead elsewhere than readings that were there from the start."""
    whole = {counter: each.merged(told.late[counter]) for counter, each in told.readings.items()}
    first_few = {c: thinned(each, max_w=lived.rated.max_w(c[1])) for c, each in told.readings.items()}
    joined = {counter: each.merged(told.late[counter]) for counter, each in first_few.items()}
    at_once, _ = counted(site, lived, whole)
    later, _ = counted(site, lived, joined)
    improved = sum(one.total_wh(Flow.PV) for one in later) == sum(one.total_wh(Flow.PV) for one in at_once)
    return not improved or at_once != later or at_once == list(days)


async def measure(shelters: int, lives: int) -> int:
    """Make the year, count it, report on it."""
    begun = time.process_time()
    specs, city = build(182, SEED), City(SEED)
    lived = []
    for n in range(lives):
        lived.append(live(specs[n], city, SEED + n))
        progress(f"life {n + 1} of {lives}, {time.process_time() - begun:.0f} s")
    made_s = time.process_time() - begun
    result = Result()
    with tempfile.TemporaryDirectory() as folder:
        records = await Records.open(Path(folder) / "records.sqlite")
        try:
            sites = [site_of(lived[n % lives], n + 1) for n in range(shelters)]
            await records.save_sites(sites)
            for n, site in enumerate(sites):
                told = metered(lived[n % lives], SEED + n)
                result.breaks += told.breaks
                began = time.process_time()
                days, packed = counted(site.id, lived[n % lives], told.readings)
                await records.energy.save(
                    days, {(site.id, day): body for day, body in packed.items()}, counted_ms=start_of_day(FIRST_DAY)
                )
                months = months_of(site.id, days)
                result.counting_s += time.process_time() - began
                compare(result, site.id, lived[n % lives], months)
                if n < LATE_CHECKED:
                    result.late_differs += late_differs(site.id, lived[n % lives], told, days)
                if n % 20 == 19:
                    progress(f"{n + 1} shelters counted, {result.counting_s:.1f} s")
            report_s, report_wall_s, pages = await report(records, sites)
            estimated_pct = await with_estimates(result, records, sites)
            bytes_kept = (Path(folder) / "records.sqlite").stat().st_size
        finally:
            await records.close()
    return said(result, shelters, lives, made_s, report_s, report_wall_s, pages, bytes_kept, estimated_pct)


async def with_estimates(result: Result, records: Records, sites: Sequence[Site]) -> dict[str, float]:
    """Flow → how far off the year is of shelters whose counters forgot something, with the marked estimates, %."""
    pv_kw = {one.id: one.pv_kw for one in sites}
    lost: dict[str, dict[Flow, int]] = {}
    for month in sorted({month for _, _, months in result.forgot.values() for month in months}):
        numbers = days_of_month(month)
        by_site: dict[str, list[SiteDay]] = {}
        for one in await records.energy.days(numbers.start, numbers.stop - 1):
            by_site.setdefault(one.site, []).append(one)
        for site, found in lost_wh(month, by_site, pv_kw).items():
            own = lost.setdefault(site, {})
            for flow, wh in found.items():
                own[flow] = own.get(flow, 0) + wh
    worst: dict[str, float] = {}
    for site, (sums, truth, _) in result.forgot.items():
        more = lost.get(site, {})
        added = {flow.value: float(more.get(flow, 0)) for flow in Flow}
        net_wh = more.get(Flow.PV, 0) + more.get(Flow.IMPORT, 0) - more.get(Flow.EXPORT, 0)
        added[Flow.LOAD.value] = float(net_wh)
        added["self"] = float(more.get(Flow.PV, 0) - more.get(Flow.EXPORT, 0))
        for name, true_wh in truth.items():
            off_pct = round(abs(sums[name] + added[name] - true_wh) / true_wh * 100, 4)
            worst[name] = max(worst.get(name, 0.0), off_pct)
    return worst


async def report(records: Records, sites: list[Site]) -> tuple[float, float, int]:
    """A month's statement of the city on paper: processor time, time on the clock, bytes."""
    now_ms = bounds_of_month(month_after(MONTH))[1]
    desk = ReportDesk(
        records.energy,
        records.ledgers,
        load_tables(AccountingSettings()),
        sites=lambda: sites,
        incidents=tuple,
        now=lambda: now_ms,
    )
    taken = []
    for _ in range(3):
        began, wall = time.process_time(), time.perf_counter()
        made = await desk.monthly(MONTH)
        body = html_file(monthly(made, Lang.JA, city="模擬市"))
        taken.append((time.process_time() - began, time.perf_counter() - wall, len(body)))
    return sorted(taken)[1]


def said(
    result: Result,
    shelters: int,
    lives: int,
    made_s: float,
    report_s: float,
    report_wall_s: float,
    pages: int,
    bytes_kept: int,
    estimated_pct: dict[str, float],
) -> int:
    """Print the figures beside their targets."""
    figures: dict[str, dict[str, Any]] = {
        "year_182_shelters_s": Target(60.0).judge(round(result.counting_s * 182 / shelters, 2)),
        "city_month_report_s": Target(2.0).judge(round(report_s, 3)),
        "worst_off_pct": Target(OFF_PCT_MAX).judge(max(result.worst_of_others_pct, *estimated_pct.values(), 0.0)),
        "late_data_differs": Target(0.0).judge(result.late_differs),
    }
    return finish(
        "accounting",
        figures,
        shelters=shelters,
        lives=lives,
        days=DAYS,
        worst_pct_without_estimates=result.worst_pct,
        worst_where=result.worst_where,
        restarts_in_long_gaps=result.restarts_in_gaps,
        worst_pct_of_other_shelters=result.worst_of_others_pct,
        shelters_further_off_without_estimates=sorted(result.over),
        worst_pct_of_those_with_the_estimates=estimated_pct,
        half_hours=shelters * DAYS * 48,
        half_hours_odd=result.odd,
        known_share=round(result.known / shelters, 5),
        resets_and_exchanges=result.breaks,
        making_the_year_s=round(made_s, 1),
        city_month_report_wall_s=round(report_wall_s, 3),
        report_bytes=pages,
        records_mb=round(bytes_kept / 1e6, 1),
        peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024),
    )


def main() -> int:
    """Read the options and measure."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shelters", type=int, default=182)
    options.add_argument("--lives", type=int, default=14)
    given = options.parse_args()
    return asyncio.run(measure(given.shelters, min(given.lives, given.shelters)))


if __name__ == "__main__":
    raise SystemExit(main())
