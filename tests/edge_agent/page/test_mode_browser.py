"""The switch on site on a phone, and the card on one sheet of paper. In a real browser."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from contract.steering import Mode, Reason, Source, Stage
from edge_agent.config import parse_config
from edge_agent.core.standing import Position, Switch
from edge_agent.core.upcoming import Next
from edge_agent.io.state_file import read_switch, switch_path
from edge_agent.page.addresses import Listen
from edge_agent.page.card import card_of, write_card
from edge_agent.page.pin import new_pin
from edge_agent.page.serving import parts_over
from edge_agent.page.site import serving
from tests.edge_agent.page.conftest import NOW_MS
from tests.edge_agent.page.test_browser import CONTRAST, PIN, browser, fits, log_in, phone
from tests.edge_agent.page.test_mode import BACKUP, WAITING, Steered, raw_config

__all__ = ["browser"]

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(120)]

PICTURES = os.environ.get("PAGE_PICTURES", "")
"""A folder for pictures, for whoever wants to look."""


SOME = (
    "パワコン前面の「自立運転」を「入」にし、緑の表示灯を待つ。",
    "Turn the front switch to stand-alone; wait for the green light.",
)
MOST = (
    "主幹を切り、パワコンの表示が「停止」になるまで五分ほど待ち、扉を閉めてから次へ進む。",
    "Open the main breaker; wait until it says off.",
)


def told(both: tuple[str, str], times: int) -> dict[str, object]:
    """A section ``steering`` with so many steps by hand."""
    ja, en = ("\n".join(f"{n}. {step}" for n in range(1, times + 1)) for step in both)
    return {"stand_alone": "by_hand", "by_hand": {"ja": ja, "en": en}}


STEERED: dict[str, dict[str, object]] = {
    "none": {},
    "few": told(SOME, 4),
    "some": told(SOME, 8),
    "most": told(MOST, 19),
}
"""What a site file says of steps by hand: none, four, eight, and as many as it may."""


@asynccontextmanager
async def steered_page(folder: Path) -> AsyncIterator[tuple[str, Steered]]:
    """The page of a steered shelter whose state the test sets."""
    steered = Steered(parse_config(raw_config(), folder / "site.yaml"))
    new_pin(folder / "page.pin", PIN)
    parts = parts_over(folder, Listen("127.0.0.1", 0), folder / "page.pin")
    async with serving(replace(parts, config=lambda: steered.config, shelter=lambda: steered.now)) as port:
        yield f"http://127.0.0.1:{port}", steered


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_the_mode_on_a_phone(browser: Browser, tmp_path: Path, lang: str) -> None:
    async with steered_page(tmp_path) as (url, steered), phone(browser, lang=lang) as page:
        steered.now = WAITING
        await log_in(page, url)
        await expect(page.locator("a.strip")).to_be_visible()
        await fits(page)
        await page.locator("a.strip").click()
        await expect(page.locator(".hand li")).to_have_count(3)
        await fits(page)
        assert await page.evaluate(CONTRAST) == []
        await picture(page, f"mode-{lang}")
        steered.now = replace(BACKUP, stage=Stage.FAILED, reason=Reason.DEVICE_DARK, next=Next.GRID)
        await expect(page.locator(".mode")).to_have_class("box bad mode")
        await expect(page.locator(".hand")).to_have_count(0)
        await fits(page)
        assert await page.evaluate(CONTRAST) == []
        for position in ("auto", "backup", "normal", "isolate", "maintenance"):
            await page.goto(f"{url}/mode/{position}")
            await fits(page)
            assert await page.evaluate(CONTRAST) == []
            await picture(page, f"mode-{position}-{lang}")


async def test_isolating_wants_a_tick_and_the_city_cannot_take_it_back(browser: Browser, tmp_path: Path) -> None:
    async with steered_page(tmp_path) as (url, steered), phone(browser) as page:
        await log_in(page, url)
        await page.goto(f"{url}/mode")
        await page.locator("a[href='/mode/isolate']").click()
        await page.locator("main form button").click()
        assert steered.switch() is None, "the browser itself asks for the tick"
        await page.check("input[name=sure]")
        await page.locator("main form button").click()
        await expect(page).to_have_url(f"{url}/mode")
        switch = read_switch(switch_path(steered.config.outbox.path))
        assert switch is not None
        assert switch.position is Position.ISOLATE
        steered.now = replace(BACKUP, mode=Mode.ISOLATED, source=Source.LOCAL_SWITCH, next=Next.ISOLATED, switch=switch)
        await expect(page.locator(".mode strong")).to_have_text("切り離し")
        await expect(page.locator("[aria-current=true]")).to_contain_text("切り離し")


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("steps", STEERED)
async def test_the_card_is_one_sheet(browser: Browser, tmp_path: Path, lang: str, steps: str) -> None:
    config = parse_config(raw_config(steering=STEERED[steps]), tmp_path / "site.yaml")
    shown = card_of(config, lang, address="192.168.10.5:8080", scheme="http", printed_ms=NOW_MS)
    out = tmp_path / "card.html"
    out.write_text(write_card(shown, lang), encoding="utf-8")
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    try:
        page = await context.new_page()
        await page.goto(out.as_uri())
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        printed = await page.pdf(prefer_css_page_size=True)
        assert printed.count(b"/Type /Page\n") == 1
        if PICTURES:
            await page.set_viewport_size({"width": 794, "height": 1123})
            await page.emulate_media(media="print")
            await picture(page, f"card-{lang}-{steps}")
    finally:
        await context.close()


def test_a_switch_that_was_never_turned_stands_at_auto(tmp_path: Path) -> None:
    assert (Steered(parse_config(raw_config(), tmp_path / "site.yaml")).switch() or Switch()).position is Position.AUTO
