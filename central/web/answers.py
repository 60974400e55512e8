"""What the routes of all pages share: how the language is asked for, and an answer in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Query
from fastapi.responses import HTMLResponse

from central.web.catalogue import Lang

Asked = Annotated[str | None, Query(max_length=8)]
Accept = Annotated[str | None, Header()]


def html(text: str, lang: Lang) -> HTMLResponse:
    """A page in a language."""
    return HTMLResponse(text, headers={"Content-Language": lang.value, "Vary": "Accept-Language"})
