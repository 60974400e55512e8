"""The pages over HTTP, read as a browser without a script reads them."""

from __future__ import annotations

import gzip
import re
from urllib.parse import quote

import pytest

from central.core.city import SiteState
from central.core.incidents import Incident, Phase, Step, Wish
from central.core.orders import Outcome
from central.core.scope import Scope, ScopeKind
from central.core.steering import SteeringNow
from central.web.catalogue import Lang
from contract.steering import Mode
from tests.central.api.conftest import Service
from tests.central.fake import SITES, FakeQueries
from tests.central.web.reading import Page, check_sound, page

SITE = "E0000000007111"
PAGE_BYTES_MAX = 100_000
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
    assert len(found.rows) == len(found.dots) == SITES
    assert (
        {row["data-o"] for row in found.rows} == {dot["data-o"] for dot in found.dots} == set(service.queries.shelters)
    )
    found = await page(service, "/?sort=urgency")
    assert [row["data-state"] for row in found.rows[:7]] == [
        "islanded",
        "islanded",
        "fault",
        "offline",
        "offline",
        "stale",
        "never_seen",
    ]
    linked = [dot for dot in found.dots if "href" in dot and dot["href"].startswith("/sites/")]
    assert len(linked) == 7, "what needs attention leads to its page"
    assert "<title>中央第7小学校</title>" in found.text


async def test_a_ward_is_shown_alone_and_every_dot_leads_to_its_shelter(service: Service) -> None:
    found = await page(service, f"/?ward={quote('緑区')}")
    assert len(found.rows) == len(found.dots) == 25
    assert all(dot["href"].startswith("/sites/") for dot in found.dots)
    assert "緑区の地図" in found.text
    assert [given["href"] for given in found.all("a") if given["href"].endswith("#map")] == ["#map", "/?lang=ja#map"]


async def test_the_page_is_small_also_when_the_whole_city_is_dark(service: Service) -> None:
    for lang in Lang:
        assert len((await service.client.get(f"/?lang={lang.value}")).content) < PAGE_BYTES_MAX
    steering = SteeringNow(
        mode=Mode.STORM_WATCH, claimed=Mode.STORM_WATCH, wanted=Mode.BACKUP, is_drill=True, outcome=Outcome.NO_ANSWER
    )
    for site in service.queries.shelters:
        service.queries.change(site, state=SiteState.ISLANDED, steering=steering)
    service.queries.at_ms += 60_000
    await service.app.state.outlook.refresh()
    await service.app.state.today.refresh()
    for lang in Lang:
        answer = await service.client.get(f"/?lang={lang.value}")
        assert "→" in answer.text
        assert len(answer.content) < PAGE_BYTES_MAX


async def test_what_is_going_on_stands_first_and_leads_to_the_board(service: Service) -> None:
    def incident(number: int, phase: Phase, *, is_drill: bool = False) -> Incident:
        return Incident(
            id=f"i-{number}",
            phase=phase,
            wish=Wish(mode=Mode.BACKUP, is_drill=is_drill),
            scope=Scope(ScopeKind.CITY),
            sites=frozenset(service.queries.shelters),
            declared=Step(by="佐藤", why="<b>大雨</b>", at_ms=service.queries.at_ms - 60_000),
        )

    assert "災害対応" not in (await service.client.get("/")).text
    pages = service.app.state.pages
    pages.incidents = lambda: (
        incident(1, Phase.ACTIVE),
        incident(2, Phase.CLOSED),
        incident(3, Phase.DECLARED, is_drill=True),
    )
    service.queries.at_ms += 60_000
    found = await page(service, "/")
    check_sound(found, "ja")
    strip = found.text.split('<section class="strip"')[1].split("</section>")[0]
    assert re.findall(r'href="([^"]+)"', strip) == ["/board/i-1?lang=ja", "/board/i-3?lang=ja"]
    for said in ("実施中", "確認待ち", "訓練", "182か所", "11月24日 12:10", "&lt;b&gt;大雨&lt;/b&gt;"):
        assert said in strip
    assert found.text.index('class="strip"') < found.text.index("<h1")


async def test_today_is_told_with_its_time_and_of_how_many_shelters(service: Service) -> None:
    assert found_today(await page(service, "/")) == ["", "", "", ""]
    await service.app.state.today.refresh()
    service.queries.at_ms += 5_000
    found = await page(service, "/?lang=en")
    assert all(re.search(r"\d[\d,.]* kWh", text) for text in found_today(found))
    assert found.live["city", "today_of", ""] == [
        "Energy today adds up five-minute means from 0:00 to 12:10; 0 of 182 shelters have no gap."
    ]


def found_today(found: Page) -> list[str]:
    return [found.live["city", f"today_{name}", ""][0] for name in ("pv", "load", "grid", "battery")]


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
        ("?kind=community_centre", 45),
        ("?mode=unknown", SITES - 1),
        ("?mode=backup", 1),
        (f"?q={quote('第25')}", 6),
        ("?q=wakaba%20no.%2030", 1),
        ("?q=e0000000182", 1),
        ("?q=%25", 0),
    ],
)
async def test_the_list_is_filtered_by_plain_addresses(service: Service, query: str, count: int) -> None:
    service.queries.change(SITE, steering=SteeringNow(mode=Mode.BACKUP, claimed=Mode.BACKUP))
    found = await page(service, f"/{query}")
    assert len(found.rows) == count
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
