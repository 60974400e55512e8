"""News gathered to cases: what people are told of as one thing. Pure.

A city-wide outage is one case with 182 items. An item is over when the news that ends it has come; it is the same item
when it comes back while the case is open, so that a shelter that flaps is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from central.core.hooks import SEVERITIES
from central.core.news import News, NewsKind, Severity
from central.core.notify.people import MINUTE_MS, Rule, RuleBook

JOIN_MS: Final = 30 * MINUTE_MS
"""What happens within so long of a case's last growth belongs to it; later it is a case of its own."""
CALM_MS: Final = 10 * MINUTE_MS
"""All has to be well for so long before it is told: as long as a shelter itself waits for a stable grid."""
FLAPS_MAX: Final = 6
"""What came back several times has to be calm for as many times as long, up to this."""
OLDEST_MS: Final = 60 * 86_400_000
"""A case that never ends, such as of a shelter that was given up, is let go of."""


class Family(StrEnum):
    """What belongs together."""

    GRID = "grid"
    SILENT = "silent"
    FAULT = "fault"
    HOURS = "hours"
    ORDERS = "orders"
    ALERT = "alert"
    INCIDENT = "incident"
    PROPOSED = "proposed"
    SHELTER = "shelter"


ENDS: Final[Mapping[NewsKind, NewsKind]] = {
    NewsKind.SITE_HEARD: NewsKind.SITE_SILENT,
    NewsKind.GRID_BACK: NewsKind.ISLANDED,
    NewsKind.FAULT_OVER: NewsKind.FAULT,
    NewsKind.HOURS_OK: NewsKind.HOURS_LOW,
    NewsKind.MODE_PROVEN: NewsKind.NOT_OBEYED,
    NewsKind.ALERT_OVER: NewsKind.ALERT,
}
"""News that end something → what they end."""
FAMILIES: Final[Mapping[NewsKind, Family]] = {
    NewsKind.ISLANDED: Family.GRID,
    NewsKind.SITE_SILENT: Family.SILENT,
    NewsKind.FAULT: Family.FAULT,
    NewsKind.HOURS_LOW: Family.HOURS,
    NewsKind.NOT_OBEYED: Family.ORDERS,
    NewsKind.ALERT: Family.ALERT,
    NewsKind.INCIDENT_DECLARED: Family.INCIDENT,
    NewsKind.INCIDENT_CONFIRMED: Family.INCIDENT,
    NewsKind.INCIDENT_STANDING_DOWN: Family.INCIDENT,
    NewsKind.INCIDENT_CLOSED: Family.INCIDENT,
    NewsKind.BREAK_GLASS: Family.INCIDENT,
    NewsKind.PROPOSED: Family.PROPOSED,
    NewsKind.SHELTER_OPENED: Family.SHELTER,
    NewsKind.SHELTER_CLOSED: Family.SHELTER,
    NewsKind.SHELTER_CROWDED: Family.SHELTER,
}
TOLD_KINDS: Final = frozenset(FAMILIES)
"""What a rule may name."""
ENDING: Final = frozenset({FAMILIES[kind] for kind in ENDS.values()})
"""Families whose items end, and whose end is told."""
_LAST_STEPS: Final = frozenset({NewsKind.INCIDENT_STANDING_DOWN, NewsKind.INCIDENT_CLOSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing in a case: mostly a shelter."""

    key: str
    kind: NewsKind
    severity: Severity
    site: str = ""
    ward: str = ""
    at_ms: int
    """Since when."""
    joined_ms: int
    """When the case took it."""
    over_ms: int = 0
    """When it ended; 0: not yet."""
    times: int = 1
    """How often it came back."""
    rules: tuple[str, ...]
    """Rules that ask for it."""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one person was told of a case."""

    keys: tuple[str, ...] = ()
    messages: int = 0
    last_ms: int = 0
    ended: bool = False
    """Was told that all is well again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How far a rule is with a case."""

    step: int = 0
    reached: tuple[str, ...] = ()
    """People whose step has come."""
    since_ms: int = 0
    """A message waits for an acknowledgement since then; 0: none does."""
    acked_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Somebody has seen it. ``n`` rises with every one."""

    n: int = 0
    case: str
    person: str = ""
    """Id in the file of people; empty: somebody at the pages or a command, which counts for every rule."""
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What people are told of as one thing."""

    id: str
    family: Family
    is_drill: bool
    incident: str = ""
    begun_ms: int
    grown_ms: int
    items: tuple[Item, ...] = ()
    runs: dict[str, Run] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    acks: tuple[Ack, ...] = ()
    ended_ms: int = 0

    @property
    def open_items(self) -> tuple[Item, ...]:
        """What is still so."""
        return tuple(item for item in self.items if not item.over_ms)

    @property
    def severity(self) -> Severity:
        """Of the gravest item."""
        return gravest(self.items)

    @property
    def waits_ms(self) -> int:
        """Since when a message waits for an acknowledgement; 0: none does."""
        return min((run.since_ms for run in self.runs.values() if run.since_ms), default=0)


def gravest(items: Iterable[Item]) -> Severity:
    """The highest severity of some items."""
    return max((item.severity for item in items), key=SEVERITIES.index, default=Severity.INFO)


def take(cases: Mapping[str, Case], news: News, book: RuleBook, now_ms: int) -> list[Case]:
    """What one piece of news changes: cases as they are then, a new one perhaps among them."""
    if news.kind in ENDS:
        return _ended(cases, news, now_ms)
    changed = _given_up(cases, news, now_ms) if news.kind is NewsKind.INCIDENT_CLOSED else []
    if news.kind not in FAMILIES:
        return changed
    family = FAMILIES[news.kind]
    key = _key(news)
    case = _home(cases.values(), news, family, key, now_ms)
    rules = tuple(rule.id for rule in book.rules.values() if wants(rule, news, book))
    if case is not None and news.kind in _LAST_STEPS:
        rules = tuple(dict.fromkeys((*rules, *case.runs)))
    if not rules:
        return changed
    if case is None:
        case = Case(
            id=f"{family.value}-{news.n}",
            family=family,
            is_drill=news.is_drill,
            incident=news.incident if family in {Family.INCIDENT, Family.ORDERS} else "",
            begun_ms=news.at_ms,
            grown_ms=now_ms,
        )
    case = _with(case, news, key, rules, now_ms)
    runs = {
        rule: case.runs.get(rule) or Run(reached=book.rules[rule].steps[0].to) for rule in rules if rule in book.rules
    }
    return [*changed, replace(case, grown_ms=now_ms, runs={**case.runs, **runs})]


def wants(rule: Rule, news: News, book: RuleBook) -> bool:
    """Whether a rule asks for this. The severity of a drill says nothing: all its news are information."""
    asked = replace(rule.filter, severity=Severity.INFO) if news.is_drill else rule.filter
    people = [book.people[one] for step in rule.steps for one in step.to]
    return asked.takes(news) and (not news.is_drill or any(person.wants_drills for person in people))


def acknowledged(case: Case, acks: Iterable[Ack], book: RuleBook) -> Case:
    """After acknowledgements that came since. One holds for what was told until then, in rules that name the person."""
    newest = max((ack.n for ack in case.acks), default=0)
    for ack in sorted(acks, key=lambda one: one.n):
        if ack.n <= newest or ack.case != case.id:
            continue
        runs = {
            id_: replace(run, since_ms=0, step=0, acked_ms=ack.at_ms) if _counts(ack, id_, run, book) else run
            for id_, run in case.runs.items()
        }
        case = replace(case, acks=(*case.acks, ack), runs=runs)
    return case


def calm_ms(case: Case) -> int:
    """How long all has to be well before it is told."""
    return CALM_MS * min(max((item.times for item in case.items), default=1), FLAPS_MAX)


def _counts(ack: Ack, rule: str, run: Run, book: RuleBook) -> bool:
    if not ack.person or ack.person in run.reached:
        return True
    named = book.rules.get(rule)
    return named is not None and any(ack.person in step.to for step in named.steps)


def _key(news: News) -> str:
    match FAMILIES[news.kind]:
        case Family.INCIDENT:
            return news.kind.value
        case Family.PROPOSED:
            return news.group or f"proposed-{news.n}"
        case Family.SHELTER:
            return f"{news.kind.value}:{news.site}"
        case Family.ALERT:
            return f"{news.values.get('rule', '')}:{news.site}"
        case _:
            return news.site


def _home(cases: Iterable[Case], news: News, family: Family, key: str, now_ms: int) -> Case | None:
    """The case that takes it: the newest that has the item, else the newest that still grows."""
    bound = family in {Family.INCIDENT, Family.ORDERS}
    fitting = [
        case
        for case in cases
        if case.family is family
        and case.is_drill == news.is_drill
        and not case.ended_ms
        and (not bound or case.incident == news.incident)
    ]
    fitting.sort(key=lambda case: (any(item.key == key for item in case.items), case.grown_ms))
    if not fitting:
        return None
    best = fitting[-1]
    has_it = family is Family.INCIDENT or any(item.key == key for item in best.items)
    return best if has_it or 0 <= now_ms - best.grown_ms <= JOIN_MS else None


def _with(case: Case, news: News, key: str, rules: tuple[str, ...], now_ms: int) -> Case:
    new = Item(
        key=key,
        kind=news.kind,
        severity=news.severity,
        site=news.site,
        ward=news.ward,
        at_ms=news.at_ms,
        joined_ms=now_ms,
        rules=rules,
        values=dict(news.values),
    )
    before = next((item for item in case.items if item.key == key), None)
    others = tuple(item for item in case.items if item.key != key)
    if news.kind is NewsKind.INCIDENT_CLOSED:
        others = tuple(replace(item, over_ms=item.over_ms or news.at_ms) for item in others)
        new = replace(new, over_ms=news.at_ms)
    if before is None:
        return replace(case, items=(*others, new), told=_not_ended(case.told))
    if not before.over_ms:
        # Said again while it holds: something about it has changed, so it is told anew.
        return replace(case, items=(*others, new), told=_without(case.told, key))
    again = replace(
        before,
        over_ms=0,
        times=before.times + 1,
        severity=max(before.severity, new.severity, key=SEVERITIES.index),
        rules=tuple(dict.fromkeys((*before.rules, *rules))),
        values=new.values,
    )
    if any(one.ended for one in case.told.values()):
        return replace(
            case,
            items=(*others, replace(again, joined_ms=now_ms)),
            told=_not_ended({who: _left_out(one, key) if one.ended else one for who, one in case.told.items()}),
        )
    return replace(case, items=(*others, again))


def _without(told: Mapping[str, Told], key: str) -> dict[str, Told]:
    return {who: _left_out(one, key) for who, one in told.items()}


def _left_out(one: Told, key: str) -> Told:
    return replace(one, keys=tuple(each for each in one.keys if each != key), ended=False)


def _not_ended(told: Mapping[str, Told]) -> dict[str, Told]:
    return {who: replace(one, ended=False) for who, one in told.items()}


def _ended(cases: Mapping[str, Case], news: News, now_ms: int) -> list[Case]:
    kind = ENDS[news.kind]
    key = f"{news.values.get('rule', '')}:{news.site}" if kind is NewsKind.ALERT else news.site

    def is_ended(item: Item) -> bool:
        # Another mode than the one that was wanted is not what was wanted.
        is_same = kind is not NewsKind.NOT_OBEYED or item.values.get("mode") == news.values.get("mode")
        return item.key == key and is_same

    family = FAMILIES[kind]
    return [changed for case in cases.values() if case.family is family and (changed := _over(case, is_ended, now_ms))]


def _given_up(cases: Mapping[str, Case], news: News, now_ms: int) -> list[Case]:
    """Nothing is wanted of any shelter by an incident that is closed."""
    return [
        changed
        for case in cases.values()
        if case.family is Family.ORDERS
        and case.incident == news.incident
        and (changed := _over(case, lambda _: True, now_ms))
    ]


def _over(case: Case, is_ended: Callable[[Item], bool], now_ms: int) -> Case | None:
    """The case with items that have ended, or ``None`` when that changes nothing."""
    if not any(is_ended(item) for item in case.open_items):
        return None
    items = tuple(
        replace(item, over_ms=max(now_ms, 1)) if not item.over_ms and is_ended(item) else item for item in case.items
    )
    return replace(case, items=items)
