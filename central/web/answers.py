"""What the routes of all pages share: how the language is asked for, and an answer in it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Header, Query
from fastapi.responses import HTMLResponse, RedirectResponse

from central.web.catalogue import Lang

Asked = Annotated[str | None, Query(max_length=8)]
Accept = Annotated[str | None, Header()]


def html(text: str, lang: Lang, status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """A page in a language."""
    return HTMLResponse(text, status, headers={"Content-Language": lang.value, "Vary": "Accept-Language, Cookie"})


def see_other(path: str) -> RedirectResponse:
    """After a form: the page that shows what came of it, so that reloading sends nothing again."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)
