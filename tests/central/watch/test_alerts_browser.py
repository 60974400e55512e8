"""The page of alerts in a real browser: phone and desk, light and dark, and a form without a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, expect

from tests.central.watch.test_alert_pages import TOKEN, Desk, desk
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    async with desk(tmp_path_factory.mktemp("alerts")) as made:
        sites = list(made.queries.shelters)
        await made.silence(*sites[:20], sites[33])
        await made.silence(*sites[:20])
        await made.silence(*sites[:20], sites[33])
        port = free_port()
        config = uvicorn.Config(made.app, port=port, log_level="critical", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        await eventually(lambda: server.started, what="the server")
        yield Open(made, f"http://127.0.0.1:{port}")
        server.should_exit = True
        await task


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
