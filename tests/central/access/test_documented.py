"""Every request in the pages for integrators, sent to a real house: the answer has the shape that the page shows."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from central.core.access import Right
from central.people import People
from tests.central.access.whole import opened

DOCS = Path(__file__).resolve().parents[3] / "docs"
REQUEST = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/(?:api|public|ngsi-ld|opendata|cap|metrics|readyz|healthz)\S*)")
MORE = re.compile(r",?\s*…(?=\s*[\]}])")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True)
class Documented:
    """A request and what the page says that is answered."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int
    answer: Any


def blocks_of(text: str) -> list[str]:
    """Indented pieces, parted by blank lines."""
    pieces = re.findall(r"(?:^    .*\n?)+", text, flags=re.MULTILINE)
    return ["\n".join(line[4:] for line in piece.splitlines()) for piece in pieces]


def documented(text: str) -> list[Documented]:
    """Requests that have an answer behind them."""
    blocks = blocks_of(text)
    found = []
    for asked, said in pairwise(blocks):
        lines = asked.splitlines()
        request, answer = REQUEST.fullmatch(lines[0]), re.match(r"(\d{3}) (.*)", said, flags=re.DOTALL)
        if request is None or answer is None:
            continue
        headers = {
            name: value for name, _, value in (line.partition(": ") for line in lines[1:]) if value.startswith("Bearer")
        }
        body = "\n".join(line for line in lines[1:] if ": Bearer" not in line)
        told = json.loads(MORE.sub("", answer[2]))
        found.append(Documented(request[1], request[2], headers, body, int(answer[1]), told))
    return found


def misfit(told: Any, real: Any, where: str = "") -> str:
    """What the real answer lacks of the one on the page; empty when it has the shape."""
    if told is None:
        return ""  # A value that may be missing.
    if isinstance(told, dict):
        if not isinstance(real, dict):
            return f"{where}: no object but {real!r}"
        lacks = [f"{where}.{name} is not there" for name in told if name not in real]
        return next(
            iter([*lacks, *filter(None, (misfit(told[n], real[n], f"{where}.{n}") for n in told if n in real))]), ""
        )
    if isinstance(told, list):
        if not isinstance(real, list) or (told and not real):
            return f"{where}: no filled list but {real!r}"
        return misfit(told[0], real[0], f"{where}[0]") if told else ""
    if isinstance(told, bool) or isinstance(real, bool) or isinstance(told, str):
        fits = type(told) is type(real)
    else:
        fits = isinstance(real, int | float)
    if fits and isinstance(told, str) and TIME.fullmatch(told):
        fits = bool(TIME.fullmatch(real))
    return "" if fits else f"{where}: {told!r} on the page, {real!r} in truth"


@pytest.mark.parametrize("page", ["integrators.md", "integrators.ja.md"])
async def test_every_documented_request_is_answered_as_documented(tmp_path: Path, page: str) -> None:
    cases = documented((DOCS / page).read_text(encoding="utf-8"))
    assert len(cases) > 20
    async with opened(tmp_path) as app:
        rights = frozenset({Right.READ, Right.SWITCH, Right.TELL, Right.RULES})
        given = await People(app.state.gate).new_token("都市OS", rights, frozenset(), days=1, by="test")
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        token = {"Authorization": f"Bearer {given.secret}"}
        ids: dict[str, str] = {}
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as client:
            for case in cases:
                path = case.path
                for told, real in ids.items():
                    path = path.replace(told, real)
                is_open = path.startswith(("/public", "/opendata", "/cap", "/readyz"))
                headers = case.headers or ({} if is_open else token)
                kind = {"Content-Type": "application/json"} if case.body else {}
                answer = await client.request(case.method, path, content=case.body.encode(), headers=headers | kind)
                where = f"{case.method} {path}"
                assert answer.status_code == case.status, (where, answer.text[:500])
                assert misfit(case.answer, answer.json()) == "", where
                _learn(case.answer, answer.json(), ids)


def _learn(told: Any, real: Any, ids: dict[str, str]) -> None:
    """Ids are made by the service: what the page calls one is the real one from here on."""
    if isinstance(told, dict):
        for name, value in told.items():
            if name == "id" and isinstance(value, str) and value != real[name]:
                ids[value] = real[name]
            elif isinstance(value, dict):
                _learn(value, real.get(name), ids)


def test_both_pages_show_the_same_requests() -> None:
    english, japanese = (
        documented((DOCS / page).read_text(encoding="utf-8")) for page in ("integrators.md", "integrators.ja.md")
    )
    assert english == japanese


def test_a_page_that_is_wrong_is_found() -> None:
    assert misfit({"a": 1, "b": "x"}, {"a": 2.5, "b": "y", "c": 0}) == ""
    assert misfit({"a": {"b": [1]}}, {"a": {"b": []}}) == ".a.b: no filled list but []"
    assert misfit({"a": "2026-11-24T03:10:05Z"}, {"a": "soon"})
    assert misfit({"a": True}, {"a": 1})
    assert misfit({"a": 1}, {})
    (case,) = documented('x\n\n    GET /api/v1/city\n\n    200 {"a": [1, …], "b": {…}, "c": "…", …}\n')
    assert (case.path, case.status, case.answer) == ("/api/v1/city", 200, {"a": [1], "b": {}, "c": "…"})
