"""The page in a real browser at the size of a phone: from an unknown simulated cabinet to the signed report."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from contract.commissioning import SiteStage, judge
from edge_agent.commissioning.operations import Commissioning
from edge_agent.commissioning.report_files import read_signed
from edge_agent.io.modbus import ModbusLine
from edge_agent.page.addresses import Listen
from edge_agent.page.parts import Parts
from edge_agent.page.pin import new_pin
from edge_agent.page.serving import parts_over
from edge_agent.page.site import serving
from edge_agent.page.walk import Walk
from tests.edge_agent.commissioning.walk_parts import timing_of
from tests.edge_agent.judging.wire import Shelter, shelter, unpaced
from tests.edge_agent.page.test_steps import JPEG
from tests.support import find_program

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(300)]

PIN = "31415926"
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)
JOB_MS = 120_000
PHONE = {"width": 390, "height": 844}
OPEN_BREAKER = re.compile("切ってください|Open the grid")
CLOSE_BREAKER = re.compile("入れてください|Close the breaker")


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_program("chromium"), args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def page_of(folder: Path, at: Shelter) -> AsyncIterator[tuple[str, Parts]]:
    """The page over a folder, in the time of a shelter's world."""
    new_pin(folder / "page.pin", PIN)
    timing = replace(timing_of(at), breaker_s=100_000.0)
    parts = parts_over(folder, Listen("127.0.0.1", 0), folder / "page.pin", timing=timing)
    vouched = Walk(
        lambda: Commissioning(
            folder, timing=timing, make_line=unpaced, make_scan_line=ModbusLine, clock_is_vouched=lambda: True
        )
    )
    async with serving(replace(parts, walk=vouched)) as port:
        yield f"http://127.0.0.1:{port}", parts


@asynccontextmanager
async def phone(browser: Browser, *, lang: str = "ja", script: bool = True) -> AsyncIterator[Page]:
    """A phone. Anything that the browser complains about, but for what is refused or not there, fails the test."""
    context = await browser.new_context(
        viewport={"width": PHONE["width"], "height": PHONE["height"]}, java_script_enabled=script, locale=f"{lang}-JP"
    )
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
        assert [text for text in complaints if "403" not in text and "404" not in text] == []
    finally:
        await context.close()


async def fits(page: Page) -> None:
    """Nothing sticks out sideways, and whatever is touched is large enough for a glove."""
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    sizes = await page.evaluate(
        "[...document.querySelectorAll('a.button, button, select, .tabs a, summary, input:not([type=hidden])')]"
        ".filter(e => e.offsetParent).map(e => [e.tagName + ' ' + e.className, "
        "(e.closest('label.choice') || e).getBoundingClientRect().height])"
    )
    assert [each for each in sizes if each[1] < 44] == []


async def log_in(page: Page, url: str) -> None:
    await page.goto(url)
    await page.fill("input[name=pin]", PIN)
    await page.click("main form button")
    await expect(page).to_have_url(f"{url}/")


async def until_over(page: Page) -> None:
    await expect(page).to_have_url(re.compile("/job$"))
    await fits(page)
    end = page.locator("[data-live=end] a.button")
    await end.wait_for(timeout=JOB_MS)
    await end.click()


async def begin(page: Page) -> None:
    await page.locator("main form:not([enctype]) button").first.click()


@pytest.mark.parametrize(("lang", "profile"), [("ja", "huawei-sun2000"), ("en", "sungrow-sh")])
async def test_from_an_unknown_cabinet_to_the_signed_report(
    browser: Browser, tmp_path: Path, lang: str, profile: str
) -> None:
    folder = tmp_path / "cabinet"
    folder.mkdir()
    async with shelter(tmp_path, profile) as at, page_of(folder, at) as (url, _), phone(browser, lang=lang) as page:
        at.simulated.world.soc_pct = 55.0
        at.simulated.world.touch()
        await page.goto(url)
        await expect(page.locator("html")).to_have_attribute("lang", lang)
        await fits(page)
        await page.fill("input[name=pin]", "00000000")
        await begin(page)
        await expect(page.locator(".box.bad")).to_be_visible()
        await log_in(page, url)
        await fits(page)

        await page.locator("main a.button").click()
        for box in await page.locator("input[name=target]").all():
            await box.uncheck()
        await page.fill("textarea", f"{at.network.host(0)}:{at.network.inverter_port}")
        await fits(page)
        await begin(page)
        await until_over(page)
        await page.locator("main a.button").click()
        await expect(page.locator(f"input[value={profile}]")).to_be_checked()
        await page.locator("details summary").first.click()
        await fits(page)
        await begin(page)

        await page.fill("input[name=site]", "E0000000001111")
        await page.fill("input[name=name]", "模擬避難所")
        await page.fill("input[name=technician]", "試験 太郎")
        await fits(page)
        await begin(page)
        await begin(page)
        await until_over(page)
        await expect(page.locator("main .box").first).to_have_class(re.compile("good"))
        await fits(page)

        await page.goto(f"{url}/walk/load")
        await page.fill("input[name=load_w]", "2000")
        await fits(page)
        await begin(page)
        asked = page.locator("[data-live=question] button")
        await asked.wait_for()
        at.simulated.turn_load(2_000)
        await asked.click()
        await until_over(page)
        await expect(page.locator("main .box").first).to_have_class(re.compile("good"))

        await page.goto(f"{url}/walk/controls")
        await page.locator("main .card a.button").first.click()
        await page.check("input[name=sure]")
        await fits(page)
        await begin(page)
        await until_over(page)
        await expect(page.locator("main .card .word.good").first).to_be_visible()
        await fits(page)

        await page.goto(f"{url}/walk/backup")
        await page.check("input[name=sure]")
        await fits(page)
        await begin(page)
        call = page.locator("[data-live=question] .box")
        await expect(call).to_have_text(OPEN_BREAKER)
        at.simulated.turn_grid()
        await expect(call).to_have_text(CLOSE_BREAKER)
        at.simulated.turn_grid()
        await until_over(page)
        await expect(page.locator("main .box").first).to_have_class(re.compile("good"))

        await page.goto(f"{url}/walk/finish")
        await page.fill("input[name=caption]", "銘板")
        await page.set_input_files(
            "input[type=file]", files=[{"name": "x.jpg", "mimeType": "image/jpeg", "buffer": JPEG}]
        )
        await page.locator("form[action='/walk/photos'] button").click()
        await page.fill("textarea", "異常なし")
        await fits(page)
        await page.locator("form[action='/walk/finish'] button").click()
        await until_over(page)
        await expect(page.locator("main .box").first).to_have_class(re.compile("good"))
        await fits(page)
        await page.goto(f"{url}/walk")
        await expect(page.locator(".steps .word.good")).to_have_count(8)

    (report_folder,) = (folder / "reports").glob("report-*/")
    written = read_signed(report_folder)
    assert written.signed.is_genuine
    assert judge(written.report).stage is SiteStage.VERIFIED
    assert written.report.is_synthetic
    assert written.report.remarks == "異常なし"
    assert json.loads((folder / "commissioning.json").read_text())["technician"] == "試験 太郎"
    assert len(list((folder / "reports").glob("*.report"))) == 1


async def test_everything_works_without_a_script(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "cabinet"
    folder.mkdir()
    async with (
        shelter(tmp_path, "goodwe-et") as at,
        page_of(folder, at) as (url, _),
        phone(browser, script=False) as page,
    ):
        (folder / "site.yaml").write_text(json.dumps(at.config))
        await log_in(page, url)
        await page.goto(f"{url}/walk/site")
        await page.fill("input[name=technician]", "試験 太郎")
        await begin(page)
        await page.goto(f"{url}/walk/check")
        await begin(page)
        await until_over(page)  # The browser loads the page again by itself.
        await expect(page.locator("main .box").first).to_be_visible()
        await page.goto(f"{url}/devices")
        await page.locator(".rows a").first.click()
        await expect(page.locator("h1")).to_have_text("inverter")
        await expect(page.locator("caption").first).to_be_visible()


async def test_values_change_in_place(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "cabinet"
    folder.mkdir()
    async with shelter(folder, "goodwe-et") as at, page_of(folder, at) as (url, _), phone(browser) as page:
        (folder / "site.yaml").write_text(json.dumps(at.config))
        at.simulated.world.soc_pct = 40.0
        at.simulated.world.touch()
        await log_in(page, url)
        await page.goto(f"{url}/devices/inverter")
        soc = page.locator("tr", has=page.locator("code", has_text="battery.soc_pct")).locator("td")
        await expect(soc).to_contain_text("40.0")
        await page.evaluate("window.stayed = true")
        at.simulated.world.soc_pct = 41.0
        at.simulated.world.touch()
        await expect(soc).to_contain_text("41.0")
        assert await page.evaluate("window.stayed") is True


async def test_the_contrast_is_enough_for_sunlight(browser: Browser, tmp_path: Path) -> None:
    """Every text of the opened pages, against what is painted behind it: 7 to 1."""
    folder = tmp_path / "cabinet"
    folder.mkdir()
    async with shelter(folder, "goodwe-et") as at, page_of(folder, at) as (url, _), phone(browser) as page:
        (folder / "site.yaml").write_text(json.dumps(at.config))
        await page.goto(f"{url}/login")
        assert await page.evaluate(CONTRAST) == []
        await log_in(page, url)
        for path in (
            "/",
            "/devices",
            "/devices/inverter",
            "/walk",
            "/walk/scan",
            "/walk/backup",
            "/walk/finish",
            "/no",
        ):
            await page.goto(f"{url}{path}")
            assert await page.evaluate(CONTRAST) == [], path


CONTRAST = """() => {
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const light = rgb => { const [r, g, b] = rgb.slice(0, 3).map(v => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = element => { for (let e = element; e; e = e.parentElement) {
    const c = numbers(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; }
    return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    if (!e.offsetParent || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [light(numbers(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 7) poor.push([e.tagName, e.className, e.textContent.trim().slice(0, 30), ratio]);
  }
  return poor;
}"""
