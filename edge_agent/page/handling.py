"""What the handlers of the steps share: errors become words on the same page, jobs begin, the frame."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from edge_agent.page.explain import EXPECTED, explain
from edge_agent.page.jobs import Busy, Work
from edge_agent.page.parts import lang_of, parts_of
from edge_agent.page.render import Message, page, refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Shows = Callable[..., Awaitable[web.StreamResponse]]
"""Takes the request; a page that can say what was wrong with its form takes a message and the form too."""


def told(handler: Shows, again: Shows | None = None) -> Handler:
    """A handler whose expected errors are told: on the page ``again`` with what was typed, else on one of their own."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Busy:
            return refused(request, "busy", status=409)
        except EXPECTED as error:
            message = Message("bad", explain(error)[lang_of(request)])
        if again is not None:
            form = await request.post() if request.content_type != "multipart/form-data" else None
            try:
                response = await (again(request, message, form) if form is not None else again(request, message))
            except EXPECTED:
                pass
            else:
                response.set_status(400)
                return response
        return page(request, "refused.html", active="walk", status=503, message=message)

    return handle


def begin(request: web.Request, kind: str, back: str, work: Work) -> web.Response:
    """Start a job and show it. Raises Busy."""
    parts_of(request).desk.start(kind, back, work)
    raise web.HTTPSeeOther("/job")


def step_page(
    request: web.Request, template: str, *, message: Message | None, fresh: int = 0, **values: Any
) -> web.Response:
    """The page of a step."""
    return page(request, template, active="walk", message=message, fresh=fresh, **values)
