"""An incident's shelters sorted for the eye: in trouble by cause, waited for, proven. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from central.api.models.incident import MemberOut
from central.web.catalogue import Lang

TROUBLE: Final = (
    "failed",
    "reverted",
    "refused",
    "no_answer",
    "underway",
    "person",
    "on_its_own",
    "removed",
    "numbers_jump",
)
"""Words of shelters that are not where they should be, the worst first."""
WAITED_FOR: Final = frozenset({"no_answer", "underway"})
"""As long as there is time: they are on their way."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Shelters with one cause in common: what it means and what to do is said once."""

    word: str
    is_crew: bool
    says: str
    members: list[MemberOut] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sorted:
    """All shelters of an incident, each once."""

    troubles: list[Trouble]
    waiting: list[MemberOut]
    done: list[MemberOut]

    @property
    def open_count(self) -> int:
        """Shelters that have not proven what is wanted."""
        return sum(len(one.members) for one in self.troubles) + len(self.waiting)


def sort_out(shelters: Iterable[MemberOut], lang: Lang, *, is_holding: bool = True) -> Sorted:
    """Shelters as the page shows them: who needs a crew first, then the worst word, then ward and name.

    ``is_holding``: its incident wants something of them; else whom nothing was sent has nothing to come back from.
    """
    found = Sorted([], [], [])
    troubles: dict[tuple[str, bool, str], Trouble] = {}
    for one in sorted(shelters, key=lambda one: (one.ward, one.name, one.site)):
        if one.word == "nothing_sent" and not is_holding:
            continue
        if one.done:
            found.done.append(one)
        elif one.word in WAITED_FOR and not one.overdue and not one.crew:
            found.waiting.append(one)
        else:
            says = one.says_ja if lang is Lang.JA else one.says_en
            key = (one.word, one.crew, says)
            troubles.setdefault(key, Trouble(*key)).members.append(one)
    rank = {word: n for n, word in enumerate(TROUBLE)}
    found.troubles.extend(
        sorted(troubles.values(), key=lambda one: (not one.is_crew, rank.get(one.word, len(rank)), -len(one.members)))
    )
    return found
