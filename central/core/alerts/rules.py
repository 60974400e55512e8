"""Rules: what must be told, for which wards, and what then is proposed or done. Checked when they are read. Pure.

    rules:
      strong-quake:
        when: {intensity: "6-"}          # this much or more, in a ward
        then: act                        # or propose: staff decide
        approved_by: [N. N., M. M.]      # two persons stand for a rule that acts
        mode: backup
      storm:
        when: {warning: [storm, surge], severity: warning}
        then: propose
        mode: storm_watch
        scope: city

Other conditions: ``{tsunami: warning}``, ``{grid_lost: 3, within_min: 10}``, ``{webhook: name}``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from central.core.alerts.codes import (
    PHENOMENON_JA,
    SEVERITY_EN,
    SEVERITY_JA,
    TSUNAMI_EN,
    TSUNAMI_JA,
    Phenomenon,
    Severity,
    Tsunami,
    intensity_en,
    intensity_ja,
    intensity_rank,
)
from central.core.alerts.given import AlertConfigError, Given, check_known, mapping_of
from central.core.incidents import TIERS_ALL
from central.core.scope import ScopeKind
from contract.steering import Mode

RULES_MAX: Final = 200
NAME_MAX: Final = 30
APPROVERS_MAX: Final = 2
APPROVER_CHARS_MAX: Final = 40
HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000


class Then(StrEnum):
    """What a rule does."""

    PROPOSE = "propose"
    """An incident is declared; staff confirm it or not."""
    ACT = "act"
    """It is declared and confirmed."""


@dataclass(frozen=True, slots=True)
class IntensityAtLeast:
    """A ward was shaken so much or more. ``rank``: step of the scale from 1."""

    rank: int
    by_area: bool = True
    """Whether the first report, which knows only areas of many towns, leads to a proposal. It never acts."""


@dataclass(frozen=True, slots=True)
class WarningAtLeast:
    """A weather warning of one of these kinds, so grave or graver, for a ward's town."""

    phenomena: frozenset[Phenomenon]
    severity: Severity


@dataclass(frozen=True, slots=True)
class TsunamiAtLeast:
    """A tsunami forecast so grave or graver for a ward's coast."""

    grade: Tsunami


@dataclass(frozen=True, slots=True)
class GridLost:
    """So many shelters of a ward lost the grid within a time, and it is still gone there."""

    shelters: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook of this name called."""

    name: str


When = IntensityAtLeast | WarningAtLeast | TsunamiAtLeast | GridLost | Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule."""

    name: str
    when: When
    then: Then
    mode: Mode
    wards: tuple[str, ...]
    """Wards that it looks at."""
    scope: ScopeKind = ScopeKind.WARD
    """The wards in which it holds, a saved group, or the whole city."""
    group: str = ""
    target_pct: float = 100.0
    tiers_closed: int = TIERS_ALL
    expires_ms: int = 24 * HOUR_MS
    """After the newest telegram; what nobody confirmed by then lapses."""
    approved_by: tuple[str, ...] = ()


_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_MODES: Final = {mode.value: mode for mode in (Mode.STORM_WATCH, Mode.BACKUP, Mode.ISOLATED)}
_SEVERITIES: Final = {each.name.lower(): each for each in Severity if each is not Severity.NONE}
_GRADES: Final = {each.name.lower(): each for each in (Tsunami.ADVISORY, Tsunami.WARNING, Tsunami.MAJOR)}
_PHENOMENA: Final = {each.value: each for each in Phenomenon}
_SCOPES: Final = {"wards": ScopeKind.WARD, "city": ScopeKind.CITY, "group": ScopeKind.GROUP}
_WHENS: Final = ("intensity", "warning", "tsunami", "grid_lost", "webhook")


def read_rules(data: bytes, *, wards: Collection[str], hooks: Collection[str] | None = None) -> tuple[Rule, ...]:
    """The rules of a YAML file. ``wards`` and ``hooks``: the names that there are; None: hooks are not known here.

    Raises:
        AlertConfigError: names every fault and its place, and what is near an unknown name.
    """
    faults: list[str] = []
    top = mapping_of(data, faults)
    listed = top.inner("rules")
    found = tuple(_rule(name, listed.inner(name), wards, hooks) for name in listed.names())
    if not faults and not 0 < len(found) <= RULES_MAX:
        listed.fault(f"want 1 to {RULES_MAX} rules")
    top.close()
    if faults:
        raise AlertConfigError("\n".join(faults))
    return tuple(rule for rule in found if rule is not None)


def _rule(name: str, given: Given, wards: Collection[str], hooks: Collection[str] | None) -> Rule | None:
    before = len(given.faults)
    if not _NAME.fullmatch(name) or len(name) > NAME_MAX:
        given.fault(f"a rule's name has 1 to {NAME_MAX} small letters, digits and hyphens")
    chosen = given.texts("wards")
    check_known(given, "wards", chosen, wards, "ward")
    then = given.one_of("then", {each.value: each for each in Then})
    mode = given.one_of("mode", _MODES)
    scope = given.one_of("scope", _SCOPES, default=ScopeKind.WARD)
    group = given.text("group", wanted=scope is ScopeKind.GROUP)
    if group and scope is not ScopeKind.GROUP:
        given.fault("group is said without scope: group")
    when = _when(given.inner("when"), hooks)
    approved_by = _approved_by(given)
    rule = Rule(
        name=name,
        when=when or Webhook(""),
        then=then or Then.PROPOSE,
        mode=mode or Mode.BACKUP,
        wards=chosen or tuple(wards),
        scope=scope,
        group=group,
        target_pct=given.number("target_pct", least=0, most=100, default=100),
        tiers_closed=round(given.number("tiers_closed", least=0, most=TIERS_ALL, default=TIERS_ALL)),
        expires_ms=round(given.number("expires_h", least=0.25, most=14 * 24, default=24) * HOUR_MS),
        approved_by=approved_by,
    )
    _check_acting(rule, given)
    given.close()
    return rule if len(given.faults) == before else None


def _check_acting(rule: Rule, given: Given) -> None:
    if rule.then is not Then.ACT:
        return
    if rule.mode is Mode.ISOLATED:
        given.fault("then: act with mode: isolated takes the power from shelters unasked; use then: propose")
    if len(rule.approved_by) != APPROVERS_MAX:
        given.fault("then: act wants approved_by with two persons, who stand for the rule as for an order to the city")


def _approved_by(given: Given) -> tuple[str, ...]:
    said = given.texts("approved_by")
    if len(set(said)) != len(said):
        given.fault("approved_by: the same person twice")
    if len(said) > APPROVERS_MAX or any(not 0 < len(each) <= APPROVER_CHARS_MAX for each in said):
        given.fault(f"approved_by: want two names of at most {APPROVER_CHARS_MAX} characters")
    return said


def _when(given: Given, hooks: Collection[str] | None) -> When | None:
    kinds = [name for name in _WHENS if given.has(name)]
    if len(kinds) != 1:
        given.fault(f"want exactly one of {', '.join(_WHENS)}, got {', '.join(kinds) or 'none'}")
        given.close()
        return None
    when = _condition(kinds[0], given, hooks)
    given.close()
    return when


def _condition(kind: str, given: Given, hooks: Collection[str] | None) -> When | None:
    if kind == "intensity":
        return _intensity(given)
    if kind == "warning":
        return _warning(given)
    if kind == "tsunami":
        return TsunamiAtLeast(given.one_of("tsunami", _GRADES, default=Tsunami.MAJOR))
    if kind == "webhook":
        name = given.text("webhook")
        if hooks is not None:
            check_known(given, "webhook", [name], hooks, "webhook")
        return Webhook(name)
    shelters = given.number("grid_lost", least=1, most=10_000, default=1)
    if shelters != round(shelters):
        given.fault("grid_lost: want a whole number of shelters")
    within_min = given.number("within_min", least=0.1, most=1_440, default=10)
    return GridLost(round(shelters), round(within_min * MINUTE_MS))


def _intensity(given: Given) -> When:
    said = given.text("intensity")
    rank = intensity_rank(said)
    if not rank:
        hint = " (5 and 6 have a lower half, 5-, and an upper one, 5+)" if said in {"5", "6"} else ""
        given.fault(f"intensity: {said!r} is none of 1, 2, 3, 4, 5-, 5+, 6-, 6+, 7{hint}")
    by_area: Any = given.one_of("first_report", {"propose": True, "ignore": False}, default=True)
    return IntensityAtLeast(rank, by_area=by_area)


def _warning(given: Given) -> When:
    said = given.texts("warning")
    severity = given.one_of("severity", _SEVERITIES, default=Severity.WARNING)
    if said == ("any",):
        return WarningAtLeast(frozenset(Phenomenon), severity)
    check_known(given, "warning", said, _PHENOMENA, "kind of warning")
    return WarningAtLeast(frozenset(_PHENOMENA[each] for each in said if each in _PHENOMENA), severity)


def said(when: When) -> str:
    """A condition in words."""
    match when:
        case IntensityAtLeast(rank, by_area):
            first = "" if by_area else ", not by the first report"
            return f"seismic intensity {intensity_en(rank)} or more{first}"
        case WarningAtLeast(phenomena, severity):
            kinds = "any weather" if phenomena == frozenset(Phenomenon) else " or ".join(sorted(phenomena))
            return f"{kinds}, {SEVERITY_EN[severity]} or graver"
        case TsunamiAtLeast(grade):
            return f"{TSUNAMI_EN[grade]} or graver"
        case GridLost(shelters, within_ms):
            return f"grid lost at {shelters} shelters within {within_ms / MINUTE_MS:g} min"
        case Webhook(name):
            return f"call of webhook {name}"
        case _:
            assert_never(when)


def said_ja(when: When) -> str:
    """A condition in Japanese words."""
    match when:
        case IntensityAtLeast(rank, by_area):
            return f"震度{intensity_ja(rank)}以上" + ("" if by_area else "（速報を除く）")
        case WarningAtLeast(phenomena, severity):
            kinds = [PHENOMENON_JA[each] for each in Phenomenon if each in phenomena]
            named = "気象" if len(kinds) == len(Phenomenon) else "・".join(kinds)
            return f"{named}の{SEVERITY_JA[severity]}以上"
        case TsunamiAtLeast(grade):
            return TSUNAMI_JA[grade] + ("" if grade is Tsunami.MAJOR else "以上")
        case GridLost(shelters, within_ms):
            return f"{within_ms / MINUTE_MS:g}分以内に{shelters}か所以上の避難所で停電"
        case Webhook(name):
            return f"外部システム {name} からの通報"
        case _:
            assert_never(when)
