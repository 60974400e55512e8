"""Proposals → incidents: what has to be declared, confirmed or withdrawn, so that it is done once. Pure.

What was done is read from the incidents themselves: an incident that a rule declared says so in its "by" and carries a
mark in its reason. So nothing is done twice after a restart, and nothing that a person decided is done again:

- what asks for the same as an incident that a rule declared, in whatever phase, is done;
- a correction that changes what is asked for replaces the incident while nobody has confirmed it;
- what a person withdrew comes back only for shelters that it was not about;
- a cancelled, lifted or lapsed proposal withdraws its incident while nobody has confirmed it. One that holds shelters
  is never ended by an alert: staff are told, and stand it down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from central.core.alerts.rules import Then
from central.core.incidents import STRICTNESS, Incident, Phase
from central.core.scope import Scope
from central.core.triggers import Proposal

BY: Final = "trigger "
_MARK: Final = re.compile(r"\[([0-9a-f]{8})\.([0-9a-f]{4})\]$")
_BY: Final = re.compile(r"trigger ([a-z0-9-]+)(?:, approved by (.+))?")


@dataclass(frozen=True, slots=True)
class Marked:
    """An incident that a rule declared."""

    incident: Incident
    rule: str
    id: str
    content: str


@dataclass(frozen=True, slots=True)
class Declare:
    """Declare an incident for a proposal."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Confirm:
    """Confirm it: the rule acts, and a second person stands for the rule."""

    proposal: Proposal
    incident: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Withdraw what was declared and nobody confirmed."""

    incident: str
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Advise:
    """Tell staff: what an incident was confirmed for does not stand any more."""

    incident: str
    rule: str


Step = Declare | Confirm | Withdraw | Advise


def by(proposal: Proposal, person: int = 0) -> str:
    """Who declares (person 0) or confirms (1): the rule, and who stands for it."""
    if person < len(proposal.approved_by):
        return f"{BY}{proposal.rule}, approved by {proposal.approved_by[person]}"
    return f"{BY}{proposal.rule}"


def why(proposal: Proposal) -> str:
    """The reason, in both languages and with the mark."""
    return f"{proposal.reason_ja} / {proposal.reason_en} [{proposal.id}.{proposal.content}]"


def rule_behind(person: str) -> tuple[str, str] | None:
    """The rule that decided, and who stands for it (empty: nobody, it proposes); ``None``: a person decided."""
    named = _BY.fullmatch(person)
    return (named[1], named[2] or "") if named else None


def in_words(reason: str) -> tuple[str, str]:
    """A reason in Japanese and in English, without the mark; what a person wrote is the same in both."""
    mark = _MARK.search(reason)
    if mark is None:
        return reason, reason
    japanese, _, english = reason[: mark.start()].rstrip().partition(" / ")
    return japanese, english or japanese


def marked(incidents: Iterable[Incident]) -> list[Marked]:
    """The incidents that rules declared."""
    found = []
    for incident in incidents:
        named, mark = _BY.fullmatch(incident.declared.by), _MARK.search(incident.declared.why)
        if named and mark:
            found.append(Marked(incident, named[1], mark[1], mark[2]))
    return found


def plan(
    proposals: Sequence[Proposal],
    incidents: Iterable[Incident],
    sites_of: Callable[[Scope], frozenset[str]],
) -> list[Step]:
    """What has to be done now. ``sites_of``: the shelters of a scope; empty when it names nothing."""
    known = marked(incidents)
    steps: list[Step] = []
    for proposal in proposals:
        steps += _for_one(proposal, [one for one in known if _is_kin(one, proposal)], sites_of(proposal.scope))
    asked = {proposal.id for proposal in proposals}
    for one in known:
        if one.id in asked:
            continue
        if one.incident.phase is Phase.DECLARED:
            steps.append(Withdraw(one.incident.id, one.rule, "取消・解除・期限切れ / cancelled, lifted or lapsed"))
        elif one.incident.phase is Phase.ACTIVE:
            steps.append(Advise(one.incident.id, one.rule))
    return steps


def _is_kin(one: Marked, proposal: Proposal) -> bool:
    return one.rule == proposal.rule and one.incident.wish.is_drill == proposal.is_training


def _for_one(proposal: Proposal, kin: Sequence[Marked], sites: frozenset[str]) -> list[Step]:
    same = [one for one in kin if one.id == proposal.id]
    exact = [one for one in same if one.content == proposal.content and not _was_ours(one.incident)]
    old: list[Step] = [
        Withdraw(one.incident.id, one.rule, "内容変更 / replaced by a correction or an update")
        for one in same
        if one.content != proposal.content and one.incident.phase is Phase.DECLARED
    ]
    if exact:
        waiting = [one for one in exact if one.incident.phase is Phase.DECLARED]
        confirm = proposal.kind is Then.ACT and waiting
        return [*old, *([Confirm(proposal, waiting[-1].incident.id)] if confirm else [])]
    if not sites:
        return old
    covered = _covered(proposal, kin, same)
    return old if sites <= covered else [*old, Declare(proposal)]


def _covered(proposal: Proposal, kin: Sequence[Marked], same: Sequence[Marked]) -> set[str]:
    """Shelters for which it is decided already."""
    found: set[str] = set()
    for one in kin:
        incident = one.incident
        if STRICTNESS[incident.wish.mode] < STRICTNESS[proposal.wish.mode]:
            continue
        holds = incident.phase is Phase.ACTIVE
        declined = one in same and incident.phase in {Phase.CLOSED, Phase.STANDING_DOWN} and not _was_ours(incident)
        waits = one not in same and incident.phase is Phase.DECLARED and proposal.kind is Then.PROPOSE
        if holds or declined or waits:
            found |= incident.sites
    return found


def _was_ours(incident: Incident) -> bool:
    """Whether a rule, not a person, ended it."""
    ended = incident.stood_down or incident.closed
    return ended is not None and ended.by.startswith(BY)
