"""Opens the room: the file of rules, the watch, its API and its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

from central.core.alerts.given import AlertConfigError
from central.core.city import Queries
from central.core.habits import PastDay
from central.core.watch.examples import failures
from central.core.watch.rules import Rule, read_rules
from central.newsroom import Newsroom
from central.settings import Settings, SettingsError
from central.store.records import Records
from central.watch.gather import Certificates, Gatherer, NoCertificates, NoTargets, Sources, Targets
from central.watch.loop import Watch
from central.watch.service import ServiceSources

LIBRARY = resources.files("central.watch") / "library" / "rules.yaml"


def load_rules(path: Path | None) -> tuple[Rule, ...]:
    """The rules of a file, or those that come with the program; their examples are played.

    Raises:
        SettingsError: it can't be used; the text names every fault and its place.
    """
    name = str(path) if path is not None else "rules.yaml"
    try:
        rules = read_rules(path.read_bytes() if path is not None else LIBRARY.read_bytes())
    except OSError as error:
        raise SettingsError(f"{name}: {error.strerror}") from None
    except AlertConfigError as error:
        raise SettingsError("\n".join(f"{name}: {line}" for line in str(error).splitlines())) from None
    if wrong := failures(rules):
        raise SettingsError("\n".join(f"{name}: {line}" for line in wrong))
    return rules


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
    rules = load_rules(settings.alerts.rules)
    watch = Watch(rules, records.alerts, Gatherer(sources, started_ms=now()), newsroom, now=now)
    await watch.load()
    return watch
