"""The app over real HTTP messages, around a city that the test owns."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from central.api.app import create_app
from tests.central.fake import FakeQueries


@dataclass
class Service:
    """An app, its city, and a client that speaks HTTP to it."""

    app: FastAPI
    queries: FakeQueries
    client: httpx.AsyncClient
    parts: dict[str, str]
    logs: list[MutableMapping[str, Any]]


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    queries = FakeQueries.of_city()
    parts = {"store": "ok", "broker": "ok"}
    app = create_app(queries, ready=lambda: parts, clock=lambda: queries.at_ms, interval_s=0.02)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with capture_logs() as logs:
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as client:
            yield Service(app, queries, client, parts, logs)
