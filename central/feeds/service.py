"""The feeds of a running service: rules and places from their files, the desk, and its sources, wired together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final, Self, TypeVar

import httpx

from central.core.alerts.given import AlertConfigError
from central.core.alerts.places import Places, read_places
from central.core.alerts.rules import Rule, Then, read_rules
from central.core.alerts.telegram import Origin
from central.core.city import Site
from central.feeds.desk import AlertDesk, Incidents, Settled, Source
from central.feeds.folder import Folder
from central.feeds.hooked import SECRET_MIN
from central.feeds.poll import Feed, Poller
from central.settings import FeedSettings, SettingsError, read_secret
from central.store.base import StoreError
from central.store.telegrams import Telegrams

T = TypeVar("T")
DAY_MS: Final = 86_400_000
SEEN_DAYS: Final = 8
"""The long feeds reach back some days."""
SEEN_MAX: Final = 20_000


def load_places(path: Path | None) -> Places:
    """The places of a file; without one those of the demonstration.

    Raises:
        SettingsError: names every fault.
    """
    return _explained(path, "places.yaml", read_places)


def load_rules(path: Path | None, places: Places, hooks: Sequence[str] | None = None) -> tuple[Rule, ...]:
    """The rules of a file; without one the example.

    Raises:
        SettingsError: names every fault.
    """
    return _explained(path, "triggers.yaml", lambda data: read_rules(data, wards=places.names, hooks=hooks))


def _explained(path: Path | None, default: str, read: Callable[[bytes], T]) -> T:
    shown = path or default
    try:
        data = path.read_bytes() if path else (files("central.feeds") / "library" / default).read_bytes()
        return read(data)
    except OSError as error:
        raise SettingsError(f"{shown}: {error.strerror}") from None
    except AlertConfigError as error:
        raise SettingsError("\n".join(f"{shown}: {line}" for line in str(error).splitlines())) from None


class Feeds:
    """What the settings name. Make it with ``of``; without a file of rules there is none."""

    def __init__(self, settings: FeedSettings, settled: Settled, secrets: Mapping[str, str]) -> None:
        self._settings = settings
        self.settled = settled
        self.secrets = secrets
        self.folder: Folder | None = None
        self.poller: Poller | None = None

    @classmethod
    def of(cls, settings: FeedSettings) -> Self | None:
        """Read rules, places and secrets.

        Raises:
            SettingsError: one of them can't be used.
        """
        if settings.rules is None:
            return None
        places = load_places(settings.places)
        secrets = {}
        for name, path in settings.hooks.items():
            secret = read_secret(path) or ""
            if len(secret) < SECRET_MIN:
                raise SettingsError(f"{path}: the secret of the hook {name} has less than {SECRET_MIN} characters")
            secrets[name] = secret
        rules = load_rules(settings.rules, places, list(secrets))
        acting = [rule.name for rule in rules if rule.then is Then.ACT]
        if acting and settings.places is None:
            raise SettingsError(
                f"{settings.rules}: rule {acting[0]} acts, and nobody checked the demonstration's places for a "
                "city: name a file of your own in feeds.places, or let the rule propose"
            )
        return cls(settings, Settled(rules=rules, places=places, drills=settings.drills), secrets)

    def desk(
        self, store: Telegrams, incidents: Incidents, *, sites: Callable[[], Sequence[Site]], now: Callable[[], int]
    ) -> AlertDesk:
        """The desk of these rules."""
        desk = AlertDesk(self.settled, store, incidents, sites=sites, now=now)
        desk.sources = self.states
        return desk

    async def run(self, desk: AlertDesk, store: Telegrams, now: Callable[[], int]) -> None:
        """The desk and its sources, until cancelled."""
        async with self._client() as client, asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.run(), name="desk")
            if self._settings.folder is not None:
                self.folder = Folder(self._settings.folder, desk.take)
                tasks.create_task(self.folder.run(), name="folder")
            if self._settings.jma:
                seen = await _seen(store, now())
                offices = self.settled.places.offices
                self.poller = Poller(self._feeds(), client, desk.take, offices=offices, seen=seen, now=now)
                tasks.create_task(self.poller.run(), name="poller")

    def _feeds(self) -> list[Feed]:
        base = self._settings.jma_url.rstrip("/")
        return [Feed(f"{base}/{name}.xml", f"{base}/{name}_l.xml") for name in ("eqvol", "extra")]

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        limits = httpx.Limits(max_connections=8, max_keepalive_connections=4)
        async with httpx.AsyncClient(limits=limits) as client:
            yield client

    def states(self) -> list[Source]:
        """How every source is."""
        found = [Source(feed.url, feed.trouble, feed.asked_ms) for feed in (self.poller.feeds if self.poller else ())]
        if self.folder is not None:
            found.append(Source("folder", self.folder.trouble))
        return [*found, *(Source(f"hook {name}") for name in self.secrets)]

    def sources(self) -> Mapping[str, str]:
        """Source → ``ok``, or what it lacks."""
        return {source.name: source.trouble or "ok" for source in self.states()}


async def _seen(store: Telegrams, now_ms: int) -> list[str]:
    """Addresses that were fetched, oldest first; none when the records are away: a repeat changes nothing."""
    try:
        return (await store.sources(Origin.FEED.value, now_ms - SEEN_DAYS * DAY_MS, limit=SEEN_MAX))[::-1]
    except StoreError:
        return []
