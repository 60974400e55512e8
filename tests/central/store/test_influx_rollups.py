"""The roll-up loop over a real InfluxDB: what it writes, late data, a restart, a server that is away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from central.core.city import Site
from central.core.facts import Fact
from central.core.live import LiveView
from central.core.news import News, NewsKind, Severity
from central.core.rollups.rows import RollupRow, Series
from central.core.today import DAY_MS, HOUR_MS
from central.rollup import AGAIN_MS, SETTLE_MS, Rollup, Sources
from central.store.base import StoreError, StoreRow
from central.store.influx import InfluxStore
from central.store.influx_rollups import InfluxRollups, line_of
from central.store.influx_write import InfluxAddress
from contract.messages import OutboxStatus, Status
from tests.central.ingest.parts import Clock
from tests.influx_support import Influx
from tests.support import free_port

DAY = 1_795_446_000_000
"""2026-11-24 00:00 in Tokyo."""
SITE = Site(id="E0000000001111", name="（合成）第1小学校", ward="中央区", latitude=35.6, longitude=140.1, pv_kw=20.0)
STEP_MS = 60_000
POINTS = ("pv.power_w", "battery.power_w", "battery.soc_pct", "battery.soh_pct", "grid.power_w", "load.power_w")


def rows(from_ms: int, to_ms: int) -> list[StoreRow]:
    """A shelter that takes the same power all the time."""
    values = (2_000.0, 500.0, 60.0, 97.5, 1_000.0, 3_500.0)
    return [StoreRow(SITE.id, "inverter", at_ms, POINTS, values) for at_ms in range(from_ms, to_ms, STEP_MS)]


@dataclass
class House:
    influx: Influx
    bucket: str
    store: InfluxStore
    clock: Clock
    live: LiveView
    news: list[News] = field(default_factory=list)

    def rollup(self, address: InfluxAddress | None = None) -> Rollup:
        sources = Sources(
            live=self.live,
            store=self.store,
            facts=self._no_facts,
            news_after=self._news_after,
            latest_news=lambda: len(self.news),
            incidents=lambda: (),
            standings=lambda _now_ms: (),
        )
        there = InfluxAddress(url=self.influx.url, token=self.influx.token, bucket=self.bucket, org=self.influx.org)
        return Rollup(sources, InfluxRollups(address or there, f"{self.bucket}_rollup"), now=self.clock)

    async def _no_facts(self) -> Sequence[Fact]:
        return ()

    async def _news_after(self, n: int, limit: int) -> Sequence[News]:
        return self.news[n : n + limit]

    async def measured(self, measured: Iterable[StoreRow]) -> None:
        found = list(measured)
        await self.store.write(found)
        self.live.update(found)

    def asked(self, question: str, *, rollup: bool = True) -> list[dict[str, Any]]:
        database = f"{self.bucket}_rollup" if rollup else self.bucket
        answer = json.loads(self.influx.query(question.replace("FROM ", f'FROM "{database}"..')))
        return [
            dict(zip(series["columns"], row, strict=True))
            for series in answer["results"][0].get("series", ())
            for row in series["values"]
        ]


@pytest.fixture
async def house(influx: Influx, influx_address: InfluxAddress) -> AsyncIterator[House]:
    influx.make_database(f"{influx_address.bucket}_rollup")
    store = await InfluxStore.open(influx_address)
    live = LiveView()
    live.set_sites([SITE])
    yield House(influx, influx_address.bucket, store, Clock(DAY + 10 * HOUR_MS + SETTLE_MS), live)
    await store.close()


@pytest.mark.influx
async def test_when_a_half_hour_has_ended_its_day_is_written(house: House) -> None:
    await house.measured(rows(DAY, DAY + 10 * HOUR_MS))
    rollup = house.rollup()
    await rollup.follow()
    (day,) = house.asked('SELECT * FROM "day"')
    assert (day["pv_wh"], day["known_pct"], day["soh_pct"]) == pytest.approx((20_000.0, 100.0, 97.5))
    assert (day["soc_min_pct"], day["label"]) == (60.0, f"{SITE.name}（{SITE.id}）")
    assert day["clear_sky_wh"] > 0
    house.clock.now_ms += HOUR_MS
    await house.measured(rows(DAY + 10 * HOUR_MS, DAY + 11 * HOUR_MS))
    await rollup.follow()
    assert [row["pv_wh"] for row in house.asked('SELECT pv_wh FROM "day"')] == pytest.approx([22_000.0])


@pytest.mark.influx
async def test_with_each_half_hour_only_the_newest_hours_are_read_and_nothing_is_forgotten(house: House) -> None:
    await house.measured(rows(DAY, DAY + 6 * HOUR_MS))
    house.clock.now_ms = DAY + 6 * HOUR_MS + SETTLE_MS
    rollup = house.rollup()
    await rollup.follow()
    slow = [one for one in rows(DAY + 6 * HOUR_MS, DAY + 10 * HOUR_MS) if one.at_ms < DAY + 9 * HOUR_MS]
    await house.measured(slow)
    house.clock.now_ms = DAY + 10 * HOUR_MS + SETTLE_MS
    await rollup.follow()
    (day,) = house.asked('SELECT pv_wh, known_pct, soh_pct, soc_min_pct FROM "day"')
    assert (day["pv_wh"], day["known_pct"], day["soh_pct"]) == pytest.approx((18_000.0, 90.0, 97.5))
    await house.measured(rows(DAY + 9 * HOUR_MS, DAY + 11 * HOUR_MS))
    house.clock.now_ms = DAY + 11 * HOUR_MS + SETTLE_MS
    await rollup.follow()
    (day,) = house.asked('SELECT pv_wh, known_pct FROM "day"')
    assert (day["pv_wh"], day["known_pct"]) == pytest.approx((22_000.0, 100.0)), "an hour late, and read again"


@pytest.mark.influx
async def test_writing_again_changes_nothing_and_late_data_replaces_its_days(house: House) -> None:
    await house.measured(rows(DAY, DAY + 2 * HOUR_MS))
    await house.measured(rows(DAY + 6 * HOUR_MS, DAY + 10 * HOUR_MS))
    await house.rollup().follow()
    (before,) = house.asked('SELECT pv_wh, known_pct FROM "day"')
    assert (before["pv_wh"], before["known_pct"]) == pytest.approx((12_000.0, 60.0))
    await house.rollup().follow()
    assert house.asked('SELECT pv_wh, known_pct FROM "day"') == [before]
    await house.measured(rows(DAY + 2 * HOUR_MS, DAY + 6 * HOUR_MS))
    await house.rollup().follow()
    (after,) = house.asked('SELECT pv_wh, known_pct FROM "day"')
    assert (after["pv_wh"], after["known_pct"]) == pytest.approx((20_000.0, 100.0))


@pytest.mark.influx
async def test_what_an_outbox_held_back_is_worked_out_when_it_has_been_delivered(house: House) -> None:
    began_ms = DAY - 2 * DAY_MS
    await house.measured(rows(began_ms, began_ms + HOUR_MS))
    await house.measured(rows(DAY, DAY + 10 * HOUR_MS))
    rollup = house.rollup()
    await rollup.follow()
    assert len(house.asked('SELECT pv_wh FROM "day"')) == 2
    held = OutboxStatus(epoch="e", next_seq=9, waiting=900, oldest_ms=began_ms + HOUR_MS)
    house.live.set_status(SITE.id, Status(online=True, interval_s=60, outbox=held), house.clock())
    await rollup.minute()
    await house.measured(rows(began_ms + HOUR_MS, DAY))
    await rollup.follow()
    assert len(house.asked('SELECT pv_wh FROM "day"')) == 2, "it is still on its way"
    house.live.set_status(SITE.id, Status(online=True, interval_s=60, outbox=replace_waiting(held)), house.clock())
    await rollup.minute()
    await rollup.follow()
    days = house.asked('SELECT pv_wh, known_pct FROM "day"')
    assert [row["pv_wh"] for row in days] == pytest.approx([48_000.0, 48_000.0, 20_000.0])
    assert [row["known_pct"] for row in days] == pytest.approx([100.0] * 3)


def replace_waiting(outbox: OutboxStatus) -> OutboxStatus:
    return OutboxStatus(epoch=outbox.epoch, next_seq=outbox.next_seq, waiting=0, oldest_ms=0)


@pytest.mark.influx
async def test_a_day_with_gaps_is_looked_at_again_by_itself(house: House) -> None:
    yesterday = DAY - DAY_MS
    await house.measured(rows(yesterday, yesterday + 12 * HOUR_MS))
    await house.measured(rows(DAY, DAY + 10 * HOUR_MS))
    rollup = house.rollup()
    await rollup.follow()
    await house.measured(rows(yesterday + 12 * HOUR_MS, DAY))
    house.clock.now_ms += AGAIN_MS + HOUR_MS
    await rollup.follow()
    known = [row["known_pct"] for row in house.asked('SELECT known_pct FROM "day"')]
    assert known[0] == pytest.approx(100.0)


@pytest.mark.influx
async def test_after_a_restart_old_days_are_filled_in(house: House) -> None:
    await house.measured(rows(DAY - 3 * DAY_MS, DAY + 10 * HOUR_MS))
    await house.rollup().follow()
    days = house.asked('SELECT pv_wh FROM "day"')
    assert [row["pv_wh"] for row in days] == pytest.approx([48_000.0] * 3 + [20_000.0])
    house.clock.now_ms += 2 * DAY_MS
    await house.measured(rows(DAY + 10 * HOUR_MS, house.clock.now_ms))
    await house.rollup().follow()
    days = house.asked('SELECT pv_wh FROM "day"')
    assert [row["pv_wh"] for row in days] == pytest.approx([48_000.0] * 5 + [20_000.0])


@pytest.mark.influx
async def test_the_city_and_what_happened_are_written_each_minute_and_once(house: House) -> None:
    house.live.set_status(SITE.id, Status(online=True, interval_s=60), house.clock.now_ms)
    await house.measured(rows(house.clock.now_ms - HOUR_MS, house.clock.now_ms))
    said = News(n=1, at_ms=house.clock.now_ms - 5_000, kind=NewsKind.ISLANDED, severity=Severity.WARNING, site=SITE.id)
    house.news.append(said)
    rollup = house.rollup()
    for _ in range(3):
        await rollup.minute()
        house.clock.now_ms += 1_000
    assert [row["soc_pct"] for row in house.asked('SELECT soc_pct FROM "site_now"', rollup=False)] == [60.0]
    assert [row["sites"] for row in house.asked('SELECT sites FROM "city_now"', rollup=False)] == [1.0]
    kinds = [row["kind"] for row in house.asked('SELECT "text", kind FROM "event"')]
    assert sorted(kinds) == ["daily", "islanded", "service_started"]
    house.clock.now_ms += 60_000
    house.news.append(replace(said, n=2, kind=NewsKind.GRID_BACK, at_ms=house.clock.now_ms))
    await house.rollup().minute()
    texts = [row["text"] for row in house.asked('SELECT "text" FROM "event" WHERE kind = \'grid_back\'')]
    assert texts == ["復電しました"]
    assert len(house.asked('SELECT "text" FROM "event" WHERE kind = \'islanded\'')) == 1
    assert len(house.asked('SELECT soc_pct FROM "site_now"', rollup=False)) == 2


@pytest.mark.influx
async def test_a_server_that_is_away_costs_nothing_but_time(house: House) -> None:
    await house.measured(rows(DAY, DAY + HOUR_MS))
    house.clock.now_ms = DAY + HOUR_MS + SETTLE_MS
    nowhere = InfluxAddress(url=f"http://127.0.0.1:{free_port()}", token="a:b", bucket=house.bucket, timeout_s=1)
    rollup = house.rollup(nowhere)
    with pytest.raises(StoreError):
        await rollup.minute()
    with pytest.raises(StoreError):
        await rollup.follow()
    assert house.asked('SELECT pv_wh FROM "day"') == []
    await house.rollup().follow()
    assert [row["pv_wh"] for row in house.asked('SELECT pv_wh FROM "day"')] == pytest.approx([2_000.0])


def test_a_row_s_words_and_numbers_are_safe_in_the_line_protocol() -> None:
    row = RollupRow(
        series=Series.EVENT,
        at_ms=5,
        tags={"ward": "a b,c=d", "label": "（合成）第1"},
        fields={"text": 'he said "go", \\ and went', "n": 1},
    )
    assert line_of(row) == ('event,label=（合成）第1,ward=a\\ b\\,c\\=d text="he said \\"go\\", \\\\ and went",n=1.0 5')
