"""The one way out to addresses that somebody else chose, without being led into the city's own networks.

The name is resolved here; every address of it has to be a public one unless the host is allowed by name
(``outgoing.allow_hosts``); the connection goes to exactly the address that was checked, so a name that answers
otherwise a moment later changes nothing. Nothing is redirected, no proxy of the environment is used, and an answer is
read to a limit.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from central.core.ngsi.subs import is_open_to_all

RESOLVE_S: Final = 5.0
WHOLE_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 65_536


Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → every address of it."""


class OutgoingError(Exception):
    """It did not arrive, or may not go there. The text says why, without the body and the headers that were sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered. ``body``: its first bytes."""

    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether it was taken."""
        return 200 <= self.status < 300


async def resolved(host: str, port: int) -> list[str]:
    """Every address of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow: Collection[str],
    whole_s: float = WHOLE_S,
    resolve: Resolve = resolved,
) -> Answer:
    """POST once. ``allow``: hosts that may be in networks of one's own, or on this machine.

    Raises:
        OutgoingError: there is no answer, or the address is not one to send to.
    """
    return await ask("POST", url, body, headers, allow=allow, whole_s=whole_s, resolve=resolve)


async def ask(
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow: Collection[str],
    whole_s: float = WHOLE_S,
    resolve: Resolve = resolved,
    trust: ssl.SSLContext | None = None,
) -> Answer:
    """As ``post``, by any method. ``trust``: certificate authorities to believe instead of the usual ones.

    Raises:
        OutgoingError: there is no answer, or the address is not one to send to.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise OutgoingError(f"not an address: {error}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise OutgoingError("not an address: want https://HOST/PATH")
    try:
        async with asyncio.timeout(whole_s):
            port = parsed.port or (443 if parsed.scheme == "https" else 80)
            address = await _address(parsed.host, port, allow, resolve)
            return await _send(method, parsed, address, body, headers, whole_s, trust)
    except TimeoutError:
        raise OutgoingError(f"{parsed.host}: no whole answer within {whole_s:g} s") from None
    except httpx.HTTPError as error:
        raise OutgoingError(f"{parsed.host}: {type(error).__name__}: {error}"[:300]) from None


async def _address(host: str, port: int, allow: Collection[str], resolve: Resolve) -> str:
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise OutgoingError(f"{host}: unknown host ({error})") from None
    if not found:
        raise OutgoingError(f"{host}: unknown host")
    if host.lower() not in {name.lower() for name in allow} and not all(is_open_to_all(one) for one in found):
        raise OutgoingError(f"{host}: is not on the public internet; outgoing.allow_hosts in the settings may name it")
    return found[0]


async def _send(
    method: str,
    url: httpx.URL,
    address: str,
    body: bytes,
    headers: Mapping[str, str],
    whole_s: float,
    trust: ssl.SSLContext | None,
) -> Answer:
    verify: ssl.SSLContext | bool = trust or True
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=whole_s, verify=verify) as client:
        request = client.build_request(
            method,
            url.copy_with(host=address),
            content=body,
            # Not asked for compressed: a small answer could become a large one.
            headers={**headers, "Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": url.host, "timeout": httpx.Timeout(whole_s).as_dict()},
        )
        answer = await client.send(request, stream=True)
        try:
            read = b""
            async for chunk in answer.aiter_raw():
                read += chunk
                if len(read) >= ANSWER_BYTES_MAX:
                    break
            return Answer(answer.status_code, read[:ANSWER_BYTES_MAX])
        finally:
            await answer.aclose()
