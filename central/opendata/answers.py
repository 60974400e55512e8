"""What all open data answers have in common: licence and time in headers, anybody's browser may read them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus

from fastapi import Request, Response

from central.core.opendata.listing import Terms

MAX_AGE_S = 300


def mark_of(body: bytes) -> str:
    """An ETag. A weak one, since the answer may be compressed on its way."""
    return f'W/"{hashlib.blake2b(body, digest_size=10).hexdigest()}"'


def is_known(request: Request, mark: str) -> bool:
    """Whether the caller has this already."""
    told = request.headers.get("if-none-match", "")[:1_000]
    return told.strip() == "*" or mark.removeprefix("W/") in {one.strip().removeprefix("W/") for one in told.split(",")}


def answer(request: Request, body: bytes, media_type: str, terms: Terms, *, at_ms: int, file: str = "") -> Response:
    """A public answer. ``at_ms``: since when it is so; ``file``: name under which browsers keep it."""
    mark = mark_of(body)
    headers = {
        "ETag": mark,
        "Last-Modified": format_datetime(datetime.fromtimestamp(at_ms // 1_000, UTC), usegmt=True),
        "Cache-Control": f"public, max-age={MAX_AGE_S}",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag, Last-Modified, Link",
        "Link": f'<{terms.licence_url}>; rel="license", </opendata/catalog.json>; rel="describedby"',
    }
    if is_known(request, mark):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if file:
        headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return Response(body, media_type=media_type, headers=headers)
