"""What rules make of the alerts that hold: proposals, each with its scope, its reason and its end. Pure.

A training alert leads to a drill and never to more than a proposal; a test of the line leads to nothing. What is not
quite known (the first report of an earthquake names no ward, a code is not in the tables, an intensity is estimated)
never acts either: staff decide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from central.core.alerts.findings import Finding, findings
from central.core.alerts.held import Held
from central.core.alerts.places import Places
from central.core.alerts.rules import Rule, Then
from central.core.alerts.telegram import Lane
from central.core.incidents import Wish
from central.core.scope import Scope, ScopeKind

REASON_MAX: Final = 88
"""Characters of a reason in one language: an incident's reason holds two and a mark (incidents.WHY_CHARS_MAX)."""


@dataclass(frozen=True, slots=True)
class Onset:
    """A rule, a lane and an event: while its finding stands, it is one and the same."""

    rule: str
    lane: Lane
    event: str


Onsets = Mapping[Onset, int]
"""Since when each finding stands, UTC milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An incident that a rule asks for."""

    rule: str
    kind: Then
    scope: Scope
    wards: tuple[str, ...]
    wish: Wish
    """Mode and how; a drill when the alert was a training."""
    reason_ja: str
    reason_en: str
    source: str
    """Of the newest alert behind it."""
    since_ms: int
    expires_ms: int
    approved_by: tuple[str, ...] = ()
    event: str = ""

    @property
    def is_training(self) -> bool:
        """Whether it comes of a training alert."""
        return self.wish.is_drill

    @property
    def id(self) -> str:
        """Names what happened, for this rule: the same through updates and corrections."""
        return _short(self.rule, self.is_training, self.event, self.since_ms)

    @property
    def content(self) -> str:
        """Names what is asked for: a correction that changes it has another one."""
        return _short(self.kind, self.wish.mode, self.scope)[:4]


def judge(
    rules: Sequence[Rule], places: Places, held: Held, onsets: Onsets, *, now_ms: int
) -> tuple[list[Proposal], Onsets]:
    """What all rules ask for now, and since when their findings stand. ``onsets``: what this returned before."""
    proposals: list[Proposal] = []
    after: dict[Onset, int] = {}
    for rule in rules:
        for finding in findings(rule, places, held):
            onset = Onset(rule.name, finding.lane, finding.event)
            since_ms = after[onset] = onsets.get(onset, finding.report_ms)
            proposal = _proposal(rule, places, finding, since_ms)
            if finding.lane is not Lane.TEST and now_ms < proposal.expires_ms:
                proposals.append(proposal)
    return proposals, after


def within(proposal: Proposal, wards: Collection[str]) -> Proposal:
    """The same for those of its wards that have shelters; as it was when none has."""
    there = tuple(ward for ward in proposal.wards if ward in wards)
    if proposal.scope.kind is not ScopeKind.WARD or not there:
        return proposal
    return replace(proposal, scope=Scope(ScopeKind.WARD, there))


def _proposal(rule: Rule, places: Places, finding: Finding, since_ms: int) -> Proposal:
    is_training = finding.lane is not Lane.REAL
    wards = places.named(finding.wards)
    acts = rule.then is Then.ACT and finding.is_sure and not is_training
    return Proposal(
        rule=rule.name,
        kind=Then.ACT if acts else Then.PROPOSE,
        scope=_scope(rule, finding.wards),
        wards=finding.wards,
        wish=Wish(mode=rule.mode, target_pct=rule.target_pct, tiers_closed=rule.tiers_closed, is_drill=is_training),
        reason_ja=_reason(
            ("【訓練】" if is_training else "") + finding.ja + "：",
            [_said(ward.name, finding.details_ja.get(ward.name)) for ward in wards],
            "、",
        ),
        reason_en=_reason(
            ("DRILL: " if is_training else "") + finding.en + ": ",
            [_said(ward.en, finding.details_en.get(ward.name)) for ward in wards],
            ", ",
        ),
        source=finding.source,
        since_ms=since_ms,
        expires_ms=finding.report_ms + rule.expires_ms,
        approved_by=rule.approved_by if acts else (),
        event=finding.event,
    )


def _scope(rule: Rule, wards: tuple[str, ...]) -> Scope:
    if rule.scope is ScopeKind.CITY:
        return Scope(ScopeKind.CITY)
    if rule.scope is ScopeKind.GROUP:
        return Scope(ScopeKind.GROUP, (rule.group,))
    return Scope(ScopeKind.WARD, wards)


def _reason(begin: str, names: list[str], between: str) -> str:
    """What and where, as many names as there is room for, and how many more there are."""
    for count in range(len(names), -1, -1):
        more = f" +{len(names) - count}" if count < len(names) else ""
        reason = begin + between.join(names[:count]) + more
        if len(reason) <= REASON_MAX:
            return reason
    return begin[: REASON_MAX - 1] + "…"


def _said(name: str, detail: str | None) -> str:
    return f"{name} {detail}" if detail else name


def _short(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:8]
