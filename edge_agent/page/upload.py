"""A form with a file: its token comes first, and nothing is taken without it; every part is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, web

from edge_agent.page.forms import LONG_MAX, FormError, text_in
from edge_agent.page.parts import parts_of, session_of
from edge_agent.page.render import refused

_CHUNK: Final = 64 * 1024
_TOKEN_CHARS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """What came: texts by their names, and the file."""

    texts: Mapping[str, str]
    content: bytes


async def uploaded(request: web.Request, file: str, bytes_max: int, *texts: str) -> Upload | web.Response:
    """The file ``file`` of a form with these texts; a page that says why, when the form is an old one.

    Raises:
        FormError: a text that cannot be used.
        web.HTTPException: no form of ours, or too large.
    """
    session = session_of(request)
    if session is None or request.content_type != "multipart/form-data":
        raise web.HTTPBadRequest
    sessions = parts_of(request).sessions
    is_ours, found, content = False, dict[str, str](), b""
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise web.HTTPBadRequest
            if part.name == "token":
                is_ours = sessions.is_token(
                    session.id, (await _read(part, _TOKEN_CHARS_MAX)).decode("utf-8", "replace")
                )
            elif not is_ours:
                return refused(request, "old_form", status=403)
            elif part.name in texts:
                typed = (await _read(part, 4 * LONG_MAX)).decode("utf-8", "replace")
                found[part.name] = text_in({part.name: typed}, part.name)
            elif part.name == file:
                content = await _read(part, bytes_max)
    except (ValueError, AssertionError) as error:
        if isinstance(error, FormError):
            raise
        raise web.HTTPBadRequest from None
    return Upload(found, content) if is_ours else refused(request, "old_form", status=403)


async def _read(part: BodyPartReader, most: int) -> bytes:
    """A part of a form, never more than ``most`` bytes of it."""
    found = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        found += chunk
        if len(found) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(found))
    return bytes(found)
