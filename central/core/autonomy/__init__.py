"""How long a shelter's loads last without the grid. Pure: what is known and a time in, hours out."""

from central.core.autonomy.estimate import course, ends_of, estimate, unknown_of
from central.core.autonomy.values import (
    Autonomy,
    Horizon,
    Levels,
    Note,
    Plane,
    ShelterEnergy,
    TierLoad,
    Unknown,
    Words,
)

__all__ = [
    "Autonomy",
    "Horizon",
    "Levels",
    "Note",
    "Plane",
    "ShelterEnergy",
    "TierLoad",
    "Unknown",
    "Words",
    "course",
    "ends_of",
    "estimate",
    "unknown_of",
]
