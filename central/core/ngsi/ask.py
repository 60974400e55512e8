"""Which entities are meant: by type, id, pattern, attributes, query and place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from central.core.ngsi import geo, pattern, query
from central.core.ngsi.city import MAKERS
from central.core.ngsi.terms import Context
from central.core.ngsi.values import Entity, NgsiError

NAMES_MAX: Final = 100
_TYPE_SIGNS: Final = re.compile(r"[(),|;]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Types, ids and a pattern; what is None is not asked for."""

    types: frozenset[str] | None = None
    ids: frozenset[str] | None = None
    id_pattern: pattern.Pattern | None = None

    def holds(self, entity: Entity) -> bool:
        """Whether the entity is one of these."""
        return (
            (self.types is None or entity.type in self.types)
            and (self.ids is None or entity.id in self.ids)
            and (self.id_pattern is None or self.id_pattern.fits(entity.id))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question for entities. ``attrs``: an entity has to have one of them."""

    which: tuple[Which, ...] = (Which(),)
    attrs: frozenset[str] | None = None
    query: query.Query | None = None
    geo: geo.GeoQuery | None = None

    @property
    def types(self) -> frozenset[str] | None:
        """Types that can fit; None: any."""
        found: set[str] = set()
        for one in self.which:
            if one.types is None:
                return None
            found |= one.types
        return frozenset(found & MAKERS.keys())

    def holds(self, entity: Entity) -> bool:
        """Whether the entity is an answer."""
        return (
            any(one.holds(entity) for one in self.which)
            and (self.attrs is None or not self.attrs.isdisjoint(entity.attrs))
            and (self.query is None or self.query.holds(entity))
            and (self.geo is None or self.geo.holds(entity))
        )


def names(told: str, context: Context, where: str) -> frozenset[str]:
    """A list of terms with commas as our names.

    Raises:
        NgsiError: empty, or too many.
    """
    return frozenset(context.name_of(term) for term in listed(told, where))


def listed(told: str | Iterable[str], where: str) -> list[str]:
    """A list of texts with commas between them.

    Raises:
        NgsiError: empty, or too many.
    """
    found = [one.strip() for one in (told.split(",") if isinstance(told, str) else told)]
    if not all(found) or not 0 < len(found) <= NAMES_MAX:
        raise NgsiError(f"{where}: want 1 to {NAMES_MAX} names with commas between them")
    return found


def types(told: str, context: Context) -> frozenset[str]:
    """The types of a request: ``A``, ``A,B`` or ``(A|B)``.

    Raises:
        NgsiError: ``;`` (an entity here has one type), or nothing in it.
    """
    if ";" in told:
        raise NgsiError("type: ';' asks for entities of two types at once; those here have one")
    plain = _TYPE_SIGNS.sub(",", told).strip(",")
    return names(plain, context, "type")


def ids(told: str | Iterable[str], where: str = "id") -> frozenset[str]:
    """URIs of a request.

    Raises:
        NgsiError: one is no URI.
    """
    found = listed(told, where)
    for one in found:
        check_uri(one, where)
    return frozenset(found)


def check_uri(told: str, where: str) -> None:
    """Refuse what is no URI.

    Raises:
        NgsiError: it is none.
    """
    if len(told) > 500 or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+", told):
        raise NgsiError(f"{where}: {told[:80]!r} is no URI", attempt="Ids here look like urn:ngsi-ld:Building:E….")
