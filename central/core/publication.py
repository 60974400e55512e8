"""What citizens are told of a shelter: what staff said, what follows of its power, what the policy lets out. Pure.

Only ``Shown`` leaves the house: pages and open answers are made of it and of nothing else, so that what is not in it
can't be published by mistake. Power is never claimed: it is "on" only by fresh data, else "not known".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from central.core.city import HoursNow, PointNow, SiteNow, SiteState
from contract.readings import Quality
from contract.steering import GridState

LANGS: Final = ("ja", "ja-x-easy", "en", "zh-Hans", "ko", "vi")
"""Languages of what the public reads, as BCP 47 tags. ``ja-x-easy`` is やさしい日本語, plain Japanese."""
NOTE_CHARS_MAX: Final = 200
LIVE_V: Final = 80.0
"""A conductor with at least so many volts is taken for live; 100 V and 200 V mains both are."""
LIVE_W: Final = 20.0
"""A building that draws at least so much without the grid is carried."""


class StatementError(ValueError):
    """Something that cannot be told to the public. ``part`` names the field, the text says what to give."""

    def __init__(self, part: str, text: str) -> None:
        super().__init__(text)
        self.part = part


class Openness(StrEnum):
    """Whether a shelter takes people in, as staff say."""

    UNKNOWN = "unknown"
    OPEN = "open"
    FULL = "full"
    """Open, and takes nobody more."""
    CLOSED = "closed"


class Crowding(StrEnum):
    """How crowded an open shelter is, as staff say."""

    UNKNOWN = "unknown"
    ROOM = "room"
    BUSY = "busy"
    CROWDED = "crowded"


class Service(StrEnum):
    """What a shelter offers to whoever comes, as staff say."""

    CHARGING = "charging"
    """A place to charge telephones."""
    MEDICAL = "medical"
    """An outlet for a medical device."""
    LIGHT = "light"
    WATER = "water"
    """Drinking water."""


class Part(StrEnum):
    """What may be published of a shelter besides its name and place, which are open data."""

    OPENING = "opening"
    CROWDING = "crowding"
    SERVICES = "services"
    POWER = "power"
    POWER_SOURCE = "power_source"
    HOURS_LEFT = "hours_left"
    NOTE = "note"


class When(StrEnum):
    """When something is published."""

    ALWAYS = "always"
    WHILE_OPEN = "while_open"
    """While staff say that the shelter is open or full. A closed building's power tells whether somebody is there."""
    NEVER = "never"


class Power(StrEnum):
    """Whether there is power, as far as fresh data say."""

    ON = "on"
    NOT_KNOWN = "not_known"


class PowerSource(StrEnum):
    """Where it comes from."""

    GRID = "grid"
    OWN = "own"
    """The shelter's own PV and battery."""


class Readiness(StrEnum):
    """Whether what is offered can be used now."""

    READY = "ready"
    NOT_KNOWN = "not_known"
    OFF = "off"
    """The circuit that carries it is switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is published and when."""

    parts: Mapping[Part, When]
    tiers: Mapping[Service, int | None]
    """Load tier that carries a service in an outage, 1 the most critical one; ``None``: it needs no power."""
    hours_classes_h: tuple[float, ...]
    """Rising. Hours left are published as "at least" one of these, or as less than the first, never as a figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What staff tell citizens of a shelter. The newest of a shelter holds."""

    site: str
    opening: Openness
    crowding: Crowding = Crowding.UNKNOWN
    services: frozenset[Service] = frozenset()
    notes: Mapping[str, str] = field(default_factory=dict)
    """Language tag → one line of text."""
    by: str
    """Who said it. Staff see it, the public does not."""
    at_ms: int
    since_ms: int
    """Since when the opening is what it is."""

    @property
    def is_open(self) -> bool:
        """Whether people are in it."""
        return self.opening in {Openness.OPEN, Openness.FULL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One service and whether it can be used now."""

    service: Service
    readiness: Readiness


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One shelter as the public sees it. ``None`` and empty: not published, or nothing said."""

    id: str
    name: str
    name_en: str
    ward: str
    ward_en: str
    latitude: float
    longitude: float
    synthetic: bool
    opening: Openness | None = None
    said_ms: int | None = None
    """When staff last said something of it."""
    crowding: Crowding | None = None
    power: Power | None = None
    checked_ms: int | None = None
    """When the newest data of its power were measured; ``None``: there never were any, or power is not published."""
    power_source: PowerSource | None = None
    hours_at_least: float | None = None
    """Hours that it lasts at least without the grid; 0: less than the smallest class."""
    offers: tuple[Offer, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it is known to be open (it may be full)."""
        return self.opening in {Openness.OPEN, Openness.FULL}

    def readiness(self, service: Service) -> Readiness | None:
        """Of a service; ``None``: it is not offered, as far as published."""
        return next((offer.readiness for offer in self.offers if offer.service is service), None)


def state(
    site: str,
    *,
    opening: str,
    crowding: str = "",
    services: Iterable[str] = (),
    notes: Mapping[str, str] | None = None,
    by: str,
    at_ms: int,
    before: Statement | None = None,
) -> Statement:
    """What somebody says, checked. ``before``: what held until now.

    Raises:
        StatementError: names the part that can't be told.
    """
    told = Openness(_word("opening", opening, Openness))
    said = {tag: _line(tag, text) for tag, text in (notes or {}).items()}
    is_open = told in {Openness.OPEN, Openness.FULL}
    return Statement(
        site=site,
        opening=told,
        # How crowded a closed shelter is nobody can mean.
        crowding=Crowding(_word("crowding", crowding or "unknown", Crowding)) if is_open else Crowding.UNKNOWN,
        services=frozenset(Service(_word("services", one, Service)) for one in services),
        notes={tag: said[tag] for tag in LANGS if said.get(tag)},
        by=by,
        at_ms=at_ms,
        since_ms=before.since_ms if before and before.opening is told else at_ms,
    )


def _word(part: str, text: str, words: type[StrEnum]) -> str:
    if text not in {word.value for word in words}:
        raise StatementError(part, f"want one of {', '.join(word.value for word in words)}, got {text[:40]!r}")
    return text


def _line(tag: str, text: str) -> str:
    if tag not in LANGS:
        raise StatementError("notes", f"unknown language {tag[:20]!r}: want one of {', '.join(LANGS)}")
    line = unicodedata.normalize("NFC", " ".join(text.split()))
    if not line.isprintable() or len(line) > NOTE_CHARS_MAX:
        raise StatementError(f"note-{tag}", f"want one line of at most {NOTE_CHARS_MAX} printable characters")
    return line


def power_of(now: SiteNow) -> tuple[Power, PowerSource | None]:
    """Whether a shelter has power, by fresh data alone. ``now`` has to carry its points."""
    if now.state in {SiteState.OFFLINE, SiteState.STALE, SiteState.NEVER_SEEN}:
        return Power.NOT_KNOWN, None
    if now.state is SiteState.ISLANDED:
        carried = (now.load_w or 0.0) >= LIVE_W or _is_live(now.points, ("backup.", "inverter."))
        return (Power.ON, PowerSource.OWN) if carried else (Power.NOT_KNOWN, None)
    is_gone = now.steering.grid in {GridState.LOST, GridState.REJECTED}
    is_there = now.steering.grid is GridState.PRESENT and now.state is SiteState.ON_GRID
    if not is_gone and (is_there or _is_live(now.points, ("grid.",))):
        return Power.ON, PowerSource.GRID
    return Power.NOT_KNOWN, None


def _is_live(points: Sequence[PointNow], groups: tuple[str, ...]) -> bool:
    return any(
        one.point.startswith(groups) and one.point.endswith("voltage_v") and _good(one, 0.0) >= LIVE_V for one in points
    )


def _good(one: PointNow, otherwise: float) -> float:
    return one.value if one.quality is Quality.GOOD and one.value is not None else otherwise


def readiness_of(tier: int | None, power: Power, points: Sequence[PointNow]) -> Readiness:
    """Whether what a load tier carries can be used (``None``: it needs no power). Of a tier whose relay nobody sees
    nothing else is known than the power."""
    if tier is None:
        return Readiness.READY
    relay = next((one for one in points if one.point == f"tier{tier}.closed"), None)
    if relay is not None and _good(relay, 1.0) == 0.0:
        return Readiness.OFF
    return Readiness.READY if power is Power.ON else Readiness.NOT_KNOWN


def hours_class(hours: HoursNow | None, classes_h: Sequence[float]) -> float | None:
    """The largest class that is surely reached (by the cautious figure, P10); 0: less than the first."""
    if hours is None or hours.p10_h is None:
        return None
    return max((each for each in classes_h if each <= hours.p10_h), default=0.0)


def needs_points(told: Statement | None, policy: Policy) -> bool:
    """Whether ``publish`` looks at a shelter's points, which cost more to ask for."""
    return any(_is_let_out(part, told, policy) for part in (Part.POWER, Part.POWER_SOURCE, Part.SERVICES))


def publish(now: SiteNow, told: Statement | None, policy: Policy) -> Shown:
    """What the public sees of a shelter. ``told``: the statement that holds, if there ever was one."""

    def lets(part: Part) -> bool:
        return _is_let_out(part, told, policy)

    site = now.site
    power, source = power_of(now)
    offers = tuple(
        Offer(service=service, readiness=readiness_of(policy.tiers[service], power, now.points))
        for service in Service
        if told and service in told.services and service in policy.tiers
    )
    on_own = source is PowerSource.OWN
    said = told if told and (lets(Part.OPENING) or lets(Part.NOTE)) else None
    return Shown(
        id=site.id,
        name=site.name,
        name_en=site.name_en,
        ward=site.ward,
        ward_en=site.ward_en,
        latitude=round(site.latitude, 5),
        longitude=round(site.longitude, 5),
        synthetic=site.synthetic,
        opening=(told.opening if told else Openness.UNKNOWN) if lets(Part.OPENING) else None,
        said_ms=said.at_ms if said else None,
        crowding=told.crowding if told and told.crowding is not Crowding.UNKNOWN and lets(Part.CROWDING) else None,
        power=power if lets(Part.POWER) else None,
        # To the minute: else every reading would be a change.
        checked_ms=now.last_reading_ms // 60_000 * 60_000 if now.last_reading_ms and lets(Part.POWER) else None,
        power_source=source if lets(Part.POWER) and lets(Part.POWER_SOURCE) else None,
        hours_at_least=hours_class(now.hours, policy.hours_classes_h) if on_own and lets(Part.HOURS_LEFT) else None,
        offers=offers if lets(Part.SERVICES) else (),
        notes=told.notes if told and lets(Part.NOTE) else {},
    )


def _is_let_out(part: Part, told: Statement | None, policy: Policy) -> bool:
    when = policy.parts.get(part, When.NEVER)
    return when is When.ALWAYS or (when is When.WHILE_OPEN and told is not None and told.is_open)
