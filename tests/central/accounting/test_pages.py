"""Statements as pages, files and JSON, over the service's own app with accounts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from central.accounting import Accountant
from central.api import accounting as api
from central.core.accounting.halfhours import days_of_month, start_of_day
from central.core.city import Site
from central.reports.desk import ReportDesk
from central.reports.devices import ReportedDevices
from central.reports.ledgers import LedgerDesk
from central.reports.tables import load_tables
from central.settings import AccountingSettings
from central.store.sqlite import SqliteStore
from central.web import ledgers, statement_day, statements
from central.web.catalogue import Lang
from tests.central.access.parts import Town, csrf_of, town
from tests.central.accounting.parts import NOVEMBER_MS, lived, sites

HOUR = 3_600_000
SITES = [*sites(2), *sites(3)[2:]]
A, B = SITES[0].id, SITES[1].id
LAST = days_of_month("2026-10").stop - 1


@dataclass
class Here:
    """A city with accounts whose October ends with a hole of one shelter."""

    town: Town
    store: SqliteStore
    accountant: Accountant
    sites: list[Site]

    async def bring(self, site: Site, from_ms: int, to_ms: int) -> None:
        rows = lived(site.id, start_of_day(LAST) - HOUR, NOVEMBER_MS + HOUR)
        await self.store.write([row for row in rows if from_ms <= row.at_ms < to_ms])
        await self.accountant.count_day(site, LAST)


HOLE_MS = NOVEMBER_MS - 5 * HOUR
END_MS = NOVEMBER_MS + 2 * HOUR


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    async with town(tmp_path) as made:
        store = await SqliteStore.open(tmp_path / "telemetry.sqlite")

        def now() -> int:
            return NOVEMBER_MS + 30 * HOUR

        rows = made.city.records.energy
        desk = ReportDesk(
            rows,
            made.city.records.ledgers,
            load_tables(AccountingSettings()),
            sites=lambda: SITES,
            incidents=tuple,
            now=now,
        )
        names = {Lang.JA: "模擬市", Lang.EN: "Synthetic City"}
        pages = statements.StatementPages(desk, made.app.state.pages.renderer, names)
        entered = LedgerDesk(
            made.city.records.ledgers,
            rows,
            sites=lambda: SITES,
            devices=ReportedDevices(made.city.records).of,
            now=now,
        )
        made.app.include_router(ledgers.router(ledgers.LedgerPages(entered, made.app.state.pages.renderer, names)))
        made.app.include_router(statements.router(pages))
        made.app.include_router(statement_day.router(statement_day.DayPages(desk, made.app.state.pages.renderer)))
        made.app.include_router(api.router(desk))
        found = Here(made, store, Accountant(store, rows, lambda: SITES, now), SITES)
        try:
            await found.bring(SITES[0], 0, END_MS)
            await found.bring(SITES[1], 0, HOLE_MS)
            yield found
        finally:
            await store.close()


async def text(client: httpx.AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_the_list_leads_to_every_paper(here: Here) -> None:
    async with here.town.signed_in("viewer") as client:
        page = await text(client, "/reports")
        assert "2026年10月" in page
        assert "未締め" in page
        for path in ("monthly/2026-10", "completeness/2026-10", "yearly/2026", "disaster/2026"):
            assert f"/reports/{path}?lang=ja" in page
            for lang in ("ja", "en"):
                assert SITES[0].name in await text(client, f"/reports/{path}?lang={lang}") or lang == "en"
        english = await text(client, "/reports/monthly/2026-10?lang=en")
        for part in ("Synthetic School 1", "UNVERIFIED prices", "not closed", "Synthetic data"):
            assert part in english


async def test_a_statement_says_what_must_not_be_overlooked(here: Here) -> None:
    async with here.town.signed_in("viewer") as client:
        page = await text(client, "/reports/monthly/2026-10")
        for part in ("未確認", "締められていません", "模擬データ", "事業者 確認", "20.00"):
            assert part in page
        assert "/close" not in page, "a viewer closes nothing"
        assert "style=" not in page
        own = await text(client, f"/reports/monthly/2026-10?site={B}")
        assert "10/31" in own
        assert "長い欠測" in own
        year = await text(client, "/reports/yearly/2026")
        assert "排出係数は【未確認】" in year
        assert "0.000423" in year


async def test_files_open_where_they_should(here: Here) -> None:
    async with here.town.signed_in("viewer") as client:
        answer = await client.get("/reports/monthly/2026-10/file.csv?lang=ja")
        assert answer.content.startswith(b"\xef\xbb\xbf")
        assert "monthly-2026-10-ja.csv" in answer.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row["避難所ID"] for row in rows] == [A, B, SITES[2].id, ""]
        assert float(rows[0]["発電量 kWh"]) > 50
        assert "," not in rows[-1]["発電量 kWh"]
        made = json.loads((await client.get("/reports/monthly/2026-10/file.json")).text)
        assert made["report"] == "month"
        assert made["billed_wh"] == sum(line["billed_wh"] for line in made["lines"])
        alone = (await client.get("/reports/monthly/2026-10/file.html")).text
        assert alone.startswith("<!doctype html>")
        assert "@page" in alone
        assert "<script" not in alone
        for path in ("yearly/2026", "disaster/2026", "completeness/2026-10"):
            for form in ("html", "csv", "json"):
                got = await client.get(f"/reports/{path}/file.{form}")
                assert got.status_code == 200, (path, form)
            assert json.loads((await client.get(f"/reports/{path}/file.json")).text)["lines"]


async def test_what_there_is_not_is_said_kindly(here: Here) -> None:
    async with here.town.signed_in("viewer") as client:
        for path in (
            "monthly/2026-13",
            "monthly/2031-01",
            "monthly/2026-10?site=E0000000009111",
            "yearly/2030",
            "yearly/2026-10",
            "disaster/x",
            "completeness/October",
        ):
            answer = await client.get(f"/reports/{path}")
            assert answer.status_code == 404, path
            assert "の報告はありません" in answer.text


async def test_an_administrator_closes_and_corrects(here: Here) -> None:
    async with here.town.signed_in("admin") as client:
        page = await text(client, "/reports/monthly/2026-10")
        assert "この月を締める" in page
        mark = csrf_of(page)
        bare = await client.post("/reports/monthly/2026-10/close", data={"why": ""})
        assert bare.status_code == 403
        assert "1か所のデータがそろっていません" in page
        assert "月末までのデータが届いていません" in page
        refused = await client.post("/reports/monthly/2026-10/close", data={"csrf": mark, "why": "定例"})
        assert (refused.status_code, "データがそろっていません" in refused.text) == (422, True)
        assert 'value="定例"' in refused.text, "nobody types a reason twice"
        silent = await client.post("/reports/monthly/2026-10/close", data={"csrf": mark, "accepts": "true"})
        assert (silent.status_code, "理由を入力してください" in silent.text) == (422, True)
        said = {"csrf": mark, "why": "定例", "accepts": "true"}
        closed = await client.post("/reports/monthly/2026-10/close", data=said)
        assert (closed.status_code, closed.headers["location"]) == (303, "/reports/monthly/2026-10?lang=ja")
        page = await text(client, "/reports/monthly/2026-10")
        for part in (
            "Admin (admin) が締めました",
            "確認用ハッシュ",
            "1か所のデータが不足したまま締められました。理由: 定例",
            "締めた時に不足していたデータ",
        ):
            assert part in page
        again = await client.post("/reports/monthly/2026-10/close", data={"csrf": mark})
        assert (again.status_code, "すでに締められています" in again.text) == (422, True)
        await here.bring(SITES[1], HOLE_MS, END_MS)
        page = await text(client, "/reports/monthly/2026-10")
        assert "締めた後に1か所のデータが届きました" in page
        silent = await client.post("/reports/monthly/2026-10/correct", data={"csrf": mark, "why": " "})
        assert (silent.status_code, "理由を入力してください" in silent.text) == (422, True)
        done = await client.post("/reports/monthly/2026-10/correct?lang=en", data={"csrf": mark, "why": "遅延データ"})
        assert done.status_code == 303
        assert "遅延データ" in await text(client, "/reports/monthly/2026-10?lang=en")
        assert "月の締め" in await text(client, "/audit")
        running = await text(client, "/reports/monthly/2026-11")
        assert "この月はまだ終わっていません" in running
        assert 'action="/reports/monthly/2026-11/close' not in running
    async with here.town.signed_in("operator") as client:
        refused = await client.post("/reports/monthly/2026-10/correct", data={"csrf": mark, "why": "x"})
        assert refused.status_code == 403


async def test_programs_read_half_hours_and_statements(here: Here) -> None:
    async with here.town.signed_in("viewer") as client:
        day = (await client.get(f"/api/v1/energy/halfhours/{B}?date=2026-10-31")).json()
        assert len(day["half_hours"]) == 48
        noon, night = day["half_hours"][24], day["half_hours"][47]
        assert (noon["from_at"], noon["mark"], noon["adds_up"]) == ("2026-10-31T03:00:00Z", "m", True)
        assert noon["pv_wh"] > 5_000
        assert (night["mark"], night["pv_wh"], night["demand_w"]) == ("-", None, None)
        months = (await client.get("/api/v1/energy/months")).json()["months"]
        assert months == [{"month": "2026-10", "state": "open"}]
        month = (await client.get("/api/v1/energy/months/2026-10")).json()
        assert month["total_yen"] == month["net_yen"] + month["tax_yen"]
        assert month["prices_verified"] is False
        assert [line["site"] for line in month["lines"]] == [one.id for one in SITES]
        one = (await client.get(f"/api/v1/energy/months/2026-10?site={A}")).json()
        assert len(one["lines"]) == 1
        for path in (
            "halfhours/E0000000009111?date=2026-10-31",
            f"halfhours/{A}?date=2020-01-01",
            "months/2031-01",
            "months/2026-10?site=x",
        ):
            assert (await client.get(f"/api/v1/energy/{path}")).status_code == 404, path


async def test_a_day_leads_to_the_readings_behind_each_half_hour(here: Here) -> None:
    async with here.town.signed_in("viewer") as client:
        month = await text(client, f"/reports/monthly/2026-10?site={A}")
        assert f"/reports/day/{A}/2026-10-31?lang=ja" in month
        page = await text(client, f"/reports/day/{A}/2026-10-31")
        assert page.count("?slot=") == 48
        assert "の根拠" not in page
        noon = await text(client, f"/reports/day/{A}/2026-10-31?slot=24")
        assert "12:00～12:30 の根拠" in noon
        assert "10-31 12:30:00" in noon
        assert "inverter pv.energy_wh" in noon
        late = await text(client, f"/reports/day/{B}/2026-10-31?slot=47&lang=en")
        for part in ("unknown", "What 23:30 to 24:00 comes from", "Next day"):
            assert part in late
        assert (await client.get(f"/reports/day/{A}/2026-10-31?slot=48")).status_code == 422
        for path in (f"{A}/2020-01-01", "E0000000009111/2026-10-31"):
            assert (await client.get(f"/reports/day/{path}")).status_code == 404


async def test_a_plan_goes_from_a_list_into_the_statement(here: Here) -> None:
    async with here.town.signed_in("viewer") as client:
        assert "まだ登録されていません" in await text(client, "/reports/plan/2026")
        assert "計画比" not in await text(client, "/reports/monthly/2026-10")
        assert (await client.post("/reports/plan/2026", files={"file": ("p.csv", b"")})).status_code == 403
    async with here.town.signed_in("admin") as client:
        page = await text(client, "/reports")
        assert "/reports/plan/2026?lang=ja" in page
        assert "/assets?lang=ja" in page
        mark = csrf_of(await text(client, "/reports/plan/2026"))
        template = (await client.get("/reports/plan/2026/list.csv")).content.decode("utf-8-sig")
        table = list(csv.DictReader(io.StringIO(template)))
        assert [row["避難所ID"] for row in table] == [one.id for one in SITES]
        table[0]["2026年10月 kWh"] = "80.5"
        filled = io.StringIO()
        writer = csv.DictWriter(filled, table[0])
        writer.writeheader()
        writer.writerows(table)
        said = {"data": {"csrf": mark}, "files": {"file": ("plan.csv", filled.getvalue().encode("cp932"))}}
        done = await client.post("/reports/plan/2026", **said)
        assert (done.status_code, done.headers["location"]) == (303, "/reports/plan/2026?taken=1&lang=ja")
        assert "計画を登録しました（1件）" in await text(client, done.headers["location"])
        again = await client.post("/reports/plan/2026?lang=en", **said)
        assert "Nothing changed" in await text(client, again.headers["location"])
        bad = await client.post(
            "/reports/plan/2026",
            data={"csrf": mark},
            files={"file": ("plan.csv", f"避難所ID,2026年10月\n{A},x\n".encode())},
        )
        assert (bad.status_code, "2行目: 「2026年10月」の「x」は使える数値ではありません" in bad.text) == (422, True)
        large = await client.post("/reports/plan/2026", data={"csrf": mark}, files={"file": ("p", b"x" * 5_000_001)})
        assert large.status_code == 413
        city = await text(client, "/reports/monthly/2026-10")
        for part in ("計画比 %", "計画 80.5 kWh", "発電設備の稼働率 %"):
            assert part in city
        assert "計画のない施設" in await text(client, "/reports/yearly/2026")
        made = json.loads((await client.get("/reports/monthly/2026-10/file.json")).text)["lines"]
        assert made[0]["plan"] == {
            "plan_wh": 80_500,
            "actual_wh": made[0]["line"]["figures"]["wh"]["pv"],
            "shelters": 1,
        }
        assert made[1]["plan"] is None
        assert made[0]["operation"]["plant_share"] == 1.0
        month = (await client.get("/api/v1/energy/months/2026-10")).json()
        told = [(line["plan_wh"], line["plant_pct"], line["link_pct"]) for line in month["lines"]]
        assert told == [(80_500, 100.0, None), (None, 100.0, None), (None, None, None)]
        assert "発電計画の登録" in await text(client, "/audit")
        for form in ("html", "csv", "json"):
            assert (await client.get(f"/reports/plan/2026/file.{form}")).status_code == 200
        assert json.loads((await client.get("/reports/plan/2026/file.json")).text)["plans_wh"] == {
            A: {"2026-10": 80_500}
        }
        assert (await client.get("/reports/plan/1800")).status_code == 404


async def test_assets_are_entered_from_a_list(here: Here) -> None:
    async with here.town.signed_in("admin") as client:
        mark = csrf_of(await text(client, "/assets"))
        rows = f"財産番号,避難所ID,区分,財産名,製造番号,取得日\nC-1,{A},蓄電池,<b>蓄電池</b>,0012,2021/3/31\n"
        done = await client.post("/assets", data={"csrf": mark}, files={"file": ("a.csv", rows.encode("cp932"))})
        assert (done.status_code, done.headers["location"]) == (303, "/assets?taken=1&lang=ja")
        page = await text(client, done.headers["location"])
        for part in ("財産を登録しました（1件）", "2027-03-31（計算）【未確認】", "&lt;b&gt;蓄電池", "0012"):
            assert part in page
        assert "style=" not in page
        bad = await client.post("/assets?lang=en", data={"csrf": mark}, files={"file": ("a.csv", b"id,site\n")})
        assert (bad.status_code, "column Kind is missing" in bad.text) == (422, True)
        for form in ("html", "csv", "json"):
            answer = await client.get(f"/assets/file.{form}?lang=en")
            assert (answer.status_code, "C-1" in answer.text) == (200, True)
        told = json.loads((await client.get("/assets/file.json")).text)["assets"][0]
        assert (told["serial"], told["restriction"]["until"]) == ("0012", "2027-03-31")
        assert "C-1" in (await client.get("/assets/list.csv")).text
    async with here.town.signed_in("operator") as client:
        assert "enctype" not in await text(client, "/assets"), "an operator enters nothing"
        assert (await client.post("/assets", data={"csrf": mark}, files={"file": ("a", b"")})).status_code == 403
