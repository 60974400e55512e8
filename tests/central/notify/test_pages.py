"""The page of notifications and the link in a message, over HTTP: who may, what is shown, what is kept."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI

from central.core.news import NewsKind, Severity
from central.notify import tickets
from central.web.notifications import router
from tests.central.access.parts import Town, csrf_of, town
from tests.central.notify.parts import RULES, House, Line, Mailbox, line_server, mail_server, opened

KEY = b"k" * 32


@dataclass
class Place:
    """A city with accounts and the room of notifications, which has a database of its own."""

    town: Town
    house: House
    box: Mailbox
    line: Line

    @property
    def app(self) -> FastAPI:
        return self.town.app

    async def outage(self) -> str:
        """Three shelters are dark and everybody of the first step was told; returns the link's path."""
        await self.house.happened(NewsKind.ISLANDED, *self.house.site_ids()[:3])
        await self.house.step(2)
        found = re.search(r"https://shelters\.example(/ack/\S+)", self.line.shown[-1][1])
        assert found
        return found[1]


@asynccontextmanager
async def place(folder: Path, rules: str = RULES) -> AsyncIterator[Place]:
    (folder / "notify").mkdir()
    async with (
        mail_server() as box,
        line_server() as line,
        town(folder) as here,
        opened(folder / "notify", rules, mail=box, line=line) as house,
    ):
        here.app.include_router(router(house.room, house.queries, here.app.state.pages.renderer))
        yield Place(here, house, box, line)


async def test_one_tap_acknowledges_and_a_link_preview_does_not(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as phone:
        path = await here.outage()
        shown = await phone.get(path)
        assert shown.status_code == 200
        assert "停電・自立運転：3か所" in shown.text
        assert "当直 さん、この通知を見たら" in shown.text
        assert (await phone.head(path)).status_code == 200
        (case,) = await here.house.records.notices.open_cases()
        assert await here.house.records.notices.acks_of(case.id) == []
        pressed = await phone.post(path)
        assert (pressed.status_code, pressed.headers["location"]) == (303, path)
        done = await phone.get(path)
        assert "確認済みです：当直" in done.text
        assert "<form" not in done.text
        await phone.post(path)
        assert len(await here.house.records.notices.acks_of(case.id)) == 1
        await here.house.step(30)
        assert "chief@city.example" not in [mail["To"] for mail in here.box.got]
        english = await phone.get(path.replace("lang=ja", "lang=en"))
        assert "Acknowledged by 当直" in english.text


async def test_a_link_that_is_forged_or_late_acknowledges_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as phone:
        path = await here.outage()
        ticket = path.removeprefix("/ack/").partition("?")[0]
        case, person, until, mark = ticket.split(".")
        forged = [
            f"{case}.chief.{until}.{mark}",
            f"{case}.{person}.{int(until, 16) + 9_999:x}.{mark}",
            tickets.stamped(KEY, case, person, here.house.clock()),
            "x",
            f"{case}.{person}.{until}.{'é' * 32}",
        ]
        for each in forged:
            for answer in (await phone.get(f"/ack/{each}?lang=en"), await phone.post(f"/ack/{each}?lang=en")):
                assert answer.status_code == 404
                assert "This link does not work" in answer.text
                assert "停電" not in answer.text
        here.house.clock.minutes(4 * 24 * 60)
        late = await phone.post(path.replace("ja", "en"))
        assert late.status_code == 410
        assert "This link ended on" in late.text
        assert await here.house.records.notices.acks_of(case) == []


async def test_who_looks_sees_and_changes_nothing_and_operators_acknowledge(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await here.outage()
        (case,) = await here.house.records.notices.open_cases()
        async with here.town.signed_in("viewer") as client:
            page = await client.get("/notifications?lang=ja")
            assert page.status_code == 200
            assert "から確認待ち" in page.text
            assert "duty@city.example" not in page.text
            assert "U00000000000000000000000000000001" not in page.text
            assert not re.search(r'action="/notifications/', page.text)
            csrf = {"X-CSRF-Token": mark_of(here.town, client)}
            for path, body in (("ack", {"case": case.id}), ("test", {"person": "pat"}), ("retry", {})):
                answer = await client.post(f"/notifications/{path}", data=body, headers=csrf)
                assert answer.status_code == 403
        async with here.town.signed_in("operator") as client:
            page = await client.get("/notifications?lang=en")
            form = {"case": case.id, "csrf": csrf_of(page.text)}
            answer = await client.post("/notifications/ack?lang=en", data=form)
            assert answer.status_code == 303
            page = await client.get("/notifications?lang=en")
            assert "Waits for no acknowledgement" in page.text
            assert "Operator (operator) (24 Nov" in page.text
            missing = await client.post("/notifications/ack", data={**form, "case": "grid-999"})
            assert missing.status_code == 404
            refused = await client.post("/notifications/test", data={"person": "pat", "csrf": form["csrf"]})
            assert refused.status_code == 403


def mark_of(here: Town, client: httpx.AsyncClient) -> str:
    digest = here.door.digest(client.cookies["shelter_session"])
    assert digest
    return here.door._mark("csrf", digest)


async def test_the_test_button_shows_what_came_of_each_channel(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.signed_in("admin") as client:
        page = await client.get("/notifications?lang=en")
        form = {"person": "duty", "csrf": csrf_of(page.text)}
        here.line.answers = [(500, "oops")]
        tested = await client.post("/notifications/test?lang=en", data=form)
        assert "A test was sent to 当直" in tested.text
        assert re.search(r"LINE: <strong>Not delivered</strong> LINE 500: oops", tested.text)
        assert re.search(r"mail: <strong>Sent</strong> mail: taken by", tested.text)
        assert here.box.subjects() == ["【試験】通知の試験送信です"]
        assert (await client.post("/notifications/test", data={**form, "person": "nobody"})).status_code == 404
        book = [entry.decision for entry in await here.house.records.decisions.book()]
        assert [(one.by, one.action.value, one.detail["taken"]) for one in book] == [
            ("Admin (admin)", "notify_tested", ["mail"])
        ]
        dead = await client.get("/notifications?dead=true&lang=en")
        assert dead.text.count("<time") == 1
        retried = await client.post("/notifications/retry?lang=en", data={"csrf": form["csrf"]})
        assert retried.headers["location"] == "/notifications?lang=en&retried=1"
        await here.house.step()
        assert len(here.line.shown) == 1
        assert "1 will be sent again" in (await client.get(retried.headers["location"])).text


async def test_what_is_wrong_with_the_room_is_said_on_the_page(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.signed_in("viewer") as client:
        (tmp_path / "notify" / "rules.yaml").write_text("people: {}\nrules: {all: {to: [x]}}\n")
        await here.house.step()
        page = await client.get("/notifications?lang=en")
        assert "the rules that were read before still hold" in page.text
        assert "rules.all: to: no person" in page.text
        await here.house.happened(NewsKind.ISLANDED, here.house.site_ids()[0], severity=Severity.CRITICAL)
        await here.house.step(2)
        await here.house.step(30)
        page = await client.get("/notifications?lang=en")
        assert "Nobody has acknowledged, and nobody is left to tell" in page.text


def test_a_ticket_names_whose_it_is_and_until_when() -> None:
    text = tickets.stamped(KEY, "grid-12", "duty-officer", 1_000_000)
    assert tickets.opened(KEY, text) == tickets.Ticket("grid-12", "duty-officer", 1_000_000 + tickets.LASTS_MS)
    assert tickets.opened(b"other" * 8, text) is None
