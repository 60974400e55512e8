"""A city with accounts: the real records, the real gate, the real pages, over ASGI."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI

from central.api.app import create_app
from central.api.desk import Desk
from central.core.access import Role
from central.doorkeeper import Doorkeeper
from central.oidc import Provider
from central.oidc_door import SignOn
from central.people import People
from central.settings_oidc import OidcSettings
from central.web.accounts import book, people, signing, sso
from contract.signing import Signer
from tests.central.control.parts import House, house
from tests.central.fake import FakeQueries

MACHINE = "m" * 43
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""A city has five people before a test begins: the real hash, which one test looks at, would take most of the time."""
PASSWORD = "correct horse battery staple"


@dataclass
class Town:
    """The app, and time that a test moves."""

    app: FastAPI
    door: Doorkeeper
    people: People
    city: House
    queries: FakeQueries

    def client(self, *, address: str = "10.0.0.1", base: str = "http://city") -> httpx.AsyncClient:
        """A browser without cookies, at an address."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 1_234))
        return httpx.AsyncClient(transport=transport, base_url=base)

    @asynccontextmanager
    async def signed_in(self, login: str) -> AsyncIterator[httpx.AsyncClient]:
        """A browser in which somebody is signed in."""
        async with self.client() as client:
            answer = await client.post("/login", data={"login": login, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            yield client

    async def add(self, login: str, role: Role, *wards: str) -> None:
        await self.people.add(login, login.title(), role, frozenset(wards), by="test", password=PASSWORD)


@asynccontextmanager
async def town(
    folder: Path, oidc: OidcSettings | None = None, *, shown: int = 3, origin: str = "http://city", **more: Any
) -> AsyncIterator[Town]:
    """A city of some shelters with a viewer, an operator, a technician, an administrator and one bound to a ward.

    ``oidc``: it has a single sign-on. ``shown``: shelters of the city's page; ``more``: which ones control knows;
    ``origin``: where people reach it.
    """
    async with house(folder, signer=Signer.new(), **more) as here:
        records = here.records
        door = Doorkeeper(records.accounts, key=b"k" * 32, token=MACHINE, now=here.clock, origin=origin, hasher=QUICK)
        queries = FakeQueries.of_city(shown)
        app = create_app(
            queries, ready=dict, clock=here.clock, desk=Desk(here.control, here.live), token=MACHINE, gate=door
        )
        renderer = app.state.pages.renderer
        signon = SignOn(door, Provider(oidc, allow=[], now=here.clock), oidc) if oidc else None
        app.include_router(signing.router(door, renderer, signon))
        if signon is not None:
            app.include_router(sso.router(door, signon, renderer))
        app.include_router(people.router(door, renderer, queries))
        app.include_router(book.router(records.decisions, renderer))
        made = Town(app, door, People(door), here, queries)
        for login, role in (
            ("viewer", Role.VIEWER),
            ("operator", Role.OPERATOR),
            ("technician", Role.TECHNICIAN),
            ("admin", Role.ADMIN),
        ):
            await made.add(login, role)
        yield made


def csrf_of(page: str) -> str:
    """The mark that a page's forms carry."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found, page
    return found[1]
