"""Fixtures for every room, and the loud skipping of tests whose real part is not on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Mosquitto, find_program, running_mosquitto

PARTS = {"mosquitto": ("mosquitto",), "influx": ("influxd", "nginx"), "chromium": ("chromium",)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker, programs in PARTS.items():
            missing = [name for name in programs if find_program(name) is None]
            if missing and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"NOT TESTED: {', '.join(missing)} is not installed"))


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real broker; mark the test with ``pytest.mark.mosquitto``."""
    with running_mosquitto(tmp_path / "mosquitto") as broker:
        yield broker
