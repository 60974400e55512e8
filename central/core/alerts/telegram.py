"""An alert from outside as a value, whoever sent it: the weather agency, a webhook, or our own watch over the grid.

It says what it is about (``event``), how it stands to those before it (``info``, ``order``), and whether it is real.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from central.core.alerts.codes import Phenomenon, Severity, Tsunami

HOOK: Final = "HOOK"
GRID: Final = "GRID"
"""Types of what no agency sends; followed by a colon and a name."""


class Origin(StrEnum):
    """How an alert came."""

    FEED = "feed"
    FOLDER = "folder"
    HOOK = "hook"
    GRID = "grid"


class Lane(StrEnum):
    """Whether it is meant. Alerts of different lanes never touch each other."""

    REAL = "real"
    TRAINING = "training"
    """訓練: may lead to a drill, never to more."""
    TEST = "test"
    """試験: of the line alone. It leads to nothing."""


class Info(StrEnum):
    """How it stands to what was told before."""

    ISSUED = "issued"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    """What was told under this event was never so."""


_RANK: Final = {Info.ISSUED: 0, Info.CORRECTED: 1, Info.CANCELLED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaken:
    """Seismic intensity of a place. ``rank`` counts the steps of the scale from 1 (codes.INTENSITIES)."""

    code: str
    name: str
    rank: int
    is_area: bool
    """Of an area of many towns, not of a ward or town."""
    is_estimated: bool = False
    """Nothing was measured; the agency thinks that it is so much or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A weather warning for a place."""

    code: str
    name: str
    kind_name: str
    phenomenon: Phenomenon
    severity: Severity
    is_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Threatened:
    """A tsunami forecast for a stretch of coast."""

    code: str
    name: str
    grade: Tsunami
    is_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """Wards that a webhook or the watch over the grid names; none: the whole city."""

    wards: tuple[str, ...]
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telegram:
    """One alert. Times are UTC milliseconds."""

    source: str
    """Address, file or sender."""
    type: str
    """The agency's type of telegram (VXSE53), or ``HOOK:name``, ``GRID:rule``."""
    lane: Lane
    event: str
    """What it is about: the agency's EventID; for weather, which has none, the office that watches the sky there."""
    info: Info
    serial: int
    """0: not given."""
    report_ms: int
    """When its sender says that this holds."""
    sent_ms: int
    digest: str
    """SHA-256 of its bytes."""
    title: str = ""
    headline: str = ""
    shaken: tuple[Shaken, ...] = ()
    warned: tuple[Warned, ...] = ()
    threatened: tuple[Threatened, ...] = ()
    called: Called | None = None

    @property
    def key(self) -> Key:
        """Telegrams of one key replace each other."""
        return Key(self.lane, self.type, self.event)

    @property
    def codes(self) -> frozenset[str]:
        """Codes of all places that it names."""
        shaken = {one.code for one in self.shaken}
        return frozenset(shaken | {one.code for one in self.warned} | {one.code for one in self.threatened})

    @property
    def order(self) -> tuple[int, int, int, int, str]:
        """Of two telegrams of one key the greater one holds, in whatever order they came."""
        return self.serial, self.report_ms, self.sent_ms, _RANK[self.info], self.digest


@dataclass(frozen=True, slots=True)
class Key:
    """What a telegram replaces others by."""

    lane: Lane
    type: str
    event: str
