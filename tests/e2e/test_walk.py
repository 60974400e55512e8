"""From the first start to the end of an incident, in a browser, on a city of real processes.

The administrator signs in with the password that the service showed once, and makes an operator. Two people then
switch a ward each, one in Japanese at a desk and one in English on a phone. A shelter in each ward is cut off, so that
there is somebody to visit.
"""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from central.web.catalogue import Lang
from demo.house import House, Plan
from demo.processes import Child
from tests.central.web.test_browser import ARGUMENTS
from tests.e2e.walking import PHONE, WIDE, walker
from tests.support import eventually, find_program

pytestmark = [pytest.mark.e2e, pytest.mark.mosquitto, pytest.mark.chromium, pytest.mark.timeout(400)]
SITES = 8
NEW = {"admin": "seven quiet herons at dawn", "tanaka": "paper boats and green tea"}


def first_password(log: str) -> str:
    """What the service showed once to whoever started it."""
    found = re.findall(r"^\s+password\s+(\S+)$", log, re.MULTILINE)
    assert len(found) == 1, "shown once"
    return str(found[0])


def sites_of(child: Child) -> set[str]:
    """The shelters of an agents' process."""
    return {Path(part).parent.name for part in child.command if part.endswith("site.yaml")}


async def cut(house: House, wards: dict[str, str]) -> tuple[set[str], list[str]]:
    """End agents so that two wards have a shelter that answers and one that does not; who is away, and the wards."""
    edges = house.roles["edge"]
    for some in [(one,) for one in edges] + list(combinations(edges, 2)):
        gone = set().union(*(sites_of(child) for child in some))
        away, here = {wards[site] for site in gone}, {wards[site] for site in wards.keys() - gone}
        if len(away & here) >= 2:
            for child in some:
                await child.kill()
            return gone, sorted(away & here)
    raise AssertionError("no two wards have shelters in different processes")


async def test_a_city_from_its_first_start_to_the_end_of_an_incident(tmp_path: Path) -> None:
    plan = Plan(
        folder=tmp_path / "house",
        sites=SITES,
        interval_s=2.0,
        edge_processes=4,
        unproven=0.0,
        has_people=False,
        steering={"answered_s": 8.0, "verified_s": 60.0},
    )
    visited: list[str] = []
    async with House(plan) as house, async_playwright() as playwright:
        await house.prepare()
        await house.start()

        async def is_proven() -> bool:
            return await house.verified() == SITES

        await eventually(is_proven, timeout_s=90, what="all shelters are proven")
        wards = {one["id"]: one["ward"] for one in await house.shelters()}
        cut_off, mixed = await cut(house, wards)

        browser = await playwright.chromium.launch(executable_path=find_program("chromium"), args=ARGUMENTS)
        try:
            log = (plan.folder / "logs" / "central.log").read_text(encoding="utf-8")
            password = first_password(log)
            async with walker(browser, house.url, Lang.JA, WIDE, visited) as admin:
                await admin.sign_in("admin", password)
                await admin.choose_password(password, NEW["admin"])
                given = await admin.add_operator("tanaka", "田中（合成）")
            for lang, width, ward in ((Lang.JA, WIDE, mixed[0]), (Lang.EN, PHONE, mixed[1])):
                async with walker(browser, house.url, lang, width, visited) as operator:
                    if lang is Lang.JA:
                        await operator.sign_in("tanaka", given)
                        await operator.choose_password(given, NEW["tanaka"])
                    else:
                        await operator.sign_in("tanaka", NEW["tanaka"])
                    await operator.look_at_city(SITES)
                    incident = await operator.open_incident(ward, "台風15号 接近（試験）")
                    here = {site for site in wards if wards[site] == ward}
                    await operator.watch(len(here - cut_off))
                    missing = min(here & cut_off)
                    sheet = await operator.print_crew_list(incident, missing)
                    assert sheet.startswith(b"%PDF")
                    assert sheet.count(b"/Type /Page\n") == 1, "one sheet of A4"
                    await operator.end(incident, "警報解除（試験）")
        finally:
            await browser.close()
        told = (await house.ask("api/v1/incidents"))["incidents"]
        assert [one["phase"] for one in told] == ["closed", "closed"]
        await house.stop()
    paths = {re.sub(r"I\d{8}-\d+", "ID", where.partition("?")[0]) for where in visited}
    assert paths >= {"/login", "/account", "/users", "/", "/board", "/board/new", "/board/ID", "/board/ID/crew"}
