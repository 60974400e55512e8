"""What has to be told now, to whom, of which case. Pure.

Everybody whose step has come is told once when the window is over, again when what was told has doubled or has waited
for long, and once when all is well. Quiet hours and the hourly limit hold a message back; what it would have said is
then in the next one. A message that nobody acknowledges brings the next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from central.core.hooks import SEVERITIES
from central.core.news import NewsKind, Severity
from central.core.notify.cases import ENDING, JOIN_MS, OLDEST_MS, Case, Family, Item, Run, Told, calm_ms, gravest
from central.core.notify.people import Channel, Person, Rule, RuleBook

CRITICAL_TIMES: Final = 2
"""What is critical may exceed a person's hourly limit so many times."""


class Purpose(StrEnum):
    """Why a message is sent."""

    FIRST = "first"
    MORE = "more"
    ESCALATED = "escalated"
    """Nobody has acknowledged what others were told."""
    END = "end"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message that has to be written and sent."""

    case: str
    person: str
    purpose: Purpose
    severity: Severity
    fresh: tuple[str, ...] = ()
    """Keys of items that the person was not told of before."""
    items: tuple[str, ...] = ()
    """Keys of all items that concern the person."""
    over: tuple[Channel, ...] = ()
    """Over these channels only; empty: the person's own."""
    unanswered_ms: int = 0
    """How long nobody has acknowledged it, when that is why."""
    wants_ack: bool = False


@dataclass(frozen=True, slots=True)
class _Raised:
    over: tuple[Channel, ...]
    unanswered_ms: int


def tell(case: Case, book: RuleBook, now_ms: int, recent: Mapping[str, int]) -> tuple[Case, list[Notice]]:
    """What one case has to tell now, and the case after that.

    Args:
        case: as it is.
        book: people and rules.
        now_ms: the time.
        recent: person → messages of the last hour.
    """
    case, raised = _escalated(case, book, now_ms)
    notices = []
    for person, rules in _reached(case, book):
        mine = _mine(case, rules)
        notice = _notice(case, person, rules, mine, raised.get(person.id), now_ms)
        if notice is None or not _may(person, notice, now_ms, recent.get(person.id, 0)):
            continue
        notices.append(notice)
        before = case.told.get(person.id, Told())
        all_over = case.family in ENDING and not any(not item.over_ms for item in mine)
        told = Told(
            keys=tuple(dict.fromkeys((*before.keys, *notice.fresh))),
            messages=before.messages + 1,
            last_ms=now_ms,
            ended=notice.purpose is Purpose.END or all_over,
        )
        case = replace(case, told={**case.told, person.id: told})
    case = replace(case, runs={id_: _waiting(case, id_, run, book, notices, now_ms) for id_, run in case.runs.items()})
    return (replace(case, ended_ms=now_ms) if _is_done(case, book, now_ms) else case), notices


def _reached(case: Case, book: RuleBook) -> list[tuple[Person, list[Rule]]]:
    """Whose step has come, and by which rules."""
    found: dict[str, list[Rule]] = {}
    for id_, run in case.runs.items():
        rule = book.rules.get(id_)
        for who in run.reached if rule else ():
            if who in book.people and rule and (book.people[who].wants_drills or not case.is_drill):
                found.setdefault(who, []).append(rule)
    return [(book.people[who], rules) for who, rules in found.items()]


def _mine(case: Case, rules: Iterable[Rule]) -> list[Item]:
    ids = {rule.id for rule in rules}
    return [item for item in case.items if ids & set(item.rules)]


def _fresh(case: Case, mine: Iterable[Item], told: Told) -> list[Item]:
    """What a person still has to be told. What is not critical and over before it was told is left out."""
    keeps = case.family not in ENDING
    return [
        item
        for item in mine
        if item.key not in told.keys and (keeps or not item.over_ms or item.severity is Severity.CRITICAL)
    ]


def _notice(
    case: Case, person: Person, rules: list[Rule], mine: list[Item], raised: _Raised | None, now_ms: int
) -> Notice | None:
    told = case.told.get(person.id, Told())
    fresh = _fresh(case, mine, told)
    purpose, severity = None, gravest(fresh)
    if raised is not None:
        purpose, severity = Purpose.ESCALATED, gravest(item for item in mine if not item.over_ms)
    elif fresh and _is_due(case, rules, mine, fresh, told, now_ms):
        purpose = Purpose.MORE if told.messages else Purpose.FIRST
    elif not fresh and _is_well(case, rules, mine, told, now_ms):
        purpose, severity = Purpose.END, Severity.INFO
    if purpose is None:
        return None
    return Notice(
        case=case.id,
        person=person.id,
        purpose=purpose,
        severity=severity,
        fresh=tuple(item.key for item in fresh),
        items=tuple(item.key for item in mine),
        over=raised.over if raised else (),
        unanswered_ms=raised.unanswered_ms if raised else 0,
        wants_ack=purpose is not Purpose.END and any(len(rule.steps) > 1 for rule in rules),
    )


def _is_due(case: Case, rules: list[Rule], mine: list[Item], fresh: list[Item], told: Told, now_ms: int) -> bool:
    window_ms, repeat_ms = min(rule.window_ms for rule in rules), min(rule.repeat_ms for rule in rules)
    waited_ms = now_ms - min(item.joined_ms for item in fresh)
    if waited_ms < 0:  # The clock was set back.
        return True
    if not told.messages:
        return waited_ms >= window_ms
    if waited_ms >= repeat_ms:
        return True
    if 0 <= now_ms - told.last_ms < window_ms or waited_ms < window_ms:
        return False
    known = [item for item in mine if item.key in told.keys]
    is_graver = SEVERITIES.index(gravest(fresh)) > SEVERITIES.index(gravest(known))
    return is_graver or len(fresh) >= len(known) or case.family not in ENDING


def _is_well(case: Case, rules: list[Rule], mine: list[Item], told: Told, now_ms: int) -> bool:
    if case.family not in ENDING or not told.messages or told.ended or not any(rule.tells_end for rule in rules):
        return False
    return all(item.over_ms and now_ms - item.over_ms >= calm_ms(case) for item in mine)


def _may(person: Person, notice: Notice, now_ms: int, recent: int) -> bool:
    limit = person.limit_per_hour * (CRITICAL_TIMES if notice.severity is Severity.CRITICAL else 1)
    return person.takes(notice.severity, now_ms) and recent < limit


def _wants_answer(case: Case, rule: str) -> list[Item]:
    """Items for which somebody should acknowledge."""
    return [
        item
        for item in case.items
        if rule in item.rules and not item.over_ms and (case.is_drill or item.severity is not Severity.INFO)
    ]


def _escalated(case: Case, book: RuleBook, now_ms: int) -> tuple[Case, dict[str, _Raised]]:
    """The case with the steps whose time has come, and who is told because of that."""
    raised: dict[str, _Raised] = {}
    runs = dict(case.runs)
    for id_, run in case.runs.items():
        rule = book.rules.get(id_)
        if rule is None or not run.since_ms:
            continue
        if not _wants_answer(case, id_):
            runs[id_] = replace(run, since_ms=0, step=0)
            continue
        for step in rule.steps[run.step + 1 :]:
            if now_ms - run.since_ms < step.after_ms:
                break
            reached = tuple(dict.fromkeys((*run.reached, *step.to)))
            run = replace(run, step=run.step + 1, reached=reached)  # noqa: PLW2901 - step by step
            raised.update(dict.fromkeys(step.to, _Raised(step.over, now_ms - run.since_ms)))
        runs[id_] = run
    return replace(case, runs=runs), raised


def _waiting(case: Case, id_: str, run: Run, book: RuleBook, notices: list[Notice], now_ms: int) -> Run:
    """From when a rule waits for an acknowledgement: the first message, or the moment that it could not be sent."""
    rule = book.rules.get(id_)
    if rule is None or len(rule.steps) == 1 or run.since_ms:
        return run
    wanted = _wants_answer(case, id_)
    now_told = {notice.person: set(notice.fresh) for notice in notices if notice.person in run.reached}
    told = {who: set(case.told[who].keys) for who in run.reached if who in case.told}
    known = {key for keys in told.values() for key in keys}
    # Who hears late of what others have answered asks for no second answer.
    before = {key for who, keys in told.items() for key in keys - now_told.get(who, set())}
    sent = {key for keys in now_told.values() for key in keys} - before
    # A first message comes after the window; one of more may wait longer, and is not held back by that.
    wait_ms = rule.repeat_ms if known else rule.window_ms
    held = any(
        item.severity is Severity.CRITICAL
        and item.key not in known
        and item.joined_ms > run.acked_ms
        and now_ms - item.joined_ms >= wait_ms
        for item in wanted
    )
    return replace(run, since_ms=now_ms, step=0) if held or any(item.key in sent for item in wanted) else run


def _is_done(case: Case, book: RuleBook, now_ms: int) -> bool:
    """Whether nothing more will be told of a case."""
    if now_ms - case.begun_ms > OLDEST_MS:
        return True
    for person, rules in _reached(case, book):
        told, mine = case.told.get(person.id, Told()), _mine(case, rules)
        if _fresh(case, mine, told):
            return False
        if case.family in ENDING and told.messages and not told.ended and any(rule.tells_end for rule in rules):
            return False
    if case.family in ENDING:
        return all(item.over_ms and now_ms - item.over_ms >= calm_ms(case) for item in case.items)
    if case.family is Family.INCIDENT and not any(item.kind is NewsKind.INCIDENT_CLOSED for item in case.items):
        return False
    waits = any(
        run.since_ms and id_ in book.rules and run.step + 1 < len(book.rules[id_].steps)
        for id_, run in case.runs.items()
        if _wants_answer(case, id_)
    )
    return not waits and now_ms - case.grown_ms > JOIN_MS
