"""One look at all shelters: rules light their lamps, what has one cause is gathered, alerts begin and end. Pure.

Many shelters of a ward that fall silent within an hour are one alert, of the ward; many of the city one of the city.
While the broker is away nothing is said of links at all: that is the service's own alert.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from central.core.hooks import SEVERITIES
from central.core.news import Severity
from central.core.watch.alerts import (
    CITY,
    SERVICE,
    About,
    AboutKind,
    Alert,
    Change,
    Evidence,
    Held,
    StepKind,
    gravest,
    step_of,
)
from central.core.watch.lamps import DARK, Lamp, turned
from central.core.watch.readings import GATHERED, NOTHING, QUANTITIES, Family, Readings
from central.core.watch.rules import Rule

SETTLE_MS: Final = 120_000
"""In families that are gathered an alert of one shelter waits so long, for others may follow."""
SAME_CAUSE_MS: Final = 3_600_000
"""What begins within so long of each other has one cause."""
SHARE: Final = 0.5
"""Of a ward's, or the city's, shelters so many have to have it for a cause in common."""
WARD_MIN: Final = 3
CITY_MIN: Final = 6
END_SHARE: Final = 0.25
"""Below this share what is left are cases of their own."""
MUTED_MAX_MS: Final = 7 * 86_400_000
"""What somebody resolved although it still holds is raised again after so long."""

LampKey = tuple[str, str]
"""Rule and shelter; the shelter is empty for rules of the service."""
AlertKey = tuple[Family, About]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the last look left behind."""

    next_n: int = 1
    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    """Those that go on."""
    lamps: Mapping[LampKey, Lamp] = field(default_factory=dict)
    """Those that are not idle."""
    muted: Mapping[AlertKey, int] = field(default_factory=dict)
    """What somebody resolved while it held, and when. It is quiet until it was fine once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything that rules look at, at one moment."""

    at_ms: int
    wards: Mapping[str, str]
    """Shelter → its ward, of all that are registered."""
    readings: Mapping[str, Readings]
    service: Readings = NOTHING


def look(rules: Sequence[Rule], state: State, seen: Look) -> tuple[State, list[Change]]:
    """The state after one look, and what changed."""
    lamps = _lamps(rules, state.lamps, seen)
    held = _held(rules, lamps, state, seen)
    alerts = dict(state.alerts)
    next_n = state.next_n
    muted = {
        key: since_ms for key, since_ms in state.muted.items() if key in held and seen.at_ms - since_ms < MUTED_MAX_MS
    }
    changes: list[Change] = []
    homes: dict[tuple[Family, str], int] = {}
    for key, one in held.items():
        before = alerts.get(key)
        if before is None:
            if key in muted:
                continue
            made = _raised(next_n, key, one, seen.at_ms)
            next_n += 1
            changes.append(step_of(made, StepKind.RAISED, seen.at_ms))
        else:
            made, change = _followed(before, one, seen.at_ms)
            if change is not None:
                changes.append(change)
        alerts[key] = made
        if key[1].kind is not AboutKind.SITE:
            homes |= {(key[0], site): made.n for site in made.sites}
    for key in [key for key in alerts if key not in held]:
        alert = alerts.pop(key)
        into = homes.get((alert.family, alert.sites[0]), 0) if alert.sites and alert.n not in homes.values() else 0
        kind = StepKind.JOINED if into else StepKind.RESOLVED
        changes.append(step_of(replace(alert, resolved_ms=seen.at_ms, into=into), kind, seen.at_ms))
    for key, alert in alerts.items():
        if alert.ack and alert.ack.until_ms and alert.ack.until_ms <= seen.at_ms:
            alerts[key] = replace(alert, ack=None)
            changes.append(step_of(alerts[key], StepKind.ACK_LAPSED, seen.at_ms, by=alert.ack.by))
    return State(next_n=next_n, alerts=alerts, lamps=lamps, muted=muted), changes


def with_change(state: State, change: Change) -> State:
    """After a person acknowledged or resolved one of its alerts."""
    alert = change.alert
    if alert.is_open:
        return replace(state, alerts={**state.alerts, alert.key: alert})
    rest = {key: one for key, one in state.alerts.items() if key != alert.key}
    return replace(state, alerts=rest, muted={**state.muted, alert.key: alert.resolved_ms})


# --- Lamps ------------------------------------------------------------------------------------------------------------


def _lamps(rules: Sequence[Rule], before: Mapping[LampKey, Lamp], seen: Look) -> dict[LampKey, Lamp]:
    is_broker_away = bool(seen.service.broker_down_min)
    found: dict[LampKey, Lamp] = {}
    for rule in rules:
        name, take = rule.name, rule.quantity.take
        is_blind = is_broker_away and rule.family is Family.LINK
        watched: Iterable[tuple[str, Readings]] = seen.readings.items()
        if rule.quantity.is_of_service:
            watched = (("", seen.service),)
        for site, readings in watched:
            value = None if is_blind else take(readings)
            lamp = before.get((name, site), DARK)
            if lamp is DARK and (value is None or not rule.is_bad(value)):
                continue
            after = turned(rule, lamp, value, seen.at_ms)
            if not after.is_idle:
                found[name, site] = after
    return found


# --- What has one cause -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lit:
    """What is lit of a family at one shelter."""

    since_ms: int
    rules: list[Rule]


def _held(rules: Sequence[Rule], lamps: Mapping[LampKey, Lamp], state: State, seen: Look) -> dict[AlertKey, Held]:
    lit: dict[Family, dict[str, _Lit]] = defaultdict(dict)
    for rule in rules:
        for site in ("",) if rule.quantity.is_of_service else seen.readings:
            lamp = lamps.get((rule.name, site))
            if lamp is None or not lamp.is_lit:
                continue
            one = lit[rule.family].setdefault(site, _Lit(lamp.since_ms, []))
            one.rules.append(rule)
            one.since_ms = min(one.since_ms, lamp.since_ms)
    found: dict[AlertKey, Held] = {}
    for family, by_site in lit.items():
        free = dict(by_site)
        if family in GATHERED:
            for about, members in _gathered(family, by_site, state, seen):
                found[family, about] = _held_by(members, about, seen)
                free = {site: one for site, one in free.items() if site not in members}
        for site, one in free.items():
            about = About(AboutKind.SITE, site) if site else SERVICE
            if (family, about) in state.alerts or _may_begin(family, site, one, seen):
                found[family, about] = _held_by({site: one}, about, seen)
    return found


def _may_begin(family: Family, site: str, one: _Lit, seen: Look) -> bool:
    """Whether a shelter has an alert of its own. What is left of a cause in common has to be bad now."""
    if family in GATHERED and seen.at_ms - one.since_ms < SETTLE_MS:
        return False
    readings = seen.readings[site] if site else seen.service
    values = ((rule, rule.quantity.take(readings)) for rule in one.rules)
    return any(value is not None and rule.is_bad(value) for rule, value in values)


def _gathered(
    family: Family, lit: Mapping[str, _Lit], state: State, seen: Look
) -> Iterable[tuple[About, dict[str, _Lit]]]:
    """Groups with one cause: the city, when also the rest beside the ward that has most of it is hit; or else wards."""
    sites_of: dict[str, list[str]] = defaultdict(list)
    for site, ward in seen.wards.items():
        sites_of[ward].append(site)
    members_of = {ward: {site: lit[site] for site in sites if site in lit} for ward, sites in sites_of.items()}
    worst = max(members_of, key=lambda ward: len(members_of[ward]), default="")
    rest = {site: one for site, one in lit.items() if seen.wards[site] != worst}
    is_rest_hit = (family, CITY) in state.alerts or len(rest) >= max(
        1, SHARE * (len(seen.wards) - len(sites_of.get(worst, ())))
    )
    if is_rest_hit and _is_common(family, CITY, lit, len(seen.wards), CITY_MIN, state):
        return [(CITY, dict(lit))]
    return [
        (About(AboutKind.WARD, ward), members)
        for ward, members in members_of.items()
        if _is_common(family, About(AboutKind.WARD, ward), members, len(sites_of[ward]), WARD_MIN, state)
    ]


def _is_common(family: Family, about: About, lit: Mapping[str, _Lit], total: int, least: int, state: State) -> bool:
    if (family, about) in state.alerts or (family, about) in state.muted:
        return len(lit) >= max(1, END_SHARE * total)
    begun = sorted(one.since_ms for one in lit.values())
    needed = max(least, SHARE * total)
    most, first = 0, 0
    for last, since_ms in enumerate(begun):
        while since_ms - begun[first] > SAME_CAUSE_MS:
            first += 1
        most = max(most, last - first + 1)
    return most >= needed


def _held_by(members: Mapping[str, _Lit], about: About, seen: Look) -> Held:
    worst: dict[str, Evidence] = {}
    for site, one in members.items():
        for rule in one.rules:
            value = rule.quantity.take(seen.readings[site] if site else seen.service)
            known = worst.get(rule.name)
            if value is None:
                value = rule.raise_at
            if known is None or (value > known.value) == rule.quantity.is_over:
                worst[rule.name] = Evidence(
                    rule=rule.name,
                    quantity=rule.quantity.name,
                    value=value,
                    limit=rule.raise_at,
                    severity=rule.severity,
                )
    evidence = sorted(worst.values(), key=lambda each: (-SEVERITIES.index(each.severity), each.rule))
    severity = gravest(each.severity for each in evidence)
    if about == CITY:
        severity = Severity.CRITICAL
    ward = about.name if about.kind is AboutKind.WARD else ""
    if about.kind is AboutKind.SITE:
        ward = seen.wards.get(about.name, "")
    sites = tuple(site for site in members if site)
    return Held(sites=sites, ward=ward, evidence=tuple(evidence), severity=severity)


# --- Alerts -----------------------------------------------------------------------------------------------------------


def _raised(n: int, key: AlertKey, held: Held, at_ms: int) -> Alert:
    return Alert(
        n=n,
        family=key[0],
        about=key[1],
        ward=held.ward,
        sites=held.sites,
        severity=held.severity,
        evidence=held.evidence,
        raised_ms=at_ms,
    )


def _followed(alert: Alert, held: Held, at_ms: int) -> tuple[Alert, Change | None]:
    """The alert as it is now, with the step that this is. Who acknowledged it did not acknowledge what is worse."""
    sites = tuple(dict.fromkeys((*alert.sites, *held.sites)))
    if held.severity is not alert.severity:
        is_worse = SEVERITIES.index(held.severity) > SEVERITIES.index(alert.severity)
        after = replace(
            alert,
            sites=sites,
            severity=held.severity,
            evidence=held.evidence,
            ack=None if is_worse else alert.ack,
        )
        return after, step_of(after, StepKind.WORSE if is_worse else StepKind.EASED, at_ms)
    if len(sites) > len(alert.sites):
        after = replace(alert, sites=sites, evidence=held.evidence)
        return after, step_of(after, StepKind.GREW, at_ms)
    if {each.rule for each in held.evidence} != {each.rule for each in alert.evidence}:
        return replace(alert, evidence=held.evidence), None
    return alert, None


def value_of(alert: Alert, evidence: Evidence, seen: Look) -> float | None:
    """What the quantity behind an alert is now, at the worst of its shelters."""
    quantity = QUANTITIES[evidence.quantity]
    if quantity.is_of_service:
        return quantity.take(seen.service)
    found = [quantity.take(seen.readings[site]) for site in alert.sites if site in seen.readings]
    values = [value for value in found if value is not None]
    if not values:
        return None
    return max(values) if quantity.is_over else min(values)
