"""Every page of staff is small enough for a weak link, also in a city of 182 shelters on its worst day."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.api.completeness import CompletenessKeeper
from central.core.access import Role
from central.core.facts import Fact, FactName
from central.web import fleet
from central.web.catalogue import Lang
from contract.steering import Reason, Stage
from tests.central.board.parts import place
from tests.central.board.test_rules_page import desk_of
from tests.central.control.parts import BACKUP, CITY
from tests.central.fake import SITES
from tests.central.fleet import site_ids

BYTES_MAX = 100_000
DRAFT = "mode=backup&why=x"
SAID = {
    FactName.PEOPLE: "120",
    FactName.MEDICAL: "2",
    FactName.CONTACT_NAME: "教頭 千葉 花子",
    FactName.CONTACT_PHONE: "043-000-0000",
    FactName.ACCESS_NOTE: "体育館の裏口。鍵は守衛室の箱の中",
}


@pytest.mark.timeout(120)
async def test_no_page_is_too_large_when_every_shelter_failed(tmp_path: Path) -> None:
    ids = site_ids(SITES)
    async with place(tmp_path, shown=SITES, ids=ids, verified=ids) as here, here.signed_in("admin") as client:
        desk_of(here)
        city = here.city
        for n in range(40):
            await here.add(f"person{n}", Role.OPERATOR, "美浜区")
        incident = await city.active(BACKUP, CITY)
        await city.records.facts.add(
            [
                Fact(site=site, name=name, value=value, by="test", at_ms=1)
                for site in ids
                for name, value in SAID.items()
            ]
        )
        for site in ids:
            await city.tell(site, Stage.ACCEPTED, Stage.FAILED, reason=Reason.PLANT_DISOBEYS)
        days = CompletenessKeeper(here.queries, city.clock)
        here.app.include_router(
            fleet.router(fleet.FleetPages(here.queries, here.app.state.pages.renderer, days, city.clock))
        )
        paths = (
            "/",
            "/fleet",
            f"/sites/{next(iter(here.queries.shelters))}",
            "/board",
            f"/board/{incident.id}",
            f"/board/{incident.id}/crew",
            "/board/crew",
            "/board/dispatch",
            "/board/new",
            f"/board/new/mode?kind=city&{DRAFT}",
            f"/board/new/preview?kind=city&{DRAFT}",
            "/board/new/preview?kind=sites&" + "&".join(f"sites={site}" for site in ids[:100]) + f"&{DRAFT}",
            "/rules",
            "/audit",
            "/users",
            "/account",
        )
        sizes = {}
        for path in paths:
            for lang in Lang:
                answer = await client.get(f"{path}{'&' if '?' in path else '?'}lang={lang.value}")
                assert answer.status_code == 200, path
                sizes[path[:40], lang.value] = len(answer.content)
        crew = await client.get(f"/board/{incident.id}/crew")
        assert crew.text.count("043-000-0000") >= SITES, "the list is whole"
    assert {where: size for where, size in sizes.items() if size >= BYTES_MAX} == {}
