"""Stores to test: the same questions are put to all of them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from central.store.base import TelemetryStore
from central.store.influx import InfluxStore
from central.store.influx_write import InfluxAddress
from central.store.sqlite import SqliteStore
from tests.influx_support import Influx, running_influx

_numbers = itertools.count(1)

OpenStore = Callable[[], Awaitable[TelemetryStore]]
"""Opens a store; every call of one test opens the same data again."""


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """InfluxDB for the whole run; mark the test with ``pytest.mark.influx``."""
    with running_influx(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture
def influx_address(influx: Influx) -> InfluxAddress:
    """An empty database."""
    database = influx.make_database(f"test{next(_numbers)}")
    return InfluxAddress(url=influx.url, token=influx.token, bucket=database, org=influx.org, timeout_s=10)


@pytest.fixture(
    params=[
        pytest.param("sqlite"),
        pytest.param("sqlite-settling"),
        pytest.param("influx", marks=pytest.mark.influx),
    ]
)
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens the store under test. "settling" moves rows to their final place after every few rows."""
    opened: list[TelemetryStore] = []
    address = request.getfixturevalue("influx_address") if request.param == "influx" else None

    async def open_one() -> TelemetryStore:
        store: TelemetryStore
        if address is not None:
            store = await InfluxStore.open(address)
        else:
            rows_max = 5 if request.param == "sqlite-settling" else 16_384
            store = await SqliteStore.open(tmp_path / "telemetry.sqlite", recent_rows_max=rows_max)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> TelemetryStore:
    """An empty store."""
    return await open_store()
