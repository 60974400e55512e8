"""Randomness without state: the same key and moment always give the same value, in any order of asking."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def key_of(*parts: object) -> int:
    """A 64-bit key from a seed and names."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def uniform(key: int, lattice: NDArray[np.int64]) -> Floats:
    """A number in [0, 1) for every whole number: the splitmix64 mixer over key and place."""
    with np.errstate(over="ignore"):
        mixed = lattice.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def drift(key: int, at_s: Floats, scale_s: float) -> Floats:
    """A smooth random walk in [0, 1) that forgets itself after about ``scale_s``."""
    place = at_s / scale_s
    left = np.floor(place)
    share = place - left
    share = share * share * (3 - 2 * share)
    lattice = left.astype(np.int64)
    return uniform(key, lattice) * (1 - share) + uniform(key, lattice + 1) * share
