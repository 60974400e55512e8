"""What stands in a building with mains, narrower than what the contract lets through."""

from __future__ import annotations

from typing import Final

from contract.readings import Quality

CLOCK: Final = "inverter.clock_s"
_AC: Final = ("inverter.", "grid.", "backup.")
_NARROW: Final = (
    (".frequency_hz", 40.0, 70.0),
    ("_voltage_v", 60.0, 600.0),
    (".temperature_c", -40.0, 120.0),
    ("power_w", -500_000.0, 500_000.0),
    ("current_a", -1_500.0, 1_500.0),
    ("energy_wh", 0.0, 1e12),
)
"""Endings and bounds; 0 is what a dead phase shows."""
_ON_AC_ONLY: Final = frozenset({".frequency_hz", "_voltage_v"})
_TINY: Final = 1e-30
"""A float that is no zero and yet this small is two halves that do not belong together."""
_UNREADABLE: Final = frozenset({Quality.ILLEGAL_ADDRESS, Quality.OUT_OF_RANGE, Quality.MALFORMED})


def is_implausible(point: str, value: float | None, quality: str) -> bool:
    """Whether no working device of a shelter would show this."""
    if point == CLOCK:
        return False  # A clock that was never set is no wrong register; it has a judgement of its own.
    if value is None:
        return quality in _UNREADABLE
    if not value:
        return False
    if abs(value) < _TINY:
        return True
    for ending, low, high in _NARROW:
        if point.endswith(ending) and (ending not in _ON_AC_ONLY or point.startswith(_AC)):
            return not low <= value <= high
    return False
