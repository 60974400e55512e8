"""One small simulated city in a real InfluxDB, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dashboards.month import Month, filled
from tests.influx_support import running_influx


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """Two shelters over three days: enough for every query, and made in a few seconds."""
    with running_influx(tmp_path_factory.mktemp("month") / "influx") as influx:
        yield filled(influx, sites=2, days=3)
