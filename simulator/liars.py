"""Inverters of a fleet that do not do what they say: which ones and in which way, by a seed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simulator.noise import key_of
from simulator.planted import Planted
from simulator.spec import SiteSpec

WAYS: Final = (
    Planted.WRITE_IGNORED,
    Planted.NO_EFFECT,
    Planted.STALE_ECHO,
    Planted.WRITE_SCALED,
    Planted.WRITE_SWALLOWED,
    Planted.WRITE_REVERTS,
)
"""Ways that show on every family, dealt out in turn."""


def liars_of(specs: Sequence[SiteSpec], seed: int, share: float) -> dict[str, tuple[Planted, ...]]:
    """Site → what is planted there, for a share of the sites (exact to one)."""
    drawn = sorted(specs, key=lambda spec: key_of(seed, "liar", spec.id))[: round(share * len(specs))]
    return {spec.id: (WAYS[number % len(WAYS)],) for number, spec in enumerate(drawn)}
