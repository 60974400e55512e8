"""Incidents: who wants which shelters in which mode, from declared to closed, and what they mean for a shelter. Pure.

Two rules are written here and nowhere else. A step is what ``NEXT`` says, and what it does not allow has a name. Of all
incidents that hold a shelter the strictest mode wins (isolated > backup > storm_watch > normal), a real incident before
a live drill before a drill; an incident that ends releases what it alone holds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, Final

from central.core.audit import Action, Decision
from central.core.refusals import No, RefusedError
from central.core.scope import Scope, ScopeKind
from contract.steering import Mode

PERSON_CHARS_MAX: Final = 100
WHY_CHARS_MAX: Final = 200
TIERS_ALL: Final = 8
STRICTNESS: Final = {Mode.NORMAL: 0, Mode.STORM_WATCH: 1, Mode.BACKUP: 2, Mode.ISOLATED: 3}
_TOKYO: Final = timezone(timedelta(hours=9))


class Phase(StrEnum):
    """How far an incident has come."""

    DECLARED = "declared"
    """Somebody wants it; nothing is sent."""
    ACTIVE = "active"
    """It holds its shelters in its mode."""
    STANDING_DOWN = "standing_down"
    """It holds nothing any more, and is watched until its shelters are back."""
    CLOSED = "closed"


class Act(StrEnum):
    """What a person may do with an incident."""

    CONFIRM = "confirm"
    STAND_DOWN = "stand_down"
    CLOSE = "close"


NEXT: Final[dict[tuple[Phase, Act], Phase | No]] = {
    (Phase.DECLARED, Act.CONFIRM): Phase.ACTIVE,
    (Phase.DECLARED, Act.STAND_DOWN): Phase.CLOSED,
    (Phase.DECLARED, Act.CLOSE): Phase.CLOSED,
    (Phase.ACTIVE, Act.CONFIRM): No.ALREADY,
    (Phase.ACTIVE, Act.STAND_DOWN): Phase.STANDING_DOWN,
    (Phase.ACTIVE, Act.CLOSE): No.STAND_DOWN_FIRST,
    (Phase.STANDING_DOWN, Act.CONFIRM): No.OPEN_A_NEW_ONE,
    (Phase.STANDING_DOWN, Act.STAND_DOWN): No.ALREADY,
    (Phase.STANDING_DOWN, Act.CLOSE): Phase.CLOSED,
    (Phase.CLOSED, Act.CONFIRM): No.IS_CLOSED,
    (Phase.CLOSED, Act.STAND_DOWN): No.IS_CLOSED,
    (Phase.CLOSED, Act.CLOSE): No.IS_CLOSED,
}
"""Every phase answers every act. Withdrawing what was only declared closes it."""


class AskedWronglyError(ValueError):
    """No reason, no person, or a mode that nobody can order. The text says what to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an incident wants of each of its shelters."""

    mode: Mode
    target_pct: float = 100.0
    """State of charge to charge to."""
    tiers_closed: int = TIERS_ALL
    """Load tiers that may have power while islanded, from the critical one."""
    charge_power_w: float | None = None
    is_drill: bool = False
    is_live: bool = False
    """A drill that really switches."""
    tiers_by_site: tuple[tuple[str, int], ...] = ()
    """What staff took over from rationing, by shelter; it only ever lowers ``tiers_closed``."""

    def __post_init__(self) -> None:
        if self.mode not in STRICTNESS or self.mode is Mode.NORMAL:
            known = ", ".join(mode.value for mode in STRICTNESS if mode is not Mode.NORMAL)
            raise AskedWronglyError(f"mode {self.mode.value!r}: want one of {known}; to go back, stand down")
        if not 0 <= self.target_pct <= 100:
            raise AskedWronglyError(f"target {self.target_pct:g} %: want 0 to 100 %")
        if not 0 <= self.tiers_closed <= TIERS_ALL:
            raise AskedWronglyError(f"tiers {self.tiers_closed}: want 0 to {TIERS_ALL}")
        if self.charge_power_w is not None and not 0 <= self.charge_power_w <= 2_000_000:
            raise AskedWronglyError(f"charge power {self.charge_power_w:g} W: want 0 to 2,000,000 W")
        if self.is_live and not self.is_drill:
            raise AskedWronglyError("live is said of a drill: add drill, or leave live out")

    def tiers_of(self, site: str) -> int:
        """Load tiers that may have power at one shelter."""
        return min(self.tiers_closed, dict(self.tiers_by_site).get(site, self.tiers_closed))

    @property
    def switches(self) -> bool:
        """Whether shelters really switch."""
        return not self.is_drill or self.is_live


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Who took a step, when and why."""

    by: str
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident, as it follows from the book."""

    id: str
    phase: Phase
    wish: Wish
    scope: Scope
    sites: frozenset[str]
    """Of the scope: as declared, and from the confirmation on as it was then."""
    declared: Step
    confirmed: Step | None = None
    broke_glass: bool = False
    stood_down: Step | None = None
    closed: Step | None = None

    def holds(self, site: str) -> bool:
        """Whether it wants something of a shelter now."""
        return self.phase is Phase.ACTIVE and site in self.sites

    @property
    def end_ms(self) -> int | None:
        """When it was closed."""
        return self.closed.at_ms if self.closed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What all incidents together want of one shelter."""

    mode: Mode = Mode.NORMAL
    target_pct: float = 100.0
    tiers_closed: int = TIERS_ALL
    charge_power_w: float | None = None
    is_drill: bool = False
    is_live: bool = False
    incidents: tuple[str, ...] = ()
    """Whose wish it is."""
    reason: str = ""

    @property
    def switches(self) -> bool:
        """Whether the shelter really switches."""
        return not self.is_drill or self.is_live


RELEASED: Final = Wanted()


def wanted(incidents: Iterable[Incident], site: str) -> Wanted:
    """What the incidents that hold a shelter want of it together; ``RELEASED`` when none does."""
    holding = [incident for incident in incidents if incident.holds(site)]
    if not holding:
        return RELEASED
    weight = max(_weight(incident.wish) for incident in holding)
    holding = [incident for incident in holding if _weight(incident.wish) == weight]
    mode = max((incident.wish.mode for incident in holding), key=STRICTNESS.__getitem__)
    strictest = sorted((i for i in holding if i.wish.mode is mode), key=lambda i: i.id)
    powers = [i.wish.charge_power_w for i in strictest if i.wish.charge_power_w is not None]
    return Wanted(
        mode=mode,
        target_pct=max(i.wish.target_pct for i in strictest),
        tiers_closed=min(i.wish.tiers_of(site) for i in strictest),
        charge_power_w=min(powers) if powers else None,
        is_drill=strictest[0].wish.is_drill,
        is_live=strictest[0].wish.is_live,
        incidents=tuple(i.id for i in strictest),
        reason=strictest[0].declared.why,
    )


def _weight(wish: Wish) -> int:
    return 2 if not wish.is_drill else 1 if wish.is_live else 0


# --- Steps ------------------------------------------------------------------------------------------------------------


def signed_by(by: str, why: str) -> tuple[str, str]:
    """Person and reason, tidied.

    Raises:
        AskedWronglyError: one of them is missing or too long.
    """
    person, reason = _tidy(by), _tidy(why)
    if not person or len(person) > PERSON_CHARS_MAX:
        raise AskedWronglyError(f"by: name the person, at most {PERSON_CHARS_MAX} characters")
    if not reason or len(reason) > WHY_CHARS_MAX:
        raise AskedWronglyError(f"why: give the reason, at most {WHY_CHARS_MAX} characters")
    return person, reason


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, however they are typed."""
    return _name(one) == _name(other)


def new_id(at_ms: int, known: Iterable[str], *, is_drill: bool) -> str:
    """An id that people can say on the telephone: the day in Tokyo and a number; drills begin with D."""
    day = f"{datetime.fromtimestamp(at_ms / 1000, _TOKYO):%Y%m%d}"
    numbers = [int(each.rpartition("-")[2]) for each in known if each[1:].startswith(f"{day}-")]
    return f"{'D' if is_drill else 'I'}{day}-{max(numbers, default=0) + 1}"


def declare(
    wish: Wish, scope: Scope, sites: Sequence[str], *, by: str, why: str, at_ms: int, known: Iterable[str]
) -> Decision:
    """The decision that declares an incident.

    Raises:
        AskedWronglyError: person or reason is missing.
    """
    person, reason = signed_by(by, why)
    detail: dict[str, Any] = {
        "mode": wish.mode.value,
        "target_pct": wish.target_pct,
        "tiers_closed": wish.tiers_closed,
        "charge_power_w": wish.charge_power_w,
        "drill": wish.is_drill,
        "live": wish.is_live,
        "scope": scope.kind.value,
        "names": list(scope.names),
        "sites": list(sites),
    }
    if wish.tiers_by_site:
        detail["tiers_by_site"] = {site: tiers for site, tiers in wish.tiers_by_site if site in set(sites)}
    return Decision(
        at_ms=at_ms,
        by=person,
        action=Action.DECLARED,
        why=reason,
        incident=new_id(at_ms, known, is_drill=wish.is_drill),
        detail=detail,
    )


def confirm(
    incident: Incident,
    sites: Sequence[str],
    *,
    citywide: bool,
    by: str,
    why: str,
    at_ms: int,
    break_glass: bool = False,
) -> list[Decision]:
    """The decisions that make an incident active for the shelters that its scope has now.

    Raises:
        RefusedError: it is not to be confirmed, or wants another person.
        AskedWronglyError: person or reason is missing.
    """
    person, reason = signed_by(by, why)
    _next(incident, Act.CONFIRM)
    alone = citywide and incident.wish.switches and same_person(person, incident.declared.by)
    if alone and not break_glass:
        raise RefusedError(No.ANOTHER_PERSON)
    made = Decision(
        at_ms=at_ms,
        by=person,
        action=Action.CONFIRMED,
        why=reason,
        incident=incident.id,
        detail={"sites": list(sites), "citywide": citywide},
    )
    if not alone:
        return [made]
    glass = replace(made, action=Action.BREAK_GLASS, detail={"shelters": len(sites)})
    return [glass, made]


def end(incident: Incident, act: Act, *, by: str, why: str, at_ms: int, out: int = 0, anyway: bool = False) -> Decision:
    """The decision that stands an incident down or closes it. ``out``: shelters that have not shown that they are back.

    Raises:
        RefusedError: not in this phase, or shelters are still out and nobody said ``anyway``.
        AskedWronglyError: person or reason is missing.
    """
    person, reason = signed_by(by, why)
    phase = _next(incident, act)
    if phase is Phase.CLOSED and incident.phase is Phase.STANDING_DOWN and out and not anyway:
        raise RefusedError(No.STILL_OUT)
    action = Action.CLOSED if phase is Phase.CLOSED else Action.STOOD_DOWN
    detail = {"still_out": out} if out else {}
    return Decision(at_ms=at_ms, by=person, action=action, why=reason, incident=incident.id, detail=detail)


def incidents_of(decisions: Iterable[Decision], before: Iterable[Incident] = ()) -> dict[str, Incident]:
    """The incidents that follow from the book's entries in their order, on top of those that were known."""
    found = {incident.id: incident for incident in before}
    for decision in decisions:
        if decision.action is Action.DECLARED:
            found[decision.incident] = _declared(decision)
        elif decision.incident in found:
            found[decision.incident] = _after(found[decision.incident], decision)
    return found


def _after(incident: Incident, decision: Decision) -> Incident:
    step = Step(by=decision.by, why=decision.why, at_ms=decision.at_ms)
    if decision.action is Action.BREAK_GLASS:
        return replace(incident, broke_glass=True)
    if decision.action is Action.CONFIRMED:
        return replace(incident, phase=Phase.ACTIVE, confirmed=step, sites=frozenset(decision.detail["sites"]))
    if decision.action is Action.STOOD_DOWN:
        return replace(incident, phase=Phase.STANDING_DOWN, stood_down=step)
    if decision.action is Action.CLOSED:
        return replace(incident, phase=Phase.CLOSED, closed=step)
    return incident


def _declared(decision: Decision) -> Incident:
    told = decision.detail
    power_w = told["charge_power_w"]
    return Incident(
        id=decision.incident,
        phase=Phase.DECLARED,
        wish=Wish(
            mode=Mode(told["mode"]),
            target_pct=float(told["target_pct"]),
            tiers_closed=int(told["tiers_closed"]),
            charge_power_w=None if power_w is None else float(power_w),
            is_drill=bool(told["drill"]),
            is_live=bool(told["live"]),
            tiers_by_site=tuple((str(site), int(tiers)) for site, tiers in told.get("tiers_by_site", {}).items()),
        ),
        scope=Scope(ScopeKind(told["scope"]), tuple(told["names"])),
        sites=frozenset(told["sites"]),
        declared=Step(by=decision.by, why=decision.why, at_ms=decision.at_ms),
    )


def _next(incident: Incident, act: Act) -> Phase:
    answer = NEXT[incident.phase, act]
    if isinstance(answer, No):
        raise RefusedError(answer)
    return answer


def _tidy(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _name(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
