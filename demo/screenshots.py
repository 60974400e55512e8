"""``python -m demo.screenshots``: pictures of the main pages at two widths, in two languages, light and dark.

They are looked at by people before a release and are not kept with the code. Without an address it starts a synthetic
city in which a ward has no grid and another one is switched to backup.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urljoin

import typer
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from playwright.async_api import Error as BrowserError
from rich.console import Console
from rich.progress import Progress

from demo.accounts import Pass, read_people
from demo.broker import find_program
from demo.house import House, Plan, program
from demo.operator import CONFIRMS, DECLARES, by_command
from demo.processes import ChildError
from demo.running import Stop, all_online, all_proven, staff, stop_on_signal, unless_stopped
from simulator.fleet import build
from simulator.liars import liars_of

SCENARIO: Final = "ward_blackout"
DARK_WARD: Final = "緑区"
"""Has no grid in that scenario: its shelters go to backup by themselves, and nobody has to visit them."""
WHY: Final = "台風15号 接近（実演）"
LIARS: Final = 0.08
"""Share of inverters that do not do what they say: the board has somebody to visit."""
SETTLE_S: Final = 90.0
"""From the start of the world to the pictures, at least: the ward's grid has failed by then."""
CREW_S: Final = 240.0
"""At most so long the pictures wait for a shelter that somebody has to visit."""
WIDTHS: Final = (1280, 390)
LANGS: Final = ("ja", "en")
SCHEMES: Final = ("light", "dark")
TALL_MAX: Final = 4_000
"""Below it there are only more rows of the same table. px."""
PAGE_MS: Final = 20_000
BROWSER_ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SIGNED_IN: Final = "operator1"

console = Console(stderr=True)
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Look:
    """One picture: what of, how wide, in which language, light or dark."""

    page: str
    path: str
    width: int
    lang: str
    scheme: str

    @property
    def file(self) -> str:
        """Its name; those of a page stand together."""
        return f"{self.page}-{self.width}-{self.lang}-{self.scheme}.png"


def looks(pages: dict[str, str]) -> Iterator[Look]:
    """Every picture of the given pages, name → path."""
    for width, lang, scheme, (name, path) in product(WIDTHS, LANGS, SCHEMES, pages.items()):
        yield Look(name, path, width, lang, scheme)


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    chromium = find_program("chromium")
    if chromium is None:
        raise ChildError("the pictures need Chromium: apt install chromium fonts-noto-cjk")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(BROWSER_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


async def _sign_in(browser: Browser, url: str, one: Pass) -> BrowserContext:
    context = await browser.new_context()
    page = await context.new_page()
    page.set_default_timeout(PAGE_MS)
    await page.goto(urljoin(url, "login?lang=en"))
    await page.locator("input[name=login]").fill(one.login)
    await page.locator("input[name=password]").fill(one.password)
    await page.locator("button[type=submit]").click()
    await page.wait_for_url(lambda where: "/login" not in where)
    await page.close()
    return context


async def _pages(context: BrowserContext, url: str) -> dict[str, str]:
    """The main pages of this city: the shelter with the fewest hours left, and the newest incident that goes on."""
    found = {"city": "/", "board": "/board", "fleet": "/fleet", "alerts": "/alerts"}
    found |= {"demand": "/demand", "reports": "/reports"}
    page = await context.new_page()
    await page.goto(urljoin(url, "/"))
    shelter = await page.locator("#rows a").first.get_attribute("href")
    found["shelter"] = str(shelter).partition("?")[0]
    await page.goto(urljoin(url, "/board"))
    incidents = page.locator('main a[href^="/board/I"]')
    if await incidents.count():
        incident = str(await incidents.first.get_attribute("href")).partition("?")[0]
        found |= {"incident": incident, "crew": "/board/crew"}
    public = await page.goto(urljoin(url, "/public/ja"))
    if public is not None and public.ok:
        found["public"] = "/public/{lang}"
    await page.close()
    return found


async def _take(browser: Browser, context: BrowserContext, url: str, folder: Path, stop: Stop) -> int:
    todo = list(looks(await _pages(context, url)))
    state = await context.storage_state()
    taken = 0
    with Progress(console=console) as progress:
        task = progress.add_task("pictures", total=len(todo))
        for look in todo:
            if stop.event.is_set():
                break
            progress.update(task, description=look.file)
            shown = await browser.new_context(
                viewport={"width": look.width, "height": 900},
                color_scheme="dark" if look.scheme == "dark" else "light",
                storage_state=state,
            )
            try:
                await _shoot(await shown.new_page(), look, url, folder)
            finally:
                await shown.close()
            taken += 1
            progress.advance(task)
    return taken


async def _shoot(page: Page, look: Look, url: str, folder: Path) -> None:
    page.set_default_timeout(PAGE_MS)
    path = f"{look.path.format(lang=look.lang)}?lang={look.lang}"
    answer = await page.goto(urljoin(url, path), wait_until="load")
    if answer is None or not answer.ok:
        raise ChildError(f"{look.path} answered {answer.status if answer else 'nothing'}: is somebody signed in?")
    await page.evaluate("document.fonts.ready.then(() => true)")
    tall = min(TALL_MAX, int(await page.evaluate("document.documentElement.scrollHeight")))
    shot = folder / look.file
    await page.screenshot(path=shot, full_page=True, clip={"x": 0, "y": 0, "width": look.width, "height": tall})


async def _open_to_public(context: BrowserContext, url: str, ward: str) -> None:
    """Say of a ward's shelters that they are open, as staff do, so that the public page has something to show."""
    page = await context.new_page()
    page.set_default_timeout(PAGE_MS)
    await page.goto(urljoin(url, f"/public-status?ward={ward}&lang=en"))
    form = page.locator('form[action^="/public-status"][method="post"]')
    await form.locator('input[name="opening"][value="open"]').check()
    for box in await form.locator('input[type="checkbox"]').all():
        await box.check()
    await form.locator("button").click()
    await page.wait_for_url("**saved=*")
    await page.close()


async def _of(url: str, people: Sequence[Pass], folder: Path, stop: Stop, *, ward: str = "") -> int:
    """``ward``: whose shelters are opened to the public first; empty: the city stays as it is."""
    one = next((each for each in people if each.login == SIGNED_IN), people[0])
    async with _browser() as browser:
        context = await _sign_in(browser, url, one)
        if ward:
            await _open_to_public(context, url, ward)
        return await _take(browser, context, url, folder, stop)


async def _of_a_demo(sites: int, folder: Path, stop: Stop) -> int:
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {text}", highlight=False)

    with tempfile.TemporaryDirectory(prefix="shelter-screenshots-") as place:
        plan = Plan(
            folder=Path(place), sites=sites, scenario=SCENARIO, liars=LIARS, hold=True, steering={"verified_s": 45.0}
        )
        async with House(plan, say) as house:
            await unless_stopped(house.prepare(), stop)
            await unless_stopped(house.start(), stop)
            await all_online(house, stop, say, began)
            await all_proven(house, stop, say)
            async with staff(house, say):
                ends = time.monotonic() + SETTLE_S
                ask = by_command(program("shelter-central"), house.central_folder)
                ward = await _ward_of_liars(house)
                where = ["--ward", ward, "--mode", "backup"]
                made = await ask(["open", *where, "--by", DECLARES, "--why", WHY])
                await ask(["confirm", made["id"], "--by", CONFIRMS, "--why", WHY, "--yes", "--wait", "0"])
                say(f"{ward} is switched to backup; pictures when somebody has to be visited")
                await stop.within(ends - time.monotonic())
                while not await _crew(house) and time.monotonic() < ends + CREW_S:
                    if await stop.within(1.0):
                        break
                return await _of(house.url, house.passes, folder, stop, ward=ward)


async def _ward_of_liars(house: House) -> str:
    """Where most inverters do not do what they say, so that the crew list of that ward is not empty."""
    plan = house.plan
    wards: dict[str, str] = {one["id"]: one["ward"] for one in await house.shelters()}
    liars = liars_of(build(plan.sites, plan.seed), plan.seed, plan.liars)
    counts = Counter(wards[site] for site in liars if wards.get(site, DARK_WARD) != DARK_WARD)
    return counts.most_common(1)[0][0] if counts else next(ward for ward in wards.values() if ward != DARK_WARD)


async def _crew(house: House) -> int:
    """How many shelters somebody has to visit."""
    found = await house.ask("api/v1/crew")
    return len(found["shelters"]) if found else 0


@app.command()
def main(
    url: Annotated[str, typer.Option(help="A running city's address; without it a synthetic one is started.")] = "",
    accounts: Annotated[
        Path | None, typer.Option(help='With --url: who signs in, as JSON [{"login": …, "password": …}].')
    ] = None,
    sites: Annotated[int, typer.Option(min=6, max=2000, help="Without --url: number of synthetic shelters.")] = 182,
    out: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("var/screenshots"),
) -> None:
    """Make pictures of city, shelter, board, incident, crew list, fleet, alerts, demand, reports and public page.

    Each at 1280 and 390 px, in Japanese and English, light and dark. Examples:

      make screenshots

      python -m demo.screenshots --url http://127.0.0.1:8080/ --accounts demo-accounts
    """
    try:
        if url and accounts is None:
            raise ChildError("--url needs --accounts: the file that says who signs in (a demo leaves it with --keep)")
        out.mkdir(parents=True, exist_ok=True)
        taken = asyncio.run(_run(url, read_people(accounts) if accounts else [], sites, out))
    except (ChildError, BrowserError, OSError, json.JSONDecodeError) as error:
        console.print(f"[red]No pictures:[/red] {error}", highlight=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    console.print(f"{taken} pictures in {out}")


async def _run(url: str, people: Sequence[Pass], sites: int, out: Path) -> int:
    async with stop_on_signal() as stop:
        if url:
            return await _of(url, people, out, stop)
        return await _of_a_demo(sites, out, stop)


if __name__ == "__main__":
    app()
