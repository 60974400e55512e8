"""The query language ``q`` (clause 4.9): read once, asked of every entity. Pure.

    term   = attr | attr operator value
    attr   = name, then .name (unitCode, observedAt, type) and [name] for a part of an object value
    value  = number, "text", true, false, date and time, URI; for == and != also a,b,c or from..to
    ;  and        |  or        ( )  groups

``;`` binds closer than ``|``. An entity that lacks the attribute never fits, whatever the operator.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from central.core.ngsi.pattern import Pattern, compiled
from central.core.ngsi.values import Attr, Entity, Kind, NgsiError, millis_of

QUERY_CHARS_MAX: Final = 2_000
TERMS_MAX: Final = 50
DEPTH_MAX: Final = 10
_SIGN: Final = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(!~=|~=|==|!=|>=|<=|>|<|\.\.|[;|(),])|([^\s;|(),"=<>!~]+))')
_NAME: Final = re.compile(r"([^.\[\]]+|https?://[^\[\]]+)((?:\.[^.\[\]]+)*)(?:\[([^\[\]]+)\])?")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT")
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_SIGNS: Final = frozenset({";", "|", "(", ")", ",", "..", "==", "!=", "~=", "!~=", *_ORDER})
_MISSING: Final = object()

NameOf = Callable[[str], str]
"""A request's term → our name."""


@dataclass(frozen=True, slots=True)
class Path:
    """What of an entity is looked at."""

    name: str
    member: str = ""
    trail: tuple[str, ...] = ()

    def value(self, entity: Entity) -> Any:
        """The value there, or a mark that there is none."""
        attr = entity.attrs.get(self.name)
        if attr is None:
            return _MISSING
        found = _member(attr, self.member)
        for key in self.trail:
            if not isinstance(found, dict) or key not in found:
                return _MISSING
            found = found[key]
        # A time is written as {"@type": "DateTime", "@value": …}; what is compared is the moment.
        return found["@value"] if isinstance(found, dict) and "@value" in found else found


def _member(attr: Attr, member: str) -> Any:
    told = {
        "": attr.value,
        "value": attr.value if attr.kind is not Kind.RELATIONSHIP else _MISSING,
        "object": attr.value if attr.kind is Kind.RELATIONSHIP else _MISSING,
        "type": attr.kind.value,
        "unitCode": attr.unit_code or _MISSING,
        "observedAt": attr.observed_at or _MISSING,
    }
    return told.get(member, _MISSING)


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison; without an operator: whether the attribute is there."""

    path: Path
    sign: str = ""
    values: tuple[Any, ...] = ()
    is_range: bool = False
    pattern: Pattern | None = None

    def holds(self, entity: Entity) -> bool:
        """Whether the entity fits."""
        found = self.path.value(entity)
        if found is _MISSING:
            return False
        if not self.sign:
            return True
        if self.pattern is not None:
            return isinstance(found, str) and self.pattern.fits(found) is (self.sign == "~=")
        if self.sign in _ORDER:
            return _compares(found, self.values[0], _ORDER[self.sign])
        return self._equal(found) is (self.sign == "==")

    def _equal(self, found: Any) -> bool:
        each = found if isinstance(found, list) else [found]
        if self.is_range:
            low, high = self.values
            return any(_compares(one, low, operator.ge) and _compares(one, high, operator.le) for one in each)
        return any(_compares(one, value, operator.eq) for one in each for value in self.values)


@dataclass(frozen=True, slots=True)
class Several:
    """Terms of which all (``every``) or one have to fit."""

    parts: tuple[Term | Several, ...]
    every: bool

    def holds(self, entity: Entity) -> bool:
        """Whether the entity fits."""
        fits = (part.holds(entity) for part in self.parts)
        return all(fits) if self.every else any(fits)


Query = Term | Several


def _compares(found: Any, asked: Any, how: Callable[[Any, Any], bool]) -> bool:
    """Only like is compared with like: numbers, truth values, texts; times as moments."""
    if isinstance(found, bool) or isinstance(asked, bool):
        return isinstance(found, bool) and isinstance(asked, bool) and how is operator.eq and found is asked
    if isinstance(found, int | float) and isinstance(asked, int | float):
        return how(found, asked)
    if isinstance(found, str) and isinstance(asked, _Moment):
        try:
            return how(millis_of(found, "value"), asked.at_ms)
        except NgsiError:
            return False
    return isinstance(found, str) and isinstance(asked, str) and how(found, asked)


@dataclass(frozen=True, slots=True)
class _Moment:
    at_ms: int


def read(told: str, name_of: NameOf) -> Query:
    """Read a query.

    Raises:
        NgsiError: it does not keep to the language (says where), or is longer than what is answered here.
    """
    if len(told) > QUERY_CHARS_MAX:
        raise NgsiError(f"q: more than {QUERY_CHARS_MAX:,} signs", kind="TooComplexQuery")
    return _Reader(_signs(told), name_of).whole()


def names_of(query: Query) -> frozenset[str]:
    """Every attribute that a query looks at."""
    if isinstance(query, Term):
        return frozenset({query.path.name})
    return frozenset().union(*(names_of(part) for part in query.parts))


def _signs(told: str) -> list[str]:
    found, at = [], 0
    text = told.rstrip()
    while at < len(text):
        piece = _SIGN.match(text, at)
        if piece is None:
            raise NgsiError(f"q: {text[at : at + 20]!r} is not understood, at sign {at + 1}")
        word = piece[0].strip()
        # A word may hold a range of numbers: 1..5
        found += _ranged(word) if piece[3] else [word]
        at = piece.end()
    return found


def _ranged(word: str) -> list[str]:
    low, dots, high = word.partition("..")
    return [part for part in (low, dots, high) if part] if dots else [word]


class _Reader:
    def __init__(self, signs: list[str], name_of: NameOf) -> None:
        self._signs = signs
        self._name_of = name_of
        self._at = 0
        self._terms = 0

    def whole(self) -> Query:
        query = self._either(0)
        if self._at < len(self._signs):
            raise self._fault("an operator, ; or |")
        return query

    def _next(self) -> str:
        return self._signs[self._at] if self._at < len(self._signs) else ""

    def _take(self) -> str:
        sign = self._next()
        self._at += 1
        return sign

    def _fault(self, wanted: str) -> NgsiError:
        found = repr(self._next()[:40]) if self._next() else "the end"
        return NgsiError(
            f"q: want {wanted}, got {found}", attempt='Write q=stateOfCharge<0.3;openingStatus=="open" (URL-encoded).'
        )

    def _either(self, depth: int) -> Query:
        parts = [self._all(depth)]
        while self._next() == "|":
            self._take()
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Several(tuple(parts), every=False)

    def _all(self, depth: int) -> Query:
        parts = [self._one(depth)]
        while self._next() == ";":
            self._take()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Several(tuple(parts), every=True)

    def _one(self, depth: int) -> Query:
        if self._next() == "(":
            if depth >= DEPTH_MAX:
                raise NgsiError(f"q: more than {DEPTH_MAX} brackets inside each other", kind="TooComplexQuery")
            self._take()
            inner = self._either(depth + 1)
            if self._next() != ")":
                raise self._fault("a closing bracket")
            self._take()
            return inner
        return self._term()

    def _term(self) -> Term:
        self._terms += 1
        if self._terms > TERMS_MAX:
            raise NgsiError(f"q: more than {TERMS_MAX} comparisons", kind="TooComplexQuery")
        path = self._path()
        sign = self._next()
        if sign not in {"==", "!=", "~=", "!~=", *_ORDER}:
            return Term(path)
        self._take()
        if sign in {"~=", "!~="}:
            told = self._take_word("a pattern")
            return Term(path, sign, pattern=compiled(_unquoted(told) if told.startswith('"') else told))
        values = [self._value()]
        if sign in {"==", "!="} and self._next() == "..":
            self._take()
            return Term(path, sign, (values[0], self._value()), is_range=True)
        while sign in {"==", "!="} and self._next() == ",":
            self._take()
            values.append(self._value())
        return Term(path, sign, tuple(values))

    def _path(self) -> Path:
        word = self._next()
        piece = _NAME.fullmatch(word)
        if piece is None or word[0] == '"' or word in _SIGNS:
            raise self._fault("the name of an attribute")
        self._take()
        if word.startswith(("http://", "https://", "urn:")):
            iri, _, inner = word.partition("[")
            return Path(self._name_of(iri), trail=tuple(inner.removesuffix("]").split(".")) if inner else ())
        members = [part for part in piece[2].split(".") if part]
        if len(members) > 1:
            raise NgsiError(f"q: {word[:60]!r}: attributes here have no attributes of attributes")
        trail = tuple(piece[3].split(".")) if piece[3] else ()
        return Path(self._name_of(piece[1]), members[0] if members else "", trail)

    def _take_word(self, wanted: str) -> str:
        if self._next() in {"", *_SIGNS}:
            raise self._fault(wanted)
        return self._take()

    def _value(self) -> Any:
        word = self._take_word("a value")
        if word.startswith('"'):
            return _unquoted(word)
        if word in {"true", "false"}:
            return word == "true"
        if _DATE.match(word):
            return _Moment(millis_of(word, "q"))
        try:
            number = float(word)
        except ValueError:
            if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", word):
                return word
            raise NgsiError(
                f"q: {word[:40]!r} is no value", attempt=f'Put a text into quotes: "{word[:40]}".'
            ) from None
        if not math.isfinite(number):
            raise NgsiError(f"q: {word[:40]!r} is no finite number")
        return number


def _unquoted(word: str) -> str:
    try:
        told = json.loads(word)
    except ValueError:
        told = word[1:-1]
    return str(told)
