"""Every page of staff in a real browser, in a small city in which everything has happened.

What the pages have in common is asked of each: accessibility, the width of a phone, light and dark, on paper. What
single pages do is tested beside them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, expect

from central.web.render import PLACES
from tests.central.access.test_every_route import routes_of
from tests.central.web.axe import violations
from tests.central.web.full_life import PASSWORD, full_life
from tests.central.web.pages_of import PAGES
from tests.central.web.test_browser import CUT, POOR_CONTRAST, SMALL_TARGETS, browser
from tests.support import eventually, free_port

__all__ = ["browser"]
pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
SHELTERS = 9
SHARE = 0.05
LOADED_MS = 30_000
"""The first page of a kind takes its time where the machine is shared."""
NAVIGATION = """() => [...document.querySelectorAll('nav, button, select, .skip')].filter((e) => e.checkVisibility())
  .map((e) => e.outerHTML.slice(0, 80))"""
HEADS = """() => [...document.querySelectorAll('thead')]
  .filter((e) => e.checkVisibility()).map((e) => getComputedStyle(e))
  .filter((e) => e.position !== 'absolute').map((e) => e.display)"""
"""How heads of tables stand, but for those whose every cell bears its own label."""


@dataclass
class Open:
    """The city on a real socket, the addresses of its pages, and the cookie of somebody who sees them all."""

    url: str
    paths: list[str]
    cookie: str
    named: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    async with full_life(tmp_path_factory.mktemp("life"), SHELTERS, SHARE) as life:
        port = free_port()
        config = uvicorn.Config(life.app, port=port, log_level="critical", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        await eventually(lambda: server.started, what="the server")
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await client.post("/login", data={"login": "chief", "password": PASSWORD})
            cookie = client.cookies["shelter_session"]
        known = {route.path for route in routes_of(life.app)}
        paths = [each.format(**life.named) for path, all_ in PAGES.items() if path in known for each in all_]
        assert len(paths) > len(PLACES)
        yield Open(url, paths, cookie, life.named)
        life.city.control.end_streams()
        life.app.state.live.close()
        server.should_exit = True
        await task


@asynccontextmanager
async def visit(browser: Browser, here: Open, **how: object) -> AsyncIterator[Page]:
    """A browser in which somebody is signed in. What it complains about fails the test."""
    context = await browser.new_context(**how)  # type: ignore[arg-type]
    await context.add_cookies([{"name": "shelter_session", "value": here.cookie, "url": here.url}])
    page = await context.new_page()
    page.set_default_timeout(LOADED_MS)
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        yield page
        assert faults == []
    finally:
        await context.close()


async def shown(page: Page, here: Open, path: str, lang: str) -> None:
    answer = await page.goto(f"{here.url}{path}{'&' if '?' in path else '?'}lang={lang}")
    assert answer is not None
    assert answer.ok, path


@pytest.mark.parametrize(
    ("lang", "width", "scheme"),
    [("ja", 390, "light"), ("en", 390, "dark"), ("ja", 1_280, "light"), ("en", 1_280, "dark")],
)
async def test_every_page_fits_has_contrast_and_is_accessible(
    browser: Browser, here: Open, lang: str, width: int, scheme: str
) -> None:
    found: dict[str, object] = {}
    async with visit(browser, here, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        for path in here.paths:
            await shown(page, here, path, lang)
            await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
            faults = await page.evaluate(SMALL_TARGETS)
            # Axe takes most of the time: it sees each page in both languages, widths and schemes, not in every pair.
            faults += await (violations(page) if (lang == "ja") is (width == 390) else page.evaluate(POOR_CONTRAST))
            if await page.evaluate("document.documentElement.scrollWidth") != width:
                faults.append("it is wider")
            if faults:
                found[path] = faults
    assert found == {}


async def test_every_page_comes_out_well_on_paper(browser: Browser, here: Open) -> None:
    found: dict[str, object] = {}
    async with visit(browser, here, viewport={"width": 680, "height": 960}) as page:
        await page.emulate_media(media="print")
        for path in here.paths:
            await shown(page, here, path, "ja")
            faults = [*await page.evaluate(NAVIGATION), *await page.evaluate(CUT)]
            faults += [one for one in await page.evaluate(HEADS) if one != "table-header-group"]
            if await page.evaluate("document.documentElement.scrollWidth") != 680:
                faults.append("it is wider")
            if faults:
                found[path] = faults
    assert found == {}


@pytest.mark.parametrize(
    ("path", "fill", "button", "says"),
    [
        ("/users", {"氏名": "夜勤 太郎（架空）", "ログイン名": "night"}, "加える", "夜勤 太郎（架空）"),
        ("/users?change=viewer", {"役割": "operator"}, "保存する", "操作者"),
        ("/demand/{site_id}", {"目標（30分の平均、kW）": "40"}, "決める", "40.0 kW"),
        ("/public-status/{site_id}", {"English": "Use the side gate."}, "公開", "公開内容を変更しました。"),
        (
            "/board/{incident_id}",
            {"避難所": "{site_id}", "なぜもう一度送るか": "遠隔操作を許可した"},
            "もう一度送る",
            "返事待ち",
        ),
    ],
)
async def test_forms_work_without_a_script(
    browser: Browser, here: Open, path: str, fill: dict[str, str], button: str, says: str
) -> None:
    async with visit(browser, here, java_script_enabled=False) as page:
        await shown(page, here, path.format(**here.named), "ja")
        form = page.locator("main form").filter(has=page.get_by_role("button", name=button)).first
        for label, value in fill.items():
            field = form.get_by_label(label).first
            if await field.evaluate("(e) => e.tagName") == "SELECT":
                await field.select_option(value.format(**here.named))
            else:
                await field.fill(value)
        await form.get_by_role("button", name=button).first.click()
        await expect(page.locator("main")).to_contain_text(says)
