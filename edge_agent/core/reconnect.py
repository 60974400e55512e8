"""How long to wait before the next attempt to connect. Pure."""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 0.3
SHARE: Final = 0.03
LONGEST_S: Final = 30.0
REFUSED_S: Final = 10.0
"""A broker that says no is not asked more often than this: it is a password that somebody has to mend."""
STEADY_MS: Final = 30_000
"""A connection that ends sooner is part of the outage, or two agents of one name throw each other out all day."""


def delay_s(outage_s: float, chance: float, *, is_refused: bool = False) -> float:
    """Wait at most 3 % of the outage so far, so that the first attempts come quickly and later ones ever more rarely.

    The sum grows exponentially, up to half a minute between two attempts. ``chance`` (0 to 1) spreads the 182 sites.
    """
    longest = min(LONGEST_S, max(REFUSED_S if is_refused else FIRST_S, outage_s * SHARE))
    return longest * (0.5 + 0.5 * chance)
