"""What every answer carries, whatever it answers, and under which names the service is asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from central.api.bodies import BODY_BYTES_MAX
from central.api.headers import ONLY_HTTPS, SECURITY_HEADERS, known_hosts
from central.core.access import Right
from central.people import People
from tests.central.access.test_every_route import routes_of
from tests.central.access.whole import TOKEN, opened

URL = "https://shelters.city.example"
MACHINE = {"Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def asked(app: FastAPI, base: str = URL) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        yield client


def lacks(answer: httpx.Response) -> list[str]:
    """Names of headers that an answer lacks or that let more than they should."""
    missing = [name for name in SECURITY_HEADERS if name not in answer.headers]
    policy = answer.headers.get("content-security-policy", "")
    loose = [word for word in ("unsafe", "http:", "https:", "*", "data:") if word in policy]
    wrong = [] if answer.headers.get("strict-transport-security") == ONLY_HTTPS else ["strict-transport-security"]
    return missing + loose + wrong


async def test_every_answer_of_every_route_carries_the_headers(tmp_path: Path) -> None:
    async with opened(tmp_path, {"http.public_url": URL}) as app, asked(app) as client:
        faults: dict[str, list[str]] = {}
        statuses = set()
        for route in routes_of(app):
            path = re.sub(r"\{[^}]+\}", "x", route.path)
            for method in sorted(route.methods or ()):
                for headers in ({}, MACHINE):
                    is_stream = "stream" in path or path.startswith("/live/")
                    if is_stream and headers:
                        continue  # It never ends; without a token it is refused as all are.
                    answer = await client.request(method, path, headers=headers)
                    statuses.add(answer.status_code)
                    if found := lacks(answer):
                        faults[f"{method} {path} {answer.status_code}"] = found
        assert not faults
        assert statuses >= {200, 303, 401, 404, 422}


async def test_errors_that_no_route_makes_carry_them_too(tmp_path: Path) -> None:
    async with opened(tmp_path, {"http.public_url": URL}) as app:

        @app.get("/api/v1/broken")
        async def broken() -> None:
            raise RuntimeError("a fault of ours")

        async with asked(app) as client, asked(app, "https://other.example") as other:
            big = b"x" * (BODY_BYTES_MAX + 1)
            for answer, status in (
                (await client.get("/nowhere"), 404),
                (await client.get("/api/v1/nowhere"), 404),
                (await client.delete("/api/v1/city"), 405),
                (await client.get("/api/v1/broken"), 500),
                (
                    await client.post(
                        "/login", content=big, headers={"Content-Type": "application/x-www-form-urlencoded"}
                    ),
                    413,
                ),
                (await client.get("/static/page.css"), 200),
                (await client.head("/login"), 200),
                (await other.get("/login"), 421),
            ):
                assert (answer.status_code, lacks(answer)) == (status, []), answer.request.url
                assert "fault of ours" not in answer.text


async def test_the_service_is_asked_under_its_names_alone(tmp_path: Path) -> None:
    async with opened(tmp_path, {"http.public_url": URL, "http.allowed_hosts": ["EMS.internal"]}) as app:
        for host, status in (
            ("shelters.city.example", 200),
            ("SHELTERS.city.example.:443", 200),
            ("ems.internal:8080", 200),
            ("127.0.0.1:8080", 200),
            ("[::1]:8080", 200),
            ("evil.example", 421),
            ("shelters.city.example.evil.example", 421),
            ("shelters.city.example@evil.example", 421),
            ("[", 421),
            ("", 421),
        ):
            async with asked(app) as client:
                answer = await client.get("/login", headers={"Host": host})
                assert answer.status_code == status, host
                probed = await client.get("/healthz", headers={"Host": host})
                assert probed.status_code == 200, "a balancer's probe comes by the address"
        async with asked(app, "https://evil.example") as client:
            machine = await client.get("/api/v1/city", headers=MACHINE)
            assert machine.headers["content-type"] == "application/problem+json"
            assert (machine.json()["where"], machine.json()["status"]) == ("header: Host", 421)
            person = await client.get("/", headers={"Accept": "text/html,*/*"})
            assert "このアドレスでは表示できません。 https://shelters.city.example" in person.text


@pytest.mark.parametrize(("url", "is_told"), [("http://127.0.0.1:8080", False), (URL, True)])
async def test_only_https_is_told_to_stay_https(tmp_path: Path, url: str, is_told: bool) -> None:
    async with opened(tmp_path, {"http.public_url": url}) as app, asked(app, url) as client:
        assert ("strict-transport-security" in (await client.get("/login")).headers) is is_told


def test_without_names_in_the_settings_every_name_is_taken() -> None:
    assert known_hosts("", [], "0.0.0.0") == frozenset()
    assert known_hosts("", ["a"], "10.1.2.3") == {"a", "127.0.0.1", "::1", "localhost", "10.1.2.3"}


async def test_prometheus_reads_with_a_token_that_may_read(tmp_path: Path) -> None:
    async with opened(tmp_path) as app, asked(app) as client:
        people = People(app.state.gate)
        made = await people.new_token("Prometheus", frozenset({Right.READ}), frozenset(), days=0, by="test")
        refused = await client.get("/metrics")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        answer = await client.get("/metrics", headers={"Authorization": f"Bearer {made.secret}"})
        assert answer.status_code == 200
        assert "shelter_sites" in answer.text
