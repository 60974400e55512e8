"""The boards tell the statement's kWh: a month with a gap, a counter that began anew and data that came late.

Asked are the queries of the built board, of a real InfluxDB; made are the statements from the same records.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from central.accounting import Accountant
from central.core.accounting.closing import SETTLE_MS as CLOSE_MS
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import bounds_of_month, day_of
from central.core.accounting.reporting import MonthReport
from central.core.city import Site
from central.core.rollups.accounted import SavedCo2
from central.reports.desk import ReportDesk
from central.reports.tables import load_tables
from central.rollup_energy import EnergyRollup
from central.rollup_room import saved_co2
from central.settings import AccountingSettings
from central.store.base import StoreRow
from central.store.influx import InfluxStore
from central.store.influx_query import InfluxQuery
from central.store.influx_rollups import InfluxRollups
from central.store.influx_write import InfluxAddress
from central.store.records import Records
from dashboards import build
from dashboards.queries import filled_in
from tests.central.accounting.parts import OCTOBER, lived, sites
from tests.dashboards.month import Month

pytestmark = pytest.mark.influx

MONTH = "2026-10"
FROM_MS, TO_MS = bounds_of_month(MONTH)
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
GAP = (FROM_MS + 9 * DAY_MS + 7 * HOUR_MS, FROM_MS + 9 * DAY_MS + 15 * HOUR_MS)
LATE = (FROM_MS + 19 * DAY_MS, FROM_MS + 21 * DAY_MS)
RESET_MS = FROM_MS + 14 * DAY_MS + 10 * HOUR_MS + 600_000
BOARD = build.boards()["shelter-energy"]
TABLE = {"発電": Flow.PV, "売電": Flow.EXPORT, "買電": Flow.IMPORT, "消費": Flow.LOAD}
COLUMNS = {"発電": "pv", "売電": "sold", "買電": "bought", "消費": "used"}


def inside(row: StoreRow, span: tuple[int, int]) -> bool:
    return span[0] <= row.at_ms < span[1]


def begun_anew(row: StoreRow) -> StoreRow:
    """The meter lost its count at 10 in the morning: it begins at zero."""
    if row.device != "meter" or row.at_ms < RESET_MS:
        return row
    left = [(value or 0.0) - lost for value, lost in zip(row.values, LOST, strict=True)]
    return replace(row, values=tuple(left))


@dataclass
class City:
    """A synthetic city: its records, its statements, and the boards' database."""

    month: Month
    store: InfluxStore
    rollups: InfluxRollups
    records: Records
    bucket: str
    sites: list[Site]
    now_ms: int = TO_MS + CLOSE_MS

    def now(self) -> int:
        return self.now_ms

    def __post_init__(self) -> None:
        self.accountant = Accountant(self.store, self.records.energy, lambda: self.sites, self.now)
        self.desk = ReportDesk(
            self.records.energy,
            self.records.ledgers,
            load_tables(AccountingSettings()),
            sites=lambda: self.sites,
            incidents=list,
            now=self.now,
        )
        self.energy = self.carrier()

    def carrier(self) -> EnergyRollup:
        """The loop, as after a start."""
        saved = saved_co2(load_tables(AccountingSettings()).factors)
        return EnergyRollup(self.records.energy, self.rollups, sites=lambda: self.sites, now=self.now, saved_co2=saved)

    def asked(self, panel: str, *, site: str = ".*") -> list[dict[str, Any]]:
        """Rows of a panel of the board over the whole month, with the tags among the columns."""
        (target,) = next(one for one in BOARD["panels"] if one["title"] == panel)["targets"]
        asker = InfluxQuery(self.month.influx.url, self.month.influx.token, self.bucket, timeout_s=30)
        text = filled_in(target["query"], from_ms=FROM_MS, to_ms=TO_MS - 1, step_ms=HOUR_MS, site=site)
        found = [{**tags, **row} for tags, rows in asker.ask(text) for row in rows]
        asker.close()
        return found


CHANGING, RESETTING, QUIET = sites(3)
LAST = next(row for row in lived(RESETTING.id, FROM_MS, RESET_MS)[::-1] if row.device == "meter")
LOST = [value or 0.0 for value in LAST.values]


@pytest.fixture
async def city(month: Month) -> AsyncIterator[City]:
    raw, rollup = (f"{kind}_{uuid.uuid4().hex}" for kind in ("raw", "rollup"))
    for name in (raw, rollup):
        month.influx.make_database(name)
    address = InfluxAddress(
        url=month.influx.url, token=month.influx.token, bucket=raw, org=month.influx.org, timeout_s=60
    )
    store, rollups = await InfluxStore.open(address), InfluxRollups(address, rollup)
    with tempfile.TemporaryDirectory() as folder:
        records = await Records.open(Path(folder) / "records.db")
        yield City(month, store, rollups, records, rollup, [CHANGING, RESETTING, QUIET])
        await records.close()
    await rollups.close()
    await store.close()


async def hold_against(city: City) -> MonthReport:
    """Every total of the board against the statement, to 0.1 kWh: of each shelter, of each ward, of the city."""
    whole = await city.desk.monthly(MONTH)
    by_site = {line.site.id: line for line in whole.lines}
    wards = {ward: [line for line in whole.lines if line.site.ward == ward] for ward in ("中央区", "緑区")}

    def agrees(row: dict[str, Any], lines: Sequence[Any]) -> None:
        for heading, flow in TABLE.items():
            stated = sum(line.figures.wh[flow] for line in lines) / 1_000
            assert row[COLUMNS[heading]] == pytest.approx(stated, abs=0.1), heading
        assert row["own"] == pytest.approx(sum(line.figures.billed_wh for line in lines) / 1_000, abs=0.1)

    table = {row["site"]: row for row in city.asked("避難所別")}
    assert table.keys() == by_site.keys(), "each shelter once"
    for site, row in table.items():
        agrees(row, [by_site[site]])
        alone = await city.desk.monthly(MONTH, site)
        (own,) = city.asked("自家消費量", site=site)
        assert own["自家消費"] == pytest.approx(alone.billed_wh / 1_000, abs=0.1)
    for row in city.asked("区別"):
        agrees(row, wards[row["ward"]])
    (months,) = city.asked("月別の表")
    agrees(months, whole.lines)
    (total,) = city.asked("発電量")
    assert total["発電"] == pytest.approx(whole.wh[Flow.PV] / 1_000, abs=0.1)
    slots = {row["site"]: row for row in city.asked("30分値の確かさ（避難所別）")}
    for site, line in by_site.items():
        counted = line.figures.slots
        stated = [counted.get("m", 0) + counted.get("r", 0), counted.get("i", 0), counted.get("-", 0)]
        assert [slots[site][name] for name in ("measured", "interpolated", "missing")] == stated
    return whole


async def test_every_total_of_the_board_is_the_statement_s_before_and_after_late_data_and_corrections(
    city: City,
) -> None:
    history = {
        CHANGING.id: [row for row in lived(CHANGING.id, FROM_MS, TO_MS) if not inside(row, GAP)],
        RESETTING.id: [begun_anew(row) for row in lived(RESETTING.id, FROM_MS, TO_MS)],
        QUIET.id: lived(QUIET.id, FROM_MS, TO_MS),
    }
    late = [row for row in history[QUIET.id] if inside(row, LATE)]
    history[QUIET.id] = [row for row in history[QUIET.id] if not inside(row, LATE)]
    await city.store.write([row for rows in history.values() for row in rows])
    for site in city.sites:
        city.now_ms += 600_000
        await city.accountant.count(site, FROM_MS, TO_MS + 1)
    assert await city.energy.follow() == 3 * 31
    before = await hold_against(city)
    assert {line.site.id for line in before.lines if line.figures.known_share < 1} == {CHANGING.id, QUIET.id}
    assert next(line for line in before.lines if line.site == RESETTING).figures.slots["r"] == 1
    assert await city.energy.follow() == 0, "what was written is not written again"

    await city.store.write(late)
    city.now_ms += HOUR_MS
    for day in range(day_of(LATE[0]) - 1, day_of(LATE[1]) + 1):
        await city.accountant.count_day(QUIET, day)
    city.energy = city.carrier()
    assert await city.energy.follow() == 31, "after a start what was counted lately, and no other shelter's days"
    after = await hold_against(city)
    assert next(line for line in after.lines if line.site == QUIET).figures.known_share == 1

    await city.desk.close(MONTH, by="試験", why="按分を認める（試験）", accepts=True)
    await city.desk.correct(MONTH, by="試験", why="計器の校正（試験）", sites=[RESETTING.id], adjust_wh=-4_321)
    await city.energy.follow()
    corrected = await hold_against(city)
    assert after.billed_wh - corrected.billed_wh == 4_321

    city.sites[0] = replace(CHANGING, name="模擬 統合'小学校", ward="緑区")
    await city.energy.follow()
    await hold_against(city)
    assert [row["name"] for row in city.asked("避難所別", site=CHANGING.id)] == ["模擬 統合'小学校"]


async def test_another_emission_factor_is_told_of_the_whole_year_after_a_start(city: City) -> None:
    city.now_ms = FROM_MS + 3 * DAY_MS
    await city.store.write(lived(QUIET.id, FROM_MS, FROM_MS + 2 * DAY_MS))
    await city.accountant.count(QUIET, FROM_MS, FROM_MS + 2 * DAY_MS)
    await city.energy.follow()
    (own,) = city.asked("自家消費量")
    (before,) = city.asked("CO2 削減の目安")
    city.now_ms += HOUR_MS
    checked = SavedCo2(kg_per_kwh=0.5, verified=True)
    city.energy = EnergyRollup(
        city.records.energy, city.rollups, sites=lambda: city.sites, now=city.now, saved_co2=lambda _year: checked
    )
    await city.energy.follow()
    (after,) = city.asked("CO2 削減の目安")
    assert before["CO2"] != pytest.approx(own["自家消費"] * 0.5)
    assert after["CO2"] == pytest.approx(own["自家消費"] * 0.5)
    assert city.asked("係数の確認")[0]["確認"] == 1
    assert await city.rollups.energy_factors() == {2026: (0.5, True)}


async def test_a_shelter_that_was_never_counted_on_a_day_is_told_to_be_missing(city: City) -> None:
    await city.store.write(lived(QUIET.id, FROM_MS, FROM_MS + DAY_MS))
    city.now_ms = FROM_MS + DAY_MS - HOUR_MS
    await city.accountant.count_day(QUIET, OCTOBER)
    await city.energy.follow()
    city.now_ms = FROM_MS + 2 * DAY_MS + HOUR_MS
    await city.energy.follow()
    found = {row["site"]: row["missing"] for row in city.asked("30分値の確かさ（避難所別）")}
    assert found[CHANGING.id] == found[RESETTING.id] == 2 * 48
    assert found[QUIET.id] == 48 + 3, "its first day is counted up to half past ten in the evening"
