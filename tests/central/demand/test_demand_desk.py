"""Demand at the city's side: API and pages over real records, orders with limits, and what counted days teach."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from central.accounting import Accountant
from central.api import demand as api
from central.api.routes import Asker
from central.core.access import Role
from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import day_of, start_of_day
from central.core.audit import Action
from central.core.orders import OF_DEMAND
from central.peak import DemandDesk
from central.store.base import StoreRow
from central.store.sqlite import SqliteStore
from central.web import demand as pages
from contract.demand import HALF_HOUR_MS, MINUTE_MS
from contract.shaving import EFFICIENCY
from contract.steering import Desired, Mode
from tests.central.access.parts import MACHINE, Town, csrf_of, town
from tests.central.fake import NOW_MS

SITE = "E0000000003111"
"""Verified, and in both halves of the test's city."""
PLAN = {"target_w": 30_000, "basis": "hand", "executes": True, "why": "基本料金"}


@dataclass
class Place:
    town: Town
    desk: DemandDesk

    def pass_minutes(self, count: int, **values: object) -> None:
        """Let time pass with a look a minute."""
        for _ in range(count):
            self.town.city.clock.now_ms += MINUTE_MS
            self.town.queries.change(SITE, **values)
            self.desk.look()


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    async with town(folder) as here:
        here.city.clock.now_ms = NOW_MS - NOW_MS % HALF_HOUR_MS
        desk = await desk_of(here)
        asker = Asker(here.queries, here.city.clock)
        here.app.include_router(api.router(desk, asker))
        here.app.include_router(pages.router(desk, asker, here.app.state.pages.renderer))
        yield Place(here, desk)


async def desk_of(here: Town) -> DemandDesk:
    desk = DemandDesk(here.queries, here.city.control, here.city.records.energy, now=here.city.clock, reserve_pct=30.0)
    await desk.load()
    return desk


async def told(it: Place, count: int = 1) -> list[Desired]:
    """What the shelter was sent, once so many orders have gone out: sending is a loop of its own."""
    await it.town.city.control.look()
    async with asyncio.timeout(20):
        while len(it.town.city.orders(SITE)) < count:  # noqa: ASYNC110 - the broker of this test is a list
            await asyncio.sleep(0.01)
    return it.town.city.orders(SITE)


def machine(here: Town) -> httpx.AsyncClient:
    client = here.client()
    client.headers["Authorization"] = f"Bearer {MACHINE}"
    return client


async def test_a_target_is_set_signed_and_told_to_a_verified_shelter(tmp_path: Path) -> None:
    async with place(tmp_path) as it, machine(it.town) as client:
        answer = await client.put(f"/api/v1/demand/{SITE}", json={**PLAN, "by": "田中"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["plan"] | {"at": ""} == {**PLAN, "recharges": True, "by": "田中", "at": ""}
        (order,) = await told(it)
        assert order.peak is not None
        assert (order.mode, order.reason, order.peak.target_w) == (Mode.NORMAL, OF_DEMAND, 30_000)
        assert order.peak.capacity_wh == 26_100
        answer = await client.post(f"/api/v1/demand/{SITE}/end", json={"by": "田中", "why": "見直し"})
        assert answer.json()["plan"] is None
        assert [one.peak for one in await told(it, 2)] == [order.peak, None]
        assert (await it.town.city.book())[-2:] == [Action.DEMAND_SET, Action.DEMAND_ENDED]


async def test_a_target_that_is_only_shown_tells_the_shelter_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as it, machine(it.town) as client:
        await client.put(f"/api/v1/demand/{SITE}", json={**PLAN, "executes": False})
        await it.town.city.control.look()
        assert it.town.city.orders(SITE) == []
        assert it.desk.target_w(SITE) == 30_000


async def test_plans_are_there_after_a_restart(tmp_path: Path) -> None:
    async with place(tmp_path) as it, machine(it.town) as client:
        await client.put(f"/api/v1/demand/{SITE}", json=PLAN)
        again = await desk_of(it.town)
        assert again.target_w(SITE) == 30_000


async def test_a_restart_tells_no_shelter_anything_new_and_an_end_after_it_does(tmp_path: Path) -> None:
    async with place(tmp_path) as it, machine(it.town) as client:
        await client.put(f"/api/v1/demand/{SITE}", json=PLAN)
        (order,) = await told(it)
        again = await desk_of(it.town)
        await it.town.city.control.look()
        assert it.town.city.orders(SITE) == [order]
        await again.end(SITE, by="田中", why="")
        assert [one.peak for one in await told(it, 2)] == [order.peak, None]


async def test_the_running_half_hour_is_forecast_against_its_target(tmp_path: Path) -> None:
    async with place(tmp_path) as it, machine(it.town) as client:
        await client.put(f"/api/v1/demand/{SITE}", json=PLAN)
        it.pass_minutes(12, grid_w=33_000.0, battery_w=0.0, soc_pct=80.0)
        found = (await client.get(f"/api/v1/demand/{SITE}")).json()
        assert (found["level"], found["action"], found["why"]) == ("over", "discharge", "will_exceed")
        assert found["demand_w"] == pytest.approx(33_000)
        assert found["low_w"] < found["demand_w"] < found["high_w"]
        assert 0 < found["power_w"] < 13_050
        assert it.desk.demand_w(SITE) == pytest.approx(33_000)
        it.pass_minutes(3, grid_w=None)
        found = (await client.get(f"/api/v1/demand/{SITE}")).json()
        assert (found["level"], found["action"], found["why"], found["demand_w"]) == (
            "unknown",
            "none",
            "no_meter",
            None,
        )
        assert len((await client.get("/api/v1/demand")).json()["demand"]) == len(it.town.queries.shelters)


async def test_after_a_start_the_half_hour_so_far_comes_from_the_store(tmp_path: Path) -> None:
    async with place(tmp_path) as it, machine(it.town) as client:
        it.town.city.clock.now_ms += 20 * MINUTE_MS
        await it.desk.begin()
        it.desk.look()
        found = (await client.get(f"/api/v1/demand/{SITE}")).json()
        assert found["seen_share"] == pytest.approx(1.0, abs=0.06)


async def test_counted_days_teach_a_target_and_the_peaks_of_twelve_months(tmp_path: Path) -> None:
    async with place(tmp_path) as it, machine(it.town) as client:
        today = day_of(it.town.city.clock.now_ms)
        await it.town.city.records.energy.save(
            [day_with(today - back, 22_000 if back == 40 else 20_000) for back in range(1, 61)], {}, counted_ms=NOW_MS
        )
        await client.put(f"/api/v1/demand/{SITE}", json={**PLAN, "target_w": 40_000, "basis": "learnt"})
        found = (await client.get(f"/api/v1/demand/{SITE}")).json()
        assert found["year_peak_w"] == 44_000
        assert found["month_peak_w"] == 40_000
        assert found["year_without_w"] == 44_000
        assert found["learnt_days"] == 60
        assert 30_000 < found["learnt_w"] < 44_000
        (order,) = await told(it)
        assert order.peak is not None
        (course_w,) = order.peak.courses_w
        assert (course_w[23:27], order.peak.kinds) == ([4_000, 40_000, 40_000, 4_000], [0] * 7)


async def test_readings_of_the_meter_teach_a_target_and_the_peaks_of_month_and_year(tmp_path: Path) -> None:
    """From the counters that a shelter sends: stored, counted by half hours, learnt from, asked for."""
    async with place(tmp_path) as it, machine(it.town) as client:
        now, today = it.town.city.clock, day_of(it.town.city.clock.now_ms)
        shelter = it.town.queries.shelters[SITE].site
        async with contextlib.AsyncExitStack() as stack:
            store = await SqliteStore.open(tmp_path / "telemetry.sqlite")
            stack.push_async_callback(store.close)
            await store.write(list(metered(today - 36, today)))
            accountant = Accountant(store, it.town.city.records.energy, lambda: [shelter], now)
            for day in range(today - 35, today):
                await accountant.count_day(shelter, day)
        await client.put(f"/api/v1/demand/{SITE}", json={**PLAN, "target_w": 40_000})
        found = (await client.get(f"/api/v1/demand/{SITE}")).json()
        assert (found["month_peak_w"], found["year_peak_w"]) == (36_000, 42_000)
        assert (found["year_without_w"], found["learnt_days"]) == (42_000, 35)
        usable_wh = 26_100 * 0.7 * EFFICIENCY
        assert found["learnt_w"] == pytest.approx(max(42_000 - usable_wh, 42_000 - 13_050), rel=0.01)
        page = (await client.get(f"/demand/{SITE}?lang=en")).text
        assert "36.0 kW" in page
        assert "42.0 kW" in page


def metered(first_day: int, last_day: int) -> Iterator[StoreRow]:
    """A meter's counter every ten minutes: 6 kW, but an hour before noon 36 kW, and 42 kW on one day in October."""
    counter_wh = 1_000_000
    for at_ms in range(start_of_day(first_day), start_of_day(last_day) + HALF_HOUR_MS, 10 * MINUTE_MS):
        yield StoreRow(SITE, "meter", at_ms, ("grid.import_energy_wh",), (float(counter_wh),))
        is_high = 11 <= (at_ms - start_of_day(day_of(at_ms))) / 3_600_000 < 12
        counter_wh += (7_000 if day_of(at_ms) == last_day - 30 else 6_000) if is_high else 1_000


def day_with(day: int, peak_wh: int) -> SiteDay:
    bought = [2_000] * 24 + [peak_wh] * 2 + [2_000] * 22
    return SiteDay(site=SITE, day=day, wh={Flow.IMPORT: bought}, marks={Flow.IMPORT: "m" * 48})


@pytest.mark.parametrize(
    ("site", "body", "status"),
    [
        (SITE, {"target_w": 5}, 422),
        (SITE, {"target_w": "much"}, 422),
        (SITE, {"target_w": 30_000, "soon": True}, 422),
        ("E9999999999999", {"target_w": 30_000}, 404),
    ],
)
async def test_what_cannot_be_a_target_is_refused_with_its_place(
    tmp_path: Path, site: str, body: dict[str, object], status: int
) -> None:
    async with place(tmp_path) as it, machine(it.town) as client:
        answer = await client.put(f"/api/v1/demand/{site}", json=body)
        assert answer.status_code == status
        assert answer.json()["where"]
        assert it.desk.target_w(SITE) is None


async def test_the_pages_in_both_languages_and_the_form(tmp_path: Path) -> None:
    async with place(tmp_path) as it, it.town.signed_in("admin") as client:
        it.pass_minutes(12, grid_w=29_000.0, battery_w=0.0, soc_pct=80.0)
        page = await client.get(f"/demand/{SITE}?lang=ja")
        mark = csrf_of(page.text)
        form = {"csrf": mark, "target_kw": "30", "basis": "contract", "executes": "true", "why": "契約"}
        answer = await client.post(f"/demand/{SITE}?lang=ja", data=form)
        assert answer.status_code == 303
        done = await client.get(answer.headers["location"])
        for said in ("目標を決めました", "30.0 kW", "契約電力", "目標の95 %以上", "まだ現地から動作の報告がありません"):
            assert said in done.text
        english = await client.get("/demand?lang=en")
        for said in (
            "95 % of target or more",
            "29.0 kW",
            "97 % of target",
            "Automatic",
            "shelters: 1<",
            "12:00 to 12:30",
        ):
            assert said in english.text
        wrong = await client.post(f"/demand/{SITE}?lang=ja", data={**form, "target_kw": "0.2"})
        assert wrong.status_code == 422
        assert "1–2000" in wrong.text
        over = await client.post(f"/demand/{SITE}/end?lang=en", data={"csrf": mark})
        assert "There is no target any more" in (await client.get(over.headers["location"])).text
        assert it.desk.target_w(SITE) is None


async def test_who_may_not_sees_no_form_and_changes_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        await it.town.add("midori", Role.ADMIN, "緑区")
        for login in ("viewer", "operator", "midori"):
            async with it.town.signed_in(login) as client:
                page = await client.get(f"/demand/{SITE}")
                assert page.status_code == 200
                assert "target_kw" not in page.text
                account = await client.get("/account")
                form = {"csrf": csrf_of(account.text), "target_kw": "30"}
                assert (await client.post(f"/demand/{SITE}", data=form)).status_code == 403
        assert it.desk.target_w(SITE) is None
