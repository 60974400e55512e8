"""An NGSI-LD entity and its attributes, as values. Pure.

Names are our short terms (``terms.py`` knows their IRIs). An attribute that is not known now is not there: a number
that looks live is live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class NgsiError(ValueError):
    """A request that cannot be answered: ``kind`` is ETSI's word for it, the text says what and what to try."""

    def __init__(self, detail: str, *, kind: str = "BadRequestData", attempt: str = "") -> None:
        super().__init__(detail)
        self.kind = kind
        self.attempt = attempt


class Kind(StrEnum):
    """Kinds of attribute."""

    PROPERTY = "Property"
    RELATIONSHIP = "Relationship"
    GEO = "GeoProperty"


@dataclass(frozen=True, slots=True)
class Source:
    """Where an attribute's history is kept: a point of a device, and what one of its units is in the attribute's."""

    site: str
    device: str
    point: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attr:
    """One attribute. ``value``: a JSON value; of a relationship the URN that it leads to."""

    value: Any
    kind: Kind = Kind.PROPERTY
    unit_code: str = ""
    """UN/CEFACT Recommendation 20."""
    observed_ms: int | None = None
    source: Source | None = None
    """``None``: only its value of now is known."""

    @property
    def observed_at(self) -> str:
        """ISO 8601, UTC; empty: not observed."""
        return "" if self.observed_ms is None else iso(self.observed_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity. ``id`` is a URN."""

    id: str
    type: str
    attrs: Mapping[str, Attr]


def iso(at_ms: int) -> str:
    """UTC with milliseconds, as ``2026-11-24T03:10:05.000Z``."""
    seconds, millis = divmod(at_ms, 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def millis_of(text: str, where: str) -> int:
    """A date and time with its offset as UTC milliseconds.

    Raises:
        NgsiError: it is none, or has no offset.
    """
    try:
        told = datetime.fromisoformat(text)
        if told.tzinfo is None:
            raise ValueError("no offset")
        found = round(told.timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise NgsiError(
            f"{where}: {text[:60]!r} is no date and time with an offset", attempt="Write 2026-11-24T03:10:05Z."
        ) from None
    if not 0 <= found < 4_102_444_800_000:
        raise NgsiError(f"{where}: {text[:60]!r} is outside 1970 to 2099")
    return found
