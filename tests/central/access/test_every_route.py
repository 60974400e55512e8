"""Every route × everybody: what has no mark does not exist, who has no right is refused, a viewer changes nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from central.core.access import RIGHTS, Right, Role
from central.core.audit import Action
from central.people import People
from central.settings import load
from tests.central.access.parts import PASSWORD, town
from tests.central.access.whole import opened

SIGN_ON: Final[dict[str, object]] = {
    "http.public_url": "https://shelters.city.example",
    "oidc.issuer": "https://login.city.example",
    "oidc.roles": {"a": "viewer"},
}
PUBLIC_WRITES = {"/login", "/api/v1/hooks/{name}", "/ack/{ticket}"}
"""What everybody may send: a password, a call that its own secret signs, and an acknowledgement by a signed link."""


def walked(routes: Iterable[Any]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):  # How this framework keeps an included router.
            yield from walked(route.original_router.routes)


def routes_of(app: FastAPI) -> list[APIRoute]:
    found = list(walked(app.routes))
    assert len(found) > 30, "routes that are not found are not tested"
    return found


def calls_of(dependant: Any) -> Iterator[Any]:
    for one in dependant.dependencies:
        yield one.call
        yield from calls_of(one)


def rights_of(route: APIRoute) -> set[Right]:
    return {call.right for call in calls_of(route.dependant) if hasattr(call, "right")}


def is_public(route: APIRoute) -> bool:
    return any(getattr(call, "is_public", False) for call in calls_of(route.dependant))


async def test_every_route_says_who_may(tmp_path: Path) -> None:
    async with opened(tmp_path, SIGN_ON) as app:
        unmarked = [route.path for route in routes_of(app) if bool(rights_of(route)) == is_public(route)]
        assert unmarked == []


async def test_what_everybody_may_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        public = {
            route.path for route in routes_of(app) if is_public(route) and (route.methods or set()) - {"GET", "HEAD"}
        }
        assert public <= PUBLIC_WRITES


async def test_what_changes_something_asks_for_more_than_reading(tmp_path: Path) -> None:
    harmless = {"/api/v1/incidents/preview", "/logout", "/account/password", "/account/sessions"}
    async with opened(tmp_path) as app:
        for route in routes_of(app):
            if (route.methods or set()) - {"GET", "HEAD"} and not is_public(route) and route.path not in harmless:
                assert rights_of(route) - {Right.READ}, route.path


WHO = ["", *Role, "token"]
"""Nobody, each role, and a token that may read."""


@asynccontextmanager
async def everybody(folder: Path) -> AsyncIterator[tuple[FastAPI, dict[str, httpx.AsyncClient]]]:
    """The whole service, and a client for everybody."""
    async with opened(folder, SIGN_ON) as app, AsyncExitStack() as stack:
        door, people = app.state.gate, People(app.state.gate)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        clients = {}
        for who in WHO:
            client = httpx.AsyncClient(transport=transport, base_url="https://shelters.city.example")
            clients[who] = await stack.enter_async_context(client)
            if who == "token":
                given = await people.new_token("x", frozenset({Right.READ}), frozenset(), days=1, by="test")
                client.headers["Authorization"] = f"Bearer {given.secret}"
            elif who:
                await people.add(f"the-{who}", who, Role(who), frozenset(), by="test", password=PASSWORD)
                account = await door.rows.account(f"the-{who}")
                cookie = await door.begin(account, agent="", how="test")
                client.cookies.set("shelter_session", cookie)
                digest = door.digest(cookie)
                client.headers["X-CSRF-Token"] = door.csrf(await door.rows.session(digest))
        yield app, clients


async def test_nobody_gets_past_the_gate_by_any_path(tmp_path: Path) -> None:
    asked = 0
    async with everybody(tmp_path) as (app, clients):
        for route in routes_of(app):
            if is_public(route) or "stream" in route.path or route.path.startswith("/live"):
                continue
            path = re.sub(r"\{[^}]+\}", "x", route.path)
            for method, who in product(sorted((route.methods or set()) - {"HEAD"}), WHO):
                if path == "/logout":
                    continue
                rights = RIGHTS[Role(who)] if who in set(Role) else {Right.READ} if who else set()
                answer = await clients[who].request(method, path)
                where = (who, method, path, answer.status_code)
                asked += 1
                if not who:
                    assert answer.status_code in {401, 303}, where
                    assert answer.status_code == 401 or answer.headers["location"].startswith("/login"), where
                elif not rights_of(route) <= rights:
                    assert answer.status_code == 403, where
                elif path != "/account/link" and not (who == "token" and path.startswith("/account")):
                    assert answer.status_code not in {401, 403}, where
    assert asked > 600, "routes that are not asked are not tested"


async def test_whoever_may_only_read_changes_nothing_by_any_path(tmp_path: Path) -> None:
    harmless = {Action.ACCOUNT_MADE, Action.SIGNED_IN, Action.TOKEN_MADE}
    async with everybody(tmp_path) as (app, clients):
        for route, who in product(routes_of(app), ("", "viewer", "token")):
            path = re.sub(r"\{[^}]+\}", "E0000000001111", route.path)
            for method in sorted((route.methods or set()) - {"GET", "HEAD"}):
                if path not in {"/logout", "/login"}:
                    body = {"mode": "backup", "scope": {"kind": "city"}, "why": "x", "by": "x"}
                    await clients[who].request(method, path, json=body)
                    await clients[who].request(method, path, data={"mode": "backup", "scope": "city", "why": "x"})
        book = (await clients["admin"].get("/api/v1/audit?limit=1000")).json()["entries"]
        assert {entry["action"] for entry in book} <= set(harmless)
        assert (await clients["admin"].get("/api/v1/incidents")).json() == {"incidents": []}


def mark_of(here: Any, client: Any) -> str:
    digest = here.door.digest(client.cookies["shelter_session"])
    return str(here.door._mark("csrf", digest))


async def test_the_service_always_has_accounts(tmp_path: Path) -> None:
    settings = load(None, {}, {}, data=tmp_path)
    assert settings.data == tmp_path
    async with opened(tmp_path) as app:
        assert type(app.state.gate).__name__ == "Doorkeeper"


@pytest.mark.parametrize("ward", ["美浜区", "緑区"])
async def test_who_is_bound_to_a_ward_switches_no_other(tmp_path: Path, ward: str) -> None:
    async with town(tmp_path) as here:
        await here.add("bound", Role.OPERATOR, "美浜区")
        async with here.signed_in("bound") as client:
            headers = {"X-CSRF-Token": mark_of(here, client)}
            body = {"mode": "backup", "scope": {"kind": "ward", "names": [ward]}, "why": "台風"}
            answer = await client.post("/api/v1/incidents", json=body, headers=headers)
            assert answer.status_code == (201 if ward == "美浜区" else 403), answer.text
            if answer.status_code == 201:
                assert "Bound (bound)" in answer.text
            city = {**body, "scope": {"kind": "city"}}
            assert (await client.post("/api/v1/incidents", json=city, headers=headers)).status_code == 403
            group = {"scope": {"kind": "ward", "names": [ward]}, "why": "x"}
            saved = await client.put("/api/v1/groups/g", json=group, headers=headers)
            assert saved.status_code == (200 if ward == "美浜区" else 403)


async def test_nobody_decides_in_another_persons_name(tmp_path: Path) -> None:
    async with town(tmp_path) as here, here.signed_in("operator") as one:
        headers = {"X-CSRF-Token": mark_of(here, one)}
        body = {"mode": "backup", "scope": {"kind": "city"}, "why": "台風"}
        other = await one.post("/api/v1/incidents", json={**body, "by": "佐藤"}, headers=headers)
        assert (other.status_code, other.json()["title"]) == (422, "Not your name")
        made = await one.post("/api/v1/incidents", json=body, headers=headers)
        assert made.status_code == 201
        incident = made.json()["id"]
        alone = await one.post(f"/api/v1/incidents/{incident}/confirm", json={"why": "確認"}, headers=headers)
        assert alone.status_code == 409, "the whole city wants another person"
        async with here.signed_in("admin") as second:
            again = {"X-CSRF-Token": mark_of(here, second)}
            done = await second.post(f"/api/v1/incidents/{incident}/confirm", json={"why": "確認"}, headers=again)
            assert done.status_code == 200, done.text
