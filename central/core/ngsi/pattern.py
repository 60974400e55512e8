"""Patterns of ``~=`` and ``idPattern``, matched in time that grows with the text and never explodes. Pure.

A part of POSIX extended expressions: letters, ``.``, ``[classes]``, ``\\`` before a sign, ``* + ?``, ``^ $`` at the
ends and ``|`` between whole alternatives. Groups and counts are refused: with them a pattern of a few signs can keep a
backtracking matcher busy for hours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from central.core.ngsi.values import NgsiError

PATTERN_CHARS_MAX: Final = 200
TEXT_CHARS_MAX: Final = 500
_ATOM: Final = re.compile(r"(\[\^?\]?[^\]]*\]|\\.|[^\\(){}\[\]])([*+?]?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Atom:
    one: re.Pattern[str]
    """Matches exactly one sign."""
    is_optional: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class _Branch:
    atoms: tuple[_Atom, ...]
    at_start: bool
    at_end: bool

    def fits(self, text: str) -> bool:
        """Whether it is found in the text: all places in the pattern are followed at once."""
        end = len(self.atoms)
        here = self._spread({0})
        if end in here and (not self.at_end or not text):
            return True
        for number, sign in enumerate(text, 1):
            following = set()
            for place in here:
                if place < end and self.atoms[place].one.fullmatch(sign):
                    following.add(place + 1)
                    if self.atoms[place].repeats:
                        following.add(place)
            if not self.at_start:
                following.add(0)
            here = self._spread(following)
            if end in here and (not self.at_end or number == len(text)):
                return True
        return False

    def _spread(self, places: set[int]) -> set[int]:
        found = set(places)
        for start in places:
            place = start
            while place < len(self.atoms) and self.atoms[place].is_optional:
                place += 1
                found.add(place)
        return found


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that can be asked."""

    branches: tuple[_Branch, ...]

    def fits(self, text: str) -> bool:
        """Whether the pattern is found in the text (its first 500 signs)."""
        return any(branch.fits(text[:TEXT_CHARS_MAX]) for branch in self.branches)


def compiled(told: str) -> Pattern:
    """Read a pattern.

    Raises:
        NgsiError: too long, or with what is not understood here.
    """
    if not told or len(told) > PATTERN_CHARS_MAX:
        raise NgsiError(f"pattern: want 1 to {PATTERN_CHARS_MAX} signs, got {len(told)}")
    return Pattern(tuple(_branch(part) for part in _split(told)))


def _split(told: str) -> list[str]:
    parts, rest = [""], told
    while rest:
        piece = re.match(r"\[\^?\]?[^\]]*\]|\\.|.", rest, re.DOTALL)
        assert piece is not None
        rest = rest[piece.end() :]
        if piece[0] == "|":
            parts.append("")
        else:
            parts[-1] += piece[0]
    return parts


def _branch(told: str) -> _Branch:
    at_start = told.startswith("^")
    inner = told[1:] if at_start else told
    at_end = inner.endswith("$") and not inner.endswith("\\$")
    inner = inner[:-1] if at_end else inner
    atoms = []
    at = 0
    while at < len(inner):
        piece = _ATOM.match(inner, at)
        if piece is None or piece[1] in "*+?":
            raise NgsiError(
                f"pattern: {inner[at : at + 10]!r} is not understood",
                attempt="Use letters, . [a-z] \\ * + ? ^ $ and | between alternatives; no groups and no counts.",
            )
        atoms.append(_Atom(_one(piece[1]), piece[2] in {"*", "?"} and bool(piece[2]), piece[2] in {"*", "+"}))
        at = piece.end()
    return _Branch(tuple(atoms), at_start, at_end)


def _one(told: str) -> re.Pattern[str]:
    if told == ".":
        return re.compile(".", re.DOTALL)
    if told.startswith("\\") and told[1:] in "dws":
        return re.compile(told)
    if not told.startswith("["):
        return re.compile(re.escape(told.removeprefix("\\") or "\\"))
    try:
        return re.compile(told.replace("[[", r"[\[").replace("&&", r"&\&").replace("||", r"|\|").replace("~~", r"~\~"))
    except re.error as error:
        raise NgsiError(f"pattern: {told[:20]!r}: {error}") from None
