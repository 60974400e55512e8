"""The pages with the keyboard alone: every stop can be seen, nothing holds one fast, an incident can be opened."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from tests.central.board.test_board_browser import Served, served, signed_in
from tests.central.web.test_browser import browser

__all__ = ["browser", "served"]
pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]
STOPS_MAX = 120
STILL = {"reduced_motion": "reduce"}
"""Else the page is still on its way to where the focus is."""
STOP = """() => {
  const e = document.activeElement;
  if (e === document.body) return null;
  const seen = getComputedStyle(e);
  const box = e.getBoundingClientRect();
  return {
    what: e.outerHTML.slice(0, 120),
    text: (e.labels && e.labels.length ? e.labels[0].textContent : e.textContent).trim(),
    outline_px: seen.outlineStyle === "none" ? 0 : parseFloat(seen.outlineWidth),
    is_in_sight: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""
FOCUSABLE = """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")]
  .filter((e) => e.tabIndex >= 0 && e.type !== "hidden" && e.checkVisibility()).length"""


async def step(page: Page) -> str | None:
    """Go on to the next stop, which has to be seen; its text, or ``None`` behind the last one."""
    await page.keyboard.press("Tab")
    stop = await page.evaluate(STOP)
    if stop is None:
        return None
    assert stop["outline_px"] >= 2, f"focus can't be seen: {stop['what']}"
    assert stop["is_in_sight"], f"focus is out of sight: {stop['what']}"
    return str(stop["text"])


async def reach(page: Page, text: str) -> None:
    """Tab until a stop says a text."""
    passed = []
    for _ in range(STOPS_MAX):
        passed.append(await step(page))
        if passed[-1] is not None and text in str(passed[-1]):
            return
    raise AssertionError(f"{text!r} is not reached: {passed}")


@pytest.mark.parametrize("path", ["/", "/board", "/board/new", "/rules", "/account"])
async def test_every_stop_is_seen_and_none_is_a_trap(browser: Browser, served: Served, path: str) -> None:
    async with signed_in(browser, served, "operator", width=1_280, script=False, **STILL) as page:
        await page.goto(f"{served.url}{path}?lang=ja")
        assert await step(page) == "本文へ移動"
        stops = 1
        while await step(page) is not None:
            stops += 1
            assert stops < STOPS_MAX
        focusable = await page.evaluate(FOCUSABLE)
        # Of the radio buttons of one name the keyboard stops at one.
        radios = "[...new Set([...document.querySelectorAll('input[type=radio]')].map((e) => e.name))].length"
        several = await page.locator("input[type=radio]").count() - await page.evaluate(radios)
        assert stops == focusable - several


async def test_the_skip_link_leads_past_the_navigation(browser: Browser, served: Served) -> None:
    async with signed_in(browser, served, "operator", width=1_280, **STILL) as page:
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        assert await step(page) == "切り替えを始める"


async def test_an_incident_is_opened_and_stood_down_without_a_pointer(browser: Browser, served: Served) -> None:
    async with signed_in(browser, served, "operator", width=1_280, **STILL) as page:
        await reach(page, "切り替えを始める")
        await page.keyboard.press("Enter")
        await expect(page.locator("[aria-current=step]")).to_have_text("どこを")
        await reach(page, "美浜区")
        await page.keyboard.press("Space")
        await reach(page, "次へ")
        await page.keyboard.press("Enter")
        await expect(page.locator("[aria-current=step]")).to_have_text("どうする・なぜ")
        await reach(page, "荒天準備")
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_label("非常用")).to_be_checked()
        await reach(page, "理由")
        await page.keyboard.type("台風15号 接近")
        await page.keyboard.press("Enter")
        await expect(page.locator("[aria-current=step]")).to_have_text("確認して実行")
        await reach(page, "実行する")
        await page.keyboard.press("Enter")
        await expect(page.locator(".phase")).to_contain_text("発動中")
        await reach(page, "理由")
        await page.keyboard.type("警報解除")
        await page.keyboard.press("Enter")
        await expect(page.locator(".phase")).to_contain_text("解除中")
