"""People who are told, and the rules that say of what: values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from central.core.hooks import Filter
from central.core.news import Severity

DAY_MIN: Final = 1_440
TOKYO_MIN: Final = 540
MINUTE_MS: Final = 60_000


class Channel(StrEnum):
    """A way to a person."""

    LINE = "line"
    MAIL = "mail"
    WEBHOOK = "webhook"
    APPRISE = "apprise"
    """Any other service that the Apprise library reaches, by an address in a file."""


class Language(StrEnum):
    """Language of a person's messages."""

    JA = "ja"
    EN = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours of the day in Tokyo in which a person is left alone. ``from_min`` after ``to_min``: over midnight."""

    from_min: int
    """Minutes after midnight; the first that is quiet."""
    to_min: int
    """The first that is not quiet any more."""
    holds_critical: bool = False
    """Whether also what is critical waits for the morning."""

    def covers(self, at_ms: int) -> bool:
        """Whether a moment (UTC milliseconds) is in it."""
        minute = (at_ms // MINUTE_MS + TOKYO_MIN) % DAY_MIN
        if self.from_min <= self.to_min:
            return self.from_min <= minute < self.to_min
        return minute >= self.from_min or minute < self.to_min


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody, or a duty desk, and the ways there."""

    id: str
    name: str
    language: Language = Language.JA
    addresses: Mapping[Channel, str]
    channels: tuple[Channel, ...]
    """Every message goes over each of these."""
    fallback: tuple[Channel, ...] = ()
    """Tried, in turn, when one of ``channels`` can't be reached."""
    quiet: Quiet | None = None
    wants_drills: bool = False
    limit_per_hour: int = 20
    """Messages; what is critical may be twice as many. What is over the limit waits and is told together."""

    def takes(self, severity: Severity, at_ms: int) -> bool:
        """Whether something of this severity may be sent at that time."""
        if self.quiet is None or not self.quiet.covers(at_ms):
            return True
        return severity is Severity.CRITICAL and not self.quiet.holds_critical


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Who is told when nobody has acknowledged for so long."""

    after_ms: int
    """Since the message that waits for an acknowledgement; 0: the first step."""
    to: tuple[str, ...]
    """Ids of people."""
    over: tuple[Channel, ...] = ()
    """Over these channels only; empty: the person's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who is told of what."""

    id: str
    filter: Filter
    steps: tuple[Step, ...]
    window_ms: int = 60_000
    """So long news are gathered before they are told."""
    repeat_ms: int = 15 * MINUTE_MS
    """What joined since a message is told after so long at the latest, and at once when it doubles what was told."""
    tells_end: bool = True
    """Whether it is told when all is well again."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """What a file says."""

    people: Mapping[str, Person] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)


EMPTY: Final = RuleBook()
