"""What a person does in the city's pages, in either language: signs in, opens an incident, watches, prints, ends it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import Browser, Locator, Page, expect

from central.web.catalogue import CATALOGUES, Catalogue, Lang
from tests.central.web.axe import SCRIPT, violations
from tests.central.web.test_browser import SMALL_TARGETS

WAIT_MS = 20_000
WIDE, PHONE = 1_280, 390


@dataclass
class Walker:
    """A person at a browser. ``visited``: the pages whose rules were checked."""

    page: Page
    url: str
    words: Catalogue
    width: int
    visited: list[str]

    @property
    def lang(self) -> str:
        return self.words.lang.value

    def button(self, key: str) -> Locator:
        return self.page.get_by_role("button", name=self.words(key), exact=True)

    async def go(self, path: str) -> None:
        await self.page.goto(f"{self.url}{path}{'&' if '?' in path else '?'}lang={self.lang}")

    async def check(self) -> None:
        """The page that is open fits, says its language, has room for fingers and breaks no serious rule of axe."""
        page, where = self.page, re.sub(r"https?://[^/]+", "", self.page.url)
        await expect(page.locator("html")).to_have_attribute("lang", self.lang)
        await expect(page.locator("h1")).to_have_count(1)
        assert await page.evaluate("document.documentElement.scrollWidth") == self.width, where
        assert await page.evaluate(SMALL_TARGETS) == [], where
        if SCRIPT.is_file():  # Without it the tests of axe are skipped by name; the walk is walked all the same.
            assert await violations(page) == [], where
        self.visited.append(where)

    async def sign_in(self, login: str, password: str) -> None:
        await self.go("/")
        await expect(self.page).to_have_url(re.compile("/login"))
        await self.check()
        await self.page.get_by_label(self.words("login_name"), exact=True).fill(login)
        await self.page.get_by_label(self.words("login_password"), exact=True).fill(password)
        await self.button("login_do").click()

    async def choose_password(self, before: str, new: str) -> None:
        """The one-time password opens this page and nothing else."""
        await expect(self.page).to_have_url(re.compile("/account"))
        await self.go("/board")
        await expect(self.page).to_have_url(re.compile("/account"))
        await self.go("/account")
        await self.check()
        await self.page.get_by_label(self.words("password_before"), exact=True).fill(before)
        await self.page.locator("#new").fill(new)
        await self.page.locator("#again").fill(new)
        await self.button("password_do").click()
        await expect(
            self.page.get_by_role("status").filter(has_text=self.words("account_done.password"))
        ).to_be_visible()

    async def add_operator(self, login: str, name: str) -> str:
        """Make somebody; the one-time password that the page shows once."""
        await self.go("/users")
        await self.check()
        await self.page.get_by_label(self.words("users_name"), exact=True).fill(name)
        await self.page.get_by_label(self.words("users_login"), exact=True).fill(login)
        await self.page.locator("input[name=role][value=operator]").check()
        await self.button("users_add_do").click()
        return str(await self.page.locator(".secret").text_content()).strip()

    async def look_at_city(self, sites: int) -> None:
        await self.go("/")
        await expect(self.page.locator("#badge-word")).to_have_text(self.words("live"))
        await expect(self.page.locator("#rows tr")).to_have_count(sites)
        await self.check()

    async def open_incident(self, ward: str, why: str) -> str:
        """Three steps for one ward; the incident's id."""
        await self.page.get_by_role("link", name=self.words("nav_board"), exact=True).first.click()
        await expect(self.page.locator("h1")).to_have_text(self.words("nav_board"))
        await self.check()
        await self.page.get_by_role("link", name=self.words("board_open"), exact=True).click()
        await self.page.locator(f'input[name=wards][value="{ward}"]').check()
        await self.check()
        await self.button("board_next").click()
        await self.page.get_by_label(self.words("board_mode.backup"), exact=True).check()
        await self.page.get_by_label(self.words("board_why"), exact=True).fill(why)
        await self.check()
        await self.button("board_next").click()
        await expect(self.page.locator("button.do")).to_be_visible()
        await self.check()
        await self.page.locator("button.do").click()
        await self.phase("active")
        return str(re.findall(r"/board/([^?]+)", self.page.url)[0])

    async def phase(self, name: str) -> None:
        await expect(self.page.locator(".phase")).to_contain_text(self.words(f"board_phase.{name}"))

    async def watch(self, done: int) -> None:
        """Receipts arrive by themselves: nothing is clicked, and the page is the same one."""
        await expect(self.page.locator("#link")).to_have_text(self.words("live"))
        await self.page.evaluate("window.stayed = true")
        await expect(self.page.locator("progress")).to_have_attribute("value", str(done), timeout=90_000)
        assert await self.page.evaluate("window.stayed") is True
        await self.check()

    async def print_crew_list(self, incident: str, site: str) -> bytes:
        """The list as a printer gets it, with the shelter that gave no answer."""
        await expect(self.page.locator("[data-word=no_answer]").or_(self.page.locator(".trouble"))).not_to_have_count(
            0, timeout=60_000
        )
        await self.go(f"/board/{incident}/crew")
        await expect(self.page.get_by_text(site)).to_be_visible()
        await self.check()
        await self.page.emulate_media(media="print")
        await expect(self.page.get_by_text(site)).to_be_visible()
        await expect(self.page.locator("nav")).to_be_hidden()
        await expect(self.page.get_by_role("link", name=self.words("board_csv"))).to_be_hidden()
        sheet = await self.page.pdf(format="A4")
        await self.page.emulate_media(media="screen")
        return sheet

    async def end(self, incident: str, why: str) -> None:
        await self.go(f"/board/{incident}")
        await self.page.get_by_label(self.words("board_why"), exact=True).fill(why)
        await self.button("board_stand_down_do").click()
        await self.phase("standing_down")
        await self.check()
        await self.page.get_by_label(self.words("board_why"), exact=True).fill(why)
        await self.page.locator("input[name=anyway]").check()
        await self.button("board_close_do").click()
        await self.phase("closed")
        await self.check()


@asynccontextmanager
async def walker(browser: Browser, url: str, lang: Lang, width: int, visited: list[str]) -> AsyncIterator[Walker]:
    """Somebody with a fresh browser. What the browser complains about fails the walk."""
    context = await browser.new_context(viewport={"width": width, "height": 844})
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield Walker(page, url.rstrip("/"), CATALOGUES[lang], width, visited)
        assert [text for text in complaints if "/live/" not in text and "/stream" not in text] == []
    finally:
        await context.close()
