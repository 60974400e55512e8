"""Requests made from the API's own document against the whole service: nothing fails, nothing answers off the document.

The app is the real one, with every room open over real records in SQLite; the machine's token asks. Requests and
answers travel over httpx, in the loop of the app.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.central.access.whole import TOKEN, opened

STREAMS = r"/stream$"
"""They never end by themselves."""
EXAMPLES = 12
WAIT_S = 20
Case = schemathesis.Case[Any]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


class Held:
    """The app in a thread and a loop of its own, and the way to it."""

    def __init__(self, folder: Path) -> None:
        self._is_ready, self._folder = threading.Event(), folder
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hold()))
        self._thread.start()
        assert self._is_ready.wait(WAIT_S)

    async def _hold(self) -> None:
        async with opened(self._folder) as app:
            self.document = app.openapi()
            self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://city") as self._client:
                self._is_ready.set()
                await self._over.wait()

    def ask(self, case: Case) -> httpx.Response:
        """A case as a request."""
        made = requests.Request(**case.as_transport_kwargs(base_url="http://city")).prepare()
        headers = {
            name: value if isinstance(value, str) else value.decode("latin-1") for name, value in made.headers.items()
        } | {"Authorization": f"Bearer {TOKEN}"}
        body = made.body if isinstance(made.body, str | bytes) else None
        work = self._client.request(str(made.method), str(made.url), headers=headers, content=body)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    def close(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(WAIT_S)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    here = Held(tmp_path_factory.mktemp("schema"))
    yield here
    here.close()


@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
def test_no_request_breaks_the_service_or_its_document(held: Held, mode: schemathesis.GenerationMode) -> None:
    document: Any = schemathesis.openapi.from_dict(held.document).exclude(path_regex=STREAMS)
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) > 50
    faults: dict[str, str] = {}
    statuses: set[int] = set()
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Case) -> None:
            answer = held.ask(case)
            statuses.add(answer.status_code)
            try:
                case.validate_response(answer, checks=CHECKS)
            except (Failure, FailureGroup) as failure:
                found = getattr(failure, "exceptions", (failure,))
                where = f"{case.operation.label} {answer.request.url} {answer.status_code}"
                faults[where] = "; ".join(map(str, found))

        # What takes nothing can't be asked wrongly.
        with contextlib.suppress(*([Unsatisfiable] if mode is schemathesis.GenerationMode.NEGATIVE else [])):
            ask()
    assert not faults, "\n".join(f"{name}: {fault}" for name, fault in faults.items())
    wanted = {200, 201, 404} if mode is schemathesis.GenerationMode.POSITIVE else {200, 400, 404, 422}
    assert wanted <= statuses, "requests that all end alike test little"
