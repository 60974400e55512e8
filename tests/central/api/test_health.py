"""What machines watch, and the headers of every answer."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.central.api.conftest import Service
from tests.central.fake import SITES


async def test_alive_and_ready_are_two_questions(service: Service) -> None:
    assert (await service.client.get("/healthz")).json()["status"] == "ok"
    assert (await service.client.get("/readyz")).status_code == 200
    service.parts["broker"] = "not connected to 127.0.0.1:1883"
    answer = await service.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not_ready",
        "parts": {"store": "ok", "broker": "not connected to 127.0.0.1:1883"},
    }
    assert (await service.client.get("/healthz")).status_code == 200


async def test_metrics_are_what_prometheus_reads(service: Service) -> None:
    answer = await service.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    states = {sample.labels["state"]: sample.value for sample in families["shelter_sites"].samples}
    assert sum(states.values()) == SITES
    assert states["offline"] == 2
    dead = families["shelter_ingest_dead_letters"]
    assert dead.type == "counter"
    assert {sample.labels["reason"]: sample.value for sample in dead.samples} == {"not_json": 3, "unknown_site": 1}
    stored = families["shelter_ingest_readings_stored"].samples[0]
    assert (stored.name, stored.value) == ("shelter_ingest_readings_stored_total", 7_862_400)
    delays = {
        sample.labels["quantile"]: sample.value for sample in families["shelter_register_to_store_seconds"].samples
    }
    assert delays == {"0.5": 0.08, "0.99": 0.41}
    assert all(family.documentation for family in families.values())


@pytest.mark.parametrize("path", ["/", "/api/v1/city", "/api/v1/nothing", "/nothing", "/metrics", "/static/page.css"])
async def test_every_answer_carries_the_security_headers(service: Service, path: str) -> None:
    headers = (await service.client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/api/v1/sites/E0000000001111/promise"])
async def test_an_unforeseen_fault_carries_them_too(service: Service, path: str) -> None:
    service.queries.broken = True
    answer = await service.client.get(path)
    assert answer.status_code == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_long_answers_are_compressed(service: Service) -> None:
    answer = await service.client.get("/api/v1/sites", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/sites/E0000000001111",
        "/static/page.css",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/city",
        "/api/v1/sites",
        "/api/v1/sites/E0000000001111/series?point=pv.power_w",
        "/api/v1/openapi.json",
        "/api/v1/nothing",
    ],
)
async def test_head_is_get_without_a_body(service: Service, path: str) -> None:
    whole, head = await service.client.get(path), await service.client.head(path)
    assert head.status_code == whole.status_code
    assert head.content == b""
    for name in ("content-type", "content-length", "cache-control", "x-content-type-options"):
        assert head.headers.get(name) == whole.headers.get(name)


@pytest.mark.parametrize("path", ["/api/v1/stream", "/live/city"])
async def test_a_stream_has_no_head(service: Service, path: str) -> None:
    assert (await service.client.head(path)).status_code == 405
