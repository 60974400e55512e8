"""The rooms beside intake and control: what each serves over HTTP and which loops it runs. ``app.py`` opens them.

A loop that fails ends the service, as every loop does: what a room can get over it gets over by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from central.api.desk import Desk
from central.control import Control
from central.core.city import Queries
from central.core.live import LiveView
from central.feeds.desk import AlertDesk
from central.forecast import Forecast
from central.settings import Settings
from central.store.base import TelemetryStore
from central.store.records import Records

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


async def open_rooms(house: House, app: FastAPI) -> list[tuple[str, Loop]]:
    """Open every room: its routes are added to ``app``; its loops are returned with their names.

    Raises:
        StoreError: what a room has to remember can't be read.
        SettingsError: a room's own file can't be used.
    """
    del house, app
    return []
