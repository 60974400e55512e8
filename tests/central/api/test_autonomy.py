"""Hours, visits, reachability and facts over HTTP, from a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from central.api import autonomy
from central.api.app import create_app
from tests.central.fake import FakeQueries
from tests.central.hours_parts import HOUR_MS, NOW_MS, OTHER, SITE, House, house, site

TOKEN = "t" * 43
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    async with house(folder, site(), site(OTHER)) as here:
        app = create_app(FakeQueries.of_city(1), ready=dict, clock=here.clock, token=TOKEN)
        sites = {one.id: one for one in here.live.sites()}
        app.include_router(autonomy.router(here.forecast, here.records.facts, sites=lambda: sites, clock=here.clock))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as client:
            yield here, client


async def ask(client: httpx.AsyncClient, path: str, status: int = 200) -> dict[str, Any]:
    found = await client.get(f"/api/v1/{path}")
    assert found.status_code == status, found.text
    return dict(found.json())


async def test_the_city_has_the_fewest_hours_first_and_the_unknown_last(tmp_path: Path) -> None:
    async with served(tmp_path) as (here, client):
        await here.lived(days=4)
        city = await ask(client, "autonomy")
        assert [one["site"] for one in city["shelters"]] == [SITE, OTHER]
        assert city["known"] == 1
        assert city["unknown"] == {"no_soc": 1}
        assert city["at"] == "2026-11-24T03:10:05Z"
        assert city["shelters"][1]["says_ja"].startswith("不明")
        assert city["shelters"][0]["notes"]


async def test_one_shelter_comes_with_its_rationing_for_the_target_asked_for(tmp_path: Path) -> None:
    async with served(tmp_path) as (here, client):
        await here.lived(days=4, soc_pct=90.0)
        assert (await ask(client, f"sites/{SITE}/autonomy"))["ration"] is None
        await here.say("tiers_w=60,2500")
        here.clock.now_ms += HOUR_MS // 6
        here.now(soc_pct=90.0)
        one = await ask(client, f"sites/{SITE}/autonomy?target_h=48")
        assert one["ration"]["keep"] == [1]
        assert one["ration"]["tiers_closed"] == 1
        assert [choice["tiers"] for choice in one["ration"]["choices"]] == [[1], [1, 2]]
        assert one["critical"]["p10_h"] >= one["left"]["p10_h"]


async def test_what_is_asked_wrongly_is_told_with_what_to_try(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, client):
        near = await ask(client, "sites/E0000000001112/autonomy", 404)
        assert SITE in near["nearest"]
        assert (await ask(client, f"sites/{SITE}/autonomy?target_h=0", 422))["status"] == 422
        assert (await ask(client, f"sites/{SITE}/autonomy?target_h=169", 422))["status"] == 422
        assert (await ask(client, "dispatch-order?target_h=12", 422))["status"] == 422
        assert "Tokyo time" in (await ask(client, "reach?onset=2026-11-25T00:00:00", 400))["detail"]
        for onset in (NOW_MS - 1, NOW_MS, NOW_MS + 169 * HOUR_MS):
            assert "next 168 hours" in (await ask(client, f"reach?onset={onset}", 400))["detail"]
        assert (await ask(client, f"reach?onset={NOW_MS + HOUR_MS}&target_pct=0", 422))["status"] == 422


async def test_visits_and_reach_are_answered_for_every_shelter(tmp_path: Path) -> None:
    async with served(tmp_path) as (here, client):
        await here.lived(days=4)
        visits = (await ask(client, "dispatch-order?target_h=48"))["visits"]
        assert sorted(one["site"] for one in visits) == [SITE, OTHER]
        assert [one["rank"] for one in visits] == [1, 2]
        reach = await ask(client, "reach?onset=2026-11-25T00:00:00%2B09:00&target_pct=80")
        assert reach["onset_at"] == "2026-11-24T15:00:00Z"
        assert reach["can"] + reach["cannot"] + reach["unknown"] == 2
        assert {one["why"] for one in reach["shelters"]} == {"not_verified", "offline"}


async def test_facts_want_the_token_and_are_kept_all_or_none(tmp_path: Path) -> None:
    async with served(tmp_path) as (here, client):
        path = f"/api/v1/sites/{SITE}/facts"
        said = {"by": "田中", "facts": {"people": 120, "medical": "1"}}
        assert (await client.put(path, json=said)).status_code == 401
        assert await here.records.facts.newest() == []
        kept = await client.put(path, json=said, headers=ALLOWED)
        assert kept.status_code == 200, kept.text
        assert {one["name"]: one["value"] for one in kept.json()["facts"]} == {"people": "120", "medical": "1"}
        wrong = {"by": "田中", "facts": {"people": 130, "medcal": 1}}
        refused = await client.put(path, json=wrong, headers=ALLOWED)
        assert refused.status_code == 422
        assert "perhaps 'medical'" in refused.json()["detail"]
        assert (await client.put(path, json=said | {"by": " "}, headers=ALLOWED)).status_code == 422
        assert (await client.put(path, json={"by": "a", "facts": {}}, headers=ALLOWED)).status_code == 422
        withdrawn = await client.put(path, json={"by": "佐藤", "facts": {"medical": ""}}, headers=ALLOWED)
        told = await ask(client, f"sites/{SITE}/facts")
        assert told == withdrawn.json()
        assert [one["name"] for one in told["facts"]] == ["people"]
        assert [one["by"] for one in told["said"]] == ["佐藤", "田中", "田中"]


@pytest.mark.parametrize("path", ["autonomy", "sites/{site_id}/autonomy", "dispatch-order", "reach"])
async def test_the_document_names_every_answer(tmp_path: Path, path: str) -> None:
    async with served(tmp_path) as (_, client):
        document = await ask(client, "openapi.json")
        operation = document["paths"][f"/api/v1/{path}"]["get"]
        assert operation["summary"]
        assert list(operation["responses"]["503"]["content"]) == ["application/problem+json"]
