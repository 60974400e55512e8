"""The board in a real browser: with and without a script, on a phone and on a desk, by two people at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, Route, StorageState, expect

from central.core.incidents import Act, Incident, Phase
from central.core.scope import Scope, ScopeKind
from contract.steering import Reason, Stage
from tests.central.access.parts import PASSWORD
from tests.central.board.parts import Place, place
from tests.central.board.test_rules_page import desk_of
from tests.central.control.parts import BACKUP
from tests.central.web.test_browser import CUT, POOR_CONTRAST, SMALL_TARGETS, WAIT_MS, browser
from tests.support import eventually, free_port

__all__ = ["browser"]
pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]
DONE = (Stage.ACCEPTED, Stage.WRITTEN, Stage.READ_BACK, Stage.VERIFIED)
WARD = "美浜区"


@dataclass
class Served:
    """The place at an address."""

    here: Place
    url: str
    known: dict[str, StorageState] = field(default_factory=dict)
    """Login → cookies of a browser in which that person is signed in."""

    async def failing(self) -> tuple[Incident, str]:
        """An active incident for a ward, the only one, and the shelter in it that did not obey."""
        control = self.here.city.control
        for one in list(control.incidents.values()):
            if one.phase is Phase.ACTIVE:
                await control.end(one.id, Act.STAND_DOWN, by="田中", why="終わり")
            if one.phase is not Phase.CLOSED:
                await control.end(one.id, Act.CLOSE, by="田中", why="終わり", anyway=True)
        made = await control.declare(BACKUP, Scope(ScopeKind.WARD, (WARD,)), by="田中", why="台風15号 接近")
        incident = await control.confirm(made.id, by="田中", why="台風15号 接近")
        site = self.ordered(incident)[0]
        await self.tell(site, Stage.ACCEPTED, Stage.FAILED, reason=Reason.PLANT_DISOBEYS)
        return incident, site

    def ordered(self, incident: Incident) -> list[str]:
        return sorted(incident.sites & self.here.city.control.fleet.orders.keys())

    async def tell(self, site: str, *stages: Stage, reason: Reason = Reason.NONE) -> None:
        revision = self.here.city.control.fleet.orders[site].revision
        await self.here.city.tell(site, *stages, reason=reason, revision=revision)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with place(tmp_path_factory.mktemp("board")) as here:
        desk_of(here)
        port = free_port()
        config = uvicorn.Config(
            here.app, host="127.0.0.1", port=port, log_level="critical", timeout_graceful_shutdown=2
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        await eventually(lambda: server.started, what="the server")
        yield Served(here, f"http://127.0.0.1:{port}")
        here.city.control.end_streams()
        server.should_exit = True
        await asyncio.wait_for(task, 10)


@asynccontextmanager
async def signed_in(
    browser: Browser,
    served: Served,
    login: str,
    *,
    width: int = 390,
    script: bool = True,
    lang: str = "ja",
    **more: str,
) -> AsyncIterator[Page]:
    """A browser in which somebody is signed in, at the board. What it complains about fails the test."""
    context = await browser.new_context(
        viewport={"width": width, "height": 800},
        java_script_enabled=script,
        storage_state=served.known.get(login),
        **more,  # type: ignore[arg-type]
    )
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if login not in served.known:
        await page.goto(f"{served.url}/login?next=%2Fboard&lang={lang}")
        await page.locator("input[name=login]").fill(login)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.locator("button[type=submit]").click()
        await page.wait_for_url(re.compile(r"^(?!.*/login)"))
        served.known[login] = await context.storage_state()
    await page.goto(f"{served.url}/board?lang={lang}")
    try:
        yield page
        assert [text for text in complaints if "ERR_FAILED" not in text] == []
    finally:
        await context.close()


async def test_without_a_script_a_ward_is_switched_watched_and_released(browser: Browser, served: Served) -> None:
    control = served.here.city.control
    async with signed_in(browser, served, "operator", script=False) as page:
        await page.get_by_role("link", name="切り替えを始める").click()
        await page.get_by_label(re.compile(WARD)).first.check()
        await page.get_by_role("button", name="次へ").click()
        await page.get_by_label("非常用").check()
        await page.get_by_label("理由").fill("台風15号 接近")
        await page.get_by_role("button", name="次へ").click()
        await expect(page.get_by_text("対象 2 か所")).to_be_visible()
        await page.go_back()
        await expect(page.get_by_label("非常用")).to_be_checked()
        await page.get_by_role("button", name="次へ").click()
        await page.locator("button.do").click()
        await expect(page.locator(".phase")).to_contain_text("発動中")
        incident = control.incidents[re.findall(r"/board/([^?]+)", page.url)[0]]
        ordered = served.ordered(incident)
        await expect(page.locator("progress")).to_have_attribute("value", "0")
        for site in ordered:
            await served.tell(site, *DONE)
        await page.get_by_role("link", name="再読み込み").first.click()
        await expect(page.locator(".bar-line")).to_contain_text(
            f"{len(ordered)}か所のうち{len(ordered)}か所の動作を確認"
        )
        await page.get_by_label("理由（記録に残ります）").fill("警報解除")
        await page.get_by_role("button", name="解除を始める").click()
        await expect(page.locator(".phase")).to_contain_text("解除中")
        await page.get_by_label("理由（記録に残ります）").fill("全施設の復帰を確認")
        for site in ordered:
            await served.tell(site, *DONE)
        await page.get_by_role("button", name="事案を終了する").click()
        await expect(page.locator(".phase")).to_contain_text("終了")
        assert control.incidents[incident.id].phase is Phase.CLOSED


async def test_receipts_arrive_by_themselves_and_what_was_unfolded_stays(browser: Browser, served: Served) -> None:
    incident, failed = await served.failing()
    other = next(site for site in served.ordered(incident) if site != failed)
    async with signed_in(browser, served, "operator", lang="en") as page:
        await page.goto(f"{served.url}/board/{incident.id}?lang=en")
        await expect(page.locator("#link")).to_have_text("Live")
        await expect(page.locator("[data-word=failed]")).to_contain_text("needs a crew")
        await page.get_by_label("Reason").fill("half written")
        await served.tell(other, *DONE)
        await expect(page.locator("progress")).to_have_attribute("value", "1")
        await expect(page.get_by_label("Reason")).to_have_value("half written")
        await page.locator("[data-fold=done] summary").click()
        await expect(page.locator(f'#again-site option[value="{failed}"]')).to_have_count(1)
        await page.get_by_label("Reason").fill("")
        await page.get_by_label("Reason").blur()
        await served.tell(failed, *DONE)
        await expect(page.locator("progress")).to_have_attribute("value", "2")
        await expect(page.locator("[data-fold=done]")).to_have_attribute("open", "")
        await expect(page.locator("[data-word=failed]")).to_have_count(0)
        # Forms that nobody has touched follow: there is nobody left to send it to again.
        await expect(page.locator("#again-site")).to_have_count(0)


async def test_a_page_whose_link_is_gone_says_so_until_it_is_back(browser: Browser, served: Served) -> None:
    incident, _ = await served.failing()

    async def cut(route: Route) -> None:
        await route.abort()

    async with signed_in(browser, served, "operator", lang="en") as page:
        await page.route("**/stream", cut)
        await page.goto(f"{served.url}/board/{incident.id}?lang=en")
        await expect(page.locator("#link")).to_have_text("Reconnecting (values are getting old)")
        await page.unroute("**/stream")
        await expect(page.locator("#link")).to_have_text("Live")


async def test_the_whole_city_waits_for_another_person_and_the_page_turns(browser: Browser, served: Served) -> None:
    async with (
        signed_in(browser, served, "operator", lang="en") as mine,
        signed_in(browser, served, "admin", width=1_280, script=False) as theirs,
    ):
        await mine.goto(f"{served.url}/board/new/preview?kind=city&mode=backup&why=typhoon&lang=en")
        await mine.get_by_role("button", name="Declare it").click()
        await expect(mine.get_by_text("You declared it")).to_be_visible()
        await expect(mine.locator("#link")).to_have_text("Live")
        incident = re.findall(r"/board/([^?]+)", mine.url)[0]
        await theirs.reload()
        await theirs.get_by_role("link", name=re.compile(f"{incident} の内容を見て")).click()
        await theirs.get_by_label("理由（記録に残ります）").fill("確認")
        await theirs.get_by_role("button", name="承認して実行する").click()
        await expect(theirs.locator(".phase")).to_contain_text("発動中")
        await expect(mine.locator(".phase")).to_contain_text("Active")
        await expect(mine.get_by_role("button", name="Stand it down")).to_be_visible()


@pytest.mark.parametrize(
    ("width", "lang", "scheme"),
    [(390, "ja", "dark"), (390, "en", "light"), (1_280, "ja", "light"), (1_280, "en", "dark")],
)
async def test_pages_fit_have_contrast_and_room_for_fingers(
    browser: Browser, served: Served, width: int, lang: str, scheme: str
) -> None:
    incident, _ = await served.failing()
    draft = "kind=ward&wards=%E7%BE%8E%E6%B5%9C%E5%8C%BA&mode=backup&why=x"
    paths = (
        "",
        f"/{incident.id}",
        f"/{incident.id}/crew",
        "/dispatch",
        "/new",
        f"/new/mode?{draft}",
        f"/new/preview?{draft}",
    )
    async with signed_in(browser, served, "operator", width=width, lang=lang, color_scheme=scheme) as page:
        for path in (*(f"/board{path}" for path in paths), "/rules"):
            await page.goto(f"{served.url}{path}{'&' if '?' in path else '?'}lang={lang}")
            await expect(page.locator("h1")).to_have_count(1)
            await page.evaluate("document.querySelectorAll('details').forEach((e) => (e.open = true))")
            assert await page.evaluate("document.documentElement.scrollWidth") == width, path
            assert await page.evaluate(POOR_CONTRAST) == [], path
            assert await page.evaluate(SMALL_TARGETS) == [], path
            assert await page.evaluate(UNNAMED) == [], path


async def test_the_crew_list_prints_what_a_crew_needs_and_no_buttons(browser: Browser, served: Served) -> None:
    _, failed = await served.failing()
    async with signed_in(browser, served, "operator", width=794) as page:
        await page.goto(f"{served.url}/board/crew?lang=ja")
        await page.emulate_media(media="print")
        await expect(page.get_by_text(failed)).to_be_visible()
        await expect(page.get_by_role("link", name="CSV で保存")).to_be_hidden()
        await expect(page.locator("nav")).to_be_hidden()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 794
        assert await page.evaluate(CUT) == [], "paper does not scroll"


UNNAMED = """() => [...document.querySelectorAll('input:not([type=hidden]), select, button, a[href], summary')]
  .filter((e) => e.checkVisibility() && !e.textContent.trim() && !e.ariaLabel && !(e.labels && e.labels.length))
  .map((e) => e.outerHTML.slice(0, 80))"""
