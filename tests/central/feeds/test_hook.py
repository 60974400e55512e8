"""Webhooks: who may call, how often, and what a caller is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from central.api import problems
from central.api.gate import OpenGate
from central.core.incidents import Phase
from central.feeds import hook, hooked
from central.feeds.desk import AlertDesk
from central.feeds.xml import RefusedError
from tests.central.control.parts import House, house
from tests.central.feeds.parts import CHUO, PLACES, rules
from tests.central.feeds.test_desk import of
from tests.central.ingest.parts import NOW

SECRET = "0123456789abcdef0123456789abcdef"
RULES = rules("rules: {siren: {when: {webhook: siren}, then: propose, mode: backup}}", hooks=["siren"])


@dataclass
class Service:
    client: httpx.AsyncClient
    desk: AlertDesk
    here: House

    async def call(self, body: bytes, *, secret: str = SECRET, name: str = "siren", at_ms: int = NOW) -> httpx.Response:
        stamp = str(at_ms // 1000)
        headers = {"X-Timestamp": stamp, "X-Signature": hooked.signature_of(secret, stamp, body)}
        return await self.client.post(f"/api/v1/hooks/{name}", content=body, headers=headers)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with house(tmp_path, run=False) as here:
        desk = of(here, RULES)
        app = FastAPI()
        app.state.gate = OpenGate()
        problems.install(app)
        app.include_router(hook.router(desk, {"siren": SECRET}, clock=here.clock, sources=lambda: {"hook siren": "ok"}))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as client:
            yield Service(client, desk, here)


def body(**more: Any) -> bytes:
    return json.dumps(
        {"id": "a1", "at_ms": NOW, "status": "real", "wards": [CHUO], **more}, ensure_ascii=False
    ).encode()


async def test_a_signed_call_is_taken_once(service: Service) -> None:
    answer = await service.call(body(text="siren"))
    assert (answer.status_code, answer.json()["word"]) == (202, "first")
    (incident,) = service.here.control.incidents.values()
    assert (incident.phase, incident.scope.names) == (Phase.DECLARED, (CHUO,))
    again = await service.call(body(text="siren"))
    assert (again.status_code, again.json()["word"]) == (202, "repeated")
    off = await service.call(body(cancelled=True, serial=1))
    assert off.json()["word"] == "cancelled"
    assert [one.phase for one in service.here.control.incidents.values()] == [Phase.CLOSED]


async def test_a_drill_s_call_is_a_drill_and_a_test_is_nothing(service: Service) -> None:
    await service.call(body(status="test"))
    assert not service.here.control.incidents
    await service.call(body(status="training"))
    assert [one.wish.is_drill for one in service.here.control.incidents.values()] == [True]


async def test_without_the_secret_nobody_learns_anything(service: Service) -> None:
    answers = [
        await service.call(body(), secret="x" * 32),
        await service.call(body(), name="other"),
        await service.call(body(), at_ms=NOW - 301_000),
        await service.call(body(), at_ms=NOW + 301_000),
        await service.client.post("/api/v1/hooks/siren", content=body()),
        await service.client.post(
            "/api/v1/hooks/siren", content=body(), headers={"X-Timestamp": "-1", "X-Signature": "sha256=zz"}
        ),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert service.desk.counts == {"not_genuine": 6}
    assert not service.here.control.incidents


async def test_a_signature_is_of_one_body_and_one_moment(service: Service) -> None:
    stamp = str(NOW // 1000)
    good = hooked.signature_of(SECRET, stamp, body())
    for headers, content in (
        ({"X-Timestamp": str(NOW // 1000 + 1), "X-Signature": good}, body()),
        ({"X-Timestamp": stamp, "X-Signature": good}, body(wards=[])),
        ({"X-Timestamp": stamp, "X-Signature": good.upper()}, body()),
    ):
        answer = await service.client.post("/api/v1/hooks/siren", content=content, headers=headers)
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (body(status="practice"), "practice"),
        (body(id="../x"), "id"),
        (body(wards=["中区"]), "no ward is called '中区'"),
        (body(word="x"), "unknown field `word`"),
        (body(text="a\nb"), "control character"),
        (body(serial=-1), ">= 0"),
        (b"[" * 10_000, "body"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_body_that_is_not_understood_says_where(service: Service, content: bytes, says: str) -> None:
    answer = await service.call(content)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


async def test_a_large_body_is_not_read_to_its_end(service: Service) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 10_000

    answer = await service.client.post("/api/v1/hooks/siren", content=endless())
    assert answer.status_code == 413
    assert sent <= 8


async def test_what_the_rules_ask_for_can_be_read(service: Service) -> None:
    await service.call(body(text="siren"))
    told = (await service.client.get("/api/v1/triggers")).json()
    assert told["rules"] == ["siren"]
    assert told["places_are_synthetic"]
    assert told["proposals"][0]["scope"] == f"ward {CHUO}"
    assert told["counts"] == {"first": 1}
    assert told["sources"] == {"hook siren": "ok"}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_call_or_refused(data: bytes) -> None:
    assert outcome(data)


def outcome(data: bytes) -> object:
    try:
        return hooked.read("siren", data)
    except RefusedError as error:
        return error.why


def test_wards_are_those_of_the_places() -> None:
    told = hooked.read("siren", body(wards=[CHUO, "x"]))
    assert hooked.unknown_wards(told, PLACES.names) == ["x"]
