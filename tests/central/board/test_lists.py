"""The crew list and the order of visits on paper and in a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from central.core.facts import Fact, FactName
from central.core.incidents import Act
from central.web.board.incidentview import sort_out
from central.web.catalogue import Lang
from contract.steering import Reason, Stage
from tests.central.board.parts import Place, id_of, place, sent

ACCESS = '=HYPERLINK("http://x") 裏口'


async def with_one_to_visit(here: Place) -> str:
    """An incident with a shelter that failed, of which everything is said; the shelter's id."""
    async with here.signed_in("operator") as client:
        made = id_of(await sent(client))
    incident = here.city.control.incidents[made]
    site = next(one for one in sorted(incident.sites) if one in here.city.control.fleet.orders)
    said = {
        FactName.PEOPLE: "120",
        FactName.MEDICAL: "2",
        FactName.CONTACT_NAME: "教頭",
        FactName.CONTACT_PHONE: "043-000-0000",
        FactName.ACCESS_NOTE: ACCESS,
    }
    facts = [Fact(site=site, name=name, value=value, by="test", at_ms=1) for name, value in said.items()]
    await here.city.records.facts.add(facts)
    await here.city.tell(site, Stage.ACCEPTED, Stage.FAILED, reason=Reason.PLANT_DISOBEYS)
    return site


async def test_a_crew_reads_whom_to_telephone_how_to_get_in_and_who_is_there(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("viewer") as client:
        site = await with_one_to_visit(here)
        incident = next(iter(here.city.control.incidents))
        for path in ("/board/crew", f"/board/{incident}/crew"):
            page = (await client.get(f"{path}?lang=en")).text
            for text in (site, "Failed", "power flows as before", "120 people", "2 on medical devices", "教頭"):
                assert text in page
            assert 'href="tel:043-000-0000"' in page
            assert "裏口" in page
            assert f'href="{path}.csv?lang=en"' in page
            answer = await client.get(f"{path}.csv?lang=en")
            assert answer.headers["content-type"] == "text/csv; charset=utf-8"
            assert answer.content.startswith(b"\xef\xbb\xbf")
            (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
            assert (row["ID"], row["People"], row["Telephone"]) == (site, "120", "043-000-0000")
            # A spreadsheet must not run what somebody wrote.
            assert row["How to get in"] == f"'{ACCESS}"


async def test_who_is_not_known_reads_no_list(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.client() as client:
        await with_one_to_visit(here)
        for path in ("/board/crew", "/board/crew.csv", "/board/dispatch.csv"):
            answer = await client.get(path)
            assert answer.status_code in {303, 401}
            assert "043-000-0000" not in answer.text


async def test_visits_come_as_a_file_with_their_reasons(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("viewer") as client:
        page = (await client.get("/board/dispatch?lang=ja")).text
        assert "/board/dispatch.csv?lang=ja" in page
        answer = await client.get("/board/dispatch.csv?lang=ja")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row["番号"] for row in rows] == [str(n) for n in range(1, 7)]
        assert all(row["理由"] and row["ID"] for row in rows)


async def test_every_shelter_stands_once_on_an_incidents_page(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        failed = await with_one_to_visit(here)
        control = here.city.control
        told = await here.desk.show(next(iter(control.incidents.values())))
        found = sort_out(told.shelters, Lang.EN)
        assert [one.site for one in found.troubles[0].members] == [failed]
        assert found.troubles[0].is_crew
        names = [one.site for part in (*(t.members for t in found.troubles), found.waiting, found.done) for one in part]
        assert sorted(names) == sorted(one.site for one in told.shelters)
        assert found.open_count == len(told.shelters)


async def test_who_was_sent_nothing_has_nothing_to_come_back_from(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        control = here.city.control
        incident = await here.city.active()
        await control.end(incident.id, Act.STAND_DOWN, by="田中", why="終わり")
        told = await here.desk.show(control.incident(incident.id))
        unsent = {one.site for one in told.shelters if one.word == "nothing_sent"}
        assert unsent
        found = sort_out(told.shelters, Lang.JA, is_holding=False)
        assert not {one.site for trouble in found.troubles for one in trouble.members} & unsent
        page = (await client.get(f"/board/{incident.id}?lang=ja")).text
        assert f"復帰を確認できていない{len(told.shelters) - len(unsent)}か所があっても終了する" in page


async def test_what_two_shelters_mean_alike_is_said_once_with_a_number(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("viewer") as client:
        site = await with_one_to_visit(here)
        alone = (await client.get("/board/crew?lang=en")).text
        assert "See 1 above" not in alone
        other = next(one for one in sorted(here.city.control.fleet.orders) if one != site)
        await here.city.tell(other, Stage.ACCEPTED, Stage.FAILED, reason=Reason.PLANT_DISOBEYS)
        both = (await client.get("/board/crew?lang=en")).text
        meanings = both.partition('<ol class="meanings">')[2].partition("</ol>")[0]
        said = meanings.partition("<br>")[2].partition("</li>")[0]
        assert said
        assert said in alone
        assert both.count(said) == 1
        assert both.count("See 1 above") == 2
