"""The public page in a real browser: a phone and a desk, light and dark, with a script and without, and on paper."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, ConsoleMessage, expect

from central.core.publication import LANGS
from tests.central.public.parts import Town, town
from tests.central.web.axe import violations
from tests.central.web.test_browser import POOR_CONTRAST, SMALL_TARGETS, browser, opened
from tests.support import eventually, free_port

__all__ = ["browser"]
pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]


@dataclass
class Open:
    """The town on a real socket."""

    town: Town
    url: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    folder: Path = tmp_path_factory.mktemp("public")
    async with town(folder, 60) as made:
        for n, site in enumerate(made.ids[:40]):
            if n % 3 == 0:
                notes = {"note-ja": "正門から入ってください。", "note-en": "Use the main gate."}
                services = ["charging", "medical", "light", "water"][: 1 + n % 4]
                await made.say(site, opening="open", crowding="busy", services=services, **notes)
            elif n % 3 == 1:
                await made.say(site, opening="full" if n % 2 else "closed")
        await made.say(made.ids[57], opening="open", services=["charging", "medical"])
        port = free_port()
        config = uvicorn.Config(
            made.app, host="127.0.0.1", port=port, log_level="critical", timeout_graceful_shutdown=2
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        await eventually(lambda: server.started, what="the server")
        yield Open(made, f"http://127.0.0.1:{port}")
        server.should_exit = True
        await task


@pytest.mark.parametrize(
    ("tag", "width", "scheme"),
    [
        *((tag, 390, "dark" if n % 2 else "light") for n, tag in enumerate(LANGS)),
        ("ja", 1_280, "dark"),
        ("en", 1_280, "light"),
    ],
)
async def test_it_fits_has_contrast_and_room_for_fingers(
    browser: Browser, here: Open, tag: str, width: int, scheme: str
) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = await context.new_page()
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    for path in (f"/public/{tag}?need=charging", f"/public/{tag}/shelters/{here.town.ids[3]}"):
        await page.goto(f"{here.url}{path}")
        await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        assert await page.evaluate(POOR_CONTRAST) == []
        assert await page.evaluate(SMALL_TARGETS) == []
        if tag in {"ja", "en"}:
            assert await violations(page) == []
    assert faults == [], "the page's own policy lets everything through that it has"
    await context.close()


async def test_the_browser_sorts_by_distance_and_sends_nothing(browser: Browser, here: Open) -> None:
    # In front of the last shelter of the list.
    site = here.town.queries.shelters[here.town.ids[39]].site
    context = await browser.new_context(
        viewport={"width": 390, "height": 800},
        geolocation={"latitude": site.latitude, "longitude": site.longitude},
        permissions=["geolocation"],
    )
    page = await context.new_page()
    await page.goto(f"{here.url}/public/en")
    first = page.locator("#now .list > li").first
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.get_by_role("button", name="Sort by distance from here").click()
    await expect(page.locator("#near .said")).to_have_text("Sorted by distance from here.")
    await expect(first).to_contain_text(site.name_en)
    await expect(first.locator(".km")).to_have_text("about 0.0 km")
    far = [float(re.sub(r"[^\d.]", "", text)) for text in await page.locator("#now .km").all_text_contents()]
    assert far == sorted(far)
    assert [url for url in asked if not url.endswith("/static/icon.svg")] == []
    await context.close()


async def test_who_does_not_tell_where_he_is_is_told_what_to_do(browser: Browser, here: Open) -> None:
    context = await browser.new_context(permissions=[])
    page = await context.new_page()
    await page.goto(f"{here.url}/public/en")
    await page.get_by_role("button", name="Sort by distance from here").click()
    await expect(page.locator("#near .said")).to_have_text(
        "Where you are could not be found. Choose a ward or type a place."
    )
    await context.close()


async def test_an_old_page_says_that_it_is_old(browser: Browser, here: Open) -> None:
    async with opened(browser, f"{here.url}/public/ja", width=390) as page:
        # The town's clock stands still, so that the page is old for every browser of today.
        await expect(page.locator("#old")).to_contain_text("このページは 11月24日 12:10 の情報で、古くなっています。")


async def test_without_a_script_a_place_is_typed(browser: Browser, here: Open) -> None:
    async with opened(browser, f"{here.url}/public/ja", width=390, script=False) as page:
        await expect(page.locator("#near")).to_be_hidden()
        await expect(page.locator("#old")).to_be_hidden()
        await page.get_by_label("携帯電話の充電").check()
        await page.get_by_label("場所").fill("中央第2公民館")
        await page.get_by_role("button", name="探す", exact=True).click()
        await expect(page.get_by_text("中央第2公民館 から近い順")).to_be_visible()
        await expect(page.locator("#now .km").first).to_contain_text("km")
        await page.get_by_role("link", name="Tiếng Việt").click()
        await expect(page.get_by_role("heading", name="Nơi đang mở có thứ bạn cần")).to_be_visible()
        await expect(page.get_by_label("Sạc điện thoại")).to_be_checked()
        await page.locator("#now .list a").first.click()
        await expect(page.get_by_role("heading", name="Điện", exact=True)).to_be_visible()


async def test_the_notice_for_the_door_is_one_sheet(browser: Browser, here: Open) -> None:
    fullest = next(one.site for one in here.town.desk.told.values() if len(one.services) == 4)
    async with opened(browser, f"{here.url}/public/shelters/{fullest}/sheet") as page:
        assert await violations(page) == []
        sheet = await page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", sheet)) == 1
