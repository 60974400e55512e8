"""Nobody comes in without the PIN, and no form is taken that is not ours."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from aiohttp.web_urldispatcher import DynamicResource
from yarl import URL

from edge_agent.page.addresses import Listen
from edge_agent.page.guard import HEADERS, STRICT
from edge_agent.page.sessions import IDLE_MS
from edge_agent.page.site import CONNECTIONS_MAX, make_app, serving
from tests.edge_agent.page.conftest import PIN, MakeVisitor, Visitor

OPEN = {"/login", "/favicon.ico"}
PAGES = [
    "/",
    "/devices",
    "/devices/inverter",
    "/job",
    "/mode",
    "/mode/backup",
    "/mode/isolate",
    "/card",
    "/walk",
    "/walk/scan",
    "/walk/devices",
    "/walk/site",
    "/walk/check",
    "/walk/load",
    "/walk/controls",
    "/walk/controls/inverter/reserve",
    "/walk/backup",
    "/walk/finish",
    "/walk/report",
    "/walk/photos/photo-000000000000.jpg",
    "/report/report-20260101-000000/report.json",
]
FORMS = [
    "/logout",
    "/mend",
    "/job/stop",
    "/job/go",
    "/mode",
    "/walk/scan",
    "/walk/devices",
    "/walk/site",
    "/walk/check",
    "/walk/load",
    "/walk/skip",
    "/walk/controls/inverter/reserve",
    "/walk/backup",
    "/walk/finish",
    "/walk/photos",
    "/walk/bundle",
    "/walk/photos/remove",
]


def test_every_route_is_tried_here(stranger: Visitor) -> None:
    """A route that somebody adds without a line above is found."""
    named = {"GET": {*PAGES, *OPEN}, "POST": {*FORMS, "/login"}}
    for route in make_app(stranger.parts).router.routes():
        assert route.resource is not None
        if route.method == "HEAD" or route.resource.canonical.startswith("/static/"):
            continue
        resource = route.resource
        matches = [
            path
            for path in named[route.method]
            if path == resource.canonical
            or (isinstance(resource, DynamicResource) and resource._match(path) is not None)
        ]
        assert matches, (route.method, resource.canonical)


@pytest.mark.parametrize("path", PAGES)
async def test_without_the_pin_there_is_only_the_door(stranger: Visitor, path: str) -> None:
    response = await stranger.get(path)
    assert response.status == 303
    assert response.headers["Location"].startswith("/login")
    assert (await response.text()).find("inverter") == -1


@pytest.mark.parametrize("path", FORMS)
async def test_without_the_pin_no_form_is_taken(stranger: Visitor, path: str) -> None:
    response = await stranger.client.post(path, data={"token": "0" * 64}, allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"] == "/login"


@pytest.mark.parametrize("path", FORMS)
async def test_with_the_pin_but_without_the_token_no_form_is_taken(technician: Visitor, path: str) -> None:
    for fields in ({}, {"token": "0" * 64}, {"token": "ü"}):
        response = await technician.client.post(path, data=fields, allow_redirects=False)
        assert response.status in (400, 403), path
    assert technician.parts.desk.job is None


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_of_another_page_is_not_taken(technician: Visitor, path: str) -> None:
    token = await technician.token("/")
    for header in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        response = await technician.client.post(path, data={"token": token}, headers=header, allow_redirects=False)
        assert response.status == 403


@pytest.mark.parametrize(
    "path", [path for path in PAGES if not path.startswith(("/walk/report", "/walk/photos", "/report"))]
)
@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_with_the_pin_every_page_opens(technician: Visitor, path: str, lang: str) -> None:
    response = await technician.get(f"{path}?lang={lang}")
    text = await response.text()
    assert response.status == 200
    assert f'<html lang="{lang}">' in text
    assert "<title>" in text
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Security-Policy"] == STRICT
    assert HEADERS.items() <= dict(response.headers).items()
    assert "style=" not in text
    assert "http://" not in text.replace("http://192.168.10.5:8080", "")


async def test_a_wrong_pin_opens_nothing_and_is_in_no_answer(stranger: Visitor) -> None:
    response = await stranger.log_in("27182818")
    text = await response.text()
    assert response.status == 403
    assert "PIN が違います" in text
    assert "27182818" not in text
    assert (await stranger.get("/")).status == 303


@pytest.mark.parametrize("pin", ["", "x" * 40_000, "\x00", "<script>alert(1)</script>", "' OR 1=1 --"])
async def test_a_hostile_pin_is_a_wrong_pin(stranger: Visitor, pin: str) -> None:
    response = await stranger.log_in(pin)
    assert response.status == 403
    assert "<script>alert" not in await response.text()


async def test_too_many_wrong_pins_shut_the_door_for_everybody(arrive: MakeVisitor) -> None:
    one, other = await arrive(), await arrive()
    for _ in range(5):
        await one.log_in("00000000")
    answer = await other.log_in(PIN)
    assert answer.status == 403
    assert "30 秒" in await answer.text()
    one.clock.ms += 30_000
    assert (await other.log_in(PIN)).status == 303


async def test_the_pin_leads_to_where_one_wanted_to_go_but_not_elsewhere(arrive: MakeVisitor) -> None:
    for to, expected in (("/walk/check", "/walk/check"), ("//evil.example", "/"), ("https://evil.example", "/")):
        visitor = await arrive()
        response = await visitor.post("/login", of="/login", pin=PIN, to=to)
        assert response.headers["Location"] == expected


async def test_the_pin_s_form_needs_the_browser_that_opened_it(arrive: MakeVisitor) -> None:
    one, other = await arrive(), await arrive()
    token = await one.token("/login")
    assert (await other.post("/login", of="/login", pin=PIN, token=token)).status == 403
    assert (await other.get("/")).status == 303


async def test_cookies_are_for_this_page_alone(stranger: Visitor) -> None:
    response = await stranger.log_in()
    cookie = response.cookies["shelter_page"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"


async def test_a_page_that_refreshes_itself_keeps_nobody_logged_in(technician: Visitor) -> None:
    technician.clock.ms += IDLE_MS - 1
    assert (await technician.get("/?auto=1")).status == 200
    technician.clock.ms += 2
    assert (await technician.get("/?auto=1")).status == 303


async def test_who_leaves_is_out(technician: Visitor) -> None:
    assert (await technician.post("/logout")).headers["Location"] == "/login"
    assert (await technician.get("/")).status == 303


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "192.0.2.1", ""])
async def test_a_name_that_was_made_to_point_here_is_not_served(technician: Visitor, host: str) -> None:
    for path in ("/", "/login", "/static/page.css"):
        response = await technician.get(path, headers={"Host": host})
        assert response.status in (400, 421)
        assert "inverter" not in await response.text()


@pytest.mark.parametrize(
    "path", ["/nothing", "/static/none.css", "/static/..%2fpin.py", "/devices/none", "/walk/controls/inverter/none"]
)
async def test_what_is_not_there_is_said(technician: Visitor, path: str) -> None:
    response = await technician.get(path)
    assert response.status == 404
    assert "このページはありません" in await response.text()


async def test_other_methods_are_not_served(technician: Visitor) -> None:
    assert (await technician.client.put("/")).status == 405
    assert (await technician.client.delete("/walk")).status == 405


@pytest.mark.parametrize("name", ["page.css", "page.js", "icon.svg"])
async def test_the_page_s_own_files_need_no_pin(stranger: Visitor, name: str) -> None:
    assert (await stranger.get(f"/static/{name}")).status == 200


async def test_the_language_is_the_browser_s_until_somebody_chooses(arrive: MakeVisitor) -> None:
    visitor = await arrive()
    assert '<html lang="ja">' in await visitor.text("/login")
    response = await visitor.get("/login", headers={"Accept-Language": "en-GB,ja;q=0.5"})
    assert '<html lang="en">' in await response.text()
    await visitor.get("/login?lang=en")
    assert '<html lang="en">' in await visitor.text("/login")
    assert '<html lang="en">' in await visitor.text("/login?lang=fr")


@pytest.mark.parametrize("path", ["/%0d%0aSet-Cookie:%20a=b", "/%0aX:y", "/..%2f..%2fetc/passwd", "/walk/%E3%81%82"])
async def test_a_path_with_anything_in_it_leads_to_the_door_and_nowhere_else(stranger: Visitor, path: str) -> None:
    response = await stranger.client.get(URL(path, encoded=True), allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"] == "/login"
    assert "a" not in response.cookies


async def test_strangers_cannot_take_all_file_handles(stranger: Visitor) -> None:
    """Whoever opens connections without end is turned away; whoever came before is still served."""
    listen = Listen("127.0.0.1", 0)
    async with serving(replace(stranger.parts, listen=listen)) as port, AsyncExitStack() as opened:
        readers = []
        for _ in range(CONNECTIONS_MAX + 40):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened.callback(writer.close)
            readers.append(reader)
        for reader in readers[CONNECTIONS_MAX:]:
            assert await gone(reader)
        first_reader, first_writer = await asyncio.open_connection("127.0.0.1", port)
        opened.callback(first_writer.close)
        assert await gone(first_reader)
        assert not any(reader.at_eof() for reader in readers[:CONNECTIONS_MAX])


async def gone(reader: asyncio.StreamReader) -> bool:
    """Whether the other side has closed."""
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True
