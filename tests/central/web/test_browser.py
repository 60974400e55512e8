"""The pages in a real browser: live by events, whole without a script, at the width of a phone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from central.api.app import create_app
from central.api.completeness import CompletenessKeeper
from central.core.city import HoursNow, SiteState
from central.core.steering import SteeringNow
from central.web import fleet
from contract.steering import Mode
from tests.central.fake import FakeQueries
from tests.central.web.axe import violations
from tests.central.web.reports import BAD, GOOD, OTHER_SIGNER, kept, tell
from tests.support import eventually, find_program, free_port

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]

SITE = "E0000000001111"
REPORTED = "E0000000007111"
PATHS = (
    "/",
    "/?ward=Midori",
    "/fleet",
    f"/sites/{REPORTED}",
    f"/sites/{REPORTED}/report",
    "/sites/E0000000140111",
    "/sites/unknown",
)
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 8_000


def left(p10_h: float, at_ms: int) -> HoursNow:
    return HoursNow(at_ms=at_ms, p10_h=p10_h, p50_h=20.0, p90_h=40.0, horizon_h=72.0, says_ja="", says_en="")


@dataclass
class City:
    """A served city; ``stop`` and ``start`` keep the port."""

    queries: FakeQueries
    port: int = field(default_factory=free_port)
    server: uvicorn.Server | None = None
    task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        queries = self.queries
        app = create_app(queries, ready=dict, clock=lambda: queries.at_ms, interval_s=0.1)
        days = CompletenessKeeper(queries, lambda: queries.at_ms)
        await days.refresh()
        app.include_router(
            fleet.router(fleet.FleetPages(queries, app.state.pages.renderer, days, lambda: queries.at_ms))
        )
        config = uvicorn.Config(
            app, host="127.0.0.1", port=self.port, log_level="critical", timeout_graceful_shutdown=2
        )
        self.server = uvicorn.Server(config)
        self.task = asyncio.create_task(self.server.serve())
        await eventually(lambda: self.server is not None and self.server.started, what="the server")

    async def stop(self) -> None:
        assert self.server is not None
        assert self.task is not None
        self.server.config.app.state.live.close()
        self.server.should_exit = True
        await asyncio.wait_for(self.task, 10)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        program = find_program("chromium")
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def city() -> AsyncIterator[City]:
    city = City(FakeQueries.of_city())
    other = kept(msgspec.structs.replace(GOOD, site=REPORTED), OTHER_SIGNER)
    tell(city.queries, kept(msgspec.structs.replace(BAD, site=REPORTED, at_ms=GOOD.at_ms - 1_000)), other)
    await city.start()
    yield city
    await city.stop()


@asynccontextmanager
async def opened(browser: Browser, address: str, *, width: int = 1_280, script: bool = True) -> AsyncIterator[Page]:
    """A page of a fresh visitor. Anything that the browser complains about fails the test."""
    context = await browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=script, locale="ja-JP"
    )
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url) if "/live/" not in request.url else None)
    await page.goto(address)
    try:
        yield page
        assert [text for text in complaints if "ERR_CONNECTION" not in text and "/live/" not in text] == []
    finally:
        await context.close()


async def test_values_change_in_place_and_the_order_follows(browser: Browser, city: City) -> None:
    async with opened(browser, city.url) as page:
        await expect(page.locator("#badge-word")).to_have_text("ライブ")
        row = page.locator(f'tr[data-o="{SITE}"]')
        state, mode, _, hours, charge, solar, _, _, age = [row.locator("td").nth(n) for n in range(9)]
        await expect(solar).to_have_text("9.0")
        dot = page.locator(f'#dots [data-o="{SITE}"]')
        await dot.hover()
        await expect(dot.locator("title")).to_have_text("中央第1小学校")
        await page.evaluate("window.stayed = true")
        city.queries.at_ms += 5_000
        city.queries.change(
            SITE,
            pv_w=12_340.0,
            soc_pct=7.0,
            state=SiteState.ISLANDED,
            last_reading_ms=city.queries.at_ms,
            hours=left(3.25, city.queries.at_ms),
            steering=SteeringNow(mode=Mode.NORMAL, claimed=Mode.NORMAL, wanted=Mode.BACKUP),
        )
        await expect(solar).to_have_text("12.3")
        await expect(state).to_have_text("自立運転中")
        await expect(mode).to_have_text("通常→非常用")
        await expect(hours).to_have_text("3.2")
        await expect(charge).to_have_text("7")
        await expect(age).to_have_text("0秒前")
        await expect(page.locator("#headline")).to_have_text("182か所のうち8か所に注意が必要です")
        await expect(page.locator("#rows tr").nth(0)).to_have_attribute("data-o", SITE)
        await expect(dot).to_have_attribute("data-state", "islanded")
        await expect(dot).to_have_attribute("href", "#s-islanded")
        await expect(page.locator(".urgent li").nth(0)).to_contain_text("中央第1小学校")
        other = list(city.queries.shelters)[100]
        city.queries.change(other, hours=left(0.5, city.queries.at_ms))
        await expect(page.locator("#rows tr").nth(0)).to_have_attribute("data-o", other)
        await expect(page.locator("#rows tr").nth(1)).to_have_attribute("data-o", SITE)
        assert await page.evaluate("window.stayed") is True
        # A dot without a link of its own leads to its shelter all the same.
        await page.locator(f'#dots use[data-o="{other}"]').click()
        await expect(page).to_have_url(re.compile(f"/sites/{other}"))


async def test_a_shelters_page_is_live_too(browser: Browser, city: City) -> None:
    async with opened(browser, f"{city.url}/sites/{SITE}") as page:
        await expect(page.locator("#badge-word")).to_have_text("ライブ")
        city.queries.change(SITE, battery_w=4_500.0, soc_pct=21.5, reserve_pct=30.0)
        battery = page.locator('.site-now [data-series="battery"]')
        await expect(battery.locator('[data-k="battery"]')).to_have_text("4.5")
        await expect(battery.locator(".flow")).to_have_text("放電中")
        await expect(page.locator('[data-k="reserve_short"]')).to_have_text("非常用の確保量を下回っています")
        await expect(page.locator(".charge .soc-now")).to_have_attribute("width", "21.5")


async def test_a_report_that_comes_reaches_open_pages(browser: Browser, city: City) -> None:
    async with opened(browser, city.url) as page, opened(browser, f"{city.url}/sites/{SITE}") as shelter:
        await expect(page.locator("#badge-word")).to_have_text("ライブ")
        await expect(shelter.locator("#badge-word")).to_have_text("ライブ")
        await expect(shelter.locator(".proof .stage strong")).to_have_text("試運転前")
        tell(city.queries, kept(GOOD))
        await expect(page.locator('.stages [data-k="n_verified"]')).to_have_text("1")
        await expect(shelter.locator(".proof .stage strong")).to_have_text("確認済み", timeout=15_000)
        await shelter.get_by_role("link", name="報告書を読む").click()
        await expect(shelter.get_by_role("heading", level=2).first).to_have_text("判定: 確認済み")


async def test_when_the_stream_is_gone_old_values_do_not_look_fresh(browser: Browser, city: City) -> None:
    async with opened(browser, city.url) as page:
        await expect(page.locator("#badge-word")).to_have_text("ライブ")
        row = page.locator(f'tr[data-o="{SITE}"] td')
        await city.stop()
        await expect(page.locator("#badge-word")).to_contain_text("再接続中")
        await expect(page.locator(".badge-time")).to_contain_text("12:10:05")
        age = row.nth(8)
        before = await age.text_content()
        await expect(age).not_to_have_text(str(before))  # Ages go on although nothing arrives.
        city.queries.change(SITE, pv_w=55_500.0)
        await city.start()
        await expect(row.nth(5)).to_have_text("55.5", timeout=15_000)
        await expect(page.locator("#badge-word")).to_have_text("ライブ")


async def test_an_open_page_loads_itself_again_when_the_city_has_a_new_shelter(browser: Browser, city: City) -> None:
    newcomer = city.queries.shelters.pop("E0000000182111")
    async with opened(browser, city.url) as page:
        await expect(page.locator("#badge-word")).to_have_text("ライブ")
        await expect(page.locator("#rows tr")).to_have_count(181)
        city.queries.shelters[newcomer.site.id] = newcomer
        await expect(page.locator("#rows tr")).to_have_count(182, timeout=15_000)


async def test_everything_is_readable_and_usable_without_a_script(browser: Browser, city: City) -> None:
    async with opened(browser, city.url, script=False) as page:
        await expect(page.locator("#badge-word")).to_have_text("自動更新なし")
        await expect(page.locator("#rows tr")).to_have_count(182)
        await page.locator("select[name=ward]").select_option("緑区")
        await page.get_by_role("button", name="表示").click()
        await expect(page.locator("#rows tr")).to_have_count(25)
        await page.get_by_role("link", name="条件を消す").click()
        await page.locator(".tally").get_by_role("link", name="異常").click()
        await expect(page.locator("#rows tr")).to_have_count(1)
        await page.locator("#rows a").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("中央第23小学校")
        await page.get_by_text("表で見る").first.click()
        await expect(page.locator(".chart table")).to_be_visible()


async def test_the_language_is_switched_by_a_link_and_stays(browser: Browser, city: City) -> None:
    async with opened(browser, city.url) as page:
        await page.get_by_role("link", name="English").click()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await expect(page.locator("#badge-word")).to_have_text("Live")
        await page.locator("#rows a").first.click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Chuo No. 7 Elementary School")
        await page.get_by_role("link", name="日本語").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("中央第7小学校")


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_a_phone_needs_no_sideways_scrolling(browser: Browser, city: City, lang: str) -> None:
    context = await browser.new_context(viewport={"width": 360, "height": 740})
    page = await context.new_page()
    for path in PATHS:
        await page.goto(f"{city.url}{path}?lang={lang}")
        for details in await page.locator("summary").all():
            await details.click()
        assert await page.evaluate("document.documentElement.scrollWidth") == 360, path
    await context.close()


SMALL_TARGETS = """() => [...document.querySelectorAll('a[href], button, select, summary')]
  .filter((e) => !e.closest('svg') && !e.classList.contains('skip') && e.checkVisibility())
  .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
  .filter(([, box]) => box.height < 24 || box.width < 24)
  .map(([html, box]) => html + ' ' + box.width + 'x' + box.height)"""
POOR_CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a];
  };
  const light = ([r, g, b]) => {
    const part = (c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const poor = new Set();
  const walker = document.createTreeWalker(document.querySelector('body'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || e.closest('svg') || !e.checkVisibility()) continue;
    const [one, two] = [light(rgba(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) poor.add(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2));
  }
  return [...poor];
}"""


CUT = """() => [...document.querySelectorAll('main *')]
  .filter((e) => e.checkVisibility() && !e.closest('svg, .quiet, thead, form'))
  .filter((e) => getComputedStyle(e).overflowY !== 'visible' || getComputedStyle(e).maxHeight !== 'none')
  .map((e) => e.outerHTML.slice(0, 80))"""


async def test_on_paper_nothing_is_cut(browser: Browser, city: City) -> None:
    context = await browser.new_context(viewport={"width": 680, "height": 960})
    page = await context.new_page()
    for path in PATHS:
        await page.goto(f"{city.url}{path}?lang=ja")
        await page.emulate_media(media="print")
        assert await page.evaluate(CUT) == [], path
        assert await page.evaluate("document.documentElement.scrollWidth") == 680, path
        await page.emulate_media(media="screen")
    await page.evaluate("document.querySelector('main section').style.maxHeight = '9px'")
    assert await page.evaluate(CUT) != [], "the measure itself must see a section that is cut"
    await context.close()


@pytest.mark.parametrize("width", [1_280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_has_contrast_and_targets_have_room(browser: Browser, city: City, scheme: str, width: int) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme)  # type: ignore[arg-type]
    page = await context.new_page()
    for path in PATHS:
        await page.goto(f"{city.url}{path}?lang=ja")
        assert await page.evaluate(POOR_CONTRAST) == [], path
        assert await page.evaluate(SMALL_TARGETS) == [], path
    await page.evaluate("document.querySelector('h1').style.color = '#777'")
    assert await page.evaluate(POOR_CONTRAST) != [], "the measure itself must see grey"
    await context.close()


@pytest.mark.parametrize(("lang", "width", "scheme"), [("ja", 1_280, "light"), ("en", 390, "dark")])
async def test_axe_finds_nothing_serious(browser: Browser, city: City, lang: str, width: int, scheme: str) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = await context.new_page()
    for path in PATHS:
        await page.goto(f"{city.url}{path}?lang={lang}")
        assert await violations(page) == [], path
    await page.evaluate("document.querySelector('main a[href]').textContent = ''")
    assert await violations(page) != [], "the measure itself must see a link without words"
    await context.close()


async def test_the_keyboard_reaches_the_content_first_and_dots_are_no_stops(browser: Browser, city: City) -> None:
    async with opened(browser, city.url) as page:
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "本文へ移動"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        stops = await page.evaluate("[...document.querySelectorAll('#dots a')].filter((a) => a.tabIndex >= 0).length")
        assert stops == 0
