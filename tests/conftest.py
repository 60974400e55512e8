"""Fixtures for every room, and the loud skipping of tests whose real part is not on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import INFLUXD, Mosquitto, find_program, running_mosquitto

PARTS = {"mosquitto": ("mosquitto",), "influx": (INFLUXD, "nginx"), "chromium": ("chromium",)}
HOUSES = ("test_house.py", "test_switch_city.py", "test_walk.py")
# An example may take long where a machine is shared: how fast something is is a question for bench/.
settings.register_profile("no stop-watch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no stop-watch")


def group_of(item: pytest.Item) -> str | None:
    """Tests of one group run one after the other in one process, while others run beside them: those of a file.

    What they share is then made once: a browser, a database, a long calculation. Houses look for a network where nobody
    is, which two must not do at the same time. Whole programs mostly wait, so each of them is a group of its own.
    """
    if item.path.name in HOUSES:
        return "house"
    if item.get_closest_marker("e2e"):
        return None
    return "influx" if item.get_closest_marker("influx") else f"{item.path.parent.name}/{item.path.stem}"


def turn_of(item: pytest.Item) -> int:
    """What takes long begins first, so that nothing long is left over at the end."""
    first = (item.path.name in HOUSES, item.get_closest_marker("timeout"), item.get_closest_marker("chromium"))
    return next((n for n, holds in enumerate((*first, item.get_closest_marker("e2e"))) if holds), 9)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=turn_of)
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
