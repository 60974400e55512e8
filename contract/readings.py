"""A reading and its quality: what a device said of one point at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Quality(StrEnum):
    """Good, stale, or bad with its reason. Only a good reading has a number."""

    GOOD = "good"
    STALE = "stale"
    """Was good, but is older than its reader allows. Judged where it is shown, so it is never sent."""
    NOT_AVAILABLE = "not_available"
    """The device answered with its own "not available" value (0x8000, 0xFFFF, NaN…)."""
    OUT_OF_RANGE = "out_of_range"
    """A number that no working device can report."""
    TIMEOUT = "timeout"
    """Asked, and nobody answered in time."""
    REFUSED = "refused"
    """The device answered with an exception."""
    ILLEGAL_ADDRESS = "illegal_address"
    """The device says that it has no such register."""
    MALFORMED = "malformed"
    """The registers cannot be read as what the profile says (a scale factor out of its range…)."""
    MISSING_INPUT = "missing_input"
    """A derived value lacks one of the readings that it is made of."""

    @property
    def is_good(self) -> bool:
        """Whether the reading has a number that may be used."""
        return self is Quality.GOOD


WIRE_CODES: dict[Quality, str] = {
    Quality.NOT_AVAILABLE: "n",
    Quality.OUT_OF_RANGE: "o",
    Quality.TIMEOUT: "t",
    Quality.REFUSED: "r",
    Quality.ILLEGAL_ADDRESS: "a",
    Quality.MALFORMED: "m",
    Quality.MISSING_INPUT: "i",
}
"""One letter for each reason that can travel. ``GOOD`` travels as its number, ``STALE`` never."""

QUALITIES: dict[str, Quality] = {code: quality for quality, code in WIRE_CODES.items()}


@dataclass(frozen=True, slots=True)
class Reading:
    """One point of one device at one moment, in the point's unit and the house's sign."""

    point: str
    value: float | None
    quality: Quality = Quality.GOOD

    def __post_init__(self) -> None:
        if (self.value is None) == (self.quality is Quality.GOOD):
            raise ValueError(f"{self.point}: a reading has a number exactly when it is good, got {self}")


@dataclass(frozen=True, slots=True)
class DeviceReadings:
    """What one device answered to one poll. ``taken_at_ms`` is UTC milliseconds at the moment of reading."""

    device: str
    taken_at_ms: int
    readings: tuple[Reading, ...]
