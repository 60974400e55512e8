"""Opens the roll-up loop where InfluxDB is the store; elsewhere nothing reads roll-ups, and none are made."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from central.control import Control
from central.core.incidents import Incident
from central.core.live import LiveView
from central.newsroom import Newsroom
from central.rollup import Rollup, Sources
from central.settings import Settings, StoreKind, read_secret
from central.store.base import TelemetryStore
from central.store.records import Records

Loop = Callable[[], Coroutine[Any, Any, None]]


def open_room(
    settings: Settings,
    live: LiveView,
    store: TelemetryStore,
    records: Records,
    control: Control,
    newsroom: Newsroom,
    *,
    now: Callable[[], int],
) -> list[tuple[str, Loop]]:
    """The loop and its name; none with another store.

    Raises:
        SettingsError: the token's file can't be read.
    """
    if settings.store.kind is not StoreKind.INFLUX:
        return []
    from central.store.influx_rollups import InfluxRollups
    from central.store.influx_write import InfluxAddress

    def incidents() -> Iterable[Incident]:
        return tuple(control.incidents.values())

    chosen = settings.store
    token = read_secret(chosen.token_file) or ""
    address = InfluxAddress(url=chosen.url, token=token, bucket=chosen.bucket, org=chosen.org)
    sources = Sources(
        live=live,
        store=store,
        facts=records.facts.newest,
        news_after=newsroom.after,
        latest_news=lambda: newsroom.latest,
        incidents=incidents,
        standings=control.fleet.standings,
    )
    rollup = Rollup(sources, InfluxRollups(address, chosen.rollup_bucket), now=now)
    return [("rollups", rollup.run)]
