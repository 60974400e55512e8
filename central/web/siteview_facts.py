"""What staff say of a shelter: shown with who said it and when, and asked for in a form. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from central.core.access import Principal, Right
from central.core.facts import FOR_STAFF, RESTS_ON, Fact, FactError, FactName, tidy
from central.web import figures
from central.web.catalogue import Catalogue
from central.web.proofview import plain

GROUPS: Final = (
    ("facts_people", (FactName.PEOPLE, FactName.MEDICAL, FactName.SUPPLIED)),
    ("facts_contact", (FactName.CONTACT_NAME, FactName.CONTACT_PHONE, FactName.ACCESS_NOTE)),
    (
        "facts_plant",
        (
            FactName.TIERS_W,
            FactName.BACKUP_KW,
            FactName.GRID_CHARGE_KW,
            FactName.FLOOR_PCT,
            FactName.TILT_DEG,
            FactName.AZIMUTH_DEG,
            FactName.WEATHER,
        ),
    ),
)
"""Headings of the list and of the form, in the order in which somebody at night needs them."""
COUNTED: Final = frozenset({FactName.PEOPLE, FactName.MEDICAL})
DECIMAL: Final = RESTS_ON - {FactName.TIERS_W}


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRow:
    """One fact, as shown and as asked for."""

    name: str
    title: str
    value: str
    """As it is kept, for the form; empty: nobody said it."""
    text: str
    """With its unit, for a reader."""
    said: str
    """Who and when; empty: nobody."""
    hint: str
    unit: str
    mode: str
    """Keyboard that a phone shows: ``numeric``, ``decimal``, ``tel`` or ``text``."""
    may_change: bool
    phone: str = ""
    """Number to dial; empty: it is none."""


@dataclass(frozen=True, slots=True)
class FactGroup:
    """Facts under one heading."""

    key: str
    rows: Sequence[FactRow]


def groups(
    facts: Mapping[FactName, Fact], who: Principal | None, ward: str, words: Catalogue, tried: Mapping[str, str]
) -> list[FactGroup]:
    """All facts that the reader may see. ``tried``: what a form asked for that could not be kept."""
    is_staff = who is not None and bool(who.name)
    return [
        FactGroup(key, [_row(name, facts.get(name), who, ward, words, tried) for name in names])
        for key, names in GROUPS
        if is_staff or not FOR_STAFF.issuperset(names)
    ]


def right_of(name: FactName) -> Right:
    """What a person needs to say this."""
    return Right.PROVE if name in RESTS_ON else Right.TELL


def _row(
    name: FactName, fact: Fact | None, who: Principal | None, ward: str, words: Catalogue, tried: Mapping[str, str]
) -> FactRow:
    unit = words(f"fact_unit.{name.value}") if f"fact_unit.{name.value}" in words else ""
    value = fact.value if fact else ""
    text = words("not_said") if not fact else words.term(f"fact_{name.value}", plain(value))
    return FactRow(
        name=name.value,
        title=words(f"fact.{name.value}"),
        value=tried.get(name.value, value),
        text=f"{text} {unit}".rstrip() if fact else text,
        said=words("said", by=plain(fact.by), time=figures.moment(fact.at_ms, words.lang)) if fact else "",
        hint=words(f"fact_hint.{name.value}"),
        unit=unit,
        mode="numeric" if name in COUNTED else "decimal" if name in DECIMAL else "text",
        may_change=who is not None
        and bool(who.name)
        and who.may(Right.TELL, [ward])
        and who.may(right_of(name), [ward]),
        phone="".join(c for c in value if c in "+0123456789") if name is FactName.CONTACT_PHONE else "",
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """What a form changes, or what is wrong with it."""

    pairs: Sequence[tuple[FactName, str]]
    wrong: Mapping[str, str]
    """Name of a fact → what is wrong with it."""


def changes(form: Mapping[str, str], who: Principal, ward: str) -> Changes:
    """What differs from what the form showed: who changes the people does not put back an old contact.

    A field that the person may not change is no part of the form that was shown, so it is left alone.
    """
    pairs, wrong = [], {}
    for name in FactName:
        text, before = form.get(name.value), form.get(f"was_{name.value}", "")
        if text is None or text.strip() == before or not who.may(right_of(name), [ward]):
            continue
        try:
            pairs.append(tidy(name.value, text))
        except FactError as error:
            wrong[name.value] = str(error)
    return Changes(pairs, wrong)
