"""What the page of alerts shows: each alert in words, with what can be done. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from central.core.access import Principal, Right
from central.core.autonomy.values import Words
from central.core.city import SiteNow
from central.core.hooks import SEVERITIES
from central.core.news import Severity
from central.core.watch.alerts import AboutKind, Alert
from central.core.watch.looking import Look, value_of
from central.core.watch.readings import UNIT_NAMES, Family
from central.core.watch.rules import Rule
from central.core.watch.words import DO, FAMILIES, amount, evidence_words, limit_words, over_words, rule_words
from central.web.catalogue import Catalogue, Lang
from central.web.cityview import name_of, ward_of

SITES_SHOWN: Final = 40
FULL_OF_MANY: Final = 6
"""Of many alerts so many are shown with all about them: those that are the cause of many, or of the service."""
MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A shelter that an alert is about."""

    site: str
    name: str
    ward: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """One alert as the page shows it."""

    alert: Alert
    title: str
    place: str
    """Whom it is about, in words."""
    ward: str
    sites: Sequence[Where]
    more: int
    """Shelters that are left out."""
    lines: Sequence[str]
    """What each rule found."""
    now: str
    """The gravest rule's value now; empty: not known."""
    attempt: str
    """What to do."""
    may_tell: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One alert among many of its kind."""

    view: AlertView
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Alerts for which the same rule holds."""

    severity: Severity
    limit: str
    """The rule in words."""
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Alerts that are about the same, so that the same is to be done."""

    family: Family
    title: str
    attempt: str
    kinds: Sequence[Kind]

    @property
    def n(self) -> int:
        """How many there are."""
        return sum(len(kind.lines) for kind in self.kinds)

    @property
    def all_acked(self) -> bool:
        """Whether somebody takes care of each."""
        return all(line.view.alert.ack for kind in self.kinds for line in kind.lines)

    @property
    def open_ids(self) -> list[str]:
        """Those of which nobody takes care yet and which this person may answer."""
        views = [line.view for kind in self.kinds for line in kind.lines]
        return [one.alert.id for one in views if one.may_tell and not one.alert.ack]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """One rule as the page shows it."""

    rule: Rule
    family: str
    when: str
    over: str


def said(words: Words, lang: Lang) -> str:
    """A sentence in a language."""
    return words.ja if lang is Lang.JA else words.en


def view(alert: Alert, sites: Mapping[str, SiteNow], seen: Look | None, who: Principal, words: Catalogue) -> AlertView:
    """One alert in words."""
    lang = words.lang
    named = [_where(site, sites, lang) for site in alert.sites]
    value = value_of(alert, alert.evidence[0], seen) if seen is not None and alert.evidence else None
    wards = {sites[site].site.ward for site in alert.sites if site in sites}
    return AlertView(
        alert=alert,
        title=said(FAMILIES[alert.family], lang),
        place=_place(alert, named, sites, words),
        ward=named[0].ward if named else "",
        sites=named[:SITES_SHOWN],
        more=max(0, len(named) - SITES_SHOWN),
        lines=[said(evidence_words(each), lang) for each in alert.evidence],
        now=said(amount(alert.evidence[0].quantity, value), lang) if value is not None else "",
        attempt=said(DO[alert.family], lang),
        may_tell=who.may(Right.TELL, wards or {words("alerts_city")}),
    )


def ordered(views: Sequence[AlertView]) -> list[AlertView]:
    """What nobody takes care of first, then the gravest, then the newest."""
    return sorted(
        views,
        key=lambda one: (one.alert.ack is not None, -SEVERITIES.index(one.alert.severity), -one.alert.raised_ms),
    )


def in_full(views: Sequence[AlertView]) -> list[AlertView]:
    """Of many: those that are the cause of many, or of the service itself, as far as there is room for them."""
    return [one for one in views if one.alert.about.kind is not AboutKind.SITE][:FULL_OF_MANY]


def grouped(views: Sequence[AlertView], lang: Lang) -> list[Group]:
    """Alerts of shelters by what they are about and by the rule that holds; the gravest first, inside them by ward."""
    by_family: dict[Family, dict[str, list[AlertView]]] = {}
    ordered_views = sorted(
        views, key=lambda each: (-SEVERITIES.index(each.alert.severity), each.ward, each.alert.about.name)
    )
    for one in ordered_views:
        rule = one.alert.evidence[0].rule if one.alert.evidence else ""
        by_family.setdefault(one.alert.family, {}).setdefault(rule, []).append(one)
    return [
        Group(
            family=family,
            title=said(FAMILIES[family], lang),
            attempt=said(DO[family], lang),
            kinds=[
                Kind(
                    severity=lines[0].alert.severity,
                    limit=said(limit_words(lines[0].alert), lang),
                    lines=[Line(view=one, value=_value(one.alert, lang)) for one in lines],
                )
                for lines in by_rule.values()
            ],
        )
        for family, by_rule in by_family.items()
    ]


def _value(alert: Alert, lang: Lang) -> str:
    """What was read when it was raised, or became worse; empty for what is yes or no."""
    if not alert.evidence:
        return ""
    found = alert.evidence[0]
    return said(amount(found.quantity, found.value), lang) if UNIT_NAMES[found.quantity] else ""


def counts(alerts: Sequence[Alert]) -> dict[str, int]:
    """How many there are, by severity, and of how many nobody takes care."""
    by_severity = Counter(alert.severity for alert in alerts)
    unseen = sum(alert.ack is None for alert in alerts)
    return {"n": len(alerts), "unseen": unseen, **{each.value: by_severity[each] for each in Severity}}


def lasted(alert: Alert, words: Catalogue) -> str:
    """How long it went on."""
    minutes = max(0, alert.resolved_ms - alert.raised_ms) // MINUTE_MS
    if minutes < 120:
        return words("alerts_min", n=minutes)
    if minutes < 2 * 1_440:
        return words("alerts_h", n=round(minutes / 60))
    return words("alerts_d", n=round(minutes / 1_440))


def rule_views(rules: Sequence[Rule], lang: Lang) -> list[RuleView]:
    """The rules in the order of their file."""
    return [
        RuleView(
            rule=rule,
            family=said(FAMILIES[rule.family], lang),
            when=said(rule_words(rule), lang),
            over=said(over_words(rule), lang),
        )
        for rule in rules
    ]


def _where(site: str, sites: Mapping[str, SiteNow], lang: Lang) -> Where:
    now = sites.get(site)
    if now is None:
        return Where(site=site, name=site, ward="")
    return Where(site=site, name=name_of(now, lang), ward=ward_of(now, lang))


def _place(alert: Alert, named: Sequence[Where], sites: Mapping[str, SiteNow], words: Catalogue) -> str:
    match alert.about.kind:
        case AboutKind.SERVICE:
            return words("alerts_service")
        case AboutKind.CITY:
            return words("alerts_city_n", n=len(named))
        case AboutKind.WARD:
            english = next((now for now in sites.values() if now.site.ward == alert.about.name), None)
            ward = ward_of(english, words.lang) if english else alert.about.name
            return words("alerts_ward", ward=ward, n=len(named))
        case AboutKind.SITE:
            return named[0].name if named else alert.about.name
