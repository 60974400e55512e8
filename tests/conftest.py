"""Fixtures for every room, and the loud skipping of tests whose real part is not on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import Mosquitto, find_program, running_mosquitto

PARTS = {"mosquitto": ("mosquitto",), "influx": ("influxd", "nginx"), "chromium": ("chromium",)}
HOUSES = ("test_house.py", "test_switch_city.py")


# An example may take long where a machine is shared: how fast something is is a question for bench/.
settings.register_profile("no stop-watch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no stop-watch")


def group_of(item: pytest.Item) -> str | None:
    """Tests of one group run one after the other in one process, while others run beside them.

    Houses look for a network where nobody is, which two must not do at the same time; a database or a browser is shared.
    """
    if item.get_closest_marker("influx"):
        return "influx"
    if item.path.name in HOUSES:
        return "house"
    return f"browser {item.path.parent}" if item.get_closest_marker("chromium") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if group := group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))
        for marker, programs in PARTS.items():
            missing = [name for name in programs if find_program(name) is None]
            if missing and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"NOT TESTED: {', '.join(missing)} is not installed"))


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real broker; mark the test with ``pytest.mark.mosquitto``."""
    with running_mosquitto(tmp_path / "mosquitto") as broker:
        yield broker
