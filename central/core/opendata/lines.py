"""Lines of a table that somebody sent: every fault is named with its line. Pure."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from central.core.city import Site, SiteKind

TEXT_MAX: Final = 100
_YES: Final = frozenset({"1", "true", "yes"})
_NO: Final = frozenset({"", "0", "false", "no"})


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds: the shelters of its good lines, and the faults of the others."""

    sites: tuple[Site, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was understood in a way that the sender should know."""
    unsaid: frozenset[str] = frozenset()
    """Fields of ``Site`` that this kind of file says nothing of: a registered shelter keeps its own."""


@dataclass(slots=True)
class Line:
    """One line, its values by column, and what is wrong with it."""

    number: int
    values: Mapping[str, str]
    faults: list[str] = field(default_factory=list)

    def fault(self, what: str) -> None:
        """Something is wrong here."""
        self.faults.append(f"line {self.number}: {what}")

    def text(self, column: str, *, wanted: bool = False) -> str:
        """A short text."""
        value = self.values.get(column, "").strip()
        if wanted and not value:
            self.fault(f"{column} is empty")
        elif len(value) > TEXT_MAX:
            self.fault(f"{column} has {len(value)} characters, the limit is {TEXT_MAX}")
        elif any(ord(letter) < 32 for letter in value):
            self.fault(f"{column} has a control character")
        return value

    def number_in(self, column: str, low: float, high: float, *, wanted: bool = False) -> float:
        """A number between two limits, in digits of any width; 0 where nothing stands."""
        text = self.text(column, wanted=wanted)
        if not text:
            return 0.0
        try:
            value = float(unicodedata.normalize("NFKC", text))
        except ValueError:
            self.fault(f"{column} {text!r} is not a number")
            return 0.0
        if not math.isfinite(value) or not low <= value <= high:
            self.fault(f"{column} {text} is outside {low:g} to {high:g}")
        return value

    def kind(self) -> SiteKind:
        """What building it is."""
        text = self.text("kind") or SiteKind.OTHER.value
        try:
            return SiteKind(text)
        except ValueError:
            self.fault(f"kind {text!r} is none of {', '.join(SiteKind)}")
            return SiteKind.OTHER

    def yes(self, column: str) -> bool:
        """Whether something is said to be so."""
        text = self.text(column).lower()
        if text not in _YES | _NO:
            self.fault(f"{column} {text!r} is neither true nor false")
        return text in _YES
