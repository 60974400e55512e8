"""A shelter in trouble in a real browser: on a phone and on a desk, in both languages, live and without a script."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, expect

from central.api.app import create_app
from central.core.access import Role
from central.core.city import SiteState
from tests.central.web.shelter_parts import SITE, AsPerson, stressed, told_of
from tests.central.web.test_browser import POOR_CONTRAST, SMALL_TARGETS, City, browser, opened
from tests.support import eventually

__all__ = ["browser"]
pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]


@dataclass
class Trouble(City):
    """The same city, read by a technician, with records."""

    async def start(self) -> None:
        queries = self.queries
        app = create_app(
            queries, ready=dict, clock=lambda: queries.at_ms, interval_s=0.1, gate=AsPerson(Role.TECHNICIAN)
        )
        app.state.pages.told = told_of
        self.server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="critical", timeout_graceful_shutdown=2)
        )
        self.task = asyncio.create_task(self.server.serve())
        await eventually(lambda: self.server is not None and self.server.started, what="the server")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trouble() -> AsyncIterator[Trouble]:
    city = Trouble(stressed())
    await city.start()
    yield city
    await city.stop()


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("width", [390, 1_280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_has_contrast_and_room_for_fingers(
    browser: Browser, trouble: Trouble, lang: str, width: int, scheme: str
) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = await context.new_page()
    for days in ("", "&days=30"):
        await page.goto(f"{trouble.url}/sites/{SITE}?lang={lang}{days}")
        await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        assert await page.evaluate(POOR_CONTRAST) == []
        assert await page.evaluate(SMALL_TARGETS) == []
    await context.close()


async def test_the_picture_follows_what_happens(browser: Browser, trouble: Trouble) -> None:
    async with opened(browser, f"{trouble.url}/sites/{SITE}?lang=en", width=390) as page:
        await expect(page.locator("#badge-word")).to_have_text("Live")
        await expect(page.locator(".cut")).to_be_visible()
        trouble.queries.change(SITE, state=SiteState.ON_GRID, grid_w=4_200.0, battery_w=-2_000.0)
        grid = page.locator('.arrow[data-series="grid"]')
        await expect(grid).to_have_attribute("data-way", "in")
        await expect(grid.locator(".into")).to_be_visible()
        await expect(grid.locator(".from")).to_be_hidden()
        await expect(page.locator(".cut")).to_be_hidden()
        battery = page.locator('.arrow[data-series="battery"]')
        await expect(battery).to_have_attribute("data-way", "out")
        await expect(page.locator("#flow-says")).to_contain_text("grid 4.2 kW import")


async def test_without_a_script_the_form_and_thirty_days_are_there(browser: Browser, trouble: Trouble) -> None:
    async with opened(browser, f"{trouble.url}/sites/{SITE}?lang=ja", width=390, script=False) as page:
        await page.get_by_text("情報を変更する").click()
        await expect(page.get_by_label("避難者数")).to_have_value("120")
        await expect(page.get_by_label("電話番号")).to_have_value("043-000-0000")
        await page.get_by_role("link", name="30日間").click()
        await expect(page.locator(".line-soc_high").nth(1)).to_be_attached()
        await expect(page.get_by_role("heading", name="30日間の電力（日平均）")).to_be_visible()
        await page.get_by_role("link", name="English").click()
        await expect(page.get_by_role("heading", name="Power over 30 days (daily means)")).to_be_visible()


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_the_sheet_on_paper_is_one_to_two_pages(browser: Browser, trouble: Trouble, lang: str) -> None:
    async with opened(browser, f"{trouble.url}/sites/{SITE}?lang={lang}") as page:
        sheet = await page.pdf(prefer_css_page_size=True)
        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", sheet)) <= 2
