"""How commands ask: the running service by its API, or the records themselves when none runs (for reading alone)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
from pydantic import BaseModel

from central.access import find
from central.api.desk import Desk
from central.control import Control
from central.core.live import LiveView
from central.settings import Settings
from central.store.records import Records

TIMEOUT_S: Final = 30.0


class NoServiceError(Exception):
    """Nothing can be decided without the service."""


class RefusedError(Exception):
    """The service said no; the text says why and what to try."""

    def __init__(self, text: str, *, status: int, no: str = "") -> None:
        self.status = status
        self.no = no
        """Name of a refusal that depends on the incident's phase (core/incidents.No)."""
        super().__init__(text)


class Client:
    """Asks for one command. ``now``: UTC milliseconds."""

    def __init__(self, settings: Settings, now: Callable[[], int]) -> None:
        self._settings = settings
        self._now = now

    @contextmanager
    def _service(self) -> Iterator[httpx.Client | None]:
        access = find(self._settings.access_path)
        if access is None:
            yield None
            return
        headers = {"Authorization": f"Bearer {access.token}"}
        # A proxy of the environment must never see the token.
        with httpx.Client(base_url=access.url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
            try:
                client.get("healthz")
            except httpx.TransportError:
                yield None
                return
            yield client

    async def read(self, path: str, answer: Callable[[Desk], Awaitable[BaseModel]]) -> dict[str, Any]:
        """What the service answers, or what ``answer`` makes of the records.

        Raises:
            RefusedError: it is not there.
            StoreError: the records can't be read.
        """
        with self._service() as service:
            if service is not None:
                return _body(service.get(path))
        records = await Records.open(self._settings.records_address)
        try:
            live = LiveView()
            live.set_sites(await records.sites())
            live.set_proofs(await records.proofs())
            control = Control(
                records.decisions, live, retain=lambda _site, _payload: False, signer=lambda: None, now=self._now
            )
            await control.load()
            found = await answer(Desk(control, live))
            return found.model_dump(mode="json")
        finally:
            await records.close()

    def ask(self, path: str) -> dict[str, Any]:
        """What the service answers to a question that the records alone do not answer.

        Raises:
            NoServiceError: none runs here.
            RefusedError: it said no, or went away.
        """
        with self._service() as service:
            if service is None:
                raise NoServiceError(self._nobody())
            try:
                return _body(service.get(path))
            except httpx.TransportError as error:
                raise RefusedError(f"the service does not answer ({error}): try again", status=0) from None

    def _nobody(self) -> str:
        return (
            f"no service runs with the data folder {self._settings.data}: start it with shelter-central run, "
            "or name the right folder (--data)"
        )

    def decide(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Have the service do something.

        Raises:
            NoServiceError: none runs here.
            RefusedError: it said no.
        """
        with self._service() as service:
            if service is None:
                raise NoServiceError(self._nobody())
            try:
                return _body(service.request(method, path, json=body))
            except httpx.TransportError as error:
                raise RefusedError(
                    f"the service went away ({error}); what it decided is kept: shelter-central incident list",
                    status=0,
                ) from None

    def stream(self, path: str, *, limit_s: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """Events (name, value) of a stream, until it ends or nothing comes for ``limit_s``.

        Raises:
            RefusedError: there is no such stream, or no room for another reader.
        """
        with self._service() as service:
            if service is None:
                return
            limits = httpx.Timeout(TIMEOUT_S, read=limit_s)
            try:
                with service.stream("GET", path, timeout=limits) as answer:
                    if not answer.is_success:
                        answer.read()
                        _body(answer)
                    name = ""
                    for line in answer.iter_lines():
                        key, _, value = line.partition(": ")
                        if key == "event":
                            name = value
                        elif key == "data":
                            yield name, json.loads(value)
            except httpx.TransportError:
                return


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        told = {"detail": f"HTTP {answer.status_code}"}
    if answer.is_success:
        return dict(told)
    text = " ".join(str(told[name]) for name in ("detail", "try") if told.get(name))
    near = f" Near: {', '.join(told['nearest'])}" if told.get("nearest") else ""
    no = str(told.get("title", "")).removeprefix("Not now: ")
    raise RefusedError(text + near, status=answer.status_code, no=no)
