"""The pages over HTTP, read as a browser without a script reads them."""

from __future__ import annotations

import gzip
import re
from urllib.parse import quote

import pytest

from central.core.city import SiteState
from central.web.catalogue import Lang
from tests.central.api.conftest import Service
from tests.central.fake import SITES, FakeQueries
from tests.central.web.reading import check_sound, page

SITE = "E0000000007111"
PATHS = ["/", f"/sites/{SITE}", "/sites/E0000000140111", "/?ward=%E7%B7%91%E5%8C%BA&state=never_seen", "/no-such-page"]


@pytest.mark.parametrize("lang", Lang)
@pytest.mark.parametrize("path", PATHS)
async def test_a_page_is_sound_html_of_its_own_parts_alone(service: Service, path: str, lang: Lang) -> None:
    found = await page(
        service, f"{path}{'&' if '?' in path else '?'}lang={lang.value}", 404 if "no-such" in path else 200
    )
    check_sound(found, lang.value)


async def test_the_city_shows_every_shelter_as_a_row_and_as_a_dot(service: Service) -> None:
    found = await page(service, "/")
    rows = [given for given in found.all("tr") if given.get("data-n")]
    dots = [given for given in found.all("a") if "transform" in given]
    assert len(rows) == len(dots) == SITES
    assert [row["data-state"] for row in rows[:7]] == [
        "islanded",
        "islanded",
        "fault",
        "offline",
        "offline",
        "stale",
        "never_seen",
    ]
    assert sorted(int(row["data-n"]) for row in rows) == list(range(SITES))
    titles = [text for (_, name, _), texts in found.live.items() if name == "title" for text in texts]
    assert len(titles) == SITES
    assert any("中央第7小学校" in text and "自立運転中" in text for text in titles)


@pytest.mark.parametrize("path", ["/", f"/sites/{SITE}"])
async def test_what_a_page_shows_is_what_its_stream_would_send(service: Service, path: str) -> None:
    """Every place that the script fills holds the very text of the stream's first message."""
    await service.app.state.outlook.refresh()
    found = await page(service, f"{path}?lang=ja")
    name = "city:ja" if path == "/" else f"site:{SITE}:ja"
    feed = service.app.state.live.current(name)
    assert found.all("body")[0]["data-mark"] == feed.mark
    assert {(owner, key) for owner, key, _ in found.live} <= feed.texts.keys()
    for (owner, key, shown_as), texts in found.live.items():
        if not shown_as:
            assert set(texts) == {feed.texts[owner, key]}, (owner, key)
    if path == "/":
        unused = {key for owner, key in feed.texts if owner == "city"} - {
            key for owner, key, _ in found.live if owner == "city"
        }
        assert unused == {"now", "release"}


async def test_symbols_and_words_stand_beside_every_colour(service: Service) -> None:
    text = (await service.client.get("/?lang=en")).text
    for state, word in {"islanded": "Islanded", "fault": "Fault", "offline": "Offline", "on_grid": "On grid"}.items():
        assert re.search(rf'#s-{state}"[^>]*></?[^<]*(</svg>)?<span[^>]*>{word}', text), state


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", SITES),
        ("?ward=&state=", SITES),
        (f"?ward={quote('緑区')}", 25),
        ("?ward=Midori", 25),
        ("?state=offline", 2),
        (f"?ward={quote('花見川区')}&state=offline", 2),
        (f"?ward={quote('緑区')}&state=offline", 0),
    ],
)
async def test_the_list_is_filtered_by_plain_addresses(service: Service, query: str, count: int) -> None:
    found = await page(service, f"/{query}")
    assert len([given for given in found.all("tr") if given.get("data-n")]) == count
    assert len([given for given in found.all("a") if "transform" in given]) == SITES, "the map stays whole"
    if count == 0:
        assert "この条件に合う避難所はありません" in found.text
    if count not in {0, SITES}:
        assert f"182か所中{count}か所を表示（12:10:05 の状態で絞り込み）" in found.text
        assert [given["data-sorted"] for given in found.all("table") if "data-sorted" in given] == [""]


@pytest.mark.parametrize(
    ("query", "headers", "lang"),
    [
        ("", {}, "ja"),
        ("?lang=en", {}, "en"),
        ("", {"Accept-Language": "en-US,en;q=0.9"}, "en"),
        ("?lang=ja", {"Accept-Language": "en-US"}, "ja"),
        ("?lang=xx", {}, "ja"),
    ],
)
async def test_the_language_is_chosen_and_kept_in_every_link(
    service: Service, query: str, headers: dict[str, str], lang: str
) -> None:
    found = await page(service, f"/{query}", **headers)
    assert found.all("html")[0]["lang"] == lang
    links = [
        given["href"]
        for given in found.all("a")
        if given.get("href", "").startswith("/") and "/api" not in given["href"]
    ]
    switch = [given for given in found.all("a") if given.get("hreflang")]
    assert len(switch) == 1
    other = "en" if lang == "ja" else "ja"
    assert switch[0]["href"] == f"/?lang={other}"
    assert all(f"lang={lang}" in link for link in links if link != switch[0]["href"])


async def test_the_language_switch_keeps_the_filter(service: Service) -> None:
    found = await page(service, "/?state=offline&ward=Chuo")
    assert [given["href"] for given in found.all("a") if given.get("hreflang")] == ["/?lang=en&ward=Chuo&state=offline"]


@pytest.mark.parametrize("path", ["/", f"/sites/{SITE}", "/sites/unknown", "/no-such-page"])
async def test_every_page_says_that_its_data_are_synthetic(service: Service, path: str) -> None:
    assert "合成データ（シミュレーション）" in (await service.client.get(path)).text


async def test_real_shelters_are_not_called_synthetic(service: Service) -> None:
    service.queries.shelters = FakeQueries.of_city(3, synthetic=False).shelters
    for path in ("/", "/sites/E0000000001111", "/sites/unknown"):
        assert "合成データ" not in (await service.client.get(path)).text


async def test_the_site_page_says_what_flows_which_way(service: Service) -> None:
    site = "E0000000100111"
    service.queries.change(site, battery_w=-3_210.0, grid_w=-1_500.0, pv_w=9_710.0, load_w=5_000.0, soc_pct=20.0)
    text = (await service.client.get(f"/sites/{site}")).text
    for said in ("充電中", "売電", "3.2", "1.5", "9.7", "5.0", "20.0", "非常用の確保量を下回っています"):
        assert said in text
    assert "放電中" not in text.split("chart", 1)[0]


async def test_the_site_page_has_history_as_lines_and_as_a_table(service: Service) -> None:
    found = await page(service, f"/sites/{SITE}")
    lines = {
        given["class"]: given["d"]
        for given in found.all("path")
        if given.get("class", "").startswith("line-") and len(given["d"]) > 20
    }
    assert set(lines) == {"line-pv", "line-load", "line-grid", "line-battery", "line-soc"}
    assert all(line.count("M") == 2 for line in lines.values()), "the night's gap breaks each line"
    assert len(re.findall(r'<tr><th scope="row">[0-9]{2}:[0-9]{2}</th>', found.text)) == 48
    bands = [given["class"] for given in found.all("rect") if given.get("class", "").startswith("fate-")]
    gaps = [given["class"] for given in found.all("rect") if given.get("class", "").startswith("gap ")]
    assert gaps == ["gap fate-not_measured", "gap fate-lost", "gap fate-waiting"] * 2
    assert bands == ["fate-arrived", "fate-not_measured", "fate-arrived", "fate-lost", "fate-arrived", "fate-waiting"]
    for said in ("1分値に間引き", "停電", "機器が値なしと回答", "1 件", "huawei-sun2000", "現地で待機"):
        assert said in found.text
    assert "&lt;timeout&gt;" in found.text


async def test_a_city_without_shelters_says_how_to_register_them(service: Service) -> None:
    service.queries.shelters.clear()
    found = await page(service, "/")
    assert "shelter-central sites import" in found.text


async def test_a_whole_city_in_one_state_is_shown(service: Service) -> None:
    for site in service.queries.shelters:
        service.queries.change(site, state=SiteState.ISLANDED)
    found = await page(service, "/?lang=en")
    assert "182 of 182 shelters need attention" in found.text
    assert "See all 182 in the list" in found.text


async def test_pages_are_light_on_the_wire_and_made_once_for_all(service: Service) -> None:
    answer = await service.client.get("/", headers={"accept-encoding": "identity"})
    assert len(gzip.compress(answer.content)) < 40_000
    assert len(answer.content) < 450_000
    looks = service.queries.looks
    again = await service.client.get("/")
    assert again.text == answer.text
    assert service.queries.looks == looks


async def test_style_and_script_are_kept_by_the_browser_until_they_change(service: Service) -> None:
    found = await page(service, "/")
    addresses = [given["href"] for given in found.all("link")] + [given["src"] for given in found.all("script")]
    assert len(addresses) == 3
    for address in addresses:
        answer = await service.client.get(address)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        unchanged = await service.client.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert unchanged.status_code == 304
        assert unchanged.content == b""
    assert "max-age=60" in (await service.client.get("/static/page.css")).headers["cache-control"]
    assert "no-store" in (await service.client.get("/")).headers["cache-control"]
