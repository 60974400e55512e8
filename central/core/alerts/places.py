"""Which codes of the weather agency mean which ward of the city. Pure.

    wards:
      中央区: {en: Chuo Ward, town: "1210100", quake_area: "341", warnings: ["1210000"], coasts: ["312"]}

A ward is named as in the registry of shelters. ``town``: code of towns in intensity telegrams; ``quake_area``: the area
that the first report names; ``warnings``: codes of towns in weather warnings (a city may have one for all its wards);
``coasts``: stretches of coast in tsunami warnings. ``offices``: ends of addresses of weather telegrams to fetch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from central.core.alerts.given import AlertConfigError, Given, mapping_of

WARDS_MAX: Final = 2_000
_DIGITS: Final = re.compile(r"[0-9]{2,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A ward and its codes."""

    name: str
    en: str
    town: str
    quake_area: str
    warnings: tuple[str, ...]
    coasts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The city's wards."""

    wards: tuple[Ward, ...]
    offices: tuple[str, ...] = ()
    is_synthetic: bool = False
    """Made for a demonstration: nobody checked it against the city's own list."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the wards."""
        return tuple(ward.name for ward in self.wards)

    def named(self, names: Iterable[str]) -> tuple[Ward, ...]:
        """The wards of these names, in the file's order."""
        wanted = set(names)
        return tuple(ward for ward in self.wards if ward.name in wanted)


def read_places(data: bytes) -> Places:
    """The places of a YAML file.

    Raises:
        AlertConfigError: names every fault.
    """
    faults: list[str] = []
    top = mapping_of(data, faults)
    offices = _codes(top, "offices")
    synthetic = top.raw("synthetic")
    if synthetic not in (None, True, False):
        top.fault("synthetic: want true or false")
    listed = top.inner("wards")
    wards = tuple(_ward(name, listed.inner(name)) for name in listed.names())
    if not faults and not 0 < len(wards) <= WARDS_MAX:
        listed.fault(f"want 1 to {WARDS_MAX} wards")
    top.close()
    if faults:
        raise AlertConfigError("\n".join(faults))
    return Places(wards=wards, offices=offices, is_synthetic=synthetic is True)


def _ward(name: str, given: Given) -> Ward:
    ward = Ward(
        name=name,
        en=given.text("en") or name,
        town=_code(given, "town"),
        quake_area=_code(given, "quake_area"),
        warnings=_codes(given, "warnings"),
        coasts=_codes(given, "coasts"),
    )
    given.close()
    return ward


def _code(given: Given, name: str) -> str:
    said = given.texts(name)
    if len(said) > 1:
        given.fault(f"{name}: want one code")
    codes = _codes(given, name)
    return codes[0] if codes else ""


def _codes(given: Given, name: str) -> tuple[str, ...]:
    said = given.texts(name)
    for each in said:
        if not _DIGITS.fullmatch(each):
            given.fault(f"{name}: {each[:20]!r} is no code of 2 to 8 digits")
    return said
