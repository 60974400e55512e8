"""The pages over HTTP, read as a browser without a script reads them."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from central.api.live import Live
from central.api.outlook import OutlookKeeper
from central.core.city import SiteState
from central.web.catalogue import Lang
from central.web.pages import Pages
from tests.central.api.conftest import Service
from tests.central.fake import SITES, FakeQueries

SITE = "E0000000007111"
VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """Elements of a page with their texts, and complaints about what does not fit together."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.live: dict[tuple[str, str, str], list[str]] = {}
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.faults: list[str] = []
        self.feed(text)
        self.faults += [f"not closed: {tag}" for tag, _, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag not in VOID:
            self._open.append((tag, given, []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._note(tag, self.elements[-1][1], "")

    def handle_data(self, data: str) -> None:
        for _, _, parts in self._open:
            parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        opened, given, parts = self._open.pop()
        if opened != tag:
            self.faults.append(f"{opened} closed by {tag}")
        self._note(tag, given, "".join(parts))

    def _note(self, tag: str, given: dict[str, str], text: str) -> None:
        if "data-k" not in given:
            return
        owners = [g["data-o"] for _, g, _ in self._open if "data-o" in g]
        owner = given.get("data-o") or (owners[-1] if owners else "")
        if not owner:
            self.faults.append(f"{tag} {given['data-k']} belongs to nobody")
        self.live.setdefault((owner, given["data-k"], given.get("data-as", "")), []).append(text)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [given for name, given in self.elements if name == tag]


async def page(service: Service, path: str, status: int = 200, **headers: str) -> Page:
    answer = await service.client.get(path, headers=headers)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"].lower().startswith("accept")
    return Page(answer.text)


PATHS = ["/", f"/sites/{SITE}", "/sites/E0000000140111", "/?ward=%E7%B7%91%E5%8C%BA&state=never_seen", "/no-such-page"]


@pytest.mark.parametrize("lang", Lang)
@pytest.mark.parametrize("path", PATHS)
async def test_a_page_is_sound_html_of_its_own_parts_alone(service: Service, path: str, lang: Lang) -> None:
    found = await page(
        service, f"{path}{'&' if '?' in path else '?'}lang={lang.value}", 404 if "no-such" in path else 200
    )
    assert found.faults == []
    assert found.all("html")[0]["lang"] == lang.value
    assert len(found.all("h1")) == 1
    assert len(found.all("title")) >= 1
    ids = Counter(given["id"] for _, given in found.elements if "id" in given)
    assert [one for one, count in ids.items() if count > 1] == []
    for tag, given in found.elements:
        assert "style" not in given, f"{tag}: the content policy forbids inline style"
        assert not [name for name in given if name.startswith("on")], tag
        for name in ("href", "src", "action"):
            assert not given.get(name, "").startswith(("http", "//", "data:")), "nothing from elsewhere"
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(given.get(name, "").split()) <= ids.keys(), (tag, given)
        if tag in {"th", "td"} and tag == "th":
            assert given.get("scope") in {"col", "row"}
    assert all(given.get("src") for given in found.all("script"))
    assert found.all("style") == []
    targets = {given["href"][1:] for given in found.all("a") if given.get("href", "").startswith("#")}
    assert targets <= ids.keys()
    uses = {given["href"][1:] for given in found.all("use")}
    assert uses <= ids.keys()


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
    assert found.text.count('<th scope="row">') >= 96
    bands = [given["class"] for given in found.all("rect") if "fate-" in given.get("class", "")]
    assert bands == ["fate-arrived", "fate-not_measured", "fate-arrived", "fate-lost", "fate-arrived", "fate-waiting"]
    for said in ("1分値に間引き", "停電", "機器が値なしと回答", "1 件", "huawei-sun2000", "現地で待機"):
        assert said in found.text
    assert "&lt;timeout&gt;" in found.text


async def test_a_shelter_without_any_word_yet_has_a_page(service: Service) -> None:
    found = await page(service, "/sites/E0000000140111")
    assert "まだ一度も接続していません" in found.text
    assert "この24時間に値はありません" in found.text


async def test_live_values_are_shown_when_the_history_can_not_be_read(service: Service) -> None:
    service.queries.broken = True
    found = await page(service, f"/sites/{SITE}")
    assert "履歴をいま読み出せません" in found.text
    assert "84.0" in found.text
    assert [entry["event"] for entry in service.logs] == ["history_unreadable"]


async def test_a_store_that_does_not_answer_keeps_nobody_from_the_live_values() -> None:
    queries = FakeQueries.of_city(10)
    queries.stuck = True
    live = Live(queries.now, epoch="a", interval_s=2, clock=lambda: queries.at_ms)
    outlook = OutlookKeeper(queries, lambda: queries.at_ms)
    pages = Pages(queries, live, outlook, lambda: queries.at_ms, "市", "City", history_wait_s=0.02)
    text = await pages.site(SITE, Lang.JA)
    assert "履歴をいま読み出せません" in text
    assert "84.0" in text


async def test_a_fault_while_a_page_is_made_is_a_page_too(service: Service) -> None:
    service.queries.shelters[SITE] = None  # type: ignore[assignment]
    found = await page(service, "/?lang=en", 500)
    assert "The page could not be made" in found.text
    assert "tell the operator" in found.text
    assert "Traceback" not in found.text


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/sites/E0000000007112", 404, ["「E0000000007112」", "もしかして", "中央第7小学校", "一覧から選んで"]),
        ("/?ward=%E6%B8%8B%E8%B0%B7%E5%8C%BA", 400, ["「渋谷区」", "選択肢から"]),
        ("/?state=dead&lang=en", 400, ["“dead”", "Choose ward and state"]),
        ("/no-such-page?lang=en", 404, ["There is no such page", "start from the city"]),
        ("/static/other.js", 404, ["このページはありません"]),
        (f"/?ward={'x' * 200}", 422, ["要求に応えられませんでした"]),
        ("/sites/%3Cscript%3E", 404, ["&lt;script&gt;"]),
    ],
)
async def test_an_error_is_a_page_that_says_what_to_try(
    service: Service, path: str, status: int, said: list[str]
) -> None:
    found = await page(service, path, status)
    for text in said:
        assert text in found.text
    assert found.faults == []


async def test_writing_to_a_page_is_refused_in_words(service: Service) -> None:
    answer = await service.client.post("/")
    assert answer.status_code == 405
    assert "閲覧専用" in answer.text


async def test_names_from_the_registry_can_not_become_markup(service: Service) -> None:
    site = service.queries.shelters[SITE].site
    service.queries.change(SITE, site=replace(site, name='<b>"x"</b>', ward="<i>'区'</i>"))
    for path in ("/", f"/sites/{SITE}"):
        found = await page(service, path)
        assert found.faults == []
        assert "<b>&#34;" not in found.text
        assert '<b>"x"' not in found.text
        assert "<i>" not in found.text


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
