"""The single sign-on in Chromium: forms, redirects and the content policy together, at a phone's width."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import ConsoleMessage, async_playwright, expect

from tests.central.access.parts import PASSWORD
from tests.central.access.test_signon import place
from tests.central.web.test_browser import ARGUMENTS
from tests.support import eventually, find_program, free_port


@pytest.mark.chromium
async def test_signing_in_linking_and_signing_out(tmp_path: Path) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    said: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            said.append(message.text)

    async with place(tmp_path, origin=origin) as here, async_playwright() as playwright:
        config = uvicorn.Config(
            here.town.app, host="127.0.0.1", port=port, log_level="critical", timeout_graceful_shutdown=2
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await eventually(lambda: server.started, what="the server")
        browser = await playwright.chromium.launch(executable_path=find_program("chromium"), args=ARGUMENTS)
        context = await browser.new_context(viewport={"width": 390, "height": 800}, locale="ja-JP")
        page = await context.new_page()
        page.on("console", heard)

        # Somebody new, straight to the page that was asked for.
        await page.goto(f"{origin}/account?lang=ja")
        await page.get_by_role("link", name="市の統合認証でログインする").click()
        await page.wait_for_url(f"{origin}/account?lang=ja")
        await expect(page.get_by_text("パスワードはここにはありません")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing hangs out of a phone"
        await page.get_by_role("button", name="ログアウトする").click()
        await expect(page.get_by_role("link", name="市の統合認証からログアウトする")).to_be_visible()

        # Somebody who is here already links, and comes in without a password the next time.
        here.provider.person = {"sub": "2", "preferred_username": "operator", "name": "Operator", "groups": ["staff"]}
        await page.fill("#login", "operator")
        await page.fill("#password", PASSWORD)
        await page.get_by_role("button", name="ログインする").click()
        await page.goto(f"{origin}/account?lang=ja")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.get_by_role("link", name="市の統合認証と連携する").click()
        await expect(page.get_by_role("heading", name="連携の確認")).to_be_visible()
        await page.get_by_role("button", name="市の統合認証と連携する").click()
        await expect(page.get_by_role("status")).to_have_text("連携しました。")
        await page.get_by_role("button", name="ログアウトする").click()
        await page.get_by_role("link", name="市の統合認証でログインする").click()
        await page.goto(f"{origin}/account?lang=en")
        await expect(page.get_by_text("You can also sign in with")).to_be_visible()
        assert said == []
        await browser.close()
        server.should_exit = True
        here.town.app.state.live.close()
        await asyncio.wait_for(serving, 10)
