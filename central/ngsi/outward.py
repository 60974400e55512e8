"""POST to addresses that somebody else chose, without being led into the city's own networks.

The name is resolved here, every address of it has to be a public one, and the connection goes to exactly the address
that was checked: a name that answers otherwise a moment later changes nothing. Nothing is redirected, no proxy of the
environment is used, nothing of the answer is read but its status.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Self

import httpx

from central.core.ngsi.subs import is_open_to_all

RESOLVE_S: Final = 5.0
WHOLE_S: Final = 15.0
AT_ONCE: Final = 4

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → addresses."""


class OutwardError(Exception):
    """It did not arrive. The text says why, without the body and the headers that were sent."""


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Outward:
    """Sends. ``allowed``: hosts that may be in networks of one's own."""

    def __init__(self, allowed: Iterable[str] = (), *, resolve: Resolve = resolve, whole_s: float = WHOLE_S) -> None:
        self._allowed = frozenset(host.lower() for host in allowed)
        self._resolve = resolve
        self._whole_s = whole_s
        self._turn = asyncio.Semaphore(AT_ONCE)
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=whole_s,
            limits=limits,
            headers={"User-Agent": "shelter-ems"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def post(self, uri: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Deliver one body.

        Raises:
            OutwardError: it was not taken, or may not go there.
        """
        url = httpx.URL(uri)
        async with self._turn:
            try:
                async with asyncio.timeout(self._whole_s):
                    address = await self._address(url.host, url.port or (443 if url.scheme == "https" else 80))
                    await self._send(url, address, body, headers)
            except TimeoutError:
                raise OutwardError(f"{url.host}: no answer within {self._whole_s:g} s") from None
            except httpx.HTTPError as error:
                raise OutwardError(f"{url.host}: {type(error).__name__}: {error}"[:300]) from None

    async def _address(self, host: str, port: int) -> str:
        try:
            async with asyncio.timeout(RESOLVE_S):
                found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise OutwardError(f"{host}: unknown host ({error})") from None
        if not found:
            raise OutwardError(f"{host}: unknown host")
        if host.lower() not in self._allowed and not all(is_open_to_all(one) for one in found):
            raise OutwardError(f"{host}: is not on the public internet; ngsi.allow_private in the settings may name it")
        return found[0]

    async def _send(self, url: httpx.URL, address: str, body: bytes, headers: Mapping[str, str]) -> None:
        pinned = url.copy_with(host=address)
        request = self._client.build_request(
            "POST",
            pinned,
            content=body,
            headers={**headers, "Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.host, "timeout": httpx.Timeout(self._whole_s).as_dict()},
        )
        answer = await self._client.send(request, stream=True)
        await answer.aclose()
        if not answer.is_success:
            raise OutwardError(f"{url.host}: answered {answer.status_code}")
