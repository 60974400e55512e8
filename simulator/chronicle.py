"""What is true of a fleet, beside what its devices say: for comparing what a city believes with what is.

One JSON object, written anew again and again: a reader sees the last one whole, or the one before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from simulator.site import SimulatedSite


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One shelter now. Powers as everywhere: positive feeds the building."""

    at_ms: int
    """World time."""
    grid_up: bool
    islanded: bool
    soc_pct: float
    battery_w: float
    reserve_pct: float
    carried: tuple[bool, ...]
    """Which load tiers have power, the critical one first."""
    load_w: float
    lies: tuple[str, ...] = ()
    """What is planted in it."""
    lost_ms: int | None = None
    """World time at which its newest outage began; None: it had none yet."""
    back_ms: int | None = None
    """World time at which that outage ended."""
    dark_ms: int | None = None
    """World time at which its critical tier first had no power in that outage."""
    lost_soc_pct: float = 0.0
    """State of charge when it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A fleet at one moment."""

    wall_ms: int
    """When it was noted, by the machine's clock."""
    sites: dict[str, Truth]


def read(path: Path) -> Page | None:
    """What was noted last; None while there is nothing."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Page)
    except FileNotFoundError:
        return None


@dataclass(slots=True)
class Chronicle:
    """Follows a fleet; ``take`` is called after every tick of its worlds."""

    newest: dict[str, Truth] = field(default_factory=dict)

    def take(self, sites: Iterable[SimulatedSite]) -> None:
        """Note how every shelter is now."""
        for site in sites:
            self.newest[site.spec.id] = after(self.newest.get(site.spec.id), site)

    def write(self, path: Path) -> None:
        """Replace the file.

        Raises:
            OSError: it can't be written.
        """
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(Page(wall_ms=time.time_ns() // 1_000_000, sites=self.newest)))
        fresh.replace(path)


def after(before: Truth | None, site: SimulatedSite) -> Truth:
    """The truth of a shelter now; ``before``: the one that was noted last."""
    world, flows = site.world, site.world.flows
    lost_ms, back_ms, dark_ms, lost_soc_pct = (
        (before.lost_ms, before.back_ms, before.dark_ms, before.lost_soc_pct) if before else (None, None, None, 0.0)
    )
    if not world.grid_up and (before is None or before.grid_up):
        lost_ms, back_ms, dark_ms, lost_soc_pct = world.at_ms, None, None, world.soc_pct
    elif world.grid_up and before is not None and not before.grid_up:
        back_ms = world.at_ms
    if flows.islanded and not flows.carried[0] and lost_ms is not None and dark_ms is None:
        dark_ms = world.at_ms
    return Truth(
        at_ms=world.at_ms,
        grid_up=world.grid_up,
        islanded=flows.islanded,
        soc_pct=world.soc_pct,
        battery_w=flows.battery_w,
        reserve_pct=world.controls.reserve_pct,
        carried=flows.carried,
        load_w=flows.load_w,
        lies=tuple(lie.value for lie in site.planted),
        lost_ms=lost_ms,
        back_ms=back_ms,
        dark_ms=dark_ms,
        lost_soc_pct=lost_soc_pct,
    )
