"""Staff say what citizens read: one shelter, a whole ward, within their wards; all of it stands in the book."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from central.core.access import Principal, Right
from central.core.audit import Action, Decision
from central.core.news import NewsKind
from central.core.publication import Openness, state
from central.public.policy import example
from central.store.records import Records
from tests.central.fake import NOW_MS
from tests.central.public.parts import MACHINE, Town, town

WARD = "中央区"


class Desk:
    """A gate at which one person stands."""

    def __init__(self, *rights: Right, wards: frozenset[str] = frozenset()) -> None:
        self.who = Principal(name="田中 (tanaka)", rights=frozenset(rights), wards=wards, user="tanaka", csrf="c1")

    async def principal(self, request: object) -> Principal:
        return self.who


OPERATOR = Desk(Right.READ, Right.TELL)


@asynccontextmanager
async def asked(folder: Path, gate: Desk, shelters: int = 60) -> AsyncIterator[tuple[Town, httpx.AsyncClient]]:
    async with town(folder, shelters, gate=gate) as here, here.client() as client:
        yield here, client


async def test_what_the_form_says_is_public_at_once_and_stands_in_the_book(tmp_path: Path) -> None:
    async with asked(tmp_path, OPERATOR) as (here, client):
        site = here.ids[0]
        page = (await client.get(f"/public-status/{site}?lang=ja")).text
        assert 'name="csrf" value="c1"' in page
        form = {"opening": "open", "crowding": "busy", "services": ["charging", "light"], "note-ja": " 正門から "}
        answer = await client.post(f"/public-status/{site}?lang=ja", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/public-status/{site}?lang=ja&saved=1")
        shown = (await client.get(answer.headers["location"])).text
        assert "公開内容を変更しました" in shown
        assert re.search(r'name="opening" value="open"[^>]* checked', shown)
        public = (await client.get(f"/public/ja/shelters/{site}")).text
        assert all(word in public for word in ("開いています", "やや混んでいます", "充電できます", "正門から"))
        assert "田中" not in public
        (entry,) = await here.records.decisions.book()
        decision = entry.decision
        assert (decision.action, decision.by, decision.site) == (Action.TOLD_PUBLIC, "田中 (tanaka)", site)
        assert decision.detail == {"sites": [site], "opening": "open"}


async def test_saying_the_same_again_changes_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path, OPERATOR) as (here, client):
        form = {"opening": "open", "services": "light"}
        for saved in (1, 0):
            answer = await client.post(f"/public-status/{here.ids[0]}", data=form)
            assert answer.headers["location"].endswith(f"saved={saved}")
        assert len(await here.records.told.of_site(here.ids[0])) == 1
        assert len(await here.records.decisions.book()) == 1


async def test_a_ward_is_opened_at_once_and_keeps_what_each_shelter_said(tmp_path: Path) -> None:
    async with asked(tmp_path, OPERATOR) as (here, client):
        await client.post(
            f"/public-status/{here.ids[0]}", data={"opening": "closed", "services": "water", "note-en": "x"}
        )
        answer = await client.post("/public-status?lang=en", data={"ward": WARD, "opening": "open"})
        assert answer.headers["location"].endswith("lang=en&saved=33")
        page = (await client.get(answer.headers["location"])).text
        assert "Changed and published: 33 shelters." in page
        mine = here.desk.told[here.ids[0]]
        assert (mine.opening, [*mine.services], dict(mine.notes)) == (Openness.OPEN, ["water"], {"en": "x"})
        assert set(here.desk.told) == {now.site.id for now in here.queries.shelters.values() if now.site.ward == WARD}
        with_light = {"ward": WARD, "opening": "open", "set_services": "1", "services": ["light", "charging"]}
        await client.post("/public-status", data=with_light)
        assert {frozenset(one.services) for one in here.desk.told.values()} == {frozenset({"light", "charging"})}
        book = await here.records.decisions.book()
        assert [len(entry.decision.detail["sites"]) for entry in book] == [1, 33, 33]


async def test_news_tell_once_of_a_shelter_that_opens_fills_up_and_closes(tmp_path: Path) -> None:
    async with asked(tmp_path, OPERATOR) as (here, client):
        site = here.ids[0]
        for form in (
            {"opening": "open"},
            {"opening": "open", "crowding": "crowded"},
            {"opening": "full"},
            {"opening": "closed"},
        ):
            await client.post(f"/public-status/{site}", data=form)
        kinds = [one.kind for one in await here.news()]
        assert kinds == [NewsKind.SHELTER_OPENED, NewsKind.SHELTER_CROWDED, NewsKind.SHELTER_CLOSED]
        await client.post("/public-status", data={"ward": WARD, "opening": "open"})
        ward = (await here.news())[3:]
        assert len(ward) == 33
        assert {(one.kind, one.ward) for one in ward} == {(NewsKind.SHELTER_OPENED, WARD)}
        assert len({one.group for one in ward}) == 1, "thirty-three shelters are one message"


async def test_who_is_bound_to_a_ward_tells_of_no_other(tmp_path: Path) -> None:
    async with asked(tmp_path, Desk(Right.READ, Right.TELL, wards=frozenset({"花見川区"}))) as (here, client):
        own, other = here.ids[40], here.ids[0]
        assert (await client.post(f"/public-status/{own}", data={"opening": "open"})).status_code == 303
        assert (await client.post(f"/public-status/{other}", data={"opening": "open"})).status_code == 403
        assert (await client.post("/public-status", data={"ward": WARD, "opening": "open"})).status_code == 403
        assert (await client.post("/public-status", data={"ward": "花見川区", "opening": "full"})).status_code == 303
        assert "変更する権限がありません" in (await client.get(f"/public-status/{other}?lang=ja")).text
        choices = re.findall(r'<select id="bulk-ward".*?</select>', (await client.get("/public-status?lang=ja")).text)
        assert re.findall(r'value="([^"]+)"', choices[0]) == ["花見川区"]
        assert other not in here.desk.told


async def test_who_may_only_read_sees_and_changes_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path, Desk(Right.READ)) as (here, client):
        for path in ("/public-status", f"/public-status/{here.ids[0]}"):
            page = await client.get(path)
            assert (page.status_code, 'method="post"' in page.text) == (200, False)
            assert (await client.post(path, data={"opening": "open", "ward": WARD})).status_code == 403
        assert here.desk.told == {}


async def test_what_can_not_be_told_comes_back_in_the_form_with_its_reason(tmp_path: Path) -> None:
    async with asked(tmp_path, OPERATOR) as (here, client):
        site = here.ids[0]
        wrong = await client.post(f"/public-status/{site}?lang=en", data={"opening": "open", "note-ko": "x" * 201})
        assert wrong.status_code == 400
        assert "The note (한국어) has to be one line of at most 200 characters." in wrong.text
        assert "x" * 201 in wrong.text, "what was typed is still there"
        assert 'aria-invalid="true"' in wrong.text
        for form in ({}, {"opening": "ajar"}, {"opening": "open", "services": "sauna"}):
            assert (await client.post(f"/public-status/{site}", data=form)).status_code == 400
        assert (await client.post("/public-status", data={"ward": "東京", "opening": "open"})).status_code == 422
        assert (await client.post("/public-status", data={"ward": WARD, "opening": "ajar"})).status_code == 422
        assert (await client.get("/public-status/nobody")).status_code == 404
        assert (await client.post("/public-status/nobody", data={"opening": "open"})).status_code == 404
        assert here.desk.told == {}


async def test_notes_can_not_break_out_of_a_page(tmp_path: Path) -> None:
    async with asked(tmp_path, OPERATOR) as (here, client):
        site, note = here.ids[0], '"><script>alert(1)</script>{{ 7*7 }}'
        await client.post(f"/public-status/{site}", data={"opening": "open", "note-ja": note})
        for path in (f"/public/ja/shelters/{site}", f"/public-status/{site}"):
            page = (await client.get(path)).text
            assert "<script>alert" not in page
            assert "{{ 7*7 }}" in page


async def test_what_was_said_is_still_so_after_a_restart(tmp_path: Path) -> None:
    async with asked(tmp_path, OPERATOR) as (here, client):
        site = here.ids[0]
        await client.post(f"/public-status/{site}", data={"opening": "full", "services": ["light"], "note-vi": "cửa"})
        here.clock.now_ms += 60_000
        await client.post(f"/public-status/{site}", data={"opening": "full", "crowding": "crowded"})
        said = here.desk.told[site]
    async with asked(tmp_path, OPERATOR) as (here, client):
        assert here.desk.told[site] == said
        assert (said.since_ms, said.at_ms) == (NOW_MS, NOW_MS + 60_000)
        history = (await client.get(f"/public-status/{site}?lang=en")).text
        assert history.count("田中 (tanaka)") == 2
        assert here.desk.openings()[site].status == "full"


async def test_two_who_speak_at_once_are_both_kept(tmp_path: Path) -> None:
    async with asked(tmp_path, OPERATOR) as (here, client):
        forms = [{"opening": "open", "note-en": f"n{n}"} for n in range(8)]
        answers = await asyncio.gather(
            *(client.post(f"/public-status/{here.ids[n % 2]}", data=form) for n, form in enumerate(forms))
        )
        assert {answer.status_code for answer in answers} == {303}
        said = await here.records.told.of_site(here.ids[0])
        assert len(said) == 4
        assert here.desk.told[here.ids[0]] == said[0], "what holds is what was kept last"


async def test_a_newer_version_s_words_are_taken_for_unknown(tmp_path: Path) -> None:
    records = await Records.open(tmp_path / "records.sqlite")
    try:
        said = state("E1", opening="open", services=["light"], by="a", at_ms=1)
        decision = Decision(at_ms=1, by="a", action=Action.TOLD_PUBLIC)
        await records.told.add([said], decision)
        await records._ask(
            lambda db: db.exec_driver_sql("UPDATE shelter_status SET opening='ajar', services='light,sauna'")
        )
        (found,) = (await records.told.newest()).values()
        assert (found.opening, [*found.services]) == (Openness.UNKNOWN, ["light"])
    finally:
        await records.close()


async def test_other_rooms_hear_which_shelters_are_open(tmp_path: Path) -> None:
    async with asked(tmp_path, OPERATOR) as (here, client):
        for n, opening in enumerate(("open", "full", "closed", "unknown")):
            await client.post(f"/public-status/{here.ids[n]}", data={"opening": opening}, headers=MACHINE)
        told = here.desk.openings()
        assert [told[site].status for site in here.ids[:3]] == ["open", "full", "closed"]
        assert here.ids[3] not in told
        assert (told[here.ids[0]].opened_ms, told[here.ids[2]].closed_ms) == (NOW_MS, NOW_MS)
        assert here.desk.public_openings() == told


async def test_another_system_says_the_same_by_the_api(tmp_path: Path) -> None:
    async with asked(tmp_path, OPERATOR) as (here, client):
        site = here.ids[0]
        body = {"opening": "open", "crowding": "room", "services": ["light"], "notes": {"en": "Main gate."}}
        told = await client.put(f"/api/v1/sites/{site}/public-status", json=body)
        assert told.status_code == 200
        assert {**told.json(), **body} == told.json()
        assert told.json()["by"] == "田中 (tanaka)"
        opened = await client.put(f"/api/v1/public-status/wards/{WARD}", json={"opening": "full"})
        assert opened.json() == {"changed": 33}
        listed = (await client.get("/api/v1/public-status")).json()["statuses"]
        assert len(listed) == 33
        assert {one["opening"] for one in listed} == {"full"}
        assert next(one for one in listed if one["site"] == site)["services"] == ["light"]
        assert (await client.get("/api/v1/public-status?ward=花見川区")).json() == {"statuses": []}


async def test_the_api_says_what_is_wrong_and_where(tmp_path: Path) -> None:
    async with asked(tmp_path, Desk(Right.READ, Right.TELL, wards=frozenset({WARD}))) as (here, client):
        one, other = f"/api/v1/sites/{here.ids[0]}/public-status", f"/api/v1/sites/{here.ids[40]}/public-status"
        for body, where in (
            ({"opening": "open", "notes": {"tlh": "x"}}, "body: notes"),
            ({"opening": "open", "notes": {"en": "a\u202eb"}}, "body: note-en"),
            ({"opening": "open", "by": "佐藤"}, "body: by"),
        ):
            answer = await client.put(one, json=body)
            assert (answer.status_code, answer.json()["where"]) == (422, where), body
        assert (await client.put(one, json={"opening": "ajar"})).status_code == 422
        assert (await client.put(other, json={"opening": "open"})).status_code == 403
        assert (await client.put("/api/v1/public-status/wards/花見川区", json={"opening": "open"})).status_code == 403
        unknown = await client.put("/api/v1/public-status/wards/中央", json={"opening": "open"})
        assert (unknown.status_code, unknown.json()["nearest"]) == (422, [WARD])
        gone = await client.put("/api/v1/sites/E0000000001119/public-status", json={"opening": "open"})
        assert (gone.status_code, gone.json()["nearest"][0]) == (404, here.ids[0])
        assert here.desk.told == {}


async def test_what_the_policy_does_not_know_can_not_be_offered(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(example().replace(b"  water: none\n", b""))
    async with town(tmp_path, options={"public.policy": str(file)}, gate=OPERATOR) as here, here.client() as client:
        answer = await client.post(f"/public-status/{here.ids[0]}", data={"opening": "open", "services": "water"})
        assert answer.status_code == 400
        assert "Choose what there is from the list." in answer.text or "一覧から" in answer.text
        assert 'value="water"' not in (await client.get(f"/public-status/{here.ids[0]}")).text
