"""Opens the room: the file of rules, the watch, its API and its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from central.core.city import Queries
from central.core.habits import PastDay
from central.newsroom import Newsroom
from central.settings import Settings
from central.store.records import Records
from central.watch.gather import Certificates, Gatherer, NoCertificates, NoTargets, Sources, Targets
from central.watch.loop import Watch
from central.watch.rule_file import RuleFile
from central.watch.service import ServiceSources

COPY: Final = "alert-rules.yaml"
"""In the data folder: the rules that were read well last."""


async def open_watch(
    settings: Settings,
    records: Records,
    queries: Queries,
    newsroom: Newsroom,
    *,
    days: Callable[[str], Mapping[int, PastDay]],
    ready: Callable[[], Mapping[str, str]],
    rolled_ms: Callable[[], int] | None,
    now: Callable[[], int],
    targets: Targets | None = None,
    certificates: Certificates | None = None,
) -> Watch:
    """The watch over the city's plants, with what it knew before.

    Raises:
        SettingsError: the file of rules can't be used.
        StoreError: the records can't be read.
    """
    sources = Sources(
        queries=queries,
        days=days,
        facts=records.facts.newest,
        service=ServiceSources(
            ready=ready,
            stats=queries.ingest_stats,
            notes=records,
            folder=settings.data,
            undelivered=records.notices.undelivered,
            rolled_ms=rolled_ms,
        ),
        reserve_pct=settings.steering.reserve_pct,
        targets=targets or NoTargets(),
        certificates=certificates or NoCertificates(),
    )
    rules = RuleFile(settings.alerts.rules, settings.data / COPY)
    watch = Watch(rules, records.alerts, Gatherer(sources, started_ms=now()), newsroom, now=now)
    await watch.load()
    return watch
