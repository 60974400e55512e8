"""Open data over HTTP: everybody reads it, it says under which terms and of when, and nothing else is in it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from central.api.app import create_app
from central.core.alerts.places import read_places
from central.core.city import SiteKind
from central.core.ngsi.city import Opening
from central.core.scope import Scope, ScopeKind
from central.opendata import room
from central.settings import load
from contract.signing import Signer
from tests.central.control.parts import BACKUP, DRILL, House, house, one
from tests.central.fake import NOW_MS, FakeQueries
from tests.central.opendata.cap_rules import faults_of

PLACES = read_places('wards: {中央区: {en: Chuo, town: "1210100", quake_area: "341", warnings: ["1210000"]}}'.encode())
PUBLIC = (
    "/opendata/shelters.csv",
    "/opendata/shelters.geojson",
    "/opendata/catalog.json",
    "/opendata/lalert-shelters.json",
    "/cap/feed.atom",
)
TOKEN = "m" * 43


class Town:
    """The app of this room over a small city; what staff say of shelters is the test's."""

    def __init__(self, here: House, data: Path) -> None:
        self.city = here
        self.queries = FakeQueries.of_city(6)
        self.openings: dict[str, Opening] = {}
        # The control loop's shelters, so that an incident has wards.
        for now in tuple(self.queries.shelters.values()):
            del self.queries.shelters[now.site.id]
        for site, now in zip(here.live.sites(), FakeQueries.of_city(6).shelters.values(), strict=True):
            self.queries.shelters[site.id] = now
            self.queries.change(site.id, site=site)
        self.app: FastAPI = create_app(self.queries, ready=dict, clock=here.clock, token=TOKEN)
        options: Mapping[str, object] = {"http.public_url": None, "opendata.cap_sender": "bosai@city.example"}
        room.open_room(
            self.app,
            load(None, {}, options, data=data),
            here.records,
            self.queries,
            self.app.state.pages.renderer,
            incidents=lambda: tuple(here.control.incidents.values()),
            places=PLACES,
            openings=lambda: self.openings,
            now=here.clock,
        )

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://city")


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    async with house(folder, signer=Signer.new()) as here:
        yield Town(here, folder)


async def test_every_file_says_its_terms_its_time_and_lets_any_page_read_it(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        for path in PUBLIC:
            got = await client.get(path)
            assert got.status_code == 200, path
            assert 'rel="license"' in got.headers["link"]
            assert 'rel="describedby"' in got.headers["link"]
            assert got.headers["last-modified"].endswith("GMT")
            assert got.headers["access-control-allow-origin"] == "*"
            assert got.headers["cache-control"] == "public, max-age=300"
            again = await client.get(path, headers={"If-None-Match": f'"x", {got.headers["etag"]}'})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", got.headers["etag"])
            other = await client.get(path, headers={"If-None-Match": 'W/"x"'})
            assert other.status_code == 200


async def test_no_power_and_no_state_of_a_shelter_is_given_away(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        site = next(iter(here.queries.shelters))
        here.queries.change(site, soc_pct=61.25, pv_w=9_876.5, load_w=4_321.5)
        for path in PUBLIC:
            told = (await client.get(path)).text
            for word in ("61.25", "9876", "4321", "soc", "pv_kw", "battery_kwh", "islanded", "fault"):
                assert word not in told, (path, word)


async def test_the_csv_is_a_download_of_all_shelters(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        got = await client.get("/opendata/shelters.csv")
        assert got.headers["content-type"] == "text/csv; charset=utf-8"
        assert 'filename="shelters.csv"' in got.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(got.content.decode("utf-8-sig"))))
        assert [row["ID"] for row in rows] == sorted(here.queries.shelters)


async def test_the_geojson_has_licence_and_time_as_members(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        got = await client.get("/opendata/shelters.geojson")
        assert got.headers["content-type"] == "application/geo+json"
        told = got.json()
        assert (told["type"], told["license"], told["attribution_ja"]) == (
            "FeatureCollection",
            "CC BY 4.0",
            "千葉市、CC BY 4.0",
        )
        assert told["updated_at"].endswith("Z")
        feature = told["features"][0]
        longitude, latitude = feature["geometry"]["coordinates"]
        assert 122 < longitude < 154
        assert 20 < latitude < 46
        assert feature["properties"]["synthetic"] is True
        assert len(told["features"]) == 6


async def test_a_changed_registry_changes_mark_and_time(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        before = await client.get("/opendata/shelters.geojson")
        here.city.clock.now_ms += 60_000
        same = await client.get("/opendata/shelters.geojson")
        assert same.headers["etag"] == before.headers["etag"]
        site, now = next(iter(here.queries.shelters.items()))
        here.queries.change(
            site, site=type(now.site)(id=site, name="改名小", ward="中央区", latitude=35.6, longitude=140.1)
        )
        after = await client.get("/opendata/shelters.geojson")
        assert after.headers["etag"] != before.headers["etag"]
        assert after.json()["updated_at"] > before.json()["updated_at"]
        assert "改名小" in after.text


async def test_the_catalogue_names_files_that_are_there(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        told = (await client.get("/opendata/catalog.json")).json()
        assert (told["shelters"], told["synthetic"]) == (6, True)
        assert len(told["distribution"]) == 4
        for each in told["distribution"]:
            got = await client.get(each["accessURL"])
            assert (got.status_code, got.headers["content-type"].partition(";")[0]) == (200, each["mediaType"])


async def test_opening_is_told_in_lalerts_words_and_unknown_where_nobody_said_it(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        first, second, third, *_ = sorted(here.queries.shelters)
        before = await client.get("/opendata/lalert-shelters.json")
        assert {each["Sort"] for each in before.json()["Shelter"]["Informations"]} == {"不明"}
        here.openings = {
            first: Opening(status="open", said_ms=NOW_MS, evacuees=42),
            second: Opening(status="full"),
            third: Opening(status="closed"),
        }
        after = await client.get("/opendata/lalert-shelters.json")
        listed = {each["ID"]: each for each in after.json()["Shelter"]["Informations"]}
        assert (listed[first]["Sort"], listed[first]["DateTime"]) == ("開設", "2026-11-24T12:10:05+09:00")
        assert (listed[second]["Sort"], listed[second]["Status"]) == ("開設", "定員一杯")
        assert listed[third]["Sort"] == "閉鎖"
        assert after.json()["Shelter"]["TotalNumberOfShelter"] == 2
        assert "適合は確認されていません" in after.json()["note"]
        assert "42" not in json.dumps(listed[first])
        assert after.headers["etag"] != before.headers["etag"]


async def test_an_incidents_life_is_seen_in_the_feed(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        empty = (await client.get("/cap/feed.atom")).text
        assert "<entry>" not in empty
        site = next(iter(here.queries.shelters))
        made = await here.city.control.declare(BACKUP, one(site), by="田中", why="台風")
        assert (await client.get(f"/cap/{made.id}.1.xml")).status_code == 404
        await here.city.control.confirm(made.id, by="佐藤", why="確認")
        feed = await client.get("/cap/feed.atom")
        assert feed.headers["content-type"] == "application/atom+xml"
        assert f"http://city/cap/{made.id}.1.xml" in feed.text
        message = await client.get(f"/cap/{made.id}.1.xml")
        assert message.headers["content-type"] == "application/cap+xml"
        assert faults_of(message.content) == []
        for word in ("田中", "佐藤", "台風", site):
            assert word not in message.text + feed.text
        drill = await here.city.active(DRILL, Scope(ScopeKind.CITY))
        assert f"{drill.id}.1.xml" in (await client.get("/cap/feed.atom")).text


@pytest.mark.parametrize("identifier", ["x", "I20261124-1.1", "..", "%00", "a" * 65, "é"])
async def test_a_message_that_is_not_there_is_a_problem(tmp_path: Path, identifier: str) -> None:
    async with town(tmp_path) as here, here.client() as client:
        got = await client.get(f"/cap/{identifier}.xml")
        assert got.status_code in {404, 422}
        assert got.headers["content-type"] == "application/problem+json"


# --- Import -----------------------------------------------------------------------------------------------------------

LIST = (
    "ID,名称,所在地_市区町村,緯度,経度\n"
    "E1210099901111,見本第一小学校,千葉市美浜区,35.6,140.1\n"
    "E1210099902111,見本公民館,千葉市緑区,35.5,140.2\n"
).encode("cp932")
MACHINE = {"Authorization": f"Bearer {TOKEN}"}


async def test_an_import_is_seen_before_it_is_done_and_stands_in_the_book(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        assert (await client.post("/api/v1/sites/import", content=LIST)).status_code == 401
        seen = (await client.post("/api/v1/sites/import", content=LIST, headers=MACHINE)).json()
        assert [each["name"] for each in seen["added"]] == ["見本第一小学校", "見本公民館"]
        assert (seen["dry_run"], seen["saved"], seen["changed"], seen["faults"]) == (True, False, [], [])
        assert len(await here.city.records.sites()) == 6
        done = (await client.post("/api/v1/sites/import?dry_run=false", content=LIST, headers=MACHINE)).json()
        assert done["saved"] is True
        kept = {site.id: site for site in await here.city.records.sites()}
        assert (kept["E1210099902111"].ward, kept["E1210099902111"].kind) == ("緑区", SiteKind.COMMUNITY_CENTRE)
        assert kept["E1210099901111"].pv_kw == 0
        again = (await client.post("/api/v1/sites/import?dry_run=false", content=LIST, headers=MACHINE)).json()
        assert (again["saved"], again["unchanged"]) == (False, 2)
        book = [entry.decision for entry in await here.city.records.decisions.book()]
        (entered,) = [each for each in book if each.action == "sites_imported"]
        assert entered.detail == {"added": 2, "changed": 0, "faults": 0, "sha256": done["sha256"]}


async def test_a_list_with_faults_changes_nothing_unless_asked_to(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        bad = LIST + "E1210099903111,,千葉市緑区,35.5,140.2\n".encode("cp932")
        refused = await client.post("/api/v1/sites/import?dry_run=false", content=bad, headers=MACHINE)
        assert (refused.status_code, refused.json()["detail"]) == (422, "line 4: 名称 is empty")
        assert len(await here.city.records.sites()) == 6
        path = "/api/v1/sites/import?dry_run=false&skip_bad=true"
        assert (await client.post(path, content=bad, headers=MACHINE)).json()["saved"] is True
        assert len(await here.city.records.sites()) == 8


@pytest.mark.parametrize("size", [5_000_001, 6_000_000])
async def test_what_is_too_large_is_refused(tmp_path: Path, size: int) -> None:
    async with town(tmp_path) as here, here.client() as client:
        got = await client.post("/api/v1/sites/import", content=b"x" * size, headers=MACHINE)
        assert (got.status_code, got.headers["content-type"]) == (413, "application/problem+json")


async def test_the_page_previews_asks_and_imports(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        files = {"file": ("list.csv", LIST, "text/csv")}
        assert (await client.post("/sites/import", files=files)).status_code == 303, "nobody is signed in"
        form = await client.get("/sites/import?lang=ja", headers=MACHINE)
        assert 'enctype="multipart/form-data"' in form.text
        seen = await client.post("/sites/import?lang=ja", files=files, headers=MACHINE)
        assert "追加 2 か所・変更 0 か所・変更なし 0 か所" in seen.text
        assert "まだ取り込んでいません" in seen.text
        assert len(await here.city.records.sites()) == 6
        digest = seen.text.partition('name="sha256" value="')[2].partition('"')[0]
        done = await client.post("/sites/import/confirm?lang=ja", data={"sha256": digest}, headers=MACHINE)
        assert (done.status_code, done.headers["location"]) == (303, "/sites/import?added=2&changed=0&lang=ja")
        assert len(await here.city.records.sites()) == 8
        gone = await client.post("/sites/import/confirm?lang=ja", data={"sha256": digest}, headers=MACHINE)
        assert gone.status_code == 409
        assert "もう一度選んでください" in gone.text


async def test_a_preview_is_forgotten_after_a_quarter_of_an_hour(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        seen = await client.post("/sites/import", files={"file": ("list.csv", LIST)}, headers=MACHINE)
        digest = seen.text.partition('name="sha256" value="')[2].partition('"')[0]
        here.city.clock.now_ms += 900_001
        late = await client.post("/sites/import/confirm", data={"sha256": digest}, headers=MACHINE)
        assert late.status_code == 409
        assert len(await here.city.records.sites()) == 6
