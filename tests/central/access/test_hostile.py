"""What somebody who means harm sends: every route and every field of every route, pages and forms too.

The API's own document is walked by tests/central/api/test_schemathesis.py; here are the classes of bad input that a
document does not name. Nothing fails, nothing comes back as markup, nothing splits a header.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from tests.central.access.test_every_route import routes_of
from tests.central.access.whole import TOKEN, opened

MACHINE = {"Authorization": f"Bearer {TOKEN}"}
MARKUP = "<script>alert(1)</script>"
HOSTILE = (
    "%00",
    "%ED%A0%80",  # Half a character.
    "%FF%FE",
    quote(MARKUP),
    quote('"><img src=x onerror=alert(1)>'),
    quote("x\r\nSet-Cookie: a=b"),
    quote("..\\../../etc/passwd"),
    quote("' OR 1=1; DROP TABLE audit; --"),
    quote("{{ 7 * 7 }}${7*7}"),
    quote("\u202egnp.exe\u2066\u200b"),
    quote("👩‍👩‍👧‍👦" * 40),
    "9" * 400,
    "-1",
    "1e999",
    "NaN",
    "A" * 6_000,
)
SHARPEST = ("%00", "%ED%A0%80", quote(MARKUP), "9" * 400, "1e999")
"""For every field alone: others would be refused before it is looked at."""
BODIES = (
    b"",
    b"null",
    b"\x00",
    b'"\xff\xfe"',
    b"[" * 50_000,
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    b'{"n": ' + b"9" * 5_000 + b"}",
    b'{"a": NaN, "b": 1e999}',
    b'{"__proto__": {"a": 1}, "\\ud800": "\\udfff"}',
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
)
KINDS = (
    "application/json",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "",
)


@asynccontextmanager
async def attacked(folder: Path) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """Every room, quiet, and somebody who may do everything: a refusal at the gate would prove nothing."""
    # What is logged of a fault is drawn with all values by default, which takes longer than all requests.
    with capture_logs():
        async with opened(folder) as app:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://city", headers=MACHINE) as client:
                yield app, client


def fault_of(answer: httpx.Response) -> str:
    """What is wrong with an answer to an attack; empty when nothing is."""
    if answer.status_code >= 500 and answer.status_code != 503:
        return f"{answer.status_code}: {answer.text[:200]}"
    if "html" in answer.headers.get("content-type", "") and (MARKUP in answer.text or "<img src=x" in answer.text):
        return "markup came back"
    if "a=b" in answer.headers.get("set-cookie", ""):
        return "a header was split"
    return "/etc/passwd was read" if "root:x:" in answer.text else ""


def is_endless(route: APIRoute) -> bool:
    return route.path.endswith("/stream") or route.path.startswith("/live/")


def targets(app: FastAPI) -> Iterator[tuple[str, str, APIRoute]]:
    for route in routes_of(app):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            if not is_endless(route):
                yield method, route.path, route


def filled(path: str, value: str = "x") -> str:
    return re.sub(r"\{[^}]+\}", value, path)


async def test_no_part_of_an_address_does_harm(tmp_path: Path) -> None:
    faults: dict[str, str] = {}
    async with attacked(tmp_path) as (app, client):
        for method, path, route in targets(app):
            names = [field.alias for field in route.dependant.query_params]
            addresses = [filled(path, value) for value in HOSTILE if "{" in path]
            addresses += [f"{filled(path)}?{name}={value}" for name in names for value in SHARPEST]
            for address in addresses:
                answer = await client.request(method, address)
                if fault := fault_of(answer):
                    faults.setdefault(f"{method} {path} by {address[:120]}", fault)
    assert not faults, "\n".join(f"{where}: {fault}" for where, fault in faults.items())


async def test_no_field_of_a_form_does_harm(tmp_path: Path) -> None:
    faults: dict[str, str] = {}
    asked = 0
    async with attacked(tmp_path) as (app, client):
        for method, path, route in targets(app):
            names = [field.alias for field in route.dependant.body_params]
            if method == "GET" or not names or route.include_in_schema:
                continue
            sent = ["&".join(f"{name}={value}" for name in names) for value in HOSTILE]
            for name in names:
                others = urlencode({other: "1" for other in names if other != name})
                sent += [f"{others}&{name}={value}" for value in SHARPEST]
            for body in sent:
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                answer = await client.request(method, filled(path), content=body, headers=kind)
                asked += 1
                if fault := fault_of(answer):
                    faults.setdefault(f"{method} {path} {body[:120]}", fault)
    assert asked > 300, "forms that are not found are not tested"
    assert not faults, "\n".join(f"{where}: {fault}" for where, fault in faults.items())


async def test_no_body_does_harm(tmp_path: Path) -> None:
    faults: dict[str, str] = {}
    async with attacked(tmp_path) as (app, client):
        for method, path, _ in targets(app):
            if method == "GET":
                continue
            sent = [(body, KINDS[0]) for body in BODIES] + [(body, kind) for body in BODIES[-2:] for kind in KINDS[1:]]
            for body, kind in sent:
                headers = {"Content-Type": kind} if kind else {}
                answer = await client.request(method, filled(path), content=body, headers=headers)
                if fault := fault_of(answer):
                    faults.setdefault(f"{method} {path} {kind} {body[:40]!r}", fault)
    assert not faults, "\n".join(f"{where}: {fault}" for where, fault in faults.items())


HEADERS = (
    "Accept-Language",
    "Last-Event-ID",
    "If-None-Match",
    "If-Modified-Since",
    "Cookie",
    "Link",
    "Range",
    "Origin",
)
VALUES = ("\xff" * 10, "x" * 4_000, '"' * 50 + ", ,;;q=9e99", "shelter_session=..; shelter_sso=. . .; a=" + "b; " * 500)


async def test_no_header_does_harm(tmp_path: Path) -> None:
    faults: dict[str, str] = {}
    async with attacked(tmp_path) as (app, client):
        for _, path, _ in (one for one in targets(app) if one[0] == "GET"):
            for value in VALUES:
                answer = await client.get(
                    filled(path), headers=[(name.encode(), value.encode("latin-1")) for name in HEADERS]
                )
                if fault := fault_of(answer):
                    faults.setdefault(f"{path}: {value[:40]}", fault)
    assert not faults, "\n".join(f"{where}: {fault}" for where, fault in faults.items())


async def test_a_form_of_many_parts_is_refused_and_not_kept(tmp_path: Path) -> None:
    async with attacked(tmp_path) as (_, client):
        for body, kind in (
            (b"&".join(b"wards=x" for _ in range(50_000)), "application/x-www-form-urlencoded"),
            (
                b"".join(
                    b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n1\r\n' for _ in range(3_000)
                )
                + b"--x--\r\n",
                "multipart/form-data; boundary=x",
            ),
            (b"--x\r\n" + b"A: b\r\n" * 100_000, "multipart/form-data; boundary=x"),
        ):
            for path in ("/login", "/users/add", "/sites/import", "/public-status"):
                answer = await client.post(path, content=body, headers={"Content-Type": kind})
                assert answer.status_code in {400, 401, 413, 415, 422}, (path, answer.status_code, answer.text[:200])


async def test_an_attack_stands_in_the_book_as_it_was_written_and_breaks_nothing(tmp_path: Path) -> None:
    async with attacked(tmp_path) as (_, client):
        why = f"{MARKUP} \u202e =cmd|' /C calc'!A0 ' OR 1=1"
        body = {"mode": "backup", "scope": {"kind": "city"}, "why": why, "by": "x"}
        made = await client.post("/api/v1/incidents", json=body)
        assert made.status_code == 201, made.text
        page = await client.get("/audit")
        assert MARKUP not in page.text
        assert "&lt;script&gt;" in page.text
        board = await client.get(f"/board/{made.json()['id']}")
        assert MARKUP not in board.text
        stored = (await client.get("/api/v1/audit")).json()["entries"][0]
        assert stored["why"] == why.replace(" \u202e ", " "), "marks that turn text round are taken out"


def test_attacks_are_told_apart(tmp_path: Path) -> None:
    html: Any = {"content-type": "text/html"}
    assert fault_of(httpx.Response(500, text="x"))
    assert fault_of(httpx.Response(200, text=MARKUP, headers=html))
    assert not fault_of(httpx.Response(200, text="&lt;script&gt;", headers=html))
    assert fault_of(httpx.Response(200, headers={"set-cookie": "a=b"}))
    assert fault_of(httpx.Response(200, text="root:x:0:0"))
