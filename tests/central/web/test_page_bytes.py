"""Every page of staff is small enough for a weak link, also in a city of 182 shelters on its worst day.

The pages are those that the service has: one that is new stands in ``PAGES`` and in ``bench/pages.py``, or the test
says so.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from bench.pages import PAGES as MEASURED
from central.web.catalogue import Lang
from central.web.render import PLACES
from tests.central.access.test_every_route import routes_of
from tests.central.fake import SITES
from tests.central.web.full_life import full_life
from tests.central.web.pages_of import PAGES

BYTES_MAX = 100_000
OF_CITIZENS = re.compile(r"/public(/.*)?")
"""The public page has its own house, its own measure and its own bench."""
OF_NOBODY = {"/login/sso/back", "/ack/{ticket}"}
"""They want a provider's answer and a message's mark."""
NOT_MEASURED = {
    "/login",  # Signing in hashes a password: how long that takes is a choice.
    "/alerts/{alert_id}",
    "/reports/{sha256}",
    "/reports/{kind}/{period}",
    "/reports/plan/{year}",
    "/assets",
    "/reports/day/{site_id}/{on}",
}
"""Not in ``bench/pages.py``: its city is minutes old and has neither alerts nor days. Reports have a bench of their
own (``bench/accounting.py``)."""


def pages_of(app: FastAPI) -> set[str]:
    """Paths of everything that answers a page to a person of the city."""
    found = {
        route.path
        for route in routes_of(app)
        if "GET" in (route.methods or set()) and route.response_class is HTMLResponse
    }
    return {path for path in found - OF_NOBODY if not OF_CITIZENS.fullmatch(path)}


def shape(path: str) -> str:
    """A path without its query and the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0])


@pytest.mark.timeout(180)
async def test_every_page_is_small_when_every_shelter_failed(tmp_path: Path) -> None:
    async with full_life(tmp_path) as life, life.signed_in() as client:
        known = pages_of(life.app)
        assert {place.path for place in PLACES} <= known
        assert known - PAGES.keys() == set(), "a page without an entry in PAGES"
        measured = {shape(path) for path in MEASURED.values()}
        assert {path for path in known - NOT_MEASURED if shape(path) not in measured} == set(), "bench/pages.py"
        sizes = {}
        for where in (each.format(**life.named) for path in known & PAGES.keys() for each in PAGES[path]):
            for lang in Lang:
                answer = await client.get(f"{where}{'&' if '?' in where else '?'}lang={lang.value}")
                assert answer.status_code == 200, where
                sizes[where[:60], lang.value] = len(answer.content)
        crew = await client.get(f"/board/{life.named['incident_id']}/crew")
        assert crew.text.count("043-000-0000") >= SITES, "the list is whole"
    assert {where: size for where, size in sizes.items() if size >= BYTES_MAX} == {}
