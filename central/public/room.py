"""Opens the room: the policy, what staff said, the pages and the loop that makes editions."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from central.core.city import Queries
from central.newsroom import Newsroom
from central.public import routes, staff, staff_api
from central.public.desk import PublicDesk
from central.public.policy import PolicyError, load_policy
from central.public.shelf import Shelf
from central.public.views import Views
from central.settings import Settings, SettingsError
from central.store.records import Records
from central.web import static
from central.web.render import Renderer


async def open_room(
    app: FastAPI,
    settings: Settings,
    records: Records,
    queries: Queries,
    renderer: Renderer,
    *,
    newsroom: Newsroom | None = None,
    now: Callable[[], int],
) -> PublicDesk:
    """Add the routes; returns the desk, whose ``run`` is the loop.

    Raises:
        SettingsError: the policy can't be used.
        StoreError: the records can't be read.
    """
    try:
        policy = load_policy(settings.public.policy)
    except PolicyError as error:
        raise SettingsError(str(error)) from None
    desk = PublicDesk(records.told, queries, policy, newsroom, now=now)
    await desk.load()
    files = static.addresses(static.load(routes.PACKAGE), routes.FOLDER)
    city = settings.city
    views = Views(city.name, city.name_en, files, address_of(settings), least_h=policy.hours_classes_h[0])
    shelf = app.state.public_shelf = Shelf()
    app.include_router(routes.router(routes.PublicPages(desk, views, shelf)))
    # Most who call are citizens: their routes are asked first, and the others need not be walked.
    app.router.routes.insert(0, app.router.routes.pop())
    app.include_router(staff.router(desk, renderer))
    app.include_router(staff_api.router(desk))
    return desk


def address_of(settings: Settings) -> str:
    """Under which address people reach the pages; empty: nobody said it, and the printed code is left out."""
    http = settings.http
    if http.public_url:
        return http.public_url
    if http.port == 0 or http.host in {"0.0.0.0", "::"}:  # noqa: S104 - it listens there, nobody is reached there
        return ""
    host = f"[{http.host}]" if ":" in http.host else http.host
    return f"http://{host}:{http.port}"
