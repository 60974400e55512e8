"""What the city knows of its shelters now: the values that API and pages are made of.

Signs and units are the contract's. ``None`` means "no good, fresh value", never zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from central.core.stages import UNPROVEN, ReportRecord, SiteProof
from central.core.steering import UNSTEERED, SteeringNow
from contract.messages import Status
from contract.readings import Quality


class SiteKind(StrEnum):
    """What building a shelter is."""

    ELEMENTARY_SCHOOL = "elementary_school"
    JUNIOR_HIGH_SCHOOL = "junior_high_school"
    COMMUNITY_CENTRE = "community_centre"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One shelter as registered. ``id`` is the national common shelter ID."""

    id: str
    name: str
    name_en: str = ""
    ward: str
    ward_en: str = ""
    kind: SiteKind = SiteKind.OTHER
    latitude: float
    longitude: float
    pv_kw: float = 0.0
    inverter_kw: float = 0.0
    battery_kwh: float = 0.0
    synthetic: bool = False
    """Invented for a simulation; every page that shows it says so."""


class SiteState(StrEnum):
    """The one word that a screen shows for a shelter, from "look here first" to "all is well" (``URGENCY``)."""

    ISLANDED = "islanded"
    """Its inverter says that the grid is gone and it carries the building."""
    FAULT = "fault"
    """An inverter reports a fault, or a device does not answer while the agent does."""
    OFFLINE = "offline"
    """The agent's connection is gone (last will)."""
    STALE = "stale"
    """Connected, but no fresh reading for three intervals."""
    NEVER_SEEN = "never_seen"
    ON_GRID = "on_grid"


URGENCY: tuple[SiteState, ...] = tuple(SiteState)


@dataclass(frozen=True, slots=True)
class PointNow:
    """The newest reading of one point of one device. Past its age limit its quality is ``stale``."""

    device: str
    point: str
    value: float | None
    quality: Quality
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursNow:
    """How long a shelter's loads last without the grid (core/hours.py). ``None``: not known, and the words say why."""

    at_ms: int
    """When it was worked out."""
    p10_h: float | None
    p50_h: float | None
    p90_h: float | None
    horizon_h: float
    """A figure of this much means "that or longer"."""
    says_ja: str
    says_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteNow:
    """One shelter at a glance."""

    site: Site
    state: SiteState
    last_reading_ms: int | None = None
    pv_w: float | None = None
    load_w: float | None = None
    grid_w: float | None = None
    battery_w: float | None = None
    soc_pct: float | None = None
    reserve_pct: float | None = None
    stored_wh: float | None = None
    """Energy in the battery now: SoC times capacity (the device's own, or the registered one)."""
    devices_dark: tuple[str, ...] = ()
    points: tuple[PointNow, ...] = ()
    status: Status | None = None
    proof: SiteProof = UNPROVEN
    """What technicians' reports prove of it."""
    steering: SteeringNow = UNSTEERED
    """Its mode, as far as proven, and what the city wants of it."""
    hours: HoursNow | None = None
    """``None``: not worked out yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CityNow:
    """The city at a glance. Each total says of how many shelters it is the sum."""

    at_ms: int
    sites: tuple[SiteNow, ...]
    counts: Mapping[SiteState, int]
    pv_w: float
    load_w: float
    grid_w: float
    stored_wh: float
    reporting: Mapping[str, int] = field(default_factory=dict)
    """Total's name (``pv_w``…) → number of shelters that have a fresh value."""


class Aggregate(StrEnum):
    """How readings inside one step become one value."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    LAST = "last"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Sample:
    """One step of a series: ``value`` is ``None`` where nothing good was read, so that a chart breaks there."""

    at_ms: int
    value: float | None
    count: int
    """Good readings inside the step."""


class Fate(StrEnum):
    """What became of a stretch of a shelter's data."""

    ARRIVED = "arrived"
    WAITING = "waiting"
    """Numbered at the edge and not here yet; it will come."""
    LOST = "lost"
    """Given up, and ``reason`` says why."""
    NOT_MEASURED = "not_measured"
    """The agent was not running (its numbers go on without a break)."""
    UNKNOWN = "unknown"
    """The shelter is cut off: what it measured since is known when it is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One stretch of time of one shelter, and what became of its data."""

    from_ms: int
    to_ms: int
    fate: Fate
    reason: str = ""
    entries: int = 0
    """Outbox entries in it, as far as their numbers are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message, or a part of one, that could not be used."""

    id: int
    received_ms: int
    site: str
    topic: str
    reason: str
    detail: str
    payload: str
    """First bytes of it, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An event as stored."""

    site: str
    epoch: str
    seq: int
    at_ms: int
    received_ms: int
    kind: str
    severity: str
    device: str
    detail: Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStats:
    """What the intake did since this process started, and what is kept."""

    since_ms: int
    messages: int
    readings_stored: int
    readings_repeated: int
    """Came again (a resend) and changed nothing."""
    readings_bad: int
    """Stored as a gap with its reason."""
    dead_letters: Mapping[str, int]
    """Reason → count."""
    events_unknown: Mapping[str, int] = field(default_factory=dict)
    """Kinds that this release does not know → count of events that were kept under them."""
    batches: int
    queue_length: int
    queue_max: int
    store_seconds_p50: float | None
    store_seconds_p99: float | None
    """From the moment of reading to durable in the store, live entries of the last minutes."""


class Queries(Protocol):
    """Everything that API and pages may ask. Asking never blocks the intake."""

    def now(self) -> CityNow:
        """The whole city, from memory."""
        ...

    def site_now(self, site: str) -> SiteNow | None:
        """One shelter with all its points, from memory."""
        ...

    async def series(
        self,
        site: str,
        point: str,
        *,
        device: str | None,
        from_ms: int,
        to_ms: int,
        step_ms: int,
        aggregate: Aggregate,
    ) -> Sequence[Sample]:
        """A point over time; steps are aligned to Tokyo midnight. ``device`` None: the device that has the point."""
        ...

    async def promise(self, site: str, *, from_ms: int, to_ms: int) -> Sequence[Stretch]:
        """What became of every moment between two times: the stretches cover it without a gap."""
        ...

    async def events(self, site: str | None, *, limit: int) -> Sequence[EventRecord]:
        """Newest events first."""
        ...

    async def dead_letters(self, *, limit: int) -> Sequence[DeadLetter]:
        """Newest first."""
        ...

    async def reports(self, site: str, *, limit: int) -> Sequence[ReportRecord]:
        """A shelter's commissioning reports without their documents, the one finished last first."""
        ...

    async def report(self, sha256: str) -> ReportRecord | None:
        """One commissioning report with its document."""
        ...

    def ingest_stats(self) -> IngestStats:
        """Counters of the intake."""
        ...
