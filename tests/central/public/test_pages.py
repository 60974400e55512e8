"""The public pages and open answers over HTTP: what is there, what is never there, and bytes that are made once."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from central.api.headers import SECURITY_HEADERS
from central.core.city import HoursNow, PointNow, SiteState
from central.core.publication import LANGS, Service, Shown
from central.public.models import PublicShelterOut
from central.public.shelf import CACHE, Shelf
from contract.readings import Quality
from tests.central.fake import NOW_MS
from tests.central.public.parts import MACHINE, URL, Town, town

PAGES = ("", *(f"/{tag}" for tag in LANGS))
KB = 1_024


async def open_some(here: Town) -> None:
    """Half of the shelters are open with everything, one is closed."""
    for site in here.ids[::2]:
        services = [service.value for service in Service]
        await here.say(site, opening="open", crowding="room", services=services, **{"note-ja": "正門から"})
    await here.say(here.ids[1], opening="closed", **{"note-ja": "体育館を修理しています。"})


def all_paths(here: Town) -> list[str]:
    one = [f"/shelters/{site}" for site in here.ids]
    return [
        "/public",
        *(f"/public/{tag}" for tag in LANGS),
        *(f"/public/{tag}?need=charging&place=35.6,140.1" for tag in LANGS),
        *(f"/public/{tag}{path}" for tag in LANGS for path in one),
        *(f"/public{path}" for path in one),
        *(f"/public{path}/sheet" for path in one),
        "/public/api/v1/shelters",
        "/public/api/v1/shelters?near=35.6,140.1",
        "/public/api/v1/shelters.json",
        *(f"/public/api/v1{path}" for path in one),
    ]


async def test_every_answer_may_be_kept_and_says_what_it_is(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        await open_some(here)
        for path in all_paths(here):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["cache-control"] == CACHE
            assert "set-cookie" not in answer.headers
            assert answer.headers["vary"].lower() == "accept-encoding", path
            for name in set(SECURITY_HEADERS) - {"Cache-Control", "Permissions-Policy"}:
                assert answer.headers[name] == SECURITY_HEADERS[name], path
            again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            head = await client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            if path.startswith("/public/api"):
                assert answer.headers["access-control-allow-origin"] == "*"
            else:
                assert answer.headers["permissions-policy"] == "camera=(), geolocation=(self), microphone=()"
                assert "style=" not in answer.text
                assert not re.search(r"<script(?! src)", answer.text)
                assert not re.search(r'\son\w+="', answer.text)


async def test_nothing_is_public_but_what_the_policy_lets_out(tmp_path: Path) -> None:
    """Every public answer is read for values that only staff may see; each of them is one that nothing else makes."""
    secret = {
        "pv_w": 41_307.0,
        "load_w": 52_309.0,
        "grid_w": 63_311.0,
        "battery_w": 74_313.0,
        "soc_pct": 37.31,
        "reserve_pct": 28.29,
        "stored_wh": 85_317.0,
    }
    hours = HoursNow(
        at_ms=NOW_MS, p10_h=19.17, p50_h=29.23, p90_h=39.37, horizon_h=72, says_ja="秘密", says_en="secret"
    )
    points = (
        PointNow("inverter-x9", "grid.l1_voltage_v", 103.7, Quality.GOOD, NOW_MS),
        PointNow("inverter-x9", "inverter.temperature_c", 41.43, Quality.GOOD, NOW_MS),
    )
    words = [
        "inverter",
        "SUN2000",
        "S000001",
        "huawei",
        "meter",
        "k3x9",
        "秘密の職員",
        "秘密",
        "secret",
        "fault",
        "offline",
    ]
    figures = [re.escape(f"{value:.{n}f}") for value in secret.values() for n in (0, 1, 2) if value % 1 or n == 0]
    figures += [r"41[.,]3", r"52[.,]3", r"63[.,]3", r"74[.,]3", r"85[.,]3", r"103\.7", r"41\.43", r"19\.17", r"29\.23"]
    async with town(tmp_path) as here, here.client() as client:
        for id_, now in here.queries.shelters.items():
            site = replace(now.site, pv_kw=47.53, inverter_kw=33.01, battery_kwh=26.17, latitude=35.6, longitude=140.1)
            here.queries.change(id_, site=site, hours=hours, points=points, devices_dark=("meter",), **secret)
        here.queries.change(here.ids[2], state=SiteState.OFFLINE)
        here.queries.change(here.ids[4], state=SiteState.ISLANDED)
        await open_some(here)
        told = here.desk.told[here.ids[0]]
        here.desk.told = {**here.desk.told, here.ids[0]: replace(told, by="秘密の職員")}
        await here.desk.look()
        staff = (await client.get(f"/api/v1/sites/{here.ids[0]}")).text
        assert sum(bool(re.search(each, staff)) for each in figures) >= 6, "staff read what is looked for here"
        for path in all_paths(here):
            text = (await client.get(path)).text
            text = re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
            body = re.sub(r"E00000\d+|35\.6\d*|140\.1\d*", "", text)
            found = [word for word in words if word in body] + [each for each in figures if re.search(each, body)]
            assert found == [], path
            for rated in ("47.53", "33.01", "26.17"):
                assert rated not in body, path


async def test_open_answers_have_the_policy_s_fields_and_no_others(tmp_path: Path) -> None:
    fields = set(PublicShelterOut.model_fields)
    async with town(tmp_path) as here, here.client() as client:
        await open_some(here)
        answer = (await client.get("/public/api/v1/shelters")).json()
        assert set(answer) == {"as_of", "shelters"}
        for one in answer["shelters"]:
            assert set(one) == fields
            assert all(set(offer) == {"service", "state"} for offer in one["services"])
        by_id = {one["id"]: one for one in answer["shelters"]}
        closed = by_id[here.ids[1]]
        assert (closed["opening"], closed["power"], closed["services"], closed["crowding"]) == (
            "closed",
            None,
            [],
            None,
        )
        opened = by_id[here.ids[0]]
        assert (opened["power"], opened["power_source"], opened["hours_at_least"]) == ("on", "grid", None)
        assert opened["services"] == [{"service": service.value, "state": "ready"} for service in Service]
        assert by_id[here.ids[3]]["opening"] == "unknown"
        whole = await client.get("/public/api/v1/shelters.json")
        assert whole.json() == answer


async def test_the_policy_s_file_holds_back_whole_fields(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        "publish: {opening: never, crowding: never, services: never, power: never, power_source: never, "
        "hours_left: never, note: never}\nservices: {charging: 3, medical: 1, light: 2, water: none}\n"
        "hours_classes_h: [3]\n"
    )
    async with town(tmp_path, options={"public.policy": str(file)}) as here, here.client() as client:
        await open_some(here)
        for one in (await client.get("/public/api/v1/shelters")).json()["shelters"]:
            kept = {name: value for name, value in one.items() if value not in (None, [], {})}
            assert set(kept) == {"id", "name", "name_en", "ward", "ward_en", "latitude", "longitude", "synthetic"}
        assert here.desk.public_openings() == {}
        assert here.desk.openings() != {}


async def test_a_list_can_be_narrowed_by_ward_need_and_place(tmp_path: Path) -> None:
    async with town(tmp_path, 60) as here, here.client() as client:
        await open_some(here)
        page = (await client.get("/public/en?ward=Chuo&need=medical")).text
        assert "Open shelters with what you need: 17" in page
        assert "Hanamigawa No." not in page
        near = (await client.get("/public/en?place=35.6721,140.0857")).text
        assert "Nearest to 35.6721,140.0857" in near
        distances = [float(km) for km in re.findall(r'class="km">about ([\d.]+) km', near.split("Other shelters")[0])]
        assert distances == sorted(distances)
        assert len(distances) == 20
        data = (await client.get("/public/api/v1/shelters?near=35.6721,140.0857&need=charging")).json()["shelters"]
        assert [one["distance_km"] for one in data] == sorted(one["distance_km"] for one in data)
        assert all(one["opening"] == "open" for one in data)
        assert len((await client.get("/public/api/v1/shelters?ward=中央区")).json()["shelters"]) == 33


async def test_what_is_asked_in_vain_is_told_and_never_breaks_a_page(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        page = await client.get(
            "/public/en", params={"place": "<script>alert(1)</script>", "ward": "<b>", "need": "beer"}
        )
        assert page.status_code == 200
        assert "was not found" in page.text
        assert "There is no ward" in page.text
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;" in page.text
        long = await client.get("/public/ja", params={"place": "場" * 5_000, "need": ["light"] * 500})
        assert long.status_code == 200
        assert "場" * 61 not in long.text
        for path in ("/public/xx", "/public/ja/shelters/nobody", "/public/shelters/x/sheet", "/public/static/x.css"):
            gone = await client.get(path)
            assert (gone.status_code, "そのページはありません" in gone.text) == (404, True), path
        assert "没有这个页面" in (await client.get("/public/zh-Hans/shelters/nobody")).text
        unknown = await client.get("/public/api/v1/shelters?ward=Atlantis")
        assert (unknown.status_code, unknown.json()["title"]) == (404, "Unknown ward")
        assert (await client.get("/public/api/v1/shelters?near=95.0,140")).status_code == 422
        assert (await client.get("/public/api/v1/shelters?need=beer")).status_code == 422
        assert (await client.get("/public/api/v1/shelters/E0000000001119")).json()["nearest"][0] == here.ids[0]


async def test_the_whole_page_of_the_city_is_small(tmp_path: Path) -> None:
    async with town(tmp_path, 182) as here, here.client() as client:
        await open_some(here)
        for page in PAGES:
            answer = await client.get(f"/public{page}", headers={"Accept-Encoding": "gzip"})
            assert answer.headers["content-encoding"] == "gzip"
            size = int(answer.headers["content-length"])
            for file in re.findall(r'(?:href|src)="(/(?:public/)?static/[^"]+)"', answer.text):
                kept = await client.get(file, headers={"Accept-Encoding": "gzip"})
                assert (kept.status_code, "immutable" in kept.headers["cache-control"] or "icon" in file) == (200, True)
                size += len(gzip.compress(kept.content))
            assert size < 30 * KB, page
            assert len(answer.content) < 100 * KB


async def test_a_page_is_made_once_for_all_who_read_it(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        pages = here.app.state.public_shelf
        assert isinstance(pages, Shelf)
        await here.desk.look()
        bodies = {(await client.get("/public/en")).content for _ in range(50)}
        assert (len(bodies), pages.renders) == (1, 1)
        here.clock.now_ms += 10_000
        await here.desk.look()
        assert (await client.get("/public/en")).content in bodies
        assert pages.renders == 1, "nothing has changed"
        here.clock.now_ms += 60_000
        await here.desk.look()
        assert "12:11" in (await client.get("/public/en")).text
        assert pages.renders == 2
        await here.say(here.ids[0], opening="open")
        assert "Open shelters: 1" in (await client.get("/public/en")).text


async def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        shelf = here.app.state.public_shelf
        for n in range(300):
            await client.get(f"/public/en?place=35.{n:03d},140.1")
        assert len(shelf) == 256
        before = shelf.renders
        # A hundred metres are one place.
        await client.get("/public/api/v1/shelters?near=35.60001,140.10002")
        await client.get("/public/api/v1/shelters?near=35.60003,140.10004")
        assert shelf.renders == before + 1


async def test_a_shelter_s_page_has_a_code_of_its_own_address_and_a_map(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        await open_some(here)
        site = here.ids[0]
        page = (await client.get(f"/public/vi/shelters/{site}")).text
        assert page.count("<svg") == 1
        assert 'lang="ja">正門から' in page, "a note in another language says so"
        assert re.search(r'href="geo:35\.\d+,140\.\d+\?', page)
        assert f'href="/public/shelters/{site}/sheet"' in page
        sheet = (await client.get(f"/public/shelters/{site}/sheet", headers={"Host": "evil.example"})).text
        assert f"{URL}/public/shelters/{site}" in sheet
        assert "evil" not in sheet
        for tag in LANGS:
            assert f'lang="{tag}"' in sheet
        assert "電気が来ています" not in sheet, "paper can't say what is so now"


async def test_without_an_address_there_is_no_code(tmp_path: Path) -> None:
    async with town(tmp_path, options={"http.public_url": None, "http.port": 0}) as here, here.client() as client:
        for path in ("", "/sheet"):
            page = await client.get(f"/public/shelters/{here.ids[0]}{path}")
            assert "<svg" not in page.text


async def test_a_silent_shelter_says_since_when_nothing_is_known(tmp_path: Path) -> None:
    async with town(tmp_path, 60) as here, here.client() as client:
        silent = here.ids[57]
        assert here.queries.shelters[silent].state is SiteState.OFFLINE
        await here.say(silent, opening="open", services=["charging"])
        page = (await client.get(f"/public/en/shelters/{silent}")).text
        assert "Whether there is power is not known now" in page
        assert "Last measured Nov 24 11:40 (30 minutes ago)" in page
        assert "Charging a phone: not confirmed now" in page
        found = await client.get("/public/api/v1/shelters?need=charging")
        assert [one["services"] for one in found.json()["shelters"]] == [
            [{"service": "charging", "state": "not_known"}]
        ]


async def test_public_answers_ask_nobody_who_he_is(tmp_path: Path) -> None:
    class Nobody:
        async def principal(self, request: object) -> None:
            raise AssertionError("a public page looked who asks")

    async with town(tmp_path, gate=Nobody()) as here, here.client() as client:
        for path in ("/public", "/public/ja", f"/public/en/shelters/{here.ids[0]}", "/public/api/v1/shelters"):
            assert (await client.get(path, headers=MACHINE)).status_code == 200
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                assert (await client.request(method, path)).status_code == 405


async def test_shelters_that_are_invented_say_so_everywhere(tmp_path: Path) -> None:
    words = {
        "ja": "実在しない",
        "en": "Not real",
        "ko": "실제가 아닙니다",
        "vi": "Không có thật",
        "zh-Hans": "并非真实",
    }
    async with town(tmp_path) as here, here.client() as client:
        for tag, word in words.items():
            for path in ("", f"/shelters/{here.ids[0]}"):
                assert word in (await client.get(f"/public/{tag}{path}")).text
        assert "実在しない" in (await client.get(f"/public/shelters/{here.ids[0]}/sheet")).text
        assert all(
            one["synthetic"] for one in json.loads((await client.get("/public/api/v1/shelters")).text)["shelters"]
        )


def test_the_shown_shelter_and_the_open_answer_agree() -> None:
    names = {"said_ms": "announced_at", "checked_ms": "power_checked_at", "offers": "services"}
    assert {names.get(name, name) for name in Shown.__slots__} | {"distance_km"} == set(PublicShelterOut.model_fields)


@pytest.mark.parametrize("accept", ["gzip, br", "", "identity"])
async def test_packed_and_plain_answers_say_the_same(tmp_path: Path, accept: str) -> None:
    async with town(tmp_path) as here, here.client() as client:
        packed = await client.get("/public/ja", headers={"Accept-Encoding": "gzip"})
        answer: httpx.Response = await client.get("/public/ja", headers={"Accept-Encoding": accept})
        assert answer.text == packed.text
        assert answer.headers["etag"] == packed.headers["etag"]
