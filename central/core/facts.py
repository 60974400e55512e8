"""What staff say of a shelter that no device can measure: people, medical need, loads by tier, the roof. Pure.

A fact is a name and a text, with who said it and when. The newest of a name holds; an empty text withdraws it. Older
ones are kept, so that it stays known what a decision rested on.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

TIERS_MAX: Final = 8
PERSON_CHARS_MAX: Final = 100
NOTE_CHARS_MAX: Final = 300
_EPOCH: Final = date(1970, 1, 1).toordinal()
_WEATHER_DAYS_MAX: Final = 14


class FactError(ValueError):
    """A fact that cannot be kept. The text says what to give."""


class FactName(StrEnum):
    """What staff may say of a shelter."""

    PEOPLE = "people"
    """People sheltered there, all of them."""
    MEDICAL = "medical"
    """Of those, who depends on a powered medical device."""
    SUPPLIED = "supplied"
    """1: a generator or a car stands there already, or is on its way."""
    TIERS_W = "tiers_w"
    """Usual mean load of each tier that an outage leaves, W, the most critical first: ``400,1500,3000``."""
    BACKUP_KW = "backup_kw"
    """Rating of the secured output, kW."""
    GRID_CHARGE_KW = "grid_charge_kw"
    """Most that may come from the grid to charge the battery, kW; 0: not allowed."""
    FLOOR_PCT = "floor_pct"
    """The battery gives nothing below this, %."""
    TILT_DEG = "tilt_deg"
    """Modules' tilt from level, degrees."""
    AZIMUTH_DEG = "azimuth_deg"
    """Where the modules look, degrees clockwise from north: 180 is south."""
    WEATHER = "weather"
    """Announced sun by day, % of a clear day: ``2026-09-08:15,2026-09-09:40``."""
    CONTACT_NAME = "contact_name"
    """Whom to ask for at the shelter. Of a person: staff see it, the public does not."""
    CONTACT_PHONE = "contact_phone"
    """That person's telephone number. Staff see it, the public does not."""
    ACCESS_NOTE = "access_note"
    """Where the key is, which door, where the cabinet stands. Staff see it, the public does not."""


FOR_STAFF: Final = frozenset({FactName.CONTACT_NAME, FactName.CONTACT_PHONE, FactName.ACCESS_NOTE})
"""What only who is signed in may read."""
RESTS_ON: Final = frozenset(
    {
        FactName.TIERS_W,
        FactName.BACKUP_KW,
        FactName.GRID_CHARGE_KW,
        FactName.FLOOR_PCT,
        FactName.TILT_DEG,
        FactName.AZIMUTH_DEG,
    }
)
"""Facts of the plant: estimates and proofs rest on them, so a technician says them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact as said. ``value`` is as ``tidy`` writes it; empty: withdrawn."""

    site: str
    name: FactName
    value: str
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterFacts:
    """What holds of a shelter now; ``None``: nobody said it."""

    people: int | None = None
    people_on_devices: int = 0
    supplied: bool = False
    tiers_w: tuple[float, ...] = ()
    backup_w: float | None = None
    grid_charge_w: float | None = None
    floor_pct: float | None = None
    tilt_deg: float | None = None
    azimuth_deg: float | None = None
    weather: Mapping[int, float] = field(default_factory=dict)
    """Day (since 1970, Tokyo) → announced share of the clear sky, 0 to 1."""


NO_FACTS: Final = ShelterFacts()


def tidy(name: str, text: str) -> tuple[FactName, str]:
    """A fact's name and its text in the one form in which it is kept.

    Raises:
        FactError: an unknown name, or a text that does not fit it.
    """
    try:
        known = FactName(name.strip())
    except ValueError:
        near = difflib.get_close_matches(name, [each.value for each in FactName], n=1)
        hint = f", perhaps {near[0]!r}" if near else f": want one of {', '.join(FactName)}"
        raise FactError(f"unknown fact {name[:60]!r}{hint}") from None
    value = text.strip()
    if not value:
        return known, ""
    try:
        return known, _KINDS[known](value)
    except ValueError as error:
        raise FactError(f"{known.value}: {error}, got {text[:60]!r}") from None


def signed_by(by: str) -> str:
    """The person, tidied.

    Raises:
        FactError: nobody is named, or too long.
    """
    person = " ".join(by.split())
    if not person.isprintable() or not 0 < len(person) <= PERSON_CHARS_MAX:
        raise FactError(f"by: name the person, at most {PERSON_CHARS_MAX} characters")
    return person


def newest(facts: Iterable[Fact]) -> dict[str, dict[FactName, Fact]]:
    """Site → name → the fact that holds. ``facts`` in the order in which they were kept; withdrawn ones are gone."""
    found: dict[str, dict[FactName, Fact]] = {}
    for fact in facts:
        of_site = found.setdefault(fact.site, {})
        if fact.value:
            of_site[fact.name] = fact
        else:
            of_site.pop(fact.name, None)
    return {site: named for site, named in found.items() if named}


def values_of(facts: Mapping[FactName, Fact]) -> ShelterFacts:
    """The facts that hold, as numbers."""
    told: dict[str, Any] = {}
    for name, fact in facts.items():
        if name in FOR_STAFF:
            continue
        field_name, read = _READ[name]
        told[field_name] = read(fact.value)
    return ShelterFacts(**told)


def _number(low: float, high: float) -> Callable[[str], str]:
    def checked(text: str) -> str:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"want a number of {low:g} to {high:g}") from None
        if not low <= value <= high:
            raise ValueError(f"want {low:g} to {high:g}")
        return f"{value:.10g}"

    return checked


def _count(high: int) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > high:
            raise ValueError(f"want a whole number of 0 to {high}")
        return str(int(text))

    return checked


def _yes(text: str) -> str:
    if text not in {"0", "1"}:
        raise ValueError("want 1 (yes) or 0 (no)")
    return text


def _line(high: int) -> Callable[[str], str]:
    def checked(text: str) -> str:
        line = " ".join(text.split())
        if not line.isprintable() or len(line) > high:
            raise ValueError(f"want one line of at most {high} characters")
        return line

    return checked


def _phone(text: str) -> str:
    tidied = unicodedata.normalize("NFKC", text).strip()
    if not re.fullmatch(r"\+?[0-9][0-9 ()-]{4,28}", tidied):
        raise ValueError("want a telephone number such as 043-000-0000")
    return tidied


def _tiers(text: str) -> str:
    parts = text.split(",")
    if len(parts) > TIERS_MAX:
        raise ValueError(f"want at most {TIERS_MAX} tiers")
    checked = [_number(0, 1_000_000)(part.strip()) for part in parts]
    if not any(float(part) for part in checked):
        raise ValueError("want a load above 0 W of at least one tier")
    return ",".join(checked)


def _weather(text: str) -> str:
    days: dict[str, str] = {}
    for part in text.split(","):
        day, colon, pct = part.strip().partition(":")
        if not colon:
            raise ValueError("want DAY:PERCENT, such as 2026-09-08:15")
        try:
            day = date.fromisoformat(day.strip()).isoformat()
        except ValueError:
            raise ValueError("want a day such as 2026-09-08") from None
        days[day] = _number(0, 100)(pct.strip())
    if len(days) > _WEATHER_DAYS_MAX:
        raise ValueError(f"want at most {_WEATHER_DAYS_MAX} days")
    return ",".join(f"{day}:{days[day]}" for day in sorted(days))


def _days(text: str) -> dict[int, float]:
    pairs = (part.split(":") for part in text.split(","))
    return {date.fromisoformat(day).toordinal() - _EPOCH: float(pct) / 100 for day, pct in pairs}


def _kilo(text: str) -> float:
    return float(text) * 1_000


_KINDS: Final[Mapping[FactName, Callable[[str], str]]] = {
    FactName.PEOPLE: _count(100_000),
    FactName.MEDICAL: _count(10_000),
    FactName.SUPPLIED: _yes,
    FactName.TIERS_W: _tiers,
    FactName.BACKUP_KW: _number(0, 10_000),
    FactName.GRID_CHARGE_KW: _number(0, 10_000),
    FactName.FLOOR_PCT: _number(0, 100),
    FactName.TILT_DEG: _number(0, 90),
    FactName.AZIMUTH_DEG: _number(0, 360),
    FactName.WEATHER: _weather,
    FactName.CONTACT_NAME: _line(PERSON_CHARS_MAX),
    FactName.CONTACT_PHONE: _phone,
    FactName.ACCESS_NOTE: _line(NOTE_CHARS_MAX),
}
_READ: Final[Mapping[FactName, tuple[str, Callable[[str], Any]]]] = {
    FactName.PEOPLE: ("people", int),
    FactName.MEDICAL: ("people_on_devices", int),
    FactName.SUPPLIED: ("supplied", lambda text: text == "1"),
    FactName.TIERS_W: ("tiers_w", lambda text: tuple(map(float, text.split(",")))),
    FactName.BACKUP_KW: ("backup_w", _kilo),
    FactName.GRID_CHARGE_KW: ("grid_charge_w", _kilo),
    FactName.FLOOR_PCT: ("floor_pct", float),
    FactName.TILT_DEG: ("tilt_deg", float),
    FactName.AZIMUTH_DEG: ("azimuth_deg", float),
    FactName.WEATHER: ("weather", _days),
}
