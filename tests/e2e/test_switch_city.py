"""The whole city is switched while parts of it die: every shelter comes to a true end, and none is falsely proven.

Real agents, real Modbus plants, a real broker. What the city says is compared with what the simulator knows.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from demo.house import House, Plan, program
from demo.operator import Operator, by_command
from demo.outcome import Witness, is_settled, result
from demo.processes import Child
from demo.truths import obeys
from simulator.scenario import Declared, StoodDown
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.mosquitto, pytest.mark.timeout(400)]

LOSSY = """
title: Five packets in a hundred are lost
about: Every shelter's way to the broker loses packets. Invented.
lasts: 1h
steps:
  - {at: +0s, do: link_lossy, loss: 0.05}
"""
SITES = int(os.environ.get("SHELTER_CITY_SITES", "30"))
"""The whole city is 182: it takes minutes, so continuous integration plays a town."""
PATIENCE = max(1.0, SITES / 60)
UNPROVEN, LIARS = 0.04, 0.07
BACKUP = Declared(at="+0s", do="incident", name="all", mode="backup", why="試験（合成データ）")


async def everybody_online(house: House) -> bool:
    return await house.online() == SITES


async def again(child: Child) -> None:
    """What a supervisor does after a crash."""
    await child.start()
    await child.ready()


def sites_of(child: Child) -> set[str]:
    """The shelters of an agents' process."""
    return {Path(part).parent.name for part in child.command if part.endswith("site.yaml")}


async def test_whatever_dies_every_shelter_comes_to_a_true_end(tmp_path: Path) -> None:
    scenario = tmp_path / "lossy.yaml"
    scenario.write_text(LOSSY, encoding="utf-8")
    plan = Plan(
        folder=tmp_path / "house",
        sites=SITES,
        scenario=str(scenario),
        interval_s=2.0,
        edge_processes=6,
        unproven=UNPROVEN,
        liars=LIARS,
        steering={"answered_s": 25.0, "verified_s": 40.0},
    )
    async with House(plan) as house:
        await house.prepare()
        await house.start()
        await eventually(lambda: everybody_online(house), timeout_s=60 * PATIENCE, what="all shelters online")
        (central,), (first, *others) = house.roles["central"], house.roles["edge"]
        gone, away = sites_of(first), sites_of(others[0]) | sites_of(others[1])
        shelters = {one["id"]: one for one in await house.shelters()}
        await eventually(
            lambda: proven(house, SITES - round(UNPROVEN * SITES)),
            timeout_s=30 * PATIENCE,
            what="all reports have come",
        )
        unproven = {site for site, one in (await by_id(house)).items() if not one["switchable"]}
        for child in (first, *others[:2]):
            await child.kill()
        operator = Operator(by_command(program("shelter-central"), house.central_folder))
        incident = await operator.take(BACKUP)
        await central.kill()
        await again(central)
        await house.roles["broker"][0].kill()
        await house.start_broker()
        await central.kill()
        await again(central)
        for child in others[:2]:
            await again(child)

        told: dict[str, Any] = {}

        async def is_over() -> bool:
            told.update(await house.ask(f"api/v1/incidents/{incident}") or {})
            return bool(told) and is_settled(told)

        witness = Witness(house)
        await eventually(
            is_over, timeout_s=150 * PATIENCE, what=f"every shelter has come to its end: {told.get('tally')}"
        )
        words = {one["site"]: one for one in told["shelters"]}
        page = house.truth()
        assert page is not None
        liars = {site for site, truth in page.sites.items() if truth.lies}
        assert len(liars) == round(LIARS * SITES)
        assert set(words) == shelters.keys()
        assert {site for site, one in words.items() if one["word"] == "not_verified"} == unproven
        assert {site for site in words if site in gone - unproven and not words[site]["crew"]} == set()
        honest = words.keys() - gone - unproven - liars
        assert away - unproven - liars <= honest
        assert {site: words[site]["word"] for site in honest if not words[site]["done"]} == {}
        assert {site for site in honest if not obeys("backup", page.sites[site])} == set()

        async def agrees() -> bool:
            return not await witness.look()

        await eventually(agrees, timeout_s=60, what="what the city shows is what the plants do")
        assert witness.watch.false == set()
        # One order each, whatever was sent again: nothing was switched twice.
        found = await result(house, incident)
        assert found is not None
        for site in words:
            orders = (await house.ask(f"api/v1/sites/{site}/orders"))["orders"]
            assert [order["revision"] for order in orders] == ([] if site in unproven else [1])
        assert found.proven >= len(honest)
        await operator.take(StoodDown(at="+0s", do="stand_down", name="all", why="終了"))
        await house.stop()


async def proven(house: House, count: int) -> bool:
    return await house.verified() == count


async def by_id(house: House) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in await house.shelters()}
