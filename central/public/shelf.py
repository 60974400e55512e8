"""Answers that were made once and are given to everybody: bytes, packed and plain, of the newest edition only."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import Request, Response

from central.opendata.answers import is_known, mark_of

KEPT_MAX: Final = 256
PACK_LEVEL: Final = 6
CACHE: Final = "public, max-age=30, stale-while-revalidate=60, stale-if-error=86400"
"""A cache in front may show a page for a day when the service is gone: the page says of when it is."""
HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Made:
    """One answer."""

    plain: bytes
    packed: bytes
    mark: str


class Shelf:
    """The answers of one edition. Bounded: whatever is asked for, the least lately asked one goes first."""

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._kept_max = kept_max
        self._edition = 0
        self._made: OrderedDict[Hashable, Made] = OrderedDict()
        self.renders = 0
        """How often something had to be made."""

    def __len__(self) -> int:
        return len(self._made)

    def get(self, edition: int, key: Hashable, make: Callable[[], str]) -> Made:
        """The answer of a key; it is made if it is not there."""
        if edition != self._edition:
            self._made.clear()
            self._edition = edition
        found = self._made.get(key)
        if found is not None:
            self._made.move_to_end(key)
            return found
        plain = make().encode()
        self.renders += 1
        # Without a time inside, so that the same content is the same bytes.
        made = Made(plain, gzip.compress(plain, PACK_LEVEL, mtime=0), mark_of(plain))
        self._made[key] = made
        while len(self._made) > self._kept_max:
            self._made.popitem(last=False)
        return made


def answer(
    request: Request, made: Made, media_type: str, headers: dict[str, str], status: HTTPStatus = HTTPStatus.OK
) -> Response:
    """Give it, or say that the caller has it already."""
    told = {"ETag": made.mark, "Cache-Control": CACHE, "Vary": "Accept-Encoding", **headers}
    if is_known(request, made.mark) and status is HTTPStatus.OK:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=told)
    if "gzip" in request.headers.get("accept-encoding", "")[:200]:
        return Response(made.packed, status, {**told, "Content-Encoding": "gzip"}, media_type)
    return Response(made.plain, status, told, media_type)
