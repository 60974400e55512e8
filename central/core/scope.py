"""Which shelters an incident is about: single ones, wards, a saved group, or the whole city. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from central.core.audit import Action, Decision
from central.core.city import Site

CITY_FROM: Final = 10
"""A town of so many shelters or more has a "more than half"; in a smaller one only the word city means the city."""
NAMES_MAX: Final = 5_000
NAME_CHARS_MAX: Final = 100


class ScopeError(ValueError):
    """A scope that names nothing, or something that is not there. The text says what is near."""


class ScopeKind(StrEnum):
    """How the shelters are named."""

    SITES = "sites"
    WARD = "ward"
    GROUP = "group"
    CITY = "city"


@dataclass(frozen=True, slots=True)
class Scope:
    """What somebody asked for. ``names``: shelters' ids, wards, or one group's name; none for the city."""

    kind: ScopeKind
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.kind.value if self.kind is ScopeKind.CITY else f"{self.kind.value} {', '.join(self.names)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Shelters under one name, as somebody saved them."""

    name: str
    sites: tuple[str, ...]
    by: str
    at_ms: int


def resolve(scope: Scope, sites: Sequence[Site], groups: Mapping[str, Group]) -> tuple[str, ...]:
    """Ids of the shelters that are meant, sorted.

    Raises:
        ScopeError: a name that is not known, or no shelter at all.
    """
    ids = {site.id for site in sites}
    if scope.kind is ScopeKind.CITY:
        if scope.names:
            raise ScopeError("the whole city takes no names")
        found = ids
    elif not scope.names:
        raise ScopeError(f"scope {scope.kind.value}: name at least one")
    elif scope.kind is ScopeKind.SITES:
        _check_known(scope.names, ids, "shelter")
        found = set(scope.names)
    elif scope.kind is ScopeKind.WARD:
        _check_known(scope.names, {name for s in sites for name in (s.ward, s.ward_en) if name}, "ward")
        found = {site.id for site in sites if site.ward in scope.names or site.ward_en in scope.names}
    else:
        _check_known(scope.names, groups, "group")
        # A shelter that left the registry since the group was saved is not meant any more.
        found = {each for name in scope.names for each in groups[name].sites} & ids
    if not found:
        raise ScopeError(f"{scope}: no registered shelter is in it")
    return tuple(sorted(found))


def is_citywide(scope: Scope, found: Sequence[str], registered: int) -> bool:
    """Whether two persons are wanted: the whole city, or more than half of it by any other name."""
    return scope.kind is ScopeKind.CITY or (registered >= CITY_FROM and 2 * len(found) > registered)


def groups_of(decisions: Iterable[Decision]) -> dict[str, Group]:
    """The groups that follow from the book; the newest of a name holds, and one without shelters is gone."""
    found: dict[str, Group] = {}
    for decision in decisions:
        if decision.action is not Action.GROUP_SAVED:
            continue
        name = str(decision.detail["name"])
        group = Group(
            name=name,
            sites=tuple(map(str, decision.detail["sites"])),
            by=decision.by,
            at_ms=decision.at_ms,
        )
        found[name] = group
    return {name: group for name, group in found.items() if group.sites}


def _check_known(names: Iterable[str], known: Iterable[str], what: str) -> None:
    have = set(known)
    for name in names:
        if name not in have:
            near = difflib.get_close_matches(name, sorted(have), n=3)
            hint = f"; near: {', '.join(near)}" if near else ""
            raise ScopeError(f"no {what} is called {name[:60]!r}{hint}")
