"""A service that an administrator has set up, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.deploy.parts import Administrator


@pytest.fixture(scope="session")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> Administrator:
    """Two shelters, an authority, the broker's files and the service's certificate. Not to be changed."""
    made = Administrator(tmp_path_factory.mktemp("template"))
    made.set_up()
    return made


@pytest.fixture
def admin(set_up: Administrator, tmp_path: Path) -> Administrator:
    """A copy of it for one test."""
    shutil.copytree(set_up.folder, tmp_path / "city")
    return Administrator(tmp_path / "city")
