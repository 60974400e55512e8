"""Fills the templates: words, language, what stands in every page's frame."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from edge_agent.commissioning.store import StoreError
from edge_agent.page.parts import Parts, lang_of, parts_of, session_of
from edge_agent.page.walk import names
from edge_agent.page.words import words_of

TYPES: Final = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "card.css": "text/css",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A box at the top of a page."""

    tone: str
    """good, bad or warn."""
    text: str
    remedy: str = ""


@lru_cache(maxsize=1)
def templates() -> Environment:
    """Where all pages come from."""
    return Environment(
        loader=PackageLoader("edge_agent.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache(maxsize=1)
def static_files() -> dict[str, tuple[bytes, str]]:
    """The page's own files by name: content and a mark that changes with it."""
    folder = resources.files("edge_agent.page") / "static"
    found = {}
    for name in TYPES:
        body = (folder / name).read_bytes()
        found[name] = (body, hashlib.blake2b(body, digest_size=6).hexdigest())
    return found


def page(
    request: web.Request,
    template: str,
    *,
    active: str = "",
    fresh: int = 0,
    status: int = 200,
    message: Message | None = None,
    **values: Any,
) -> web.Response:
    """A page. ``fresh``: seconds after which it is looked at again, 0 for never."""
    parts, lang, session = parts_of(request), lang_of(request), session_of(request)
    site_id, site_name = _site(parts) if session is not None else ("", "")
    query = {name: text for name, text in request.query.items() if name not in ("lang", "auto")}
    here = str(request.rel_url.with_query(query))
    html = (
        templates()
        .get_template(template)
        .render(
            t=words_of(lang),
            lang=lang,
            other_lang="en" if lang == "ja" else "ja",
            here=here,
            files={name: f"/static/{name}?v={mark}" for name, (_, mark) in static_files().items()},
            site_id=site_id,
            site_name=site_name,
            token_of_session=parts.sessions.token_of(session.id) if session is not None else "",
            job=parts.desk.job if session is not None else None,
            waits_for_person=session is not None and (now := parts.shelter()) is not None and now.by_hand is not None,
            active=active,
            fresh=fresh,
            message=message,
            **values,
        )
    )
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8")


def _site(parts: Parts) -> tuple[str, str]:
    """The site's number and name for the head; a folder that cannot be opened is told elsewhere."""
    try:
        with parts.walk.using() as commissioning:
            return names(commissioning)
    except StoreError:
        return "", ""


def refused(request: web.Request, key: str, *, status: int, **values: object) -> web.Response:
    """A page that says what went wrong and what to try."""
    t = words_of(lang_of(request))
    message = Message("bad", t(key, **values), t(f"{key}_try"))
    return page(request, "refused.html", status=status, message=message)
