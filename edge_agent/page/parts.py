"""What the page's handlers need: made once, handed to all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from edge_agent.config import SiteConfig
from edge_agent.page.addresses import Listen
from edge_agent.page.jobs import Desk
from edge_agent.page.live import Live
from edge_agent.page.pin import Door
from edge_agent.page.sessions import Session, Sessions
from edge_agent.page.shelter import ShelterNow
from edge_agent.page.walk import Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The rooms behind the page. Times: UTC milliseconds."""

    listen: Listen
    door: Door
    sessions: Sessions
    desk: Desk
    live: Live
    walk: Walk
    now_ms: Callable[[], int]
    clock_is_set: Callable[[], bool]
    software: str
    is_agent: bool = False
    """Whether the page belongs to a running agent."""
    is_tls: bool = False
    config: Callable[[], SiteConfig | None] = lambda: None
    """The site file; None while there is none. Raises ConfigError."""
    shelter: Callable[[], ShelterNow | None] = lambda: None
    """What the agent of this page steers; None: no agent here, or it steers nothing."""


PARTS: Final = web.AppKey("parts", Parts)
LANG: Final = web.RequestKey("lang", str)
SESSION: Final = web.RequestKey("session", Session)


def parts_of(request: web.Request) -> Parts:
    """What the handlers share."""
    return request.app[PARTS]


def lang_of(request: web.Request) -> str:
    """The reader's language."""
    return request[LANG]


def session_of(request: web.Request) -> Session | None:
    """Who asks; None for somebody who did not give the PIN."""
    return request.get(SESSION)


def see_other(path: str) -> web.Response:
    """Go on with another page."""
    return web.Response(status=303, headers={"Location": path})
