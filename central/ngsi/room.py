"""Opens the room: routes, and the loop that tells subscribers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

from fastapi import FastAPI

from central.core.city import Queries
from central.core.incidents import Incident
from central.core.ngsi.city import Opening
from central.ngsi import entities, subscriptions, temporal
from central.ngsi.entities import Source
from central.ngsi.notifier import Notifier
from central.store.base import TelemetryStore
from central.store.subscriptions import SubscriptionRows


async def open_room(
    app: FastAPI,
    queries: Queries,
    store: TelemetryStore,
    rows: SubscriptionRows,
    *,
    incidents: Callable[[], tuple[Incident, ...]],
    openings: Callable[[], Mapping[str, Opening]] = dict,
    allow: Collection[str] = (),
    now: Callable[[], int],
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Add the routes to the app; returns the loop. ``openings``: what staff say of shelters, by shelter.

    Raises:
        StoreError: subscriptions can't be read.
    """
    source = Source(queries.now, incidents=incidents, openings=openings, since_ms=now())
    notifier = Notifier(source, rows, allow, now)
    await notifier.load()
    app.include_router(temporal.router(source, store, now))
    app.include_router(subscriptions.router(notifier, now))
    app.include_router(entities.router(source))

    return notifier.run
