"""The city, fresh for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.central.ngsi.parts import Here, Receiver, receiver, town


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    async with town(tmp_path) as made:
        yield made


@pytest.fixture
def heard() -> Iterator[Receiver]:
    with receiver() as made:
        yield made
