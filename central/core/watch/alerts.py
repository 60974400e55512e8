"""Alerts: what holds, of whom, since when, who has seen it, and every step on its way. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from central.core.hooks import SEVERITIES
from central.core.news import Severity
from central.core.watch.readings import Family

ACK_MAX_MS: Final = 30 * 86_400_000
"""Nobody acknowledges for longer than this at once."""
WHY_CHARS_MAX: Final = 200


class AboutKind(StrEnum):
    """What an alert is about."""

    SITE = "site"
    WARD = "ward"
    CITY = "city"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, order=True)
class About:
    """Whom it concerns. ``name``: the shelter's id, the ward's Japanese name, or nothing."""

    kind: AboutKind
    name: str = ""


SERVICE: Final = About(AboutKind.SERVICE)
CITY: Final = About(AboutKind.CITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A rule that holds, with the value that was read when the alert was raised, or became worse."""

    rule: str
    quantity: str
    value: float
    limit: float
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Somebody has seen it and takes care of it until then."""

    by: str
    at_ms: int
    until_ms: int
    """0: until it is over."""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert."""

    n: int
    family: Family
    about: About
    ward: str = ""
    sites: tuple[str, ...] = ()
    """Shelters that it is about."""
    severity: Severity
    evidence: tuple[Evidence, ...] = ()
    raised_ms: int
    ack: Ack | None = None
    resolved_ms: int = 0
    """0: it goes on."""
    resolved_by: str = ""
    """Empty: it went by itself."""
    why: str = ""
    """Why somebody resolved it."""
    into: int = 0
    """Number of the alert that it became a part of."""

    @property
    def id(self) -> str:
        """Its name for people."""
        return f"A{self.n}"

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return not self.resolved_ms

    @property
    def key(self) -> tuple[Family, About]:
        """Of these only one goes on at a time."""
        return self.family, self.about


class StepKind(StrEnum):
    """What happened to an alert."""

    RAISED = "raised"
    WORSE = "worse"
    EASED = "eased"
    GREW = "grew"
    """More shelters have the same."""
    ACKED = "acked"
    ACK_LAPSED = "ack_lapsed"
    """Its time is over, and the alert goes on."""
    RESOLVED = "resolved"
    """By itself: what it was about is fine again."""
    RESOLVED_BY_HAND = "resolved_by_hand"
    JOINED = "joined"
    """It turned out to have a cause in common with others, which have an alert of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStep:
    """One step of an alert. ``n`` rises with every one; 0: not kept yet."""

    n: int = 0
    alert: int
    at_ms: int
    kind: StepKind
    severity: Severity
    by: str = ""
    why: str = ""
    sites: int = 0
    """How many shelters it is about after it."""


@dataclass(frozen=True, slots=True)
class Change:
    """An alert as it is after a step."""

    alert: Alert
    step: AlertStep


class AlertError(ValueError):
    """This can't be done to that alert. The text says why."""


def gravest(severities: Iterable[Severity]) -> Severity:
    """The highest of some severities."""
    return max(severities, key=SEVERITIES.index, default=Severity.INFO)


def step_of(alert: Alert, kind: StepKind, at_ms: int, *, by: str = "", why: str = "") -> Change:
    """An alert with the step that made it so."""
    return Change(
        alert,
        AlertStep(
            alert=alert.n, at_ms=at_ms, kind=kind, severity=alert.severity, by=by, why=why, sites=len(alert.sites)
        ),
    )


def acknowledged(alert: Alert, *, by: str, at_ms: int, until_ms: int, why: str = "") -> Change:
    """Somebody takes care of it. ``until_ms``: 0: until it is over.

    Raises:
        AlertError: it is over, or the time is past or too far away.
    """
    if not alert.is_open:
        raise AlertError(f"{alert.id} is over: there is nothing to acknowledge")
    if until_ms and not at_ms < until_ms <= at_ms + ACK_MAX_MS:
        raise AlertError("until: want a time within the next 30 days, or none")
    ack = Ack(by=by, at_ms=at_ms, until_ms=until_ms, why=_clean(why))
    return step_of(replace(alert, ack=ack), StepKind.ACKED, at_ms, by=by, why=ack.why)


def resolved_by_hand(alert: Alert, *, by: str, at_ms: int, why: str) -> Change:
    """Somebody says that it is settled.

    Raises:
        AlertError: it is over already, or no reason is given.
    """
    if not alert.is_open:
        raise AlertError(f"{alert.id} is over already")
    if not (said := _clean(why)):
        raise AlertError("why: say why it is settled; others will read it")
    over = replace(alert, resolved_ms=at_ms, resolved_by=by, why=said)
    return step_of(over, StepKind.RESOLVED_BY_HAND, at_ms, by=by, why=said)


def _clean(why: str) -> str:
    return " ".join(why.split())[:WHY_CHARS_MAX]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What would be an alert now, whether there is one or not."""

    sites: tuple[str, ...]
    ward: str
    evidence: tuple[Evidence, ...] = field(default=())
    severity: Severity
