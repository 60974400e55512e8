"""The rooms beside intake and control: what each serves over HTTP and which loops it runs. ``app.py`` opens them.

A loop that fails ends the service, as every loop does: what a room can get over it gets over by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI

from central.api import alerts as alerts_api
from central.api import demand as demand_api
from central.api import webhooks as hooks_api
from central.api.completeness import CompletenessKeeper
from central.api.desk import Desk
from central.api.routes import Asker
from central.certificate_ends import CertificateEnds
from central.control import Control
from central.core.city import Queries
from central.core.live import LiveView
from central.core.newsmaking import Look
from central.doorkeeper import FIRST, Doorkeeper, key_at
from central.feeds.desk import AlertDesk
from central.feeds.service import load_places
from central.forecast import Forecast
from central.hooks_out import HookBook, Hooks
from central.newsroom import Newsroom
from central.ngsi import room as ngsi
from central.notify import room as notify
from central.oidc import Provider
from central.oidc_door import SignOn
from central.opendata import room as opendata
from central.peak import DemandDesk
from central.public import room as public
from central.reports import room as accounting
from central.rollup_room import open_room as open_rollups
from central.settings import Settings
from central.store.base import TelemetryStore
from central.store.records import Records
from central.watch.room import open_watch
from central.web import alerts as alerts_page
from central.web import demand as demand_page
from central.web import fleet, notifications, siteview_told
from central.web import webhooks as hooks_page
from central.web.accounts import book, people, signing, sso
from central.web.board import opening, rules
from central.web.board import pages as board
from central.web.render import Renderer

FIRST_WORDS: Final = """
First start. Sign in at /login (最初のログイン):
    name      {login}
    password  {password}
It is shown this once and opens nothing but the choice of your own. Lost: shelter-central users reset-password {login}
"""
Loop = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What every room may use. ``app.state`` has ``live`` (streams), ``pages`` (renderer) and ``gate``."""

    settings: Settings
    records: Records
    store: TelemetryStore
    queries: Queries
    live_view: LiveView
    control: Control
    desk: Desk
    forecast: Forecast
    alert_desk: AlertDesk | None
    token: str
    now: Callable[[], int]
    ready: Callable[[], Mapping[str, str]] = dict
    """Part of the service → ``ok``, or what it lacks; nothing where nobody says."""


async def open_rooms(house: House, app: FastAPI) -> list[tuple[str, Loop]]:
    """Open every room: its routes are added to ``app``; its loops are returned with their names.

    Raises:
        StoreError: what a room has to remember can't be read.
        SettingsError: a room's own file can't be used.
    """
    door = app.state.gate = await _door(house)
    renderer = app.state.pages.renderer
    app.state.pages.incidents = lambda: tuple(house.control.incidents.values())
    signon = _signon(house.settings, door)
    app.include_router(signing.router(door, renderer, signon))
    if signon is not None:
        app.include_router(sso.router(door, signon, renderer))
    app.include_router(people.router(door, renderer, house.queries))
    app.include_router(book.router(house.records.decisions, renderer))
    app.include_router(opening.router(opening.Opening(house.desk, renderer)))
    alerts = house.alert_desk
    boards = board.BoardPages(
        house.desk,
        house.forecast,
        house.records.facts,
        renderer,
        advised=lambda: alerts.advised if alerts else (),
    )
    app.include_router(board.router(boards))
    app.include_router(rules.router(house.alert_desk, house.control, renderer))
    shelters = siteview_told.SiteTold(house.records.facts, house.desk, house.now)
    app.include_router(siteview_told.router(shelters, app.state.pages))
    completeness = CompletenessKeeper(house.queries, house.now)
    app.include_router(fleet.router(fleet.FleetPages(house.queries, renderer, completeness, house.now)))
    newsroom = app.state.newsroom = _newsroom(house)
    await newsroom.load()
    hook_book = HookBook(house.records.hooks, allow_hosts=house.settings.outgoing.allow_hosts, now=house.now)
    app.include_router(hooks_api.router(hook_book, newsroom, house.queries))
    app.include_router(hooks_page.router(hook_book, newsroom, house.queries, renderer))
    told = await public.open_room(
        app, house.settings, house.records, house.queries, renderer, newsroom=newsroom, now=house.now
    )
    opendata.open_room(
        app,
        house.settings,
        house.records,
        house.queries,
        renderer,
        incidents=lambda: tuple(house.control.incidents.values()),
        places=load_places(house.settings.feeds.places),
        openings=told.public_openings,
        now=house.now,
    )
    telling = await ngsi.open_room(
        app,
        house.queries,
        house.store,
        house.records.subscriptions,
        incidents=lambda: tuple(house.control.incidents.values()),
        openings=told.openings,
        allow=house.settings.outgoing.allow_hosts,
        now=house.now,
    )
    notifying = await notify.open_room(
        house.settings, house.records.notices, newsroom, city=house.queries.now, now=house.now
    )
    app.include_router(notifications.router(notifying, house.queries, renderer))
    demand = await _demand(house, app, renderer)
    ends = CertificateEnds(house.records.certificates)
    rollup = open_rollups(
        house.settings,
        house.live_view,
        house.store,
        house.records,
        house.control,
        newsroom,
        target_w=demand.target_w,
        now=house.now,
    )
    watch = await open_watch(
        house.settings,
        house.records,
        house.queries,
        newsroom,
        days=house.forecast.days,
        ready=house.ready,
        rolled_ms=rollup.done_ms if rollup else None,
        now=house.now,
        targets=demand,
        certificates=ends,
    )
    app.include_router(alerts_api.router(watch))
    app.include_router(alerts_page.router(watch, house.queries, renderer))
    counting = accounting.open_room(
        app,
        house.settings,
        house.records,
        house.store,
        renderer,
        sites=house.live_view.sites,
        incidents=lambda: tuple(house.control.incidents.values()),
        now=house.now,
    )
    return [
        ("ngsi", telling),
        ("accounting", counting),
        ("demand", demand.run),
        ("newsroom", newsroom.run),
        ("public", told.run),
        ("completeness", completeness.run),
        ("webhooks", Hooks(hook_book, newsroom).run),
        ("notify", notifying.desk.run),
        ("post", notifying.post.run),
        ("watch", watch.run),
        ("certificates", ends.run),
        *([("rollups", rollup.run)] if rollup else []),
    ]


async def _demand(house: House, app: FastAPI, renderer: Renderer) -> DemandDesk:
    desk = DemandDesk(
        house.queries,
        house.control,
        house.records.energy,
        now=house.now,
        reserve_pct=house.settings.steering.reserve_pct,
    )
    await desk.load()
    asker = Asker(house.queries, house.now)
    app.include_router(demand_api.router(desk, asker))
    app.include_router(demand_page.router(desk, asker, renderer))
    return desk


def _newsroom(house: House) -> Newsroom:
    control, desk = house.control, house.alert_desk

    def look() -> Look:
        return Look(
            city=house.queries.now(),
            incidents=tuple(control.incidents.values()),
            proposals=tuple(desk.proposals) if desk else (),
            standings=control.fleet.standings(house.now()),
        )

    return Newsroom(house.records.news, look, now=house.now)


def _signon(settings: Settings, door: Doorkeeper) -> SignOn | None:
    if settings.oidc.issuer is None:
        return None
    provider = Provider(settings.oidc, allow=settings.outgoing.allow_hosts, now=door.now)
    return SignOn(door, provider, settings.oidc)


async def _door(house: House) -> Doorkeeper:
    settings = house.settings
    key = key_at(settings.data / "cookie-key")
    door = Doorkeeper(
        house.records.accounts, key=key, token=house.token, now=house.now, origin=settings.http.public_url or ""
    )
    password = await door.first_password()
    if password is not None:
        # To whoever starts the service, and nowhere else: it is neither logged nor kept.
        print(FIRST_WORDS.format(login=FIRST, password=password), file=sys.stderr, flush=True)  # noqa: T201
    return door
