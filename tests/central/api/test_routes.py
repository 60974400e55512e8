"""Every endpoint of ``/api/v1`` over HTTP: what it answers, and what it says when it can't."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from urllib.parse import quote

import jsonschema
import pytest

from central.core.city import SiteState
from central.store.base import StoreError
from tests.central.api.conftest import Service
from tests.central.fake import GONE_DEVICE, NOW_MS, SITES

SITE = "E0000000001111"
NEVER_SEEN = "E0000000140111"


async def ask(service: Service, path: str, status: int = 200) -> dict:
    answer = await service.client.get(f"/api/v1{path}")
    assert answer.status_code == status, answer.text
    wanted = "application/json" if status < 400 else "application/problem+json"
    assert answer.headers["content-type"] == wanted
    return answer.json()


async def test_the_city_says_of_how_many_shelters_each_total_is_the_sum(service: Service) -> None:
    city = await ask(service, "/city")
    assert city["sites"] == SITES
    assert sum(city["counts"].values()) == SITES
    assert set(city["counts"]) == {state.value for state in SiteState}
    assert city["reporting"]["pv_w"] == SITES - 4
    assert city["pv_w"] == pytest.approx(service.queries.now().pv_w)
    assert datetime.fromisoformat(city["at"]).timestamp() * 1_000 == NOW_MS


async def test_pages_of_shelters_make_the_whole_city_once(service: Service) -> None:
    found, path = [], "/sites?limit=50"
    while path:
        page = await ask(service, path)
        assert page["total"] == SITES
        found += [one["id"] for one in page["sites"]]
        path = (page["next"] or "").removeprefix("/api/v1")
    assert found == sorted(service.queries.shelters)


@pytest.mark.parametrize("ward", ["緑区", "Midori"])
async def test_shelters_of_a_ward_by_either_name(service: Service, ward: str) -> None:
    page = await ask(service, f"/sites?ward={quote(ward)}")
    assert page["total"] == 25
    assert {one["ward"] for one in page["sites"]} == {"緑区"}


async def test_shelters_of_several_states_and_their_next_page_keep_the_filter(service: Service) -> None:
    page = await ask(service, "/sites?state=offline&state=stale&limit=2")
    assert page["total"] == 3
    rest = await ask(service, page["next"].removeprefix("/api/v1"))
    assert {one["state"] for one in page["sites"] + rest["sites"]} == {"offline", "stale"}


async def test_a_shelter_without_fresh_values_has_nulls_and_never_zeros(service: Service) -> None:
    shelter = await ask(service, f"/sites/{NEVER_SEEN}")
    assert shelter["state"] == "never_seen"
    assert shelter["agent"] is None
    assert all(
        shelter[name] is None for name in ("pv_w", "load_w", "grid_w", "battery_w", "soc_pct", "last_reading_at")
    )


async def test_one_shelter_tells_its_agent_and_what_waits_there(service: Service) -> None:
    agent = (await ask(service, f"/sites/{SITE}"))["agent"]
    assert agent["online"] is True
    assert agent["outbox"]["waiting"] == 1
    assert [device["id"] for device in agent["devices"]] == ["inverter", "meter", "relay"]


async def test_latest_has_a_unit_a_quality_and_an_age_for_every_point(service: Service) -> None:
    points = {one["point"]: one for one in (await ask(service, f"/sites/{SITE}/latest"))["points"]}
    assert points["pv.power_w"]["unit"] == "W"
    assert points["pv.power_w"]["age_s"] == 1.0
    assert points["battery.temperature_c"]["value"] is None
    assert points["battery.temperature_c"]["quality"] == "not_available"
    assert points["tier2.closed"]["quality"] == "stale"


async def test_a_series_has_every_step_and_gaps_as_null(service: Service) -> None:
    series = await ask(service, f"/sites/{SITE}/series?point=pv.power_w&step=30m")
    assert len(series["samples"]) == 49  # 24 hours touch 49 half hours of the Tokyo grid.
    assert series["unit"] == "W"
    gaps = [one["at"] for one in series["samples"] if one["value"] is None]
    assert gaps == ["2026-11-23T18:00:00Z", "2026-11-23T18:30:00Z", "2026-11-23T19:00:00Z"]


@pytest.mark.parametrize("asked", ["2026-11-24T00:00:00%2B09:00", "2026-11-24T00:00:00+09:00", "2026-11-23T15:00:00Z"])
async def test_a_time_can_be_written_in_any_zone(service: Service, asked: str) -> None:
    series = await ask(service, f"/sites/{SITE}/series?point=pv.power_w&step=1h&from={asked}")
    assert series["from_at"] == "2026-11-23T15:00:00Z"
    assert len(series["samples"]) == 13


async def test_counts_have_no_unit(service: Service) -> None:
    assert (await ask(service, f"/sites/{SITE}/series?point=pv.power_w&aggregate=count"))["unit"] == ""


async def test_the_promise_covers_the_span_without_a_gap(service: Service) -> None:
    promise = await ask(service, f"/sites/{SITE}/promise")
    stretches = promise["stretches"]
    assert stretches[0]["from_at"] == promise["from_at"]
    assert stretches[-1]["to_at"] == promise["to_at"]
    assert all(one["to_at"] == two["from_at"] for one, two in pairwise(stretches))
    assert [one["reason"] for one in stretches if one["fate"] == "lost"] == ["thinned_1min"]


async def test_events_of_one_shelter_and_of_all(service: Service) -> None:
    assert {one["site"] for one in (await ask(service, f"/events?site={SITE}"))["events"]} == {SITE}
    assert len((await ask(service, "/events?limit=2"))["events"]) == 2


async def test_the_intake_tells_its_counters_and_its_dead_letters(service: Service) -> None:
    assert (await ask(service, "/ingest"))["dead_letters"] == {"not_json": 3, "unknown_site": 1}
    letters = (await ask(service, "/dead-letters?limit=2"))["dead_letters"]
    assert [one["id"] for one in letters] == [3, 2]


@pytest.mark.parametrize(
    ("path", "status", "where", "tries"),
    [
        ("/sites/E0000000001112", 404, "path: site_id", "nearest"),
        ("/sites/E0000000001112/latest", 404, "path: site_id", "nearest"),
        (f"/sites/{SITE}/series?point=pv.power", 400, "query: point", "latest"),
        (f"/sites/{SITE}/series?point=pv.power_w&device=inverted", 404, "query: device", "inverter"),
        (f"/sites/{SITE}/series?point=pv.power_w&step=0s", 400, "query: step", "30m"),
        (f"/sites/{SITE}/series?point=pv.power_w&step=1ms", 400, "query: step", "9s"),
        (f"/sites/{SITE}/series?point=pv.power_w&from=yesterday", 400, "query: from", "UTC milliseconds"),
        (f"/sites/{SITE}/series?point=pv.power_w&from=2026-11-24T00:00:00", 400, "query: from", "+09:00"),
        (f"/sites/{SITE}/series?point=pv.power_w&to=0001-01-01T00:00:00Z", 400, "query: to", "2026"),
        (f"/sites/{SITE}/promise?from=2026-11-25T00:00:00Z", 400, "query: from", "Exchange"),
        (f"/sites/{SITE}/series?point=pv.power_w&aggregate=median", 422, "query: aggregate", "openapi"),
        (f"/sites/{SITE}/series", 422, "query: point", "openapi"),
        ("/sites?ward=Shibuya", 400, "query: ward", "Midori"),
        ("/sites?state=dead", 422, "query: state: 0", "openapi"),
        ("/sites?limit=0", 422, "query: limit", "openapi"),
        ("/events?site=E0000000009999", 404, "query: site", "/api/v1/sites"),
        ("/dead-letters?limit=5000", 422, "query: limit", "openapi"),
        ("/no-such-thing", 404, None, "openapi"),
    ],
)
async def test_an_error_says_what_where_and_what_to_try(
    service: Service, path: str, status: int, where: str | None, tries: str
) -> None:
    problem = await ask(service, path, status)
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem.get("where") == where
    assert tries in problem["try"]
    assert problem["instance"] == f"/api/v1{path.partition('?')[0]}"


async def test_an_unknown_name_brings_the_names_that_are_like_it(service: Service) -> None:
    assert SITE in (await ask(service, "/sites/E0000000001112", 404))["nearest"]
    assert "pv.power_w" in (await ask(service, f"/sites/{SITE}/series?point=pv.powr_w", 400))["nearest"]


async def test_writing_is_refused_with_a_hint(service: Service) -> None:
    answer = await service.client.post("/api/v1/city")
    assert answer.status_code == 405
    assert "read-only" in answer.json()["try"]
    assert answer.headers["allow"] == "GET"


async def test_a_fault_of_the_store_is_a_problem_without_its_trace(service: Service) -> None:
    service.queries.broken = True
    answer = await service.client.get(f"/api/v1/sites/{SITE}/promise")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "the store is gone" not in answer.text
    assert "log says why" in answer.json()["detail"]
    assert [entry["error"] for entry in service.logs] == ["RuntimeError('the store is gone')"]


async def test_the_document_is_valid_openapi_and_describes_the_answers(service: Service) -> None:
    document = (await service.client.get("/api/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    names = {path for path in document["paths"] if path.startswith("/api/v1")}
    assert names == {
        "/api/v1/city",
        "/api/v1/sites",
        "/api/v1/sites/{site_id}",
        "/api/v1/sites/{site_id}/latest",
        "/api/v1/sites/{site_id}/series",
        "/api/v1/sites/{site_id}/promise",
        "/api/v1/sites/{site_id}/reports",
        "/api/v1/reports/{sha256}",
        "/api/v1/events",
        "/api/v1/ingest",
        "/api/v1/dead-letters",
        "/api/v1/stream",
    }
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert method == "get", f"{path} offers {method}: this service is read-only"
            assert operation["summary"]
            for status, said in operation["responses"].items():
                if int(status) >= 400 and path.startswith("/api"):
                    assert set(said["content"]) == {"application/problem+json"}, (path, status)


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/city", "City"),
        ("/sites", "ShelterPage"),
        (f"/sites/{SITE}", "ShelterDetail"),
        (f"/sites/{NEVER_SEEN}", "ShelterDetail"),
        (f"/sites/{SITE}/latest", "Latest"),
        (f"/sites/{SITE}/series?point=battery.soc_pct", "Series"),
        (f"/sites/{SITE}/promise", "Promise"),
        ("/events", "Events"),
        ("/ingest", "Ingest"),
        ("/dead-letters", "DeadLetters"),
        ("/sites/nothing", "ProblemBody"),
    ],
)
async def test_an_answer_is_what_the_document_says(service: Service, path: str, schema: str) -> None:
    document = (await service.client.get("/api/v1/openapi.json")).json()
    answer = (await service.client.get(f"/api/v1{path}")).json()
    jsonschema.validate(answer, {"$ref": f"#/components/schemas/{schema}", "components": document["components"]})


def test_every_field_and_parameter_of_the_api_says_what_it_means(service: Service) -> None:
    document = service.app.openapi()
    silent = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, about in schema.get("properties", {}).items()
        if "description" not in about
    ]
    silent += [
        f"{path}?{parameter['name']}"
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if "description" not in parameter
    ]
    assert silent == []


@pytest.mark.parametrize("step", ["367d", "999999999d", "0s"])
async def test_a_step_that_no_calendar_has_is_refused(service: Service, step: str) -> None:
    problem = await ask(service, f"/sites/{SITE}/series?point=pv.power_w&step={step}", 400)
    assert problem["where"] == "query: step"


async def test_a_store_that_is_away_is_told_as_such_and_the_live_values_stay(service: Service) -> None:
    service.queries.away = StoreError("http://10.0.0.5:8086: no answer")
    for path in (f"/sites/{SITE}/series?point=pv.power_w", f"/sites/{SITE}/promise", "/events", "/dead-letters"):
        problem = await ask(service, path, 503)
        assert problem["title"] == "The store does not answer"
        assert "readyz" in problem["try"]
        assert "10.0.0.5" not in str(problem)
    await ask(service, f"/sites/{SITE}/latest")


async def test_a_device_that_is_gone_can_still_be_asked_for(service: Service) -> None:
    answer = await ask(service, f"/sites/{SITE}/series?point=pv.power_w&device={GONE_DEVICE}")
    assert sum(sample["count"] for sample in answer["samples"]) == 1
    problem = await ask(service, f"/sites/{SITE}/series?point=pv.power_w&device=inverted", 404)
    assert problem["nearest"][0] == "inverter"


@pytest.mark.parametrize("device", ["%00", "a%0Ab", "%7f"])
async def test_a_device_with_control_characters_never_reaches_a_store(service: Service, device: str) -> None:
    problem = await ask(service, f"/sites/{SITE}/series?point=pv.power_w&device={device}", 422)
    assert problem["where"] == "query: device"
