"""The disaster board as staff use it: three steps, two persons, receipts, and what a viewer may not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from central.core.access import Role
from central.core.incidents import Phase
from central.core.scope import Scope, ScopeKind
from central.web.board.asked import Draft
from contract.steering import Reason, Stage
from tests.central.access.parts import csrf_of
from tests.central.board.parts import SCOPE, WISH, form_of, id_of, place, post, sent
from tests.central.control.parts import STORM

DONE = (Stage.ACCEPTED, Stage.WRITTEN, Stage.READ_BACK, Stage.VERIFIED)
BYTES_MAX = 100_000


async def test_a_ward_is_switched_in_three_steps_and_everybody_sees_who_obeyed(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        first = await client.get("/board/new?lang=en")
        assert "Which shelters" in first.text
        second = await client.get(f"/board/new/mode?{urlencode(SCOPE)}&lang=en")
        assert "2 shelters are chosen" in second.text
        incident = id_of(await sent(client))
        assert here.city.control.incidents[incident].phase is Phase.ACTIVE
        assert here.city.control.incidents[incident].declared.by == "Operator (operator)"
        ward = sorted(here.city.control.incidents[incident].sites)
        ordered = [site for site in ward if site in here.city.control.fleet.orders]
        page = (await client.get(f"/board/{incident}?lang=en")).text
        assert f"0 of {len(ordered)} proven" in page
        assert "its proof is awaited" in page
        await here.city.tell(ordered[0], *DONE)
        await here.city.tell(ordered[-1], Stage.ACCEPTED, Stage.FAILED, reason=Reason.PLANT_DISOBEYS)
        page = (await client.get(f"/board/{incident}?lang=en")).text
        assert f"1 of {len(ordered)} proven" in page
        assert "power flows as before" in page
        assert "needs a crew" in page
        crew = (await client.get(f"/board/{incident}/crew?lang=ja")).text
        assert ordered[-1] in crew
        assert ordered[0] not in crew
        fields = [("csrf", csrf_of(page)), ("why", "終わり")]
        assert id_of(await post(client, f"/board/{incident}/stand-down", fields)) == incident
        assert here.city.control.incidents[incident].phase is Phase.STANDING_DOWN


async def test_a_form_that_is_sent_twice_opens_one_incident(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        page = await client.get(f"/board/new/preview?{urlencode({**SCOPE, **WISH})}")
        fields = form_of(page.text, "/board/new")
        first, again = await post(client, "/board/new", fields), await post(client, "/board/new", fields)
        assert id_of(first) == id_of(again)
        assert len(here.city.control.incidents) == 1


async def test_two_taps_at_once_open_one_incident(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as client, here.signed_in("admin") as other:
        page = await client.get(f"/board/new/preview?{urlencode({**SCOPE, **WISH})}")
        fields = form_of(page.text, "/board/new")
        taps = await asyncio.gather(*(post(client, "/board/new", fields) for _ in range(3)))
        assert len({id_of(tap) for tap in taps}) == 1
        assert len(here.city.control.incidents) == 1
        # Another person's form is another one, whatever mark it carries.
        theirs = await other.get(f"/board/new/preview?{urlencode({**SCOPE, **WISH})}")
        mark = [(name, value) for name, value in fields if name == "mark"]
        rest = [(name, value) for name, value in form_of(theirs.text, "/board/new") if name != "mark"]
        assert id_of(await post(other, "/board/new", [*mark, *rest])) != id_of(taps[0])


async def test_what_a_rule_proposed_is_told_in_words_confirmed_or_declined(tmp_path: Path) -> None:
    why = "暴風警報：美浜区 / storm warning: Mihama [0123abcd.4567]"
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        control = here.city.control
        made = [
            await control.declare(STORM, Scope(ScopeKind.WARD, ("美浜区",)), by="trigger storm", why=why)
            for _ in range(2)
        ]
        japanese, english = [(await client.get(f"/board?lang={lang}")).text for lang in ("ja", "en")]
        assert "ルール「storm」の提案" in japanese
        assert "暴風警報：美浜区" in japanese
        assert "storm warning" not in japanese
        assert "Proposed by the rule “storm”" in english
        assert "storm warning: Mihama" in english
        assert "0123abcd" not in japanese + english
        assert "trigger storm" not in japanese + english
        page = (await client.get(f"/board/{made[0].id}?lang=en")).text
        fields = [("csrf", csrf_of(page)), ("why", "確認")]
        assert "Decline it" in page
        await post(client, f"/board/{made[0].id}/confirm", fields)
        await post(client, f"/board/{made[1].id}/close", fields)
        assert [control.incidents[one.id].phase for one in made] == [Phase.ACTIVE, Phase.CLOSED]
        here.advised.append(made[0].id)
        assert "does not stand any more" in (await client.get("/board?lang=en")).text


async def test_the_whole_city_wants_another_person(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as one, here.signed_in("admin") as other:
        page = await one.get(f"/board/new/preview?{urlencode({'kind': 'city', **WISH})}&lang=en")
        assert "another person" in page.text
        incident = id_of(await post(one, "/board/new", form_of(page.text, "/board/new")))
        assert here.city.control.incidents[incident].phase is Phase.DECLARED
        mine = (await one.get(f"/board/{incident}?lang=en")).text
        assert "You declared it" in mine
        alone = await post(one, f"/board/{incident}/confirm", [("csrf", csrf_of(mine)), ("why", "x")])
        assert alone.status_code == 409
        assert here.city.control.incidents[incident].phase is Phase.DECLARED
        theirs = (await other.get(f"/board/{incident}?lang=en")).text
        assert "You declared it" not in theirs
        await post(other, f"/board/{incident}/confirm", [("csrf", csrf_of(theirs)), ("why", "確認")])
        assert here.city.control.incidents[incident].phase is Phase.ACTIVE
        assert not here.city.control.incidents[incident].broke_glass


async def test_one_person_alone_can_break_the_glass_and_it_is_seen(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        page = await client.get(f"/board/new/preview?{urlencode({'kind': 'city', **WISH})}")
        incident = id_of(await post(client, "/board/new", form_of(page.text, "/board/new")))
        mine = (await client.get(f"/board/{incident}")).text
        await post(
            client, f"/board/{incident}/confirm", [("csrf", csrf_of(mine)), ("why", "誰もいない"), ("glass", "true")]
        )
        assert here.city.control.incidents[incident].broke_glass
        assert "1人だけで承認" in (await client.get("/board?lang=ja")).text


@pytest.mark.parametrize("login", ["viewer", "technician"])
async def test_who_may_not_switch_sees_the_board_and_opens_nothing(tmp_path: Path, login: str) -> None:
    async with place(tmp_path) as here, here.signed_in(login) as client, here.signed_in("operator") as operator:
        incident = id_of(await sent(operator))
        for path in ("/board", f"/board/{incident}", "/board/crew", "/board/dispatch"):
            page = await client.get(f"{path}?lang=en")
            assert page.status_code == 200
            assert "<form" not in page.text
            assert "Open an incident" not in page.text
        assert (await client.get("/board/new")).status_code == 403
        mark = csrf_of((await client.get("/account")).text)
        for path in ("/board/new", *(f"/board/{incident}/{act}" for act in ("confirm", "stand-down", "close"))):
            answer = await post(client, path, [("csrf", mark), ("mark", "m"), ("why", "x"), *SCOPE.items()])
            assert answer.status_code == 403


async def test_who_is_bound_to_a_ward_sees_only_its_shelters_to_choose_from(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await here.add("bound", Role.OPERATOR, "美浜区")
        async with here.signed_in("bound") as client, here.signed_in("operator") as other:
            page = (await client.get("/board/new?lang=ja")).text
            assert "美浜区" in page
            assert "中央区" not in page
            assert 'value="city"' not in page
            beyond = await client.get(f"/board/new/preview?{urlencode({'kind': 'ward', 'wards': '中央区', **WISH})}")
            assert beyond.status_code == 403
            incident = id_of(await sent(other, wards="中央区"))
            told = (await client.get(f"/board/{incident}?lang=en")).text
            assert "You may not change this incident" in told
            mark = csrf_of((await client.get("/account")).text)
            answer = await post(client, f"/board/{incident}/stand-down", [("csrf", mark), ("why", "x")])
            assert answer.status_code == 403


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({}, 422, "Choose which shelters"),
        ({"kind": "ward"}, 422, "Choose which shelters"),
        ({"kind": "ward", "wards": "no such ward", **WISH}, 422, "Choose which shelters"),
        ({**SCOPE, "mode": "backup"}, 422, "Give a reason"),
        ({**SCOPE, "why": "x"}, 422, "Choose a mode"),
        ({**SCOPE, "mode": "recovery", "why": "x"}, 422, "Choose a mode"),
    ],
)
async def test_a_step_that_was_left_out_is_asked_for_again(
    tmp_path: Path, query: dict[str, str], status: int, text: str
) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        page = await client.get(f"/board/new/preview?{urlencode({**query, 'lang': 'en'})}")
        asked = (
            page
            if query.get("why") or query.get("mode")
            else await client.get(f"/board/new/mode?{urlencode({**query, 'lang': 'en'})}")
        )
        assert asked.status_code == status
        assert text in asked.text
        assert here.city.control.incidents == {}


async def test_what_a_person_writes_is_text_and_nothing_else(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x>"
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        page = await client.get(f"/board/new/preview?{urlencode({**SCOPE, 'mode': 'backup', 'why': evil})}")
        assert "<img" not in page.text
        assert "<script>" not in page.text
        fields = dict(parse_qsl(urlencode(form_of(page.text, "/board/new"))))
        fields["why"] = evil
        incident = id_of(await post(client, "/board/new", list(fields.items())))
        for path in ("/board", f"/board/{incident}", "/audit"):
            shown = (await client.get(path)).text
            assert "<img" not in shown
            assert "<script>alert" not in shown


async def test_pages_are_small(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        incident = id_of(await sent(client))
        for path in ("/board", "/board/new", f"/board/{incident}", "/board/crew", "/board/dispatch"):
            assert len((await client.get(path)).content) < BYTES_MAX / 5


async def test_a_drill_says_so_wherever_it_is_shown(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        incident = id_of(await sent(client, drill="drill"))
        assert incident.startswith("D")
        assert here.city.control.incidents[incident].wish.is_drill
        for path in ("/board", f"/board/{incident}"):
            assert "DRILL (nothing is switched)" in (await client.get(f"{path}?lang=en")).text


def test_an_address_says_all_of_a_draft() -> None:
    draft = Draft(kind="sites", sites=("a", "b"), mode="backup", why="x & y", drill="live", target_pct=80, ration=True)
    assert dict(parse_qsl(draft.query)) == {
        "kind": "sites",
        "sites": "b",
        "mode": "backup",
        "why": "x & y",
        "drill": "live",
        "target_pct": "80",
        "tiers_closed": "8",
        "ration": "1",
    }


async def test_an_order_is_sent_again_from_the_incident_s_page(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        incident = id_of(await sent(client))
        assert "もう一度送る" not in (await client.get(f"/board/{incident}?lang=ja")).text, "nobody has failed yet"
        site = sorted(here.city.control.incidents[incident].sites & here.city.control.fleet.orders.keys())[0]
        await here.city.tell(site, Stage.ACCEPTED, Stage.FAILED, reason=Reason.PLANT_DISOBEYS)
        page = (await client.get(f"/board/{incident}?lang=ja")).text
        assert f'<option value="{site}">' in page
        fields = [("csrf", csrf_of(page)), ("site", site), ("why", "遠隔操作を許可した")]
        assert id_of(await post(client, f"/board/{incident}/retry?lang=ja", fields)) == incident
        assert here.city.control.fleet.orders[site].revision == 2
        refused = await post(client, f"/board/{incident}/retry?lang=ja", fields)
        assert refused.status_code == 409
        assert "まだ応答の期限前です" in refused.text
        async with here.signed_in("viewer") as other:
            assert "もう一度送る" not in (await other.get(f"/board/{incident}?lang=ja")).text


async def test_a_removed_shelter_stays_on_the_board_until_somebody_has_seen_to_it(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.signed_in("operator") as client:
        control = here.city.control
        incident = id_of(await sent(client))
        site = sorted(control.incidents[incident].sites & control.fleet.orders.keys())[0]
        await here.city.tell(site, *DONE)
        ward = next(each.ward for each in here.city.live.sites() if each.id == site)
        here.city.live.set_sites([each for each in here.city.live.sites() if each.id != site])
        page = (await client.get("/board?lang=ja")).text
        assert "登録から外れたのに指示が残っている避難所（1か所）" in page
        fields = [("csrf", csrf_of(page)), ("site", site), ("act", "release"), ("why", "閉校")]
        held = await post(client, "/board/removed?lang=ja", fields)
        assert held.status_code == 409
        assert "先にその事案を解除してください" in held.text
        await post(client, f"/board/{incident}/stand-down", [("csrf", csrf_of(page)), ("why", "終わり")])
        assert (await post(client, "/board/removed?lang=ja", fields)).headers["location"] == "/board?lang=ja"
        assert "最後の指示：通常（指示番号 2）" in (await client.get("/board?lang=ja")).text
        await here.add("ward", Role.OPERATOR, ward)
        async with here.signed_in("ward") as bound:
            own = (await bound.get("/board?lang=ja")).text
            assert site in own
            assert "/board/removed" not in own, "it has no ward any more"
            mine = [("csrf", csrf_of((await bound.get("/account")).text)), *fields[1:]]
            assert (await post(bound, "/board/removed", mine)).status_code == 403
        off = [*fields[:2], ("act", "write_off"), ("why", "現地で停止を確認")]
        assert (await post(client, "/board/removed?lang=ja", off)).status_code == 303
        assert site not in (await client.get("/board?lang=ja")).text
