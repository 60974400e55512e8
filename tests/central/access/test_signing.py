"""Signing in as a browser does it: cookies, forms from elsewhere, guessing, first passwords, tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from central.core.access import Right, Role
from central.core.accounts import IDLE_MS
from central.core.audit import Action, first_fault
from central.doorkeeper import COOKIE, Doorkeeper, key_at
from tests.central.access.parts import PASSWORD, Town, csrf_of, town

LOGIN = {"login": "operator", "password": PASSWORD}


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


async def book(here: Town) -> list[Any]:
    return [entry.decision for entry in await here.city.records.decisions.book()]


async def test_a_page_leads_to_signing_in_and_back(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        first = await client.get("/sites/E00000?lang=en")
        assert (first.status_code, first.headers["location"]) == (
            303,
            "/login?next=%2Fsites%2FE00000%3Flang%3Den&lang=en",
        )
        page = await client.get(first.headers["location"])
        assert page.status_code == 200
        assert 'name="onward" value="/sites/E00000?lang=en"' in page.text
        done = await client.post("/login", data={**LOGIN, "onward": "/?lang=en"})
        assert (done.status_code, done.headers["location"]) == (303, "/?lang=en")
        cookie = done.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        city = await client.get("/?lang=en")
        assert city.status_code == 200
        assert "My account" in city.text
        assert "operator" not in city.text.lower().replace("/?lang", ""), "a page that is kept for others names nobody"


@pytest.mark.parametrize(
    "onward", ["https://evil.example/", "//evil.example", "/\\evil.example", "/login", "javascript:1"]
)
async def test_signing_in_leads_nowhere_else(tmp_path: Path, onward: str) -> None:
    async with town(tmp_path) as here, here.client() as client:
        done = await client.post("/login", data={**LOGIN, "onward": onward})
        assert done.headers["location"] == "/"


async def test_a_wrong_name_and_a_wrong_password_are_told_alike(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        one = await client.post("/login", data={"login": "operator", "password": "wrong"})
        other = await client.post("/login", data={"login": "nobody", "password": "wrong"})
        assert (one.status_code, other.status_code) == (401, 401)
        assert one.text.replace("operator", "X") == other.text.replace("nobody", "X")
        assert "set-cookie" not in one.headers


async def test_guessing_is_slowed_by_name_and_by_address_and_stands_in_the_book(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client(address="10.9.9.9") as guesser, here.client() as other:
        answers = []
        for _ in range(8):
            answers.append((await guesser.post("/login", data={"login": "admin", "password": "guess"})).status_code)
        assert answers == [401] * 5 + [429] * 3
        assert (await other.post("/login", data={"login": "admin", "password": PASSWORD})).status_code == 429
        assert (await other.post("/login", data=LOGIN)).status_code == 303, "other people still come in"
        refused = await guesser.post("/login", data=LOGIN)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        for _ in range(5):
            here.city.clock.now_ms += 70_000
            await guesser.post("/login", data={"login": "admin", "password": "guess"})
        assert [d.detail["login"] for d in await book(here) if d.action is Action.SIGN_IN_REFUSED] == ["admin"]
        here.city.clock.now_ms += 3_600_000
        assert (await other.post("/login", data={"login": "admin", "password": PASSWORD})).status_code == 303


async def test_a_cookie_that_was_changed_or_made_up_opens_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.signed_in("operator") as client:
        good = client.cookies[COOKIE]
        for bad in (good[:-1] + ("0" if good[-1] != "0" else "1"), good.partition(".")[0], "x.y", "", "é", "." + good):
            client.cookies.clear()
            answer = await client.get("/account", headers={b"Cookie": f"{COOKIE}={bad}".encode()})
            assert answer.status_code == 303
        again = await client.get("/account", headers={"Cookie": f"{COOKIE}={good}"})
        assert again.status_code == 200


async def test_a_session_survives_a_restart_and_ends_by_itself(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.signed_in("operator") as client:
        here.app.state.gate = Doorkeeper(here.city.records.accounts, key=b"k" * 32, token="", now=here.city.clock)
        assert (await client.get("/account")).status_code == 200
        here.app.state.gate = Doorkeeper(here.city.records.accounts, key=b"x" * 32, token="", now=here.city.clock)
        assert (await client.get("/account")).status_code == 303, "another key knows no cookie of this one"
        here.app.state.gate = here.door
        here.city.clock.now_ms += IDLE_MS
        assert (await client.get("/account")).status_code == 303


async def test_a_form_from_elsewhere_changes_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.signed_in("admin") as client:
        mark = csrf_of((await client.get("/users")).text)
        form = {"login": "evil", "name": "Evil", "role": "admin"}
        for headers, sent in (
            ({}, form),
            ({}, {**form, "csrf": "0" * 64}),
            ({"Origin": "https://evil.example"}, {**form, "csrf": mark}),
            ({"Origin": "null"}, {**form, "csrf": mark}),
            ({"Sec-Fetch-Site": "cross-site"}, {**form, "csrf": mark}),
        ):
            answer = await client.post("/users/add", data=sent, headers=headers)
            assert answer.status_code == 403, headers
        assert await here.door.rows.account("evil") is None
        json_call = await client.post("/api/v1/incidents", json={})
        assert json_call.status_code == 403, "the API takes a cookie with its mark alone"
        good = await client.post("/users/add", data={**form, "csrf": mark}, headers={"Origin": "http://city"})
        assert good.status_code == 200
        assert await here.door.rows.account("evil") is not None


async def test_signing_out_ends_the_session_for_the_cookie_that_was_copied_too(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.signed_in("viewer") as client:
        copied = client.cookies[COOKIE]
        mark = csrf_of((await client.get("/account")).text)
        assert (await client.post("/logout", data={"csrf": mark})).status_code == 303
        assert (await client.get("/account", headers={"Cookie": f"{COOKIE}={copied}"})).status_code == 303


async def test_a_one_time_password_opens_nothing_but_its_change(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.client() as client:
        given = await here.people.add("sato", "佐藤", Role.OPERATOR, frozenset(), by="test")
        assert (await client.post("/login", data={"login": "sato", "password": given.secret})).status_code == 303
        for path in ("/", "/audit", "/sites/x"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        assert (await client.get("/api/v1/city")).status_code == 403
        page = (await client.get("/account")).text
        form = {"csrf": csrf_of(page), "before": given.secret, "password": PASSWORD, "again": PASSWORD}
        for wrong in ({"before": "no"}, {"again": "other"}, {"password": "short", "again": "short"}):
            assert (await client.post("/account/password", data={**form, **wrong})).status_code == 422
        assert (await client.post("/account/password", data=form)).status_code == 303
        assert (await client.get("/")).status_code == 200
        assert given.secret not in json.dumps([d.detail for d in await book(here)])


async def test_a_new_password_ends_other_sessions(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.signed_in("viewer") as phone, here.signed_in("viewer") as desk:
        fresh = "another battery of horses"
        form = {
            "csrf": csrf_of((await desk.get("/account")).text),
            "before": PASSWORD,
            "password": fresh,
            "again": fresh,
        }
        assert (await desk.post("/account/password", data=form)).status_code == 303
        assert (await desk.get("/account")).status_code == 200
        assert (await phone.get("/account")).status_code == 303


async def test_whoever_is_shut_out_is_out_at_once(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.signed_in("viewer") as client, here.signed_in("admin") as admin:
        mark = csrf_of((await admin.get("/users")).text)
        form = {"csrf": mark, "role": "viewer", "disabled": "true"}
        assert (await admin.post("/users/viewer/change", data=form)).status_code == 303
        assert (await client.get("/account")).status_code == 303
        assert (await client.post("/login", data={"login": "viewer", "password": PASSWORD})).status_code == 401
        last = await admin.post("/users/admin/change?lang=en", data={"csrf": mark, "role": "viewer"})
        assert last.status_code == 422
        in_japanese = await admin.post("/users/admin/change?lang=ja", data={"csrf": mark, "role": "viewer"})
        assert "先に別の管理者を加えてください" in in_japanese.text
        assert "make another administrator first" in last.text


async def test_a_token_does_what_it_was_given_for_until_it_is_withdrawn(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.signed_in("admin") as admin, here.client() as system:
        mark = csrf_of((await admin.get("/users")).text)
        made = await admin.post("/tokens/add", data={"csrf": mark, "name": "都市OS", "days": "30", "rights": ["read"]})
        secret = made.text.partition('class="secret">')[2].partition("<")[0]
        assert secret.startswith("shelter_")
        auth = {"Authorization": f"Bearer {secret}"}
        assert (await system.get("/api/v1/city", headers=auth)).status_code == 200
        assert (await system.post("/api/v1/incidents", json={}, headers=auth)).status_code == 403
        assert secret not in (await admin.get("/users")).text
        (token,) = await here.door.rows.tokens()
        assert token.used_ms
        assert token.rights == {Right.READ}
        await admin.post(f"/tokens/{token.id}/revoke", data={"csrf": mark})
        assert (await system.get("/api/v1/city", headers=auth)).status_code == 401
        for rights in (["admin"], ["prove"], []):
            refused = await admin.post("/tokens/add", data={"csrf": mark, "name": "x", "days": "1", "rights": rights})
            assert refused.status_code == 422


async def test_no_secret_is_logged_or_kept_in_clear(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with town(tmp_path) as here, here.signed_in("operator") as client:
            await client.post("/login", data={"login": "viewer", "password": "a-wrong-secret-guess"})
            cookie = client.cookies[COOKIE].partition(".")[0]
            given = await here.people.new_token("x", frozenset({Right.READ}), frozenset(), days=1, by="test")
    for secret in (PASSWORD, "a-wrong-secret-guess", cookie, given.secret):
        assert secret.encode() not in everything_in(tmp_path)
        assert secret not in repr(logs)


async def test_the_first_administrator_is_made_once(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        assert await here.door.first_password() is None


async def test_the_book_stays_whole_whatever_people_do(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.signed_in("admin") as admin:
        page = await admin.get("/audit?lang=en&action=account_made&by=test")
        assert page.status_code == 200
        assert "The chain is whole" in page.text
        assert "Technician" not in page.text.partition("<tbody>")[2].partition("Details")[0]
        assert first_fault(await here.city.records.decisions.book()) == ""


def test_the_key_of_cookies_is_its_owners_alone(tmp_path: Path) -> None:
    key = key_at(tmp_path / "key")
    assert len(key) == 32
    assert key_at(tmp_path / "key") == key
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    (tmp_path / "short").write_bytes(b"x")
    with pytest.raises(OSError, match="too short"):
        key_at(tmp_path / "short")


async def test_passwords_are_hashed_slowly_and_with_much_memory(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        door = Doorkeeper(here.door.rows, key=b"", token="", now=here.city.clock)
        hashed = await door.hash(PASSWORD)
        assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$"), "RFC 9106, section 4, second choice"
        assert await door.fits(hashed, PASSWORD)
        assert not await door.fits(hashed, PASSWORD + " ")
