"""Every route × everybody: what has no mark does not exist, who has no right is refused, a viewer changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from central.core.access import RIGHTS, Right, Role
from central.settings import load
from tests.central.access.parts import town
from tests.central.access.whole import opened

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
    async with opened(tmp_path) as app:
        unmarked = [route.path for route in routes_of(app) if bool(rights_of(route)) == is_public(route)]
        assert unmarked == []


async def test_what_everybody_may_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        public = {route.path for route in routes_of(app) if is_public(route) and route.methods - {"GET", "HEAD"}}
        assert public <= PUBLIC_WRITES


async def test_what_changes_something_asks_for_more_than_reading(tmp_path: Path) -> None:
    harmless = {"/api/v1/incidents/preview", "/logout", "/account/password", "/account/sessions"}
    async with opened(tmp_path) as app:
        for route in routes_of(app):
            if route.methods - {"GET", "HEAD"} and not is_public(route) and route.path not in harmless:
                assert rights_of(route) - {Right.READ}, route.path


@pytest.mark.parametrize("login", ["", "viewer", "operator", "technician", "admin"])
async def test_nobody_gets_past_the_gate_by_any_path(tmp_path: Path, login: str) -> None:
    rights = RIGHTS[Role(login)] if login else frozenset()
    async with town(tmp_path) as here, here.signed_in(login) if login else here.client() as client:
        for route in routes_of(here.app):
            if is_public(route) or "stream" in route.path or route.path.startswith("/live"):
                continue
            path = re.sub(r"\{[^}]+\}", "x", route.path)
            for method in sorted(route.methods - {"HEAD"}):
                headers = {"X-CSRF-Token": mark_of(here, client)} if login else {}
                answer = await client.request(method, path, headers=headers)
                where = (login, method, path, answer.status_code)
                if not login:
                    assert answer.status_code in {401, 303}, where
                elif not rights_of(route) <= rights:
                    assert answer.status_code == 403, where
                elif path not in {"/logout"}:
                    assert answer.status_code not in {401, 403}, where
                if path == "/logout" and login:
                    return


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
