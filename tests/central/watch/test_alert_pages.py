"""The page of alerts and its API: in both languages, by right and by ward, with nothing hostile let through."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
from fastapi import FastAPI

from central.api import alerts as api
from central.api.app import create_app
from central.core.access import Role
from central.core.city import PointNow, SiteState
from central.core.newsmaking import Look
from central.core.watch.readings import Family
from central.newsroom import Newsroom
from central.store.records import Records
from central.watch.gather import Gatherer, NoCertificates, NoTargets, Sources
from central.watch.loop import Watch
from central.watch.rule_file import RuleFile
from central.watch.service import ServiceSources
from central.web import alerts as page
from contract.messages import OutboxStatus
from contract.readings import Quality
from tests.central.access.parts import town
from tests.central.access.test_every_route import mark_of
from tests.central.fake import FakeQueries
from tests.central.ingest.parts import Clock
from tests.central.watch.house import Told

MINUTE_MS = 60_000


TOKEN = "m" * 43


@dataclass
class Desk:
    """A city with a watch over it; ``client`` is the machine's own, which may do all."""

    app: FastAPI
    watch: Watch
    queries: FakeQueries
    clock: Clock
    client: httpx.AsyncClient
    told: Told = field(default_factory=Told)

    async def silence(self, *sites: str) -> None:
        """These shelters fall silent, and the watch has seen it."""
        for site in self.queries.shelters:
            state = SiteState.OFFLINE if site in sites else SiteState.ON_GRID
            self.queries.change(site, state=state, last_reading_ms=self.clock.now_ms, devices_dark=(), pv_w=9_000.0)
        for _ in range(14):
            self.clock.now_ms += MINUTE_MS
            await self.watch.look()

    @property
    def first(self) -> str:
        return next(iter(self.queries.shelters))


async def opened(
    app: FastAPI,
    records: Records,
    queries: FakeQueries,
    clock: Clock,
    rules: RuleFile | None = None,
    told: Told | None = None,
) -> Watch:
    """The room in an app."""
    newsroom = Newsroom(records.news, lambda: Look(city=queries.now()), now=clock)
    sources = Sources(
        queries=queries,
        days=lambda _site: {},
        facts=records.facts.newest,
        service=ServiceSources(ready=lambda: {"mqtt": "ok", "store": "ok"}),
        reserve_pct=30.0,
        targets=told or NoTargets(),
        certificates=told or NoCertificates(),
    )
    watch = Watch(rules or RuleFile(None), records.alerts, Gatherer(sources, started_ms=clock()), newsroom, now=clock)
    await watch.load()
    app.include_router(api.router(watch))
    app.include_router(page.router(watch, queries, app.state.pages.renderer))
    return watch


@asynccontextmanager
async def desk(folder: Path, rules: RuleFile | None = None, shown: int = 34) -> AsyncIterator[Desk]:
    records = await Records.open(folder / "records.sqlite")
    try:
        queries, clock = FakeQueries.of_city(shown), Clock()
        app = create_app(queries, ready=dict, clock=clock, token=TOKEN)
        told = Told()
        watch = await opened(app, records, queries, clock, rules, told)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://city", headers=headers) as client:
            yield Desk(app, watch, queries, clock, client, told)
    finally:
        await records.close()


async def test_before_the_first_look_the_page_says_so_and_shows_the_rules(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        client = here.client
        english, japanese = [(await client.get(f"/alerts?lang={lang}")).text for lang in ("en", "ja")]
        assert "nothing was looked at yet" in english
        assert "Nothing is wrong now" in english
        for text in (
            "通信が10分以上ない",
            "7日間の発電量が近隣の80 %以下",
            "1分以下に戻ったとき（3分継続）",
            "デマンド",
        ):
            assert text in japanese
        assert "silent for 10 min or more" in english
        listed = (await client.get("/api/v1/alerts")).json()
        assert listed == {"alerts": [], "looked_at": None, "trouble": ""}
        rules = (await client.get("/api/v1/alerts/rules")).json()["rules"]
        assert next(rule for rule in rules if rule["name"] == "silent")["raise_at"] == 10


async def test_an_alert_is_shown_acknowledged_and_is_over(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        client, first = here.client, here.first
        await here.silence(first)
        japanese = (await client.get("/alerts?lang=ja")).text
        for text in (
            "通信の異常",
            "基準 10分",
            "未確認",
            "施設に電話し",
            f"/sites/{first}",
            "1件（重大 0・注意 1・情報 0）",
        ):
            assert text in japanese
        answer = await client.post("/alerts/A1/ack?lang=en", data={"hours": "72", "why": "業者に<b>連絡</b>"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/alerts?lang=en&acked=A1")
        english = (await client.get(answer.headers["location"])).text
        assert "A1 is acknowledged" in english
        assert "業者に&lt;b&gt;連絡&lt;/b&gt;" in english
        assert "by shelter-central (since" in english
        await here.silence()
        over = (await client.get("/alerts?lang=en")).text
        assert "Nothing is wrong now" in over
        assert "by itself: the value is back" in over
        history = (await client.get("/alerts/A1?lang=en")).text
        for text in ("Raised", "Acknowledged", "Resolved by itself", "History of A1"):
            assert text in history
        steps = (await client.get("/api/v1/alerts/A1")).json()["steps"]
        assert [step["kind"] for step in steps] == ["raised", "acked", "resolved"]


async def test_resolving_by_hand_wants_a_reason(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        client = here.client
        await here.silence(here.first)
        refused = await client.post("/alerts/A1/resolve?lang=en", data={"why": "  "})
        assert refused.status_code == 409
        assert "say why it is settled" in refused.text
        done = await client.post("/alerts/A1/resolve?lang=ja", data={"why": "停電工事のため"})
        assert done.status_code == 303
        shown = (await client.get(done.headers["location"])).text
        assert "A1 を解消にしました" in shown
        assert "停電工事のため" in shown
        again = await client.post("/api/v1/alerts/A1/resolve", json={"by": "田中", "why": "x"})
        assert (again.status_code, again.json()["detail"]) == (409, "A1 is over already.")


async def test_a_wards_alert_lists_its_shelters(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.silence(*list(here.queries.shelters)[:30])
        (alert,) = (await here.client.get("/api/v1/alerts")).json()["alerts"]
        assert (alert["about"], alert["ward"], len(alert["sites"])) == ("ward", "中央区", 30)
        text = (await here.client.get("/alerts?lang=en")).text
        assert "Chuo (30 shelters)" in text
        assert "All 30 shelters" in text


async def crowd(here: Desk) -> None:
    """Many alerts: all batteries are worn, every other certificate ends, some demands are high, some outboxes fill."""
    await here.silence()
    full = OutboxStatus(epoch="k3x9", next_seq=9, waiting=9, oldest_ms=here.clock.now_ms, bytes=60, bytes_max=100)
    for n, site in enumerate(here.queries.shelters):
        now = here.queries.shelters[site]
        soh = PointNow("inverter", "battery.soh_pct", 60.0, Quality.GOOD, here.clock.now_ms)
        status = now.status
        if status is not None and n % 6 == 0:
            status = msgspec.structs.replace(status, outbox=full)
        here.queries.change(site, status=status, points=(*now.points, soh))
        if n % 2:
            here.told.ends[site] = here.clock.now_ms + (5 if n < 20 else 20) * 86_400_000
        if n % 5 == 0:
            here.told.targets_w[site], here.told.demands_w[site] = 50_000.0, 47_000.0 + n * 50
    for _ in range(65):
        here.clock.now_ms += MINUTE_MS
        for site in here.queries.shelters:
            here.queries.change(site, last_reading_ms=here.clock.now_ms)
        await here.watch.look()


async def test_hundreds_of_alerts_are_grouped_by_cause_on_a_light_page(tmp_path: Path) -> None:
    async with desk(tmp_path, shown=182) as here:
        await crowd(here)
        alerts = here.watch.alerts
        assert len(alerts) > 300
        for lang in ("ja", "en"):
            text = (await here.client.get(f"/alerts?lang={lang}")).text
            assert len(text.encode()) < 100_000
            for alert in alerts:
                assert f'"/alerts/{alert.id}?lang={lang}"' in text, "every alert has its line"
        assert "蓄電池の劣化 182件" in (japanese := (await here.client.get("/alerts?lang=ja")).text)
        assert 'href="#g-demand"' in japanese
        assert "30分デマンドの見込みが目標の95 %以上：" in japanese
        assert japanese.count("<article") == 0, "none of them is the cause of many"
        assert japanese.count("保証の条件と照らし") == 1, "what to do is said once"


async def test_a_group_is_acknowledged_at_once_and_nothing_that_came_after_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await crowd(here)
        of_battery = [alert for alert in here.watch.alerts if alert.family is Family.BATTERY]
        text = (await here.client.get("/alerts?lang=en")).text
        listed = next(
            ids.split()
            for ids in re.findall(r'name="alerts" value="([A0-9 ]+)"', text)
            if of_battery[0].id in ids.split()
        )
        assert sorted(listed) == sorted(alert.id for alert in of_battery)
        form = {"alerts": " ".join(listed[:-1]), "hours": "72", "why": "点検を一括で依頼"}
        answer = await here.client.post("/alerts/ack?lang=en", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/alerts?lang=en&many={len(listed) - 1}")
        shown = (await here.client.get(answer.headers["location"])).text
        assert f"{len(listed) - 1} are acknowledged" in shown
        left = [alert.id for alert in here.watch.alerts if alert.family is Family.BATTERY and alert.ack is None]
        assert left == [listed[-1]]
        assert "not acknowledged: 1" in shown
        await here.watch.resolve(int(listed[-1][1:]), by="田中", why="交換済み")
        late = await here.client.post("/alerts/ack?lang=en", data={"alerts": f"{listed[-1]} {listed[0]}"})
        assert late.status_code == 409
        assert f"1 were not: they are over already, or not in your wards: {listed[-1]}" in late.text
        assert "1 are acknowledged" in late.text
        for bad in ("", "A1,A2", "A0", "<b>", "A1 " * 3_000):
            refused = await here.client.post("/alerts/ack", data={"alerts": bad})
            assert refused.status_code == 422, bad


async def test_a_bad_file_of_rules_is_named_on_the_page_and_by_the_api(tmp_path: Path) -> None:
    good = "rules: {silent: {watch: silent_min, raise: 10, clear: 1, severity: warning}}"
    path = tmp_path / "rules.yaml"
    path.write_text(good)
    async with desk(tmp_path, RuleFile(path)) as here:
        assert (await here.client.get("/api/v1/alerts/rules")).json()["fault"] == ""
        path.write_text("rules:\n  silent: {watch: silent_min, raise: <b>, clear: 1, severity: warning}\n")
        await here.watch.look()
        fault = f"{path}: line 2: rules.silent: raise: want a number from 0 to 43200"
        assert fault in (await here.client.get("/api/v1/alerts/rules")).json()["fault"]
        for lang, said in (("ja", "前のルールで監視を続けています"), ("en", "the old rules hold")):
            text = (await here.client.get(f"/alerts?lang={lang}")).text
            assert said in text
            assert fault in text
            assert "&lt;b&gt;" in text
        path.write_text(good + "\n")
        await here.watch.look()
        assert "the old rules hold" not in (await here.client.get("/alerts?lang=en")).text


async def test_what_cannot_be_is_refused_with_a_word(tmp_path: Path) -> None:
    asked: list[tuple[str, str, dict[str, object] | None, int]] = [
        ("GET", "/api/v1/alerts/A99", None, 404),
        ("GET", "/api/v1/alerts/x", None, 422),
        ("GET", "/alerts/A99", None, 404),
        ("POST", "/api/v1/alerts/A99/ack", {"by": "田中"}, 404),
        ("POST", "/api/v1/alerts/A1/ack", {"by": "田中", "hours": 0}, 422),
        ("POST", "/api/v1/alerts/A1/ack", {"by": "田中", "hours": 1_000}, 422),
        ("POST", "/api/v1/alerts/A1/ack", {}, 422),
        ("POST", "/api/v1/alerts/A1/resolve", {"by": "田中"}, 422),
        ("POST", "/api/v1/alerts/A1/resolve", {"by": "田中", "why": " "}, 409),
        ("POST", "/api/v1/alerts/A1/ack", {"by": "田中", "hours": 1}, 200),
    ]
    async with desk(tmp_path) as here:
        await here.silence(here.first)
        for method, path, body, status in asked:
            answer = await here.client.request(method, path, json=body)
            assert answer.status_code == status, (path, body, answer.text)


async def test_viewers_change_nothing_and_who_is_bound_to_a_ward_nothing_beyond_it(tmp_path: Path) -> None:
    async with town(tmp_path, shown=34) as here:
        queries = here.queries
        watch = await opened(here.app, here.city.records, queries, here.city.clock)
        chuo, hanamigawa = (
            next(now.site.id for now in queries.shelters.values() if now.site.ward == ward)
            for ward in ("中央区", "花見川区")
        )
        await Desk(here.app, watch, queries, here.city.clock, here.client()).silence(chuo, hanamigawa)
        await here.add("bound", Role.OPERATOR, "花見川区")
        async with here.signed_in("viewer") as client:
            client.headers["X-CSRF-Token"] = mark_of(here, client)
            assert "<form" not in (await client.get("/alerts")).text.split("<main")[1]
            assert (await client.post("/alerts/ack", data={"alerts": "A1"})).status_code == 403
            for path, body in (("ack", {}), ("resolve", {"why": "x"})):
                assert (await client.post(f"/api/v1/alerts/A1/{path}", json=body)).status_code == 403
                assert (await client.post(f"/alerts/A1/{path}", data=body)).status_code == 403
        async with here.signed_in("bound") as client:
            unmarked = await client.post("/alerts/A1/ack", data={"hours": "8"})
            assert unmarked.status_code == 403, "a form without the page's mark"
            client.headers["X-CSRF-Token"] = mark_of(here, client)
            listed = (await client.get("/api/v1/alerts?open_only=true")).json()["alerts"]
            ids = {one["site"]: one["id"] for one in listed}
            assert (await client.post(f"/api/v1/alerts/{ids[chuo]}/ack", json={})).status_code == 403
            other = await client.post(f"/api/v1/alerts/{ids[hanamigawa]}/ack", json={"by": "佐藤"})
            assert other.status_code == 422, "in another person's name"
            taken = await client.post(f"/api/v1/alerts/{ids[hanamigawa]}/ack", json={"hours": 8, "why": "確認中"})
            assert taken.json()["acknowledged_by"] == "Bound (bound)"
            both = await client.post("/alerts/ack?lang=en", data={"alerts": f"{ids[chuo]} {ids[hanamigawa]}"})
            assert both.status_code == 409
            assert f"not in your wards: {ids[chuo]}" in both.text
            assert [alert.ack is None for alert in watch.alerts if alert.id == ids[chuo]] == [True]
            text = (await client.get("/alerts")).text
            assert f"/alerts/{ids[hanamigawa]}/ack" in text
            assert f"/alerts/{ids[chuo]}/ack" not in text
