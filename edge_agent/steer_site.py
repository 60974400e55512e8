"""What a steerer is given: the site's own decisions, whose orders it obeys, and a clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.core.conditions import AGE_MS_MAX
from edge_agent.core.standing import Own
from edge_agent.core.tracking import Timing
from edge_agent.words_steer import Both


class Time(Protocol):
    """The site's clock (core.clock.SiteClock)."""

    boot_ms: Callable[[], int]

    @property
    def is_known(self) -> bool:
        """Whether ``now_ms`` is UTC."""

    def now_ms(self) -> int:
        """UTC milliseconds, or milliseconds since boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What of a site file steers it."""

    own: Own
    keys: Mapping[str, bytes]
    by_hand: Both | None = None
    """The steps of whoever has to switch over when the grid goes; None: it switches by itself."""
    timing: Timing = field(default_factory=Timing)
    lasts_ms: Callable[[str, str], int] = lambda device, point: AGE_MS_MAX  # noqa: ARG005  # A default for all.
    """Device and point → for how long a reading of it says something of now."""
