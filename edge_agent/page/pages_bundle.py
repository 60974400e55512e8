"""The ZIP that the city made for this shelter, taken by the page: the same checks as ``commission --bundle``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from aiohttp import web

from edge_agent.commissioning.taking import StepError
from edge_agent.page.forms import FormError
from edge_agent.page.parts import parts_of
from edge_agent.page.upload import uploaded

BUNDLE_BYTES_MAX: Final = 1_000_000
_NAME: Final = "ZIP"


async def take_bundle(request: web.Request) -> web.Response:
    """Check the ZIP, and put what is in it where it belongs."""
    came = await uploaded(request, "bundle", BUNDLE_BYTES_MAX)
    if isinstance(came, web.Response):
        return came
    if not came.content:
        raise FormError("bundle_missing")
    with tempfile.TemporaryDirectory(prefix="shelter-bundle-") as folder:
        path = Path(folder) / _NAME
        path.write_bytes(came.content)
        try:
            with parts_of(request).walk.using() as commissioning:
                commissioning.take_bundle(path)
        except StepError as error:
            # The person knows the file by another name than the one that it has here for a moment.
            told = {name: str(fact).replace(str(path), _NAME) for name, fact in error.facts.items()}
            raise StepError(error.kind, **told) from None
    raise web.HTTPSeeOther("/walk/site")
