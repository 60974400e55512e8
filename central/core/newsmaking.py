"""Two looks at the city → news. Pure.

A look is a set of facts, each a word under a key. What was last told of each key is kept; a fact that differs from it
is told when it has stood for as long as its kind asks for, so that a shelter that comes and goes rings nobody. A key
that a look says nothing of stays as it was told: nobody knows whether the grid is back at a shelter that is silent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from central.core.city import CityNow, SiteNow, SiteState
from central.core.incidents import Incident, Step
from central.core.news import News, NewsKind, Severity
from central.core.orders import Standing
from central.core.triggers import Proposal

HOURS_LOW_H: Final = 6.0
HOURS_OK_RATIO: Final = 1.25
"""A shelter's hours are fine again when they are so many times the limit."""
START_MS: Final = 30_000
"""After a start, silence is not judged for so long: shelters have to be heard first."""
OLD_MS: Final = 86_400_000
"""Steps of incidents that are older are history, not news."""
SAME_CAUSE_MS: Final = 60_000
"""What begins at several shelters with shorter pauses than this is taken for one cause."""
QUIET: Final[Mapping[str, str]] = {"heard": "heard", "grid": "on", "fault": "ok", "hours": "ok", "obeyed": "yes"}
"""What is taken for told of a shelter of which nothing was told yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing as it is now. ``word`` is what is compared; ``news`` is told when it differs and has settled."""

    key: str
    word: str
    settle_ms: int = 0
    news: News | None = None
    """None: it is noted and not told."""
    cause: str = ""
    """Facts with the same cause within ``SAME_CAUSE_MS`` are one group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The city at one moment, as far as news are made of it."""

    city: CityNow
    incidents: Sequence[Incident] = ()
    proposals: Sequence[Proposal] = ()
    standings: Sequence[Standing] = ()
    hours_low_h: float = HOURS_LOW_H


@dataclass
class Teller:
    """What was told, and what waits to settle. Does no I/O: whoever keeps ``changed`` calls ``took`` after that."""

    told: Mapping[str, str]
    since_ms: int
    """When this process began to look."""
    _waiting: dict[str, tuple[str, int]] = field(default_factory=dict)
    _groups: dict[str, tuple[str, int]] = field(default_factory=dict)

    def differences(self, look: Look) -> tuple[list[News], dict[str, str | None]]:
        """What has to be told now, and what will have been told by it (``None``: forget the key)."""
        return self.tell(facts(look, self.told, since_ms=self.since_ms), look.city.at_ms)

    def tell(self, found: Iterable[Fact], at_ms: int) -> tuple[list[News], dict[str, str | None]]:
        """The same, of facts."""
        news: list[News] = []
        changed: dict[str, str | None] = {}
        for fact in found:
            before = self.told.get(fact.key, QUIET.get(fact.key.rpartition(":")[2], ""))
            if fact.word == before:
                self._waiting.pop(fact.key, None)
                continue
            word, first_ms = self._waiting.get(fact.key, ("", 0))
            if word != fact.word or first_ms > at_ms:
                first_ms = at_ms
                self._waiting[fact.key] = (fact.word, at_ms)
            if at_ms - first_ms < fact.settle_ms:
                continue
            changed[fact.key] = fact.word
            if fact.news is not None:
                news.append(self._grouped(fact, fact.news, at_ms))
        return sorted(news, key=lambda one: one.at_ms), changed

    def took(self, changed: Mapping[str, str | None]) -> None:
        """It is kept."""
        told = {**self.told, **{key: word for key, word in changed.items() if word is not None}}
        self.told = {key: word for key, word in told.items() if changed.get(key, word) is not None}
        for key in changed:
            self._waiting.pop(key, None)

    def _grouped(self, fact: Fact, news: News, at_ms: int) -> News:
        if not fact.cause:
            return news
        group, last_ms = self._groups.get(fact.cause, ("", -SAME_CAUSE_MS))
        if not 0 <= at_ms - last_ms < SAME_CAUSE_MS:
            group = f"{fact.cause}-{at_ms}"
        self._groups[fact.cause] = (group, at_ms)
        return replace(news, group=group)


def facts(look: Look, told: Mapping[str, str], *, since_ms: int) -> list[Fact]:
    """Everything that a look says."""
    now_ms = look.city.at_ms
    orders = {one.site: one for one in look.standings}
    found: list[Fact] = []
    for shelter in look.city.sites:
        found += _of_shelter(shelter, told, now_ms, is_settled=now_ms - since_ms >= START_MS, limit_h=look.hours_low_h)
        found += _of_order(shelter, orders.get(shelter.site.id), now_ms)
    wards = {shelter.site.id: shelter.site.ward for shelter in look.city.sites}
    for incident in look.incidents:
        found += _of_incident(incident, wards, now_ms)
    return found + [_of_proposal(one, now_ms) for one in look.proposals]


def _of_shelter(now: SiteNow, told: Mapping[str, str], at_ms: int, *, is_settled: bool, limit_h: float) -> list[Fact]:
    site, ward, key = now.site.id, now.site.ward, f"site:{now.site.id}"

    def news(kind: NewsKind, severity: Severity, **values: Any) -> News:
        return News(at_ms=at_ms, kind=kind, severity=severity, site=site, ward=ward, values=values)

    silent = news(NewsKind.SITE_SILENT, Severity.WARNING, state=now.state.value, last_reading_ms=now.last_reading_ms)
    if now.state in {SiteState.OFFLINE, SiteState.STALE}:
        if not is_settled:
            return []
        return [Fact(key=f"{key}:heard", word="silent", settle_ms=10_000, news=silent, cause="silent")]
    if now.state is SiteState.NEVER_SEEN:
        return []
    heard = news(NewsKind.SITE_HEARD, Severity.INFO)
    found = [Fact(key=f"{key}:heard", word="heard", settle_ms=5_000, news=heard, cause="heard")]
    if now.state is SiteState.ISLANDED:
        lost = news(NewsKind.ISLANDED, Severity.CRITICAL, soc_pct=now.soc_pct)
        found.append(Fact(key=f"{key}:grid", word="islanded", settle_ms=2_000, news=lost, cause="grid"))
    else:
        back = news(NewsKind.GRID_BACK, Severity.INFO)
        found.append(Fact(key=f"{key}:grid", word="on", settle_ms=15_000, news=back, cause="grid-back"))
        if now.state is SiteState.FAULT:
            fault = news(NewsKind.FAULT, Severity.WARNING, devices=list(now.devices_dark))
            found.append(Fact(key=f"{key}:fault", word="fault", settle_ms=10_000, news=fault))
        else:
            over = news(NewsKind.FAULT_OVER, Severity.INFO)
            found.append(Fact(key=f"{key}:fault", word="ok", settle_ms=30_000, news=over))
    if now.hours is not None and now.hours.p10_h is not None:
        hours = now.hours.p10_h
        was_low = told.get(f"{key}:hours") == "low"
        is_low = hours < limit_h * (HOURS_OK_RATIO if was_low else 1)
        kind, severity = (NewsKind.HOURS_LOW, Severity.CRITICAL) if is_low else (NewsKind.HOURS_OK, Severity.INFO)
        tale = news(kind, severity, hours=round(hours, 1), limit_h=limit_h)
        found.append(
            Fact(key=f"{key}:hours", word="low" if is_low else "ok", settle_ms=10_000, news=tale, cause=kind.value)
        )
    return found


def _of_order(now: SiteNow, standing: Standing | None, at_ms: int) -> list[Fact]:
    site, steering, key = now.site.id, now.steering, f"site:{now.site.id}"
    incident = standing.order.desired.incident if standing else ""

    def news(kind: NewsKind, severity: Severity, **values: Any) -> News:
        return News(
            at_ms=at_ms,
            kind=kind,
            severity=severity,
            site=site,
            ward=now.site.ward,
            incident=incident,
            is_drill=steering.is_drill,
            group=incident,
            values=values,
        )

    found: list[Fact] = []
    if steering.mode is not None:
        proven = news(NewsKind.MODE_PROVEN, Severity.INFO, mode=steering.mode.value)
        # A first word is where a shelter stands, and nothing that has happened.
        is_first = steering.revision == 0
        found.append(Fact(key=f"{key}:mode", word=steering.mode.value, news=None if is_first else proven))
    if standing is not None:
        failed = standing.wants_crew
        word = f"{standing.order.revision}:{standing.cause}" if failed else "yes"
        late = news(
            NewsKind.NOT_OBEYED, Severity.CRITICAL, cause=standing.cause, mode=standing.order.desired.mode.value
        )
        found.append(Fact(key=f"{key}:obeyed", word=word, news=late if failed else None))
    return found


def _of_incident(incident: Incident, wards: Mapping[str, str], now_ms: int) -> list[Fact]:
    loud = Severity.INFO if incident.wish.is_drill else Severity.WARNING
    named = sorted({wards[site] for site in incident.sites if site in wards})
    found = []

    def fact(word: str, kind: NewsKind, step: Step, severity: Severity) -> Fact:
        told = News(
            at_ms=step.at_ms,
            kind=kind,
            severity=severity,
            ward=named[0] if len(named) == 1 else "",
            incident=incident.id,
            is_drill=incident.wish.is_drill,
            group=incident.id,
            values={
                "mode": incident.wish.mode.value,
                "by": step.by,
                "why": step.why,
                "shelters": len(incident.sites),
                "wards": named,
            },
        )
        is_old = now_ms - step.at_ms > OLD_MS
        return Fact(key=f"incident:{incident.id}:{word}", word="told", news=None if is_old else told)

    found.append(fact("declared", NewsKind.INCIDENT_DECLARED, incident.declared, loud))
    if incident.confirmed:
        severity = Severity.INFO if incident.wish.is_drill else Severity.CRITICAL
        found.append(fact("confirmed", NewsKind.INCIDENT_CONFIRMED, incident.confirmed, severity))
        if incident.broke_glass:
            found.append(fact("glass", NewsKind.BREAK_GLASS, incident.confirmed, Severity.CRITICAL))
    if incident.stood_down:
        found.append(fact("stood_down", NewsKind.INCIDENT_STANDING_DOWN, incident.stood_down, loud))
    if incident.closed:
        found.append(fact("closed", NewsKind.INCIDENT_CLOSED, incident.closed, Severity.INFO))
    return found


def _of_proposal(one: Proposal, now_ms: int) -> Fact:
    told = News(
        at_ms=now_ms,
        kind=NewsKind.PROPOSED,
        severity=Severity.INFO if one.is_training else Severity.CRITICAL,
        ward=one.wards[0] if len(one.wards) == 1 else "",
        is_drill=one.is_training,
        group=f"proposal-{one.id}",
        values={
            "rule": one.rule,
            "mode": one.wish.mode.value,
            "wards": list(one.wards),
            "reason_ja": one.reason_ja,
            "reason_en": one.reason_en,
        },
    )
    return Fact(key=f"proposal:{one.id}", word=one.content, news=told)
