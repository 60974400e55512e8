"""The page of alerts in a real browser: phone and desk, light and dark, and a form without a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, expect

from tests.central.watch.test_alert_pages import TOKEN, Desk, crowd, desk
from tests.central.web.axe import violations
from tests.central.web.test_browser import POOR_CONTRAST, SMALL_TARGETS, browser
from tests.support import eventually, free_port

__all__ = ["browser"]
pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Open:
    """The city on a real socket."""

    desk: Desk
    url: str


@asynccontextmanager
async def served(made: Desk) -> AsyncIterator[Open]:
    port = free_port()
    config = uvicorn.Config(made.app, port=port, log_level="critical", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, what="the server")
    try:
        yield Open(made, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        await task


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    async with desk(tmp_path_factory.mktemp("alerts")) as made:
        sites = list(made.queries.shelters)
        await made.silence(*sites[:20], sites[33])
        await made.silence(*sites[:20])
        await made.silence(*sites[:20], sites[33])
        async with served(made) as opened:
            yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    """Hundreds of alerts in a city of 182 shelters."""
    async with desk(tmp_path_factory.mktemp("crowd"), shown=182) as made:
        await crowd(made)
        async with served(made) as opened:
            yield opened


@pytest.mark.parametrize(
    ("lang", "width", "scheme"), [("ja", 390, "dark"), ("en", 390, "light"), ("ja", 1_280, "light")]
)
async def test_it_fits_has_contrast_and_room_for_fingers(
    browser: Browser, here: Open, lang: str, width: int, scheme: str
) -> None:
    context = await browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
        extra_http_headers=HEADERS,
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    for path in ("/alerts", f"/alerts/{here.desk.watch.alerts[0].id}"):
        await page.goto(f"{here.url}{path}?lang={lang}")
        await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        assert await page.evaluate(POOR_CONTRAST) == []
        assert await page.evaluate(SMALL_TARGETS) == []
        assert await violations(page) == []
    assert faults == []
    await context.close()


async def test_an_alert_is_acknowledged_without_a_script(browser: Browser, here: Open) -> None:
    context = await browser.new_context(java_script_enabled=False, extra_http_headers=HEADERS)
    page = await context.new_page()
    alert = here.desk.watch.alerts[-1]
    await page.goto(f"{here.url}/alerts?lang=ja")
    card = page.locator(f"#{alert.id}")
    await card.get_by_label("いつまで自分が対応するか").select_option("3日")
    await card.get_by_label("メモ（任意）").fill("業者に連絡済み")
    await card.get_by_role("button", name="確認済みにする").click()
    await expect(page.get_by_text(f"{alert.id} を確認済みにしました。")).to_be_visible()
    await expect(page.locator(f"#{alert.id}")).to_contain_text("業者に連絡済み")
    await context.close()


async def test_a_crowd_fits_a_telephone_and_is_answered_by_keys_alone(browser: Browser, crowded: Open) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 800}, extra_http_headers=HEADERS)
    page = await context.new_page()
    await page.goto(f"{crowded.url}/alerts?lang=en")
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    assert await page.evaluate(POOR_CONTRAST) == []
    assert await page.evaluate(SMALL_TARGETS) == []
    assert await violations(page) == []
    group = page.locator("#g-battery")
    await group.locator(".answer > summary").focus()
    for key in ("Enter", "Tab", "3", "Tab", "X", "Tab"):
        await page.keyboard.press(key)
    await expect(group.locator("select")).to_have_value("72")
    await expect(group.get_by_label("Note")).to_have_value("X")
    await expect(group.get_by_role("button")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("182 are acknowledged.")).to_be_visible()
    await expect(page.locator("#g-battery h3")).to_contain_text("all acknowledged")

    await page.locator("#g-battery details > summary").first.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Battery has aged")
    await page.locator("details.answer > summary", has_text="Resolve by hand").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("the meter was wrong")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("is resolved.")).to_be_visible()
    await context.close()
